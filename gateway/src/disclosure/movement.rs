//! Other counts that the same sums would allow.
//!
//! A **move** is a whole number for each of some cells, such that adding them keeps every
//! relation: for each, `move(total) = Σ move(parts)`. Where all its cells are withheld and none
//! falls below its floor, the counts after it explain everything given out as well as the true
//! ones, so nobody can tell which of both is true. The cheapest move that changes a cell as
//! wanted is a linear programme: the sum of what each unit of change costs is least.

use std::collections::{BTreeMap, VecDeque};

use microlp::{ComparisonOp, LinearExpr, OptimizationDirection, Problem, SolveOptions, Variable};

use super::table::Table;

/// Whole changes of cells, ascending by cell, none of them zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move(Vec<(u32, i64)>);

impl Move {
    /// A move of these changes.
    #[must_use]
    pub fn new(mut changes: Vec<(u32, i64)>) -> Self {
        changes.retain(|(_, change)| *change != 0);
        changes.sort_unstable();
        Self(changes)
    }

    /// The cells and their changes.
    #[must_use]
    pub fn changes(&self) -> &[(u32, i64)] {
        &self.0
    }

    /// The change of a cell.
    #[must_use]
    pub fn of(&self, cell: u32) -> i64 {
        let place = self.0.binary_search_by_key(&cell, |(cell, _)| *cell);
        place.map_or(0, |place| self.0[place].1)
    }
}

/// The cheapest move of the cells `among` that changes `cell` by `change`. `price` is what one
/// unit of change of another cell costs; none where it must stay.
///
/// None where there is none among these cells, or none in whole numbers was found.
pub(super) fn cheapest(
    table: &Table,
    among: Vec<u32>,
    cell: u32,
    change: i64,
    price: &impl Fn(u32) -> Option<f64>,
) -> Option<Move> {
    let among = movable(table, among);
    among.binary_search(&cell).ok()?;
    [Numbers::Real, Numbers::Whole].into_iter().find_map(|numbers| {
        match solve(table, &among, cell, change, price, numbers) {
            Solved::Whole(found) => Some(Some(found)),
            Solved::InParts => None,
            Solved::Not => Some(None),
        }
    })?
}

/// What the changes are looked for among. Real ones are found faster, and mostly are whole.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Numbers {
    Real,
    Whole,
}

/// How many branches to look through for a solution in whole numbers, which need not be the
/// cheapest.
const BRANCHES: u64 = 200;
/// The greatest whole change looked for.
const GREATEST: i32 = 1 << 20;

/// Takes out every cell that alone would change in some relation, until there is none.
fn movable(table: &Table, mut among: Vec<u32>) -> Vec<u32> {
    let mut changing: BTreeMap<u32, u32> = BTreeMap::new();
    for relation in among.iter().flat_map(|cell| table.relations_of(*cell)) {
        *changing.entry(*relation).or_default() += 1;
    }
    let alone = changing.iter().filter(|(_, count)| **count == 1);
    let mut alone: VecDeque<u32> = alone.map(|(relation, _)| *relation).collect();
    let mut stays = vec![false; among.len()];
    while let Some(relation) = alone.pop_front() {
        let found = table
            .relation(relation)
            .cells()
            .find_map(|(cell, _)| among.binary_search(&cell).ok().filter(|place| !stays[*place]));
        let Some(place) = found else { continue };
        stays[place] = true;
        for relation in table.relations_of(among[place]) {
            if let Some(count) = changing.get_mut(relation) {
                *count -= 1;
                if *count == 1 {
                    alone.push_back(*relation);
                }
            }
        }
    }
    let mut stays = stays.into_iter();
    among.retain(|_| !stays.next().unwrap_or_default());
    among
}

/// What a cell gains and loses; it loses nothing where it is at its floor.
type Both = (Variable, Option<Variable>);

/// How a programme was solved.
enum Solved {
    Whole(Move),
    /// Its solution is not one of whole numbers.
    InParts,
    /// It has none, or the solver does not find it.
    Not,
}

#[allow(clippy::cast_precision_loss, reason = "counts are below 2^53, as the slice was checked")]
fn solve(
    table: &Table,
    among: &[u32],
    cell: u32,
    change: i64,
    price: &impl Fn(u32) -> Option<f64>,
    numbers: Numbers,
) -> Solved {
    let mut problem = Problem::new(OptimizationDirection::Minimize);
    let mut variables: BTreeMap<u32, Both> = BTreeMap::new();
    for other in among.iter().copied().filter(|other| *other != cell) {
        let Some(price) = price(other) else { continue };
        let room = table.cell(other).value.saturating_sub(table.smallness().floor);
        let mut upto = |most: u64| match numbers {
            Numbers::Real => problem.add_var(price, (0.0, most as f64)),
            Numbers::Whole => {
                let most = i32::try_from(most).map_or(GREATEST, |most| most.min(GREATEST));
                problem.add_integer_var(price, (0, most))
            }
        };
        let gains = upto(u64::MAX);
        let loses = (room > 0).then(|| upto(room));
        variables.insert(other, (gains, loses));
    }
    let mut relations: Vec<u32> =
        among.iter().flat_map(|cell| table.relations_of(*cell)).copied().collect();
    relations.sort_unstable();
    relations.dedup();
    for relation in relations {
        let (mut sum, mut known) = (LinearExpr::empty(), 0.0);
        for (other, sign) in table.relation(relation).cells() {
            let sign = f64::from(sign);
            if other == cell {
                known -= sign * change as f64;
            } else if let Some((gains, loses)) = variables.get(&other) {
                sum.add(*gains, sign);
                if let Some(loses) = loses {
                    sum.add(*loses, -sign);
                }
            }
        }
        problem.add_constraint(sum, ComparisonOp::Eq, known);
    }
    let mut options = SolveOptions::default();
    options.node_limit = Some(BRANCHES);
    options.mip_gap = 1.0;
    let solved = problem.solve_with(options).ok().and_then(|outcome| outcome.into_solution().ok());
    let Some(solution) = solved else { return Solved::Not };
    let mut changes = vec![(cell, change)];
    for (other, (gains, loses)) in variables {
        let loses = loses.map_or(0.0, |loses| solution.var_value(loses));
        let change = solution.var_value(gains) - loses;
        if (change - change.round()).abs() > 1e-5 {
            return Solved::InParts;
        }
        changes.push((other, change.round() as i64));
    }
    Solved::Whole(Move::new(changes))
}
