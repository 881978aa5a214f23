//! `decree.json`: what of a decree is data.

use std::collections::{BTreeMap, BTreeSet};

use birge_proto::{clock::Timestamp, identity::AgencyId};
use birge_schemas::{
    decree::PARAMETERS_SCHEMA,
    detail::{Breakdown, Detail},
    guard::guard,
    witnesses::{Quorum, Witnesses, WitnessesError},
};
use jiff::civil::Time;
use serde::{Deserialize, Deserializer, de::Error};

use super::{
    article::{Article, Articles},
    clauses::Clauses,
    days_off::DaysOff,
    error::{DecreeError, line_of},
};

/// The file's path in the decree's folder.
pub(super) const PARAMETERS: &str = "decree.json";

/// Everything in `decree.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Parameters {
    pub(super) number: String,
    pub(super) version: String,
    pub(super) title: BTreeMap<String, String>,
    pub(super) in_force_from: Timestamp,
    pub(super) time_zone: String,
    pub(super) clauses: Clauses,
    pub(super) participants: Vec<Body>,
    pub(super) auditors: Vec<Body>,
    pub(super) working_group: Option<WorkingGroup>,
    pub(super) mandates: Vec<Mandate>,
    pub(super) deadlines: Vec<Deadline>,
    #[serde(default)]
    pub(super) days_off: DaysOff,
    pub(super) disclosure: Vec<DisclosureRule>,
    pub(super) public_release: Option<PublicRelease>,
    pub(super) frozen_after_years: i64,
    #[serde(default = "ten")]
    pub(super) names_erasable_after_years: i64,
    pub(super) witnesses: Quorum,
    /// By article: who or what carries it out, where neither a rule nor a parameter does.
    #[serde(default)]
    notes: BTreeMap<String, String>,
    /// The file as it was read.
    #[serde(skip)]
    source: serde_json::Value,
}

/// What of a decree is told elsewhere where it changes, or carries nothing out.
const TOLD: [&str; 6] = ["number", "version", "title", "inForceFrom", "disclosure", "notes"];

/// Years after which names may be erased where the decree gives no other number (article 9(4)).
const fn ten() -> i64 {
    10
}

/// A body that the decree names (article 3).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// Its short name.
    pub id: AgencyId,
    /// Its name by language.
    pub names: BTreeMap<String, String>,
    /// Suspended by the government (article 10).
    #[serde(default)]
    pub suspended: bool,
}

/// The working group of members and observers (article 3(2)).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkingGroup {
    /// The article that sets it up.
    pub article: Article,
    /// The participant that presides over it.
    pub chair: AgencyId,
    /// The one that stands in for it in its own matters.
    pub deputy: Option<AgencyId>,
    /// May frozen periods be revised with the chair's consent (article 5(2))?
    #[serde(default)]
    pub consents: bool,
}

impl WorkingGroup {
    /// Who consents to what `agency` does: never that agency itself.
    #[must_use]
    pub fn consents_for(&self, agency: &AgencyId) -> Option<&AgencyId> {
        let own_matter = self.chair == *agency;
        let who = if own_matter { self.deputy.as_ref() } else { Some(&self.chair) };
        who.filter(|who| self.consents && *who != agency)
    }
}

/// When figures become public (article 8(1)).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PublicRelease {
    pub(super) article: Article,
    /// After the later of deadline and acceptance.
    pub(super) days: i64,
    /// Local time.
    #[serde(deserialize_with = "of_day")]
    pub(super) time: Time,
}

fn of_day<'de, D: Deserializer<'de>>(from: D) -> Result<Time, D::Error> {
    let text = String::deserialize(from)?;
    Time::strptime("%H:%M", &text).map_err(D::Error::custom)
}

/// Who must hand in which dataset (article 4(1)).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Mandate {
    /// Dataset.
    pub dataset: String,
    /// Who hands it in.
    pub agency: AgencyId,
    /// The article that says so.
    pub article: String,
    /// `A`, `Q` or `M`.
    pub frequency: String,
    /// `S` stock, `F` flow.
    pub stock_flow: String,
    /// Unit of measure, a code of `CL_UNIT_MEASURE`.
    pub unit: String,
    /// For people: the day at which a stock is counted.
    pub reference_date: Option<String>,
    /// First period due; every later one is due too.
    pub first_period: Option<String>,
    /// The periods due, where they are irregular.
    #[serde(default)]
    pub rounds: Vec<String>,
    /// Breakdowns that the figures of a period must have, each by its dimensions together.
    #[serde(default)]
    by: Vec<Vec<String>>,
}

impl Mandate {
    /// The details that the figures of a period must have.
    pub fn demanded(&self) -> impl Iterator<Item = Detail> {
        let detail = |dimensions: &Vec<String>| {
            dimensions.iter().filter_map(|id| Breakdown::of_dimension(id)).collect()
        };
        self.by.iter().map(detail)
    }

    /// Is this period among those that must be handed in? Earlier ones may be.
    pub(super) fn demands(&self, period: &str) -> bool {
        self.rounds.iter().any(|round| round == period)
            || self.first_period.as_deref().is_some_and(|first| first <= period)
    }
}

/// Until when the figures of a period are in time (article 4(2)).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Deadline {
    article: String,
    pub(super) frequency: String,
    pub(super) months_after: i32,
    pub(super) day: i8,
}

/// The threshold of one dataset (article 7(1)).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct DisclosureRule {
    article: String,
    pub(super) dataset: String,
    threshold: u64,
    zeros_withheld: bool,
    #[serde(default)]
    dear: Dear,
}

/// How small counts of a dataset are protected (article 7(1)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disclosure {
    /// Least positive count that is given out; 0 where figures are no counts of persons.
    pub threshold: u64,
    /// Are zeros withheld too?
    pub zeros_withheld: bool,
    /// What is dear to withhold.
    pub dear: Dear,
}

/// How many times what another cell costs it costs to withhold one, where one must be withheld
/// beside a small count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Dear {
    /// Of a total that is broken down by nothing.
    pub total: u16,
    /// Of one that is broken down by sex alone.
    pub by_sex: u16,
}

impl Dear {
    /// Where the decree does not say.
    const USUAL: Self = Self { total: 100, by_sex: 4 };
}

impl Default for Dear {
    fn default() -> Self {
        Self::USUAL
    }
}

impl Disclosure {
    /// With what is usually dear.
    #[must_use]
    pub const fn new(threshold: u64, zeros_withheld: bool) -> Self {
        Self { threshold, zeros_withheld, dear: Dear::USUAL }
    }
}

impl From<&DisclosureRule> for Disclosure {
    fn from(rule: &DisclosureRule) -> Self {
        let DisclosureRule { threshold, zeros_withheld, dear, .. } = *rule;
        Self { threshold, zeros_withheld, dear }
    }
}

impl Parameters {
    /// Reads the file: shape first, then the JSON Schema, then what neither can say.
    pub(super) fn parse(text: &str) -> Result<Self, DecreeError> {
        let json = |error| DecreeError::json(PARAMETERS, error);
        let mut parameters: Self = serde_json::from_str(text).map_err(json)?;
        parameters.source = serde_json::from_str(text).map_err(json)?;
        against_schema(&parameters.source)?;
        parameters.consistent(text)?;
        Ok(parameters)
    }

    /// The members of the file in which another differs, but for those that are told elsewhere.
    pub(super) fn differ(&self, other: &Self) -> Vec<String> {
        let members = |it: &Self| it.source.as_object().cloned().unwrap_or_default();
        let (own, other) = (members(self), members(other));
        let names: BTreeSet<_> = own.keys().chain(other.keys()).collect();
        let differ = names.into_iter().filter(|name| own.get(*name) != other.get(*name));
        differ.filter(|name| !TOLD.contains(&name.as_str())).cloned().collect()
    }

    /// Who must have signed what is shown as witnessed (article 9(2)).
    pub(super) fn witnesses(&self) -> Result<Witnesses, WitnessesError> {
        let participants = self.participants.iter().map(|body| body.id.clone()).collect();
        Witnesses::new(self.witnesses.clone(), participants)
    }

    /// The articles that parameters carry out.
    pub(super) fn cited(&self) -> Result<impl Iterator<Item = Article> + use<>, DecreeError> {
        let mandates = self.mandates.iter().map(|mandate| &mandate.article);
        let deadlines = self.deadlines.iter().map(|deadline| &deadline.article);
        let thresholds = self.disclosure.iter().map(|rule| &rule.article);
        let cited = mandates.chain(deadlines).chain(thresholds).chain([&self.witnesses.article]);
        let cited = cited.map(|article| article_of(article)).collect::<Result<Vec<_>, _>>()?;
        let group = self.working_group.as_ref().map(|group| group.article);
        let release = self.public_release.as_ref().map(|release| release.article);
        let optional = [group, release, self.days_off.article].into_iter().flatten();
        Ok(cited.into_iter().chain(self.clauses.articles()).chain(optional))
    }

    /// The articles of which a note says who carries them out; each must have a text.
    pub(super) fn noted(
        &self,
        articles: &Articles,
    ) -> Result<impl Iterator<Item = Article> + use<>, DecreeError> {
        let noted = self.notes.keys().map(|article| article_of(article));
        let noted = noted.collect::<Result<Vec<_>, _>>()?;
        match noted.iter().find(|article| !articles.has(**article)) {
            Some(article) => {
                let what = format!("`notes` names article {article}, which has no text");
                Err(DecreeError::new(PARAMETERS, None, what))
            }
            None => Ok(noted.into_iter()),
        }
    }

    fn consistent(&self, text: &str) -> Result<(), DecreeError> {
        let wrong = |named: &str, what: String| {
            Err(DecreeError::new(PARAMETERS, line_of(text, named), what))
        };
        let bodies = self.participants.iter().chain(&self.auditors);
        if let Some(twice) = first_twice(bodies.map(|body| body.id.as_str())) {
            return wrong(twice, format!("{twice} is named twice"));
        }
        if let Some(twice) = first_twice(self.mandates.iter().map(|each| each.dataset.as_str())) {
            return wrong(twice, format!("{twice} has two mandates; expected one"));
        }
        if let Some(twice) = first_twice(self.disclosure.iter().map(|each| each.dataset.as_str())) {
            return wrong(twice, format!("{twice} has two thresholds; expected one"));
        }
        let group = self.working_group.iter();
        let presiding = group.flat_map(|group| [Some(&group.chair), group.deputy.as_ref()]);
        for body in presiding.flatten() {
            if !self.participants.iter().any(|participant| participant.id == *body) {
                return wrong("workingGroup", format!("{body}, who presides, is no participant"));
            }
        }
        for body in &self.witnesses.mandatory {
            if !self.auditors.iter().any(|auditor| auditor.id == *body) {
                return wrong("witnesses", format!("{body}, who must witness, is no auditor"));
            }
        }
        if let Err(error) = self.witnesses() {
            return wrong("witnesses", error.to_string());
        }
        for Mandate { dataset, agency, by, .. } in &self.mandates {
            if !self.participants.iter().any(|body| body.id == *agency) {
                return wrong(dataset, format!("{agency}, who must hand it in, is no participant"));
            }
            let unknown = by.iter().flatten().find(|id| Breakdown::of_dimension(id).is_none());
            if let Some(unknown) = unknown {
                let what = format!(
                    "{dataset} cannot be broken down by {unknown}: `by` names dimensions such as SEX, AGE, REF_AREA"
                );
                return wrong(dataset, what);
            }
            if !self.disclosure.iter().any(|rule| rule.dataset == *dataset) {
                return wrong(dataset, format!("{dataset} has no threshold under `disclosure`"));
            }
        }
        Ok(())
    }
}

fn article_of(text: &str) -> Result<Article, DecreeError> {
    text.parse().map_err(|error| DecreeError::new(PARAMETERS, None, error))
}

fn against_schema(instance: &serde_json::Value) -> Result<(), DecreeError> {
    guard(PARAMETERS_SCHEMA, instance).map_err(|what| DecreeError::new(PARAMETERS, None, what))
}

fn first_twice<'a>(mut names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = BTreeSet::new();
    names.find(|name| !seen.insert(*name))
}
