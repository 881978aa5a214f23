//! What earlier releases of a slice allow a new one to give out.

use std::collections::BTreeSet;

use birge_schemas::detail::Detail;
use roaring::RoaringBitmap;

use super::{cells::Cells, lattice::Release, suspect::small};
use crate::decree::Disclosure;

/// An earlier release of the same dataset and period.
#[derive(Debug, Clone, Copy)]
pub struct Earlier<'a> {
    /// Its cells.
    pub cells: &'a Cells<'a>,
    /// What it withheld.
    pub withheld: &'a RoaringBitmap,
    /// For each of its rows, the row that has the same codes now.
    pub now: &'a [Option<u32>],
}

impl Earlier<'_> {
    fn now(&self, row: u32) -> Option<u32> {
        *self.now.get(row as usize)?
    }
}

/// A stratum as it was in one earlier release.
#[derive(Debug)]
pub(super) struct Then<'a> {
    /// Its place among the earlier releases.
    number: usize,
    earlier: Earlier<'a>,
    rows: Vec<u32>,
    /// Its rows that stand unchanged: as they were numbered then, and as they are now.
    unchanged: Vec<(u32, u32)>,
    now: usize,
}

impl Then<'_> {
    /// The rows to be withheld where the whole stratum stands as it was: those withheld then.
    /// None where something that was given out then is small under `rule`.
    pub(super) fn again(&self, rule: Disclosure) -> Option<Vec<u32>> {
        let small = |row: u32| small(self.earlier.cells.count(row), rule);
        let holds = self.rows.iter().all(|row| self.withheld(*row) || !small(*row));
        let withheld = self.unchanged.iter().filter(|(then, _)| self.withheld(*then));
        (self.is_the_same() && holds).then(|| withheld.map(|(_, now)| *now).collect())
    }

    fn is_the_same(&self) -> bool {
        self.unchanged.len() == self.rows.len() && self.rows.len() == self.now
    }

    /// Did the stratum change although something of it was withheld?
    pub(super) fn closes(&self) -> bool {
        !self.is_the_same() && self.rows.iter().any(|row| self.withheld(*row))
    }

    /// Did the sender say that any of it is confidential?
    pub(super) fn has_confidential(&self) -> bool {
        self.rows.iter().any(|row| self.earlier.cells.is_confidential(*row))
    }

    /// Did the sender say so of all these rows, as they are numbered now?
    pub(super) fn held_confidential(&self, rows: &[u32]) -> bool {
        rows.iter().all(|row| {
            // Rows are ascending by key in every release.
            let place = self.unchanged.binary_search_by_key(row, |(_, now)| *now);
            place.is_ok_and(|place| self.earlier.cells.is_confidential(self.unchanged[place].0))
        })
    }

    /// Was any of this class given out?
    pub(super) fn has_given(&self, detail: Detail) -> bool {
        let cells = self.earlier.cells;
        self.rows.iter().any(|row| {
            cells.detail(*row) == detail && cells.count(*row).is_some() && !self.withheld(*row)
        })
    }

    /// For the table of all releases.
    pub(super) fn release(&self) -> Release<'_> {
        let Self { number, earlier, rows, .. } = self;
        Release { number: *number, cells: earlier.cells, rows, withheld: Some(earlier.withheld) }
    }

    fn withheld(&self, row: u32) -> bool {
        self.earlier.withheld.contains(row)
    }
}

/// What each stratum was in the earlier releases, the oldest first. A stratum of an earlier
/// release counts for every present one with which it shares a row.
pub(super) fn past<'a>(
    cells: &Cells<'_>,
    strata: &[Vec<u32>],
    earlier: &[Earlier<'a>],
) -> Vec<Vec<Then<'a>>> {
    let mut number = vec![0; cells.len()];
    for (stratum, rows) in strata.iter().enumerate() {
        rows.iter().for_each(|row| number[*row as usize] = stratum);
    }
    let mut past: Vec<_> = strata.iter().map(|_| vec![]).collect();
    for (place, earlier) in earlier.iter().enumerate() {
        for rows in earlier.cells.strata() {
            let present: BTreeSet<_> = rows
                .iter()
                .filter_map(|row| number.get(earlier.now(*row)? as usize).copied())
                .collect();
            for stratum in present {
                let unchanged = rows.iter().filter_map(|row| {
                    let now = earlier.now(*row).filter(|now| number[*now as usize] == stratum)?;
                    (cells.count(now) == earlier.cells.count(*row)).then_some((*row, now))
                });
                past[stratum].push(Then {
                    number: place,
                    earlier: *earlier,
                    rows: rows.clone(),
                    unchanged: unchanged.collect(),
                    now: strata[stratum].len(),
                });
            }
        }
    }
    past
}
