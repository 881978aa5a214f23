//! Rows whose cells come under names, as in XML and JSON: a column is made where its name first
//! stands.

use std::collections::HashMap;

use birge_proto::limits;
use birge_schemas::finding::{Code, Finding, Report};

use super::sheet::{Numerals, Sheet, SheetBuilder};

/// Columns that a file may have.
const COLUMNS: usize = 4 * limits::COLUMNS;

/// Makes a sheet of rows whose cells come under names.
pub struct Records<'f> {
    sheet: SheetBuilder,
    places: HashMap<String, usize>,
    is_figure: &'f dyn Fn(&str) -> bool,
    /// The cells of the row that is being made, and which of them were given.
    cells: Vec<String>,
    given: Vec<bool>,
}

impl<'f> Records<'f> {
    /// No rows. Columns for whose names `is_figure` holds are figures.
    #[must_use]
    pub fn new(numerals: Numerals, is_figure: &'f dyn Fn(&str) -> bool) -> Self {
        let sheet = SheetBuilder::new(&[], numerals, |_| false);
        Self { sheet, places: HashMap::new(), is_figure, cells: vec![], given: vec![] }
    }

    /// Puts a text under a name into the row that is being made.
    ///
    /// # Errors
    /// When something else stands there already, or there are too many columns.
    pub fn cell(&mut self, name: &str, text: &str) -> Result<(), Finding> {
        let wrong = |expected: String, found: &str| Finding::new(Code::Format, expected, found);
        let place = match self.places.get(name) {
            Some(place) => *place,
            None if name.is_empty() || name.chars().count() > limits::TEXT_CHARS => {
                let most = limits::TEXT_CHARS;
                return Err(wrong(format!("names of 1 to {most} characters"), name));
            }
            None if self.places.len() >= COLUMNS => {
                return Err(wrong(format!("at most {COLUMNS} columns"), name));
            }
            None => {
                let place = self.places.len();
                self.places.insert(name.to_owned(), place);
                self.sheet.column(name, (self.is_figure)(name));
                self.cells.push(String::new());
                self.given.push(false);
                place
            }
        };
        if self.given[place] && self.cells[place] != text {
            let expected = format!("{} once in each row", self.cells[place]);
            return Err(wrong(expected, text).column(name));
        }
        self.given[place] = true;
        self.cells[place].clear();
        self.cells[place].push_str(text);
        Ok(())
    }

    /// Ends the row, which stands on a line.
    ///
    /// # Errors
    /// When there are too many cells.
    pub fn row(&mut self, line: u64, report: &mut Report) -> Result<(), Finding> {
        if (self.sheet.rows() + 1).saturating_mul(self.cells.len()) > limits::BATCH_CELLS {
            let expected = format!("rows and columns of at most {} cells", limits::BATCH_CELLS);
            return Err(Finding::new(Code::Format, expected, "more"));
        }
        let cells = self.cells.iter().map(String::as_str);
        self.sheet.row(Some(line), self.cells.len(), cells, report);
        self.cells.iter_mut().for_each(String::clear);
        self.given.fill(false);
        Ok(())
    }

    /// Rows so far.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.sheet.rows()
    }

    /// The sheet.
    #[must_use]
    pub fn finish(self) -> Sheet {
        self.sheet.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_made_where_their_names_first_stand() {
        let is_figure = |name: &str| name == "n";
        let mut records = Records::new(Numerals::Point, &is_figure);
        let mut report = Report::default();
        for (line, row) in
            [vec![("sex", "F")], vec![("n", "4"), ("sex", "M")], vec![]].into_iter().enumerate()
        {
            row.iter().for_each(|(name, text)| records.cell(name, text).unwrap());
            records.row(line as u64 + 3, &mut report).unwrap();
        }
        records.cell("sex", "F").unwrap();
        assert_eq!(records.cell("sex", "M").unwrap_err().column, "sex", "twice");
        let sheet = records.finish();
        assert_eq!(
            (sheet.rows, &sheet.names[..], report.errors),
            (3, &["sex".into(), "n".into()][..], 0)
        );
        assert_eq!((sheet.texts[0].at(0), sheet.texts[0].at(2)), ("F", ""));
        let figures = [0, 1, 2].map(|row| sheet.figures[0].value(row));
        assert_eq!((figures, sheet.lines.of(3)), ([None, Some(4.0), None], Some(5)));
    }

    #[test]
    fn there_are_not_more_columns_than_can_be_meant() {
        let mut records = Records::new(Numerals::Point, &|_| false);
        let all = (0..COLUMNS).all(|name| records.cell(&name.to_string(), "x").is_ok());
        assert!(all && records.cell("more", "x").is_err() && records.cell("", "x").is_err());
    }
}
