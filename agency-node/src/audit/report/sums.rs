//! What the records of a span come to.

use std::collections::BTreeMap;

use birge_proto::{
    clock::Timestamp,
    manifest::Action,
    record::{AccountAct, Event, Record},
};
use serde::Serialize;

use crate::audit::row::Row;

/// Single records that a paper lists of one sort; those beyond are counted only.
const MOST: usize = 1_000;

/// The sums, as records are added in their order.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Sums {
    pub(super) records: u64,
    pub(super) first: Option<(u64, Timestamp)>,
    pub(super) last: Option<(u64, Timestamp)>,
    pub(super) kinds: BTreeMap<String, u64>,
    pub(super) actors: BTreeMap<String, u64>,
    pub(super) datasets: BTreeMap<String, u64>,
    pub(super) articles: BTreeMap<String, u64>,
    pub(super) refusals: BTreeMap<Refusal, u64>,
    pub(super) late: List,
    pub(super) taken_back: List,
    /// Cells that were seen before they were public, by who saw them.
    pub(super) early: BTreeMap<String, u64>,
    pub(super) stretches: Vec<Stretch>,
    pub(super) starts: Vec<Start>,
    pub(super) acts: List,
    pub(super) accounts: List,
    pub(super) readings: BTreeMap<String, u64>,
}

/// What was refused to whom, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Refusal {
    pub(super) actor: String,
    pub(super) kind: String,
    pub(super) dataset: String,
    pub(super) problem: String,
    pub(super) articles: String,
}

impl Serialize for Refusal {
    /// As one text, for it is the key of a map.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { actor, kind, dataset, problem, articles } = self;
        serializer.collect_str(&format_args!("{actor} {kind} {dataset} {problem} {articles}"))
    }
}

/// A time in which too few witnesses signed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stretch {
    pub(super) since: Timestamp,
    pub(super) exchange: u64,
    pub(super) missing: Vec<String>,
    pub(super) end: Option<(u64, Timestamp)>,
}

/// A start before enough witnesses had answered.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Start {
    pub(super) since: Timestamp,
    pub(super) exchange: u64,
    pub(super) answered: u64,
    pub(super) needed: u64,
}

impl Stretch {
    /// The stretches that the records of the quorum tell of, in their order, which touch a span.
    pub(super) fn of(
        turns: &[(Row, Event)],
        since: Option<Timestamp>,
        before: Option<Timestamp>,
    ) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for (row, event) in turns {
            let (exchange, time) = (row.exchange, row.time);
            match event {
                Event::WitnessQuorumLost { missing, .. } => {
                    let missing = missing.iter().map(|body| body.body.to_string()).collect();
                    all.push(Self { since: time, exchange, missing, end: None });
                }
                Event::WitnessQuorumRegained { .. } => {
                    if let Some(open) = all.last_mut().filter(|last| last.end.is_none()) {
                        open.end = Some((exchange, time));
                    }
                }
                _ => {}
            }
        }
        all.retain(|stretch| {
            before.is_none_or(|before| stretch.since < before)
                && since.is_none_or(|since| stretch.end.is_none_or(|(_, end)| end >= since))
        });
        all
    }
}

impl Sums {
    /// Adds the next record.
    pub(super) fn add(&mut self, row: &Row, record: &Record) {
        let place = (row.exchange, row.time);
        self.records += 1;
        self.first.get_or_insert(place);
        self.last = Some(place);
        count(&mut self.kinds, &row.kind);
        count(&mut self.actors, &row.actor);
        if !row.dataset.is_empty() {
            count(&mut self.datasets, &row.dataset);
        }
        for article in &row.articles {
            count(&mut self.articles, article);
        }
        if let Some(problem) = record.event.problem() {
            let refusal = Refusal {
                actor: row.actor.clone(),
                kind: row.kind.clone(),
                dataset: row.dataset.clone(),
                problem: problem.to_owned(),
                articles: row.articles.join(", "),
            };
            *self.refusals.entry(refusal).or_default() += 1;
        }
        self.single(row, &record.event);
    }

    /// What is told one by one.
    fn single(&mut self, row: &Row, event: &Event) {
        let (exchange, since) = (row.exchange, row.time);
        match event {
            Event::SubmissionAccepted { late, action, consent, .. } => {
                if *late {
                    self.late.add(row);
                }
                if *action == Action::Withdraw || consent.is_some() {
                    self.taken_back.add(row);
                }
            }
            Event::QueryAnswered { early, .. } if *early > 0 => {
                *self.early.entry(row.actor.clone()).or_default() += early;
            }
            Event::Account { act, .. } if told(act) => self.accounts.add(row),
            Event::StartedUnwitnessed { answered, needed } => {
                let (answered, needed) = (*answered, *needed);
                self.starts.push(Start { since, exchange, answered, needed });
            }
            Event::RecordsRead { .. } | Event::Simulated { .. } => {
                count(&mut self.readings, &row.actor);
            }
            Event::Genesis { .. }
            | Event::DecreeEnacted { .. }
            | Event::ParticipantEnrolled { .. }
            | Event::CertificateRenewed { .. }
            | Event::ParticipantRevoked { .. }
            | Event::LogKeyAdded { .. }
            | Event::LogKeyRetired { .. }
            | Event::LogFrozen { .. }
            | Event::LogContinued { .. }
            | Event::HoldPlaced { .. }
            | Event::HoldLifted { .. }
            | Event::NamesErased { .. } => self.acts.add(row),
            _ => {}
        }
    }
}

/// Is this told of an account? What its owner does day by day is counted only.
fn told(act: &AccountAct) -> bool {
    match act {
        AccountAct::Named
        | AccountAct::Invited
        | AccountAct::Locked { .. }
        | AccountAct::TokenIssued { .. }
        | AccountAct::Confirmed
        | AccountAct::RecoveryAsked
        | AccountAct::RecoveryGranted
        | AccountAct::Revoked => true,
        AccountAct::Activated
        | AccountAct::SignedIn
        | AccountAct::SignedOut
        | AccountAct::PasswordChanged
        | AccountAct::TokenWithdrawn { .. } => false,
    }
}

fn count(counts: &mut BTreeMap<String, u64>, name: &str) {
    *counts.entry(name.to_owned()).or_default() += 1;
}

/// Records told one by one, and how many more there are.
#[derive(Debug, Default, Serialize)]
pub(super) struct List {
    pub(super) rows: Vec<Row>,
    pub(super) more: u64,
}

impl List {
    fn add(&mut self, row: &Row) {
        if self.rows.len() < MOST {
            self.rows.push(row.clone());
        } else {
            self.more += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(exchange: u64, event: Event) -> Record {
        Record {
            time: Timestamp::from_second(exchange.try_into().unwrap()).unwrap(),
            actor: "gateway/BIRGE".parse().unwrap(),
            parties: BTreeMap::new(),
            persons: BTreeMap::new(),
            event,
        }
    }

    fn add(sums: &mut Sums, exchange: u64, event: Event) {
        let record = record(exchange, event);
        sums.add(&Row::of_record(exchange, &record), &record);
    }

    #[test]
    fn stretches_without_a_quorum_begin_and_end_also_outside_the_span() {
        let missing = vec!["agency/NSC".parse().unwrap()];
        let lost = |witnessed| Event::WitnessQuorumLost { witnessed, missing: missing.clone() };
        let regained = Event::WitnessQuorumRegained { witnessed: 5 };
        let turns = [(3, lost(2)), (5, regained), (9, lost(8))].map(|(exchange, event)| {
            let record = record(exchange, event.clone());
            (Row::of_record(exchange, &record), event)
        });
        let of = |since: Option<i64>, before: Option<i64>| -> Vec<_> {
            let time = |second: Option<i64>| second.map(|s| Timestamp::from_second(s).unwrap());
            let found = Stretch::of(&turns, time(since), time(before));
            found.iter().map(|each| (each.exchange, each.end.map(|end| end.0))).collect()
        };
        assert_eq!(of(None, None), [(3, Some(5)), (9, None)]);
        assert_eq!(of(Some(4), Some(5)), [(3, Some(5))], "it lies around the span");
        assert_eq!(of(None, Some(4)), [(3, Some(5))], "it ends after the span");
        assert_eq!(of(Some(6), Some(9)), []);
        assert_eq!(of(Some(20), None), [(9, None)]);
        assert_eq!(Stretch::of(&turns, None, None)[0].missing, ["NSC"]);
    }

    #[test]
    fn what_is_not_listed_is_counted() {
        let mut sums = Sums::default();
        for exchange in 0..MOST as u64 + 3 {
            add(&mut sums, exchange, Event::HoldLifted { hold: "x".into() });
        }
        assert_eq!((sums.acts.rows.len(), sums.acts.more), (MOST, 3));
    }

    #[test]
    fn of_accounts_what_others_did_is_listed_and_what_its_owner_does_is_counted() {
        let mut sums = Sums::default();
        for act in [AccountAct::Named, AccountAct::SignedIn, AccountAct::Revoked] {
            let person = "member/NSC/k3jq7x2m".parse().unwrap();
            add(&mut sums, 1, Event::Account { person, act });
        }
        let told: Vec<_> = sums.accounts.rows.iter().map(|row| row.cells()[7].clone()).collect();
        assert_eq!(told, ["member/NSC/k3jq7x2m: named", "member/NSC/k3jq7x2m: revoked"]);
        assert_eq!(sums.kinds["account"], 3);
    }

    #[test]
    fn refusals_are_grouped_and_sums_are_json() {
        let mut sums = Sums::default();
        for exchange in 0..3 {
            let (act, problem) = (String::from("admin/enrol"), String::from("CONFLICT"));
            add(&mut sums, exchange, Event::ActRefused { act, problem });
        }
        assert_eq!(sums.refusals.values().copied().collect::<Vec<_>>(), [3]);
        let json = serde_json::to_value(&sums).unwrap();
        assert_eq!(json["kinds"]["act-refused"], 3);
    }
}
