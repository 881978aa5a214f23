//! The journal: the only durable truth. Everything else follows it and can be rebuilt from it.
//!
//! | module | holds |
//! |---|---|
//! | `body` | what goes with a record: parts and their digest |
//! | `format` | a group as bytes |
//! | `segment` | files of groups: names, room, appending |
//! | `scan` | reading from the start: chain, torn tail, damage |
//! | `names` | names of persons, apart so that they can be erased |
//! | `index` | where each group stands |
//! | `reader` | entries, each group verified again when it is read |
//! | `queue` | what waits for the writer, by class |
//! | `writer` | the thread that sequences |
//! | `disk` | the thread that writes, syncs and answers |
//!
//! Appending is a *group commit*: one thread takes what waits and has it sequenced as one group;
//! another appends it and calls `fdatasync` once, then everybody in the group is answered.
//! Under load the next group is made ready meanwhile. Groups are chained by hash.

mod body;
mod disk;
mod error;
mod format;
mod index;
mod names;
mod queue;
mod reader;
mod scan;
mod segment;
#[cfg(test)]
pub(crate) mod tests;
mod writer;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use birge_proto::{
    clock::{SharedClock, Timestamp},
    record::{Opening, Record},
};
use prost::bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::{oneshot, watch};

pub use self::{
    body::Body,
    error::{AppendError, Damage, JournalError},
    format::Fault,
    names::{Name, Names},
    reader::{Entries, Entry, Reader, StoredBody},
    scan::{Verified, inspect, verify},
};
use self::{index::Index, queue::Queue, scan::Tip, segment::Lock, writer::Writer};

/// A SHA-256.
pub type Hash = [u8; 32];

/// How the journal keeps its files and its queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JournalConfig {
    /// A segment that has reached this many bytes is followed by a new one.
    pub segment_bytes: u64,
    /// Free bytes on the disk below which reads are refused; below a quarter of it, submissions
    /// too. Administration goes on until the disk is full.
    pub reserve_bytes: u64,
    /// Drafts of one class that may wait; who comes later waits to be let in.
    pub queue: usize,
    /// Drafts in one group at most.
    pub group_drafts: usize,
    /// Bytes in one group at most, unless a single draft is larger.
    pub group_bytes: u64,
}

impl Default for JournalConfig {
    fn default() -> Self {
        Self {
            segment_bytes: 256 << 20,
            reserve_bytes: 1 << 30,
            queue: 4_096,
            group_drafts: 1_024,
            group_bytes: 64 << 20,
        }
    }
}

/// What goes first when several wait, and what is refused first when the disk fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Enrolment, revocation, decrees.
    Administration,
    /// Batches, accepted or rejected.
    Submission,
    /// Queries and everything else that only reads.
    Reading,
}

/// The last check before the commit. It runs in the writer's thread, one draft at a time, in
/// the order of the journal, so what it knows is exactly what the journal holds.
pub trait Sequencer: Send + 'static {
    /// What is asked to be recorded.
    type Draft: Send + 'static;
    /// What the asker is told once everything is durable.
    type Reply: Send + 'static;

    /// Bytes that the entries of `draft` may take: see [`NewEntry::room`]. Room for them is
    /// made before the draft is sequenced, so that a full disk changes nothing.
    fn room(&self, draft: &Self::Draft) -> u64;

    /// Bytes that the names of persons in `draft` may take beside them: see
    /// [`NewEntry::names_room`]. None unless it names somebody.
    fn names_room(&self, draft: &Self::Draft) -> u64 {
        let _ = draft;
        0
    }

    /// Decides on `draft`. Its first entry will stand at index `next`; `time` is never earlier
    /// than that of any record before. No entries is an answer too (sent twice, done once); the
    /// reply still waits for all that was sequenced before.
    fn sequence(
        &mut self,
        draft: Self::Draft,
        next: u64,
        time: Timestamp,
    ) -> (Vec<NewEntry>, Self::Reply);
}

/// An entry to be written.
#[derive(Debug, Clone)]
pub struct NewEntry {
    /// What is committed to.
    pub record: Record,
    /// What goes with it.
    pub body: Option<Body>,
    /// Persons whom it names, by capacity. The record will commit to them; the names are kept
    /// apart.
    pub persons: BTreeMap<String, String>,
}

impl NewEntry {
    /// Bytes that these names, by capacity, may take: each is a line of JSON, in which a byte
    /// may become six.
    #[must_use]
    pub fn names_room(persons: &BTreeMap<String, String>) -> u64 {
        let line = |(capacity, name): (&String, &String)| 6 * (capacity.len() + name.len()) + 256;
        persons.iter().map(line).sum::<usize>() as u64
    }

    /// Bytes to count for an entry with a body of `body` bytes, where its record is an ordinary
    /// one (up to 16 kB).
    #[must_use]
    pub const fn room(body: u64) -> u64 {
        (16 << 10) + body
    }
}

/// What was committed: durable when this is returned.
#[derive(Debug, Clone)]
pub struct Committed<R> {
    /// Index of the first of `entries`; where there are none, of the entry to come.
    pub first: u64,
    /// The entries, in order.
    pub entries: Vec<CommittedEntry>,
    /// What the sequencer answered.
    pub reply: R,
}

/// A record as committed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedEntry {
    /// Canonical bytes of the record.
    pub record: Bytes,
    /// What opens its commitment.
    pub opening: Opening,
}

/// A journal that was found sound and can be read; nothing is written yet, so that the
/// sequencer's state can be rebuilt from [`Opened::reader`] first.
#[derive(Debug)]
pub struct Opened {
    dir: PathBuf,
    config: JournalConfig,
    lock: Lock,
    tip: Tip,
    index: Arc<Index>,
    durable: watch::Sender<u64>,
}

impl Opened {
    /// Opens the journal in `dir`, which is made where it is missing, checks every record and
    /// the chain, and cuts off an incomplete last group.
    ///
    /// # Errors
    /// When another process holds it, a complete group is damaged, or the disk fails.
    pub fn open(dir: &Path, config: JournalConfig) -> Result<Self, JournalError> {
        let lock = Lock::take(dir)?;
        let (index, tip) = scan::recover(dir)?;
        if let Some((_, last)) = segment::list(dir)?.last() {
            names::recover(last, tip.next)?;
        }
        let durable = watch::Sender::new(tip.next);
        Ok(Self { dir: dir.to_owned(), config, lock, tip, index: Arc::new(index), durable })
    }

    /// Erases the names of persons in the entries that are to be `erased`; their records stand
    /// as they are. The names are gone from the files; what the disk keeps of the blocks that
    /// were theirs is the operator's to see to.
    ///
    /// # Errors
    /// When what is kept is not what was written, or the disk fails.
    pub fn erase_names(&self, erased: impl Fn(u64) -> bool) -> Result<(), JournalError> {
        names::erase(&self.dir, erased)
    }

    /// Reads what is there, and later what is appended.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader::new(Arc::clone(&self.index), self.durable.subscribe())
    }

    /// Starts the writer's thread.
    ///
    /// # Errors
    /// When the thread cannot be started or the last segment cannot be opened for writing.
    pub fn start<S: Sequencer>(
        self,
        clock: SharedClock,
        sequencer: S,
    ) -> Result<Journal<S>, JournalError> {
        let reader = self.reader();
        let queue = Arc::new(Queue::new(self.config.queue));
        let fence = watch::Sender::new(None);
        let fenced = fence.subscribe();
        let writer = Writer::new(self, clock, sequencer, Arc::clone(&queue))?;
        thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writer.run(&fence))
            .map_err(JournalError::io("start the journal's thread for", Path::new(".")))?;
        Ok(Journal { inner: Arc::new(Inner { queue, reader, fenced }) })
    }
}

/// A handle on the running journal. When the last is dropped, the queue is flushed and the
/// writer stops.
pub struct Journal<S: Sequencer> {
    inner: Arc<Inner<S>>,
}

impl<S: Sequencer> Clone for Journal<S> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

struct Inner<S: Sequencer> {
    queue: Arc<Queue<S::Draft, S::Reply>>,
    reader: Reader,
    fenced: watch::Receiver<Option<Arc<str>>>,
}

impl<S: Sequencer> Drop for Inner<S> {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl<S: Sequencer> Journal<S> {
    /// Has `draft` sequenced and committed. Once it has been queued it is committed even if
    /// the caller stops waiting.
    ///
    /// # Errors
    /// See [`AppendError`]; with any but `Fenced`, nothing was changed.
    pub async fn append(
        &self,
        class: Class,
        draft: S::Draft,
    ) -> Result<Committed<S::Reply>, AppendError> {
        let (reply, answer) = oneshot::channel();
        self.inner.queue.push(class, draft, reply).await?;
        answer.await.unwrap_or(Err(AppendError::Fenced))
    }

    /// Number of durable entries, as it grows.
    #[must_use]
    pub fn durable(&self) -> watch::Receiver<u64> {
        self.inner.reader.durable()
    }

    /// Reads what is durable.
    #[must_use]
    pub fn reader(&self) -> Reader {
        self.inner.reader.clone()
    }

    /// Waits until the journal can no longer be written, and says why. The process must then
    /// end with an exit code other than 0: what reached the disk is known only after a restart.
    pub async fn fenced(&self) -> Arc<str> {
        let mut fenced = self.inner.fenced.clone();
        loop {
            if let Some(cause) = fenced.borrow_and_update().clone() {
                return cause;
            }
            if fenced.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Takes nothing more, commits what waits, and stops the writer.
    pub async fn close(&self) {
        self.inner.queue.close();
        let mut durable = self.inner.reader.durable();
        while durable.changed().await.is_ok() {}
    }
}
