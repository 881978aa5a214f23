//! The moves found so far: each is a witness for every cell that it changes.

use std::collections::BTreeSet;

use super::{movement::Move, table::Table};

/// Moves, and in which of them each cell stands.
pub(super) struct Witnesses<'a> {
    table: &'a Table,
    moves: Vec<Option<Move>>,
    of: Vec<BTreeSet<usize>>,
}

impl<'a> Witnesses<'a> {
    pub(super) fn none(table: &'a Table) -> Self {
        Self { table, moves: vec![], of: vec![BTreeSet::new(); table.cells().len()] }
    }

    pub(super) fn add(&mut self, found: Move) {
        for (cell, _) in found.changes() {
            self.of[*cell as usize].insert(self.moves.len());
        }
        self.moves.push(Some(found));
    }

    pub(super) fn remove(&mut self, number: usize) {
        for (cell, _) in self.moves[number].take().iter().flat_map(Move::changes) {
            self.of[*cell as usize].remove(&number);
        }
    }

    /// The numbers of the moves that change a cell.
    pub(super) fn changing(&self, cell: u32) -> &BTreeSet<usize> {
        &self.of[cell as usize]
    }

    /// The small cells that these moves change.
    pub(super) fn served(&self, moves: &BTreeSet<usize>) -> BTreeSet<u32> {
        let moves = moves.iter().filter_map(|number| self.moves[*number].as_ref());
        let cells = moves.flat_map(|each| each.changes().iter().map(|(cell, _)| *cell));
        cells.filter(|cell| self.table.is_small(*cell)).collect()
    }

    /// The least and the greatest count that a cell has by its moves but `without`, and by
    /// `others`.
    pub(super) fn reach(
        &self,
        cell: u32,
        without: &BTreeSet<usize>,
        others: &[Move],
    ) -> (u64, u64) {
        let own = self.changing(cell).difference(without);
        let own = own.filter_map(|number| self.moves[*number].as_ref());
        let value = self.table.cell(cell).value;
        own.chain(others).fold((value, value), |(least, greatest), each| {
            let count = value.saturating_add_signed(each.of(cell));
            (least.min(count), greatest.max(count))
        })
    }

    /// All moves.
    pub(super) fn into_moves(self) -> Vec<Move> {
        self.moves.into_iter().flatten().collect()
    }
}
