//! What of the records is asked for.

use birge_proto::{
    clock::Timestamp,
    identity::Identity,
    record::Event,
    wire::{RecordFilter, RecordsRequest},
};
use birge_schemas::structure::Structures;
use clap::Args;
use jiff::{civil::Date, tz::TimeZone};

use crate::output::Failure;

/// Conditions on records; each that is given must hold.
#[derive(Debug, Clone, Default, Args)]
pub struct Asked {
    /// Records that concern this body: NSC, or auditor/COA.
    #[arg(long, value_name = "BODY")]
    pub agency: Option<String>,
    /// Records about this dataset.
    #[arg(long)]
    pub dataset: Option<String>,
    /// Records of this kind: submission-accepted, query-refused … May be given several times.
    #[arg(long = "kind", value_name = "KIND")]
    pub kinds: Vec<String>,
    /// Records that this article decided: 6(5).
    #[arg(long)]
    pub article: Option<String>,
    /// Records of what was permitted, or of what was refused.
    #[arg(long, value_parser = ["permitted", "refused"])]
    pub outcome: Option<String>,
    /// Records not before this day (2026-01-31, UTC) or moment (2026-01-31T10:00:00+06:00).
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Records before this day or moment.
    #[arg(long, value_name = "TIME")]
    pub before: Option<String>,
    /// First exchange number.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub from: u64,
    /// One past the last exchange number.
    #[arg(long, value_name = "N")]
    pub to: Option<u64>,
}

impl Asked {
    /// The request for records under a checkpoint of `size` entries.
    ///
    /// # Errors
    /// When a condition cannot be read, or the range is empty or beyond the log.
    pub(super) fn request(&self, size: u64) -> Result<RecordsRequest, Failure> {
        let to = self.to.unwrap_or(size);
        if self.from > to || to == 0 || to > size {
            return Err(Failure::Usage(format!(
                "--from {} --to {to}: expected a range within the {size} records of the log",
                self.from
            )));
        }
        self.known()?;
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let filter = RecordFilter {
            party: self.agency.as_deref().map(party).transpose()?.unwrap_or_default(),
            dataset: text(&self.dataset),
            kinds: self.kinds.clone(),
            article: text(&self.article),
            outcome: text(&self.outcome),
            since: moment("--since", self.since.as_deref())?,
            before: moment("--before", self.before.as_deref())?,
        };
        if !filter.since.is_empty() && !filter.before.is_empty() {
            let parsed = [&filter.since, &filter.before].map(|text| text.parse::<Timestamp>().ok());
            if parsed[0] >= parsed[1] {
                let (since, before) = (filter.since, filter.before);
                return Err(Failure::Usage(format!(
                    "--since {since} --before {before}: expected the earlier moment first"
                )));
            }
        }
        Ok(RecordsRequest { from: self.from, to, filter: Some(filter) })
    }

    /// A word that is mistyped must not read as if there were no such record.
    fn known(&self) -> Result<(), Failure> {
        if let Some(kind) = self.kinds.iter().find(|kind| !Event::KINDS.contains(&kind.as_str())) {
            let kinds = Event::KINDS.join(", ");
            return Err(Failure::Usage(format!("--kind {kind:?}: expected one of {kinds}")));
        }
        let Some(dataset) = &self.dataset else { return Ok(()) };
        let structures = Structures::bundled().map_err(anyhow::Error::from)?;
        if structures.get(dataset).is_some() {
            return Ok(());
        }
        let ids: Vec<_> = structures.iter().map(|structure| structure.id.to_string()).collect();
        let ids = ids.join(", ");
        Err(Failure::Usage(format!("--dataset {dataset:?}: expected one of {ids}")))
    }
}

/// `NSC` is `agency/NSC`.
fn party(text: &str) -> Result<String, Failure> {
    let whole = if text.contains('/') { text.to_owned() } else { format!("agency/{text}") };
    let identity: Identity =
        whole.parse().map_err(|error| Failure::Usage(format!("--agency: {error}")))?;
    Ok(identity.to_string())
}

/// A day begins at midnight UTC.
fn moment(option: &str, text: Option<&str>) -> Result<String, Failure> {
    let Some(text) = text else { return Ok(String::new()) };
    let day = || {
        let day = text.parse::<Date>().ok()?;
        Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp())
    };
    let moment = text.parse::<Timestamp>().ok().or_else(day);
    moment.map(|moment| moment.to_string()).ok_or_else(|| {
        Failure::Usage(format!(
            "{option} {text:?}: expected a day (2026-01-31) or a moment (2026-01-31T10:00:00+06:00)"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_bodies_are_written_out() {
        let asked = Asked {
            agency: Some("NSC".into()),
            since: Some("2026-01-31".into()),
            before: Some("2026-01-31T07:00:00+06:00".into()),
            ..Asked::default()
        };
        let request = asked.request(9).unwrap();
        let filter = request.filter.unwrap();
        assert_eq!((request.from, request.to), (0, 9));
        assert_eq!(filter.party, "agency/NSC");
        assert_eq!(
            (filter.since, filter.before.as_str()),
            ("2026-01-31T00:00:00Z".into(), "2026-01-31T01:00:00Z")
        );
    }

    #[test]
    fn what_cannot_be_asked_is_named() {
        let since = Asked { since: Some("yesterday".into()), ..Asked::default() };
        assert!(since.request(1).unwrap_err().to_string().contains("--since"));
        let agency = Asked { agency: Some("nsc".into()), ..Asked::default() };
        assert!(agency.request(1).unwrap_err().to_string().contains("--agency"));
        let none = |from, to| Asked { from, to: Some(to), ..Asked::default() };
        assert!(none(0, 0).request(1).is_err(), "the gateway takes 0 for all");
        assert!(none(1, 1).request(1).is_ok(), "nothing is new");
        let kinds = vec!["query-refused".into(), "query_refused".into()];
        let kind = Asked { kinds, ..Asked::default() };
        assert!(kind.request(1).unwrap_err().to_string().contains("query-refused"));
        let dataset = Asked { dataset: Some("NOPE".into()), ..Asked::default() };
        assert!(dataset.request(1).unwrap_err().to_string().contains("MIG_STOCK"));
        let (since, before) = (Some("2026-02-01".into()), Some("2026-01-31".into()));
        let turned = Asked { since, before, ..Asked::default() };
        assert!(turned.request(1).unwrap_err().to_string().contains("earlier moment first"));
        let beyond = Asked { to: Some(2), ..Asked::default() };
        assert!(beyond.request(1).unwrap_err().to_string().contains("--to 2"));
    }
}
