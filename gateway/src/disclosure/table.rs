//! The table type of disclosure control: cells and the sums that tie them. The suppressor and
//! the attacker have nothing else in common.

use std::collections::{BTreeSet, HashMap};

use birge_schemas::detail::Breakdown;

/// The axes of a table: one for each breakdown, and one that tells apart the figures that one
/// cell had in different releases.
pub const AXES: usize = Breakdown::ALL.len() + 1;

/// Where a cell stands along each axis; 0 is the total.
pub type Codes = [u16; AXES];

/// What is decided of a cell before anything is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// It may be given out or withheld.
    Open,
    /// It is known: an earlier release gave it out.
    Given,
    /// It is not given out whatever is decided: what of a total was not handed in, or what an
    /// earlier release withheld.
    Hidden,
}

/// A cell whose value an attacker does not know to be what it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Where it stands.
    pub codes: Codes,
    /// Its count, as it is given out.
    pub figure: u64,
    /// The count that stands for it: the least that it may be, if it was rounded.
    pub value: u64,
    /// What is decided of it.
    pub status: Status,
    /// What withholding it costs, against other cells.
    pub cost: f64,
}

/// A total and its parts: `total = Σ parts`. Parts that everybody knows to be zero are left out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Relation {
    /// The axis along which the total is broken down.
    pub axis: usize,
    /// The total.
    pub total: u32,
    /// Its parts, ascending.
    pub parts: Vec<u32>,
}

impl Relation {
    /// Its cells, each with its sign.
    pub fn cells(&self) -> impl Iterator<Item = (u32, i8)> + '_ {
        let parts = self.parts.iter().map(|part| (*part, -1));
        std::iter::once((self.total, 1)).chain(parts)
    }
}

/// What is small, and what everybody knows of a withheld cell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Smallness {
    /// Least count that is not small.
    pub threshold: u64,
    /// What a withheld cell is known to count at least: 1 where zeros are given out.
    pub floor: u64,
    /// Is a zero small, too?
    pub zero: bool,
}

impl Smallness {
    /// Is a figure small?
    #[must_use]
    pub fn is_small(self, figure: u64) -> bool {
        (self.zero || figure > 0) && figure < self.threshold
    }

    /// Is a cell of which this is known, from its least to its greatest possible count, safe:
    /// may it be other than small, and are there at least as many counts that it may have as
    /// there are small ones with 0?
    #[must_use]
    pub fn safe(self, least: u64, greatest: u64) -> bool {
        let counts = greatest.saturating_sub(least).saturating_add(1);
        greatest >= self.threshold && counts >= self.threshold
    }
}

/// Cells and relations.
#[derive(Debug, Clone)]
pub struct Table {
    cells: Vec<Cell>,
    relations: Vec<Relation>,
    relations_of: Vec<Vec<u32>>,
    places: HashMap<Codes, u32>,
    versions: u16,
    smallness: Smallness,
}

impl Table {
    /// A table of cells, no two of which stand in one place.
    ///
    /// # Panics
    /// When a relation names a cell that is not there.
    #[must_use]
    pub fn new(cells: Vec<Cell>, relations: BTreeSet<Relation>, smallness: Smallness) -> Self {
        let relations: Vec<_> = relations.into_iter().collect();
        let mut relations_of = vec![vec![]; cells.len()];
        for (number, relation) in (0..).zip(&relations) {
            for (cell, _) in relation.cells() {
                relations_of[cell as usize].push(number);
            }
        }
        let places = (0..).zip(&cells).map(|(number, cell)| (cell.codes, number)).collect();
        let versions = cells.iter().map(|cell| cell.codes[AXES - 1]).max().unwrap_or_default();
        Self { cells, relations, relations_of, places, versions, smallness }
    }

    /// The same cells and relations under another notion of what is small and known.
    #[must_use]
    pub fn under(mut self, smallness: Smallness) -> Self {
        self.smallness = smallness;
        self
    }

    /// The cells.
    #[must_use]
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// The numbers of all cells.
    pub fn numbers(&self) -> impl Iterator<Item = u32> + use<> {
        (0..).take(self.cells.len())
    }

    /// One cell.
    ///
    /// # Panics
    /// When there is no such cell.
    #[must_use]
    pub fn cell(&self, number: u32) -> &Cell {
        &self.cells[number as usize]
    }

    /// The cell at a place.
    #[must_use]
    pub fn at(&self, codes: &Codes) -> Option<u32> {
        self.places.get(codes).copied()
    }

    /// The last of the versions that a figure has, from 0.
    #[must_use]
    pub fn versions(&self) -> u16 {
        self.versions
    }

    /// The relations.
    #[must_use]
    pub fn relations(&self) -> &[Relation] {
        &self.relations
    }

    /// One relation.
    ///
    /// # Panics
    /// When there is no such relation.
    #[must_use]
    pub fn relation(&self, number: u32) -> &Relation {
        &self.relations[number as usize]
    }

    /// The numbers of the relations in which a cell stands.
    ///
    /// # Panics
    /// When there is no such cell.
    #[must_use]
    pub fn relations_of(&self, cell: u32) -> &[u32] {
        &self.relations_of[cell as usize]
    }

    /// What is small in it.
    #[must_use]
    pub fn smallness(&self) -> Smallness {
        self.smallness
    }

    /// Must this cell be protected: is it small, and not known already?
    #[must_use]
    pub fn is_small(&self, cell: u32) -> bool {
        let Cell { figure, status, .. } = *self.cell(cell);
        status != Status::Given && self.smallness.is_small(figure)
    }
}
