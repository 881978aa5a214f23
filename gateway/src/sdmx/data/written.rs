//! A column whose texts are made fit for a format before they are written.

use std::ops::Range;

use birge_schemas::table::RawColumn;

/// What is written at the rows of a piece. Each text of the column's dictionary is made fit once;
/// where there are more of these than rows, the text of each row: no piece goes through all of a
/// large dictionary.
pub(super) struct Written<'a> {
    column: &'a RawColumn,
    texts: Vec<String>,
    /// The first row, where there is a text for each row.
    by_row: Option<usize>,
}

impl<'a> Written<'a> {
    /// A column at these rows, with each text as `fit` makes it.
    pub(super) fn of(
        column: &'a RawColumn,
        rows: &Range<usize>,
        fit: impl Fn(&str) -> String,
    ) -> Self {
        let by_row = (column.dictionary.len() > rows.len()).then_some(rows.start);
        let texts = match by_row {
            Some(_) => rows.clone().map(|row| fit(column.at(row))).collect(),
            None => column.dictionary.iter().map(|text| fit(text)).collect(),
        };
        Self { column, texts, by_row }
    }

    /// What is written at one of the rows.
    pub(super) fn at(&self, row: usize) -> &str {
        let place = self.by_row.map_or_else(|| self.column.entry(row), |first| row - first);
        self.texts.get(place).map_or("", String::as_str)
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
