//! The records of the log, as far as the decree in force lets the reader see them (article
//! 9(3)). Each is read from the journal again and checked on the way.

mod filter;
mod simulation;

use std::{ops::Range, sync::Arc, time::Duration};

use birge_proto::{
    clock::SharedClock,
    identity::Identity,
    problem::{Kind, Problem},
    record::{Event, Record},
    wire::{HoldRequest, HoldResponse, PersonName, RecordEntry, RecordsRequest},
};
use serde_json::json;
use tokio::{sync::mpsc, time::timeout};
use tonic::Status;

use self::filter::Filter;
use super::{gate::Gate, reading, tls::Peer};
use crate::{
    catalog::Catalog,
    decree::{Act, Decision, Request},
    journal::{Class, Entry, Name, Names, Reader},
    recorder::Recorder,
    sequence::{Draft, Reply},
    turns::Turns,
};

/// Entries read between two looks at whether the reader is still enrolled.
const CHUNK: u64 = 256;
/// How long a reader may take to take one entry.
const PATIENCE: Duration = Duration::from_secs(30);
/// Streams of one principal at once.
const STREAMS: usize = 4;
/// Simulations of one principal at once: each goes through all that there is.
const SIMULATIONS: usize = 1;

/// Reads records.
pub(super) struct Records {
    gate: Arc<Gate>,
    catalog: Arc<Catalog>,
    journal: Reader,
    recorder: Recorder,
    clock: SharedClock,
    turns: Turns,
    simulations: Turns,
}

/// What a reader may see.
#[derive(Debug, Clone, Copy)]
struct Rights {
    own: bool,
    all: bool,
}

/// How much of each entry is read from the disk again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// The record.
    Records,
    /// The body, too: for who verifies that nothing is damaged.
    Bodies,
}

type Shown = Result<RecordEntry, Status>;

impl Records {
    pub(super) fn new(
        gate: Arc<Gate>,
        catalog: Arc<Catalog>,
        journal: Reader,
        recorder: Recorder,
        clock: SharedClock,
    ) -> Self {
        let (turns, simulations) = (Turns::new(STREAMS), Turns::new(SIMULATIONS));
        Self { gate, catalog, journal, recorder, clock, turns, simulations }
    }

    /// Begins to read; the reading is recorded first.
    pub(super) async fn read(
        &self,
        peer: Peer,
        request: RecordsRequest,
        size: u64,
        depth: Depth,
    ) -> Result<mpsc::Receiver<Shown>, Problem> {
        let RecordsRequest { from, to, filter } = request;
        let filter = filter.map(Filter::parse).transpose()?.map(Arc::new);
        let to = if to == 0 { size } else { to };
        if from > to || to > size {
            let detail =
                format!("records {from} to {to} were asked for, the checkpoint covers {size}");
            return Err(Problem::new(Kind::Malformed, detail));
        }
        let rights = self.rights(&peer.identity)?;
        let turn = self.turns.take(&peer.identity, 1).await?;
        let draft = Draft::of(peer.identity.clone(), Event::RecordsRead { from, to });
        self.recorder.record(Class::Reading, draft).await?;

        let (sender, receiver) = mpsc::channel(64);
        let (gate, journal) = (Arc::clone(&self.gate), self.journal.clone());
        tokio::spawn(async move {
            let _turn = turn;
            let mut next = from;
            while next < to && !sender.is_closed() {
                let end = to.min(next + CHUNK);
                let shown = match gate.still_counts(&peer) {
                    Ok(()) => {
                        let (reader, filter) = (peer.identity.clone(), filter.clone());
                        chunk(journal.clone(), reader, rights, filter, (next..end, depth)).await
                    }
                    Err(problem) => vec![Err(problem.into())],
                };
                if !hand_over(&sender, shown, PATIENCE).await {
                    return;
                }
                next = end;
            }
        });
        Ok(receiver)
    }

    /// Places or lifts a legal hold.
    pub(super) async fn hold(
        &self,
        auditor: &Identity,
        request: HoldRequest,
    ) -> Result<HoldResponse, Problem> {
        let HoldRequest { name: hold, from, to, lift } = request;
        let good = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if !(1..=64).contains(&hold.len()) || !hold.chars().all(good) {
            let detail = "the name of a hold: expected 1 to 64 of A-Z, a-z, 0-9, '-', '_' and '.'";
            return Err(Problem::new(Kind::Malformed, detail));
        }
        if to != 0 && to <= from {
            let detail = format!("a hold from {from} to {to} covers no record");
            return Err(Problem::new(Kind::Malformed, detail));
        }
        let event = match lift {
            true => Event::HoldLifted { hold },
            false => Event::HoldPlaced { hold, from, to: Some(to).filter(|to| *to != 0) },
        };
        let draft = Draft::of(auditor.clone(), event);
        let committed = self.recorder.record(Class::Administration, draft).await?;
        match committed.reply {
            Reply::Refused(kind, detail) => {
                Err(Problem::new(kind, detail).recorded_as(committed.first))
            }
            _ => Ok(HoldResponse { exchange: committed.first }),
        }
    }

    fn rights(&self, reader: &Identity) -> Result<Rights, Problem> {
        let (own, all) = (self.may_read(reader, true)?, self.may_read(reader, false)?);
        if own.permit || all.permit {
            return Ok(Rights { own: own.permit, all: all.permit });
        }
        let detail =
            format!("{reader} may read no record under article {}", own.articles.join(", "));
        Err(Problem::new(Kind::NotPermitted, detail).under(own.articles))
    }

    /// Whether somebody may read records that concern it, or those that do not.
    fn may_read(&self, reader: &Identity, concerned: bool) -> Result<Decision, Problem> {
        let decree = self.catalog.read(|state| state.decree_at(self.clock.now()))?;
        Ok(decree.decide(&Request {
            principal: reader.clone(),
            suspended: decree.suspends(&reader.body),
            recorded: true,
            act: Act::ReadRecord { concerned },
        }))
    }
}

/// Hands entries over one by one. Whether to go on: not after a failure, nor to a reader that
/// is gone or does not take one within `patience`.
async fn hand_over<T>(
    sender: &mpsc::Sender<Result<T, Status>>,
    shown: Vec<Result<T, Status>>,
    patience: Duration,
) -> bool {
    for entry in shown {
        let failed = entry.is_err();
        let sent = timeout(patience, sender.send(entry)).await;
        if failed || !matches!(sent, Ok(Ok(()))) {
            return false;
        }
    }
    true
}

async fn chunk(
    journal: Reader,
    reader: Identity,
    rights: Rights,
    filter: Option<Arc<Filter>>,
    (range, depth): (Range<u64>, Depth),
) -> Vec<Shown> {
    let read = reading(move || {
        let mut shown = vec![];
        let names = journal.names(range.clone());
        let names = names.map_err(|error| Problem::new(Kind::Damaged, error.to_string()))?;
        for entry in journal.entries(range) {
            let entry = entry
                .and_then(|entry| {
                    // Read and dropped: only so is a damaged body found.
                    let body = entry.body.as_ref().filter(|_| depth == Depth::Bodies);
                    body.map(|body| body.read()).transpose()?;
                    Ok(entry)
                })
                .map_err(|error| Problem::new(Kind::Damaged, error.to_string()))
                .and_then(|entry| view(&reader, rights, filter.as_deref(), &entry, &names));
            let failed = entry.is_err();
            shown.extend(entry.map_err(Status::from).transpose());
            if failed {
                break;
            }
        }
        Ok(shown)
    });
    read.await.unwrap_or_else(|problem| vec![Err(problem.into())])
}

/// What a reader sees of an entry: whoever may see all, all; a participant, or who acts for it,
/// what it did itself and what was done to it (a person of others' accounts nothing, and no
/// names), and of the use of its data a notice that does not name the asker.
///
/// With a filter, what does not fit it is left out, and so is what the reader may not see: a
/// filter tells nothing that reading everything does not.
fn view(
    reader: &Identity,
    rights: Rights,
    filter: Option<&Filter>,
    entry: &Entry,
    names: &Names,
) -> Result<Option<RecordEntry>, Problem> {
    let record = Record::parse(&entry.record)
        .map_err(|error| Problem::new(Kind::Damaged, format!("record {}: {error}", entry.index)))?;
    if filter.is_some_and(|filter| !filter.fits(&record)) {
        return Ok(None);
    }
    let mut shown = RecordEntry { index: entry.index, ..RecordEntry::default() };
    let party = &reader.party();
    let concerned = record.parties.get(party);
    match &record.event {
        _ if rights.all => {}
        Event::Account { person, .. } if reader.person.is_some() && person != reader => {
            return Ok(filter.is_none().then_some(shown));
        }
        Event::QueryAnswered { dataset, answered, withheld, ruling, .. }
            if rights.own && record.actor.party() != *party =>
        {
            let told = filter.is_none_or(|filter| filter.tells_no_party_but(party));
            if let Some(counter) = concerned.filter(|_| told) {
                let notice = json!({
                    "kind": "query-answered", "time": record.time, "dataset": dataset,
                    "detail": ruling.request.get("given"), "articles": ruling.articles,
                    "answered": answered, "withheld": withheld, "counter": counter,
                });
                shown.notice = notice.to_string().into_bytes();
            }
            return Ok((filter.is_none() || !shown.notice.is_empty()).then_some(shown));
        }
        _ if rights.own && concerned.is_some() => {}
        _ => return Ok(filter.is_none().then_some(shown)),
    }
    shown.record = entry.record.to_vec();
    shown.opening = entry.opening.0.to_vec();
    if reader.person.is_some() && !rights.all {
        return Ok(Some(shown));
    }
    let names = names
        .of(entry.index, &record)
        .map_err(|error| Problem::new(Kind::Damaged, error.to_string()))?;
    let person = |Name { capacity, name, opening }| {
        let opening = opening.0.to_vec();
        PersonName { capacity, name, opening }
    };
    shown.persons = names.into_iter().map(person).collect();
    Ok(Some(shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Long enough for what must not happen at all.
    const LONG: Duration = Duration::from_secs(20);

    fn entries(count: u64) -> Vec<Shown> {
        (0..count).map(|index| Ok(RecordEntry { index, ..RecordEntry::default() })).collect()
    }

    #[tokio::test]
    async fn a_reader_that_takes_nothing_is_not_waited_for() {
        let (sender, mut receiver) = mpsc::channel(2);
        let slow = hand_over(&sender, entries(3), Duration::from_millis(1));
        assert!(!timeout(LONG, slow).await.expect("it was waited for"));
        assert_eq!(receiver.len(), 2);
        assert!(receiver.recv().await.is_some());
        assert!(hand_over(&sender, entries(1), LONG).await, "who takes them is given more");
        drop(receiver);
        assert!(!hand_over(&sender, entries(1), LONG).await);
    }

    #[tokio::test]
    async fn nothing_is_given_after_a_failure() {
        let (sender, receiver) = mpsc::channel(3);
        let damaged = Err(Problem::new(Kind::Damaged, "record 1").into());
        let shown = entries(1).into_iter().chain([damaged]).chain(entries(1)).collect();
        assert!(!hand_over(&sender, shown, LONG).await);
        assert_eq!(receiver.len(), 2);
    }
}
