//! Harmonisation: what a source's own columns, codes and signs mean in the common template.
//!
//! A mapping is a JSON file (`schemas/json/mapping.json` is its JSON Schema). It makes the
//! observations of one dataset of a table ([`crate::source::sheet::Sheet`]), in this order:
//! 1. `rows`: which rows there is something to make of. The others are counted.
//! 2. `wide`: each column of figures becomes rows of its own (UNHCR's `f_0_4 … m_60`).
//! 3. `columns`: each dimension and attribute is a constant, or a column whose texts lead through
//!    cross-walks to codes.
//! 4. `value`: the figure, its unit's multiplier, and what signs such as `–`, `…` and `x` mean.
//! 5. `combine`: rows that come to the same key are added up; else they are found as duplicates.
//! 6. `totals`, `rests` and `unsplit`: sums that the source does not give, what the parts leave of
//!    those that it does, and what is said of those without parts.
//!
//! Of records about single persons it makes counts: `value` says what is counted, `margins` by
//! which dimensions. The records stay where they are; nothing but the counts goes on.
//!
//! With `tables` it does so several times, each time a little otherwise. Nothing is dropped in
//! silence: a column of which the mapping says nothing, a text that no cross-walk knows and a sign
//! without a meaning are findings.

mod apply;
pub mod command;
mod figures;
mod heads;
mod keys;
mod likeness;
mod lines;
mod propose;
mod recode;
mod rows;
mod sums;
mod tabulate;
mod terms;

use std::{collections::BTreeMap, path::Path};

use birge_proto::manifest::Action;
use birge_schemas::guard::{MAPPING_SCHEMA, guard};
use serde::Deserialize;

pub use self::terms::{
    Band, Codes, Column, Condition, Constant, Count, Counted, Distinct, FigureOf, FileName,
    Measure, Origin, Replace, Rest, Sign, Total, Unsplit, Wide, Zero,
};
use crate::{output::Failure, source::layout::Layout};

/// What a source's columns, codes and signs mean.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Mapping {
    /// Of which source.
    pub name: String,
    /// Where the source's columns and codes are explained.
    pub source: Option<String>,
    /// Which dataset it makes.
    pub dataset: String,
    /// What its batches do.
    #[serde(default = "append")]
    pub action: Action,
    /// How its files are laid out.
    #[serde(default)]
    pub format: Layout,
    /// Columns of which nothing is needed.
    #[serde(default)]
    pub ignore: Vec<String>,
    /// What it makes of each row.
    #[serde(flatten)]
    pub common: Part,
    /// Several things that it makes of each row: what one says comes instead of what all say.
    #[serde(default)]
    pub tables: Vec<Part>,
}

/// What is made of the rows.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// What must hold of a row; all of it.
    #[serde(default)]
    pub rows: Vec<Condition>,
    /// By dimension or attribute.
    #[serde(default)]
    pub columns: BTreeMap<String, Origin>,
    /// The figure.
    pub value: Option<Measure>,
    /// Figures that stand side by side.
    #[serde(default)]
    pub wide: Vec<Wide>,
    /// What signs mean that stand where a figure would.
    #[serde(default)]
    pub signs: BTreeMap<String, Sign>,
    /// Of records: by which dimensions together they are counted; those not named are totals.
    #[serde(default)]
    pub margins: Vec<Vec<String>>,
    /// The one of these that a part is of.
    #[serde(skip)]
    margin: Option<Vec<String>>,
    /// Are rows added up that come to the same key?
    pub combine: Option<bool>,
    /// Sums that the source does not give.
    #[serde(default)]
    pub totals: Vec<Total>,
    /// What parts leave of totals.
    #[serde(default)]
    pub rests: Vec<Rest>,
    /// What is said of totals that have no parts.
    #[serde(default)]
    pub unsplit: Vec<Unsplit>,
}

const fn append() -> Action {
    Action::Append
}

impl Mapping {
    /// Reads a mapping from its file.
    ///
    /// # Errors
    /// When it cannot be read, or is not as its JSON Schema says.
    pub fn load(file: &Path) -> Result<Self, Failure> {
        let wrong = |error: String| {
            Failure::Usage(format!(
                "the mapping {} {error}\nnext: correct it; `agency-node mapping propose FILE \
                 --dataset DATASET` drafts one from a file",
                file.display()
            ))
        };
        let text = std::fs::read_to_string(file);
        let text = text.map_err(|error| wrong(format!("cannot be read: {error}")))?;
        Self::parse(&text).map_err(|error| wrong(format!("is wrong: {error}")))
    }

    /// Reads a mapping from its text.
    ///
    /// # Errors
    /// When it is not as its JSON Schema says.
    pub fn parse(text: &str) -> Result<Self, String> {
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|error| error.to_string())?;
        guard(MAPPING_SCHEMA, &value)?;
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    /// Is a column of this name one of figures?
    #[must_use]
    pub fn is_figure(&self, name: &str) -> bool {
        let of = |part: &Part| {
            let figures = part.value.iter().filter_map(Measure::figure);
            let value = figures.into_iter().any(|value| value.from == name);
            let mut wide = part.wide.iter().flat_map(|wide| wide.columns.keys().chain(&wide.of));
            value || wide.any(|own| own == name)
        };
        of(&self.common) || self.tables.iter().any(of)
    }

    /// What is made of the rows: each of the tables with what all have in common.
    fn parts(&self) -> Vec<Part> {
        let parts = match &self.tables[..] {
            [] => vec![self.common.clone()],
            tables => tables.iter().map(|own| own.over(&self.common)).collect(),
        };
        parts.into_iter().flat_map(Part::by_margin).collect()
    }
}

impl Part {
    /// What it says, and what `common` says of all else. Conditions come on top.
    fn over(&self, common: &Self) -> Self {
        let list = |own: bool| if own { self } else { common };
        let mut columns = common.columns.clone();
        columns.extend(self.columns.clone());
        let mut signs = common.signs.clone();
        signs.extend(self.signs.clone());
        Self {
            rows: [&common.rows[..], &self.rows[..]].concat(),
            columns,
            value: self.value.clone().or_else(|| common.value.clone()),
            wide: list(!self.wide.is_empty()).wide.clone(),
            signs,
            margins: list(!self.margins.is_empty()).margins.clone(),
            margin: None,
            combine: self.combine.or(common.combine),
            totals: list(!self.totals.is_empty()).totals.clone(),
            rests: list(!self.rests.is_empty()).rests.clone(),
            unsplit: list(!self.unsplit.is_empty()).unsplit.clone(),
        }
    }

    /// The same once for each of its margins.
    fn by_margin(self) -> Vec<Self> {
        if self.margins.is_empty() {
            return vec![self];
        }
        let margins = self.margins.iter().cloned();
        margins.map(|margin| Self { margin: Some(margin), ..self.clone() }).collect()
    }

    /// Does it count records, instead of reading figures?
    fn counts(&self) -> bool {
        matches!(self.value, Some(Measure::Count(_) | Measure::Distinct(_)))
    }

    /// The columns of the file that it speaks of.
    fn names(&self) -> impl Iterator<Item = &str> {
        let columns = self.columns.values().filter_map(|origin| match origin {
            Origin::Column(column) => Some(column.from.as_str()),
            Origin::Constant(_) | Origin::FileName(_) => None,
        });
        let rows = self.rows.iter().map(|condition| condition.column.as_str());
        let value = self.value.iter().filter_map(|value| match value {
            Measure::Figure(figure) => Some(figure.from.as_str()),
            Measure::Distinct(distinct) => Some(distinct.distinct.as_str()),
            Measure::Count(_) => None,
        });
        let wide = self.wide.iter().flat_map(|wide| wide.columns.keys().chain(&wide.of));
        columns.chain(rows).chain(value).chain(wide.map(String::as_str))
    }
}

#[cfg(test)]
mod tests;
