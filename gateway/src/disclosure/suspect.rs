//! Which cells give a small count away by themselves or by what their siblings leave.

use birge_schemas::detail::{Breakdown, Detail};
use roaring::RoaringBitmap;

use super::{
    cells::Cells,
    family::{Family, Member},
    lattice::whole,
    leap,
};
use crate::decree::Disclosure;

/// Is this count itself small (article 7(1))?
pub(super) fn small(count: Option<f64>, rule: Disclosure) -> bool {
    count.is_some_and(|count| {
        positive_and_small(count, rule) || (rule.zeros_withheld && count == 0.0)
    })
}

#[allow(clippy::cast_precision_loss, reason = "thresholds are far below 2^53")]
fn positive_and_small(count: f64, rule: Disclosure) -> bool {
    0.0 < count && count < rule.threshold as f64
}

/// The suspect rows of a slice.
pub(super) fn suspects(cells: &Cells<'_>, strata: &[Vec<u32>], rule: Disclosure) -> RoaringBitmap {
    let hidden = |row: &u32| small(cells.count(*row), rule) || cells.is_confidential(*row);
    let mut suspects: RoaringBitmap = (0..).take(cells.len()).filter(hidden).collect();
    for rows in strata {
        let common = cells.common(rows);
        for breakdown in broken_down(cells, rows).filter(|each| !common.has(*each)) {
            let apart = Detail::TOTAL.with(breakdown);
            for family in cells.families(rows, apart) {
                let (children, parents): (Vec<_>, Vec<_>) =
                    family.into_iter().partition(|row| cells.detail(*row).has(breakdown));
                let parent = parents.into_iter().find_map(|row| cells.count(row));
                let known: Vec<_> = children.iter().filter_map(|row| cells.count(*row)).collect();
                let rest = parent.is_some_and(|parent| leave_small_rest(parent, known, rule));
                if rest || nested_leave_small_rest(cells, breakdown, parent, &children, rule) {
                    suspects.extend(children);
                }
            }
        }
        suspects.extend(leap::leave_small_rest(cells, rows, |rest| positive_and_small(rest, rule)));
    }
    suspects
}

/// Does some code leave a small rest of one that contains it? Codes that cross tell nothing here.
#[allow(clippy::cast_precision_loss, reason = "counts are below 2^53")]
fn nested_leave_small_rest(
    cells: &Cells<'_>,
    breakdown: Breakdown,
    parent: Option<f64>,
    children: &[u32],
    rule: Disclosure,
) -> bool {
    let member = |row: &u32| {
        let code = cells.codes(*row)[breakdown as usize];
        Some(Member { code, span: cells.span(breakdown, code)?, count: whole(cells.count(*row)?)? })
    };
    let mut members: Vec<_> = children.iter().filter_map(member).collect();
    // Those that cross no other one are looked at.
    let all = members.clone();
    members.retain(|one| !all.iter().any(|other| one.span.crosses(other.span)));
    let families = Family::of(parent.and_then(whole), &members).unwrap_or_default();
    let rests = families.iter().filter_map(Family::rest);
    rests.map(|rest| rest as f64).any(|rest| positive_and_small(rest, rule))
}

/// The breakdowns that occur.
fn broken_down(cells: &Cells<'_>, rows: &[u32]) -> impl Iterator<Item = Breakdown> {
    let all = rows.iter().flat_map(|row| cells.detail(*row).iter());
    all.collect::<Detail>().iter()
}

/// Do the children of a parent leave a rest that is small? Where they are more than their
/// parent some of them overlap, and every difference between two may be a rest.
fn leave_small_rest(parent: f64, mut children: Vec<f64>, rule: Disclosure) -> bool {
    if children.is_empty() {
        return false;
    }
    let rest = parent - children.iter().sum::<f64>();
    if rest < 0.0 {
        children.push(parent);
        children.sort_unstable_by(f64::total_cmp);
        return children.windows(2).any(|pair| positive_and_small(pair[1] - pair[0], rule));
    }
    // A child that is all of its parent tells that there is nothing beside it.
    let alone = rule.zeros_withheld && rest == 0.0 && children.len() == 1;
    alone || positive_and_small(rest, rule)
}
