//! How totals are divided, as an attacker takes it to be.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{Axis, Cell, Figure, Rule, population::Place};

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
        for line in lines(release, number) {
            for &total in &line {
                let code = |at: usize| release[at].codes[number];
                let below: Vec<usize> = line
                    .iter()
                    .copied()
                    .filter(|at| axis.contains(code(total), code(*at)))
                    .collect();
                let outermost =
                    |at: &usize| !below.iter().any(|other| axis.contains(code(*other), code(*at)));
                let parts: Vec<usize> = below.iter().copied().filter(outermost).collect();
                let crossing = |(at, one): (usize, &usize)| {
                    parts[at + 1..].iter().any(|other| !axis.disjoint(code(*one), code(*other)))
                };
                if parts.is_empty() || parts.iter().enumerate().any(crossing) {
                    continue;
                }
                let counts: Vec<_> = parts.iter().map(|at| count(&release[*at])).collect();
                let rest = match (count(&release[total]), counts.into_iter().sum::<Option<u64>>()) {
                    (Some(total), Some(parts)) => total.checked_sub(parts),
                    _ => Some(0).filter(|_| assuming),
                };
                match rest {
                    Some(0) => {
                        let taken: BTreeSet<u16> =
                            parts.iter().flat_map(|at| axis.kinds(code(*at)).to_vec()).collect();
                        for kind in
                            axis.kinds(code(total)).iter().filter(|kind| !taken.contains(kind))
                        {
                            let mut place = release[total].codes.clone();
                            place[number] = *kind;
                            empty.insert(place);
                        }
                    }
                    Some(rest) if rest < rule.threshold => small.push(Rest { total, parts }),
                    _ => {}
                }
            }
        }
    }
    small
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

fn count(cell: &Cell) -> Option<u64> {
    match cell.figure {
        Figure::Given(count) => Some(count),
        Figure::Withheld(count) => count,
    }
}
