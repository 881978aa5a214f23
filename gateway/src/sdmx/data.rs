//! The cells of an answer, divided into series, for the formats to write.

pub mod csv;
pub mod generic;
pub mod json;
mod message;
mod piece;
pub mod specific;
pub mod workbook;
mod written;

use std::ops::Range;

use birge_schemas::{
    codelist::CodeList,
    structure::{AttributeKind, Level, Structure, Structures},
    table::{RawColumn, RawTable},
};

pub use self::piece::Piece;
use super::{header::Header, urn::Urn};
use crate::query::ProtectedTable;

/// The dimension of reference periods.
pub const TIME: &str = "TIME_PERIOD";
/// The measure.
pub const VALUE: &str = "OBS_VALUE";

/// What the observations of a message are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// By their period, within series.
    Series,
    /// By all dimensions.
    Flat,
}

/// What of the cells is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// Observations, not only the series that there are.
    pub observations: bool,
    /// The values of observations.
    pub values: bool,
    /// Attributes.
    pub attributes: Attributes,
}

/// Which attributes are given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attributes {
    /// All.
    All,
    /// Those that describe this.
    Of(Level),
    /// These.
    These(Vec<String>),
}

impl Parts {
    /// All that there is.
    pub const ALL: Self = Self { observations: true, values: true, attributes: Attributes::All };
}

impl Attributes {
    /// None.
    pub const NONE: Self = Self::These(vec![]);

    fn takes(&self, id: &str, level: Level) -> bool {
        match self {
            Self::All => true,
            Self::Of(own) => *own == level,
            Self::These(ids) => ids.iter().any(|each| each == id),
        }
    }
}

/// A message of figures: one data set; or, of what changed, what disappeared and what is to stand
/// in the place of what stood.
#[derive(Debug, Clone)]
pub struct Message<'a> {
    /// What it says of itself.
    pub header: &'a Header,
    /// Its data sets, alike but for their cells; there is one at least.
    pub sets: Vec<DataSet<'a>>,
}

/// What the reader is to do with a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing that is said.
    Information,
    /// Put it in the place of what stood.
    Replace,
    /// Take it away.
    Delete,
}

impl Action {
    /// Its name in SDMX-ML and SDMX-JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Information => "Information",
            Self::Replace => "Replace",
            Self::Delete => "Delete",
        }
    }
}

/// Cells to be written, and all that is said of them.
#[derive(Debug, Clone, Copy)]
pub struct DataSet<'a> {
    /// What the reader is to do with them.
    pub action: Action,
    /// The dataset.
    pub structure: &'a Structure,
    /// All that is adopted: names of concepts.
    pub structures: &'a Structures,
    /// The dataflow.
    pub flow: &'a Urn,
    /// Its data structure.
    pub definition: &'a Urn,
    /// The cells, in the order of series and periods.
    pub table: &'a ProtectedTable,
    /// What of them is given.
    pub parts: &'a Parts,
    /// How observations are told apart.
    pub layout: Layout,
    /// In SDMX-JSON, the attributes of series that change within a series.
    pub changing: &'a [String],
}

/// The columns of a table by what they are.
struct Columns<'a> {
    /// One for each coded dimension, in the structure's order.
    dimensions: Vec<&'a RawColumn>,
    time: Option<&'a RawColumn>,
    /// Attributes of series.
    series: Vec<&'a RawColumn>,
    /// Attributes of observations.
    observation: Vec<&'a RawColumn>,
}

impl<'a> DataSet<'a> {
    fn cells(&self) -> &'a RawTable {
        self.table.table()
    }

    /// The attributes of series that change within a series.
    #[must_use]
    pub fn changing(&self) -> Vec<String> {
        let columns = self.columns();
        let keys = columns.by_key();
        let changes = |column: &&&RawColumn| {
            let mut series = keys.series(0..self.cells().rows);
            series.any(|mut rows| {
                let first = column.entry(rows.start);
                rows.any(|row| column.entry(row) != first)
            })
        };
        columns.series.iter().filter(changes).map(|column| column.id.clone()).collect()
    }

    fn columns(&self) -> Columns<'a> {
        let own = |id: &str| self.cells().column(id);
        let attributes = |level| -> Vec<&'a RawColumn> {
            let given = self.structure.attributes.iter().filter(|attribute| {
                attribute.level == level && self.parts.attributes.takes(&attribute.id, level)
            });
            given.filter_map(|attribute| own(&attribute.id)).collect()
        };
        Columns {
            dimensions: self.structure.coded().filter_map(|each| own(&each.id)).collect(),
            time: own(TIME),
            series: attributes(Level::Series),
            observation: attributes(Level::Observation),
        }
    }

    /// The ids of the attributes that are given: of series, then of observations.
    fn attributes(&self) -> impl Iterator<Item = &'a str> {
        let (structure, parts) = (self.structure, self.parts);
        [Level::Series, Level::Observation].into_iter().flat_map(move |level| {
            let given = structure.attributes.iter().filter(move |attribute| {
                attribute.level == level && parts.attributes.takes(&attribute.id, level)
            });
            given.map(|attribute| attribute.id.as_str())
        })
    }

    /// The code list of a dimension or an attribute; none where what stands there are no codes.
    fn code_list(&self, id: &str) -> Option<&'a CodeList> {
        let dimension = self.structure.dimensions.iter().find(|dimension| dimension.id == id);
        if let Some(dimension) = dimension {
            return dimension.codes().map(|coded| &*coded.list);
        }
        match &self.structure.attribute(id)?.kind {
            AttributeKind::Coded(list) => Some(list),
            AttributeKind::Text(_) | AttributeKind::Whole | AttributeKind::Moment => None,
        }
    }

    /// The value of a row, where it is given.
    fn value(&self, row: usize) -> Option<f64> {
        self.cells().value(row).filter(|_| self.parts.values)
    }
}

impl<'a> Columns<'a> {
    /// The columns of the key of series alone.
    fn by_key(&self) -> Columns<'a> {
        let dimensions = self.dimensions.clone();
        Columns { dimensions, time: None, series: vec![], observation: vec![] }
    }

    /// The rows of each series among these: those that follow on one another with the same codes
    /// and the same attributes of series. Where such an attribute changed in time, there are
    /// several series of one key, for in SDMX-ML no observation has an attribute of its series.
    fn series(&self, rows: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let (columns, mut from) = (self.of_series(), rows.start);
        std::iter::from_fn(move || {
            let own = from..rows.end;
            let first = own.start;
            (first < rows.end).then(|| {
                let end = own.clone().find(|row| !same(&columns, first, *row));
                from = end.unwrap_or(rows.end);
                first..from
            })
        })
    }

    /// The columns that tell series apart.
    fn of_series(&self) -> Vec<&'a RawColumn> {
        let columns = self.dimensions.iter().chain(&self.series);
        columns.filter(|column| !column.index.is_empty()).copied().collect()
    }
}

/// Do two rows say the same in each of these columns?
fn same(columns: &[&RawColumn], one: usize, other: usize) -> bool {
    columns.iter().all(|column| column.entry(one) == column.entry(other))
}
