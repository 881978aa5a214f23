//! What an attacker can compute: the least and the greatest value that a withheld cell can
//! have, by linear programming over everything that was given out.
//!
//! A dense simplex in two phases with Bland's rule (which cannot cycle). The tables it is
//! asked about have some tens of cells; it is written for clarity and shares nothing with the
//! gateway's own disclosure control.

/// Below this a number counts as zero.
const TINY: f64 = 1e-9;

/// `Σ coefficient × variable  relation  constant`, over variables that are not negative.
#[derive(Debug, Clone)]
pub struct Constraint {
    /// Variable and coefficient.
    pub terms: Vec<(usize, f64)>,
    /// How the sum stands to the constant.
    pub relation: Relation,
    /// The constant.
    pub constant: f64,
}

/// How a sum stands to a constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// Equal to it.
    Equal,
    /// At most it.
    AtMost,
}

/// The least and greatest value of a variable.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// Least.
    pub least: f64,
    /// Greatest; infinite where nothing bounds it.
    pub greatest: f64,
}

impl Bounds {
    /// The bounds on a count: whole numbers.
    #[must_use]
    pub fn whole(self) -> Self {
        Self { least: (self.least - 1e-6).ceil(), greatest: (self.greatest + 1e-6).floor() }
    }
}

/// The bounds of `variable` among `variables` under `constraints`; none when they contradict
/// each other.
#[must_use]
pub fn bounds(variable: usize, variables: usize, constraints: &[Constraint]) -> Option<Bounds> {
    let start = Tableau::feasible(variables, constraints)?;
    let least = -start.clone().maximise(variable, -1.0);
    Some(Bounds { least, greatest: start.maximise(variable, 1.0) })
}

/// Rows `basis + Σ … = constant`; the last column holds the constants.
#[derive(Clone)]
struct Tableau {
    rows: Vec<Vec<f64>>,
    basis: Vec<usize>,
    columns: usize,
}

impl Tableau {
    fn feasible(variables: usize, constraints: &[Constraint]) -> Option<Self> {
        let slacks = constraints.iter().filter(|c| c.relation == Relation::AtMost).count();
        let real = variables + slacks;
        let columns = real + constraints.len();
        let mut slack = variables;
        let mut rows = Vec::new();
        for (place, constraint) in constraints.iter().enumerate() {
            let mut row = vec![0.0; columns + 1];
            for (variable, coefficient) in &constraint.terms {
                row[*variable] += coefficient;
            }
            if constraint.relation == Relation::AtMost {
                row[slack] = 1.0;
                slack += 1;
            }
            row[columns] = constraint.constant;
            if constraint.constant < 0.0 {
                row.iter_mut().for_each(|cell| *cell = -*cell);
            }
            row[real + place] = 1.0;
            rows.push(row);
        }
        let basis = (real..columns).collect();
        let mut tableau = Self { rows, basis, columns };
        // Phase one: drive the artificial variables, one per row, down to nothing.
        let mut goal = vec![0.0; columns + 1];
        goal[real..columns].fill(-1.0);
        if tableau.optimise(&goal) < -1e-6 {
            return None;
        }
        tableau.forget_artificials(real);
        Some(tableau)
    }

    /// Pivots artificial variables out of the basis, drops redundant rows and their columns.
    fn forget_artificials(&mut self, real: usize) {
        for row in (0..self.rows.len()).rev() {
            if self.basis[row] < real {
                continue;
            }
            match (0..real).find(|column| self.rows[row][*column].abs() > TINY) {
                Some(column) => self.pivot(row, column),
                None => {
                    self.rows.remove(row);
                    self.basis.remove(row);
                }
            }
        }
        for row in &mut self.rows {
            row.drain(real..self.columns);
        }
        self.columns = real;
    }

    fn maximise(mut self, variable: usize, sign: f64) -> f64 {
        let mut goal = vec![0.0; self.columns + 1];
        goal[variable] = sign;
        self.optimise(&goal)
    }

    /// The greatest value of `goal`; infinite where it has none.
    fn optimise(&mut self, goal: &[f64]) -> f64 {
        loop {
            let enters = (0..self.columns).find(|column| self.gain(goal, *column) > TINY);
            let Some(column) = enters else {
                return self
                    .basis
                    .iter()
                    .zip(&self.rows)
                    .map(|(b, r)| goal[*b] * r[self.columns])
                    .sum();
            };
            let ratio = |row: &usize| self.rows[*row][self.columns] / self.rows[*row][column];
            let leaves =
                (0..self.rows.len()).filter(|row| self.rows[*row][column] > TINY).min_by(|a, b| {
                    ratio(a).total_cmp(&ratio(b)).then(self.basis[*a].cmp(&self.basis[*b]))
                });
            let Some(row) = leaves else { return f64::INFINITY };
            self.pivot(row, column);
        }
    }

    fn gain(&self, goal: &[f64], column: usize) -> f64 {
        let spent: f64 = self.basis.iter().zip(&self.rows).map(|(b, r)| goal[*b] * r[column]).sum();
        goal[column] - spent
    }

    fn pivot(&mut self, row: usize, column: usize) {
        let divisor = self.rows[row][column];
        self.rows[row].iter_mut().for_each(|cell| *cell /= divisor);
        let pivot = self.rows[row].clone();
        for (other, cells) in self.rows.iter_mut().enumerate() {
            let factor = cells[column];
            if other != row && factor != 0.0 {
                cells.iter_mut().zip(&pivot).for_each(|(cell, by)| *cell -= factor * by);
            }
        }
        self.basis[row] = column;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sum(parts: &[usize], relation: Relation, constant: f64) -> Constraint {
        let terms = parts.iter().map(|part| (*part, 1.0)).collect();
        Constraint { terms, relation, constant }
    }

    #[test]
    fn one_unknown_part_of_a_known_total_is_pinned() {
        // 2023: men 13, total 17: women are 4.
        let given = [sum(&[0, 1], Relation::Equal, 17.0), sum(&[0], Relation::Equal, 13.0)];
        assert_eq!(bounds(1, 2, &given), Some(Bounds { least: 4.0, greatest: 4.0 }));
    }

    #[test]
    fn two_unknown_parts_share_the_rest() {
        let given = [sum(&[0, 1], Relation::Equal, 11.0)];
        assert_eq!(bounds(0, 2, &given), Some(Bounds { least: 0.0, greatest: 11.0 }));
        let at_least_one =
            Constraint { terms: vec![(1, -1.0)], relation: Relation::AtMost, constant: -1.0 };
        let given = [given[0].clone(), at_least_one];
        assert_eq!(bounds(0, 2, &given), Some(Bounds { least: 0.0, greatest: 10.0 }));
    }

    #[test]
    fn what_nothing_bounds_is_endless_and_contradictions_are_told() {
        assert_eq!(bounds(0, 1, &[]).map(|bounds| bounds.greatest), Some(f64::INFINITY));
        let given = [sum(&[0], Relation::Equal, 1.0), sum(&[0], Relation::AtMost, 0.0)];
        assert_eq!(bounds(0, 1, &given), None);
    }

    proptest! {
        /// Against plain enumeration: a two-way table whose margins are known.
        #[test]
        fn bounds_are_those_of_all_tables(cells in prop::array::uniform6(0u8..5)) {
            let c = cells.map(f64::from);
            let lines = [vec![0, 1, 2], vec![3, 4, 5], vec![0, 3], vec![1, 4], vec![2, 5]];
            let given: Vec<Constraint> = lines
                .iter()
                .map(|line| sum(line, Relation::Equal, line.iter().map(|i| c[*i]).sum()))
                .collect();
            let (mut least, mut greatest) = (f64::INFINITY, 0.0f64);
            let rows = (c[0] + c[1] + c[2]) as i32;
            let columns = [c[0] + c[3], c[1] + c[4], c[2] + c[5]].map(|sum| sum as i32);
            for a in 0..=rows.min(columns[0]) {
                for b in 0..=(rows - a).min(columns[1]) {
                    if (0..=columns[2]).contains(&(rows - a - b)) {
                        least = least.min(f64::from(a));
                        greatest = greatest.max(f64::from(a));
                    }
                }
            }
            let found = bounds(0, 6, &given).unwrap().whole();
            prop_assert_eq!(found, Bounds { least, greatest });
        }
    }
}
