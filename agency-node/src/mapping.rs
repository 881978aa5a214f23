//! From rows of text to columns: each row's cells become small integers into the column's
//! dictionary, and the measure becomes numbers. The common template maps to itself.

use birge_schemas::{
    finding::{Code, Finding, Report},
    table::{RawColumn, RawColumnBuilder, RawTable},
};

/// The measure's column.
pub const VALUE: &str = "OBS_VALUE";
/// How SDMX-CSV 2.0 writes a number that is missing, and anything else that is.
const MISSING: [&str; 2] = ["NaN", "#N/A"];

/// Builds a table from rows of cells.
#[derive(Debug)]
pub struct Mapping {
    targets: Vec<Target>,
    columns: Vec<RawColumnBuilder>,
    table: RawTable,
    blanks: Blanks,
    decimal_comma: bool,
}

/// How rows write that they have no value: for each row a place in `MISSING`, or beyond it
/// where nothing is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Blanks(Vec<u8>);

impl Blanks {
    fn push(&mut self, cell: &str) {
        let place = MISSING.iter().position(|word| *word == cell).unwrap_or(MISSING.len());
        self.0.push(u8::try_from(place).unwrap_or(u8::MAX));
    }

    /// The word that stands in a row (from 1); none where nothing does.
    #[must_use]
    pub fn of(&self, row: u64) -> Option<&'static str> {
        let row = usize::try_from(row.checked_sub(1)?).ok()?;
        MISSING.get(usize::from(*self.0.get(row)?)).copied()
    }

    /// Puts the words into what was found where a value is missing: `NaN with status A`.
    pub fn name(&self, report: &mut Report) {
        let blank = |finding: &&mut Finding| finding.code == Code::ValueBlank;
        for finding in report.findings.iter_mut().filter(blank) {
            let word = self.of(finding.row);
            if let Some((word, rest)) = word.zip(finding.found.strip_prefix("no value")) {
                finding.found = format!("{word}{rest}");
            }
        }
    }
}

/// Where the cells of one column of the file go.
#[derive(Debug, Clone, Copy)]
enum Target {
    Nowhere,
    Value,
    Column(usize),
}

impl Mapping {
    /// A mapping for a file whose columns are `names`, of which those in `apart` are no part
    /// of the table. With `decimal_comma`, `1,5` is a number too.
    #[must_use]
    pub fn new(names: &[String], apart: &[&str], decimal_comma: bool) -> Self {
        let value = names.iter().position(|name| name == VALUE);
        let mut columns = vec![];
        let targets = names.iter().enumerate().map(|(place, name)| {
            if apart.contains(&name.as_str()) {
                Target::Nowhere
            } else if value == Some(place) {
                Target::Value
            } else {
                columns.push(RawColumnBuilder::new(name));
                Target::Column(columns.len() - 1)
            }
        });
        Self {
            targets: targets.collect(),
            columns,
            table: RawTable::default(),
            blanks: Blanks::default(),
            decimal_comma,
        }
    }

    /// Adds a row; cells that are missing count as not given, those too many as nothing.
    pub fn row<'a>(&mut self, cells: impl IntoIterator<Item = &'a str>) {
        let (mut value, mut written) = ("", "");
        let cells = cells.into_iter().chain(std::iter::repeat(""));
        for (target, cell) in self.targets.iter().zip(cells) {
            let said = cell.trim();
            let cell = if MISSING.contains(&said) { "" } else { said };
            match *target {
                Target::Nowhere => {}
                Target::Value => (value, written) = (cell, said),
                Target::Column(place) => self.columns[place].push(cell),
            }
        }
        self.blanks.push(written);
        let number = self.number(value);
        if number.is_none() && !value.is_empty() {
            self.table.unreadable.insert(self.table.rows, value.to_owned());
        }
        self.table.push_value(number);
    }

    /// A cell as a number; infinity is left to the rules.
    fn number(&self, cell: &str) -> Option<f64> {
        if self.decimal_comma && cell.matches(',').count() == 1 && !cell.contains('.') {
            cell.replace(',', ".").parse().ok()
        } else {
            cell.parse().ok()
        }
    }

    /// The table of all rows, and how they write that there is no value. Text that an earlier
    /// conversion has broken is a finding.
    #[must_use]
    pub fn table(self, report: &mut Report) -> (RawTable, Blanks) {
        let mut table = self.table;
        table.columns = self.columns.into_iter().map(RawColumnBuilder::finish).collect();
        table.columns.iter().for_each(|column| find_broken_text(column, report));
        (table, self.blanks)
    }
}

fn find_broken_text(column: &RawColumn, report: &mut Report) {
    for (entry, text) in (0..).zip(&column.dictionary) {
        if text.contains(char::REPLACEMENT_CHARACTER) {
            let row = column.index.iter().position(|found| *found == entry).unwrap_or_default();
            let expected = "text that no conversion has broken (no U+FFFD)";
            let finding = Finding::new(Code::Format, expected, text);
            report.push(finding.at(row, "").column(&column.id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(rows: &[&[&str]], decimal_comma: bool) -> (RawTable, Report) {
        let names = ["ACTION", "SEX", "OBS_VALUE", "COMMENT_OBS"].map(str::to_owned);
        let mut mapping = Mapping::new(&names, &["ACTION"], decimal_comma);
        rows.iter().for_each(|row| mapping.row(row.iter().copied()));
        let mut report = Report::default();
        (mapping.table(&mut report).0, report)
    }

    #[test]
    fn cells_become_columns_and_numbers() {
        let (table, report) = map(
            &[&["A", " F ", "1", "x"], &["A", "M", "", "#N/A"], &["A", "F"], &["A", "F", "…"]],
            false,
        );
        assert_eq!(report.errors, 0);
        assert_eq!(table.columns.len(), 2);
        assert_eq!(table.columns[0].dictionary, ["F", "M"]);
        assert_eq!(table.columns[0].index, [0, 1, 0, 0]);
        let values: Vec<_> = (0..4).map(|row| table.value(row)).collect();
        assert_eq!(values, [Some(1.0), None, None, None]);
        assert_eq!(table.unreadable.get(&3).map(String::as_str), Some("…"));
        assert_eq!(table.column("COMMENT_OBS").unwrap().at(1), "");
    }

    #[test]
    fn a_comma_is_decimal_only_where_it_separates_nothing_else() {
        assert_eq!(map(&[&["A", "F", "1,5"]], true).0.value(0), Some(1.5));
        assert_eq!(map(&[&["A", "F", "1,5"]], false).0.unreadable.len(), 1);
        assert_eq!(map(&[&["A", "F", "1,234.5"]], true).0.unreadable.len(), 1);
        assert_eq!(map(&[&["A", "F", "NaN"]], false).0.value(0), None);
        assert_eq!(map(&[&["A", "F", "inf"]], false).0.value(0), Some(f64::INFINITY));
    }

    #[test]
    fn broken_text_is_found_where_it_first_stands() {
        let (_, report) = map(&[&["A", "F", "1", ""], &["A", "F", "1", "Ош\u{fffd}"]], false);
        assert_eq!((report.findings[0].row, report.findings.len()), (2, 1));
        assert_eq!(report.findings[0].column, "COMMENT_OBS");
    }
}
