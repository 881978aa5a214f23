//! Observations in the making: columns of texts, each with a figure or without.

use std::collections::{BTreeMap, HashMap};

use birge_schemas::table::{Bitmap, RawColumn, RawTable};

use crate::source::Lines;

/// Observations in the making.
#[derive(Debug, Default)]
pub(super) struct Rows {
    columns: Vec<Column>,
    values: Vec<f64>,
    present: Bitmap,
    /// Is there no observation, though there may be one of the same key elsewhere?
    left_out: Bitmap,
    /// What stands where a figure would, and means nothing.
    pub(super) unreadable: BTreeMap<usize, String>,
    /// Of each row, the row of the file that it was made of.
    pub(super) origins: Vec<u32>,
}

/// A column, and where its texts stand in its dictionary.
#[derive(Debug, Default)]
struct Column {
    raw: RawColumn,
    entries: HashMap<String, u32>,
}

impl Column {
    fn new(raw: RawColumn) -> Self {
        let entries = (0..).zip(&raw.dictionary).map(|(entry, text)| (text.clone(), entry));
        Self { entries: entries.collect(), raw }
    }

    /// The entry of a text, which is added if there is none.
    fn entry_of(&mut self, text: &str) -> u32 {
        if let Some(entry) = self.entries.get(text) {
            return *entry;
        }
        let entry = self.raw.dictionary.len() as u32;
        self.raw.dictionary.push(text.to_owned());
        self.entries.insert(text.to_owned(), entry);
        entry
    }

    /// Gives each of `rows` rows its entry where all had the first.
    fn spread(&mut self, rows: usize) {
        if self.raw.index.is_empty() {
            self.raw.index = vec![0; rows];
        }
    }
}

impl Rows {
    pub(super) fn count(&self) -> usize {
        self.values.len()
    }

    pub(super) fn value(&self, row: usize) -> Option<f64> {
        self.present.at(row).then(|| self.values[row])
    }

    pub(super) fn set_value(&mut self, row: usize, value: Option<f64>) {
        self.values[row] = value.unwrap_or_default();
        self.present.set(row, value.is_some());
        self.left_out.set(row, false);
    }

    pub(super) fn push_value(&mut self, value: Option<f64>, origin: u32) {
        self.values.push(value.unwrap_or_default());
        self.present.push(value.is_some());
        self.left_out.push(false);
        self.origins.push(origin);
    }

    /// Adds a row that is no observation.
    pub(super) fn push_left_out(&mut self, origin: u32) {
        self.push_value(None, origin);
        self.left_out.set(self.values.len() - 1, true);
    }

    pub(super) fn is_left_out(&self, row: usize) -> bool {
        self.left_out.at(row)
    }

    /// Drops the rows that are no observations.
    pub(super) fn drop_left_out(&mut self) {
        let kept: Vec<usize> = (0..self.count()).filter(|row| !self.is_left_out(*row)).collect();
        if kept.len() < self.count() {
            self.keep(&kept);
        }
    }

    pub(super) fn push_column(&mut self, column: RawColumn) {
        self.columns.push(Column::new(column));
    }

    pub(super) fn column(&self, id: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.raw.id == id)
    }

    /// The text of a row in a column.
    pub(super) fn at(&self, column: usize, row: usize) -> &str {
        self.columns[column].raw.at(row)
    }

    /// The text of a row in a column by its name; empty where there is no such column.
    pub(super) fn text(&self, id: &str, row: usize) -> &str {
        self.column(id).map_or("", |column| self.at(column, row))
    }

    /// The entry of a row in a column.
    pub(super) fn entry(&self, column: usize, row: usize) -> u32 {
        self.columns[column].raw.entry(row) as u32
    }

    /// Is there such a text in a column's dictionary?
    pub(super) fn has(&self, column: usize, text: &str) -> bool {
        self.columns[column].entries.contains_key(text)
    }

    /// How many different texts a column has.
    pub(super) fn texts(&self, column: usize) -> usize {
        self.columns[column].raw.dictionary.len()
    }

    /// The entry of a text in a column, which is added if there is none.
    pub(super) fn entry_of(&mut self, column: usize, text: &str) -> u32 {
        self.columns[column].entry_of(text)
    }

    /// The texts of a row in some columns.
    pub(super) fn text_key(&self, row: usize, columns: &[usize]) -> Vec<String> {
        columns.iter().map(|column| self.at(*column, row).to_owned()).collect()
    }

    /// Writes a text into a row of a column, which is made if there is none.
    pub(super) fn set(&mut self, id: &str, row: usize, text: &str) {
        let (place, rows) = (self.column_or_new(id), self.values.len());
        let column = &mut self.columns[place];
        let entry = column.entry_of(text);
        column.spread(rows);
        column.raw.index[row] = entry;
    }

    /// Adds a row that no row of the file gave, like another but for some texts and the figure.
    pub(super) fn push_like<'t>(
        &mut self,
        row: usize,
        texts: impl IntoIterator<Item = (&'t str, &'t str)>,
        value: f64,
    ) {
        for column in self.columns.iter_mut().filter(|column| !column.raw.index.is_empty()) {
            let entry = column.raw.index[row];
            column.raw.index.push(entry);
        }
        self.push_value(Some(value), Lines::MADE);
        let new = self.count() - 1;
        texts.into_iter().for_each(|(id, text)| self.set(id, new, text));
    }

    /// Keeps some rows, in this order.
    pub(super) fn keep(&mut self, rows: &[usize]) {
        for column in self.columns.iter_mut().filter(|column| !column.raw.index.is_empty()) {
            column.raw.index = rows.iter().map(|row| column.raw.index[*row]).collect();
        }
        let before = std::mem::take(&mut self.unreadable);
        for (place, row) in rows.iter().enumerate() {
            if let Some(text) = before.get(row) {
                self.unreadable.insert(place, text.clone());
            }
        }
        let bits = |bits: &Bitmap| {
            let mut kept = Bitmap::default();
            rows.iter().for_each(|row| kept.push(bits.at(*row)));
            kept
        };
        (self.present, self.left_out) = (bits(&self.present), bits(&self.left_out));
        self.values = rows.iter().map(|row| self.values[*row]).collect();
        self.origins = rows.iter().map(|row| self.origins[*row]).collect();
    }

    /// Adds the rows of another table. What only one of them has a column for is not given in the
    /// other.
    pub(super) fn append(&mut self, other: Self) {
        if self.columns.is_empty() {
            *self = other;
            return;
        }
        let (before, count) = (self.count(), other.count());
        let own: Vec<String> = self.columns.iter().map(|column| column.raw.id.clone()).collect();
        for Column { raw, .. } in &other.columns {
            let place = self.column_or_new(&raw.id);
            let column = &mut self.columns[place];
            let entries: Vec<u32> =
                raw.dictionary.iter().map(|text| column.entry_of(text)).collect();
            column.spread(before);
            column.raw.index.extend((0..count).map(|row| entries[raw.entry(row)]));
        }
        for id in own.iter().filter(|id| other.column(id).is_none()) {
            let place = self.column_or_new(id);
            let column = &mut self.columns[place];
            let none = column.entry_of("");
            column.spread(before);
            column.raw.index.extend(std::iter::repeat_n(none, count));
        }
        let unreadable = other.unreadable.into_iter().map(|(row, text)| (row + before, text));
        self.unreadable.extend(unreadable);
        self.values.extend(other.values);
        self.present.append(&other.present);
        self.left_out.append(&other.left_out);
        self.origins.extend(other.origins);
    }

    fn column_or_new(&mut self, id: &str) -> usize {
        self.column(id).unwrap_or_else(|| {
            self.push_column(RawColumn {
                id: id.to_owned(),
                dictionary: vec![String::new()],
                index: vec![0; self.values.len()],
            });
            self.columns.len() - 1
        })
    }

    /// The table, and of each of its rows the row of the file that it was made of.
    pub(super) fn into_table(self) -> (RawTable, Vec<u32>) {
        let Self { columns, values, present, unreadable, origins, .. } = self;
        let columns = columns.into_iter().map(|column| column.raw).collect();
        (RawTable { rows: values.len(), columns, values, present, unreadable }, origins)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(columns: &[(&str, &[&str])], values: &[f64]) -> Rows {
        let mut rows = Rows::default();
        (0..).zip(values).for_each(|(row, value)| rows.push_value(Some(*value), row));
        for (id, texts) in columns {
            texts.iter().enumerate().for_each(|(row, text)| rows.set(id, row, text));
        }
        rows
    }

    fn all(rows: &Rows, id: &str) -> Vec<String> {
        (0..rows.count()).map(|row| rows.text(id, row).to_owned()).collect()
    }

    #[test]
    fn what_is_set_copied_kept_and_appended_stands_where_it_should() {
        let mut one = rows(&[("SEX", &["F", "M"]), ("ONLY", &["x"])], &[1.0, 2.0]);
        one.push_like(0, [("SEX", "_T")], 3.0);
        assert_eq!(all(&one, "SEX"), ["F", "M", "_T"]);
        assert_eq!(all(&one, "ONLY"), ["x", "", "x"]);
        one.unreadable.insert(2, "…".into());
        one.keep(&[2, 0]);
        assert_eq!(
            (all(&one, "SEX"), one.unreadable.keys().copied().collect()),
            (vec!["_T".to_owned(), "F".to_owned()], vec![0])
        );
        one.push_left_out(7);
        one.columns.iter_mut().for_each(|column| column.raw.index.push(0));
        one.drop_left_out();
        one.append(rows(&[("SEX", &["M"]), ("OTHER", &["y"])], &[9.0]));
        assert_eq!(all(&one, "SEX"), ["_T", "F", "M"]);
        assert_eq!(all(&one, "ONLY"), ["x", "x", ""]);
        assert_eq!(all(&one, "OTHER"), ["", "", "y"]);
        assert_eq!(one.values, [3.0, 1.0, 9.0]);
    }
}
