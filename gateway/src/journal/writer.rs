//! The thread that sequences and commits.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::Arc,
};

use birge_proto::{
    clock::SharedClock,
    record::{Opening, RecordError},
};
use tokio::sync::watch;

use super::{
    Class, Committed, CommittedEntry, JournalConfig, NewEntry, Opened, Sequencer,
    error::{AppendError, JournalError},
    format::GroupBuilder,
    index::{Index, Place},
    queue::{Answer, Queue, Waiting},
    scan::Tip,
    segment::{self, Lock, NoRoom, Tail},
};

/// A draft of the sequencer `S` that waits.
type Draft<S> = Waiting<<S as Sequencer>::Draft, <S as Sequencer>::Reply>;
/// Who is to be answered, and what.
type Answered<R> = (Answer<R>, Committed<R>);

/// Bytes of a group beside its entries, and of an entry beside record and body; generous.
const OVERHEAD: u64 = 4_096;

/// Why nothing more can be written.
#[derive(Debug, thiserror::Error)]
enum Fence {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error("no opening could be made: {0}")]
    Opening(#[from] birge_proto::envelope::KeyError),
    #[error("a group's entries are beyond 4 GB")]
    TooLarge,
}

pub(super) struct Writer<S: Sequencer> {
    dir: PathBuf,
    config: JournalConfig,
    clock: SharedClock,
    sequencer: S,
    queue: Arc<Queue<S::Draft, S::Reply>>,
    tail: Tail,
    tip: Tip,
    index: Arc<Index>,
    _lock: Lock,
    /// Dropped last: who waits for the writer's end finds the lock free.
    durable: watch::Sender<u64>,
}

impl<S: Sequencer> Writer<S> {
    pub(super) fn new(
        opened: Opened,
        clock: SharedClock,
        sequencer: S,
        queue: Arc<Queue<S::Draft, S::Reply>>,
    ) -> Result<Self, JournalError> {
        let Opened { dir, config, lock, tip, index, durable } = opened;
        let tail = Tail::open(&dir, tip.next)?;
        Ok(Self { dir, config, clock, sequencer, queue, tail, tip, index, durable, _lock: lock })
    }

    /// Commits group after group until the queue is closed and empty. On the first error it
    /// fences: nothing more is written, and `fence` is told why.
    pub(super) fn run(mut self, fence: &watch::Sender<Option<Arc<str>>>) {
        let queue = Arc::clone(&self.queue);
        let ended = catch_unwind(AssertUnwindSafe(|| self.commit_all()));
        let cause = match ended {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the journal's thread panicked".to_owned(),
        };
        tracing::error!(%cause, "the journal has stopped; the gateway must end");
        fence.send_replace(Some(cause.into()));
        queue.fence();
    }

    fn commit_all(&mut self) -> Result<(), Fence> {
        let JournalConfig { group_drafts, group_bytes, .. } = self.config;
        let queue = Arc::clone(&self.queue);
        while let Some(group) =
            queue.take(group_drafts, group_bytes, |draft| self.sequencer.room(draft))
        {
            let group = self.admit(group);
            if !group.is_empty() {
                self.commit(group)?;
            }
        }
        self.tail.trim();
        Ok(())
    }

    /// Refuses what the disk's reserve is kept from.
    fn admit(&self, group: Vec<Draft<S>>) -> Vec<Draft<S>> {
        let free = segment::free(&self.dir).unwrap_or_else(|error| {
            tracing::error!(%error, "the disk's free space is not known");
            0
        });
        let reserve = self.config.reserve_bytes;
        let (admitted, refused) = group.into_iter().partition(|waiting| match waiting.class {
            Class::Administration => true,
            Class::Submission => free >= reserve / 4,
            Class::Reading => free >= reserve,
        });
        refuse::<S>(refused, AppendError::DiskReserved);
        admitted
    }

    /// Makes room, sequences, appends, syncs, answers: in this order.
    fn commit(&mut self, group: Vec<Draft<S>>) -> Result<(), Fence> {
        match self.make_room(&group) {
            Ok(()) => {}
            Err(NoRoom::Full) => {
                refuse::<S>(group, AppendError::Full);
                return Ok(());
            }
            Err(NoRoom::Failed(error)) => return Err(error.into()),
        }
        let mut builder = GroupBuilder::default();
        let mut answers = Vec::with_capacity(group.len());
        for waiting in group {
            answers.push(self.sequence(waiting, &mut builder)?);
        }
        if builder.count() > 0 {
            self.append(builder)?;
        }
        for (answer, committed) in answers {
            // Who stopped waiting finds the record in the journal.
            let _ = answer.send(Ok(committed));
        }
        Ok(())
    }

    fn make_room(&mut self, group: &[Draft<S>]) -> Result<(), NoRoom> {
        if self.tail.length() >= self.config.segment_bytes {
            self.tail.trim();
            self.tail = Tail::create(&self.dir, self.tip.next)?;
        }
        let rooms = group.iter().map(|waiting| self.sequencer.room(&waiting.draft));
        self.tail.reserve(rooms.fold(OVERHEAD, u64::saturating_add))
    }

    fn sequence(
        &mut self,
        waiting: Draft<S>,
        builder: &mut GroupBuilder,
    ) -> Result<Answered<S::Reply>, Fence> {
        let first = self.tip.next;
        self.tip.time = self.clock.now().max(self.tip.time);
        let (entries, reply) = self.sequencer.sequence(waiting.draft, first, self.tip.time);
        let mut committed = Vec::with_capacity(entries.len());
        for NewEntry { record, body } in entries {
            let (record, opening) = (record.to_canonical()?, Opening::generate()?);
            builder.push(&opening, &record, body);
            committed.push(CommittedEntry { record: record.into(), opening });
        }
        self.tip.next += committed.len() as u64;
        Ok((waiting.answer, Committed { first, entries: committed, reply }))
    }

    fn append(&mut self, builder: GroupBuilder) -> Result<(), Fence> {
        let first = self.tip.next - u64::from(builder.count());
        let offset = self.tail.length();
        let (parts, hash) = builder.finish(first, self.tip.previous).ok_or(Fence::TooLarge)?;
        self.tail.append(&parts)?;
        self.tip.previous = hash;
        self.index.push(Place { first, segment: self.tail.path().into(), offset, hash });
        self.durable.send_replace(self.tip.next);
        Ok(())
    }
}

fn refuse<S: Sequencer>(group: Vec<Draft<S>>, error: AppendError) {
    for waiting in group {
        let _ = waiting.answer.send(Err(error));
    }
}
