//! Whether breakdowns form an acyclic hypergraph, by the reduction of Graham, Yu and Özsoyoğlu:
//! what occurs in one set only is taken out of it, a set that is part of another is taken out,
//! and nothing is left.

use std::collections::BTreeSet;

use birge_schemas::detail::{Breakdown, Detail};

/// Are these breakdowns acyclic?
pub(super) fn is_acyclic(details: &BTreeSet<Detail>) -> bool {
    let mut sets: Vec<Detail> = details.iter().copied().collect();
    loop {
        let before = sets.clone();
        let shared =
            |breakdown: &Breakdown| sets.iter().filter(|set| set.has(*breakdown)).count() > 1;
        let shared: Detail = Breakdown::ALL.into_iter().filter(shared).collect();
        for set in &mut sets {
            *set = set.iter().filter(|breakdown| shared.has(*breakdown)).collect();
        }
        let mut kept: Vec<Detail> = vec![];
        while let Some(set) = sets.pop() {
            if !sets.iter().chain(&kept).any(|other| set.within(*other)) {
                kept.push(set);
            }
        }
        sets = kept;
        sets.sort_unstable();
        if sets.iter().all(|set| *set == Detail::TOTAL) {
            return true;
        }
        if sets == before {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acyclic(sets: &[&[Breakdown]]) -> bool {
        is_acyclic(&sets.iter().map(|set| set.iter().copied().collect()).collect())
    }

    #[test]
    fn a_circle_of_breakdowns_is_found() {
        use Breakdown::{Age, Citizenship, Region, Sex};
        assert!(acyclic(&[&[], &[Sex], &[Age], &[Region]]));
        assert!(acyclic(&[&[], &[Sex], &[Sex, Age], &[Sex, Region], &[Citizenship]]));
        assert!(acyclic(&[&[Sex, Age], &[Age, Region], &[Region, Citizenship]]));
        assert!(acyclic(&[&[Sex, Age], &[Age, Region], &[Region, Sex], &[Sex, Age, Region]]));
        assert!(!acyclic(&[&[Sex, Age], &[Age, Region], &[Region, Sex]]));
        assert!(!acyclic(&[
            &[Sex, Age],
            &[Age, Region],
            &[Region, Citizenship],
            &[Citizenship, Sex]
        ]));
        assert!(acyclic(&[]));
    }
}
