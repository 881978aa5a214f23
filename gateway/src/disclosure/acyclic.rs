//! Whether the sums that are there are all that ties the breakdowns of a table: they form an acyclic
//! hypergraph, and have the margins in which they meet. The first is tried by the reduction of
//! Graham, Yu and Özsoyoğlu: what occurs in one set only is taken out of it, a set that is part of
//! another is taken out, and nothing is left.

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

/// Are these breakdowns tied by margins among them? Each leads to every one that contains it by
/// dividing further along one dimension after the other; and what any two of the greatest have in
/// common is there.
pub(super) fn is_tied(details: &BTreeSet<Detail>) -> bool {
    let is_greatest =
        |one: &&Detail| details.iter().all(|other| *one == other || !one.within(*other));
    let greatest: Vec<&Detail> = details.iter().filter(is_greatest).collect();
    let common = |one: &Detail, other: &Detail| -> Detail {
        one.iter().filter(|breakdown| other.has(*breakdown)).collect()
    };
    let meet = |one: &&Detail| greatest.iter().all(|other| details.contains(&common(one, other)));
    let leads_to = |one: &Detail, other: &Detail| {
        let mut further = other.iter().filter(|breakdown| !one.has(*breakdown));
        one == other || further.any(|breakdown| details.contains(&one.with(breakdown)))
    };
    let leads_up = |one: &Detail| {
        let mut above = details.iter().filter(|other| one.within(**other));
        above.all(|other| leads_to(one, other))
    };
    greatest.iter().all(meet) && details.iter().all(leads_up)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acyclic(sets: &[&[Breakdown]]) -> bool {
        is_acyclic(&sets.iter().map(|set| set.iter().copied().collect()).collect())
    }

    #[test]
    fn margins_that_tie_nothing_need_not_be_there() {
        use Breakdown::{Age, Reason, Sex};
        let tied = |sets: &[&[Breakdown]]| {
            is_tied(&sets.iter().map(|set| set.iter().copied().collect()).collect())
        };
        assert!(tied(&[&[], &[Reason], &[Reason, Age], &[Reason, Age, Sex]]));
        assert!(tied(&[&[], &[Reason], &[Reason, Age], &[Reason, Sex]]));
        assert!(!tied(&[&[], &[Reason, Age]]), "a sum over two dimensions");
        assert!(!tied(&[&[], &[Reason], &[Reason, Age], &[Age, Sex], &[Sex]]), "ages in both");
        assert!(!tied(&[&[], &[Reason], &[Age], &[Reason, Age, Sex], &[Reason, Sex]]));
        let past_one = [&[][..], &[Age], &[Age, Sex], &[Age, Sex, Reason], &[Sex, Reason]];
        assert!(!tied(&past_one), "nothing leads to the last");
        assert!(tied(&[&[Sex]]) && tied(&[]));
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
