//! Which rows of a slice have certain codes: found by leaps over those that have not, for rows
//! stand in the order of their keys.

use super::Slice;
use crate::table::Key;

/// The rows of a slice with certain codes, ascending.
#[derive(Debug)]
pub struct Selected<'a> {
    slice: &'a Slice,
    /// Coded dimensions, ascending, each with its codes: by position in the list, is it wanted?
    wanted: Vec<(usize, &'a [bool])>,
    row: usize,
}

impl Slice {
    /// The rows whose codes are wanted in each of these coded dimensions, ascending. Dimensions
    /// are given by their place in [`crate::structure::Structure::coded`], ascending; one that is
    /// not given is left open.
    #[must_use]
    pub fn select<'a>(&'a self, wanted: impl Iterator<Item = (usize, &'a [bool])>) -> Selected<'a> {
        Selected { slice: self, wanted: wanted.collect(), row: 0 }
    }

    /// The first row from `from` on whose key is not below this one.
    fn seek(&self, from: usize, key: Key) -> usize {
        let is_below = |row: usize| self.table.packed(row) < key;
        // What is looked for is near more often than not.
        let (mut low, mut leap) = (from, 1);
        let mut high = loop {
            let probe = low + leap - 1;
            if probe >= self.rows() {
                break self.rows();
            }
            if !is_below(probe) {
                break probe;
            }
            (low, leap) = (probe + 1, leap * 2);
        };
        while low < high {
            let middle = low.midpoint(high);
            match is_below(middle) {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        low
    }
}

impl Iterator for Selected<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let table = self.slice.table();
        let keys = &table.structure().keys;
        while self.row < self.slice.rows() {
            let unwanted = self.wanted.iter().find(|(dimension, codes)| {
                !codes.get(usize::from(table.code(*dimension, self.row))).is_some_and(|own| *own)
            });
            let Some((dimension, codes)) = unwanted else {
                self.row += 1;
                return Some(self.row - 1);
            };
            let (key, code) = (table.packed(self.row), table.code(*dimension, self.row));
            let later = codes.iter().enumerate().skip(usize::from(code) + 1);
            let later = later.filter(|(_, own)| **own).find_map(|(at, _)| u16::try_from(at).ok());
            let next = match later {
                Some(code) => keys.first_with(key, *dimension, code),
                None => keys.first_after(key, *dimension),
            };
            self.row = self.slice.seek(self.row + 1, next);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use birge_proto::manifest::Action;
    use proptest::prelude::*;

    use crate::{
        slice::split,
        testing::{batch, judge},
    };

    const AREAS: [&str; 2] = ["KG", "TJ"];
    const INDICATORS: [&str; 2] = ["REMIT_IN", "REMIT_OUT"];
    const OTHERS: [&str; 8] = ["DE", "FR", "KZ", "RU", "TR", "US", "UZ", "IT"];

    proptest! {
        #[test]
        fn leaps_find_what_a_walk_finds(
            rows in prop::collection::btree_set((0..2_usize, 0..2_usize, 0..8_usize), 1..32),
            wanted in prop::collection::btree_map(
                1..4_usize, prop::collection::vec(any::<bool>(), 300), 0..4,
            ),
        ) {
            let lines: Vec<String> = rows
                .iter()
                .map(|(area, indicator, other)| {
                    let (area, indicator) = (AREAS[*area], INDICATORS[*indicator]);
                    format!("A.{area}.{indicator}.{}.USD.2023 = 1 A", OTHERS[*other])
                })
                .collect();
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let judged = judge("REMITTANCES", Action::Append, &batch("REMITTANCES", &lines));
            let table = judged.table.unwrap_or_else(|| panic!("{}", judged.report));
            let slice = split(&table).remove("2023").unwrap();
            let all = || wanted.iter().map(|(place, codes)| (*place, codes.as_slice()));
            let walked: Vec<_> = (0..slice.rows())
                .filter(|row| {
                    all().all(|(place, codes)| codes[usize::from(slice.table().code(place, *row))])
                })
                .collect();
            prop_assert_eq!(slice.select(all()).collect::<Vec<_>>(), walked);
        }
    }
}
