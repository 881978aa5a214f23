//! Reading a part of the log, and what is told of each record.

use std::collections::BTreeMap;

use birge_proto::{
    problem::{Kind, Problem},
    record::{Event, Record, Verdict},
    wire::{RecordEntry, RecordFilter, RecordsRequest},
};
use form_urlencoded::{Serializer, parse};
use serde_json::Value;

use super::super::{Portal, guard::Visit};
use crate::{decree::Decree, serve::records::Depth};

/// Records that are shown on one page.
pub(in super::super) const SHOWN: usize = 50;
/// Records of one file.
pub(super) const EXPORTED: usize = 5_000;
/// Records that are gone through for one page.
const RANGE: u64 = 2_000;
/// Characters of a condition.
const LONGEST: usize = 64;

/// Which records are sought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in super::super) struct Sought {
    pub(in super::super) kinds: Vec<String>,
    pub(in super::super) party: String,
    pub(in super::super) dataset: String,
    pub(in super::super) article: String,
    pub(in super::super) outcome: String,
    pub(in super::super) since: String,
    pub(in super::super) until: String,
    /// Only records before this one.
    pub(in super::super) before: Option<u64>,
}

/// Records that were found.
#[derive(Default)]
pub(in super::super) struct Read {
    /// The range that was gone through.
    pub(super) from: u64,
    pub(super) to: u64,
    pub(in super::super) entries: Vec<Entry>,
    /// As they are shown.
    pub(in super::super) lines: Vec<Line>,
    /// How many of each kind were found in the range, by name.
    pub(in super::super) facets: Vec<(String, String)>,
    /// Where what is older begins.
    pub(super) next: Option<u64>,
}

/// A record, or a notice of one.
pub(in super::super) struct Entry {
    pub(super) index: u64,
    /// As JSON; empty where it may not be seen.
    pub(super) text: Vec<u8>,
    pub(super) opening: Vec<u8>,
    pub(super) is_notice: bool,
}

/// A record in a list.
pub(in super::super) struct Line {
    pub(in super::super) index: u64,
    pub(in super::super) time: String,
    pub(in super::super) kind: String,
    pub(in super::super) actor: String,
    pub(in super::super) dataset: String,
    pub(in super::super) refused: bool,
    pub(in super::super) verdict: String,
    pub(in super::super) articles: String,
}

impl Sought {
    /// Reads an address' query.
    ///
    /// # Errors
    /// `MALFORMED` for a condition that means nothing: left out, it would find what was not sought.
    pub(super) fn read(query: &str) -> Result<Self, Problem> {
        let wrong = |name: &str, value: &str, expected: &str| {
            Problem::new(Kind::Malformed, format!("{name}={value:?} means nothing")).hint(expected)
        };
        let mut sought = Self::default();
        for (name, value) in parse(query.as_bytes()) {
            let value = value.trim().to_owned();
            if value.chars().count() > LONGEST {
                return Err(wrong(&name, &value, "expected at most 64 characters"));
            }
            let day = || value.is_empty() || value.parse::<jiff::civil::Date>().is_ok();
            match &*name {
                "kind" if Event::KINDS.contains(&&*value) => sought.kinds.push(value),
                "kind" => return Err(wrong("kind", &value, &Event::KINDS.join(", "))),
                "since" | "until" if !day() => {
                    return Err(wrong(&name, &value, "expected a day, such as 2026-01-31"));
                }
                "party" => sought.party = value,
                "dataset" => sought.dataset = value,
                "article" => sought.article = value,
                "outcome" => sought.outcome = value,
                "since" => sought.since = value,
                "until" => sought.until = value,
                "before" => match value.parse() {
                    Ok(before) => sought.before = Some(before),
                    Err(_) => return Err(wrong("before", &value, "expected a record's number")),
                },
                "lang" => {}
                other => {
                    let known = "kind, party, dataset, article, outcome, since, until and before";
                    return Err(wrong(other, &value, &format!("there are {known}")));
                }
            }
        }
        Ok(sought)
    }

    /// The query at which records before this one are found.
    pub(super) fn query(&self, before: Option<u64>) -> String {
        let mut query = Serializer::new(String::new());
        query.extend_pairs(self.kinds.iter().map(|kind| ("kind", kind)));
        let Self { party, dataset, article, outcome, since, until, .. } = self;
        let texts = [
            ("party", party),
            ("dataset", dataset),
            ("article", article),
            ("outcome", outcome),
            ("since", since),
            ("until", until),
        ];
        query.extend_pairs(texts.into_iter().filter(|(_, text)| !text.is_empty()));
        if let Some(before) = before {
            query.append_pair("before", &before.to_string());
        }
        query.finish()
    }
}

impl Portal {
    /// The newest records that fit, at most so many.
    pub(in super::super) async fn records(
        &self,
        visit: &Visit,
        sought: &Sought,
        most: usize,
    ) -> Result<Read, Problem> {
        let size = self.ledger.settled().borrow().checkpoint.size();
        let to = sought.before.unwrap_or(size).min(size);
        let from = to.saturating_sub(RANGE);
        let filter = self.filter(sought)?;
        let mut all = self.range(visit, (from, to), Some(filter)).await?;
        let left = all.len().saturating_sub(most);
        // The newest of them first; what is older begins before the last that is shown.
        let mut facets: BTreeMap<&'static str, u64> = BTreeMap::new();
        for entry in &all {
            *facets.entry(entry.kind()).or_default() += 1;
        }
        let facets = facets
            .into_iter()
            .map(|(kind, count)| (visit.say.it(&format!("kind-{kind}")), visit.say.count(count)));
        let facets = facets.collect();
        let mut entries = all.split_off(left);
        entries.reverse();
        let next = match entries.last() {
            Some(last) if left > 0 => Some(last.index),
            _ if from > 0 => Some(from),
            _ => None,
        };
        let lines = entries.iter().map(|entry| entry.line(self, visit)).collect();
        Ok(Read { from, to, entries, lines, facets, next })
    }

    /// Whole days are meant, as the decree's time zone has them.
    fn filter(&self, sought: &Sought) -> Result<RecordFilter, Problem> {
        let decree = self.decree()?;
        let midnight = |day: &str, later: i64| {
            let day: Option<jiff::civil::Date> = day.parse().ok();
            let day = day.and_then(|day| day.checked_add(jiff::Span::new().days(later)).ok());
            day.and_then(|day| decree.midnight(day)).map(|at| at.to_string()).unwrap_or_default()
        };
        Ok(RecordFilter {
            party: sought.party.clone(),
            dataset: sought.dataset.clone(),
            kinds: sought.kinds.clone(),
            article: sought.article.clone(),
            outcome: sought.outcome.clone(),
            since: midnight(&sought.since, 0),
            before: midnight(&sought.until, 1),
        })
    }

    /// The records of a range that fit, as far as who visits may see them.
    pub(super) async fn range(
        &self,
        visit: &Visit,
        (from, to): (u64, u64),
        filter: Option<RecordFilter>,
    ) -> Result<Vec<Entry>, Problem> {
        let peer = self.peer(visit)?.clone();
        let identity = peer.identity.clone();
        let size = self.ledger.settled().borrow().checkpoint.size();
        let request = RecordsRequest { from, to: to.max(from), filter };
        // A range of nothing would be all of it.
        if from >= to {
            return Ok(vec![]);
        }
        let begun = self.records.read(peer, request, size, Depth::Records).await;
        let mut stream = self.gate.told("audit/records", &identity, begun).await?;
        let mut entries = vec![];
        while let Some(entry) = stream.recv().await {
            let entry = entry.map_err(|status| Problem::from_status(&status))?;
            entries.push(Entry::of(entry));
        }
        Ok(entries)
    }
}

impl Entry {
    fn of(entry: RecordEntry) -> Self {
        let RecordEntry { index, record, opening, notice, .. } = entry;
        let is_notice = record.is_empty() && !notice.is_empty();
        Self { index, text: if is_notice { notice } else { record }, opening, is_notice }
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.text).unwrap_or_default()
    }

    fn kind(&self) -> &'static str {
        let json = self.json();
        let kind = json["kind"].as_str().unwrap_or_default();
        Event::KINDS.into_iter().find(|own| *own == kind).unwrap_or("turned")
    }

    fn line(&self, portal: &Portal, visit: &Visit) -> Line {
        let (say, json) = (&visit.say, self.json());
        let record = Record::parse(&self.text).ok();
        let verdict = record.as_ref().and_then(|record| record.event.verdict());
        let decree = portal.decree().ok();
        let dataset = json["dataset"].as_str().unwrap_or_default().to_owned();
        let articles = match &record {
            Some(record) => record.articles().to_vec(),
            None => texts(&json["articles"]),
        };
        Line {
            index: self.index,
            time: say.moment_of(json["time"].as_str().unwrap_or_default()),
            kind: say.it(&format!("kind-{}", self.kind())),
            actor: match &record {
                Some(record) => {
                    let account =
                        record.actor.person.as_ref().map(|own| format!(" ({})", own.as_str()));
                    say.identity(decree.as_deref(), &record.actor) + &account.unwrap_or_default()
                }
                None => say.it("somebody"),
            },
            dataset,
            refused: verdict == Some(Verdict::Refused),
            verdict: match verdict {
                Some(Verdict::Refused) => say.it("verdict-refused"),
                Some(Verdict::Permitted) => say.it("verdict-permitted"),
                None => String::new(),
            },
            articles: articles.join(", "),
        }
    }

    /// What it says, line by line.
    pub(super) fn told(
        &self,
        portal: &Portal,
        visit: &Visit,
        then: Option<&Decree>,
    ) -> Vec<(String, String)> {
        let (say, line) = (&visit.say, self.line(portal, visit));
        let law = then.map(Decree::name).filter(|_| !line.articles.is_empty());
        let law = law.map(|own| {
            say.tell("decree-of", &[("number", &own.number), ("version", &own.version)])
        });
        let lines = [
            ("time", line.time),
            ("what", line.kind),
            ("who", line.actor),
            ("dataset", line.dataset),
            ("verdict", line.verdict),
            ("articles", line.articles),
            ("decree", law.unwrap_or_default()),
        ];
        let told = lines.into_iter().filter(|(_, text)| !text.is_empty());
        told.map(|(id, text)| (say.it(id), text)).collect()
    }
}

fn texts(value: &Value) -> Vec<String> {
    let all = value.as_array().into_iter().flatten().filter_map(Value::as_str);
    all.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_finds_the_same_again() {
        let query = "kind=query-refused&kind=turned&party=agency%2FNSC&article=6%285%29&since=2026-01-31&before=77";
        let sought = Sought::read(query).unwrap();
        assert_eq!(sought.kinds, ["query-refused", "turned"]);
        assert_eq!(Sought::read(&sought.query(sought.before)), Ok(sought));
        for wrong in ["kind=nonsense", "before=x", "since=31.01.2026", "where=1"] {
            assert_eq!(Sought::read(wrong).unwrap_err().kind, Kind::Malformed, "{wrong}");
        }
    }
}
