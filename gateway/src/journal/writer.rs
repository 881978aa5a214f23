//! The thread that sequences. It makes a group ready while the disk still takes the one before.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{SyncSender, sync_channel},
    },
    thread,
};

use birge_proto::{
    clock::SharedClock,
    envelope::KeyError,
    record::{Opening, RecordError},
};
use tokio::sync::watch;

use super::{
    Class, JournalConfig, NewEntry, Opened, Sequencer,
    disk::{Answered, Disk, Group},
    error::{AppendError, JournalError},
    format::GroupBuilder,
    index::Index,
    names::{self, Name},
    queue::{Queue, Waiting},
    scan::Tip,
    segment::{self, Lock, NoRoom, Tail},
};

/// A draft of the sequencer `S` that waits.
type Draft<S> = Waiting<<S as Sequencer>::Draft, <S as Sequencer>::Reply>;

/// Bytes of a group beside its entries, and of an entry beside record and body; generous.
const OVERHEAD: u64 = 4_096;
/// Openings that are made at a time.
const OPENINGS: usize = 256;

/// Why nothing more can be written.
#[derive(Debug, thiserror::Error)]
enum Fence {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error("no opening could be made: {0}")]
    Opening(#[from] KeyError),
    #[error("a name cannot be kept: {0}")]
    Name(#[from] serde_json::Error),
    #[error("a group's entries are beyond 4 GB")]
    TooLarge,
    #[error("the journal's thread panicked")]
    Panicked,
    /// The thread that writes has stopped and says why.
    #[error("the disk's thread has stopped")]
    Disk,
}

pub(super) struct Writer<S: Sequencer> {
    dir: PathBuf,
    config: JournalConfig,
    clock: SharedClock,
    sequencer: S,
    queue: Arc<Queue<S::Draft, S::Reply>>,
    tail: Tail,
    tip: Tip,
    /// Made, and not used yet.
    openings: Vec<Opening>,
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
        let openings = Vec::new();
        Ok(Self {
            dir,
            config,
            clock,
            sequencer,
            queue,
            tail,
            tip,
            openings,
            index,
            _lock: lock,
            durable,
        })
    }

    /// Commits group after group until the queue is closed and empty. On the first error it
    /// fences: nothing more is written, and `fence` is told why.
    pub(super) fn run(mut self, fence: &watch::Sender<Option<Arc<str>>>) {
        if let Err(cause) = self.commit_all() {
            tracing::error!(%cause, "the journal has stopped; the gateway must end");
            fence.send_replace(Some(cause.to_string().into()));
        }
    }

    fn commit_all(&mut self) -> Result<(), Fence> {
        // Without room between them: one group is written, one is made ready.
        let (groups, ready) = sync_channel(0);
        let (queue, index) = (Arc::clone(&self.queue), Arc::clone(&self.index));
        let disk = Disk::new(queue, index, self.durable.clone(), self.tip.previous);
        let disk = thread::Builder::new()
            .name("journal-disk".to_owned())
            .spawn(move || disk.run(&ready))
            .map_err(JournalError::io("start the disk's thread for", &self.dir))?;
        let sequenced = catch_unwind(AssertUnwindSafe(|| self.sequence_all(&groups)));
        drop(groups);
        match (disk.join(), sequenced) {
            (Ok(written), Ok(sequenced)) => written.map_err(Fence::from).and(sequenced)?,
            _ => return Err(Fence::Panicked),
        }
        self.tail.trim();
        Ok(())
    }

    fn sequence_all(&mut self, groups: &SyncSender<Group<S::Reply>>) -> Result<(), Fence> {
        let JournalConfig { group_drafts, group_bytes, .. } = self.config;
        let queue = Arc::clone(&self.queue);
        while let Some(group) =
            queue.take(group_drafts, group_bytes, |draft| self.sequencer.room(draft))
        {
            let group = self.admit(group);
            if group.is_empty() {
                continue;
            }
            // Only the last segment may end in an unfinished group.
            if self.tail.length() >= self.config.segment_bytes && !queue.all_written() {
                return Err(Fence::Disk);
            }
            match self.make_room(&group) {
                Ok(()) => {}
                Err(NoRoom::Full) => {
                    refuse::<S>(group, AppendError::Full);
                    continue;
                }
                Err(NoRoom::Failed(error)) => return Err(error.into()),
            }
            let group = self.sequence_group(group)?;
            queue.writing();
            groups.send(group).map_err(|_| Fence::Disk)?;
        }
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

    fn make_room(&mut self, group: &[Draft<S>]) -> Result<(), NoRoom> {
        if self.tail.length() >= self.config.segment_bytes {
            self.tail.trim();
            self.tail = Tail::create(&self.dir, self.tip.next)?;
        }
        let rooms = group.iter().map(|waiting| self.sequencer.room(&waiting.draft));
        self.tail.reserve(rooms.fold(OVERHEAD, u64::saturating_add))?;
        let names = group.iter().map(|waiting| self.sequencer.names_room(&waiting.draft));
        match names.fold(0, u64::saturating_add) {
            0 => Ok(()),
            names => names::reserve(self.tail.path(), names),
        }
    }

    /// What is to be written for `group`, and who is to be told what then.
    fn sequence_group(&mut self, group: Vec<Draft<S>>) -> Result<Group<S::Reply>, Fence> {
        let first = self.tip.next;
        let mut builder = GroupBuilder::default();
        let (mut answers, mut names) = (Vec::with_capacity(group.len()), Vec::new());
        for waiting in group {
            answers.push(self.sequence(waiting, &mut builder, &mut names)?);
        }
        if builder.count() == 0 {
            return Ok(Group { next: first, written: None, names, answers });
        }
        let unsealed = builder.finish(first).ok_or(Fence::TooLarge)?;
        let slot = self.tail.assign(unsealed.length().ok_or(Fence::TooLarge)?);
        Ok(Group { next: self.tip.next, written: Some((slot, unsealed)), names, answers })
    }

    fn sequence(
        &mut self,
        waiting: Draft<S>,
        builder: &mut GroupBuilder,
        names: &mut Vec<u8>,
    ) -> Result<Answered<S::Reply>, Fence> {
        let first = self.tip.next;
        self.tip.time = self.clock.now().max(self.tip.time);
        let (entries, reply) = self.sequencer.sequence(waiting.draft, first, self.tip.time);
        let count = entries.len();
        for (index, NewEntry { mut record, body, persons }) in (first..).zip(entries) {
            for (capacity, name) in persons {
                let opening = self.opening()?;
                record.persons.insert(capacity.clone(), opening.person(&name));
                names::push(names, index, Name { capacity, name, opening })?;
            }
            builder.push(self.opening()?, &record, body)?;
        }
        self.tip.next += count as u64;
        Ok(Answered { answer: waiting.answer, first, count, reply })
    }

    /// An opening that nothing was committed with yet.
    fn opening(&mut self) -> Result<Opening, Fence> {
        if self.openings.is_empty() {
            self.openings = Opening::generate_many(OPENINGS)?;
        }
        match self.openings.pop() {
            Some(opening) => Ok(opening),
            None => Ok(Opening::generate()?),
        }
    }
}

fn refuse<S: Sequencer>(group: Vec<Draft<S>>, error: AppendError) {
    for waiting in group {
        let _ = waiting.answer.send(Err(error));
    }
}
