//! The decree in force: its parameters, its rules, and what they decide. Pure: a bundle of
//! bytes comes in, decisions that cite articles come out.
//!
//! Order of reading: [`Decree`] here, `request` for what is asked and answered, `access` for
//! what a body may see of a dataset, `rules` for the policies, `parameters` and `calendar` for
//! the rest of the decree; `matrix`, `coverage`, `claim` and `replay` for what
//! all of it comes to.

mod access;
mod article;
mod calendar;
mod claim;
mod clauses;
mod coverage;
mod days_off;
mod error;
mod matrix;
mod parameters;
mod replay;
mod request;
mod rules;

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use birge_proto::{clock::Timestamp, identity::AgencyId, identity::Identity, record};
use birge_schemas::{decree as bundle, witnesses::Witnesses};
use jiff::civil::Date;

pub use self::{
    access::{Access, Figures, Named, Narrowed, Refusal},
    article::{Article, in_order},
    calendar::Obligation,
    claim::{Claim, Found, Tried, Way, Who, changes_only},
    clauses::Clauses,
    coverage::{Coverage, Gap, Overruled},
    error::DecreeError,
    matrix::{Cell, Matrix, Sheet, outsiders},
    parameters::{Body, Dear, Disclosure, Mandate, WorkingGroup},
    replay::{Change, Effect, Outcome, Replay, Sums},
    request::{Act, Decision, Question, Recorded, Request, SexSplit},
};
use self::{
    article::Articles,
    calendar::Calendar,
    parameters::{PARAMETERS, Parameters},
    rules::{Rules, Verdict},
};

/// One decree: parameters, text and rules, checked against each other.
#[derive(Debug)]
pub struct Decree {
    parameters: Parameters,
    calendar: Calendar,
    witnesses: Witnesses,
    articles: Articles,
    rules: Rules,
    /// What was asked before. A decree never changes its mind.
    known: Mutex<HashMap<Request, Verdict>>,
}

/// Decisions that are remembered; who asks more kinds of questions than that waits for them.
const KNOWN: usize = 1 << 16;

impl Decree {
    /// Reads a decree from its bundle (`birge_schemas::decree`).
    ///
    /// # Errors
    /// When a file is missing or does not parse, a rule does not type-check, cites no article
    /// or one without text, or names a body or dataset that the parameters do not.
    pub fn from_bundle(bytes: &[u8]) -> Result<Self, DecreeError> {
        let files =
            bundle::files(bytes).map_err(|error| DecreeError::new("the bundle", None, error))?;
        let parameters = Parameters::parse(error::file(&files, PARAMETERS)?)?;
        let calendar = Calendar::new(&parameters)?;
        let articles = Articles::parse(&files)?;
        let rules = Rules::parse(&files, &parameters, &articles)?;
        articles.require(parameters.cited()?, PARAMETERS, None)?;
        let cited = rules.cited().chain(parameters.cited()?).chain(parameters.noted(&articles)?);
        articles.carried_out(&cited.collect())?;
        let witnesses =
            parameters.witnesses().map_err(|error| DecreeError::new(PARAMETERS, None, error))?;
        Ok(Self { parameters, calendar, witnesses, articles, rules, known: Mutex::default() })
    }

    /// Number and version.
    #[must_use]
    pub fn name(&self) -> record::DecreeName {
        let Parameters { number, version, .. } = &self.parameters;
        record::DecreeName { number: number.clone(), version: version.clone() }
    }

    /// The title in `language`, else in English, else in any.
    #[must_use]
    pub fn title(&self, language: &str) -> &str {
        article::in_language(&self.parameters.title, language)
    }

    /// First moment in force (article 11).
    #[must_use]
    pub fn in_force_from(&self) -> Timestamp {
        self.parameters.in_force_from
    }

    /// Under which articles the exchange itself acts.
    #[must_use]
    pub fn clauses(&self) -> &Clauses {
        &self.parameters.clauses
    }

    /// Who witnesses the log, and how many must have signed (article 9(2)).
    #[must_use]
    pub fn witnesses(&self) -> &Witnesses {
        &self.witnesses
    }

    /// The participants (article 3(1)).
    #[must_use]
    pub fn participants(&self) -> &[Body] {
        &self.parameters.participants
    }

    /// The bodies that name auditors (article 3(3)).
    #[must_use]
    pub fn auditors(&self) -> &[Body] {
        &self.parameters.auditors
    }

    /// The working group (article 3(2)), where the decree sets one up.
    #[must_use]
    pub fn working_group(&self) -> Option<&WorkingGroup> {
        self.parameters.working_group.as_ref()
    }

    /// First moment at which figures of `period`, accepted at `accepted`, are public (article
    /// 8(1)); none where the decree makes nothing public.
    #[must_use]
    pub fn public_from(
        &self,
        dataset: &str,
        period: &str,
        accepted: Timestamp,
    ) -> Option<Timestamp> {
        let rule = self.parameters.public_release.as_ref()?;
        self.calendar.public_from(rule, self.deadline(dataset, period), accepted)
    }

    /// The article under which figures become public.
    #[must_use]
    pub fn public_release(&self) -> Option<Article> {
        self.parameters.public_release.as_ref().map(|rule| rule.article)
    }

    /// Every mandate (article 4(1)).
    #[must_use]
    pub fn mandates(&self) -> &[Mandate] {
        &self.parameters.mandates
    }

    /// Who must hand in `dataset`, if anybody must.
    #[must_use]
    pub fn mandate(&self, dataset: &str) -> Option<&Mandate> {
        self.parameters.mandates.iter().find(|mandate| mandate.dataset == dataset)
    }

    /// How small counts of `dataset` are protected (article 7(1)); none for what the decree
    /// does not name, of which nothing may be given out.
    #[must_use]
    pub fn disclosure(&self, dataset: &str) -> Option<Disclosure> {
        self.parameters.disclosure.iter().find(|rule| rule.dataset == dataset).map(Into::into)
    }

    /// First moment at which figures of `period` are late (article 4(2)); none for a dataset
    /// without a mandate, or a period that is not of its frequency.
    #[must_use]
    pub fn deadline(&self, dataset: &str, period: &str) -> Option<Timestamp> {
        self.calendar.deadline(self.mandate(dataset)?, period)
    }

    /// Everything whose deadline has passed by `until`, whether handed in or not, by mandate
    /// and period.
    #[must_use]
    pub fn obligations(&self, until: Timestamp) -> Vec<Obligation> {
        let mandates = self.parameters.mandates.iter();
        mandates.flat_map(|mandate| self.calendar.obligations(mandate, until)).collect()
    }

    /// Is `period`, of whatever frequency, over for so long that it is frozen (article 5(2))?
    #[must_use]
    pub fn frozen(&self, period: &str, at: Timestamp) -> bool {
        self.calendar.frozen(period, at, self.parameters.frozen_after_years)
    }

    /// Years after which names of persons in records may be erased (article 9(4)).
    #[must_use]
    pub fn names_erasable_after_years(&self) -> i64 {
        self.parameters.names_erasable_after_years
    }

    /// First moment at which, at `now`, a record's names may not be erased yet (article 9(4)).
    #[must_use]
    pub fn names_erasable_before(&self, now: Timestamp) -> Option<Timestamp> {
        self.calendar.years_before(now, self.parameters.names_erasable_after_years)
    }

    /// The first moment of `day` where the decree is in force.
    #[must_use]
    pub fn midnight(&self, day: Date) -> Option<Timestamp> {
        self.calendar.midnight(day)
    }

    /// The day at `moment` where the decree is in force.
    #[must_use]
    pub fn day(&self, moment: Timestamp) -> Date {
        self.calendar.day(moment)
    }

    /// The time zone where the decree is in force: `Asia/Bishkek`.
    #[must_use]
    pub fn time_zone(&self) -> &str {
        &self.parameters.time_zone
    }

    /// Every article that has a text, in the decree's order.
    #[must_use]
    pub fn articles(&self) -> Vec<String> {
        article::texts(&self.articles.all().collect::<Vec<_>>())
    }

    /// The text of an article in `language`, else in English, else in any.
    #[must_use]
    pub fn article(&self, article: &str, language: &str) -> Option<&str> {
        self.articles.text(article.parse().ok()?, language)
    }

    /// The parameters in which another decree differs, by their names in `decree.json`: what no
    /// decision shows, such as when figures are due, become public or are frozen.
    #[must_use]
    pub fn differs(&self, other: &Self) -> Vec<String> {
        self.parameters.differ(&other.parameters)
    }

    /// Has the government suspended this body (article 10)?
    #[must_use]
    pub fn suspends(&self, body: &AgencyId) -> bool {
        self.parameters.participants.iter().any(|each| each.id == *body && each.suspended)
    }

    /// What the decree says to `request`, citing its articles.
    #[must_use]
    pub fn decide(&self, request: &Request) -> Decision {
        let verdict = self.verdict(request);
        Decision {
            permit: verdict.permit,
            articles: article::texts(&verdict.articles),
            request: serde_json::to_value(request).unwrap_or_default(),
        }
    }

    /// Articles that would permit `request`, were there no prohibition.
    #[must_use]
    pub fn overruled(&self, request: &Request) -> Vec<String> {
        article::texts(&self.rules.permitting(request, &self.parameters))
    }

    /// What `principal` may see of `figures`: the decision on every detail, to be kept while the
    /// decree stands.
    #[must_use]
    pub fn access(&self, principal: &Identity, figures: &Figures<'_>) -> Access {
        let Figures { dataset, owner, breakdowns, released } = *figures;
        let suspended = self.suspends(&principal.body);
        let ask = |act| {
            self.verdict(&Request { principal: principal.clone(), suspended, recorded: true, act })
        };
        let verdicts = breakdowns.subsets().map(|detail| {
            let (dataset, owner) = (dataset.to_owned(), owner.clone());
            let query =
                Act::Query { dataset: dataset.clone(), owner: owner.clone(), detail, released };
            let small_counts = Act::SmallCounts { dataset, owner, detail, released };
            (detail, ask(query), ask(small_counts))
        });
        Access::new(breakdowns, verdicts)
    }

    /// A decision as the journal records it.
    #[must_use]
    pub fn ruling(&self, decision: Decision) -> record::Ruling {
        let Decision { permit, articles, request } = decision;
        record::Ruling { decree: self.name(), permit, articles, request }
    }

    fn verdict(&self, request: &Request) -> Verdict {
        // All persons of a body in one capacity are the same to the rules.
        let capacity;
        let request = match request.principal.person {
            None => request,
            Some(_) => {
                let principal = request.principal.capacity();
                capacity = Request { principal, ..request.clone() };
                &capacity
            }
        };
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(verdict) = known().get(request) {
            return verdict.clone();
        }
        let mut verdict = self.rules.decide(request, &self.parameters);
        if verdict.articles.is_empty() {
            verdict = Verdict { permit: false, articles: vec![self.parameters.clauses.residual] };
        }
        let mut known = known();
        if known.len() >= KNOWN {
            known.clear();
        }
        known.insert(request.clone(), verdict.clone());
        verdict
    }
}

#[cfg(test)]
mod tests;
