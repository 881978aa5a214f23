//! The rows of a batch in the order of their keys, and a cursor that finds one near the last.

use birge_proto::limits;

use super::Shape;
use crate::{
    side_by_side::{pieces_side_by_side, threads},
    table::{Codes, Key},
};

const ROW_BITS: u32 = 32;

/// Key and row in one integer each, ascending.
pub(super) struct Cells(Vec<u128>);

impl Cells {
    /// Every row that has a key. Runs of rows are sorted side by side and then merged.
    pub(super) fn of(shape: &Shape<'_>) -> Self {
        let mut entries = vec![0; shape.raw.rows];
        let run = entries.len().div_ceil(threads()).max(limits::BLOCK_ROWS);
        pieces_side_by_side(&mut entries, run, |first, entries| {
            fill(shape, first, entries);
            entries.sort_unstable();
        });
        // This sort finds the runs.
        entries.sort();
        if !shape.keyed.is_full() {
            entries.retain(|entry| shape.keyed.at(row(*entry)));
        }
        Self(entries)
    }

    /// Drops every row whose key stands in an earlier row, telling which two they are.
    pub(super) fn deduplicate(&mut self, mut duplicate: impl FnMut(usize, usize)) {
        let mut first: Option<u128> = None;
        self.0.retain(|entry| match first {
            Some(kept) if key(kept) == key(*entry) => {
                duplicate(row(kept), row(*entry));
                false
            }
            _ => {
                first = Some(*entry);
                true
            }
        });
    }

    /// Keys with their rows, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Key, usize)> + '_ {
        self.0.iter().map(|entry| (key(*entry), row(*entry)))
    }

    /// A cursor at the start.
    pub(super) fn cursor(&self) -> Cursor<'_> {
        Cursor { entries: &self.0, at: 0 }
    }
}

/// Finds rows by key. Cheap where each key lies near the one before.
pub(super) struct Cursor<'a> {
    entries: &'a [u128],
    at: usize,
}

impl Cursor<'_> {
    /// The row at which a key stands.
    pub(super) fn find(&mut self, wanted: Key) -> Option<usize> {
        let target = wanted.0 << ROW_BITS;
        let below = |at: usize| self.entries.get(at).is_some_and(|entry| *entry < target);
        // Doubling steps from the last place bracket the target: low ≤ place ≤ high.
        let (mut low, mut high, mut step) = (self.at, self.at, 1);
        while below(high) {
            low = high + 1;
            high += step;
            step *= 2;
        }
        while low > 0 && !below(low - 1) && high == self.at {
            let back = low.saturating_sub(step);
            if below(back) {
                low = back + 1;
                break;
            }
            low = back;
            step *= 2;
        }
        let high = high.min(self.entries.len());
        let low = low.min(high);
        self.at = low + self.entries[low..high].partition_point(|entry| *entry < target);
        let entry = *self.entries.get(self.at)?;
        (key(entry) == wanted).then(|| row(entry))
    }
}

/// Keys and rows from a row on.
fn fill(shape: &Shape<'_>, first: usize, entries: &mut [u128]) {
    entries.iter_mut().zip(first as u128..).for_each(|(entry, row)| *entry = row);
    for (dimension, codes) in shape.codes.iter().enumerate() {
        let placed = |code| shape.structure.keys.with(Key(0), dimension, code).0 << ROW_BITS;
        add(entries, first, codes, placed);
    }
    add(entries, first, &shape.period, |period| u128::from(period) << ROW_BITS);
}

fn add(entries: &mut [u128], first: usize, codes: &Codes, placed: impl Fn(u16) -> u128) {
    match codes {
        Codes::One(code) => {
            let one = placed(*code);
            entries.iter_mut().for_each(|entry| *entry |= one);
        }
        Codes::Each(codes) => {
            let codes = codes.iter().skip(first);
            entries.iter_mut().zip(codes).for_each(|(entry, code)| *entry |= placed(*code));
        }
    }
}

fn key(entry: u128) -> Key {
    Key(entry >> ROW_BITS)
}

fn row(entry: u128) -> usize {
    (entry as u32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn the_cursor_finds_what_a_search_finds(
            keys in prop::collection::btree_set(0_u128..60, 0..40),
            wanted in prop::collection::vec(0_u128..60, 1..60),
        ) {
            let entries = keys.iter().zip(0_u128..).map(|(key, row)| key << ROW_BITS | row);
            let cells = Cells(entries.collect());
            let mut cursor = cells.cursor();
            for key in wanted {
                let expected = keys.iter().position(|stands| *stands == key);
                prop_assert_eq!(cursor.find(Key(key)), expected);
            }
        }
    }

    #[test]
    fn the_first_of_equal_keys_stays() {
        let mut cells =
            Cells(vec![1 << ROW_BITS, 1 << ROW_BITS | 4, 1 << ROW_BITS | 9, 2 << ROW_BITS]);
        let mut pairs = BTreeSet::new();
        cells.deduplicate(|first, second| {
            pairs.insert((first, second));
        });
        assert_eq!(pairs, BTreeSet::from([(0, 4), (0, 9)]));
        assert_eq!(cells.iter().count(), 2);
    }
}
