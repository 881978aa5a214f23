//! A column whose texts are made fit for a format before they are written.

use std::{cell::OnceCell, ops::Range};

use birge_schemas::table::RawColumn;

/// What is written at the rows of a piece. Each text is made fit when it is first written: each of
/// the column's dictionary once; where there are more of these than rows, that of each row: no piece
/// goes through all of a large dictionary.
pub(super) struct Written<'a> {
    column: &'a RawColumn,
    fit: Box<dyn Fn(&str) -> String + 'a>,
    texts: Vec<OnceCell<String>>,
    /// The first row, where there is a text for each row.
    by_row: Option<usize>,
}

impl<'a> Written<'a> {
    /// A column at these rows, with each text as `fit` makes it.
    pub(super) fn of(
        column: &'a RawColumn,
        rows: &Range<usize>,
        fit: impl Fn(&str) -> String + 'a,
    ) -> Self {
        let by_row = (column.dictionary.len() > rows.len()).then_some(rows.start);
        let texts = vec![OnceCell::new(); column.dictionary.len().min(rows.len())];
        Self { column, fit: Box::new(fit), texts, by_row }
    }

    /// Is the same written at all rows?
    pub(super) fn is_alike(&self) -> bool {
        self.column.index.is_empty()
    }

    /// What is written at one of the rows.
    pub(super) fn at(&self, row: usize) -> &str {
        let place = self.by_row.map_or_else(|| self.column.entry(row), |first| row - first);
        let make = || (self.fit)(self.column.at(row));
        self.texts.get(place).map_or("", |text| text.get_or_init(make))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_the_same_whether_made_for_the_column_or_for_the_row() {
        let dictionary: Vec<_> = (0..9).map(|number| number.to_string()).collect();
        let index = (0..9).rev().collect();
        let column = RawColumn { id: "A".to_owned(), dictionary, index };
        let made = |rows: Range<usize>| -> Vec<String> {
            let written = Written::of(&column, &rows, |text| format!("<{text}>"));
            rows.map(|row| written.at(row).to_owned()).collect()
        };
        assert_eq!(made(2..5), ["<6>", "<5>", "<4>"]);
        assert_eq!(made(0..9)[2..5], made(2..5));
    }
}
