//! A form as a batch. What nobody filled in is told, and is not in the batch; zero is a figure;
//! signs of what is not available become the status that says so.

use birge_proto::identity::AgencyId;
use birge_schemas::{
    finding::{Code, Finding, Report},
    structure::{Structure, Structures},
    table::{RawColumn, RawColumnBuilder, RawTable},
};

use super::{Form, Head, PERIOD, Row, attributes, make::Found};
use crate::{
    batch::Checked,
    source::{
        Blanks, Explained, Header, Input, Lines,
        sheet::{Numerals, Sheet, SheetBuilder},
        template::VALUE,
    },
};

/// Lines that are named of those that nobody filled in.
const NAMED: usize = 20;
/// The status of an observation that says nothing else.
const NORMAL: &str = "A";
const STATUS: &str = "OBS_STATUS";
/// How offices write that a figure is not available; and that there can be none.
pub(super) const NOT_AVAILABLE: [&str; 7] = ["…", "...", "..", "n/a", "н/д", "#n/a", "nan"];
/// In Latin and in Cyrillic letters.
pub(super) const IMPOSSIBLE: [&str; 2] = ["x", "х"];

impl Form {
    /// The form as a batch.
    ///
    /// # Errors
    /// The findings, where nobody filled anything in.
    pub fn input(&self, structures: &Structures) -> Result<Input, Report> {
        let Head { dataset, version, agency, period, action, .. } = &self.head;
        let mut report = Report::default();
        for id in &self.lacks {
            let finding = Finding::new(Code::ColumnMissing, "a column of the form", "none");
            report.push(finding.column(id));
        }
        let filled: Vec<_> =
            self.rows.iter().enumerate().filter(|(_, row)| !row.is_empty()).collect();
        let Some(structure) = structures.get(dataset).filter(|_| !filled.is_empty()) else {
            report.push(Finding::new(Code::Format, "figures in the form", "an empty form"));
            return Err(report);
        };
        self.tell_empty(&mut report);
        let agency = match agency.parse::<AgencyId>() {
            Ok(agency) => Some(agency),
            Err(error) => {
                let expected = format!("the form of an agency: {error}");
                let finding = Finding::new(Code::Provider, expected, agency);
                report.push(finding.column("agency"));
                None
            }
        };
        let mut input = Input {
            header: Header {
                dataset: dataset.clone(),
                version: version.clone(),
                agency,
                action: *action,
                periods: Some(vec![period.clone()]),
                revises: None,
                reason: None,
                removes: vec![],
            },
            table: RawTable::default(),
            report,
            lines: Lines::default(),
            blanks: Blanks::default(),
            explained: Explained::default(),
        };
        self.fill(structure, &filled, &mut input);
        Ok(input)
    }

    /// Tells which rows nobody filled in.
    fn tell_empty(&self, report: &mut Report) {
        let empty = self.rows.iter().enumerate().filter(|(_, row)| {
            // What is below the form, or a row whose codes nobody chose, is no row.
            row.is_empty() && row.codes.iter().all(|code| !code.is_empty())
        });
        let lines: Vec<_> = empty.map(|(place, _)| Self::line(place).to_string()).collect();
        if lines.is_empty() {
            return;
        }
        let named = lines[..lines.len().min(NAMED)].join(", ");
        let more = if lines.len() > NAMED { " …" } else { "" };
        let found = format!("{} rows left empty, lines {named}{more}", lines.len());
        let expected = "a figure, or a status that says why there is none";
        report.push(Finding::new(Code::NotFilled, expected, found));
    }

    fn fill(&self, structure: &Structure, filled: &[(usize, &Row)], input: &mut Input) {
        let lacks = |id: &str| self.lacks.iter().any(|lacking| lacking == id);
        let mut columns: Vec<RawColumn> = vec![];
        let mut column = |id: &str, texts: Vec<&str>| {
            if !lacks(id) {
                let mut builder = RawColumnBuilder::new(id);
                texts.iter().for_each(|text| builder.push(text));
                columns.push(builder.finish());
            }
        };
        for (place, dimension) in structure.coded().enumerate() {
            column(
                &dimension.id,
                filled.iter().map(|(_, row)| row.codes[place].as_str()).collect(),
            );
        }
        column(PERIOD, filled.iter().map(|(_, row)| row.period.as_str()).collect());
        let values: Vec<_> = filled.iter().map(|(_, row)| Value::of(row)).collect();
        for (place, attribute) in attributes(structure).enumerate() {
            let given = filled.iter().zip(&values).map(|((_, row), value)| {
                match row.attributes[place].as_str() {
                    "" if attribute.id == STATUS => value.status(),
                    text => text,
                }
            });
            column(&attribute.id, given.collect());
        }
        input.table.columns = columns;
        for (row, ((place, written), value)) in filled.iter().zip(&values).enumerate() {
            input.lines.note(row as u64 + 1, Self::line(*place));
            let number = match value {
                Value::Number(number) => Some(*number),
                _ => None,
            };
            if matches!(value, Value::Unreadable) {
                input.table.unreadable.insert(row, written.value.clone());
            }
            input.table.push_value(number);
        }
    }

    /// The form as a table, for whoever is told what is wrong with it.
    #[must_use]
    pub fn sheet(&self, structures: &Structures) -> Option<Sheet> {
        let structure = structures.get(&self.head.dataset)?;
        let dimensions = structure.coded().map(|dimension| dimension.id.clone());
        let asked = attributes(structure).map(|attribute| attribute.id.clone());
        let names: Vec<_> = dimensions.chain([PERIOD.into(), VALUE.into()]).chain(asked).collect();
        let mut sheet = SheetBuilder::new(&names, Numerals::Point, |_| false);
        for (place, row) in self.rows.iter().enumerate() {
            let cells = row.codes.iter().chain([&row.period, &row.value]).chain(&row.attributes);
            let cells: Vec<_> = cells.map(String::as_str).collect();
            let (line, count) = (Some(Self::line(place)), cells.len());
            sheet.row(line, count, cells.into_iter(), &mut Report::default());
        }
        Some(sheet.finish())
    }

    /// What was found, by row of the form.
    #[must_use]
    pub fn found<'a>(&self, checked: &'a Checked) -> Found<'a> {
        let mut found = Found::default();
        for finding in &checked.report.findings {
            let line = checked.lines.of(finding.row).filter(|_| finding.row > 0);
            let row = line.and_then(|line| line.checked_sub(Self::line(0)));
            match row.and_then(|row| usize::try_from(row).ok()) {
                Some(row) => found.rows.entry(row).or_default().push(finding),
                None => found.elsewhere.push(finding),
            }
        }
        found
    }
}

/// What stands in the cell of a figure.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Value {
    Nothing,
    Number(f64),
    NotAvailable,
    Impossible,
    Unreadable,
}

impl Value {
    fn of(row: &Row) -> Self {
        let sign = row.value.to_lowercase();
        match (row.number, sign.as_str()) {
            (_, sign) if NOT_AVAILABLE.contains(&sign) => Self::NotAvailable,
            (Some(number), _) => Self::Number(number),
            (None, "") => Self::Nothing,
            (None, sign) if IMPOSSIBLE.contains(&sign) => Self::Impossible,
            (None, _) => Self::Unreadable,
        }
    }

    /// The status of a figure that has none of its own.
    fn status(self) -> &'static str {
        match self {
            Self::Number(_) | Self::Unreadable => NORMAL,
            Self::NotAvailable => "O",
            Self::Impossible => "M",
            Self::Nothing => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        let number = Numerals::Either.read(text);
        Value::of(&Row { value: text.into(), number, ..Row::default() })
    }

    #[test]
    fn zero_nothing_and_not_available_are_three() {
        assert_eq!(value("0"), Value::Number(0.0));
        assert_eq!(value("1 234"), Value::Number(1234.0));
        assert_eq!(value("3,5"), Value::Number(3.5));
        for sign in ["…", "..", "N/A", "н/д", "Н/Д"] {
            assert_eq!(value(sign).status(), "O", "{sign}");
        }
        assert_eq!((value("X").status(), value("Х").status()), ("M", "M"));
        // Some write zero so, and some nothing.
        for sign in ["-", "–", "seven", "#REF!"] {
            assert_eq!(value(sign), Value::Unreadable, "{sign}");
        }
        assert_eq!(value("").status(), "");
    }
}
