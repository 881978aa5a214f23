//! Statements about a decree, tried over everything that can be asked: everybody whom it names
//! and somebody whom it does not, every dataset, every detail. What holds there holds. Pure.

use std::{collections::BTreeSet, str::FromStr};

use birge_proto::identity::{AgencyId, Identity, Role};
use birge_schemas::{
    detail::Detail,
    structure::{Structure, Structures},
};

use super::{Access, Decree, Figures, matrix::principals};

/// The short name of somebody whom no decree names.
const NOBODY: &str = "UNNAMED";
/// Before figures are public and after (article 8(1)).
const RELEASED: [bool; 2] = [false, true];

/// Of whom something is said. What is said of a participant is said of its members, too: they
/// act for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// Of everybody.
    Anybody,
    /// Of everybody in a capacity.
    Role(Role),
    /// Of one body.
    Body(Identity),
}

/// What is said of the figures of one dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Of whom.
    pub who: Who,
    /// But not of these.
    pub except: Vec<Identity>,
    /// Of which dataset.
    pub dataset: String,
    /// Broken down at least so.
    pub detail: Detail,
    /// With small counts.
    pub small_counts: bool,
}

/// What came of trying it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tried {
    /// Decisions that were looked at.
    pub decisions: usize,
    /// Those that speak against it.
    pub against: Vec<Found>,
}

/// A decision that speaks against what was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Who asks.
    pub principal: Identity,
    /// Of which dataset.
    pub dataset: String,
    /// How finely.
    pub detail: Detail,
    /// The articles that decide.
    pub articles: Vec<String>,
}

/// Which way an amendment may change what is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// More may be seen, and nothing less.
    Wider,
    /// Less may be seen, and nothing more.
    Narrower,
}

impl Who {
    fn is(&self, principal: &Identity) -> bool {
        match self {
            Self::Anybody => true,
            Self::Role(role) => principal.role == *role || principal.party().role == *role,
            Self::Body(identity) => acts_for(principal, identity),
        }
    }
}

/// Is it this body, or does it act for it?
fn acts_for(principal: &Identity, body: &Identity) -> bool {
    principal == body || principal.party() == *body
}

fn one_of(bodies: &[Identity], principal: &Identity) -> bool {
    bodies.iter().any(|body| acts_for(principal, body))
}

impl FromStr for Who {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "anybody" {
            return Ok(Self::Anybody);
        }
        let role = text.parse().map(Self::Role);
        role.or_else(|_| Identity::capacity_of(text).map(Self::Body)).map_err(|_| {
            format!(
                "{text:?}: expected anybody, agency, member, observer, public, auditor, operator, or such \
                 as agency/NSC"
            )
        })
    }
}

impl Claim {
    /// Is there anybody of whom one of the decrees speaks and who is meant?
    #[must_use]
    pub fn means_somebody(&self, decrees: &[&Decree]) -> bool {
        space(decrees).iter().any(|each| self.who.is(each) && !one_of(&self.except, each))
    }

    /// Is it so that they never see it, broken down so or more finely, by any of these decrees?
    /// Against it speaks whoever does.
    #[must_use]
    pub fn never(&self, decrees: &[&Decree], structures: &Structures) -> Tried {
        let mut everybody = space(decrees);
        everybody.extend(unnamed());
        self.tried(decrees, structures, everybody, true)
    }

    /// Is it so that they always see it, broken down just so, by each of these decrees? Against
    /// it speaks whoever does not.
    #[must_use]
    pub fn always(&self, decrees: &[&Decree], structures: &Structures) -> Tried {
        self.tried(decrees, structures, space(decrees), false)
    }

    fn tried(
        &self,
        decrees: &[&Decree],
        structures: &Structures,
        mut everybody: BTreeSet<Identity>,
        never: bool,
    ) -> Tried {
        let mut tried = Tried::default();
        let Some(structure) = structures.get(&self.dataset) else { return tried };
        if let Who::Body(identity) = &self.who {
            everybody.insert(identity.clone());
        }
        everybody.retain(|each| self.who.is(each) && !one_of(&self.except, each));
        for (decree, principal, released) in decrees.iter().flat_map(|decree| {
            let each = everybody.iter();
            each.flat_map(move |each| RELEASED.map(|released| (decree, each, released)))
        }) {
            let access = access(decree, principal, structure, released);
            let meant = |detail: &Detail| match never {
                true => self.detail.within(*detail),
                false => self.detail == *detail,
            };
            for detail in structure.breakdowns().subsets().filter(meant) {
                tried.decisions += 1;
                let seen = Seen::of(decree, structure, access.as_ref(), detail);
                let seen = if self.small_counts { seen.least <= 1 } else { seen.figures };
                if seen == never {
                    let found = Found::of(decree, access.as_ref(), principal, structure, detail);
                    tried.add(found);
                }
            }
        }
        tried
    }
}

impl Tried {
    /// Before and after the release it may be the same that speaks against it.
    fn add(&mut self, found: Found) {
        if !self.against.contains(&found) {
            self.against.push(found);
        }
    }
}

/// Does `after` change what `before` gave in this way only, and only for those named? Nobody
/// named means everybody.
#[must_use]
pub fn changes_only(
    way: Way,
    only_for: &[Identity],
    before: &Decree,
    after: &Decree,
    structures: &Structures,
) -> Tried {
    let mut tried = Tried::default();
    let mut everybody = space(&[before, after]);
    everybody.extend(unnamed());
    for structure in structures.iter() {
        for (principal, released) in
            everybody.iter().flat_map(|each| RELEASED.map(|released| (each, released)))
        {
            let [then, now] =
                [before, after].map(|decree| access(decree, principal, structure, released));
            for detail in structure.breakdowns().subsets() {
                tried.decisions += 1;
                let was = Seen::of(before, structure, then.as_ref(), detail);
                let is = Seen::of(after, structure, now.as_ref(), detail);
                let allowed = match way {
                    Way::Wider => is.covers(was),
                    Way::Narrower => was.covers(is),
                };
                let named = only_for.is_empty() || one_of(only_for, principal);
                if !allowed || (was != is && !named) {
                    tried.add(Found::of(after, now.as_ref(), principal, structure, detail));
                }
            }
        }
    }
    tried
}

/// What somebody sees of a detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    figures: bool,
    /// The least count that is not withheld; beyond any where nothing is seen.
    least: u64,
    zeros: bool,
}

impl Seen {
    fn of(decree: &Decree, structure: &Structure, access: Option<&Access>, detail: Detail) -> Self {
        let nothing = Self { figures: false, least: u64::MAX, zeros: false };
        let Some(access) = access.filter(|access| access.permits(detail)) else { return nothing };
        match decree.disclosure(&structure.id) {
            _ if access.sees_small_counts(detail) => Self { figures: true, least: 0, zeros: true },
            Some(rule) => {
                Self { figures: true, least: rule.threshold, zeros: !rule.zeros_withheld }
            }
            None => nothing,
        }
    }

    /// Is everything that `other` shows seen here too?
    fn covers(self, other: Self) -> bool {
        self.figures >= other.figures && self.least <= other.least && self.zeros >= other.zeros
    }
}

impl Found {
    fn of(
        decree: &Decree,
        access: Option<&Access>,
        principal: &Identity,
        structure: &Structure,
        detail: Detail,
    ) -> Self {
        // What nobody must hand in is not exchanged.
        let residual = || vec![decree.clauses().residual.to_string()];
        Self {
            principal: principal.clone(),
            dataset: structure.id.clone(),
            detail,
            articles: access.map_or_else(residual, |access| access.articles(detail)),
        }
    }
}

/// Everybody of whom the decrees speak.
fn space(decrees: &[&Decree]) -> BTreeSet<Identity> {
    decrees.iter().flat_map(|decree| principals(decree)).collect()
}

/// An agency, a member and an auditor of whom no decree speaks.
fn unnamed() -> impl Iterator<Item = Identity> {
    [Role::Agency, Role::Member, Role::Auditor].into_iter().filter_map(|role| {
        let body: AgencyId = NOBODY.parse().ok()?;
        Some(Identity::of(role, body))
    })
}

/// What somebody may see of a dataset that somebody must hand in.
fn access(
    decree: &Decree,
    principal: &Identity,
    structure: &Structure,
    released: bool,
) -> Option<Access> {
    let owner = &decree.mandate(&structure.id)?.agency;
    let (dataset, breakdowns) = (&*structure.id, structure.breakdowns());
    Some(decree.access(principal, &Figures { dataset, owner, breakdowns, released }))
}
