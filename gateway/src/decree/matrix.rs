//! Who may see what: the decision on every detail of every dataset, for every body. Pure.

use birge_proto::identity::{AgencyId, Identity, Role};
use birge_schemas::{detail::Detail, structure::Structures};

use super::{Access, Decree, Disclosure};

/// The short name under which the operator stands, whom no decree names.
const OPERATOR: &str = "OPERATOR";

/// What a decree gives to everybody of every dataset that somebody must hand in.
#[derive(Debug, Clone)]
pub struct Matrix(Vec<Sheet>);

/// What it gives to everybody of one dataset.
#[derive(Debug, Clone)]
pub struct Sheet {
    /// Dataset.
    pub dataset: String,
    /// Who hands it in (article 4(1)).
    pub owner: AgencyId,
    /// Does it count persons?
    pub persons: bool,
    /// How small counts are protected (article 7(1)).
    pub protection: Option<Disclosure>,
    /// Every breakdown that its cells can have.
    pub breakdowns: Detail,
    /// What each body may see, in the order of the decree.
    pub rows: Vec<(Identity, Access)>,
}

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// Who asks.
    pub principal: Identity,
    /// How finely.
    pub detail: Detail,
    /// Is it given?
    pub permitted: bool,
    /// Is it given with the small counts?
    pub small_counts: bool,
    /// The articles that say so.
    pub articles: Vec<String>,
}

impl Matrix {
    /// The matrix of `decree` over the datasets of `structures`.
    #[must_use]
    pub fn of(decree: &Decree, structures: &Structures) -> Self {
        let principals = principals(decree);
        let sheets = structures.iter().filter_map(|structure| {
            let owner = decree.mandate(&structure.id)?.agency.clone();
            let breakdowns = structure.breakdowns();
            let access = |principal: &Identity| {
                let suspended = decree.suspends(&principal.body);
                decree.access(principal, suspended, &structure.id, &owner, breakdowns)
            };
            let rows = principals.iter().map(|each| (each.clone(), access(each))).collect();
            let protection = decree.disclosure(&structure.id);
            let (dataset, persons) = (structure.id.clone(), structure.rules.persons);
            Some(Sheet { dataset, owner, persons, protection, breakdowns, rows })
        });
        Self(sheets.collect())
    }

    /// One sheet for each dataset.
    #[must_use]
    pub fn sheets(&self) -> &[Sheet] {
        &self.0
    }
}

impl Sheet {
    /// Every decision: body by body, the coarsest of comparable details first.
    pub fn cells(&self) -> impl Iterator<Item = Cell> {
        self.rows.iter().flat_map(|(principal, access)| {
            self.breakdowns.subsets().map(|detail| Cell {
                principal: principal.clone(),
                detail,
                permitted: access.permits(detail),
                small_counts: access.sees_small_counts(detail),
                articles: access.articles(detail),
            })
        })
    }

    /// The finest details that a body is given: whatever is coarser than one of them and
    /// permitted needs no word of its own.
    pub fn finest<'a>(
        &'a self,
        principal: &'a Identity,
        access: &'a Access,
    ) -> impl Iterator<Item = Cell> + 'a {
        access.maximal_permitted(self.breakdowns).into_iter().map(|detail| Cell {
            principal: principal.clone(),
            detail,
            permitted: true,
            small_counts: access.sees_small_counts(detail),
            articles: access.articles(detail),
        })
    }
}

/// Everybody of whom the decree speaks: participants, auditors, the operator.
pub(super) fn principals(decree: &Decree) -> Vec<Identity> {
    let named = |role, bodies: &[super::Body]| {
        let identity = |body: &super::Body| Identity { role, body: body.id.clone() };
        bodies.iter().map(identity).collect::<Vec<_>>()
    };
    let operator = OPERATOR.parse().ok().map(|body| Identity { role: Role::Operator, body });
    let participants = named(Role::Agency, decree.participants());
    let auditors = named(Role::Auditor, decree.auditors());
    participants.into_iter().chain(auditors).chain(operator).collect()
}
