//! The cells that go out, and nothing of those that do not: the only type that an answer, a
//! count or a digest is made from.

use std::collections::HashMap;

use birge_schemas::{
    detail::Detail,
    structure::{Attribute, AttributeKind, Level, Structure},
    table::{Key, RawColumn, RawColumnBuilder, RawTable},
    wire::{WireError, to_blocks},
};

use super::{cut::Cut, selection::Selection};
use crate::catalog::Version;

/// Status of a withheld cell: missing, suppressed (`CL_OBS_STATUS`).
const SUPPRESSED: &str = "Q";
/// Confidentiality of a withheld cell (`CL_CONF_STATUS`). The same for all: to say which are
/// primary is to say that they are small.
const CONFIDENTIAL: &str = "C";

/// Released cells in the order of their series and periods, with the withheld ones blanked.
#[derive(Debug, Default)]
pub struct ProtectedTable {
    table: RawTable,
    /// Cells given with what was handed in.
    pub(super) answered: u64,
    /// Cells withheld.
    pub(super) withheld: u64,
    /// Of all these, those that are not public yet.
    pub(super) early: u64,
}

/// A cell that may be given.
#[derive(Clone, Copy)]
struct Cell<'a> {
    period: &'a str,
    held: &'a Version,
    row: usize,
    given: Given,
}

/// The cells that may be given, in order, each with its series.
pub(super) struct Cells<'a>(Vec<(Key, Cell<'a>)>);

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
        let (mut cells, mut rows) = (vec![], 0);
        for (period, held) in seen.filter(|(period, _)| selection.takes_period(period)) {
            let table = held.slice.table();
            let released = held.public.is_some();
            for row in held.slice.select(selection.restricted()) {
                rows += 1;
                if rows > most {
                    return None;
                }
                if let Some(given) = permitted(released, table.detail(row)) {
                    cells.push((table.packed(row), Cell { period, held, row, given }));
                }
            }
        }
        // Periods come in order, and a stable sort keeps it.
        cells.sort_by_key(|(series, _)| *series);
        Some(Self(cells))
    }

    /// Those that are shown otherwise than they were, or were not; and those that were and are no
    /// more. What stays withheld is the same, whatever it is.
    pub(super) fn since(self, then: Self) -> (Self, Self) {
        let then = then.0.into_iter().map(|(series, cell)| ((series, cell.period), cell));
        let mut were: HashMap<_, _> = then.collect();
        let mut changed = self.0;
        changed.retain(|(series, cell)| {
            let was = were.remove(&(*series, cell.period));
            was.is_none_or(|was| !was.is_shown_as(cell))
        });
        let mut gone: Vec<_> = were.into_iter().map(|((series, _), cell)| (series, cell)).collect();
        gone.sort_by_key(|(series, cell)| (*series, cell.period));
        (Self(changed), Self(gone))
    }
}

impl Cell<'_> {
    /// How it is shown.
    fn shown(&self) -> Shown {
        match (self.given.raw, self.held.withholds(self.row)) {
            (true, _) => Shown::Entire,
            (false, false) if self.held.withholds_any() => Shown::WithoutWords,
            (false, false) => Shown::Entire,
            (false, true) => Shown::Withheld,
        }
    }

    /// Its value, where that is shown.
    fn value(&self) -> Option<f64> {
        match self.shown() {
            Shown::Withheld => None,
            Shown::Entire | Shown::WithoutWords => self.held.slice.table().value(self.row),
        }
    }

    /// What is shown of an attribute.
    fn attribute(&self, attribute: &Attribute) -> &str {
        let given = self.held.slice.table().attribute(&attribute.id, self.row).unwrap_or_default();
        let words = !matches!(attribute.kind, AttributeKind::Coded(_));
        match (self.shown(), attribute.id.as_str()) {
            (Shown::Withheld, "OBS_STATUS") => SUPPRESSED,
            (Shown::Withheld, "CONF_STATUS") => CONFIDENTIAL,
            (Shown::Withheld, _) if words || attribute.level == Level::Observation => "",
            (Shown::WithoutWords, _) if words => "",
            _ => given,
        }
    }

    /// Is another cell of the same key shown the same?
    fn is_shown_as(&self, other: &Self) -> bool {
        let structure = self.held.slice.table().structure();
        let mut attributes = shown_attributes(structure);
        self.value() == other.value()
            && attributes.all(|each| self.attribute(each) == other.attribute(each))
    }
}

/// The attributes that stand beside cells.
fn shown_attributes(structure: &Structure) -> impl Iterator<Item = &Attribute> {
    structure.attributes.iter().filter(|attribute| attribute.level != Level::Dataset)
}

impl ProtectedTable {
    /// The cells that a selection gives of those that may be given.
    #[must_use]
    pub(super) fn of(structure: &Structure, cells: &Cells<'_>, cut: Cut) -> Self {
        let mut protected = Self::default();
        let mut writer = Writer::of(structure, shown_attributes(structure));
        for cell in cut.of_cells(&cells.0) {
            writer.push(cell);
            protected.table.push_value(cell.value());
            protected.early += u64::from(cell.given.early);
            match cell.shown() {
                Shown::Withheld => protected.withheld += 1,
                Shown::Entire | Shown::WithoutWords => protected.answered += 1,
            }
        }
        protected.table.columns = writer.finish();
        protected
    }

    /// The keys of cells, and nothing else of them.
    #[must_use]
    pub(super) fn keys(structure: &Structure, cells: &Cells<'_>) -> Self {
        let mut protected = Self::default();
        let mut writer = Writer::of(structure, std::iter::empty());
        for (_, cell) in &cells.0 {
            writer.push(cell);
            protected.table.push_value(None);
        }
        protected.table.columns = writer.finish();
        protected
    }

    /// The cells as columns: of each dimension, `TIME_PERIOD`, each attribute of an observation or
    /// a series.
    #[must_use]
    pub fn table(&self) -> &RawTable {
        &self.table
    }

    /// The cells as encoded blocks of columns.
    ///
    /// # Errors
    /// When they are more than a batch may hold.
    pub(super) fn blocks(&self) -> Result<Vec<Vec<u8>>, WireError> {
        to_blocks(&self.table)
    }
}

/// How a cell is given.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given {
    /// With small counts.
    pub(super) raw: bool,
    /// It is not public (article 8(1)).
    pub(super) early: bool,
}

/// How a cell is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// As it was handed in.
    Entire,
    /// With its value and coded attributes only: where anything of the period is withheld, a comment
    /// could tell it.
    WithoutWords,
    /// That it exists, nothing more.
    Withheld,
}

/// Writes cells into columns: the dimensions, the period, the attributes.
struct Writer<'a> {
    structure: &'a Structure,
    attributes: Vec<&'a Attribute>,
    columns: Vec<RawColumnBuilder>,
}

impl<'a> Writer<'a> {
    fn of(structure: &'a Structure, attributes: impl Iterator<Item = &'a Attribute>) -> Self {
        let attributes: Vec<_> = attributes.collect();
        let dimensions = structure.coded().map(|dimension| dimension.id.as_str());
        let ids = dimensions.chain(["TIME_PERIOD"]);
        let ids = ids.chain(attributes.iter().map(|attribute| attribute.id.as_str()));
        let columns = ids.map(RawColumnBuilder::new).collect();
        Self { structure, attributes, columns }
    }

    fn push(&mut self, cell: &Cell<'_>) {
        let table = cell.held.slice.table();
        let codes = self.structure.coded().enumerate().map(|(place, dimension)| {
            let list = dimension.codes().map(|coded| &coded.list);
            list.map_or("", |list| &list.code(table.code(place, cell.row)).id)
        });
        let attributes = self.attributes.iter().map(|attribute| cell.attribute(attribute));
        let texts = codes.chain([cell.period]).chain(attributes);
        self.columns.iter_mut().zip(texts).for_each(|(column, text)| column.push(text));
    }

    fn finish(self) -> Vec<RawColumn> {
        self.columns.into_iter().map(RawColumnBuilder::finish).collect()
    }
}
