//! How totals are divided, as an attacker takes it to be.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap, HashSet},
};

use super::{Axis, Cell, Rule, population::Place};

/// A total, and those that leave something small of it, by their places in the release.
pub(super) struct Rest {
    pub(super) total: usize,
    pub(super) parts: Vec<usize>,
}

/// What is beside the codes of a division: where nobody is, that is noted in `empty`; where few
/// are, they are to be hidden as well.
pub(super) fn rests(
    axes: &[Axis],
    release: &[Cell],
    rule: Rule,
    assuming: bool,
    empty: &mut HashSet<Place>,
) -> Vec<Rest> {
    let mut small = vec![];
    for (number, axis) in axes.iter().enumerate() {
        let code = |at: usize| release[at].codes[number];
        for line in lines(release, number) {
            for Rest { total, parts } in divisions(axis, &line, code) {
                let beside = beside(axis, code(total), parts.iter().map(|part| code(*part)));
                let sum =
                    parts.iter().try_fold(0_u64, |sum, at| sum.checked_add(release[*at].count()?));
                let rest = match (release[total].count(), sum) {
                    (Some(total), Some(sum)) => total.checked_sub(sum),
                    _ => Some(0).filter(|_| assuming),
                };
                // That nobody has a code is told by no division where zeros are withheld.
                let secret =
                    |kind: &u16| rule.zeros_withheld && axis.is_told_apart(*kind, code(total));
                match rest {
                    Some(0) if !beside.iter().any(secret) => {
                        empty.extend(beside.iter().map(|kind| {
                            let mut place = release[total].codes.clone();
                            place[number] = *kind;
                            place
                        }))
                    }
                    Some(rest) if 0 < rest && rest < rule.threshold => {
                        small.push(Rest { total, parts })
                    }
                    _ => {}
                }
            }
        }
    }
    small
}

/// The axes along which some total is less than its parts.
pub(super) fn crooked(axes: &[Axis], releases: &[Vec<Cell>]) -> BTreeSet<usize> {
    let is_crooked = |number: &usize| {
        releases.iter().any(|release| {
            let code = |at: usize| release[at].codes[*number];
            lines(release, *number)
                .iter()
                .flat_map(|line| divisions(&axes[*number], line, code))
                .any(|Rest { total, parts }| {
                    // A part that is withheld counts for none.
                    let parts = parts.iter().filter_map(|at| release[*at].count());
                    let sum = parts.fold(0, u64::saturating_add);
                    release[total].count().is_some_and(|total| total < sum)
                })
        })
    };
    (0..axes.len()).filter(is_crooked).collect()
}

/// The totals of a line, each with its outermost parts: of those that cross, the widest.
pub(super) fn divisions(axis: &Axis, line: &[usize], code: impl Fn(usize) -> u16) -> Vec<Rest> {
    let division = |total: &usize| {
        let below = |at: &usize| axis.contains(code(*total), code(*at));
        let below: Vec<usize> = line.iter().copied().filter(below).collect();
        let outermost =
            |at: &usize| !below.iter().any(|other| axis.contains(code(*other), code(*at)));
        let mut outermost: Vec<usize> = below.iter().copied().filter(outermost).collect();
        outermost.sort_by_key(|at| (Reverse(axis.kinds(code(*at)).len()), *at));
        let mut parts: Vec<usize> = vec![];
        for at in outermost {
            if parts.iter().all(|part| axis.disjoint(code(*part), code(at))) {
                parts.push(at);
            }
        }
        (!parts.is_empty()).then_some(Rest { total: *total, parts })
    };
    line.iter().filter_map(division).collect()
}

/// The kinds of a code that are in none of its parts.
fn beside(axis: &Axis, code: u16, parts: impl Iterator<Item = u16>) -> Vec<u16> {
    let taken: BTreeSet<u16> = parts.flat_map(|part| axis.kinds(part).iter().copied()).collect();
    axis.kinds(code).iter().copied().filter(|kind| !taken.contains(kind)).collect()
}

/// The cells that differ along one axis alone, by their places in the release.
fn lines(release: &[Cell], axis: usize) -> Vec<Vec<usize>> {
    let mut lines: HashMap<Place, Vec<usize>> = HashMap::new();
    for (at, cell) in release.iter().enumerate() {
        let mut line = cell.codes.clone();
        line[axis] = 0;
        lines.entry(line).or_default().push(at);
    }
    let mut lines: Vec<_> = lines.into_values().filter(|line| line.len() > 1).collect();
    lines.sort_unstable();
    lines
}
