//! Which records a reader asks for.

use birge_proto::{
    clock::Timestamp,
    identity::Identity,
    problem::{Kind, Problem},
    record::{Event, Record, Verdict},
    wire::RecordFilter,
};

/// Characters of a condition.
const CHARS: usize = 64;

/// Conditions that must all hold.
#[derive(Debug)]
pub(super) struct Filter {
    party: Option<Identity>,
    dataset: Option<String>,
    kinds: Vec<String>,
    article: Option<String>,
    verdict: Option<Verdict>,
    since: Option<Timestamp>,
    before: Option<Timestamp>,
}

impl Filter {
    /// Reads the conditions; empty ones are none.
    pub(super) fn parse(wire: RecordFilter) -> Result<Self, Problem> {
        let RecordFilter { party, dataset, kinds, article, outcome, since, before } = wire;
        Ok(Self {
            party: given(party).map(|text| read("party", &text, "role/BODY")).transpose()?,
            dataset: given(dataset).map(|text| short("dataset", text)).transpose()?,
            kinds: several("kinds", kinds)?,
            article: given(article).map(|text| short("article", text)).transpose()?,
            verdict: given(outcome).map(|text| verdict(&text)).transpose()?,
            since: given(since)
                .map(|text| read("since", &text, "a time of RFC 3339"))
                .transpose()?,
            before: given(before)
                .map(|text| read("before", &text, "a time of RFC 3339"))
                .transpose()?,
        })
    }

    /// Does it leave open whom a record concerns besides the reader? A notice does not name who
    /// asked, so it must not be found by that name.
    pub(super) fn tells_no_party_but(&self, reader: &Identity) -> bool {
        self.party.as_ref().is_none_or(|party| party == reader)
    }

    /// Do all conditions hold?
    pub(super) fn fits(&self, record: &Record) -> bool {
        let event = &record.event;
        self.party.as_ref().is_none_or(|party| record.concerns(party))
            && self.dataset.as_deref().is_none_or(|dataset| event.dataset() == Some(dataset))
            && (self.kinds.is_empty() || self.kinds.iter().any(|kind| event.kind() == kind))
            && self.article.as_ref().is_none_or(|article| record.articles().contains(article))
            && self.verdict.is_none_or(|verdict| event.verdict() == Some(verdict))
            && self.since.is_none_or(|since| record.time >= since)
            && self.before.is_none_or(|before| record.time < before)
    }
}

fn given(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

fn short(field: &str, text: String) -> Result<String, Problem> {
    if text.chars().count() <= CHARS {
        Ok(text)
    } else {
        Err(wrong(field, "at most 64 characters"))
    }
}

fn several(field: &str, texts: Vec<String>) -> Result<Vec<String>, Problem> {
    if texts.len() > Event::KINDS.len() {
        return Err(wrong(field, "no more than there are"));
    }
    texts.into_iter().map(|text| short(field, text)).collect()
}

fn read<T: std::str::FromStr>(field: &str, text: &str, expected: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| wrong(field, expected))
}

fn verdict(text: &str) -> Result<Verdict, Problem> {
    let all = [Verdict::Permitted, Verdict::Refused];
    let found = all.into_iter().find(|verdict| verdict.as_str() == text);
    found.ok_or_else(|| wrong("outcome", "permitted or refused"))
}

fn wrong(field: &str, expected: &str) -> Problem {
    Problem::new(Kind::Malformed, format!("the filter's {field}: expected {expected}"))
}

#[cfg(test)]
mod tests {
    use birge_proto::record::{DecreeName, Ruling};

    use super::*;

    fn kinds(kinds: &[&str]) -> Vec<String> {
        kinds.iter().map(|kind| (*kind).to_owned()).collect()
    }

    fn refused(article: &str) -> Record {
        let ruling = Ruling {
            decree: DecreeName { number: "1".into(), version: "2024-01-01".into() },
            permit: false,
            articles: vec![article.into()],
            request: serde_json::Value::Null,
        };
        Record {
            time: "2026-01-02T00:00:00Z".parse().unwrap(),
            actor: "agency/MFA".parse().unwrap(),
            parties: [("agency/MIA".parse().unwrap(), 1)].into(),
            persons: [].into(),
            event: Event::QueryRefused {
                dataset: Some("TRAFFICKING".into()),
                problem: "NOT_PERMITTED".into(),
                ruling: Some(ruling),
            },
        }
    }

    #[test]
    fn every_condition_must_hold() {
        let record = refused("6(5)");
        let fits = |filter: RecordFilter| Filter::parse(filter).unwrap().fits(&record);
        let none = RecordFilter::default;
        assert!(fits(none()));
        for (filter, expected) in [
            (RecordFilter { party: "agency/MFA".into(), ..none() }, true),
            (RecordFilter { party: "agency/MIA".into(), ..none() }, true),
            (RecordFilter { party: "agency/NSC".into(), ..none() }, false),
            (RecordFilter { dataset: "TRAFFICKING".into(), ..none() }, true),
            (RecordFilter { dataset: "REFUGEES".into(), ..none() }, false),
            (RecordFilter { kinds: kinds(&["query-refused"]), ..none() }, true),
            (RecordFilter { kinds: kinds(&["released", "query-refused"]), ..none() }, true),
            (RecordFilter { kinds: kinds(&["query-answered"]), ..none() }, false),
            (RecordFilter { article: "6(5)".into(), ..none() }, true),
            (RecordFilter { article: "6(1)".into(), ..none() }, false),
            (RecordFilter { outcome: "refused".into(), ..none() }, true),
            (RecordFilter { outcome: "permitted".into(), ..none() }, false),
            (RecordFilter { since: "2026-01-02T00:00:00Z".into(), ..none() }, true),
            (RecordFilter { since: "2026-01-02T00:00:01Z".into(), ..none() }, false),
            (RecordFilter { before: "2026-01-02T00:00:00Z".into(), ..none() }, false),
            (RecordFilter { before: "2026-01-03T00:00:00Z".into(), ..none() }, true),
        ] {
            assert_eq!(fits(filter.clone()), expected, "{filter:?}");
        }
        let both = RecordFilter { kinds: kinds(&["query-refused"]), article: "1".into(), ..none() };
        assert!(!fits(both));
    }

    #[test]
    fn a_condition_that_cannot_be_read_is_named() {
        let none = RecordFilter::default;
        for (filter, field) in [
            (RecordFilter { party: "NSC".into(), ..none() }, "party"),
            (RecordFilter { outcome: "denied".into(), ..none() }, "outcome"),
            (RecordFilter { since: "yesterday".into(), ..none() }, "since"),
            (RecordFilter { kinds: vec!["x".repeat(65)], ..none() }, "kinds"),
            (RecordFilter { kinds: vec![String::new(); 100], ..none() }, "kinds"),
        ] {
            let problem = Filter::parse(filter).unwrap_err();
            assert!(problem.kind == Kind::Malformed && problem.detail.contains(field), "{problem}");
        }
    }
}
