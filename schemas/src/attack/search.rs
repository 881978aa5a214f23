//! What programmes tell of counts: one for as many as it clears.

use super::{
    Contradiction, Interval,
    bounds::Bounds,
    programme::{Goal, OFF, Programme, Solution},
};

/// What is told of a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// That it is within an interval: one that was reached where that tells too little, else
    /// all that is left.
    Within(Interval),
    /// It was not found out.
    Unknown,
}

/// What is told of some variables, by programmes of up to `unknown` counts.
pub(super) fn intervals(
    bounds: &Bounds,
    secret: &[u32],
    threshold: u64,
    unknown: usize,
) -> Result<Vec<Told>, Contradiction> {
    let narrowed = |variable: &u32| bounds.intervals[*variable as usize];
    let mut found: Vec<Told> = secret.iter().map(|each| Told::Within(narrowed(each))).collect();
    for component in bounds.components() {
        let within = |each: &u32| component.binary_search(each).ok();
        let wanted: Vec<(usize, usize)> = secret
            .iter()
            .enumerate()
            .filter(|(_, variable)| narrowed(variable).hides(threshold))
            .filter(|(_, variable)| narrowed(variable).least < threshold)
            .filter_map(|(at, variable)| Some((at, within(variable)?)))
            .collect();
        if wanted.is_empty() {
            continue;
        }
        if component.len() > unknown {
            wanted.iter().for_each(|(at, _)| found[*at] = Told::Unknown);
            continue;
        }
        let mut search = Search::new(bounds, &component);
        let variables: Vec<usize> = wanted.iter().map(|(_, variable)| *variable).collect();
        let told = search.clear(&variables, threshold)?;
        for ((at, _), told) in wanted.iter().zip(told) {
            found[*at] = told.map_or(Told::Unknown, Told::Within);
        }
    }
    Ok(found)
}

/// The interval of each of some variables.
#[cfg(test)]
pub(super) fn all_of(
    bounds: &Bounds,
    secret: &[u32],
) -> Result<Vec<Option<Interval>>, Contradiction> {
    let mut found: Vec<Option<Interval>> =
        secret.iter().map(|each| Some(bounds.intervals[*each as usize])).collect();
    for component in bounds.components() {
        let search = Search::new(bounds, &component);
        for (at, variable) in secret.iter().enumerate() {
            if let Ok(variable) = component.binary_search(variable) {
                found[at] = search.interval(variable)?;
            }
        }
    }
    Ok(found)
}

/// The counts of a component, each from its least on.
struct Search {
    programme: Programme,
    least: Vec<u64>,
    /// Above every count that sums bound.
    beyond: f64,
    /// What some population has, above the least.
    reached: Vec<(f64, f64)>,
}

#[allow(clippy::cast_precision_loss, reason = "counts are below 2^53")]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "no count is negative")]
impl Search {
    fn new(bounds: &Bounds, component: &[u32]) -> Self {
        let interval = |variable: u32| bounds.intervals[variable as usize];
        let mut sums = vec![];
        for sum in bounds.sums_of(component) {
            let (mut terms, mut known) = (vec![], 0.0);
            let signed = sum.parts.iter().map(|part| (*part, -1.0)).chain([(sum.total, 1.0)]);
            for (variable, sign) in signed {
                known -= sign * interval(variable).least as f64;
                if let Ok(place) = component.binary_search(&variable) {
                    terms.push((place, sign));
                }
            }
            sums.push((terms, known));
        }
        let most = component.iter().map(|variable| {
            let first = bounds.first[*variable as usize].greatest;
            (first != u64::MAX).then(|| (first - interval(*variable).least) as f64)
        });
        let most = most.collect();
        let known = sums.iter().map(|(_, known): &(_, f64)| known.abs());
        Self {
            least: component.iter().map(|variable| interval(*variable).least).collect(),
            beyond: known.fold(1_000.0, f64::max) * 2.0,
            programme: Programme::new(most, sums),
            reached: vec![(f64::INFINITY, f64::NEG_INFINITY); component.len()],
        }
    }

    /// What of some variables may be told at most.
    fn clear(
        &mut self,
        wanted: &[usize],
        threshold: u64,
    ) -> Result<Vec<Option<Interval>>, Contradiction> {
        let small = threshold as f64 - 1.0;
        let up = |search: &Self, variable: usize| {
            let far_enough = (small + 1.0 - search.least[variable] as f64).max(0.0);
            (search.reached[variable].1 < far_enough - OFF).then_some(Goal {
                variable,
                up: true,
                far_enough,
            })
        };
        self.pursue(wanted, up)?;
        let down = |search: &Self, variable: usize| {
            let (low, high) = search.reached[variable];
            let far_enough = (high - small).max(0.0);
            (low > far_enough + OFF).then_some(Goal { variable, up: false, far_enough })
        };
        self.pursue(wanted, down)?;
        // What cannot go down that far may go up farther.
        let farther = |search: &Self, variable: usize| {
            let (low, high) = search.reached[variable];
            (high - low < small - OFF).then_some(Goal {
                variable,
                up: true,
                far_enough: low + small,
            })
        };
        self.pursue(wanted, farther)?;
        let told = wanted.iter().map(|variable| {
            let reached = self.rounded(self.reached[*variable], *variable);
            if reached.hides(threshold) { Ok(Some(reached)) } else { self.interval(*variable) }
        });
        told.collect()
    }

    /// Solves for all goals at once; then for some that are not reached and do not stand in each
    /// other's way, until all were tried; then for each of those left by itself.
    fn pursue(
        &mut self,
        wanted: &[usize],
        goal: impl Fn(&Self, usize) -> Option<Goal>,
    ) -> Result<(), Contradiction> {
        let mut open = wanted.to_vec();
        let mut hard = vec![];
        self.go(&open, &goal)?;
        while !open.is_empty() {
            open.retain(|variable| goal(self, *variable).is_some());
            let some = self.programme.apart(&open);
            self.go(&some, &goal)?;
            open.retain(|variable| some.binary_search(variable).is_err());
            hard.extend(some);
        }
        hard.iter().try_for_each(|variable| self.go(&[*variable], &goal))
    }

    /// Solves for these of which the goal is not reached.
    fn go(
        &mut self,
        variables: &[usize],
        goal: impl Fn(&Self, usize) -> Option<Goal>,
    ) -> Result<(), Contradiction> {
        let goals: Vec<Goal> = variables.iter().filter_map(|each| goal(self, *each)).collect();
        if !goals.is_empty()
            && let Some(Solution { counts, .. }) = self.programme.solve(&goals)?
        {
            for ((low, high), count) in self.reached.iter_mut().zip(&counts) {
                (*low, *high) = (low.min(*count), high.max(*count));
            }
        }
        Ok(())
    }

    /// The interval of one variable; none where its programmes did not end.
    fn interval(&self, variable: usize) -> Result<Option<Interval>, Contradiction> {
        let end = |up| {
            let far_enough = if up { self.beyond } else { 0.0 };
            let solution = self.programme.solve(&[Goal { variable, up, far_enough }])?;
            Ok(solution.filter(|solution| solution.best).map(|solution| solution.counts[variable]))
        };
        let (Some(low), Some(high)) = (end(false)?, end(true)?) else { return Ok(None) };
        Ok(Some(self.rounded((low, high), variable)))
    }

    /// The whole numbers within.
    fn rounded(&self, (low, high): (f64, f64), variable: usize) -> Interval {
        let least = self.least[variable];
        let greatest = match high {
            high if high >= self.beyond - 1.0 => u64::MAX,
            high => least + (high + OFF).floor().max(0.0) as u64,
        };
        Interval { least: least + (low - OFF).ceil().max(0.0) as u64, greatest }
    }
}
