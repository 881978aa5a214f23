//! Which axes have to be thought of together.

use std::collections::{BTreeSet, HashMap};

use super::{Axis, population::Place};

type Axes = BTreeSet<usize>;

/// The axes along which cells are divided together, each set with the cells in which it meets
/// others. By sex and age, and by sex and region: two sets that meet in the sexes. Where the sets
/// form a circle (an attacker who took each by itself would take populations for possible that are
/// not), all axes are one set. None if more than `largest` cells come of it.
pub(super) fn tables(
    axes: &[Axis],
    details: &BTreeSet<Axes>,
    largest: usize,
) -> Option<Vec<(Axes, Vec<Place>)>> {
    let widest =
        |detail: &&Axes| !details.iter().any(|other| other.is_superset(detail) && other != *detail);
    let mut sets: Vec<Axes> = details.iter().filter(widest).cloned().collect();
    if !is_acyclic(&sets) {
        sets = vec![sets.iter().flatten().copied().collect()];
    }
    let size = |set: &Axes| {
        set.iter().try_fold(1_usize, |size, axis| size.checked_mul(axes[*axis].width()))
    };
    let sizes = sets.iter().map(size).collect::<Option<Vec<_>>>()?;
    if sizes.iter().any(|size| *size > largest) {
        return None;
    }
    let meeting = |set: &Axes| {
        let others = sets.iter().filter(|other| *other != set);
        let common: BTreeSet<Axes> = others.map(|other| set & other).collect();
        common.iter().flat_map(|common| kinds(axes, common)).collect()
    };
    Some(sets.iter().map(|set| (set.clone(), meeting(set))).collect())
}

/// Every cell of kinds along some axes.
fn kinds(axes: &[Axis], along: &Axes) -> Vec<Place> {
    along.iter().fold(vec![vec![0; axes.len()].into()], |places: Vec<Place>, axis| {
        let divided = |place: &Place| {
            let place = place.clone();
            axes[*axis]
                .kinds(0)
                .iter()
                .map(move |kind| {
                    let mut part = place.clone();
                    part[*axis] = *kind;
                    part
                })
                .collect::<Vec<_>>()
        };
        places.iter().flat_map(divided).collect()
    })
}

/// Can sets be taken away one by one, each meeting the others within a single one of them
/// (Graham; Yu and Özsoyoğlu)?
fn is_acyclic(sets: &[Axes]) -> bool {
    let mut sets = sets.to_vec();
    loop {
        let mut times: HashMap<usize, usize> = HashMap::new();
        sets.iter().flatten().for_each(|axis| *times.entry(*axis).or_default() += 1);
        let ear = (0..sets.len()).find(|at| {
            let shared: Axes = sets[*at].iter().copied().filter(|axis| times[axis] > 1).collect();
            (0..sets.len()).any(|other| other != *at && shared.is_subset(&sets[other]))
        });
        match ear {
            Some(ear) => drop(sets.swap_remove(ear)),
            None => return sets.len() <= 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circles_are_told_from_trees() {
        let sets = |sets: &[&[usize]]| -> Vec<Axes> {
            sets.iter().map(|set| set.iter().copied().collect()).collect()
        };
        assert!(is_acyclic(&sets(&[&[0, 1], &[1, 2], &[1, 3]])));
        assert!(is_acyclic(&sets(&[&[0], &[1]])));
        assert!(!is_acyclic(&sets(&[&[0, 1], &[1, 2], &[2, 0]])));
        assert!(is_acyclic(&sets(&[&[0, 1, 2], &[2, 3], &[3, 4, 0, 2]])));
    }
}
