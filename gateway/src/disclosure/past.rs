//! What earlier releases of a slice allow a new one to give out.

use std::collections::BTreeSet;

use birge_schemas::detail::Detail;
use roaring::RoaringBitmap;

use super::cells::Cells;

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

/// What the past means for one stratum.
#[derive(Debug, Default)]
pub(super) struct PastOfStratum {
    closed: bool,
    given: BTreeSet<Detail>,
}

impl PastOfStratum {
    /// Did figures change around a cell that was withheld and stands unchanged?
    pub(super) fn closes(&self) -> bool {
        self.closed
    }

    fn add(&mut self, earlier: &Earlier<'_>, then: &[u32], cells: &Cells<'_>, now: &[u32]) {
        let unchanged = |row: u32| {
            let here = earlier.now(row).filter(|here| now.binary_search(here).is_ok());
            here.is_some_and(|here| cells.count(here) == earlier.cells.count(row))
        };
        let stuck = then.iter().any(|row| earlier.withheld.contains(*row) && unchanged(*row));
        let same = then.len() == now.len() && then.iter().all(|row| unchanged(*row));
        self.closed |= stuck && !same;
        let given = then.iter().filter(|row| {
            !earlier.withheld.contains(**row) && earlier.cells.count(**row).is_some()
        });
        self.given.extend(given.map(|row| earlier.cells.detail(*row)));
    }

    /// Was any of this class given out before?
    pub(super) fn has_given(&self, detail: Detail) -> bool {
        self.given.contains(&detail)
    }
}

/// What the past means for each stratum, by its number.
#[derive(Debug)]
pub(super) struct Past(Vec<PastOfStratum>);

impl Past {
    /// Strata of an earlier release count for every present one with which they share a row.
    pub(super) fn of(cells: &Cells<'_>, strata: &[Vec<u32>], earlier: &[Earlier<'_>]) -> Self {
        let mut number = vec![0; cells.len()];
        for (stratum, rows) in strata.iter().enumerate() {
            rows.iter().for_each(|row| number[*row as usize] = stratum);
        }
        let mut past: Vec<_> = strata.iter().map(|_| PastOfStratum::default()).collect();
        for earlier in earlier {
            for rows in earlier.cells.strata() {
                let present: BTreeSet<_> = rows
                    .iter()
                    .filter_map(|row| number.get(earlier.now(*row)? as usize).copied())
                    .collect();
                for stratum in present {
                    past[stratum].add(earlier, &rows, cells, &strata[stratum]);
                }
            }
        }
        Self(past)
    }

    pub(super) fn of_stratum(&self, number: usize) -> &PastOfStratum {
        &self.0[number]
    }
}
