//! The common template: SDMX-CSV 2.0, `STRUCTURE,STRUCTURE_ID,ACTION,<dimensions>,OBS_VALUE,
//! <attributes>`, all rows of one structure and one action; as a sheet, from whatever file. Read is
//! SDMX-CSV 1.0, too, `DATAFLOW,<dimensions>,OBS_VALUE,<attributes>`, which has no action and adds.
//! Labels that stand behind ids and codes (`SEX: Sex`, `F: Female`) are passed over.

use birge_proto::manifest::Action;
use birge_schemas::{
    finding::{Code, Finding, Report},
    table::{RawColumn, RawColumnBuilder, RawTable},
};

use super::{
    Explained, Header, Input,
    blanks::{Blanks, MISSING},
    broken,
    sheet::{Figures, Sheet},
};

/// The measure's column.
pub const VALUE: &str = "OBS_VALUE";
/// Columns that speak of the batch, not of an observation.
const STRUCTURE: &str = "STRUCTURE";
const STRUCTURE_ID: &str = "STRUCTURE_ID";
const ACTION: &str = "ACTION";
/// The one that does in version 1.0.
const DATAFLOW: &str = "DATAFLOW";

/// Attributes whose texts are codes.
const CODED: [&str; 5] = ["OBS_STATUS", "CONF_STATUS", "UNIT_MULT", "DECIMALS", "STOCK_FLOW"];

/// Is a column of this name one of figures?
#[must_use]
pub fn is_figure(name: &str) -> bool {
    id_of(name) == VALUE
}

/// Of what dataset a batch is, and what it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The dataset.
    pub dataset: String,
    /// The version of its structure.
    pub version: String,
    /// What the batch does.
    pub action: Action,
}

/// Reads a batch from a sheet. `report` is what was found before.
///
/// # Errors
/// The findings, where no table or no header comes out.
pub fn read(sheet: Sheet, mut report: Report) -> Result<Input, Report> {
    let sheet = without_labels(sheet);
    let said = match sheet.names.iter().any(|name| name == DATAFLOW) {
        true => said_in_1_0(&sheet, &mut report),
        false => said_in_2_0(&sheet, &mut report),
    };
    observations(said, sheet, report)
}

/// Reads a batch from a sheet of observations, of which something else says what they are.
///
/// # Errors
/// The findings, where no table comes out.
pub fn of(said: Said, sheet: Sheet, report: Report) -> Result<Input, Report> {
    observations(Some(said), sheet, report)
}

fn observations(said: Option<Said>, sheet: Sheet, mut report: Report) -> Result<Input, Report> {
    let Sheet { rows, names, texts, figures, lines, .. } = sheet;
    if !names.iter().any(|name| is_figure(name)) {
        report.push(Finding::new(Code::ColumnMissing, "the measure", "none").column(VALUE));
    }
    if rows == 0 {
        report.push(Finding::new(Code::Format, "observations below the header", "none"));
    }
    texts.iter().for_each(|column| broken::find(column, &mut report));
    let Some(Said { dataset, version, action }) = said.filter(|_| rows > 0) else {
        return Err(report);
    };
    let header = Header {
        dataset,
        version,
        agency: None,
        action,
        periods: None,
        revises: None,
        reason: None,
        removes: vec![],
    };
    let mut figures = figures.into_iter();
    let Figures { words, values, present } = figures.next().unwrap_or_else(|| Figures::none(rows));
    let about = [STRUCTURE, STRUCTURE_ID, ACTION, DATAFLOW];
    // The rules say that a column stands twice.
    let twice = figures.map(|again| again.words);
    let columns = texts.into_iter().filter(|column| !about.contains(&column.id.as_str()));
    let columns = columns.map(without_missing).chain(twice).collect();
    let strange = |text: &str| !text.is_empty() && !MISSING.contains(&text);
    let said = (0..rows).map(|row| (row, words.at(row)));
    let unreadable = match words.dictionary.iter().any(|word| strange(word)) {
        true => {
            said.filter(|(_, word)| strange(word)).map(|(row, word)| (row, word.into())).collect()
        }
        false => [].into(),
    };
    let table = RawTable { rows, columns, values, present, unreadable };
    Ok(Input {
        header,
        table,
        report,
        lines,
        blanks: Blanks::of_words(words),
        explained: Explained::default(),
    })
}

/// Writes a batch as CSV.
///
/// # Errors
/// Never, as it is written to memory.
pub fn write(input: &Input) -> Result<Vec<u8>, csv::Error> {
    let Input { header, table, .. } = input;
    let RawTable { rows, columns, unreadable, .. } = table;
    let action = match header.action {
        Action::Information => "I",
        Action::Append => "A",
        Action::Replace => "R",
        Action::Delete | Action::Withdraw => "D",
    };
    let id = format!("BIRGE:{}({})", header.dataset, header.version);
    let mut writer = csv::Writer::from_writer(vec![]);
    let names = columns.iter().map(|column| column.id.as_str());
    writer
        .write_record([STRUCTURE, STRUCTURE_ID, ACTION].into_iter().chain(names).chain([VALUE]))?;
    for row in 0..*rows {
        let value = match (table.value(row), unreadable.get(&row)) {
            (Some(value), _) => value.to_string(),
            (None, Some(text)) => text.clone(),
            (None, None) => MISSING[0].to_owned(),
        };
        let about = ["dataflow", &id, action];
        let cells = columns.iter().map(|column| column.at(row));
        writer.write_record(about.into_iter().chain(cells).chain([value.as_str()]))?;
    }
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

/// What a column says that must say the same in every row that is not ragged; none where the column is missing or
/// empty of rows.
fn constant(name: &'static str, sheet: &Sheet, report: &mut Report) -> Option<String> {
    let Sheet { texts, ragged, .. } = sheet;
    let Some(column) = texts.iter().find(|column| column.id == name) else {
        let expected = format!("the columns {STRUCTURE}, {STRUCTURE_ID} and {ACTION}");
        report.push(Finding::new(Code::ColumnMissing, expected, "none").column(name));
        return None;
    };
    let said = column.dictionary.first()?;
    let others = column.index.iter().enumerate().filter(|(_, entry)| **entry != 0);
    for (row, _) in others.filter(|(row, _)| !ragged.contains(row)) {
        report.add(Code::Format, || {
            let expected = format!("{said}, as in the first row: one batch, one file");
            Finding::new(Code::Format, expected, column.at(row)).at(row, "").column(name)
        });
    }
    Some(said.clone())
}

/// What SDMX-CSV 1.0 says of the batch.
fn said_in_1_0(sheet: &Sheet, report: &mut Report) -> Option<Said> {
    let said = constant(DATAFLOW, sheet, report)?;
    let named = parse_structure_id(&said);
    if named.is_none() {
        let expected = "AGENCY:DATASET(VERSION), such as BIRGE:TRAFFICKING(1.0.0)";
        report.push(Finding::new(Code::Format, expected, said).column(DATAFLOW));
    }
    let (dataset, version) = named?;
    Some(Said { dataset, version, action: Action::Append })
}

/// What SDMX-CSV 2.0 says of the batch.
fn said_in_2_0(sheet: &Sheet, report: &mut Report) -> Option<Said> {
    let [structure, structure_id, action] =
        [STRUCTURE, STRUCTURE_ID, ACTION].map(|name| constant(name, sheet, report));
    if let Some(found) = structure.filter(|said| !said.eq_ignore_ascii_case("dataflow")) {
        report.push(Finding::new(Code::Format, "dataflow", found).column(STRUCTURE));
    }
    let action = action.and_then(|said| {
        let (action, expected) = match said.as_str() {
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
        let named = parse_structure_id(&said);
        if named.is_none() {
            let expected = "AGENCY:DATASET(VERSION), such as BIRGE:TRAFFICKING(1.0.0)";
            report.push(Finding::new(Code::Format, expected, said).column(STRUCTURE_ID));
        }
        named
    });
    let (dataset, version) = named?;
    Some(Said { dataset, version, action: action? })
}

/// An id without the label behind it: `SEX: Sex`.
fn id_of(text: &str) -> &str {
    let plain = |id: &str| {
        let in_id = |byte: u8| byte.is_ascii_alphanumeric() || b"_-@$.:()".contains(&byte);
        !id.is_empty() && id.bytes().all(in_id)
    };
    text.split_once(": ").map(|(id, _)| id).filter(|id| plain(id)).unwrap_or(text)
}

/// A sheet whose columns and codes have no labels. Only the codes of columns whose names have
/// labels have them, too.
fn without_labels(mut sheet: Sheet) -> Sheet {
    let labelled = |name: &str| id_of(name) != name;
    if !sheet.names.iter().any(|name| labelled(name)) {
        return sheet;
    }
    // Dimensions stand before the measure. In texts behind it a colon is text.
    let measure = sheet.names.iter().position(|name| is_figure(name)).unwrap_or_default();
    let dimensions: Vec<String> = sheet.names[..measure].to_vec();
    for column in &mut sheet.texts {
        let id = id_of(&column.id).to_owned();
        let is_coded = dimensions.contains(&column.id) || CODED.contains(&&*id);
        if (labelled(&column.id) && is_coded) || [DATAFLOW, STRUCTURE_ID].contains(&&*id) {
            let mut plain = RawColumnBuilder::new(&id);
            (0..sheet.rows).for_each(|row| plain.push(id_of(column.at(row))));
            *column = plain.finish();
        }
        column.id = id;
    }
    sheet.figures.iter_mut().for_each(|own| own.words.id = id_of(&own.words.id).to_owned());
    sheet.names.iter_mut().for_each(|name| *name = id_of(name).to_owned());
    sheet
}

/// `BIRGE:TRAFFICKING(1.0.0)` as dataset and version.
fn parse_structure_id(text: &str) -> Option<(String, String)> {
    let rest = text.strip_prefix("BIRGE:")?.strip_suffix(')')?;
    let (dataset, version) = rest.split_once('(')?;
    let plain = |text: &str| !text.is_empty() && !text.contains(['(', ')', ':']);
    (plain(dataset) && plain(version)).then(|| (dataset.to_owned(), version.to_owned()))
}

/// A column in which what is missing is not given.
fn without_missing(mut column: RawColumn) -> RawColumn {
    for text in &mut column.dictionary {
        if MISSING.contains(&text.as_str()) {
            text.clear();
        }
    }
    column
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::csv;

    const HEAD: &str = "STRUCTURE,STRUCTURE_ID,ACTION,SEX,TIME_PERIOD,OBS_VALUE,COMMENT_OBS\n";
    const ROW: &str = "dataflow,BIRGE:TRAFFICKING(1.0.0),A,F,2023,4,";

    fn read(bytes: &[u8]) -> Result<Input, Report> {
        csv::template(bytes)
    }

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
        assert!(input.table.column(ACTION).is_none());
    }

    #[test]
    fn version_1_0_is_read_with_and_without_labels() {
        let plain = "DATAFLOW,SEX,TIME_PERIOD,OBS_VALUE,OBS_STATUS,COMMENT_OBS\n\
                     BIRGE:TRAFFICKING(1.0.0),F,2023,4,A,as: is\n";
        let labels = "DATAFLOW,SEX: Sex,TIME_PERIOD: Time period,OBS_VALUE: Observation value,\
                      OBS_STATUS: Observation status,COMMENT_OBS: Comment\n\
                      BIRGE:TRAFFICKING(1.0.0): Trafficking,F: Female,2023,4,A: Normal value,as: is\n";
        let second = labels.replace("DATAFLOW", "STRUCTURE,STRUCTURE_ID,ACTION");
        let second = second.replace("\nBIRGE", "\ndataflow,BIRGE").replace("ing,F", "ing,A,F");
        for text in [plain, labels, &second] {
            let input = read(text.as_bytes()).unwrap();
            let Header { dataset, version, action, .. } = &input.header;
            assert_eq!(
                (&dataset[..], &version[..], *action),
                ("TRAFFICKING", "1.0.0", Action::Append)
            );
            let cell = |id: &str| input.table.column(id).unwrap().at(0).to_owned();
            let cells = ["SEX", "TIME_PERIOD", "OBS_STATUS", "COMMENT_OBS"].map(cell);
            assert_eq!(cells, ["F", "2023", "A", "as: is"]);
            assert_eq!((input.table.value(0), input.report.errors), (Some(4.0), 0), "{text}");
            assert_eq!(input.table.columns.len(), 4);
        }
        let two = format!("{plain}BIRGE:REFUGEES(1.0.0),F,2023,4,A,\n");
        assert_eq!(read(two.as_bytes()).unwrap().report.findings[0].row, 2);
        let other = read(plain.replace("BIRGE:", "ESTAT:").as_bytes()).unwrap_err();
        assert_eq!(other.findings[0].column, DATAFLOW);
    }

    #[test]
    fn what_is_missing_is_not_given_and_what_is_no_number_is_unreadable() {
        let rows = ["4,x", "NaN,#N/A", "#N/A,", "…,x", ",x"].map(|end| ROW.replace("4,", end));
        let input = read(format!("{HEAD}{}\n", rows.join("\n")).as_bytes()).unwrap();
        let table = &input.table;
        let values: Vec<_> = (0..5).map(|row| table.value(row)).collect();
        assert_eq!(values, [Some(4.0), None, None, None, None]);
        assert_eq!(table.unreadable.iter().collect::<Vec<_>>(), [(&3, &"…".to_owned())]);
        assert_eq!(table.column("COMMENT_OBS").unwrap().at(1), "");
        let blanks: Vec<_> = (1..=5).map(|row| input.blanks.of(row)).collect();
        assert_eq!(blanks, [None, Some("NaN"), Some("#N/A"), None, None]);
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
    fn files_without_rows_or_columns_are_findings() {
        refused("", Code::Format);
        for text in ["", "\n\n", "SEX,TIME_PERIOD\nF,2023\n", "PK\u{3}\u{4}\0"] {
            assert!(read(text.as_bytes()).unwrap_err().errors > 0, "{text:?}");
        }
        let report = read(b"ACTION\nA\n").unwrap_err();
        assert_eq!(report.count(Code::ColumnMissing), 3);
    }
}
