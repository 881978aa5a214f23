//! Small counts: which cells of a slice (a dataset and a period) must be withheld so that no
//! small count is given out (decree, article 7(1)) nor can be computed (7(2)). Pure.
//!
//! # The rule
//! Cells that no sum ties to each other stand in different **strata**: those of another
//! frequency, unit or kind of indicator. Within a stratum there is a **total**, **classes** of
//! cells broken down along one dimension, and cells broken down along several. A dimension is
//! **linked** if some cell breaks it down together with another one.
//!
//! 1. A cell is *suspect* if its count is small, or if it and its siblings leave a small rest
//!    of their parent, so that the cell that was not handed in could be computed.
//! 2. Where a class of an unlinked dimension has a suspect cell, the whole class is withheld.
//! 3. Where a cell of several breakdowns, or a class of a linked dimension, has a suspect cell,
//!    all of these are withheld. The class by sex alone may stay: if nothing in it is suspect,
//!    its cells add up to the total, and each positive one is large enough (5).
//! 4. A group of cells withheld by 2 or 3 that has but one member would say by itself that it
//!    is small: then everything below the total is withheld.
//! 5. The total stays only if it is at least *threshold − 1 + n*, for the size *n* of every
//!    group withheld; so must the cells by sex that 3 lets stay. Where the total does not stay,
//!    is missing or suspect, or would be the only other cell, the whole stratum is withheld.
//! 6. Over releases: where figures of a stratum change while a cell that an earlier release
//!    withheld stands unchanged, the whole stratum is withheld; so it is where a class must be
//!    withheld now that was given out before.
//!
//! # Why nothing leaks
//! The attacker knows everything given out, that counts are whole, and even which withheld
//! cells are zero (as the absence of a row may tell). Think of the population as persons, each
//! with a code along every dimension, and take a withheld cell with a small count. It holds at
//! least one person.
//!
//! *Unlinked class*: keep one witness in each positive cell of the class, and give everybody
//! else the code of our person along this dimension alone. No cell outside the class changes,
//! for none of them breaks that dimension down. The cell now counts at least
//! total − (n − 1) ≥ threshold. *Linked group*: keep one witness for each withheld cell, among
//! those of our person's sex if the class by sex stays, and make of everybody else there a
//! copy of our person along the linked dimensions. Sexes and unlinked classes keep their
//! counts, zero cells stay empty, since a copy only enters cells that our person was already
//! in, and our cell counts at least the threshold. Either way another population explains
//! everything given out, so the count is neither determined nor provably small. The argument
//! needs neither complete classes nor codes that exclude each other; where codes overlap, as
//! age groups do, a copy of a person is in exactly the cells that the person is in.
//!
//! *Over releases*: by rule 6 a release either leaves its stratum as it was, or withholds all
//! of it, or shares no unchanged figure with what was withheld before. In the first and second
//! case nothing is given out that the earlier release had not; in the third, what is given out
//! speaks of other figures than those withheld then.
//! This holds against one who knows which of the figures withheld both times changed, or which
//! of them are zero, but not both. Who knows from elsewhere that a figure given out earlier and
//! withheld now did not change still has it: no withholding takes it back.
//!
//! What remains: who knows the rule sees that *some* cell of a withheld group is suspect. A
//! rule that depends on counts cannot avoid that; 4 sees to it that it is never a single one,
//! unless a stratum has no other cell than the total.
//!
//! One pattern serves everybody: what a body may not see for other reasons is masked on top,
//! so that bodies that put their answers together learn no more than the pattern gives out.

mod cells;
mod past;
mod stratum;
mod suspect;

use roaring::RoaringBitmap;

pub use self::{
    cells::{Cells, Column, ShapeError},
    past::Earlier,
};
use crate::decree::Disclosure;

/// Method and version, as recorded with each release. A pattern is stored and never computed
/// again by a newer method.
pub const METHOD: &str = "coarse/1";

/// What of a slice is withheld.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    /// Rows that are withheld.
    pub withheld: RoaringBitmap,
    /// Rows of the slice.
    pub cells: u64,
    /// Rows whose own count is small. For the officers' eyes: to say it outside would tell.
    pub small: u64,
}

/// Computes the pattern of a slice under `rule`, given the earlier releases of the same slice.
#[must_use]
pub fn protect(cells: &Cells<'_>, rule: Disclosure, earlier: &[Earlier<'_>]) -> Pattern {
    let strata = cells.strata();
    let suspects = suspect::suspects(cells, &strata, rule);
    let past = past::Past::of(cells, &strata, earlier);
    let withheld = strata
        .iter()
        .enumerate()
        .flat_map(|(number, rows)| {
            stratum::withhold(cells, rows, &suspects, past.of_stratum(number), rule)
        })
        .collect();
    let small = cells.counts().iter().filter(|count| suspect::small(**count, rule)).count();
    Pattern { withheld, cells: cells.len() as u64, small: small as u64 }
}

#[cfg(test)]
mod attack;
#[cfg(test)]
mod tests;
