//! A table as a file gives it: columns under the file's own names, texts but for the columns that
//! hold figures.

use std::collections::BTreeSet;

use birge_schemas::{
    finding::{Code, Finding, Report},
    table::{Bitmap, RawColumn, RawColumnBuilder},
};

use super::Lines;

/// A table as a file gives it.
#[derive(Debug, Default, PartialEq)]
pub struct Sheet {
    /// Rows below the header; every column has as many.
    pub rows: usize,
    /// The names in the header, in the file's order.
    pub names: Vec<String>,
    /// Columns of texts, in the file's order.
    pub texts: Vec<RawColumn>,
    /// Columns of figures, in the file's order.
    pub figures: Vec<Figures>,
    /// On which lines the rows stand.
    pub lines: Lines,
    /// Rows that have more cells than names, or less.
    pub ragged: BTreeSet<usize>,
}

/// A column of figures.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures {
    /// What stands where no number does, under the column's name.
    pub words: RawColumn,
    /// One per row; 0 where there is no number.
    pub values: Vec<f64>,
    /// Is there a number?
    pub present: Bitmap,
}

impl Figures {
    /// Rows without a number.
    #[must_use]
    pub fn none(rows: usize) -> Self {
        let words = RawColumn { dictionary: vec![String::new()], ..RawColumn::default() };
        Self { words, values: vec![0.0; rows], present: Bitmap::filled(false, rows) }
    }

    /// The number in a row, if one stands there.
    #[must_use]
    pub fn value(&self, row: usize) -> Option<f64> {
        self.present.at(row).then(|| self.values[row])
    }
}

/// How a file writes numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numerals {
    /// Decimals stand behind a point.
    Point,
    /// Decimals stand behind a comma.
    Comma,
    /// Decimals stand behind either; one that may as well stand between thousands (`12.000`) makes
    /// a cell unreadable.
    Either,
}

impl Numerals {
    /// A cell as a number. Spaces between groups of three digits are passed over, whatever their
    /// kind and width; infinity is left to the rules.
    #[must_use]
    pub fn read(self, cell: &str) -> Option<f64> {
        // So many digits are exact.
        if (1..=15).contains(&cell.len()) && cell.bytes().all(|byte| byte.is_ascii_digit()) {
            let digits = cell.bytes().map(|byte| u64::from(byte - b'0'));
            return Some(digits.fold(0, |number, digit| number * 10 + digit) as f64);
        }
        self.number(cell).or_else(|| self.number(&ungrouped(cell)?))
    }

    fn number(self, cell: &str) -> Option<f64> {
        let mark = cell.find(['.', ',']);
        let grouping = mark.is_some_and(|at| cell.len() - at == 4 && at > 0);
        match (self, mark.map(|at| cell.as_bytes()[at])) {
            (Self::Comma, Some(b'.')) => None,
            (Self::Either, Some(_)) if grouping => None,
            (Self::Comma | Self::Either, Some(b',')) => cell.replacen(',', ".", 1).parse().ok(),
            _ => cell.parse().ok(),
        }
    }
}

/// A number without the spaces between its groups of digits; none if it has none, or they stand
/// elsewhere.
fn ungrouped(cell: &str) -> Option<String> {
    const SPACES: [char; 4] = [' ', '\u{a0}', '\u{202f}', '\u{2009}'];
    let end = cell.find(['.', ',']).unwrap_or(cell.len());
    let (whole, decimals) = cell.split_at(end);
    let mut groups = whole.split(SPACES);
    let first = groups.next()?.trim_start_matches('-');
    let digits = |group: &str| group.bytes().all(|byte| byte.is_ascii_digit());
    let mut rest = groups.clone().peekable();
    let grouped = rest.peek().is_some()
        && (1..=3).contains(&first.len())
        && digits(first)
        && rest.all(|group| group.len() == 3 && digits(group));
    grouped.then(|| whole.replace(SPACES, "") + decimals)
}

/// Makes a sheet, row by row.
#[derive(Debug, Clone)]
pub struct SheetBuilder {
    names: Vec<String>,
    targets: Vec<Target>,
    texts: Vec<RawColumnBuilder>,
    figures: Vec<(RawColumnBuilder, Figures)>,
    numerals: Numerals,
    rows: usize,
    lines: Lines,
    ragged: BTreeSet<usize>,
}

#[derive(Debug, Clone, Copy)]
enum Target {
    Text(usize),
    Figures(usize),
}

impl SheetBuilder {
    /// A sheet whose header has these names. Those for which `is_figure` holds are columns of
    /// figures.
    #[must_use]
    pub fn new(names: &[String], numerals: Numerals, is_figure: impl Fn(&str) -> bool) -> Self {
        let mut sheet = Self {
            names: vec![],
            targets: vec![],
            texts: vec![],
            figures: vec![],
            numerals,
            rows: 0,
            lines: Lines::default(),
            ragged: BTreeSet::new(),
        };
        names.iter().for_each(|name| sheet.column(name, is_figure(name)));
        sheet
    }

    /// Adds a column, in which the rows so far have nothing.
    pub fn column(&mut self, name: &str, is_figure: bool) {
        self.names.push(name.to_owned());
        let mut column = RawColumnBuilder::new(name);
        column.pad(self.rows);
        self.targets.push(if is_figure {
            let values = Figures::none(self.rows);
            self.figures.push((column, Figures { words: RawColumn::default(), ..values }));
            Target::Figures(self.figures.len() - 1)
        } else {
            self.texts.push(column);
            Target::Text(self.texts.len() - 1)
        });
    }

    /// Adds the row of `count` cells that stands on a line, if that is known. Cells that are
    /// missing count as not given, those too many as nothing; either is a finding.
    pub fn row<'a>(
        &mut self,
        line: Option<u64>,
        count: usize,
        cells: impl Iterator<Item = &'a str>,
        report: &mut Report,
    ) {
        if count != self.names.len() {
            let expected = format!("{} fields, as in the header", self.names.len());
            let found = format!("{count} fields");
            let row = self.rows;
            self.ragged.insert(row);
            report.add(Code::Format, || Finding::new(Code::Format, expected, found).at(row, ""));
        }
        if let Some(line) = line {
            self.lines.note(self.rows as u64 + 1, line);
        }
        for (target, cell) in self.targets.iter().zip(cells.chain(std::iter::repeat(""))) {
            let cell = trimmed(cell);
            match *target {
                Target::Text(place) => self.texts[place].push(cell),
                Target::Figures(place) => {
                    let (words, figures) = &mut self.figures[place];
                    let number = if cell == NAN { None } else { self.numerals.read(cell) };
                    words.push(if number.is_some() { "" } else { cell });
                    figures.values.push(number.unwrap_or_default());
                    figures.present.push(number.is_some());
                }
            }
        }
        self.rows += 1;
    }

    /// Adds the rows of another one that began empty like this one, and what was found in them.
    pub fn append(&mut self, other: Self, found: Report, report: &mut Report) {
        *report = std::mem::take(report).joined(found.below(self.rows as u64));
        if self.rows == 0 {
            *self = other;
            return;
        }
        let Self { texts, figures, rows, lines, ragged, .. } = other;
        let before = self.rows;
        for (own, other) in self.texts.iter_mut().zip(texts) {
            own.append(&other);
        }
        for ((words, own), (other_words, other)) in self.figures.iter_mut().zip(figures) {
            words.append(&other_words);
            own.values.extend(other.values);
            own.present.append(&other.present);
        }
        self.lines.append(before as u64, &lines);
        self.ragged.extend(ragged.into_iter().map(|row| before + row));
        self.rows += rows;
    }

    /// Columns that the header names.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.names.len()
    }

    /// Rows so far.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The sheet.
    #[must_use]
    pub fn finish(mut self) -> Sheet {
        let texts = std::mem::take(&mut self.texts);
        let texts: Vec<RawColumn> = texts.into_iter().map(RawColumnBuilder::finish).collect();
        let figures = std::mem::take(&mut self.figures).into_iter();
        let figures = figures.map(|(words, figures)| Figures { words: words.finish(), ..figures });
        let figures = figures.collect();
        let Self { rows, names, lines, ragged, .. } = self;
        Sheet { rows, names, texts, figures, lines, ragged }
    }
}

/// A cell without the spaces around it, of which most have none.
fn trimmed(cell: &str) -> &str {
    match cell.as_bytes() {
        [] => cell,
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => cell,
        [only] if only.is_ascii_graphic() => cell,
        _ => cell.trim(),
    }
}

/// How SDMX-CSV 2.0 writes a number that is missing; as text it would be one that is none.
const NAN: &str = "NaN";

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(rows: &[&[&str]]) -> (Sheet, Report) {
        let names = ["SEX", "OBS_VALUE", "COMMENT_OBS"].map(str::to_owned);
        let is_figure = |name: &str| name == "OBS_VALUE";
        let mut builder = SheetBuilder::new(&names, Numerals::Point, is_figure);
        let mut report = Report::default();
        rows.iter().for_each(|row| builder.row(None, row.len(), row.iter().copied(), &mut report));
        (builder.finish(), report)
    }

    #[test]
    fn cells_become_columns_and_numbers() {
        let rows: [&[&str]; 4] = [&[" F ", "1", "x"], &["M", "", ""], &["F"], &["F", "…", "x"]];
        let (sheet, report) = sheet(&rows);
        assert_eq!((report.errors, report.findings[0].row), (1, 3), "a short row");
        assert_eq!(sheet.texts[0].dictionary, ["F", "M"]);
        assert_eq!(sheet.texts[0].index, [0, 1, 0, 0]);
        let values: Vec<_> = (0..4).map(|row| sheet.figures[0].value(row)).collect();
        assert_eq!(values, [Some(1.0), None, None, None]);
        assert_eq!((sheet.figures[0].words.at(0), sheet.figures[0].words.at(3)), ("", "…"));
    }

    #[test]
    fn numbers_are_read_as_the_file_writes_them() {
        let read = |cell, numerals: Numerals| numerals.read(cell);
        for numerals in [Numerals::Comma, Numerals::Either] {
            assert_eq!(read("1,5", numerals), Some(1.5));
            assert_eq!(read("-1 234 567,5", numerals), Some(-1_234_567.5));
        }
        assert_eq!(read("1,5", Numerals::Point), None);
        assert_eq!(read("1.5", Numerals::Comma), None);
        assert_eq!(read("1.5", Numerals::Either), Some(1.5));
        for cell in ["12.000", "1,000", "-1.234", "12 345,678"] {
            assert_eq!(read(cell, Numerals::Either), None, "{cell} may be thousands");
        }
        assert_eq!(
            (read("1,000", Numerals::Comma), read("1.000", Numerals::Point)),
            (Some(1.0), Some(1.0))
        );
        for numerals in [Numerals::Comma, Numerals::Either, Numerals::Point] {
            assert_eq!(read("1,234.5", numerals), None);
            for cell in ["12 750", "12\u{a0}750", "12\u{202f}750"] {
                assert_eq!(read(cell, numerals), Some(12_750.0), "{cell}");
            }
            for cell in ["12 75", "1 2345", "1234 567", "12 750 ", "a 123", " 123", ""] {
                assert_eq!(read(cell, numerals), None, "{cell}");
            }
        }
        assert_eq!(read("inf", Numerals::Point), Some(f64::INFINITY));
        assert_eq!(sheet(&[&["F", "NaN", ""]]).0.figures[0].words.at(0), "NaN");
    }
}
