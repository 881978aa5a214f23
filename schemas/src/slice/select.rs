//! Which rows of a slice have certain codes. Rows stand in the order of their keys: those that
//! agree in the first dimensions stand together, ascending by the next one, so that each dimension
//! in turn is searched within what the ones before it left.

use std::ops::Range;

use super::Slice;
use crate::table::Codes;

/// The rows of a slice with certain codes, ascending.
#[derive(Debug)]
pub struct Selected<'a> {
    slice: &'a Slice,
    /// Coded dimensions, ascending, each with the codes that are wanted of it, ascending.
    wanted: Vec<(usize, &'a [u16])>,
    /// What is still to be searched; what comes first stands last.
    parts: Vec<Part>,
    /// Rows that were found.
    found: Range<usize>,
}

/// Rows, one after the other, that agree in each dimension before this one.
#[derive(Debug)]
struct Part {
    dimension: usize,
    rows: Range<usize>,
}

impl Slice {
    /// The rows whose codes are wanted in each of these coded dimensions, ascending. Dimensions
    /// are given by their place in [`crate::structure::Structure::coded`], ascending, codes by
    /// their position in the list, ascending; a dimension that is not given is left open.
    #[must_use]
    pub fn select<'a>(&'a self, wanted: impl Iterator<Item = (usize, &'a [u16])>) -> Selected<'a> {
        let wanted: Vec<(usize, &[u16])> = wanted.collect();
        debug_assert!(wanted.iter().all(|(_, codes)| codes.is_sorted()), "{wanted:?}");
        let all = Part { dimension: 0, rows: 0..self.rows() };
        Selected { slice: self, wanted, parts: vec![all], found: 0..0 }
    }
}

impl Selected<'_> {
    /// Searches a part: some of its rows are found, or it is divided by its dimension's codes.
    fn search(&mut self, Part { dimension, rows }: Part) {
        let Some((next, codes)) = self.wanted.iter().find(|(wanted, _)| *wanted >= dimension)
        else {
            self.found = rows;
            return;
        };
        let codes = (*next == dimension).then_some(*codes);
        let column = self.slice.table().codes(dimension);
        let own = column.at(rows.start);
        let first = match codes {
            None => Some(own),
            Some(codes) => codes.get(codes.partition_point(|code| *code < own)).copied(),
        };
        let Some(first) = first else { return };
        let start =
            if first == own { rows.start } else { skip(column, &rows, |code| code < first) };
        if start == rows.end {
            return;
        }
        // Of a code that no row has, what comes after its place is searched for the next one.
        let end = match column.at(start) == first {
            true => skip(column, &(start..rows.end), |code| code <= first),
            false => start,
        };
        if end < rows.end {
            self.parts.push(Part { dimension, rows: end..rows.end });
        }
        if start < end {
            self.parts.push(Part { dimension: dimension + 1, rows: start..end });
        }
    }
}

impl Iterator for Selected<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        loop {
            if let Some(row) = self.found.next() {
                return Some(row);
            }
            let part = self.parts.pop()?;
            if !part.rows.is_empty() {
                self.search(part);
            }
        }
    }
}

/// The first of these rows, in which codes ascend, whose code is not to be passed over; the end of
/// the rows where there is none.
fn skip(column: &Codes, rows: &Range<usize>, passes: impl Fn(u16) -> bool) -> usize {
    let codes = match column {
        Codes::One(own) if passes(*own) => return rows.end,
        Codes::One(_) => return rows.start,
        Codes::Each(codes) => &codes[rows.clone()],
    };
    // What is looked for is near more often than not.
    let mut leap = 1;
    while codes.get(leap).is_some_and(|own| passes(*own)) {
        leap *= 2;
    }
    let (from, to) = (leap / 2, codes.len().min(leap + 1));
    rows.start + from + codes[from..to].partition_point(|own| passes(*own))
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
            let wanted: Vec<(usize, Vec<u16>)> = wanted
                .iter()
                .map(|(place, codes)| {
                    let wanted = (0..).zip(codes).filter(|(_, own)| **own);
                    (*place, wanted.map(|(code, _)| code).collect())
                })
                .collect();
            let all = || wanted.iter().map(|(place, codes)| (*place, codes.as_slice()));
            let walked: Vec<_> = (0..slice.rows())
                .filter(|row| {
                    all().all(|(place, codes)| codes.contains(&slice.table().code(place, *row)))
                })
                .collect();
            prop_assert_eq!(slice.select(all()).collect::<Vec<_>>(), walked);
        }
    }
}
