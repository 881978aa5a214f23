//! The datasets: dimensions, attributes and rules, compiled from SDMX structure JSON 2.0.
//!
//! [`Structures`] is everything that is adopted together: code lists, concepts, data
//! structures, rules. The gateway keeps it in its journal as one bundle, so that a rebuild
//! reads figures by the structures that were in force.

mod bundle;
mod compile;
mod sdmx;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;

use crate::{
    codelist::{CodeList, Names, named},
    detail::{Breakdown, Detail},
    key::KeyLayout,
    period::Frequency,
};

pub use compile::StructureError;

/// Every structure adopted together.
#[derive(Debug, Default)]
pub struct Structures {
    files: BTreeMap<String, String>,
    datasets: BTreeMap<String, Arc<Structure>>,
    code_lists: BTreeMap<String, Arc<CodeList>>,
    concepts: BTreeMap<String, Names>,
}

impl Structures {
    /// The structure of a dataset (an SDMX dataflow id).
    #[must_use]
    pub fn get(&self, dataset: &str) -> Option<&Arc<Structure>> {
        self.datasets.get(dataset)
    }

    /// Every dataset, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Structure>> {
        self.datasets.values()
    }

    /// Every code list, by id.
    pub fn code_lists(&self) -> impl Iterator<Item = &Arc<CodeList>> {
        self.code_lists.values()
    }

    /// The names of a concept, such as a dimension's.
    #[must_use]
    pub fn concept(&self, id: &str) -> Option<&Names> {
        self.concepts.get(id)
    }

    /// The SDMX messages and rules, by path: `datasets/TRAFFICKING.json`.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }
}

/// One dataset.
#[derive(Debug)]
pub struct Structure {
    /// The dataflow's id: `TRAFFICKING`.
    pub id: String,
    /// Who maintains it: `BIRGE`.
    pub agency: String,
    /// Its version: `1.0.0`.
    pub version: String,
    /// Its names.
    pub names: Names,
    /// The coded dimensions and the time dimension, in the structure's order, time last.
    pub dimensions: Vec<Dimension>,
    /// The attributes, in the structure's order.
    pub attributes: Vec<Attribute>,
    /// What holds within a batch.
    pub rules: Rules,
    /// The SDMX structure message that it was compiled from.
    pub source_json: String,
    pub(crate) keys: KeyLayout,
}

impl Structure {
    /// The structure as SDMX-CSV and the common template name it: `BIRGE:TRAFFICKING(1.0.0)`.
    #[must_use]
    pub fn structure_id(&self) -> String {
        format!("{}:{}({})", self.agency, self.id, self.version)
    }

    /// The name in `language`, else in English, else the id.
    #[must_use]
    pub fn name(&self, language: &str) -> &str {
        named(&self.names, language).unwrap_or(&self.id)
    }

    /// The coded dimensions in order, without the time dimension. Positions in it are what
    /// [`crate::table::Table::code`] takes.
    pub fn coded(&self) -> impl Iterator<Item = &Dimension> {
        self.dimensions.iter().filter(|dimension| dimension.codes().is_some())
    }

    /// Where a coded dimension stands in [`Structure::coded`].
    #[must_use]
    pub fn position(&self, dimension: &str) -> Option<usize> {
        self.coded().position(|coded| coded.id == dimension)
    }

    /// An attribute by its id.
    #[must_use]
    pub fn attribute(&self, id: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.id == id)
    }

    /// How finely a cell with these codes, one per coded dimension in order, is broken down.
    #[must_use]
    pub fn detail_of(&self, codes: &[u16]) -> Detail {
        let broken = |(dimension, code): (&Dimension, &u16)| dimension.breaks_down(*code);
        self.coded().zip(codes).filter_map(broken).collect()
    }

    /// Every breakdown that a cell of this dataset can have.
    #[must_use]
    pub fn breakdowns(&self) -> Detail {
        let possible = |dimension: &Dimension| {
            let coded = dimension.codes()?;
            (0..coded.list.codes().len())
                .filter_map(|code| u16::try_from(code).ok())
                .find_map(|code| dimension.breaks_down(code).filter(|_| coded.allows(code)))
        };
        self.coded().filter_map(possible).collect()
    }

    /// The frequencies that the dataset allows.
    pub fn frequencies(&self) -> impl Iterator<Item = Frequency> {
        let codes = self.coded().find(|dimension| dimension.id == "FREQ");
        codes.into_iter().flat_map(Dimension::allowed).filter_map(Frequency::of_code)
    }
}

/// A dimension.
#[derive(Debug)]
pub struct Dimension {
    /// Its id: `REF_AREA`.
    pub id: String,
    /// What stands in it.
    pub kind: DimensionKind,
}

/// What stands in a dimension.
#[derive(Debug)]
pub enum DimensionKind {
    /// Codes of a list.
    Coded(Coded),
    /// Reference periods.
    Time,
}

/// The codes of a dimension.
#[derive(Debug)]
pub struct Coded {
    /// The whole list.
    pub list: Arc<CodeList>,
    /// Per position of the list: may the dataset use it? None: it may use all.
    pub allowed: Option<Vec<bool>>,
    /// The breakdown that the dimension makes, if any.
    pub breakdown: Option<Breakdown>,
    /// Per position of the list: the same cell's total along this dimension. The parent for an
    /// indicator or a region, else `_T`; none where the code is itself a total.
    pub(crate) wholes: Vec<Option<u16>>,
    /// Per position of the list: is a cell with this code broken down along the dimension?
    pub(crate) broken: Vec<bool>,
}

impl Coded {
    /// May the dataset use the code at `position`?
    #[must_use]
    pub fn allows(&self, position: u16) -> bool {
        self.allowed.as_ref().is_none_or(|allowed| allowed[usize::from(position)])
    }
}

impl Dimension {
    /// The codes, unless it is the time dimension.
    #[must_use]
    pub fn codes(&self) -> Option<&Coded> {
        match &self.kind {
            DimensionKind::Coded(coded) => Some(coded),
            DimensionKind::Time => None,
        }
    }

    /// The ids of the codes that the dataset allows, in the list's order.
    pub fn allowed(&self) -> impl Iterator<Item = &str> {
        self.codes().into_iter().flat_map(|coded| {
            let codes = (0_u16..).zip(coded.list.codes());
            codes.filter(|(at, _)| coded.allows(*at)).map(|(_, code)| code.id.as_str())
        })
    }

    /// The breakdown that a cell with this code has along the dimension, if any.
    #[must_use]
    pub fn breaks_down(&self, code: u16) -> Option<Breakdown> {
        let coded = self.codes()?;
        coded.breakdown.filter(|_| coded.broken[usize::from(code)])
    }
}

/// An attribute.
#[derive(Debug)]
pub struct Attribute {
    /// Its id: `OBS_STATUS`.
    pub id: String,
    /// What stands in it.
    pub kind: AttributeKind,
    /// Must every observation have it?
    pub mandatory: bool,
    /// What it describes.
    pub level: Level,
}

/// What stands in an attribute. An empty text always stands for "not given".
#[derive(Debug, Clone)]
pub enum AttributeKind {
    /// Codes of a list.
    Coded(Arc<CodeList>),
    /// Text of at most so many characters.
    Text(usize),
    /// A whole number of at most nine digits, not below zero.
    Whole,
    /// A day, or a moment in universal time: `2026-01-31`, `2026-01-31T12:00:00Z`.
    Moment,
}

/// What an attribute describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// One observation.
    Observation,
    /// A series: all periods of one key.
    Series,
    /// The whole dataset.
    Dataset,
}

/// What holds within a batch of a dataset, as in `rules/<ID>.json`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Rules {
    /// The dataset.
    pub dataset: String,
    /// Its frequency, a code of `CL_FREQ`.
    pub frequency: String,
    /// Are these counts of persons, which article 4(3) asks to be given by sex?
    pub persons: bool,
    /// Stock (`S`) or flow (`F`), article 4(1).
    pub stock_flow: String,
    /// Indicators for which it is the other.
    #[serde(default)]
    pub stock_flow_of: BTreeMap<String, String>,
    /// How exactly totals hold.
    pub totals: Totals,
    /// Indicators whose values may be below zero.
    pub signed: Vec<String>,
    /// Indicators that are part of others.
    pub part_of: Vec<PartOf>,
    /// From which change on a figure is asked about; none: whatever the change.
    pub change: Option<Change>,
    /// Share of what stood, from 0 to 1, from which on a revision is told to be large.
    #[serde(default = "tenth")]
    pub large_revision: f64,
    /// Where the rules come from.
    pub source: String,
}

impl Rules {
    /// How far a total may lie from the sum of `parts` parts: each of the parts and the total
    /// was rounded to the nearest multiple of the base, so by at most half of it.
    #[must_use]
    pub fn tolerance(&self, parts: u32) -> f64 {
        self.totals.rounding / 2.0 * f64::from(parts + 1)
    }
}

const fn tenth() -> f64 {
    0.1
}

/// From which change on a figure is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Where the greater of two figures is this many times the other.
    pub factor: f64,
    /// And at least this.
    pub from: f64,
}

impl Change {
    /// Is the step from one figure of a series to the next one large?
    #[must_use]
    pub fn is_large(self, before: f64, after: f64) -> bool {
        let (less, greater) = (before.min(after), before.max(after));
        less >= 0.0 && greater >= self.from && greater >= less * self.factor
    }

    /// What a figure of a series is expected to be, after this one.
    #[must_use]
    pub fn expected(self, before: f64) -> String {
        let Self { factor, from } = self;
        match before * factor < from {
            true => format!("less than {from}"),
            false if before / factor < 1.0 => format!("less than {}", before * factor),
            false => format!("more than {} and less than {}", before / factor, before * factor),
        }
    }

    /// Have two sexes changed their places, each being nearly what the other was?
    #[must_use]
    pub fn is_swapped(self, before: [f64; 2], after: [f64; 2]) -> bool {
        let near = |one: f64, other: f64| (one - other).abs() <= 0.05 * one.max(other);
        let apart = |[one, other]: [f64; 2]| (one - other).abs() > 0.2 * one.max(other);
        let large = before.into_iter().chain(after).all(|figure| figure >= self.from);
        large && apart(before) && near(before[0], after[1]) && near(before[1], after[0])
    }
}

/// How exactly totals hold.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// The base that every figure was rounded to before it came; 0 where totals hold exactly.
    pub rounding: f64,
}

/// One indicator is part of another.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartOf {
    /// The part.
    pub part: String,
    /// The whole.
    pub whole: String,
}
