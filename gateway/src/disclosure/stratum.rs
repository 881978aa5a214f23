//! The coarse rule on one stratum, for strata that are no table (see [`super::lattice`]).
//!
//! Within a stratum there is a **total**, **classes** of cells broken down along one dimension, and
//! cells broken down along several. A dimension is **linked** if some cell breaks it down together
//! with another one.
//!
//! 1. A cell is *suspect* if its count is small, if its sender says that it is confidential, or
//!    if it and its siblings leave a small rest of their parent, so that the cell that was not
//!    handed in could be computed.
//! 2. Where a class of an unlinked dimension has a suspect cell, the whole class is withheld.
//! 3. Where a cell of several breakdowns, or a class of a linked dimension, has a suspect cell,
//!    all of these are withheld. The class by sex alone may stay: if nothing in it is suspect,
//!    its cells add up to the total, and each positive one is large enough (5).
//! 4. A group of cells withheld by 2 or 3 that has but one member would say by itself that it
//!    is small: then everything below the total is withheld.
//! 5. The total stays only if it is at least *threshold − 1 + n*, for the size *n* of every
//!    group withheld; so must the cells by sex that 3 lets stay. Nor does it stay where one that
//!    is confidential is nearly all of it. Where the total does not stay,
//!    is missing or suspect, or would be the only other cell, the whole stratum is withheld.
//! 6. Over releases: where a stratum changes of which an earlier release withheld something, the
//!    whole stratum is withheld; so it is where a class must be withheld now that was given out
//!    before.
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
//! *Over releases*: by rule 6 a release leaves its stratum as it was, or withholds all of it, or
//! nothing was withheld before. In the first and second case nothing is given out that the
//! earlier release had not. Who knows from elsewhere that a figure given out earlier and withheld
//! now did not change still has it: no withholding takes it back.
//!
//! What remains: who knows the rule sees that *some* cell of a withheld group is suspect. A
//! rule that depends on counts cannot avoid that; 4 sees to it that it is never a single one,
//! unless a stratum has no other cell than the total.

use std::collections::{BTreeMap, BTreeSet};

use birge_schemas::detail::{Breakdown, Detail};
use roaring::RoaringBitmap;

use super::{cells::Cells, past::Then};
use crate::decree::Disclosure;

/// What of a confidential amount the others must be at least, in percent, so that the total does
/// not tell it (the p % rule).
const DOMINANT: f64 = 10.0;

/// The rows of a stratum by what withholds them.
struct Groups {
    /// Rows at the top: one, unless the total is missing.
    top: Vec<u32>,
    /// The class by sex, if sex is linked.
    by_sex: Vec<u32>,
    /// Several breakdowns, or one that is linked and not sex.
    linked: Vec<u32>,
    /// The classes of unlinked dimensions.
    classes: Vec<Vec<u32>>,
}

impl Groups {
    fn new(cells: &Cells<'_>, rows: &[u32]) -> Self {
        let common = cells.common(rows);
        let further = |row: u32| -> Detail {
            cells.detail(row).iter().filter(|breakdown| !common.has(*breakdown)).collect()
        };
        let several = rows.iter().map(|row| further(*row)).filter(|detail| detail.count() > 1);
        let linked: Detail = several.flat_map(|detail| detail.iter().collect::<Vec<_>>()).collect();
        let mut groups = Self { top: vec![], by_sex: vec![], linked: vec![], classes: vec![] };
        let mut classes: BTreeMap<Detail, Vec<u32>> = BTreeMap::new();
        for &row in rows {
            let detail = further(row);
            if detail == Detail::TOTAL {
                groups.top.push(row);
            } else if !detail.within(linked) {
                classes.entry(detail).or_default().push(row);
            } else if detail == Detail::TOTAL.with(Breakdown::Sex) {
                groups.by_sex.push(row);
            } else {
                groups.linked.push(row);
            }
        }
        groups.classes = classes.into_values().collect();
        groups
    }
}

/// The rows of a stratum that are withheld.
#[allow(clippy::cast_precision_loss, reason = "thresholds and rows are far below 2^53")]
pub(super) fn withhold(
    cells: &Cells<'_>,
    rows: &[u32],
    suspects: &RoaringBitmap,
    past: &[Then<'_>],
    rule: Disclosure,
) -> Vec<u32> {
    let bad = |row: &u32| suspects.contains(*row);
    if past.iter().any(Then::closes) {
        return rows.to_vec();
    }
    if !rows.iter().any(bad) {
        return vec![];
    }
    let groups = Groups::new(cells, rows);
    let [top] = groups.top[..] else { return rows.to_vec() };
    let Some(total) = cells.count(top).filter(|_| !bad(&top)) else { return rows.to_vec() };
    let enough = |group: &[u32]| (rule.threshold as f64) - 1.0 + group.len() as f64;

    let everything_linked = [&groups.by_sex[..], &groups.linked[..]].concat();
    let sex_may_stay = || {
        let counts: Vec<_> = groups.by_sex.iter().filter_map(|row| cells.count(*row)).collect();
        !groups.by_sex.iter().any(bad)
            && counts.iter().sum::<f64>() == total
            && counts.iter().all(|count| *count == 0.0 || *count >= enough(&groups.linked))
    };
    let mut withheld: Vec<Vec<u32>> = vec![];
    if everything_linked.iter().any(bad) {
        withheld.push(if sex_may_stay() { groups.linked } else { everything_linked });
    }
    withheld.extend(groups.classes.into_iter().filter(|class| class.iter().any(bad)));

    if withheld.iter().any(|group| group.len() == 1) {
        withheld = vec![rows.iter().copied().filter(|row| *row != top).collect()];
    }
    let mut confidential = rows.iter().filter(|row| cells.is_confidential(**row));
    let is_hidden = confidential
        .all(|row| cells.count(*row).is_none_or(|count| total - count >= count * DOMINANT / 100.0));
    let total_stays = is_hidden && withheld.iter().all(|group| total >= enough(group));
    let withheld = withheld.concat();
    let classes: BTreeSet<Detail> = withheld.iter().map(|row| cells.detail(*row)).collect();
    let given = |detail: &Detail| past.iter().any(|then| then.has_given(*detail));
    let given_before = classes.iter().any(given);
    if total_stays && withheld.len() > 1 && !given_before { withheld } else { rows.to_vec() }
}
