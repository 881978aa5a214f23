//! The common template as CSV: SDMX-CSV 2.0, `STRUCTURE,STRUCTURE_ID,ACTION,<dimensions>,
//! OBS_VALUE,<attributes>`, all rows of one structure and one action.

use ::csv::{Position, ReaderBuilder, StringRecord};
use birge_proto::manifest::Action;
use birge_schemas::finding::{Code, Finding, Report};

use super::{Header, Input, Lines, only, text};
use crate::mapping::{Mapping, VALUE};

/// Columns that speak of the batch, not of an observation.
const STRUCTURE: &str = "STRUCTURE";
const STRUCTURE_ID: &str = "STRUCTURE_ID";
const ACTION: &str = "ACTION";

/// Reads a batch from the bytes of a CSV file.
///
/// # Errors
/// The findings, where no table or no header comes out.
pub fn read(bytes: &[u8]) -> Result<Input, Report> {
    let text = text::decode(bytes).map_err(|error| {
        only(Finding::new(
            Code::Format,
            "CSV text in UTF-8, UTF-16 with a byte order mark, or Windows-1251",
            error.to_string(),
        ))
    })?;
    let separator = text::separator(&text.text);
    let mut reader = ReaderBuilder::new()
        .delimiter(separator)
        .has_headers(false)
        .flexible(true)
        .from_reader(text.text.as_bytes());
    let mut report = Report::default();
    let mut record = StringRecord::new();
    if !next(&mut reader, &mut record, &mut report) {
        return Err(report);
    }
    let names: Vec<String> = record.iter().map(|name| name.trim().to_owned()).collect();
    let mut about = About::new(&names, &mut report);
    if !names.iter().any(|name| name == VALUE) {
        report.push(Finding::new(Code::ColumnMissing, "the measure", "none").column(VALUE));
    }
    let mut mapping = Mapping::new(&names, &[STRUCTURE, STRUCTURE_ID, ACTION], separator == b';');
    let mut lines = Lines::default();
    let mut rows = 0;
    while next(&mut reader, &mut record, &mut report) {
        if let Some(position) = record.position() {
            lines.note(rows as u64 + 1, line(&text.text, position));
        }
        if record.len() == names.len() {
            about.row(rows, &record, &mut report);
        } else {
            let expected = format!("{} fields, as in the header", names.len());
            let found = format!("{} fields", record.len());
            report.add(Code::Format, || Finding::new(Code::Format, expected, found).at(rows, ""));
        }
        mapping.row(&record);
        rows += 1;
    }
    if rows == 0 {
        report.push(Finding::new(Code::Format, "observations below the header", "none"));
    }
    let Some(header) = about.header(&mut report) else { return Err(report) };
    if rows == 0 {
        return Err(report);
    }
    let (table, blanks) = mapping.table(&mut report);
    Ok(Input { header, table, report, lines, blanks })
}

fn next(reader: &mut ::csv::Reader<&[u8]>, record: &mut StringRecord, report: &mut Report) -> bool {
    reader.read_record(record).unwrap_or_else(|error| {
        report.push(Finding::new(Code::Format, "a row of CSV", error.to_string()));
        false
    })
}

/// The line that a record begins on. Its position may lie before the line feed that ends the
/// record before, and before empty lines.
fn line(text: &str, position: &Position) -> u64 {
    let start = usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let rest = text.as_bytes().get(start..).unwrap_or_default();
    let ends = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() + ends.filter(|byte| **byte == b'\n').count() as u64
}

/// What the three columns say that must be the same in every row.
struct About {
    columns: [Constant; 3],
}

/// A column that must say the same in every row.
struct Constant {
    name: &'static str,
    place: Option<usize>,
    said: Option<String>,
}

impl About {
    fn new(names: &[String], report: &mut Report) -> Self {
        let columns = [STRUCTURE, STRUCTURE_ID, ACTION].map(|name| {
            let place = names.iter().position(|found| found == name);
            if place.is_none() {
                let expected = format!("the columns {STRUCTURE}, {STRUCTURE_ID} and {ACTION}");
                report.push(Finding::new(Code::ColumnMissing, expected, "none").column(name));
            }
            Constant { name, place, said: None }
        });
        Self { columns }
    }

    fn row(&mut self, row: usize, record: &StringRecord, report: &mut Report) {
        for column in &mut self.columns {
            let Some(place) = column.place else { continue };
            let cell = record.get(place).unwrap_or_default().trim();
            match &column.said {
                None => column.said = Some(cell.to_owned()),
                Some(said) if said == cell => {}
                Some(said) => report.add(Code::Format, || {
                    let expected = format!("{said}, as in the first row: one batch, one file");
                    Finding::new(Code::Format, expected, cell).at(row, "").column(column.name)
                }),
            }
        }
    }

    fn header(&self, report: &mut Report) -> Option<Header> {
        let [structure, structure_id, action] =
            [0, 1, 2].map(|column| self.columns[column].said.as_deref());
        if structure.is_some_and(|said| !said.eq_ignore_ascii_case("dataflow")) {
            let found = structure.unwrap_or_default();
            report.push(Finding::new(Code::Format, "dataflow", found).column(STRUCTURE));
        }
        let action = action.and_then(|said| {
            let (action, expected) = match said {
                "I" => (Some(Action::Information), ""),
                "A" => (Some(Action::Append), ""),
                "R" => (Some(Action::Replace), ""),
                "D" => (Some(Action::Delete), ""),
                "M" => (None, "A to add or R to replace whole periods: merging is not taken here"),
                _ => (None, "I, A, R or D"),
            };
            if action.is_none() {
                report.push(Finding::new(Code::Format, expected, said).column(ACTION));
            }
            action
        });
        let named = structure_id.and_then(|said| {
            let named = parse_structure_id(said);
            if named.is_none() {
                let expected = "AGENCY:DATASET(VERSION), such as BIRGE:TRAFFICKING(1.0.0)";
                report.push(Finding::new(Code::Format, expected, said).column(STRUCTURE_ID));
            }
            named
        });
        let (dataset, version) = named?;
        Some(Header {
            dataset,
            version,
            agency: None,
            action: action?,
            periods: None,
            revises: None,
            reason: None,
            removes: vec![],
        })
    }
}

/// `BIRGE:TRAFFICKING(1.0.0)` as dataset and version.
fn parse_structure_id(text: &str) -> Option<(String, String)> {
    let rest = text.strip_prefix("BIRGE:")?.strip_suffix(')')?;
    let (dataset, version) = rest.split_once('(')?;
    let plain = |text: &str| !text.is_empty() && !text.contains(['(', ')', ':']);
    (plain(dataset) && plain(version)).then(|| (dataset.to_owned(), version.to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAD: &str = "STRUCTURE,STRUCTURE_ID,ACTION,SEX,TIME_PERIOD,OBS_VALUE,COMMENT_OBS\n";
    const ROW: &str = "dataflow,BIRGE:TRAFFICKING(1.0.0),A,F,2023,4,";

    fn refused(rest: &str, code: Code) -> Finding {
        let report = match read(format!("{HEAD}{rest}").as_bytes()) {
            Ok(input) => input.report,
            Err(report) => report,
        };
        let found = report.findings.iter().find(|finding| finding.code == code);
        found.unwrap_or_else(|| panic!("{rest}: {report}")).clone()
    }

    #[test]
    fn the_common_template_is_read() {
        let text = format!("{HEAD}{ROW}\"two\nlines, quoted\"\n{ROW}\n").replace('\n', "\r\n");
        let input = read(text.as_bytes()).unwrap();
        assert_eq!(input.header.dataset, "TRAFFICKING");
        assert_eq!(input.header.version, "1.0.0");
        assert_eq!(input.header.action, Action::Append);
        assert_eq!((input.table.rows, input.report.errors), (2, 0));
        assert_eq!(input.table.column("COMMENT_OBS").unwrap().at(0), "two\r\nlines, quoted");
        assert_eq!((input.lines.of(1), input.lines.of(2)), (Some(2), Some(4)));
        let unix = read(text.replace("\r\n", "\n").replace("4,\n", "4,\n\n").as_bytes()).unwrap();
        assert_eq!((unix.lines.of(1), unix.lines.of(2)), (Some(2), Some(4)));
    }

    #[test]
    fn semicolons_and_tabs_separate_too() {
        for separator in [";", "\t"] {
            let text = format!("\u{feff}{HEAD}{ROW}\n").replace(',', separator);
            let input = read(text.as_bytes()).unwrap();
            assert_eq!((input.table.value(0), input.report.errors), (Some(4.0), 0));
        }
    }

    #[test]
    fn what_speaks_of_the_batch_must_be_said_once_and_rightly() {
        let other = ROW.replace("TRAFFICKING", "REFUGEES");
        assert_eq!(refused(&format!("{ROW}\n{other}"), Code::Format).row, 2);
        assert!(refused(&ROW.replace(",A,", ",M,"), Code::Format).expected.contains("merging"));
        refused(&ROW.replace(",A,", ",append,"), Code::Format);
        refused(&ROW.replace("BIRGE:", "OTHER:"), Code::Format);
        refused(&ROW.replace("dataflow", "datastructure"), Code::Format);
    }

    #[test]
    fn ragged_rows_and_empty_files_are_findings() {
        assert_eq!(refused(&format!("{ROW}\n{ROW},too,many"), Code::Format).row, 2);
        assert_eq!(refused(&format!("{ROW}\ndataflow"), Code::Format).row, 2);
        refused("", Code::Format);
        for text in ["", "\n\n", "SEX,TIME_PERIOD\nF,2023\n", "PK\u{3}\u{4}\0"] {
            assert!(read(text.as_bytes()).unwrap_err().errors > 0, "{text:?}");
        }
        let report = read(b"ACTION\nA\n").unwrap_err();
        assert_eq!(report.count(Code::ColumnMissing), 3);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes);
            let _ = read(&[HEAD.as_bytes(), &bytes].concat());
        }
    }
}
