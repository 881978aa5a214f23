//! The terms of a mapping, as they stand in its file.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What must hold of a row.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Condition {
    /// Of which column.
    pub column: String,
    /// One of these stands there.
    #[serde(default)]
    pub is: Vec<String>,
    /// None of these does.
    #[serde(default)]
    pub is_not: Vec<String>,
}

/// Where a dimension or an attribute comes from.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Origin {
    /// It is always the same.
    Constant(Constant),
    /// A column.
    Column(Column),
    /// The file's name.
    FileName(FileName),
}

/// Always the same.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Constant {
    /// What.
    pub constant: String,
}

/// A column whose texts lead to codes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Its name in the file.
    pub from: String,
    /// What is replaced in its texts first.
    #[serde(default)]
    pub replace: Vec<Replace>,
    /// What numbers among them become: groups of ages.
    #[serde(default)]
    pub bands: Vec<Band>,
    /// Through which cross-walks its texts lead to codes; the first that knows a text counts. What
    /// none knows stays as it is.
    #[serde(default)]
    pub codes: Vec<Codes>,
}

/// A regular expression, and what comes instead of what it matches.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replace {
    /// In the syntax of the crate `regex`.
    pub pattern: String,
    /// `$1` is the first group.
    pub with: String,
}

/// A span of numbers, and the code that they become.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Band {
    /// The first.
    pub from: f64,
    /// Up to below this one; to any where it is absent.
    pub below: Option<f64>,
    /// The code.
    pub code: String,
}

/// A cross-walk.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Codes {
    /// One that ships with Birge, or `NAMES`: the names of the code list, in all languages.
    Named(String),
    /// One of the mapping's own: from a text to a code.
    Own(BTreeMap<String, String>),
}

/// The file's name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileName {
    /// A regular expression that matches it.
    #[serde(rename = "fileName")]
    pub pattern: String,
    /// What it says: `$1` is the first group.
    pub says: String,
}

/// The figure.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Measure {
    /// It stands in a column.
    Figure(FigureOf),
    /// It is how many records there are.
    Count(Count),
    /// It is how many different texts a column of the records has.
    Distinct(Distinct),
}

/// A figure that stands in a column.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FigureOf {
    /// Which.
    pub from: String,
    /// What it is multiplied by: 1000 where the source gives thousands.
    pub multiplier: Option<f64>,
}

/// A number of records.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Count {
    /// `records`.
    pub count: Counted,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Counted {
    /// Each row.
    Records,
}

/// A number of different texts: of persons, where each may have several records.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distinct {
    /// The column that tells them apart.
    pub distinct: String,
}

impl Measure {
    /// The column of figures, where there is one.
    pub(super) fn figure(&self) -> Option<&FigureOf> {
        match self {
            Self::Figure(figure) => Some(figure),
            Self::Count(_) | Self::Distinct(_) => None,
        }
    }
}

/// Figures that stand side by side.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wide {
    /// By column: the dimensions and attributes that its name stands for.
    pub columns: BTreeMap<String, BTreeMap<String, String>>,
    /// The column whose figure these divide. Where that is more than 0 and these are all 0 or
    /// nothing, there is no such division, and they are left out.
    pub of: Option<String>,
}

/// What a sign means.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Sign {
    /// There is no figure, and this is why: a code of `CL_OBS_STATUS`.
    Status(String),
    /// 0.
    Zero(Zero),
    /// There is no observation.
    LeftOut(()),
}

/// The number 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "f64")]
pub struct Zero;

impl TryFrom<f64> for Zero {
    type Error = &'static str;

    fn try_from(number: f64) -> Result<Self, Self::Error> {
        if number == 0.0 { Ok(Self) } else { Err("a sign stands for 0, for a status, or for null") }
    }
}

/// A sum that the source does not give, along one dimension or several.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Total {
    /// The dimensions; the sum has `_T` in each.
    pub along: Vec<String>,
    /// Codes of the first of these, each of which must be among the parts.
    #[serde(default)]
    pub of: Vec<String>,
    /// Attributes of the sum.
    #[serde(default)]
    pub with: BTreeMap<String, String>,
}

/// What the parts along a dimension leave of their total.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rest {
    /// The dimension; the total has `_T` in it.
    pub along: String,
    /// The code of what is left: `_U`.
    pub code: String,
    /// Attributes of what is left.
    #[serde(default)]
    pub with: BTreeMap<String, String>,
}

/// Totals along a dimension that have no parts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unsplit {
    /// The dimension; totals have `_T` in it.
    pub along: String,
    /// Attributes of such a total.
    pub with: BTreeMap<String, String>,
}
