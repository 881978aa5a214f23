//! Who may see what: the decision on every detail of every dataset, for every body. Pure.

use birge_proto::identity::{AgencyId, Identity, Role};
use birge_schemas::{detail::Detail, structure::Structures};

use super::{Access, Decree, Disclosure, Figures};

/// The short name under which the operator stands, whom no decree names.
const OPERATOR: &str = "OPERATOR";
/// The short name under which observers stand: they come from bodies that it does not name.
const OBSERVER: &str = "OBSERVER";

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
    /// What each may see, in the order of the decree.
    rows: Vec<Row>,
}

/// What somebody may see.
#[derive(Debug, Clone)]
struct Row {
    principal: Identity,
    /// Once the figures are public.
    access: Access,
    /// Before.
    early: Access,
}

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// Who asks.
    pub principal: Identity,
    /// How finely.
    pub detail: Detail,
    /// Is it given, once it is public?
    pub permitted: bool,
    /// Is it given before?
    pub early: bool,
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
            let access = |principal: &Identity, released| {
                let figures =
                    Figures { dataset: &structure.id, owner: &owner, breakdowns, released };
                decree.access(principal, &figures)
            };
            let row = |principal: &Identity| Row {
                principal: principal.clone(),
                access: access(principal, true),
                early: access(principal, false),
            };
            let rows = principals.iter().map(row).collect();
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
        self.rows.iter().flat_map(|row| self.breakdowns.subsets().map(|detail| row.cell(detail)))
    }

    /// The finest details that each is given: whatever is coarser than one of them and permitted
    /// needs no word of its own, nor do members who are given what their participant is.
    pub fn finest(&self) -> impl Iterator<Item = (&Identity, Vec<Cell>)> {
        let rows = self.rows.iter().filter(|row| !self.goes_without_saying(row));
        rows.map(|row| {
            let finest = row.access.maximal_permitted(self.breakdowns).into_iter();
            (&row.principal, finest.map(|detail| row.cell(detail)).collect())
        })
    }

    fn goes_without_saying(&self, member: &Row) -> bool {
        let party = member.principal.party();
        member.principal != party
            && self.rows.iter().any(|row| {
                row.principal == party
                    && (&row.access, &row.early) == (&member.access, &member.early)
            })
    }
}

impl Row {
    fn cell(&self, detail: Detail) -> Cell {
        Cell {
            principal: self.principal.clone(),
            detail,
            permitted: self.access.permits(detail),
            early: self.early.permits(detail),
            small_counts: self.access.sees_small_counts(detail),
            articles: self.access.articles(detail),
        }
    }
}

/// Those who are no participants and whom public figures are for: an observer, and anybody.
pub fn outsiders() -> [Identity; 2] {
    let public = Identity::public();
    let observer = OBSERVER.parse().map(|body| Identity::of(Role::Observer, body));
    [observer.unwrap_or_else(|_| public.clone()), public]
}

/// Everybody of whom the decree speaks: participants, their members, observers, the public,
/// auditors, the operator.
pub(super) fn principals(decree: &Decree) -> Vec<Identity> {
    let named = |role, bodies: &[super::Body]| {
        let identity = |body: &super::Body| Identity::of(role, body.id.clone());
        bodies.iter().map(identity).collect::<Vec<_>>()
    };
    let operator = OPERATOR.parse().ok().map(|body| Identity::of(Role::Operator, body));
    let participants = named(Role::Agency, decree.participants());
    let auditors = named(Role::Auditor, decree.auditors());
    let members = match decree.working_group() {
        Some(_) => named(Role::Member, decree.participants()),
        None => vec![],
    };
    let [observer, public] = outsiders();
    let observer = decree.working_group().map(|_| observer);
    let people = members.into_iter().chain(observer).chain([public]);
    participants.into_iter().chain(people).chain(auditors).chain(operator).collect()
}
