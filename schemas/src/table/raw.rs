//! What came in, unchecked.

use std::{
    collections::{BTreeMap, HashMap},
    iter::repeat_n,
};

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
    rows: usize,
    entries: HashMap<String, u32>,
    /// The entry that came after each one when it last stood there: files are sorted, and what
    /// followed once follows again.
    next: Vec<u32>,
}

impl RawColumnBuilder {
    /// An empty column.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        let column = RawColumn { id: id.into(), ..RawColumn::default() };
        Self { column, rows: 0, entries: HashMap::new(), next: vec![] }
    }

    /// Adds the next row's text.
    pub fn push(&mut self, text: &str) {
        let is = |entry: &u32| {
            let own = self.column.dictionary.get(*entry as usize);
            own.is_some_and(|own| same(own.as_bytes(), text.as_bytes()))
        };
        // As long as all rows have the first text, there is no index.
        let last = self.column.index.last().copied().unwrap_or_default();
        if is(&last) {
            return self.add(last);
        }
        let guess = self.next.get(last as usize).filter(|entry| is(entry));
        let entry = match guess {
            Some(entry) => *entry,
            None => {
                let entry = self.entry_of(text);
                if let Some(next) = self.next.get_mut(last as usize) {
                    *next = entry;
                }
                entry
            }
        };
        self.add(entry);
    }

    fn add(&mut self, entry: u32) {
        if entry > 0 && self.column.index.is_empty() {
            self.column.index = vec![0; self.rows];
        }
        if !self.column.index.is_empty() || entry > 0 {
            self.column.index.push(entry);
        }
        self.rows += 1;
    }

    fn entry_of(&mut self, text: &str) -> u32 {
        if let Some(entry) = self.entries.get(text) {
            return *entry;
        }
        let entry = self.column.dictionary.len() as u32;
        self.column.dictionary.push(text.to_owned());
        self.entries.insert(text.to_owned(), entry);
        self.next.push(entry);
        entry
    }

    /// Adds "not given" until the column has `rows` rows.
    pub fn pad(&mut self, rows: usize) {
        while self.rows < rows {
            self.push("");
        }
    }

    /// Adds the rows of another column.
    pub fn append(&mut self, other: &Self) {
        let entries: Vec<u32> =
            other.column.dictionary.iter().map(|text| self.entry_of(text)).collect();
        let is_first = entries.iter().all(|entry| *entry == 0);
        if is_first && self.column.index.is_empty() {
            self.rows += other.rows;
            return;
        }
        if self.column.index.is_empty() {
            self.column.index = vec![0; self.rows];
        }
        match (&other.column.index[..], entries.first()) {
            ([], Some(entry)) => self.column.index.extend(repeat_n(*entry, other.rows)),
            (index, _) => {
                self.column.index.extend(index.iter().map(|entry| entries[*entry as usize]));
            }
        }
        self.rows += other.rows;
    }

    /// The column; an index that is 0 throughout is dropped.
    #[must_use]
    pub fn finish(mut self) -> RawColumn {
        self.column.index.shrink_to_fit();
        self.column
    }
}

/// Are two texts the same? Codes are short: of those up to 16 bytes the first and the last words
/// are compared, without a call.
fn same(one: &[u8], other: &[u8]) -> bool {
    let length = one.len();
    length == other.len()
        && match length {
            0 => true,
            1..4 => [0, length / 2, length - 1].iter().all(|at| one[*at] == other[*at]),
            4..8 => {
                one.first_chunk::<4>() == other.first_chunk::<4>()
                    && one.last_chunk::<4>() == other.last_chunk::<4>()
            }
            8..=16 => {
                one.first_chunk::<8>() == other.first_chunk::<8>()
                    && one.last_chunk::<8>() == other.last_chunk::<8>()
            }
            _ => one == other,
        }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn column(texts: &[String]) -> RawColumnBuilder {
        let mut column = RawColumnBuilder::new("SEX");
        texts.iter().for_each(|text| column.push(text));
        column
    }

    proptest! {
        #[test]
        fn texts_stand_where_they_were_put_in_one_piece_or_in_two(
            texts in prop::collection::vec("[ab]{0,2}|[ab]{15,18}", 0..40), at in 0..40_usize,
        ) {
            let whole = column(&texts).finish();
            for (row, text) in texts.iter().enumerate() {
                prop_assert_eq!(whole.at(row), text);
            }
            let (first, second) = texts.split_at(at.min(texts.len()));
            let mut joined = column(first);
            joined.append(&column(second));
            prop_assert_eq!(joined.finish(), whole);
        }

        #[test]
        fn texts_are_the_same_where_all_their_bytes_are(one in "[ab]{0,20}", other in "[ab]{0,20}") {
            prop_assert_eq!(same(one.as_bytes(), other.as_bytes()), one == other);
            let mut changed = one.clone().into_bytes();
            for at in 0..changed.len() {
                changed[at] ^= 1;
                prop_assert!(!same(one.as_bytes(), &changed));
                changed[at] ^= 1;
            }
        }
    }
}
