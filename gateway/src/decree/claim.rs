//! Statements about a decree, tried over everything that can be asked: everybody whom it names
//! and somebody whom it does not, every dataset, every detail. What holds there holds. Pure.

use std::{collections::BTreeSet, str::FromStr};

use birge_proto::identity::{AgencyId, Identity, Role};
use birge_schemas::{
    detail::Detail,
    structure::{Structure, Structures},
};

use super::{Access, Decree, matrix::principals};

/// The short name of somebody whom no decree names.
const NOBODY: &str = "UNNAMED";

/// Of whom something is said.
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
            Self::Role(role) => principal.role == *role,
            Self::Body(identity) => principal == identity,
        }
    }
}

impl FromStr for Who {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "anybody" {
            return Ok(Self::Anybody);
        }
        let role = text.parse().map(Self::Role);
        role.or_else(|_| text.parse().map(Self::Body)).map_err(|_| {
            format!("{text:?}: expected anybody, agency, auditor, operator, or such as agency/NSC")
        })
    }
}

impl Claim {
    /// Is it so that they never see it? Against it speaks whoever does.
    #[must_use]
    pub fn never(&self, decree: &Decree, structures: &Structures) -> Tried {
        self.tried(decree, structures, true)
    }

    /// Is it so that they always see it? Against it speaks whoever does not.
    #[must_use]
    pub fn always(&self, decree: &Decree, structures: &Structures) -> Tried {
        self.tried(decree, structures, false)
    }

    fn tried(&self, decree: &Decree, structures: &Structures, against: bool) -> Tried {
        let mut tried = Tried::default();
        let Some(structure) = structures.get(&self.dataset) else { return tried };
        let somebody = space(&[decree]).into_iter().filter(|principal| self.who.is(principal));
        for principal in somebody.filter(|principal| !self.except.contains(principal)) {
            let Some(access) = access(decree, &principal, structure) else { continue };
            let details = structure.breakdowns().subsets();
            for detail in details.filter(|detail| self.detail.within(*detail)) {
                tried.decisions += 1;
                let seen = match self.small_counts {
                    true => access.sees_small_counts(detail),
                    false => access.permits(detail),
                };
                if seen == against {
                    tried.against.push(Found::of(&access, &principal, structure, detail));
                }
            }
        }
        tried
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
    for structure in structures.iter() {
        for principal in space(&[before, after]) {
            let [then, now] = [before, after].map(|decree| access(decree, &principal, structure));
            for detail in structure.breakdowns().subsets() {
                tried.decisions += 1;
                let seen = |access: &Option<Access>| {
                    let may = |access: &Access| {
                        (access.permits(detail), access.sees_small_counts(detail))
                    };
                    access.as_ref().map_or((false, false), may)
                };
                let (less, more) = match way {
                    Way::Wider => (seen(&now), seen(&then)),
                    Way::Narrower => (seen(&then), seen(&now)),
                };
                // `less` is what must not fall behind `more`.
                let falls_behind = (more.0 && !less.0) || (more.1 && !less.1);
                let for_others =
                    less != more && !only_for.is_empty() && !only_for.contains(&principal);
                if falls_behind || for_others {
                    let decided = now.as_ref().or(then.as_ref());
                    tried.against.extend(
                        decided.map(|access| Found::of(access, &principal, structure, detail)),
                    );
                }
            }
        }
    }
    tried
}

impl Found {
    fn of(access: &Access, principal: &Identity, structure: &Structure, detail: Detail) -> Self {
        Self {
            principal: principal.clone(),
            dataset: structure.id.clone(),
            detail,
            articles: access.articles(detail),
        }
    }
}

/// Everybody of whom the decrees speak, and an agency and an auditor of whom none does.
fn space(decrees: &[&Decree]) -> BTreeSet<Identity> {
    let named = decrees.iter().flat_map(|decree| principals(decree));
    let unnamed = [Role::Agency, Role::Auditor].into_iter().filter_map(|role| {
        let body: AgencyId = NOBODY.parse().ok()?;
        Some(Identity { role, body })
    });
    named.chain(unnamed).collect()
}

/// What somebody may see of a dataset that somebody must hand in.
fn access(decree: &Decree, principal: &Identity, structure: &Structure) -> Option<Access> {
    let owner = &decree.mandate(&structure.id)?.agency;
    let suspended = decree.suspends(&principal.body);
    Some(decree.access(principal, suspended, &structure.id, owner, structure.breakdowns()))
}
