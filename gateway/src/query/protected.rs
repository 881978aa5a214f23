//! The cells that go out, and nothing of those that do not: the only type that an answer, a
//! count or a digest is made from.

use birge_schemas::{
    side_by_side::side_by_side,
    structure::{Attribute, Dimension, Structure},
    table::{Codes, RawColumn, RawColumnBuilder, RawTable},
    wire::{WireError, to_blocks},
};

use super::{
    FEW,
    cells::{Cell, Cells},
    cut::Cut,
    shown::{Shown, shown_attributes},
};

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

impl ProtectedTable {
    /// The cells that a selection gives of those that may be given.
    #[must_use]
    pub(super) fn of(structure: &Structure, cells: &Cells<'_>, cut: Cut) -> Self {
        let taken = cut.of_cells(&cells.cells);
        let count = |is: fn(&Cell) -> bool| taken.iter().filter(|cell| is(cell)).count() as u64;
        let attributes = shown_attributes(structure).map(Column::Attribute);
        let columns: Vec<_> = key_columns(structure).chain(attributes).collect();
        Self {
            table: table(&columns, cells, &taken, |cell| cells.value(cell)),
            answered: count(|cell| cell.shown != Shown::Withheld),
            withheld: count(|cell| cell.shown == Shown::Withheld),
            early: count(|cell| cell.early),
        }
    }

    /// The keys of cells, and nothing else of them.
    #[must_use]
    pub(super) fn keys(structure: &Structure, cells: &Cells<'_>) -> Self {
        let taken: Vec<Cell> = cells.cells.iter().map(|(_, cell)| *cell).collect();
        let columns: Vec<_> = key_columns(structure).collect();
        let table = table(&columns, cells, &taken, |_| None);
        Self { table, ..Self::default() }
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

/// A column that is to be made.
enum Column<'a> {
    /// Of a coded dimension, by its place among them.
    Dimension(usize, &'a Dimension),
    /// Of the periods.
    Period,
    Attribute(&'a Attribute),
}

/// The columns of keys.
fn key_columns(structure: &Structure) -> impl Iterator<Item = Column<'_>> {
    let dimensions = structure.coded().enumerate();
    dimensions.map(|(place, own)| Column::Dimension(place, own)).chain([Column::Period])
}

/// These columns of these cells, and their values.
fn table(
    columns: &[Column<'_>],
    cells: &Cells<'_>,
    taken: &[Cell],
    value: impl Fn(&Cell) -> Option<f64> + Sync,
) -> RawTable {
    let mut ways: Vec<Shown> = vec![];
    for cell in taken {
        if !ways.contains(&cell.shown) {
            ways.push(cell.shown);
        }
    }
    let column = |column: &Column<'_>| match column {
        Column::Dimension(place, dimension) => column_of_codes(*place, dimension, cells, taken),
        Column::Period => column_of_periods(cells, taken),
        Column::Attribute(own) => column_of_attribute(own, cells, taken, &ways),
    };
    // What there is to be made: the values, and each column.
    let all: Vec<_> = [None].into_iter().chain(columns.iter().map(Some)).collect();
    let make = |own: &Option<&Column<'_>>| {
        let mut made = RawTable::default();
        match own {
            Some(own) => made.columns.push(column(own)),
            None => {
                made.values.reserve(taken.len());
                taken.iter().for_each(|cell| made.push_value(value(cell)));
            }
        }
        made
    };
    let made = match taken.len() {
        0..=FEW => all.iter().map(make).collect(),
        _ => side_by_side(&all, make),
    };
    let join = |mut table: RawTable, other: RawTable| {
        table.columns.extend(other.columns);
        table
    };
    made.into_iter().reduce(join).unwrap_or_default()
}

/// The column of a coded dimension.
fn column_of_codes(
    place: usize,
    dimension: &Dimension,
    cells: &Cells<'_>,
    taken: &[Cell],
) -> RawColumn {
    let columns = cells.codes(place);
    let taken = match columns.first() {
        // One row says what all do.
        Some(Codes::One(_)) if columns.iter().all(|own| *own == columns[0]) => {
            &taken[..taken.len().min(1)]
        }
        _ => taken,
    };
    let code = |cell: &Cell| u32::from(columns[cell.version as usize].at(cell.row()));
    let codes = taken.iter().map(code);
    let list = dimension.codes().map(|coded| &coded.list);
    let text = |code| list.map_or("", |list| &list.code(code as u16).id);
    numbered(&dimension.id, list.map_or(1, |list| list.codes().len()), codes, text)
}

/// The column of periods.
fn column_of_periods(cells: &Cells<'_>, taken: &[Cell]) -> RawColumn {
    let periods: Vec<&str> = cells.periods().collect();
    let versions = taken.iter().map(|cell| cell.version);
    numbered("TIME_PERIOD", periods.len(), versions, |version| periods[version as usize])
}

/// A column of texts that are known by a number, each below `count`.
fn numbered<'t>(
    id: &str,
    count: usize,
    numbers: impl ExactSizeIterator<Item = u32>,
    text: impl Fn(u32) -> &'t str,
) -> RawColumn {
    let (mut dictionary, mut index) = (vec![], Vec::with_capacity(numbers.len()));
    let mut entries = vec![u32::MAX; count];
    for number in numbers {
        let entry = &mut entries[number as usize];
        if *entry == u32::MAX {
            *entry = dictionary.len() as u32;
            dictionary.push(text(number).to_owned());
        }
        index.push(*entry);
    }
    if dictionary.len() < 2 {
        index = vec![];
    }
    RawColumn { id: id.to_owned(), dictionary, index }
}

/// The column of an attribute, of cells that are shown in these ways.
fn column_of_attribute(
    attribute: &Attribute,
    cells: &Cells<'_>,
    taken: &[Cell],
    ways: &[Shown],
) -> RawColumn {
    let said = cells.said(attribute);
    if let Some(text) = said.throughout(ways) {
        let dictionary = vec![text.to_owned()];
        return RawColumn { id: attribute.id.clone(), dictionary, index: vec![] };
    }
    let mut column = RawColumnBuilder::new(&attribute.id);
    for cell in taken {
        column.push(said.at(cell.version as usize, cell.row(), cell.shown));
    }
    column.finish()
}
