//! Linear programmes over the counts that sums tie together, solved by an interior point method.

use clarabel::{
    algebra::CscMatrix,
    solver::{
        DefaultSettingsBuilder, DefaultSolver, IPSolver, NonnegativeConeT, SolverStatus, ZeroConeT,
    },
};

use super::Contradiction;

/// How far a solution may be off, in counts.
pub(super) const OFF: f64 = 0.01;

/// Places and signs, and what they add up to.
pub(super) type Terms = (Vec<(usize, f64)>, f64);

/// Counts, each from 0 on, and the sums that they have.
pub(super) struct Programme {
    /// Bounds of the counts that do not follow from sums.
    pub(super) most: Vec<Option<f64>>,
    pub(super) sums: Vec<Terms>,
    /// The places of a count's sums.
    sums_of: Vec<Vec<usize>>,
}

/// Where a count shall go, and how far at most.
#[derive(Clone, Copy)]
pub(super) struct Goal {
    pub(super) variable: usize,
    pub(super) up: bool,
    pub(super) far_enough: f64,
}

/// A population.
pub(super) struct Solution {
    pub(super) counts: Vec<f64>,
    /// Is there none that does better?
    pub(super) best: bool,
}

impl Programme {
    pub(super) fn new(most: Vec<Option<f64>>, sums: Vec<Terms>) -> Self {
        let mut sums_of = vec![vec![]; most.len()];
        for (number, (terms, _)) in sums.iter().enumerate() {
            terms.iter().for_each(|(place, _)| sums_of[*place].push(number));
        }
        Self { most, sums, sums_of }
    }

    /// A population that comes nearest to the goals; none where the programme did not end.
    pub(super) fn solve(&self, goals: &[Goal]) -> Result<Option<Solution>, Contradiction> {
        let size = self.most.len();
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
        let Rows { row, column, sign, right } = rows;
        let matrix = CscMatrix::new_from_triplets(right.len(), width, row, column, sign);
        let square = CscMatrix::zeros((width, width));
        let Ok(settings) = DefaultSettingsBuilder::default().verbose(false).build() else {
            return Ok(None);
        };
        let solver = DefaultSolver::new(&square, &costs, &matrix, &right, &cones, settings);
        let Ok(mut solver) = solver else { return Ok(None) };
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
        let adds_up = |(terms, known): &Terms| {
            let sum: f64 = terms.iter().map(|(place, sign)| sign * counts[*place]).sum();
            (sum - known).abs() <= OFF
        };
        let within = |(count, most): (&f64, &Option<f64>)| {
            *count >= -OFF && most.is_none_or(|most| *count <= most + OFF)
        };
        counts.iter().zip(&self.most).all(within) && self.sums.iter().all(adds_up)
    }

    /// Some of these, in their order, of which no two are tied by two sums.
    pub(super) fn apart(&self, variables: &[usize]) -> Vec<usize> {
        let mut taken = vec![false; self.most.len()];
        let mut chosen = vec![];
        for &variable in variables {
            let sums = self.sums_of[variable].iter();
            let tied = sums.flat_map(|sum| self.sums[*sum].0.iter().map(|(other, _)| *other));
            let near: Vec<usize> = tied.chain([variable]).collect();
            if !near.iter().any(|other| taken[*other]) {
                near.into_iter().for_each(|other| taken[other] = true);
                chosen.push(variable);
            }
        }
        chosen
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
