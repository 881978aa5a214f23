//! Cells laid out in rows and columns.

mod gap;
#[cfg(test)]
pub(in crate::view) mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use birge_schemas::{
    codelist::CodeList,
    structure::Structure,
    table::{RawColumn, RawTable},
};

pub use self::gap::Measure;
use crate::query::ProtectedTable;

/// The dimension of reference periods.
pub const TIME: &str = "TIME_PERIOD";
/// The dimension whose codes stand side by side with their gap.
pub const SEX: &str = "SEX";
/// The code of totals.
pub const TOTAL: &str = "_T";
/// The attribute by which a value is to be multiplied, as a power of ten.
const MULTIPLIER: &str = "UNIT_MULT";
/// Columns at most.
const COLUMNS: usize = 120;
/// The status of what is as it should be (`CL_OBS_STATUS`).
const NORMAL: &str = "A";
/// The status of a withheld cell.
const SUPPRESSED: &str = "Q";

/// Cells in rows and columns. A dimension that has one code alone is told once, apart.
#[derive(Debug, Clone, Default)]
pub struct Pivot {
    /// Dimensions that have one code, and it.
    pub fixed: Vec<(String, String)>,
    /// The dimensions that rows are told apart by.
    pub down: Vec<String>,
    /// The dimensions that columns are told apart by.
    pub across: Vec<String>,
    /// The codes of each row, one for each dimension of [`Self::down`].
    pub rows: Vec<Vec<String>>,
    /// The columns.
    pub columns: Vec<Column>,
    /// Do its cells have different multipliers of their unit?
    pub mixed: bool,
    cells: HashMap<(usize, usize), Cell>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Column {
    /// One code for each dimension of [`Pivot::across`].
    pub codes: Vec<String>,
    /// What stands in it.
    pub measure: Measure,
}

/// A cell.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cell {
    /// Its value.
    pub value: Value,
    /// Its status where that is another than normal.
    pub status: String,
    /// Codes of all dimensions in the structure's order, then the period, with dots between; empty
    /// where there is no such observation.
    pub key: String,
}

/// What a cell shows.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Value {
    /// There is no such observation.
    #[default]
    Absent,
    /// There is one, without a value.
    Missing,
    /// It is withheld.
    Withheld,
    /// A value.
    Given(f64),
}

/// How a pivot is laid out.
#[derive(Debug, Clone, Copy)]
pub struct Layout<'a> {
    /// Dimensions whose codes go across; all others that have several codes go down.
    pub across: &'a [String],
    /// The gap between women and men, and their ratio, beside them.
    pub gap: bool,
    /// Only cells of these codes of a dimension.
    pub only: Option<Only>,
    /// Only cells of the last period that there is of those.
    pub newest: bool,
    /// Cells at most; rows beyond are left out.
    pub most: usize,
}

/// Some of the codes of a dimension.
#[derive(Debug, Clone, Copy)]
pub struct Only {
    /// The dimension.
    pub dimension: &'static str,
    /// Is this one of them?
    pub takes: fn(&str) -> bool,
}

/// A heading that covers some rows or columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading<'a> {
    /// Dimension and code; none for what is computed.
    pub of: Option<(&'a str, &'a str)>,
    /// What stands below it.
    pub measure: Measure,
    /// How many it covers.
    pub span: usize,
}

/// A dimension of a table: its column, and the order of its codes.
struct Axis<'a> {
    column: &'a RawColumn,
    list: Option<&'a CodeList>,
}

impl Axis<'_> {
    /// Codes as their list has them, periods as time goes.
    fn place(&self, code: &str) -> (u16, String) {
        let place = self.list.and_then(|list| list.position(code));
        (place.unwrap_or(u16::MAX), code.to_owned())
    }
}

impl Pivot {
    /// Lays out the cells of an answer. Whether any were left out is told besides.
    #[must_use]
    pub fn of(structure: &Structure, given: &ProtectedTable, layout: Layout<'_>) -> (Self, bool) {
        Self::of_cells(structure, given.table(), layout)
    }

    pub(super) fn of_cells(
        structure: &Structure,
        table: &RawTable,
        layout: Layout<'_>,
    ) -> (Self, bool) {
        let axes = axes(structure, table);
        let only = layout.only.and_then(|it| Some((table.column(it.dimension)?, it.takes)));
        let mut rows: Vec<usize> = (0..table.rows).collect();
        rows.retain(|row| only.is_none_or(|(column, takes)| takes(column.at(*row))));
        let all = rows.len();
        if let Some(time) = table.column(TIME).filter(|_| layout.newest) {
            let last = rows.iter().map(|row| time.at(*row)).max().unwrap_or_default();
            rows.retain(|row| time.at(*row) == last);
        }
        let older = rows.len() < all;
        let mut pivot = Self::default();
        let mut sides: [Vec<&Axis<'_>>; 2] = [vec![], vec![]];
        for axis in &axes {
            let codes: BTreeSet<&str> = rows.iter().map(|row| axis.column.at(*row)).collect();
            let id = &axis.column.id;
            match codes.first() {
                Some(only) if codes.len() == 1 => {
                    pivot.fixed.push((id.clone(), (*only).to_owned()))
                }
                Some(_) if layout.across.contains(id) => sides[1].push(axis),
                _ => sides[0].push(axis),
            }
        }
        let [down, mut across] = sides;
        // Women and men stand side by side.
        across.sort_by_key(|axis| axis.column.id == SEX);
        let ids = |axes: &[&Axis<'_>]| axes.iter().map(|axis| axis.column.id.clone()).collect();
        (pivot.down, pivot.across) = (ids(&down), ids(&across));
        let left_out =
            pivot.fill(&rows, (&down, &across), layout.most, |row| cell(table, &axes, row));
        let multipliers = table.column(MULTIPLIER).map(|own| {
            rows.iter()
                .map(|row| own.at(*row))
                .filter(|text| !text.is_empty())
                .collect::<BTreeSet<_>>()
        });
        let multipliers = multipliers.unwrap_or_default();
        pivot.mixed = multipliers.len() > 1;
        if let Some(only) = multipliers.first().filter(|only| !pivot.mixed && **only != "0") {
            pivot.fixed.push((MULTIPLIER.to_owned(), (*only).to_owned()));
        }
        // What is told in different units is not subtracted.
        if layout.gap && !pivot.mixed {
            pivot.add_gaps();
        }
        (pivot, left_out || older)
    }

    fn fill(
        &mut self,
        rows: &[usize],
        (down, across): (&[&Axis<'_>], &[&Axis<'_>]),
        most: usize,
        cell: impl Fn(usize) -> Cell,
    ) -> bool {
        let place = |axes: &[&Axis<'_>], row: usize| -> Vec<(u16, String)> {
            axes.iter().map(|axis| axis.place(axis.column.at(row))).collect()
        };
        let places: Vec<_> =
            rows.iter().map(|row| (place(down, *row), place(across, *row))).collect();
        let number =
            |places: BTreeSet<&Vec<(u16, String)>>| -> BTreeMap<Vec<(u16, String)>, usize> {
                places.into_iter().cloned().zip(0..).collect()
            };
        let of_rows = number(places.iter().map(|(row, _)| row).collect());
        let of_columns = number(places.iter().map(|(_, column)| column).collect());
        let columns = of_columns.len().min(COLUMNS);
        let shown = (most / columns.max(1)).max(1);
        let codes =
            |places: &[(u16, String)]| places.iter().map(|(_, code)| code.clone()).collect();
        self.rows = of_rows.keys().take(shown).map(|places| codes(places)).collect();
        let column = |places: &Vec<_>| Column { codes: codes(places), measure: Measure::Value };
        self.columns = of_columns.keys().take(columns).map(column).collect();
        for (row, (down, across)) in rows.iter().zip(&places) {
            let (Some(line), Some(column)) = (of_rows.get(down), of_columns.get(across)) else {
                continue;
            };
            if *line < shown && *column < columns {
                self.cells.insert((*line, *column), cell(*row));
            }
        }
        of_rows.len() > shown || of_columns.len() > columns
    }

    /// The cell at a row and a column.
    #[must_use]
    pub fn cell(&self, row: usize, column: usize) -> Cell {
        self.cells.get(&(row, column)).cloned().unwrap_or_default()
    }

    /// Does nothing stand in it?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The headings of columns, one line for each dimension across.
    #[must_use]
    pub fn headings(&self) -> Vec<Vec<Heading<'_>>> {
        let line = |level: usize| {
            let innermost = level + 1 == self.across.len();
            let alike = |one: &Column, other: &Column| {
                one.codes[..=level] == other.codes[..=level] && !(innermost && one != other)
            };
            let groups = self.columns.chunk_by(|one, other| alike(one, other));
            groups.map(|group| self.heading(level, &group[0], group.len())).collect()
        };
        (0..self.across.len()).map(line).collect()
    }

    fn heading<'a>(&'a self, level: usize, column: &'a Column, span: usize) -> Heading<'a> {
        let innermost = level + 1 == self.across.len();
        let measure = if innermost { column.measure } else { Measure::Value };
        let of = (measure == Measure::Value)
            .then(|| (self.across[level].as_str(), column.codes[level].as_str()));
        Heading { of, measure, span }
    }

    /// The headings of a row; one that goes on from the row before is left out.
    #[must_use]
    pub fn stubs(&self, row: usize) -> Vec<Heading<'_>> {
        let codes = &self.rows[row];
        let same = |other: usize, level: usize| self.rows[other][..=level] == codes[..=level];
        let levels = (0..self.down.len()).filter(|level| row == 0 || !same(row - 1, *level));
        let stub = |level: usize| {
            let span = (row..self.rows.len()).take_while(|other| same(*other, level)).count();
            let of = Some((self.down[level].as_str(), codes[level].as_str()));
            Heading { of, measure: Measure::Value, span }
        };
        levels.map(stub).collect()
    }

    /// The statuses other than normal that stand in it, withheld ones apart.
    #[must_use]
    pub fn statuses(&self) -> BTreeSet<&str> {
        self.cells.values().map(|cell| cell.status.as_str()).filter(|it| !it.is_empty()).collect()
    }

    /// Is any cell withheld?
    #[must_use]
    pub fn withholds(&self) -> bool {
        self.cells.values().any(|cell| cell.value == Value::Withheld)
    }
}

impl Value {
    /// The number, where one is given.
    #[must_use]
    pub fn number(self) -> Option<f64> {
        match self {
            Self::Given(value) => Some(value),
            Self::Absent | Self::Missing | Self::Withheld => None,
        }
    }
}

/// The dimensions of a table, in the structure's order; the period last.
fn axes<'a>(structure: &'a Structure, table: &'a RawTable) -> Vec<Axis<'a>> {
    let coded = structure.coded().filter_map(|dimension| {
        let list = dimension.codes().map(|coded| &*coded.list);
        Some(Axis { column: table.column(&dimension.id)?, list })
    });
    let time = table.column(TIME).map(|column| Axis { column, list: None });
    coded.chain(time).collect()
}

fn cell(table: &RawTable, axes: &[Axis<'_>], row: usize) -> Cell {
    let status = table.column("OBS_STATUS").map_or(NORMAL, |column| column.at(row));
    let key: Vec<_> = axes.iter().map(|axis| axis.column.at(row)).collect();
    let value = match table.value(row) {
        Some(value) => Value::Given(value),
        None if status == SUPPRESSED => Value::Withheld,
        None => Value::Missing,
    };
    let told = ![NORMAL, SUPPRESSED, ""].contains(&status);
    let status = if told { status.to_owned() } else { String::new() };
    Cell { value, status, key: key.join(".") }
}
