//! Observations in the making: columns of texts, each with a figure or without.

use std::collections::BTreeMap;

use birge_schemas::table::{Bitmap, RawColumn, RawTable};

/// Observations in the making.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) columns: Vec<RawColumn>,
    pub(super) values: Vec<f64>,
    pub(super) present: Bitmap,
    /// What stands where a figure would, and means nothing.
    pub(super) unreadable: BTreeMap<usize, String>,
    /// Of each row, the row of the file that it was made of.
    pub(super) origins: Vec<u32>,
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
    }

    pub(super) fn push_value(&mut self, value: Option<f64>, origin: u32) {
        self.values.push(value.unwrap_or_default());
        self.present.push(value.is_some());
        self.origins.push(origin);
    }

    pub(super) fn column(&self, id: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.id == id)
    }

    /// The entries of a row in some columns.
    pub(super) fn key(&self, row: usize, columns: &[usize]) -> Box<[u32]> {
        columns.iter().map(|column| self.columns[*column].entry(row) as u32).collect()
    }

    /// Writes a text into a row of a column, which is made if there is none.
    pub(super) fn set(&mut self, id: &str, row: usize, text: &str) {
        let column = self.column_or_new(id);
        let entry = entry_of(&mut self.columns[column], text);
        spread(&mut self.columns[column], self.values.len());
        self.columns[column].index[row] = entry;
    }

    /// Adds a row that is like another but for some texts, a figure, and that no row of the file
    /// gave it.
    pub(super) fn push_like<'a>(
        &mut self,
        row: usize,
        texts: impl IntoIterator<Item = (&'a str, &'a str)>,
        value: Option<f64>,
        origin: u32,
    ) -> usize {
        let (count, new) = (self.count(), self.count());
        for column in &mut self.columns {
            if !column.index.is_empty() {
                let entry = column.index[row];
                column.index.push(entry);
            }
        }
        debug_assert_eq!(count, new);
        self.push_value(value, origin);
        for (id, text) in texts {
            self.set(id, new, text);
        }
        new
    }

    /// Keeps some rows, in this order.
    pub(super) fn keep(&mut self, rows: &[usize]) {
        for column in self.columns.iter_mut().filter(|column| !column.index.is_empty()) {
            column.index = rows.iter().map(|row| column.index[*row]).collect();
        }
        let unreadable = std::mem::take(&mut self.unreadable);
        let (values, present) =
            (std::mem::take(&mut self.values), std::mem::take(&mut self.present));
        for (place, row) in rows.iter().enumerate() {
            self.values.push(values[*row]);
            self.present.push(present.at(*row));
            if let Some(text) = unreadable.get(row) {
                self.unreadable.insert(place, text.clone());
            }
        }
        self.origins = rows.iter().map(|row| self.origins[*row]).collect();
    }

    /// Adds the rows of another table. What only one of them has a column for is not given in the
    /// other.
    pub(super) fn append(&mut self, other: Self) {
        if self.values.is_empty() && self.columns.is_empty() {
            *self = other;
            return;
        }
        let (before, count) = (self.count(), other.count());
        let known: Vec<String> = self.columns.iter().map(|column| column.id.clone()).collect();
        for column in &other.columns {
            let place = self.column_or_new(&column.id);
            let own = &mut self.columns[place];
            let entries: Vec<u32> =
                column.dictionary.iter().map(|text| entry_of(own, text)).collect();
            spread(own, before);
            own.index.extend((0..count).map(|row| entries[column.entry(row)]));
        }
        for id in known.iter().filter(|id| other.column(id).is_none()) {
            let place = self.column_or_new(id);
            let own = &mut self.columns[place];
            let none = entry_of(own, "");
            spread(own, before);
            own.index.extend(std::iter::repeat_n(none, count));
        }
        self.unreadable
            .extend(other.unreadable.into_iter().map(|(row, text)| (row + before, text)));
        self.values.extend(other.values);
        self.present.append(&other.present);
        self.origins.extend(other.origins);
    }

    fn column_or_new(&mut self, id: &str) -> usize {
        self.column(id).unwrap_or_else(|| {
            let column = RawColumn {
                id: id.to_owned(),
                dictionary: vec![String::new()],
                index: vec![0; self.values.len()],
            };
            self.columns.push(column);
            self.columns.len() - 1
        })
    }

    /// The table, and of each of its rows the row of the file that it was made of.
    pub(super) fn into_table(self) -> (RawTable, Vec<u32>) {
        let Self { columns, values, present, unreadable, origins } = self;
        (RawTable { rows: values.len(), columns, values, present, unreadable }, origins)
    }
}

/// The entry of a text, which is added if there is none.
fn entry_of(column: &mut RawColumn, text: &str) -> u32 {
    let known = column.dictionary.iter().position(|known| known == text);
    let entry = known.unwrap_or_else(|| {
        column.dictionary.push(text.to_owned());
        column.dictionary.len() - 1
    });
    entry as u32
}

/// Gives each of `rows` rows its entry where all had the first.
fn spread(column: &mut RawColumn, rows: usize) {
    if column.index.is_empty() {
        column.index = vec![0; rows];
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

    fn texts(rows: &Rows, id: &str) -> Vec<String> {
        let column = &rows.columns[rows.column(id).unwrap()];
        (0..rows.count()).map(|row| column.at(row).to_owned()).collect()
    }

    #[test]
    fn what_is_set_copied_kept_and_appended_stands_where_it_should() {
        let mut one = rows(&[("SEX", &["F", "M"]), ("ONLY", &["x"])], &[1.0, 2.0]);
        one.push_like(0, [("SEX", "_T")], Some(3.0), u32::MAX);
        assert_eq!(texts(&one, "SEX"), ["F", "M", "_T"]);
        assert_eq!(texts(&one, "ONLY"), ["x", "", "x"]);
        one.unreadable.insert(2, "…".into());
        one.keep(&[2, 0]);
        assert_eq!(
            (texts(&one, "SEX"), one.unreadable.keys().copied().collect()),
            (vec!["_T".to_owned(), "F".to_owned()], vec![0])
        );
        one.append(rows(&[("SEX", &["M"]), ("OTHER", &["y"])], &[9.0]));
        assert_eq!(texts(&one, "SEX"), ["_T", "F", "M"]);
        assert_eq!(texts(&one, "ONLY"), ["x", "x", ""]);
        assert_eq!(texts(&one, "OTHER"), ["", "", "y"]);
        assert_eq!(one.values, [3.0, 1.0, 9.0]);
    }
}
