//! All that stands of one dataset for one reference period: the unit of release, and how a
//! batch changes it. Everything here is deterministic: a rebuild replays it.

mod apply;
mod select;
#[cfg(test)]
mod tests;

use std::{cmp::Ordering, collections::BTreeMap, sync::Arc};

use crate::{
    structure::Structure,
    table::{Key, Table},
};

pub use apply::{Applied, Conflict, ConflictKind, apply};
pub(crate) use apply::{Pair, pairs};
pub use select::Selected;

/// The observations of one dataset and period, ascending by key, each key once.
#[derive(Debug, Clone)]
pub struct Slice {
    period: String,
    table: Table,
}

impl Slice {
    /// No observations for a period.
    #[must_use]
    pub fn empty(structure: &Arc<Structure>, period: impl Into<String>) -> Self {
        Self { period: period.into(), table: Table::empty(structure) }
    }

    /// The reference period.
    #[must_use]
    pub fn period(&self) -> &str {
        &self.period
    }

    /// The observations, ascending by key.
    #[must_use]
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// Number of observations.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.table.rows()
    }

    /// Holds the columns of its keys and attributes once with those of another slice, where they
    /// are the same: those of one office are, from year to year and from revision to revision.
    pub fn share(&mut self, other: &Self) {
        self.table.share(&other.table);
    }

    /// Does it hold its keys once with those of another slice? Then they are the same, row by row.
    #[must_use]
    pub fn shares_keys(&self, other: &Self) -> bool {
        let (own, other) = (&self.table, &other.table);
        let mut columns = own.codes.iter().zip(&other.codes);
        Arc::ptr_eq(&own.structure, &other.structure)
            && own.rows() == other.rows()
            && columns.all(|(own, other)| own.is_shared_with(other))
    }

    /// The row at which a key stands. Keys of all slices of one structure compare.
    #[must_use]
    pub fn find(&self, key: Key) -> Option<usize> {
        let (mut low, mut high) = (0, self.rows());
        while low < high {
            let middle = low.midpoint(high);
            match self.table.packed(middle).cmp(&key) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Some(middle),
                Ordering::Greater => high = middle,
            }
        }
        None
    }
}

/// A checked table as slices, by period.
#[must_use]
pub fn split(table: &Table) -> BTreeMap<String, Slice> {
    let mut rows: Vec<(Key, u32)> =
        (0..table.rows()).map(|row| (table.packed(row), row as u32)).collect();
    rows.sort_unstable();
    let mut by_period: BTreeMap<&str, Vec<(u8, u32)>> = BTreeMap::new();
    for (_, row) in rows {
        by_period.entry(table.period(row as usize)).or_default().push((0, row));
    }
    let slice = |(period, rows): (&str, Vec<(u8, u32)>)| {
        let slice = Slice {
            period: period.to_owned(),
            table: Table::gather(&table.structure, &[table], &rows),
        };
        (period.to_owned(), slice)
    };
    by_period.into_iter().map(slice).collect()
}
