//! What programmes tell of counts: one for as many as it clears.

use std::collections::HashMap;

use super::{
    Contradiction, Effort, Interval,
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

/// What is told of some variables of these components.
pub(super) fn intervals(
    bounds: &Bounds,
    components: &[Vec<u32>],
    secret: &[u32],
    threshold: u64,
    effort: &mut Effort,
) -> Result<Vec<Told>, Contradiction> {
    let narrowed = |variable: u32| bounds.intervals[variable as usize];
    let mut found: Vec<Told> = secret.iter().map(|each| Told::Within(narrowed(*each))).collect();
    let mut open: HashMap<u32, Vec<usize>> = HashMap::new();
    for (at, variable) in secret.iter().enumerate() {
        if narrowed(*variable).hides(threshold) && narrowed(*variable).least < threshold {
            open.entry(*variable).or_default().push(at);
        }
    }
    for component in components {
        let wanted = component.iter().enumerate().filter(|(_, each)| open.contains_key(each));
        let wanted: Vec<usize> = wanted.map(|(place, _)| place).collect();
        let told = match component.len() > effort.unknown {
            true => vec![None; wanted.len()],
            false if wanted.is_empty() => vec![],
            false => Search::new(bounds, component, &mut effort.work).clear(&wanted, threshold)?,
        };
        for (place, told) in wanted.iter().zip(told) {
            for at in open.get(&component[*place]).into_iter().flatten() {
                found[*at] = told.map_or(Told::Unknown, Told::Within);
            }
        }
    }
    Ok(found)
}

/// The interval of each of some variables.
#[cfg(test)]
pub(super) fn all_of(
    bounds: &Bounds,
    components: &[Vec<u32>],
    secret: &[u32],
) -> Result<Vec<Option<Interval>>, Contradiction> {
    let mut found: Vec<Option<Interval>> =
        secret.iter().map(|each| Some(bounds.intervals[*each as usize])).collect();
    let mut work = usize::MAX;
    for component in components {
        let mut search = Search::new(bounds, component, &mut work);
        for (at, variable) in secret.iter().enumerate() {
            if let Ok(variable) = component.binary_search(variable) {
                found[at] = search.interval(variable)?;
            }
        }
    }
    Ok(found)
}

/// The counts of a component, each from its least on.
struct Search<'a> {
    programme: Programme,
    /// The work that is left to do.
    work: &'a mut usize,
    least: Vec<u64>,
    /// Above every count that sums bound.
    beyond: f64,
    /// What some population has, above the least.
    reached: Vec<(f64, f64)>,
}

#[allow(clippy::cast_precision_loss, reason = "counts are below 2^53")]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "no count is negative")]
impl<'a> Search<'a> {
    fn new(bounds: &Bounds, component: &[u32], work: &'a mut usize) -> Self {
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
            work,
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
            let (low, high) = self.reached[*variable];
            let reached = (low <= high).then(|| self.rounded((low, high), *variable));
            match reached.filter(|reached| reached.hides(threshold)) {
                Some(reached) => Ok(Some(reached)),
                None => self.interval(*variable),
            }
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
        while !open.is_empty() && *self.work >= self.least.len() {
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
            && let Some(Solution { counts, .. }) = self.solve(&goals)?
        {
            for ((low, high), count) in self.reached.iter_mut().zip(&counts) {
                (*low, *high) = (low.min(*count), high.max(*count));
            }
        }
        Ok(())
    }

    /// Solves, as long as there is work left to do.
    fn solve(&mut self, goals: &[Goal]) -> Result<Option<Solution>, Contradiction> {
        let Some(left) = self.work.checked_sub(self.least.len()) else { return Ok(None) };
        *self.work = left;
        self.programme.solve(goals)
    }

    /// The interval of one variable; none where its programmes did not end.
    fn interval(&mut self, variable: usize) -> Result<Option<Interval>, Contradiction> {
        let mut end = |up| {
            let far_enough = if up { self.beyond } else { 0.0 };
            let solution = self.solve(&[Goal { variable, up, far_enough }])?;
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
