//! The journal against its promises: what was acknowledged is there, and whatever is changed
//! is found.

mod append;
mod damage;
mod names;

use std::{fs, path::Path, sync::Arc};

use birge_proto::{
    clock::{ManualClock, Timestamp},
    record::{Event, Record},
};
use tempfile::TempDir;

use super::*;

/// What the scribe is asked for: records with these bodies.
#[derive(Debug, Clone, Default)]
pub(crate) struct Draft {
    bodies: Vec<Option<Vec<u8>>>,
    /// Room to claim beyond what is needed.
    extra_room: u64,
    /// The officer that each record names.
    officer: Option<String>,
}

impl Draft {
    pub(crate) fn records(count: usize) -> Self {
        Self { bodies: vec![None; count], ..Self::default() }
    }

    fn body(body: &[u8]) -> Self {
        Self { bodies: vec![Some(body.to_vec())], ..Self::default() }
    }
}

/// A sequencer that writes down what it is asked and counts.
#[derive(Debug, Default)]
pub(crate) struct Scribe {
    sequenced: u64,
}

impl Sequencer for Scribe {
    type Draft = Draft;
    type Reply = u64;

    fn room(&self, draft: &Draft) -> u64 {
        let room = |body: &Option<Vec<u8>>| {
            NewEntry::room(body.as_ref().map_or(0, |body| body.len() as u64))
        };
        draft.bodies.iter().map(room).fold(draft.extra_room, u64::saturating_add)
    }

    fn sequence(&mut self, draft: Draft, next: u64, time: Timestamp) -> (Vec<NewEntry>, u64) {
        self.sequenced += 1;
        let entry = |(index, body): (u64, Option<Vec<u8>>)| NewEntry {
            record: record(index, time),
            body: body.map(Body::from),
            persons: draft
                .officer
                .iter()
                .map(|name| ("officer".to_owned(), name.clone()))
                .collect(),
        };
        ((next..).zip(draft.bodies).map(entry).collect(), self.sequenced)
    }
}

fn record(index: u64, time: Timestamp) -> Record {
    Record {
        time,
        actor: "agency/NSC".parse().unwrap(),
        parties: [("agency/NSC".parse().unwrap(), index + 1)].into(),
        persons: BTreeMap::new(),
        event: Event::RecordsRead { from: 0, to: index },
    }
}

pub(crate) fn clock() -> ManualClock {
    ManualClock::new("2026-01-01T00:00:00Z".parse().unwrap())
}

pub(crate) fn start(dir: &Path, config: JournalConfig) -> Journal<Scribe> {
    let opened = Opened::open(dir, config).unwrap();
    opened.start(Arc::new(clock()), Scribe::default()).unwrap()
}

/// Configuration for tests: no reserve, since the machine's disk is what it is.
pub(crate) fn config() -> JournalConfig {
    JournalConfig { reserve_bytes: 0, ..JournalConfig::default() }
}

/// A small journal of three groups in two segments, with bodies; closed.
async fn small(dir: &Path) {
    let journal = start(dir, JournalConfig { segment_bytes: 600, ..config() });
    journal.append(Class::Submission, Draft::body(b"first body")).await.unwrap();
    journal.append(Class::Reading, Draft::records(2)).await.unwrap();
    journal.append(Class::Submission, Draft::body(&[7; 300])).await.unwrap();
    journal.close().await;
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    segment::list(dir).unwrap().into_iter().map(|(_, path)| path).collect()
}

/// All there is to read: records and bodies.
fn contents(reader: &Reader) -> Vec<(u64, Bytes, Opening, Option<Bytes>)> {
    let read = |entry: Result<Entry, JournalError>| {
        let entry = entry.unwrap();
        let body = entry.body.map(|body| body.read().unwrap().into_bytes());
        (entry.index, entry.record, entry.opening, body)
    };
    reader.entries(0..u64::MAX).map(read).collect()
}

/// A copy of a journal, to be changed.
fn copy(from: &Path) -> TempDir {
    let to = TempDir::new().unwrap();
    for path in segments(from) {
        fs::copy(&path, to.path().join(path.file_name().unwrap())).unwrap();
    }
    to
}
