//! What came in, unchecked.

use std::collections::{BTreeMap, HashMap};

use super::Bitmap;

/// Observations as they came: any text as a code, any double as a value.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RawTable {
    /// Number of observations; every column and `values` agree with it.
    pub rows: usize,
    /// One per dimension and attribute given.
    pub columns: Vec<RawColumn>,
    /// `OBS_VALUE`, one per row; 0 where the row has none.
    pub values: Vec<f64>,
    /// Has the row a value?
    pub present: Bitmap,
    /// Values that could not be read as numbers, by row from 0. Such a row has no value.
    pub unreadable: BTreeMap<usize, String>,
}

impl RawTable {
    /// A column by its id; the first one, if it stands twice.
    #[must_use]
    pub fn column(&self, id: &str) -> Option<&RawColumn> {
        self.columns.iter().find(|column| column.id == id)
    }

    /// The value of a row, if it has one.
    #[must_use]
    pub fn value(&self, row: usize) -> Option<f64> {
        self.present.at(row).then(|| self.values[row])
    }

    /// Adds a row's value, or its absence, without its columns.
    pub fn push_value(&mut self, value: Option<f64>) {
        self.values.push(value.unwrap_or_default());
        self.present.push(value.is_some());
        self.rows += 1;
    }
}

/// A column of texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawColumn {
    /// The dimension's or attribute's id.
    pub id: String,
    /// Distinct texts; an empty one stands for "not given".
    pub dictionary: Vec<String>,
    /// One position in the dictionary per row. Empty: every row has entry 0.
    pub index: Vec<u32>,
}

impl RawColumn {
    /// Which entry of the dictionary stands at `row`.
    #[must_use]
    pub fn entry(&self, row: usize) -> usize {
        self.index.get(row).copied().unwrap_or_default() as usize
    }

    /// The text at `row`.
    #[must_use]
    pub fn at(&self, row: usize) -> &str {
        self.dictionary.get(self.entry(row)).map_or("", String::as_str)
    }
}

/// Makes a column text by text, as a reader of files meets them.
#[derive(Debug, Clone)]
pub struct RawColumnBuilder {
    column: RawColumn,
    entries: HashMap<String, u32>,
}

impl RawColumnBuilder {
    /// An empty column.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        let column = RawColumn { id: id.into(), ..RawColumn::default() };
        Self { column, entries: HashMap::new() }
    }

    /// Adds the next row's text.
    pub fn push(&mut self, text: &str) {
        // Rows that follow on each other often have the same text.
        let last = self.column.index.last().copied();
        let again = |entry: &u32| self.column.dictionary[*entry as usize] == text;
        let known = last.filter(again).or_else(|| self.entries.get(text).copied());
        let entry = match known {
            Some(entry) => entry,
            None => {
                let entry = self.column.dictionary.len() as u32;
                self.column.dictionary.push(text.to_owned());
                self.entries.insert(text.to_owned(), entry);
                entry
            }
        };
        self.column.index.push(entry);
    }

    /// Adds "not given" until the column has `rows` rows.
    pub fn pad(&mut self, rows: usize) {
        while self.column.index.len() < rows {
            self.push("");
        }
    }

    /// The column; an index that is 0 throughout is dropped.
    #[must_use]
    pub fn finish(mut self) -> RawColumn {
        if self.column.dictionary.len() <= 1 {
            self.column.index = vec![];
        }
        self.column.index.shrink_to_fit();
        self.column
    }
}
