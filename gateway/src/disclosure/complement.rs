//! Complementary suppression: what must be withheld beside the small cells, so that for each of
//! them there are witnesses enough (see [`super::movement`]).
//!
//! 1. *Protect.* Small cells are taken one after the other. Where the witnesses found so far
//!    leave one unsafe, the cheapest move that makes it safe is looked for; cells withheld so
//!    far may change almost for nothing, cells given out so far at their cost, and those that
//!    do change are withheld. (Kelly, Golden and Assad 1992 and Fischetti and Salazar 2000 call
//!    this the incremental attacker's problem; moves in whole numbers are ours.)
//! 2. *Clean up.* Cells withheld beside the small ones are given out again, dearest first, where
//!    those that their moves served are as safe by other moves of what stays withheld.
//!
//! Both look for moves about a cell only, a little wider where there is none, so that the work
//! grows as the table does. What is withheld at the end is proved safe by the moves that are
//! left: the method needs no argument beyond them.

use std::{cmp::Reverse, collections::BTreeSet};

use super::{
    movement::{Move, cheapest},
    neighbourhood::around,
    table::{Cell, Smallness, Status, Table},
    witnesses::Witnesses,
};

/// What is withheld of a table, with its proof.
#[derive(Debug, Clone)]
pub struct Suppression {
    /// Whether each cell is withheld.
    pub withheld: Vec<bool>,
    /// The proof: other counts that the sums of what is given out allow.
    pub witnesses: Vec<Move>,
}

/// How a table is searched. Which way withholds least differs from table to table.
#[derive(Debug, Clone, Copy)]
struct Way {
    /// Are small totals taken before what they are divided into?
    totals_first: bool,
    /// Does each cell cost the same?
    alike: bool,
}

/// The way for large tables, and the others.
const WAYS: [Way; 4] = [
    Way { totals_first: true, alike: false },
    Way { totals_first: false, alike: false },
    Way { totals_first: true, alike: true },
    Way { totals_first: false, alike: true },
];

/// Tables up to this size are searched as a whole, and in all ways.
const WHOLE: usize = 2_000;
/// How wide to look about a cell of a larger one.
const WIDTH: usize = 9;
/// How wide to look where that is not enough to protect it.
const WIDER: usize = 20;
/// How many cells at most are tried to be given out again.
const CLEANED_UP: usize = 10_000;
/// What a unit of change costs in a cell that is withheld already.
const WITHHELD: f64 = 0.01;

/// Computes what is withheld of a table.
///
/// # Errors
/// With a cell that no move was found for.
pub fn suppress(table: &Table) -> Result<Suppression, u32> {
    let ways = if table.cells().len() <= WHOLE { &WAYS[..] } else { &WAYS[..1] };
    let tried = ways.iter().map(|way| Search::new(table, *way).run());
    tried
        .reduce(|one, other| match (one, other) {
            (Ok(one), Ok(other)) if cost(table, &other) < cost(table, &one) => Ok(other),
            (Err(_), other) => other,
            (one, _) => one,
        })
        .unwrap_or(Err(0))
}

/// What is withheld costs so much: first by count, then by cost.
fn cost(table: &Table, found: &Suppression) -> f64 {
    let withheld = table.numbers().filter(|cell| found.withheld[*cell as usize]);
    let most: f64 = table.cells().iter().map(|cell| cell.cost).sum::<f64>() + 1.0;
    withheld.map(|cell| most + table.cell(cell).cost).sum()
}

struct Search<'a> {
    table: &'a Table,
    way: Way,
    /// Is what is withheld cleaned up?
    cleaning: bool,
    /// How often it could not be made safe without a cell.
    failed: Vec<u32>,
    withheld: Vec<bool>,
    witnesses: Witnesses<'a>,
}

impl<'a> Search<'a> {
    fn new(table: &'a Table, way: Way) -> Self {
        let withheld =
            |cell: u32| table.is_small(cell) || table.cell(cell).status == Status::Hidden;
        Self {
            table,
            way,
            cleaning: false,
            failed: vec![0; table.cells().len()],
            withheld: table.numbers().map(withheld).collect(),
            witnesses: Witnesses::none(table),
        }
    }

    fn run(mut self) -> Result<Suppression, u32> {
        self.protect()?;
        self.cleaning = true;
        self.clean_up();
        Ok(Suppression { withheld: self.withheld, witnesses: self.witnesses.into_moves() })
    }

    fn protect(&mut self) -> Result<(), u32> {
        let table = self.table;
        let mut small: Vec<u32> = table.numbers().filter(|cell| table.is_small(*cell)).collect();
        let depth = |cell: u32| table.cell(cell).codes.iter().filter(|code| **code != 0).count();
        small.sort_by_key(|cell| (depth(*cell), *cell));
        if !self.way.totals_first {
            small.reverse();
        }
        for cell in small {
            let (withheld, alike) = (&self.withheld, self.way.alike);
            let price = |other: u32| match table.cell(other) {
                _ if withheld[other as usize] => Some(WITHHELD),
                Cell { status: Status::Open, cost, .. } => Some(if alike { 1.0 } else { *cost }),
                _ => None,
            };
            let found = self.safe(cell, &BTreeSet::new(), &[], &price).ok_or(cell)?;
            for found in found {
                for (changed, _) in found.changes() {
                    self.withheld[*changed as usize] = true;
                }
                self.witnesses.add(found);
            }
        }
        Ok(())
    }

    fn clean_up(&mut self) {
        let table = self.table;
        let beside = |cell: &u32| {
            self.withheld[*cell as usize]
                && table.cell(*cell).status == Status::Open
                && !table.is_small(*cell)
        };
        let mut beside: Vec<u32> = table.numbers().filter(beside).collect();
        beside.sort_by(|one, other| table.cell(*other).cost.total_cmp(&table.cell(*one).cost));
        for &cell in beside.iter().take(CLEANED_UP) {
            let moves = self.witnesses.changing(cell).clone();
            self.withheld[cell as usize] = false;
            match self.instead(&moves) {
                Ok(instead) => {
                    moves.into_iter().for_each(|number| self.witnesses.remove(number));
                    instead.into_iter().for_each(|found| self.witnesses.add(found));
                }
                Err(small) => {
                    self.withheld[cell as usize] = true;
                    self.failed[small as usize] += 1;
                }
            }
        }
        // What no move is left of would only be computed from the others.
        for cell in beside {
            self.withheld[cell as usize] &= !self.witnesses.changing(cell).is_empty();
        }
    }

    /// Moves of withheld cells that make all safe that are not safe without `moves`. Those that
    /// there were none for most often are tried first.
    ///
    /// # Errors
    /// With a cell that there are none for.
    fn instead(&self, moves: &BTreeSet<usize>) -> Result<Vec<Move>, u32> {
        let price = |cell: u32| self.withheld[cell as usize].then_some(WITHHELD);
        let mut served: Vec<u32> = self.witnesses.served(moves).into_iter().collect();
        served.sort_by_key(|cell| (Reverse(self.failed[*cell as usize]), *cell));
        let mut instead = vec![];
        for cell in served {
            instead.extend(self.safe(cell, moves, &instead, &price).ok_or(cell)?);
        }
        Ok(instead)
    }

    /// Moves that together with those found so far, but `without`, and with `others` make a cell
    /// safe: one upwards, or where there is none one downwards and one upwards.
    fn safe(
        &self,
        cell: u32,
        without: &BTreeSet<usize>,
        others: &[Move],
        price: &impl Fn(u32) -> Option<f64>,
    ) -> Option<Vec<Move>> {
        let Smallness { threshold, floor, .. } = self.table.smallness();
        let value = self.table.cell(cell).value;
        let (least, greatest) = self.witnesses.reach(cell, without, others);
        if self.table.smallness().safe(least, greatest) {
            return Some(vec![]);
        }
        let upwards = |least: u64| {
            let goal = least.saturating_add(threshold).saturating_sub(1).max(threshold);
            self.find(cell, goal.saturating_sub(value).cast_signed(), price)
        };
        if let Some(found) = upwards(least) {
            return Some(vec![found]);
        }
        if least == floor {
            return None;
        }
        let down = self.find(cell, floor.cast_signed() - value.cast_signed(), price)?;
        Some(vec![down, upwards(floor)?])
    }

    fn find(&self, cell: u32, change: i64, price: &impl Fn(u32) -> Option<f64>) -> Option<Move> {
        let table = self.table;
        let movable = |other: &u32| *other == cell || price(*other).is_some();
        let whole = || {
            let movable: Vec<u32> = table.numbers().filter(movable).collect();
            let cells = (movable.len() <= WHOLE).then_some(movable)?;
            cheapest(table, cells, cell, change, price)
        };
        if table.cells().len() <= WHOLE {
            return whole();
        }
        let widths = if self.cleaning { &[WIDTH][..] } else { &[WIDTH, WIDER] };
        let near = widths.iter().find_map(|width| {
            cheapest(table, around(table, cell, *width, price), cell, change, price)
        });
        // Of a table with many releases most is given out, and what may change is not near.
        near.or_else(|| if self.cleaning { None } else { whole() })
    }
}
