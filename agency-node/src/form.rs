//! Forms: workbooks that the node makes for an office to fill in, and reads again without a
//! mapping. A form knows its dataset, version, period and agency; its rows are the cells that
//! are expected, its white cells take figures, statuses and comments, and all else is locked.
//!
//! | module | does |
//! |---|---|
//! | [`command`] | `agency-node form` |
//! | [`rows`] | which rows a form has: codes that were asked for, keys that stood before |
//! | [`stood`] | what stood before: as the gateway gives it, else as this node handed it in |
//! | [`make`] | a form as a workbook, empty or with what was found in it |
//! | [`read`] | a workbook as a form |
//! | [`mod@batch`] | a form as a batch |

pub mod batch;
pub mod command;
pub mod make;
pub mod read;
pub mod rows;
pub mod stood;

use birge_proto::manifest::Action;
use birge_schemas::structure::{Attribute, Structure};

use crate::i18n::Language;

/// The sheet that says to the node what the workbook is; people do not see it.
const ABOUT: &str = "birge";
/// What stands in the first cell of [`ABOUT`], and the version of the layout beside it.
const MARK: (&str, &str) = ("birge-form", "1");
/// The row, from 0, in which the columns have the names that the node reads them by.
const IDS: u32 = 3;
/// The first row of figures, from 0.
const FIRST: u32 = 4;
/// The column of what stood before. It is not read.
const LAST: &str = "LAST_VALUE";
/// The column of what was found. It is not read.
const FINDINGS: &str = "FINDINGS";
/// The column of the reference period.
const PERIOD: &str = "TIME_PERIOD";
/// The column of comments.
const COMMENT: &str = "COMMENT_OBS";

/// A form, empty or filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Form {
    /// What it says of itself.
    pub head: Head,
    /// Its rows, in order; the first stands on [`Form::line`] 0.
    pub rows: Vec<Row>,
    /// Columns that the workbook lacks, though every form has them.
    pub lacks: Vec<String>,
}

/// What a form says of itself, where a program finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Dataset.
    pub dataset: String,
    /// Version of its structure.
    pub version: String,
    /// Who hands it in.
    pub agency: String,
    /// The reference period.
    pub period: String,
    /// What the batch does: it adds, or it takes the place of what stands.
    pub action: Action,
    /// The period whose figures stand beside the empty cells; empty where none do.
    pub before: String,
    /// Does the officer choose the codes? Else they are given and locked.
    pub choose: bool,
    /// In which language its texts and its codes' names are.
    pub language: Language,
}

/// One row of a form.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Row {
    /// A code for each coded dimension, in the structure's order.
    pub codes: Vec<String>,
    /// The reference period.
    pub period: String,
    /// The figure of the period before, as it is shown.
    pub last: String,
    /// The figure's cell, as it was written.
    pub value: String,
    /// The figure, where a number stands there.
    pub number: Option<f64>,
    /// A text for each of [`attributes`], in that order.
    pub attributes: Vec<String>,
}

impl Row {
    /// Did nobody write anything?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.value.is_empty() && self.attributes.iter().all(String::is_empty)
    }
}

impl Form {
    /// The line on which a row (from 0) stands, as a spreadsheet numbers it.
    #[must_use]
    pub fn line(row: usize) -> u64 {
        u64::from(FIRST) + row as u64 + 1
    }
}

/// The attributes that a form asks for: those that every observation must have, and the comment.
pub fn attributes(structure: &Structure) -> impl Iterator<Item = &Attribute> {
    let asked = |attribute: &&Attribute| attribute.mandatory || attribute.id == COMMENT;
    structure.attributes.iter().filter(asked)
}

/// The code of a dimension that stands in every row which has one, where there is just one.
fn constant(rows: &[Row], place: usize) -> Option<&str> {
    let mut codes = rows.iter().filter_map(|row| row.codes.get(place).map(String::as_str));
    let first = codes.by_ref().find(|code| !code.is_empty())?;
    codes.all(|code| code.is_empty() || code == first).then_some(first)
}
