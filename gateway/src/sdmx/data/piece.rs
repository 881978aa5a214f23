//! The pieces in which a message is written.

use std::{iter, ops::Range};

use super::{Layout, Message, same};

/// A piece of a message. All of them, one after the other, are the whole: a message is written as
/// fast as it is taken, and never lies in memory as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// What stands before all data sets.
    Head,
    /// What a data set begins with.
    Begin(usize),
    /// These of its rows; of series whole ones.
    Rows(usize, Range<usize>),
    /// What it ends with.
    End(usize),
    /// What stands below all.
    Foot,
}

/// Rows of a piece, or somewhat more where a series goes on.
const ROWS: usize = 2_048;

impl Message<'_> {
    /// The pieces, in order.
    #[must_use]
    pub fn pieces(&self) -> Vec<Piece> {
        let mut pieces = vec![Piece::Head];
        for (place, set) in self.sets.iter().enumerate() {
            let columns = set.columns().by_key();
            let keys = columns.of_series();
            let goes_on = |row: usize| match set.layout {
                Layout::Series => same(&keys, row - 1, row),
                Layout::Flat => false,
            };
            pieces.push(Piece::Begin(place));
            pieces.extend(divided(set.cells().rows, goes_on).map(|rows| Piece::Rows(place, rows)));
            pieces.push(Piece::End(place));
        }
        pieces.push(Piece::Foot);
        pieces
    }
}

/// So many rows in parts, each of which ends where its last row's series does not go on with the
/// next.
fn divided(rows: usize, goes_on: impl Fn(usize) -> bool) -> impl Iterator<Item = Range<usize>> {
    let mut from = 0;
    iter::from_fn(move || {
        let own = from..rows;
        from = (own.start + ROWS..rows).find(|row| !goes_on(*row)).unwrap_or(rows);
        (!own.is_empty()).then_some(own.start..from)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn parts_are_the_whole_and_cut_no_series(lengths in prop::collection::vec(1..5_000_usize, 0..9)) {
            let ends: Vec<usize> = lengths.iter().scan(0, |end, own| {
                *end += own;
                Some(*end)
            }).collect();
            let rows = ends.last().copied().unwrap_or_default();
            let parts: Vec<_> = divided(rows, |row| !ends.contains(&row)).collect();
            prop_assert!(parts.iter().all(|part| ends.contains(&part.end)));
            prop_assert_eq!(parts.iter().cloned().flatten().collect::<Vec<_>>(), (0..rows).collect::<Vec<_>>());
            // None but the last is small, none goes on after it is large enough.
            for part in &parts {
                let enough = ends.iter().find(|end| **end >= part.start + ROWS).unwrap_or(&rows);
                prop_assert_eq!(part.end, *enough);
            }
        }
    }

    #[test]
    fn rows_without_series_are_divided_evenly() {
        let parts: Vec<_> = divided(2 * ROWS + 1, |_| false).collect();
        assert_eq!(parts, [0..ROWS, ROWS..2 * ROWS, 2 * ROWS..2 * ROWS + 1]);
    }
}
