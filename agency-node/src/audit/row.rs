//! A record on one line, for people.

use birge_proto::{
    clock::Timestamp,
    manifest::Action,
    record::{Counts, Event, Record, Verdict},
};
use serde::{Deserialize, Serialize};

/// What is told of a record in a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    /// Exchange number.
    pub(super) exchange: u64,
    pub(super) time: Timestamp,
    /// Who acted; empty in a notice, which does not say.
    pub(super) actor: String,
    pub(super) kind: String,
    pub(super) dataset: String,
    /// `permitted`, `refused`, or empty where nobody requested anything.
    pub(super) outcome: String,
    pub(super) articles: Vec<String>,
    /// What else counts: cells, observations, the code of the problem, the name of a key.
    pub(super) detail: String,
}

/// What a participant is told of the use of its data (article 9(3)).
#[derive(Debug, Deserialize)]
struct Notice {
    kind: String,
    time: Timestamp,
    dataset: String,
    #[serde(default)]
    articles: Vec<String>,
    answered: u64,
    withheld: u64,
}

impl Row {
    /// Columns of the table, as [`Self::cells`] fills them.
    pub(super) const COLUMNS: [&str; 8] =
        ["exchange", "time", "actor", "kind", "dataset", "outcome", "articles", "detail"];

    pub(super) fn of_record(exchange: u64, record: &Record) -> Self {
        Self {
            exchange,
            time: record.time,
            actor: record.actor.to_string(),
            kind: record.event.kind().to_owned(),
            dataset: record.event.dataset().unwrap_or_default().to_owned(),
            outcome: record.event.verdict().map_or("", Verdict::as_str).to_owned(),
            articles: record.articles().to_vec(),
            detail: detail(&record.event),
        }
    }

    pub(super) fn of_notice(exchange: u64, notice: &[u8]) -> Result<Self, serde_json::Error> {
        let Notice { kind, time, dataset, articles, answered, withheld } =
            serde_json::from_slice(notice)?;
        let outcome = String::from("permitted");
        let detail = cells(answered, withheld);
        Ok(Self { exchange, time, actor: String::new(), kind, dataset, outcome, articles, detail })
    }

    pub(super) fn cells(&self) -> [String; 8] {
        [
            self.exchange.to_string(),
            self.time.to_string(),
            self.actor.clone(),
            self.kind.clone(),
            self.dataset.clone(),
            self.outcome.clone(),
            self.articles.join(", "),
            self.detail.clone(),
        ]
    }
}

fn cells(answered: u64, withheld: u64) -> String {
    format!("{answered} cells given, {withheld} withheld")
}

fn detail(event: &Event) -> String {
    match event {
        Event::Genesis { origin, .. } => origin.clone(),
        Event::StructuresAdopted { digest } => digest.clone(),
        Event::DecreeEnacted { decree, in_force_from, .. } => {
            format!("decree {} of {}, in force from {in_force_from}", decree.number, decree.version)
        }
        Event::ParticipantEnrolled { identity, signing_key, .. } => match signing_key {
            Some(key) => format!("{identity} with the signing key {key}"),
            None => identity.to_string(),
        },
        Event::CertificateRenewed { identity, serial, .. } => {
            format!("{identity}, the certificate {serial}")
        }
        Event::ParticipantRevoked { identity, serials } => {
            format!("{identity}, {} certificates", serials.len())
        }
        Event::Account { person, act } => {
            let written = serde_json::to_value(act).unwrap_or_default();
            let what = written["what"].as_str().unwrap_or_default();
            format!("{person}: {what}")
        }
        Event::SubmissionAccepted {
            batch,
            counts,
            late,
            action,
            cause,
            consent,
            approved,
            justified,
            ..
        } => {
            let withdrawal = if *action == Action::Withdraw { "withdrawal, " } else { "" };
            let Counts { imported, updated, deleted, .. } = counts;
            let cause = cause.map(|cause| format!(", {}", cause.as_str())).unwrap_or_default();
            let late = if *late { ", late" } else { "" };
            let consent = if consent.is_some() { ", with consent" } else { "" };
            let approved = approved.iter().map(|key| format!(", approved with key {key}"));
            let justified = justified.iter().map(|code| format!(", {code} justified"));
            let said = approved.chain(justified).collect::<String>();
            format!(
                "{withdrawal}batch {batch}: {imported} new, {updated} changed, {deleted} \
                 deleted{cause}{late}{consent}{said}"
            )
        }
        Event::PublicReleased { periods, batch, .. } => {
            format!("{} periods, batch {batch}", periods.len())
        }
        Event::SubmissionChecked { batch, .. } => format!("batch {batch}"),
        Event::Released { cells: all, withheld, protection, .. } => {
            let attacked = protection.map(|it| format!(", {} attacked", it.attacked));
            format!("{all} cells, {withheld} withheld{}", attacked.unwrap_or_default())
        }
        Event::QueryAnswered { answered, withheld, early, as_of, .. } => {
            let early = if *early > 0 { format!(", {early} not public") } else { String::new() };
            let as_of = as_of.map(|at| format!(", as of {at}")).unwrap_or_default();
            format!("{}{early}{as_of}", cells(*answered, *withheld))
        }
        Event::SubmissionRejected { problem, .. } | Event::QueryRefused { problem, .. } => {
            problem.clone()
        }
        Event::ActRefused { act, problem } => format!("{act}: {problem}"),
        Event::RecordsRead { from, to } => format!("records {from} to {to}"),
        Event::Simulated { digest, records, changed } => {
            format!("draft {digest}: {changed} decisions in {records} records would change")
        }
        Event::WitnessQuorumLost { missing, .. } => {
            let missing: Vec<_> = missing.iter().map(ToString::to_string).collect();
            format!("without {}", missing.join(", "))
        }
        Event::WitnessQuorumRegained { witnessed } => format!("from {witnessed} entries on"),
        Event::StartedUnwitnessed { answered, needed } => {
            format!("{answered} of {needed} witnesses had answered")
        }
        Event::LogKeyAdded { log_key, .. } | Event::LogKeyRetired { log_key, .. } => {
            log_key.clone()
        }
        Event::LogFrozen { successor, .. } => format!("{successor} goes on"),
        Event::LogContinued { origin, last, .. } => {
            let mut lines = last.lines();
            let (frozen, size) =
                (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
            format!("{origin} goes on from {frozen} of {size} entries")
        }
        Event::HoldPlaced { hold, from, to } => match to {
            Some(to) => format!("{hold}: records {from} to {to}"),
            None => format!("{hold}: records from {from} on"),
        },
        Event::HoldLifted { hold } => hold.clone(),
        Event::NamesErased { before, records } => format!("in {records} records before {before}"),
        Event::Turned { counts, .. } => {
            let counts = counts.iter().map(|(reason, count)| format!("{count} {reason}"));
            counts.collect::<Vec<_>>().join(", ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_names_nobody() {
        let notice =
            br#"{"kind":"query-answered","time":"2026-01-01T00:00:00Z","dataset":"REFUGEES",
            "detail":null,"articles":["6(1)"],"answered":5,"withheld":1,"counter":3}"#;
        let row = Row::of_notice(7, notice).unwrap();
        assert_eq!(row.actor, "");
        assert_eq!(row.cells()[6..], ["6(1)", "5 cells given, 1 withheld"].map(str::to_owned));
        assert!(Row::of_notice(7, b"{}").is_err());
    }
}
