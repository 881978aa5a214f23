//! How cells are shown, and what is said of them then.

use std::ptr;

use birge_schemas::{
    structure::{Attribute, AttributeKind, Level, Structure},
    table::Texts,
};

use crate::catalog::Version;

/// Status of a withheld cell: missing, suppressed (`CL_OBS_STATUS`).
const SUPPRESSED: &str = "Q";
/// Confidentiality of a withheld cell (`CL_CONF_STATUS`). The same for all: to say which are
/// primary is to say that they are small.
const CONFIDENTIAL: &str = "C";

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
pub(super) enum Shown {
    /// As it was handed in.
    Entire,
    /// With its value and coded attributes only: where anything of the period is withheld, a
    /// comment could tell it.
    WithoutWords,
    /// That it exists, nothing more.
    Withheld,
}

impl Shown {
    /// How a row of a period is shown that is given so.
    pub(super) fn of(version: &Version, row: usize, given: Given) -> Self {
        match (given.raw, version.withholds_any()) {
            (true, _) | (false, false) => Self::Entire,
            (false, true) if version.withholds(row) => Self::Withheld,
            (false, true) => Self::WithoutWords,
        }
    }

    /// What is shown of an attribute that has this text; empty for nothing.
    pub(super) fn attribute<'t>(self, attribute: &Attribute, given: &'t str) -> &'t str {
        let words = !matches!(attribute.kind, AttributeKind::Coded(_));
        match (self, attribute.id.as_str()) {
            (Self::Withheld, "OBS_STATUS") => SUPPRESSED,
            (Self::Withheld, "CONF_STATUS") => CONFIDENTIAL,
            (Self::Withheld, _) if words || attribute.level == Level::Observation => "",
            (Self::WithoutWords, _) if words => "",
            _ => given,
        }
    }
}

/// The attributes that stand beside cells.
pub(super) fn shown_attributes(structure: &Structure) -> impl Iterator<Item = &Attribute> {
    structure.attributes.iter().filter(|attribute| attribute.level != Level::Dataset)
}

/// What several periods say in one attribute; nobody learns more of it than is shown.
pub(super) struct Said<'a> {
    attribute: &'a Attribute,
    /// By period; none where no observation of it has the attribute.
    texts: Vec<Option<&'a Texts>>,
}

impl<'a> Said<'a> {
    /// What these columns say, one for each period.
    pub(super) fn new(attribute: &'a Attribute, texts: Vec<Option<&'a Texts>>) -> Self {
        Self { attribute, texts }
    }

    /// What is shown of a row of one of the periods.
    pub(super) fn at(&self, period: usize, row: usize, shown: Shown) -> &'a str {
        let given = self.texts[period].map_or("", |texts| texts.at(row));
        shown.attribute(self.attribute, given)
    }

    /// What is shown of all cells alike that are shown in these ways, where each period says one
    /// thing, as most do, or nothing.
    pub(super) fn throughout(&self, ways: &[Shown]) -> Option<&'a str> {
        let mut alike: Option<&str> = None;
        let one = |own: &Option<&Texts>, other: &Option<&Texts>| {
            own.map(ptr::from_ref) == other.map(ptr::from_ref)
        };
        // Of periods that hold the column once, one is looked at.
        for texts in self.texts.chunk_by(one).filter_map(<[_]>::first) {
            let given = match texts.map(Texts::dictionary) {
                None => "",
                Some([text]) => text,
                Some(_) => return None,
            };
            for way in ways {
                let text = way.attribute(self.attribute, given);
                if alike.is_some_and(|alike| alike != text) {
                    return None;
                }
                alike = Some(text);
            }
        }
        alike
    }
}
