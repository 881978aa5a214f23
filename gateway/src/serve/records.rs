//! The records of the log, as far as the decree in force lets the reader see them (article
//! 9(3)). Each is read from the journal again and checked on the way.

use std::{sync::Arc, time::Duration};

use birge_proto::{
    clock::SharedClock,
    identity::Identity,
    problem::{Kind, Problem},
    record::{Event, Record},
    wire::{RecordEntry, RecordsRequest},
};
use serde_json::json;
use tokio::{sync::mpsc, time::timeout};
use tonic::Status;

use super::{gate::Gate, tls::Peer};
use crate::{
    catalog::Catalog,
    decree::{Act, Request},
    journal::{Class, Entry, Reader},
    recorder::Recorder,
    sequence::Draft,
    turns::Turns,
};

/// Entries read between two looks at whether the reader is still enrolled.
const CHUNK: u64 = 256;
/// How long a reader may take to take one entry.
const PATIENCE: Duration = Duration::from_secs(30);
/// Streams of one principal at once.
const STREAMS: usize = 4;

/// Reads records.
pub(super) struct Records {
    gate: Arc<Gate>,
    catalog: Arc<Catalog>,
    journal: Reader,
    recorder: Recorder,
    clock: SharedClock,
    turns: Turns,
}

/// What a reader may see.
#[derive(Debug, Clone, Copy)]
struct Rights {
    own: bool,
    all: bool,
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
        Self { gate, catalog, journal, recorder, clock, turns: Turns::new(STREAMS) }
    }

    /// Begins to read; the reading is recorded first.
    pub(super) async fn read(
        &self,
        peer: Peer,
        request: RecordsRequest,
        size: u64,
    ) -> Result<mpsc::Receiver<Shown>, Problem> {
        let RecordsRequest { from, to } = request;
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
            while next < to {
                let end = to.min(next + CHUNK);
                let shown = match gate.enrolled(&peer) {
                    true => chunk(journal.clone(), peer.identity.clone(), rights, next, end).await,
                    false => {
                        let detail = format!("{} was revoked meanwhile", peer.identity);
                        vec![Err(Problem::new(Kind::NotEnrolled, detail).into())]
                    }
                };
                for entry in shown {
                    let failed = entry.is_err();
                    let sent = timeout(PATIENCE, sender.send(entry)).await;
                    if failed || !matches!(sent, Ok(Ok(()))) {
                        return;
                    }
                }
                next = end;
            }
        });
        Ok(receiver)
    }

    fn rights(&self, reader: &Identity) -> Result<Rights, Problem> {
        let decree = self.catalog.read(|state| state.decree_at(self.clock.now()))?;
        let decide = |concerned| {
            decree.decide(&Request {
                principal: reader.clone(),
                suspended: decree.suspends(&reader.body),
                recorded: true,
                act: Act::ReadRecord { concerned },
            })
        };
        let (own, all) = (decide(true), decide(false));
        if own.permit || all.permit {
            return Ok(Rights { own: own.permit, all: all.permit });
        }
        let detail =
            format!("{reader} may read no record under article {}", own.articles.join(", "));
        Err(Problem::new(Kind::NotPermitted, detail).under(own.articles))
    }
}

async fn chunk(
    journal: Reader,
    reader: Identity,
    rights: Rights,
    from: u64,
    to: u64,
) -> Vec<Shown> {
    let read = tokio::task::spawn_blocking(move || {
        let mut shown = vec![];
        for entry in journal.entries(from..to) {
            let entry = entry
                .and_then(|entry| {
                    // Read and dropped: only so is a damaged body found.
                    entry.body.as_ref().map(|body| body.read()).transpose()?;
                    Ok(entry)
                })
                .map_err(|error| Problem::new(Kind::Damaged, error.to_string()))
                .and_then(|entry| view(&reader, rights, &entry));
            let failed = entry.is_err();
            shown.push(entry.map_err(Status::from));
            if failed {
                break;
            }
        }
        shown
    });
    let failed =
        |_| vec![Err(Problem::new(Kind::Internal, "the journal could not be read").into())];
    read.await.unwrap_or_else(failed)
}

/// What a reader sees of an entry: whoever may see all, all; a participant what it did itself
/// and what was done to it, and of the use of its data a notice that does not name the asker.
fn view(reader: &Identity, rights: Rights, entry: &Entry) -> Result<RecordEntry, Problem> {
    let record = Record::parse(&entry.record)
        .map_err(|error| Problem::new(Kind::Damaged, format!("record {}: {error}", entry.index)))?;
    let mut shown = RecordEntry { index: entry.index, ..RecordEntry::default() };
    let concerned = record.parties.get(reader);
    match &record.event {
        _ if rights.all => {}
        Event::QueryAnswered { dataset, answered, withheld, ruling, .. }
            if rights.own && record.actor != *reader =>
        {
            if let Some(counter) = concerned {
                let notice = json!({
                    "kind": "query-answered", "time": record.time, "dataset": dataset,
                    "detail": ruling.request.get("given"), "articles": ruling.articles,
                    "answered": answered, "withheld": withheld, "counter": counter,
                });
                shown.notice = notice.to_string().into_bytes();
            }
            return Ok(shown);
        }
        _ if rights.own && concerned.is_some() => {}
        _ => return Ok(shown),
    }
    shown.record = entry.record.to_vec();
    shown.opening = entry.opening.0.to_vec();
    Ok(shown)
}
