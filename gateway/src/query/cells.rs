//! The selected cells that may be given.

use std::collections::HashMap;

use birge_schemas::{
    detail::Detail,
    structure::Attribute,
    table::{Codes, Key, Table, Texts},
};

use super::{
    selection::Selection,
    shown::{Given, Said, Shown, shown_attributes},
};
use crate::catalog::Version;

/// Cells that may be given, in the order of their series and periods.
pub(super) struct Cells<'a> {
    /// The periods in which they stand, ascending.
    versions: Vec<(&'a str, &'a Version)>,
    /// Each with its series.
    pub(super) cells: Vec<(Key, Cell)>,
}

/// A cell that may be given.
#[derive(Clone, Copy)]
pub(super) struct Cell {
    /// Which of the periods it stands in.
    pub(super) version: u32,
    row: u32,
    /// How it is shown.
    pub(super) shown: Shown,
    /// It is not public (article 8(1)).
    pub(super) early: bool,
}

impl<'a> Cells<'a> {
    /// The selected cells of the periods that are seen; none where more than `most` rows are
    /// selected. `permitted` says of figures that are public or not, and of a detail, whether it is
    /// given at all and, if so, how.
    #[must_use]
    pub(super) fn of(
        seen: impl Iterator<Item = (&'a str, &'a Version)>,
        selection: &Selection,
        most: usize,
        permitted: impl Fn(bool, Detail) -> Option<Given>,
    ) -> Option<Self> {
        let taken = seen.filter(|(period, _)| selection.takes_period(period));
        let versions: Vec<(&str, &Version)> = taken.collect();
        let (mut cells, mut rows, mut first) = (vec![], 0, 0);
        if selection.restricted().next().is_none() {
            let all: usize = versions.iter().map(|(_, version)| version.slice.rows()).sum();
            cells.reserve(all.min(most));
        }
        // Of periods that hold their keys once the same rows are selected.
        let alike = |one: &(&str, &Version), other: &(&str, &Version)| {
            one.1.slice.shares_keys(&other.1.slice)
        };
        let parts: Vec<_> = versions.chunk_by(alike).collect();
        for alike in &parts {
            let Some((_, version)) = alike.first() else { continue };
            let table = version.slice.table();
            let mut known: Option<(Detail, [Option<Given>; 2])> = None;
            for row in version.slice.select(selection.restricted()) {
                rows += alike.len();
                if rows > most {
                    return None;
                }
                let detail = table.detail(row);
                let given = match known {
                    Some((known, given)) if known == detail => given,
                    _ => [false, true].map(|released| permitted(released, detail)),
                };
                known = Some((detail, given));
                let series = table.packed(row);
                for (number, (_, version)) in (first..).zip(*alike) {
                    let Some(given) = given[usize::from(version.public.is_some())] else {
                        continue;
                    };
                    let shown = Shown::of(version, row, given);
                    let cell = Cell { version: number, row: row as u32, shown, early: given.early };
                    cells.push((series, cell));
                }
            }
            first += alike.len() as u32;
        }
        if parts.len() > 1 {
            // Each part is in order already: the stable sort merges them.
            cells.sort_by_key(|(series, cell)| (*series, cell.version));
        }
        Some(Self { versions, cells })
    }

    /// Those that are shown otherwise than they were, or were not; and those that were and are no
    /// more. What stays withheld is the same, whatever it is.
    pub(super) fn since(mut self, mut then: Self) -> (Self, Self) {
        let key = |cells: &Self, (series, cell): &(Key, Cell)| (*series, cells.period(cell));
        let were = then.cells.iter().map(|own| (key(&then, own), *own));
        let mut were: HashMap<_, _> = were.collect();
        let changed = self.cells.iter().filter(|own| {
            let was = were.remove(&key(&self, own));
            was.is_none_or(|(_, was)| !self.shows_as(&own.1, &then, &was))
        });
        let changed = changed.copied().collect();
        let mut gone: Vec<_> = were.into_values().collect();
        gone.sort_by_key(|own| key(&then, own));
        (self.cells, then.cells) = (changed, gone);
        (self, then)
    }

    /// Is a cell of another time, of the same key, shown the same?
    fn shows_as(&self, own: &Cell, then: &Self, other: &Cell) -> bool {
        let mut attributes = shown_attributes(self.table(own).structure());
        self.value(own) == then.value(other)
            && attributes.all(|each| self.text(own, each) == then.text(other, each))
    }

    /// What is shown of an attribute of a cell.
    fn text(&self, cell: &Cell, attribute: &Attribute) -> &'a str {
        let given = self.table(cell).attribute(&attribute.id, cell.row());
        cell.shown.attribute(attribute, given.unwrap_or_default())
    }

    /// The periods in which they stand, ascending.
    pub(super) fn periods(&self) -> impl ExactSizeIterator<Item = &'a str> {
        self.versions.iter().map(|(period, _)| *period)
    }

    /// Their codes in a coded dimension, by period.
    pub(super) fn codes(&self, place: usize) -> Vec<&'a Codes> {
        self.tables().map(|table| table.codes(place)).collect()
    }

    /// What they say in an attribute.
    pub(super) fn said<'s>(&self, attribute: &'s Attribute) -> Said<'s>
    where
        'a: 's,
    {
        let mut before: Option<(&Table, Option<&'a Texts>)> = None;
        let texts = self.tables().map(|table| {
            let texts = match before {
                Some((before, texts)) if before.shares_attributes(table) => texts,
                _ => table.texts(&attribute.id),
            };
            before = Some((table, texts));
            texts
        });
        Said::new(attribute, texts.collect())
    }

    fn tables(&self) -> impl Iterator<Item = &'a Table> {
        self.versions.iter().map(|(_, version)| version.slice.table())
    }

    fn period(&self, cell: &Cell) -> &'a str {
        self.versions[cell.version as usize].0
    }

    fn table(&self, cell: &Cell) -> &'a Table {
        self.versions[cell.version as usize].1.slice.table()
    }

    /// The value of a cell, where that is shown.
    pub(super) fn value(&self, cell: &Cell) -> Option<f64> {
        match cell.shown {
            Shown::Withheld => None,
            Shown::Entire | Shown::WithoutWords => self.table(cell).value(cell.row()),
        }
    }
}

impl Cell {
    /// The row of its period's table in which it stands.
    pub(super) fn row(&self) -> usize {
        self.row as usize
    }
}
