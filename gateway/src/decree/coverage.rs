//! What a decree leaves open: of what no article speaks, and where articles contradict each
//! other. Pure.

use std::collections::{BTreeMap, BTreeSet};

use birge_proto::identity::{AgencyId, Identity};
use birge_schemas::{detail::Detail, structure::Structures};

use super::{Act, Decree, Matrix, Request};

/// What a decree leaves open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Decisions that were tried: body by dataset by detail.
    pub decisions: usize,
    /// Datasets that nobody must hand in.
    pub unmandated: Vec<String>,
    /// Of what no article speaks, so that the residual one refuses it.
    pub gaps: Vec<Gap>,
    /// Where one article permits and another forbids: the prohibition prevails.
    pub overruled: Vec<Overruled>,
}

/// The coarsest details of a dataset of which no article speaks, and to whom that matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Dataset.
    pub dataset: String,
    /// How finely; whatever is finer and not spoken of stands behind it.
    pub detail: Detail,
    /// For whom.
    pub bodies: Vec<Identity>,
}

/// A permission over which a prohibition prevails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overruled {
    /// Dataset.
    pub dataset: String,
    /// Articles that would permit.
    pub permitting: Vec<String>,
    /// Articles that forbid.
    pub forbidding: Vec<String>,
    /// How many decisions that is.
    pub decisions: usize,
    /// One of them, of the coarsest.
    pub example: (Identity, Detail),
}

impl Coverage {
    /// Tries every detail of every dataset for everybody of whom the decree speaks.
    #[must_use]
    pub fn of(decree: &Decree, structures: &Structures) -> Self {
        let matrix = Matrix::of(decree, structures);
        let unmandated = structures.iter().filter(|each| decree.mandate(&each.id).is_none());
        let mut coverage = Self {
            unmandated: unmandated.map(|structure| structure.id.clone()).collect(),
            ..Self::default()
        };
        let residual = [decree.clauses().residual.to_string()];
        for sheet in matrix.sheets() {
            let mut unspoken: BTreeMap<Identity, Vec<Detail>> = BTreeMap::new();
            for cell in sheet.cells() {
                coverage.decisions += 1;
                if !cell.permitted && cell.articles == residual {
                    unspoken.entry(cell.principal).or_default().push(cell.detail);
                } else if !cell.permitted {
                    let request =
                        query(&cell.principal, decree, &sheet.dataset, &sheet.owner, cell.detail);
                    let permitting = decree.overruled(&request);
                    coverage.overrule(&sheet.dataset, permitting, cell.articles, &request);
                }
            }
            coverage.gaps.extend(gaps(&sheet.dataset, unspoken));
        }
        coverage
    }

    fn overrule(
        &mut self,
        dataset: &str,
        permitting: Vec<String>,
        forbidding: Vec<String>,
        request: &Request,
    ) {
        let Act::Query { detail, .. } = request.act else { return };
        if permitting.is_empty() {
            return;
        }
        let known = self.overruled.iter_mut().find(|known| {
            known.dataset == dataset
                && known.permitting == permitting
                && known.forbidding == forbidding
        });
        match known {
            Some(known) => {
                known.decisions += 1;
                if detail.count() < known.example.1.count() {
                    known.example = (request.principal.clone(), detail);
                }
            }
            None => self.overruled.push(Overruled {
                dataset: dataset.to_owned(),
                permitting,
                forbidding,
                decisions: 1,
                example: (request.principal.clone(), detail),
            }),
        }
    }
}

fn query(
    principal: &Identity,
    decree: &Decree,
    dataset: &str,
    owner: &AgencyId,
    detail: Detail,
) -> Request {
    Request {
        principal: principal.clone(),
        suspended: decree.suspends(&principal.body),
        recorded: true,
        act: Act::Query {
            dataset: dataset.to_owned(),
            owner: owner.clone(),
            detail,
            released: true,
        },
    }
}

/// The coarsest of the details, with all for whom they are the coarsest.
fn gaps(dataset: &str, unspoken: BTreeMap<Identity, Vec<Detail>>) -> Vec<Gap> {
    let mut coarsest: BTreeMap<Detail, BTreeSet<Identity>> = BTreeMap::new();
    for (principal, details) in unspoken {
        let finer =
            |detail: &Detail| details.iter().any(|other| other != detail && other.within(*detail));
        for detail in details.iter().filter(|detail| !finer(detail)) {
            coarsest.entry(*detail).or_default().insert(principal.clone());
        }
    }
    let gap = |(detail, bodies): (Detail, BTreeSet<Identity>)| Gap {
        dataset: dataset.to_owned(),
        detail,
        bodies: bodies.into_iter().collect(),
    };
    coarsest.into_iter().map(gap).collect()
}
