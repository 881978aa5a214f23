//! What is left when intervals stand: linear programmes, one for as many cells as it clears.

use clarabel::{
    algebra::CscMatrix,
    solver::{
        DefaultSettingsBuilder, DefaultSolver, IPSolver, NonnegativeConeT, SolverStatus, ZeroConeT,
    },
};

use super::{Contradiction, Interval, bounds::Bounds};

/// How far a solution may be off, in counts.
const OFF: f64 = 0.01;

/// What is told of a variable.
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

/// A component as a programme: every variable counts from its least on.
struct Search {
    least: Vec<u64>,
    /// Bounds that do not follow from sums.
    most: Vec<Option<f64>>,
    /// Places and signs, and what they add up to.
    sums: Vec<(Vec<(usize, f64)>, f64)>,
    /// The places of a variable's sums.
    sums_of: Vec<Vec<usize>>,
    /// Above every count that sums bound.
    beyond: f64,
    /// What some population has, above the least.
    reached: Vec<(f64, f64)>,
}

/// Where a variable shall go, and how far at most.
#[derive(Clone, Copy)]
struct Goal {
    variable: usize,
    up: bool,
    far_enough: f64,
}

/// A population, or what became of it.
struct Solution {
    counts: Vec<f64>,
    /// Is there none that does better?
    best: bool,
}

#[allow(clippy::cast_precision_loss, reason = "counts are below 2^53")]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts are not negative"
)]
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
        let mut sums_of = vec![vec![]; component.len()];
        for (number, (terms, _)) in sums.iter().enumerate() {
            terms.iter().for_each(|(place, _): &(usize, f64)| sums_of[*place].push(number));
        }
        let most = component.iter().map(|variable| {
            let first = bounds.first[*variable as usize].greatest;
            (first != u64::MAX).then(|| (first - interval(*variable).least) as f64)
        });
        let known = sums.iter().map(|(_, known)| known.abs());
        Self {
            least: component.iter().map(|variable| interval(*variable).least).collect(),
            most: most.collect(),
            beyond: known.fold(1_000.0, f64::max) * 2.0,
            sums,
            sums_of,
            reached: vec![(f64::INFINITY, f64::NEG_INFINITY); component.len()],
        }
    }

    /// What of some variables may be told at most.
    fn clear(
        &mut self,
        wanted: &[usize],
        threshold: u64,
    ) -> Result<Vec<Option<Interval>>, Contradiction> {
        let up = |search: &Self, variable: usize| {
            let least = search.least[variable] as f64;
            let far_enough = (threshold as f64 - least).max(0.0);
            (search.reached[variable].1 < far_enough - OFF).then_some(Goal {
                variable,
                up: true,
                far_enough,
            })
        };
        self.pursue(wanted, up)?;
        let wide = |search: &Self, variable: usize| {
            let (low, high) = search.reached[variable];
            let far_enough = high - (threshold as f64 - 1.0);
            (low > far_enough + OFF).then_some(Goal {
                variable,
                up: false,
                far_enough: far_enough.max(0.0),
            })
        };
        self.pursue(wanted, wide)?;
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
            let some = self.apart(&open);
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
        if goals.is_empty() {
            return Ok(());
        }
        if let Some(solution) = self.solve(&goals)? {
            for (reached, count) in self.reached.iter_mut().zip(&solution.counts) {
                *reached = (reached.0.min(*count), reached.1.max(*count));
            }
        }
        Ok(())
    }

    /// Some of these, ascending, no two of which are tied by two sums.
    fn apart(&self, variables: &[usize]) -> Vec<usize> {
        let mut taken = vec![false; self.least.len()];
        let mut chosen = vec![];
        for &variable in variables {
            let sums = self.sums_of[variable].iter();
            let near: Vec<usize> = sums
                .flat_map(|sum| self.sums[*sum].0.iter().map(|(other, _)| *other))
                .chain([variable])
                .collect();
            if !near.iter().any(|other| taken[*other]) {
                near.into_iter().for_each(|other| taken[other] = true);
                chosen.push(variable);
            }
        }
        chosen
    }

    /// The interval of one variable; none where its programmes did not end.
    fn interval(&self, variable: usize) -> Result<Option<Interval>, Contradiction> {
        let end = |up| {
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

    /// A population that comes nearest to the goals; none where the programme did not end.
    fn solve(&self, goals: &[Goal]) -> Result<Option<Solution>, Contradiction> {
        let size = self.least.len();
        let mut rows = Rows::default();
        for (terms, known) in &self.sums {
            rows.add(terms, *known);
        }
        let sums = rows.right.len();
        for (variable, most) in self.most.iter().enumerate() {
            rows.add(&[(variable, -1.0)], 0.0);
            if let Some(most) = most {
                rows.add(&[(variable, 1.0)], *most);
            }
        }
        // A goal's own variable is how far it got: neither past its count nor past enough.
        for (at, Goal { variable, up, far_enough }) in goals.iter().enumerate() {
            let sign = if *up { 1.0 } else { -1.0 };
            rows.add(&[(size + at, 1.0), (*variable, -sign)], 0.0);
            rows.add(&[(size + at, 1.0)], sign * far_enough);
        }
        let width = size + goals.len();
        let costs: Vec<f64> = (0..width).map(|at| if at < size { 0.0 } else { -1.0 }).collect();
        let cones = [ZeroConeT(sums), NonnegativeConeT(rows.right.len() - sums)];
        let Ok(settings) = DefaultSettingsBuilder::default().verbose(false).build() else {
            return Ok(None);
        };
        let matrix =
            CscMatrix::new_from_triplets(rows.right.len(), width, rows.row, rows.column, rows.sign);
        let square = CscMatrix::zeros((width, width));
        let Ok(mut solver) =
            DefaultSolver::new(&square, &costs, &matrix, &rows.right, &cones, settings)
        else {
            return Ok(None);
        };
        solver.solve();
        let counts = solver.solution.x[..size].to_vec();
        match solver.solution.status {
            SolverStatus::PrimalInfeasible => Err(Contradiction),
            status => {
                let best = matches!(status, SolverStatus::Solved | SolverStatus::AlmostSolved);
                Ok(self.explains(&counts).then_some(Solution { counts, best }))
            }
        }
    }

    /// Is it a population, but for how far a solution may be off?
    fn explains(&self, counts: &[f64]) -> bool {
        let adds_up = |(terms, known): &(Vec<(usize, f64)>, f64)| {
            let sum: f64 = terms.iter().map(|(place, sign)| sign * counts[*place]).sum();
            (sum - known).abs() <= OFF
        };
        counts.iter().all(|count| *count >= -OFF) && self.sums.iter().all(adds_up)
    }
}

/// The rows of a programme, as triplets.
#[derive(Default)]
struct Rows {
    row: Vec<usize>,
    column: Vec<usize>,
    sign: Vec<f64>,
    right: Vec<f64>,
}

impl Rows {
    fn add(&mut self, terms: &[(usize, f64)], right: f64) {
        for (column, sign) in terms {
            self.row.push(self.right.len());
            self.column.push(*column);
            self.sign.push(*sign);
        }
        self.right.push(right);
    }
}
