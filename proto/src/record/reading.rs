//! What of a record those who review it ask for: its kind, its dataset, how it was decided.

use super::{Event, Record, Ruling};
use crate::identity::Identity;

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It was done.
    Permitted,
    /// It was refused.
    Refused,
}

impl Verdict {
    /// `permitted` or `refused`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Permitted => "permitted",
            Self::Refused => "refused",
        }
    }
}

impl Record {
    /// Does it concern this party?
    #[must_use]
    pub fn concerns(&self, party: &Identity) -> bool {
        self.actor == *party || self.parties.contains_key(party)
    }

    /// The articles that decided; none where the decree was not asked.
    #[must_use]
    pub fn articles(&self) -> &[String] {
        match &self.event {
            Event::PublicReleased { articles, .. } => articles,
            Event::SubmissionRejected { articles, .. } if !articles.is_empty() => articles,
            event => event.ruling().map_or(&[], |ruling| &ruling.articles),
        }
    }
}

impl Event {
    /// Every kind that there is.
    pub const KINDS: [&'static str; 28] = [
        "genesis",
        "structures-adopted",
        "decree-enacted",
        "participant-enrolled",
        "certificate-renewed",
        "participant-revoked",
        "account",
        "submission-accepted",
        "submission-checked",
        "submission-rejected",
        "released",
        "public-released",
        "query-answered",
        "query-refused",
        "act-refused",
        "records-read",
        "simulated",
        "witness-quorum-lost",
        "witness-quorum-regained",
        "started-unwitnessed",
        "log-key-added",
        "log-key-retired",
        "log-frozen",
        "log-continued",
        "hold-placed",
        "hold-lifted",
        "names-erased",
        "turned",
    ];

    /// Its kind, as the record writes it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Genesis { .. } => "genesis",
            Self::StructuresAdopted { .. } => "structures-adopted",
            Self::DecreeEnacted { .. } => "decree-enacted",
            Self::ParticipantEnrolled { .. } => "participant-enrolled",
            Self::CertificateRenewed { .. } => "certificate-renewed",
            Self::ParticipantRevoked { .. } => "participant-revoked",
            Self::Account { .. } => "account",
            Self::SubmissionAccepted { .. } => "submission-accepted",
            Self::SubmissionChecked { .. } => "submission-checked",
            Self::SubmissionRejected { .. } => "submission-rejected",
            Self::Released { .. } => "released",
            Self::PublicReleased { .. } => "public-released",
            Self::QueryAnswered { .. } => "query-answered",
            Self::QueryRefused { .. } => "query-refused",
            Self::ActRefused { .. } => "act-refused",
            Self::RecordsRead { .. } => "records-read",
            Self::Simulated { .. } => "simulated",
            Self::WitnessQuorumLost { .. } => "witness-quorum-lost",
            Self::WitnessQuorumRegained { .. } => "witness-quorum-regained",
            Self::StartedUnwitnessed { .. } => "started-unwitnessed",
            Self::LogKeyAdded { .. } => "log-key-added",
            Self::LogKeyRetired { .. } => "log-key-retired",
            Self::LogFrozen { .. } => "log-frozen",
            Self::LogContinued { .. } => "log-continued",
            Self::HoldPlaced { .. } => "hold-placed",
            Self::HoldLifted { .. } => "hold-lifted",
            Self::NamesErased { .. } => "names-erased",
            Self::Turned { .. } => "turned",
        }
    }

    /// The dataset it is about, where it is about one.
    #[must_use]
    pub fn dataset(&self) -> Option<&str> {
        match self {
            Self::SubmissionAccepted { dataset, .. }
            | Self::SubmissionChecked { dataset, .. }
            | Self::Released { dataset, .. }
            | Self::PublicReleased { dataset, .. }
            | Self::QueryAnswered { dataset, .. } => Some(dataset),
            Self::SubmissionRejected { dataset, .. } | Self::QueryRefused { dataset, .. } => {
                dataset.as_deref()
            }
            _ => None,
        }
    }

    /// What the decree said, where it was asked.
    #[must_use]
    pub fn ruling(&self) -> Option<&Ruling> {
        match self {
            Self::SubmissionAccepted { ruling, .. } | Self::QueryAnswered { ruling, .. } => {
                Some(ruling)
            }
            Self::SubmissionRejected { ruling, .. } | Self::QueryRefused { ruling, .. } => {
                ruling.as_ref()
            }
            _ => None,
        }
    }

    /// Code of the problem, where something was refused.
    #[must_use]
    pub fn problem(&self) -> Option<&str> {
        match self {
            Self::SubmissionRejected { problem, .. }
            | Self::QueryRefused { problem, .. }
            | Self::ActRefused { problem, .. } => Some(problem),
            _ => None,
        }
    }

    /// How the request ended; none where nobody requested anything.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        match self {
            Self::SubmissionRejected { .. }
            | Self::QueryRefused { .. }
            | Self::ActRefused { .. } => Some(Verdict::Refused),
            Self::SubmissionAccepted { .. }
            | Self::SubmissionChecked { .. }
            | Self::QueryAnswered { .. }
            | Self::RecordsRead { .. }
            | Self::Simulated { .. }
            | Self::ParticipantEnrolled { .. }
            | Self::CertificateRenewed { .. }
            | Self::ParticipantRevoked { .. }
            | Self::DecreeEnacted { .. }
            | Self::HoldPlaced { .. }
            | Self::HoldLifted { .. } => Some(Verdict::Permitted),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_what_the_record_writes() {
        let events = [
            Event::RecordsRead { from: 0, to: 1 },
            Event::Simulated { digest: String::new(), records: 9, changed: 1 },
            Event::HoldLifted { hold: "one".into() },
            Event::WitnessQuorumRegained { witnessed: 3 },
            Event::ActRefused { act: "admin/enrol".into(), problem: "CONFLICT".into() },
        ];
        for event in events {
            let written = serde_json::to_value(&event).unwrap();
            assert_eq!(written["kind"], event.kind());
        }
    }
}
