//! What a draft would change: whatever was asked is asked of it, and of the decree that it would
//! follow. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use birge_proto::{
    identity::{AgencyId, Identity},
    record::{DecreeName, Record, Ruling, Verdict},
};
use birge_schemas::{detail::Detail, structure::Structures};

use super::{Access, Act, Decree, Figures, Question, Recorded, Request};

/// How a decision would change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// What was done would be refused.
    Refused,
    /// Fewer details would be given.
    Narrower,
    /// Some details would be given and others not.
    Other,
    /// More details would be given.
    Wider,
    /// What was refused would be done.
    Permitted,
    /// The same would come of it, under other articles.
    Grounds,
}

impl Effect {
    /// `refused`, `narrower` …
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Narrower => "narrower",
            Self::Other => "other",
            Self::Wider => "wider",
            Self::Permitted => "permitted",
            Self::Grounds => "grounds",
        }
    }
}

/// What a draft would change, in sums: nobody is told who asked what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sums {
    /// Decisions that were made once more.
    pub replayed: u64,
    /// Decisions that could not be: their words are not known.
    pub unknown: u64,
    /// Datasets whose small counts would be protected in another way.
    pub protection: Vec<String>,
    /// Parameters that would change: what no decision shows.
    pub parameters: Vec<String>,
    /// By how they would change.
    pub changed: BTreeMap<Effect, u64>,
    /// By the article that would decide.
    pub articles: BTreeMap<String, BTreeMap<Effect, u64>>,
    /// By who asked.
    pub principals: BTreeMap<Identity, BTreeMap<Effect, u64>>,
    /// By dataset.
    pub datasets: BTreeMap<String, BTreeMap<Effect, u64>>,
}

/// Asks a draft, and the decree before it, what was asked.
pub struct Replay {
    draft: Arc<Decree>,
    before: Arc<Decree>,
    structures: Arc<Structures>,
    access: BTreeMap<(DecreeName, Identity, String, AgencyId, bool), Arc<Access>>,
    sums: Sums,
}

/// What a decree says to what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Done or refused.
    pub permit: bool,
    /// Of a question for figures: the details that are given.
    pub given: BTreeSet<Detail>,
    /// The articles that decide.
    pub articles: Vec<String>,
}

/// One decision that would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// How.
    pub effect: Effect,
    /// The dataset, where it is about one.
    pub dataset: Option<String>,
    /// What the decree before the draft says.
    pub was: Outcome,
    /// What the draft says.
    pub would_be: Outcome,
}

impl Replay {
    /// Of `draft` against the decree `before` it.
    #[must_use]
    pub fn new(draft: Arc<Decree>, before: Arc<Decree>, structures: Arc<Structures>) -> Self {
        let other = |id: &&String| before.disclosure(id) != draft.disclosure(id);
        let datasets = structures.iter().map(|structure| &structure.id);
        let protection = datasets.filter(other).cloned().collect();
        let parameters = draft.differs(&before);
        let sums = Sums { protection, parameters, ..Sums::default() };
        Self { draft, before, structures, access: BTreeMap::new(), sums }
    }

    /// Asks once more what `record` says a decree decided; tells how that would change, where
    /// it would. What was refused for another reason is left out.
    pub fn replay(&mut self, record: &Record) -> Option<Change> {
        let permitted = record.event.verdict() == Some(Verdict::Permitted);
        let ruling = record.event.ruling().filter(|ruling| ruling.permit == permitted)?;
        self.ask(ruling)
    }

    /// Asks what `ruling` decided once more; tells how that would change, where it would.
    pub fn ask(&mut self, ruling: &Ruling) -> Option<Change> {
        let recorded: Option<Recorded> = serde_json::from_value(ruling.request.clone()).ok();
        let (draft, before) = (Arc::clone(&self.draft), Arc::clone(&self.before));
        let outcomes = recorded.and_then(|recorded| {
            let was = self.outcome(&before, &recorded)?;
            Some((was, self.outcome(&draft, &recorded)?, recorded))
        });
        let Some((was, would_be, recorded)) = outcomes else {
            self.sums.unknown += 1;
            return None;
        };
        self.sums.replayed += 1;
        let effect = effect(&was, &would_be)?;
        let (principal, dataset) = match recorded {
            Recorded::Question(question) => (question.principal.capacity(), Some(question.dataset)),
            Recorded::Act(request) => (request.principal.capacity(), dataset(request.act)),
        };
        self.sums.count(effect, principal, dataset.as_deref(), &would_be);
        Some(Change { effect, dataset, was, would_be })
    }

    /// What would change, of all that was asked so far.
    #[must_use]
    pub fn sums(&self) -> &Sums {
        &self.sums
    }

    fn outcome(&mut self, decree: &Decree, recorded: &Recorded) -> Option<Outcome> {
        match recorded {
            Recorded::Question(question) => {
                // As the read path asks: of whoever must hand it in by this decree.
                let Some(mandate) = decree.mandate(&question.dataset) else {
                    let articles = vec![decree.clauses().residual.to_string()];
                    return Some(Outcome { permit: false, given: [].into(), articles });
                };
                let access = self.access(decree, question, &mandate.agency)?;
                Some(match access.narrow(&question.named) {
                    Ok(narrowed) => {
                        Outcome { permit: true, given: narrowed.given, articles: narrowed.articles }
                    }
                    Err(refusal) => {
                        Outcome { permit: false, given: [].into(), articles: refusal.articles }
                    }
                })
            }
            Recorded::Act(request) => {
                let suspended = decree.suspends(&request.principal.body);
                let decision = decree.decide(&Request { suspended, ..request.clone() });
                let (permit, articles) = (decision.permit, decision.articles);
                Some(Outcome { permit, given: [].into(), articles })
            }
        }
    }

    /// What somebody may see, computed once for each decree.
    fn access(
        &mut self,
        decree: &Decree,
        question: &Question,
        owner: &AgencyId,
    ) -> Option<Arc<Access>> {
        let Question { principal, dataset, released, .. } = question;
        let (principal, released) = (principal.capacity(), *released);
        let breakdowns = self.structures.get(dataset)?.breakdowns();
        let key = (decree.name(), principal.clone(), dataset.clone(), owner.clone(), released);
        let access = self.access.entry(key).or_insert_with(|| {
            let figures = Figures { dataset, owner, breakdowns, released };
            Arc::new(decree.access(&principal, &figures))
        });
        Some(Arc::clone(access))
    }
}

fn effect(then: &Outcome, draft: &Outcome) -> Option<Effect> {
    match (then.permit, draft.permit) {
        (true, false) => Some(Effect::Refused),
        (false, true) => Some(Effect::Permitted),
        _ if then.given == draft.given => {
            (then.articles != draft.articles).then_some(Effect::Grounds)
        }
        _ if draft.given.is_subset(&then.given) => Some(Effect::Narrower),
        _ if then.given.is_subset(&draft.given) => Some(Effect::Wider),
        _ => Some(Effect::Other),
    }
}

impl Sums {
    /// Would anything change?
    #[must_use]
    pub fn any(&self) -> bool {
        !self.changed.is_empty() || !self.protection.is_empty() || !self.parameters.is_empty()
    }

    /// How many decisions would change.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changed.values().sum()
    }

    fn count(&mut self, effect: Effect, who: Identity, dataset: Option<&str>, draft: &Outcome) {
        *self.changed.entry(effect).or_default() += 1;
        *self.principals.entry(who).or_default().entry(effect).or_default() += 1;
        for article in &draft.articles {
            *self.articles.entry(article.clone()).or_default().entry(effect).or_default() += 1;
        }
        if let Some(dataset) = dataset {
            let dataset = self.datasets.entry(dataset.to_owned()).or_default();
            *dataset.entry(effect).or_default() += 1;
        }
    }
}

fn dataset(act: Act) -> Option<String> {
    match act {
        Act::Submit { dataset, .. }
        | Act::Query { dataset, .. }
        | Act::SmallCounts { dataset, .. } => Some(dataset),
        Act::ReadRecord { .. } => None,
    }
}
