//! The form by which a table or a chart is chosen.

use birge_schemas::structure::{Dimension, Structure, Structures};

use super::{guard::Visit, wanted::Wanted};
use crate::view::{pivot::TIME, words::Say};

/// Codes of a list that are shown as boxes to tick; longer ones are one field to choose from.
const BOXES: usize = 48;

/// The fields.
pub(super) struct Form {
    pub(super) dimensions: Vec<Field>,
    /// Dimensions that can go across: id, name, whether it does.
    pub(super) across: Vec<(String, String, bool)>,
    /// Dimensions that a chart can go along.
    pub(super) along: Vec<(String, String, bool)>,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) last: String,
    pub(super) as_of: String,
    pub(super) gap: bool,
    pub(super) has_sex: bool,
}

/// A dimension with several codes.
pub(super) struct Field {
    pub(super) id: String,
    pub(super) name: String,
    /// What is chosen, in a few words.
    pub(super) told: String,
    pub(super) is_long: bool,
    /// Code, name, whether it is chosen.
    pub(super) codes: Vec<(String, String, bool)>,
}

impl Form {
    pub(super) fn of(
        visit: &Visit,
        structures: &Structures,
        structure: &Structure,
        wanted: &Wanted,
    ) -> Self {
        let say = &visit.say;
        let name = |id: &str| say.concept(structures, id);
        let several = |dimension: &&Dimension| dimension.allowed().nth(1).is_some();
        let coded: Vec<_> = structure.coded().filter(several).collect();
        let field = |dimension: &Dimension| field(say, structures, structure, dimension, wanted);
        let ids = coded.iter().map(|dimension| dimension.id.as_str()).chain([TIME]);
        let across =
            ids.map(|id| (id.to_owned(), name(id), wanted.across.iter().any(|own| own == id)));
        let along = super::wanted::along(structure).into_iter();
        let along = along.map(|id| (id.to_owned(), name(id), wanted.by == id));
        Self {
            dimensions: coded.iter().map(|dimension| field(dimension)).collect(),
            across: across.collect(),
            along: along.collect(),
            from: wanted.from.clone(),
            to: wanted.to.clone(),
            last: if wanted.last > 0 { wanted.last.to_string() } else { String::new() },
            as_of: wanted.as_of.clone(),
            gap: wanted.gap,
            has_sex: structure.position("SEX").is_some(),
        }
    }
}

fn field(
    say: &Say,
    structures: &Structures,
    structure: &Structure,
    dimension: &Dimension,
    wanted: &Wanted,
) -> Field {
    let id = &dimension.id;
    let codes: Vec<_> = dimension
        .allowed()
        .map(|code| (code.to_owned(), say.code_name(structure, id, code), wanted.has(id, code)))
        .collect();
    let chosen: Vec<_> = codes.iter().filter(|(_, _, chosen)| *chosen).collect();
    let told = match &chosen[..] {
        [] => say.it("all"),
        [(_, name, _)] => name.clone(),
        several => say.with("chosen", "count", &say.count(several.len() as u64)),
    };
    Field {
        name: say.concept(structures, id),
        id: id.clone(),
        told,
        is_long: codes.len() > BOXES,
        codes,
    }
}
