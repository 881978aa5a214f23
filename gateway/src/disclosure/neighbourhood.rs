//! The part of a table in which a change of one cell is balanced. Sums tie a cell to others
//! along every axis at once, so the part is a small table itself: along each axis a few
//! codes beside the cell's own and those above and below them, and all cells of these codes.

use std::{cmp::Reverse, collections::BTreeSet};

use super::table::{AXES, Codes, Relation, Table};

/// Places up to which a neighbourhood is gone through; a larger one is made narrower.
const LARGEST: usize = 20_000;

/// The cells about `cell`: along each axis up to `width` codes beside its own, half as many one
/// step above, and so on, and those `of_use` first. Ascending.
pub(super) fn around(
    table: &Table,
    cell: u32,
    width: usize,
    of_use: &impl Fn(u32) -> Option<f64>,
) -> Vec<u32> {
    let line = |axis| Line { table, of_use, axis, codes: BTreeSet::new() }.through(cell, width);
    let mut axes: Vec<Vec<u16>> = (0..AXES - 1).map(line).collect();
    axes.push((0..=table.versions()).collect());
    let places = axes.iter().fold(1, |places: usize, codes| places.saturating_mul(codes.len()));
    if places > LARGEST && width > 1 {
        return around(table, cell, width / 2, of_use);
    }
    let mut cells = vec![];
    product(&axes, &mut [0; AXES], 0, &mut |codes| {
        cells.extend(table.at(codes).filter(|each| *each == cell || of_use(*each).is_some()));
    });
    cells.sort_unstable();
    cells
}

fn product(axes: &[Vec<u16>], codes: &mut Codes, axis: usize, found: &mut impl FnMut(&Codes)) {
    let Some(here) = axes.get(axis) else { return found(codes) };
    for code in here {
        codes[axis] = *code;
        product(axes, codes, axis + 1, found);
    }
}

/// The cells that differ from one cell along one axis alone.
struct Line<'a, F> {
    table: &'a Table,
    of_use: &'a F,
    axis: usize,
    codes: BTreeSet<u16>,
}

impl<'a, F: Fn(u32) -> Option<f64>> Line<'a, F> {
    fn through(mut self, cell: u32, width: usize) -> Vec<u16> {
        self.down(cell, width.min(2));
        let (mut cell, mut width) = (cell, width);
        while let Some(relation) = self.relations(cell).find(|relation| relation.total != cell) {
            self.add(relation.total);
            let beside: Vec<_> =
                relation.parts.iter().copied().filter(|part| *part != cell).collect();
            for part in self.best(beside, width) {
                self.down(part, 1);
            }
            cell = relation.total;
            width = width.div_ceil(2);
        }
        self.codes.into_iter().collect()
    }

    /// Adds a cell and, down to the last, `width` of its parts and one of each of theirs.
    fn down(&mut self, cell: u32, width: usize) {
        self.add(cell);
        let below: Vec<_> = self.relations(cell).filter(|each| each.total == cell).collect();
        for relation in below {
            for part in self.best(relation.parts.clone(), width) {
                self.down(part, 1);
            }
        }
    }

    fn add(&mut self, cell: u32) {
        self.codes.insert(self.table.cell(cell).codes[self.axis]);
    }

    fn relations(&self, cell: u32) -> impl Iterator<Item = &'a Relation> + use<'a, F> {
        let (table, axis) = (self.table, self.axis);
        let numbers = table.relations_of(cell).iter();
        numbers.map(|number| table.relation(*number)).filter(move |each| each.axis == axis)
    }

    /// Those that cost least, and of these the largest: they can give way most.
    fn best(&self, mut cells: Vec<u32>, count: usize) -> Vec<u32> {
        let rank = |cell: u32| match (self.of_use)(cell) {
            None => 0,
            Some(cost) if cost >= ONE => 1,
            Some(_) => 2,
        };
        cells.sort_by_key(|cell| {
            (Reverse((rank(*cell), self.table.cell(*cell).value.min(ENOUGH))), *cell)
        });
        cells.truncate(count);
        cells
    }
}

/// From this cost on, a cell is one that is given out so far.
const ONE: f64 = 0.5;

/// A cell that counts as much as this can give way as well as any larger one.
const ENOUGH: u64 = 50;
