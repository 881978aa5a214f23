//! What one body may see of one dataset: the decision on every detail, and how a query is
//! narrowed to it.

use std::collections::{BTreeMap, BTreeSet};

use birge_proto::identity::AgencyId;
use birge_schemas::detail::{Breakdown, Detail};
use serde::{Deserialize, Serialize};

use super::{
    article::{self, Article},
    rules::Verdict,
};

/// The decisions on every detail of a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    breakdowns: Detail,
    verdicts: BTreeMap<Detail, Verdict>,
    small_counts: BTreeMap<Detail, Vec<Article>>,
}

/// Figures of which something is to be seen.
#[derive(Debug, Clone, Copy)]
pub struct Figures<'a> {
    /// Dataset.
    pub dataset: &'a str,
    /// Who handed them in.
    pub owner: &'a AgencyId,
    /// Every breakdown that the dataset has.
    pub breakdowns: Detail,
    /// Are they public already (article 8(1))?
    pub released: bool,
}

/// What the codes that a query names explicitly along one dimension are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Named {
    /// Only the total.
    Total,
    /// Only parts of it.
    Parts,
    /// Both.
    Both,
}

/// A query as the decree permits it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Narrowed {
    /// The details that are given.
    pub given: BTreeSet<Detail>,
    /// The details that a dimension left open takes in and the decree does not permit.
    pub left_out: BTreeSet<Detail>,
    /// Articles that permit what is given, in the decree's order.
    pub articles: Vec<String>,
    /// Articles that leave the rest out.
    pub left_out_by: Vec<String>,
}

/// A query that names explicitly what the decree does not permit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The coarsest detail that was named and is not permitted.
    pub detail: Detail,
    /// Articles that refuse it, in the decree's order.
    pub articles: Vec<String>,
    /// All the finest permitted details that are coarser than what was asked.
    pub permitted: Vec<Detail>,
}

impl Access {
    /// `verdicts`: for each detail the decision on a query, and on seeing small counts.
    pub(super) fn new(
        breakdowns: Detail,
        verdicts: impl Iterator<Item = (Detail, Verdict, Verdict)>,
    ) -> Self {
        let mut access = Self { breakdowns, verdicts: BTreeMap::new(), small_counts: [].into() };
        for (detail, query, small_counts) in verdicts {
            if query.permit && small_counts.permit {
                access.small_counts.insert(detail, small_counts.articles);
            }
            access.verdicts.insert(detail, query);
        }
        access
    }

    /// Every detail that may be seen, the coarsest of comparable ones first.
    pub fn permitted(&self) -> impl Iterator<Item = Detail> {
        self.verdicts.iter().filter(|(_, verdict)| verdict.permit).map(|(detail, _)| *detail)
    }

    /// May this detail be seen?
    #[must_use]
    pub fn permits(&self, detail: Detail) -> bool {
        self.verdicts.get(&detail).is_some_and(|verdict| verdict.permit)
    }

    /// May it be seen with the small counts (article 7(3))?
    #[must_use]
    pub fn sees_small_counts(&self, detail: Detail) -> bool {
        self.small_counts.contains_key(&detail)
    }

    /// The articles by which it may be seen with them; none where it may not.
    #[must_use]
    pub fn small_counts(&self, detail: Detail) -> Vec<String> {
        self.small_counts.get(&detail).map_or_else(Vec::new, |articles| article::texts(articles))
    }

    /// The articles that permit or refuse a detail; those that let small counts be seen too.
    #[must_use]
    pub fn articles(&self, detail: Detail) -> Vec<String> {
        merged([detail].into_iter().flat_map(|detail| self.grounds(detail)))
    }

    /// The finest permitted details within what is requested: every permitted detail within it
    /// is within one of them.
    #[must_use]
    pub fn maximal_permitted(&self, requested: Detail) -> Vec<Detail> {
        let within: Vec<_> = self.permitted().filter(|detail| detail.within(requested)).collect();
        let maximal = |detail: &&Detail| {
            !within.iter().any(|other| *detail != other && detail.within(*other))
        };
        within.iter().filter(maximal).copied().collect()
    }

    /// Narrows a query. `named` tells of each dimension for which it names codes; the other
    /// breakdowns of the dataset are left open. For every combination of what is named at
    /// least one permitted detail must remain.
    ///
    /// # Errors
    /// When for some combination none remains.
    pub fn narrow(&self, named: &[(Breakdown, Named)]) -> Result<Narrowed, Refusal> {
        let open = self.open(named);
        let (mut given, mut left_out) = (BTreeSet::new(), BTreeSet::new());
        for base in combinations(named) {
            let asked = open.subsets().map(|extra| union(base, extra));
            let (yes, no): (Vec<_>, Vec<_>) = asked.partition(|detail| self.permits(*detail));
            if yes.is_empty() {
                return Err(Refusal {
                    detail: base,
                    articles: self.articles(base),
                    permitted: self.maximal_permitted(union(base, open)),
                });
            }
            given.extend(yes);
            left_out.extend(no);
        }
        let articles = merged(given.iter().flat_map(|detail| self.grounds(*detail)));
        let left_out_by = merged(left_out.iter().flat_map(|detail| self.grounds(*detail)));
        Ok(Narrowed { given, left_out, articles, left_out_by })
    }

    fn open(&self, named: &[(Breakdown, Named)]) -> Detail {
        let is_named = |breakdown| named.iter().any(|(each, _)| *each == breakdown);
        self.breakdowns.iter().filter(|breakdown| !is_named(*breakdown)).collect()
    }

    fn grounds(&self, detail: Detail) -> impl Iterator<Item = Article> {
        let query = self.verdicts.get(&detail).map(|verdict| verdict.articles.iter());
        let small_counts = self.small_counts.get(&detail).map(|articles| articles.iter());
        query.into_iter().flatten().chain(small_counts.into_iter().flatten()).copied()
    }
}

/// Every detail that the named codes take, the coarsest of comparable ones first.
fn combinations(named: &[(Breakdown, Named)]) -> Vec<Detail> {
    let mut details = BTreeSet::from([Detail::TOTAL]);
    for (breakdown, named) in named {
        let finer = details.iter().map(|detail| detail.with(*breakdown)).collect();
        match named {
            Named::Total => {}
            Named::Parts => details = finer,
            Named::Both => details.extend(finer),
        }
    }
    details.into_iter().collect()
}

fn union(one: Detail, other: Detail) -> Detail {
    other.iter().fold(one, Detail::with)
}

fn merged(articles: impl Iterator<Item = Article>) -> Vec<String> {
    article::texts(&articles.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>())
}
