//! Populations that somebody else found, checked before they count.

use super::{Contradiction, Interval, bounds::Bounds};

/// Another population, as what differs from the true one: release, cell, and by how much.
pub type Alternative = Vec<(usize, usize, i64)>;

/// What each variable is in the true population and in those of `alternatives` that explain what
/// is published, where its true count is there to judge by. An alternative that does not is
/// passed over. Of `rounded` figures `truth` is the least that each may stand for: what is
/// withheld may be as much greater in all populations, and what is given out must not change.
///
/// # Errors
/// When the true counts do not add up themselves.
pub(super) fn reached(
    bounds: &Bounds,
    truth: &[Option<u64>],
    rounded: bool,
    alternatives: impl Iterator<Item = Vec<(u32, i64)>>,
) -> Result<Vec<Option<Interval>>, Contradiction> {
    if !rounded {
        let mut exact = bounds.clone();
        for (interval, count) in exact.intervals.iter_mut().zip(truth) {
            if let Some(count) = *count {
                *interval = Interval { least: count, greatest: count };
            }
        }
        exact.narrow()?;
    }
    let own = |count: &Option<u64>| count.map(|count| Interval { least: count, greatest: count });
    let mut reached: Vec<Option<Interval>> = truth.iter().map(own).collect();
    for mut changes in alternatives {
        changes.sort_unstable();
        changes.dedup();
        let Some(counts) = explains(bounds, truth, rounded, &changes) else { continue };
        for ((variable, _), count) in changes.iter().zip(counts) {
            if let Some(reached) = &mut reached[*variable as usize] {
                reached.least = reached.least.min(count);
                reached.greatest = reached.greatest.max(count);
            }
        }
    }
    Ok(reached)
}

/// The counts that changed variables have, if all sums hold as they did and nothing known changes.
fn explains(
    bounds: &Bounds,
    truth: &[Option<u64>],
    rounded: bool,
    changes: &[(u32, i64)],
) -> Option<Vec<u64>> {
    let change = |variable: u32| {
        let place = changes.binary_search_by_key(&variable, |(variable, _)| *variable);
        place.map_or(0, |place| i128::from(changes[place].1))
    };
    let once = changes.windows(2).all(|pair| pair[0].0 != pair[1].0);
    let variables: Vec<u32> = changes.iter().map(|(variable, _)| *variable).collect();
    let balanced = bounds
        .sums_of(&variables)
        .into_iter()
        .all(|sum| change(sum.total) == sum.parts.iter().map(|part| change(*part)).sum::<i128>());
    let counts = changes.iter().map(|(variable, change)| {
        let Interval { least, greatest } = bounds.first[*variable as usize];
        let count = truth[*variable as usize]?.checked_add_signed(*change)?;
        // How far from its figure a rounded count is, is not known: what is given out stays.
        let may_change = !rounded || greatest == u64::MAX;
        (may_change && (least..=greatest).contains(&count)).then_some(count)
    });
    (once && balanced).then(|| counts.collect())?
}
