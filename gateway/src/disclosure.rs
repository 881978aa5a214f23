//! Small counts: which cells of a slice (a dataset and a period) must be withheld so that no
//! small count is given out (decree, article 7(1)) nor can be computed (7(2)). Pure.
//!
//! A small count is safe if, given all that is given out and all that was given out before, it
//! may be at least the threshold and may have as many counts as the threshold says
//! ([`Smallness::safe`]); an attacker who knows that counts are whole, which cells are zero and
//! which sums hold then neither finds it nor can say that it is small.
//!
//! Cells that no sum ties to each other stand in different **strata**: those of another
//! frequency, unit or kind of indicator. Each stratum is decided by itself:
//! 1. Where it stands as an earlier release had it, that release's pattern holds.
//! 2. Otherwise it becomes a table, together with its earlier releases (`lattice`); what must be
//!    withheld beside the small counts is searched for (`complement`), and nothing is given out
//!    whose safety was not checked in whole numbers ([`certify`]).
//! 3. A stratum that cannot be such a table, is too large for the search or for which it finds
//!    no proof is decided by the coarse rule (`stratum`), which withholds whole classes of cells
//!    and is safe by an argument of its own; of rounded counts all is withheld then. So is one of
//!    which the sender says that a cell is confidential (`CONF_STATUS`), or said so once: of an
//!    amount of money nobody but the sender knows who makes up how much of it (dominance).
//!
//! A dataset is protected by itself, across all its tables and releases: figures that follow from
//! each other belong in one dataset.
//!
//! One pattern serves everybody: what a body may not see for other reasons is masked on top,
//! so that bodies that put their answers together learn no more than the pattern gives out.

mod acyclic;
mod cells;
mod certify;
mod complement;
mod division;
mod family;
mod lattice;
mod leap;
mod movement;
mod neighbourhood;
mod past;
mod stratum;
mod suspect;
mod table;
mod witnesses;

use std::{cell::OnceCell, collections::HashMap};

use birge_schemas::attack::Alternative;
pub use birge_schemas::extent::Span;
use roaring::RoaringBitmap;

pub use self::{
    cells::{Cells, Column, ShapeError},
    certify::{Unproved, certify},
    complement::{Suppression, suppress},
    movement::Move,
    past::Earlier,
    table::{AXES, Cell, Codes, Relation, Smallness, Status, Table},
};
use self::{
    lattice::{Lattice, Release, lattice},
    past::Then,
};
use crate::decree::Disclosure;

/// Method and version, as recorded with each release. A pattern is stored and never computed
/// again by a newer method.
pub const METHOD: &str = "witnesses/4";

/// Rows of all releases of a stratum up to which it is searched.
const LARGEST: usize = 50_000;

/// Small counts of a stratum up to which it is searched.
const MOST_SMALL: usize = 5_000;

/// What of a slice is withheld.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    /// Rows that are withheld.
    pub withheld: RoaringBitmap,
    /// Rows of the slice.
    pub cells: u64,
    /// Rows whose own count is small. For the officers' eyes: to say it outside would tell.
    pub small: u64,
    /// By what the search proved it: other populations that would be published alike. They tell
    /// what is withheld, and are for the attack on the pattern alone.
    pub alternatives: Vec<Alternative>,
}

/// Computes the pattern of a slice under `rule`, given the earlier releases of the same slice,
/// the oldest first.
#[must_use]
pub fn protect(cells: &Cells<'_>, rule: Disclosure, earlier: &[Earlier<'_>]) -> Pattern {
    let strata = cells.strata();
    let suspects = OnceCell::new();
    let past = past::past(cells, &strata, earlier);
    let mut alternatives = vec![];
    let withheld = strata.iter().zip(&past).flat_map(|(rows, past)| {
        let by_classes = || {
            let suspects = suspects.get_or_init(|| suspect::suspects(cells, &strata, rule));
            let classes = stratum::withhold(cells, rows, suspects, past, rule);
            // The rule counts on sums that hold; rounded ones tell what it does not see.
            if classes.is_empty() || cells.is_exact() { classes } else { rows.clone() }
        };
        let confidential: Vec<u32> =
            rows.iter().copied().filter(|row| cells.is_confidential(*row)).collect();
        let mut before = past.iter().rev().filter(|then| then.held_confidential(&confidential));
        if let Some(again) = before.find_map(|then| then.again(rule)) {
            return again;
        }
        // What was confidential and is gone would be what the others leave.
        if !confidential.is_empty() || past.iter().any(Then::has_confidential) {
            return by_classes();
        }
        let Some(found) = searched(cells, rows, past, earlier.len(), rule) else {
            return by_classes();
        };
        alternatives.extend(found.alternatives);
        if !found.lone {
            return found.rows;
        }
        // What is proved to be enough stays so when more is withheld.
        match by_classes() {
            classes if classes.is_empty() => rows.clone(),
            classes => [found.rows, classes].concat(),
        }
    });
    let withheld: RoaringBitmap = withheld.collect();
    let small = cells.counts().iter().filter(|count| suspect::small(**count, rule)).count();
    Pattern { withheld, cells: cells.len() as u64, small: small as u64, alternatives }
}

/// The table of a slice that is one stratum and was never released; none where it is not such a
/// one. The second of each pair is the cell of a row.
#[must_use]
pub fn table(cells: &Cells<'_>, rule: Disclosure) -> Option<(Table, Vec<(u32, u32)>)> {
    let [rows] = &cells.strata()[..] else { return None };
    let release = Release { number: 0, cells, rows, withheld: None };
    let Lattice { table, rows, .. } = lattice(&[release], rule)?;
    Some((table, rows))
}

/// The rows of a stratum that are withheld by a search; none if there is no proof that they are
/// enough.
fn searched(
    cells: &Cells<'_>,
    rows: &[u32],
    past: &[Then<'_>],
    number: usize,
    rule: Disclosure,
) -> Option<Searched> {
    let mut releases: Vec<Release<'_>> = past.iter().map(Then::release).collect();
    releases.push(Release { number, cells, rows, withheld: None });
    let size: usize = releases.iter().map(|release| release.rows.len()).sum();
    let Lattice { table, rows, before } = (size <= LARGEST).then(|| lattice(&releases, rule))??;
    if table.numbers().filter(|cell| table.is_small(*cell)).count() > MOST_SMALL {
        return None;
    }
    let Suppression { withheld, witnesses } = suppress(&table).ok()?;
    certify(&table, &withheld, &witnesses).ok()?;
    let mut rows_of: HashMap<u32, Vec<(usize, usize)>> = HashMap::new();
    let present = rows.iter().map(|(row, cell)| (number, *row, *cell));
    for (release, row, cell) in before.into_iter().chain(present) {
        rows_of.entry(cell).or_default().push((release, row as usize));
    }
    let alternative = |found: &Move| -> Alternative {
        let changes = found.changes().iter();
        let rows = |(cell, change): &(u32, i64)| {
            let (rows, change) = (rows_of.get(cell).cloned().unwrap_or_default(), *change);
            rows.into_iter().map(move |(release, row)| (release, row, change))
        };
        changes.flat_map(rows).collect()
    };
    let alternatives = witnesses.iter().map(alternative).collect();
    let mut rows: Vec<_> = rows.into_iter().filter(|(_, cell)| withheld[*cell as usize]).collect();
    rows.sort_unstable_by_key(|(_, cell)| *cell);
    let lone = rows.iter().any(|(_, cell)| is_lone(&table, &withheld, &rows, *cell));
    let rows = rows.into_iter().map(|(row, _)| row).collect();
    Some(Searched { rows, alternatives, lone })
}

/// What a search withholds of a stratum.
struct Searched {
    rows: Vec<u32>,
    alternatives: Vec<Alternative>,
    /// Does some row stand alone, so that it would say by itself that it is small?
    lone: bool,
}

/// Is no other of the rows tied to a cell by sums of withheld cells?
fn is_lone(table: &Table, withheld: &[bool], rows: &[(u32, u32)], cell: u32) -> bool {
    let beside = table.relations_of(cell).iter().flat_map(|number| table.relation(*number).cells());
    let beside = beside.map(|(other, _)| other).filter(|other| *other != cell);
    let mut tied = beside.filter(|other| withheld[*other as usize]);
    !tied.any(|other| rows.binary_search_by_key(&other, |(_, cell)| *cell).is_ok())
}

#[cfg(test)]
mod attack;
#[cfg(test)]
mod tests;
