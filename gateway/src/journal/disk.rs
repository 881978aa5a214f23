//! The thread that writes: each group is chained to the one before, appended and synced, then
//! everybody in it is answered.

use std::sync::{Arc, mpsc::Receiver};

use tokio::sync::watch;

use super::{
    Committed, Hash,
    error::JournalError,
    format::Unsealed,
    index::{Index, Place},
    names,
    queue::{Answer, Queue},
    segment::Slot,
};

/// A group that was sequenced.
pub(super) struct Group<R> {
    /// Index of the entry after its last.
    pub(super) next: u64,
    /// What to write, and where; nothing where it has no entries.
    pub(super) written: Option<(Slot, Unsealed)>,
    /// Lines to keep beside the segment, of persons whom the group names; often none.
    pub(super) names: Vec<u8>,
    /// Who is to be told once it is durable.
    pub(super) answers: Vec<Answered<R>>,
}

/// An appender, and what it is told.
pub(super) struct Answered<R> {
    pub(super) answer: Answer<R>,
    /// Index of the first of its entries; where it has none, of the entry to come.
    pub(super) first: u64,
    /// How many of the group's entries are its own.
    pub(super) count: usize,
    /// What the sequencer answered.
    pub(super) reply: R,
}

/// What the thread needs. When it ends, for whatever reason, nothing more is taken from the
/// queue.
pub(super) struct Disk<D, R> {
    queue: Arc<Queue<D, R>>,
    index: Arc<Index>,
    durable: watch::Sender<u64>,
    /// Hash of the group that was written last.
    previous: Hash,
}

impl<D, R> Drop for Disk<D, R> {
    fn drop(&mut self) {
        self.queue.fence();
    }
}

impl<D, R> Disk<D, R> {
    pub(super) fn new(
        queue: Arc<Queue<D, R>>,
        index: Arc<Index>,
        durable: watch::Sender<u64>,
        previous: Hash,
    ) -> Self {
        Self { queue, index, durable, previous }
    }

    /// Commits `groups` in order until there are no more, or up to the first error: what was not
    /// answered then never is.
    pub(super) fn run(mut self, groups: &Receiver<Group<R>>) -> Result<(), JournalError> {
        while let Ok(group) = groups.recv() {
            self.commit(group)?;
            self.queue.written();
        }
        Ok(())
    }

    fn commit(&mut self, group: Group<R>) -> Result<(), JournalError> {
        let mut entries = Vec::new();
        if let Some((slot, unsealed)) = group.written {
            let first = unsealed.first();
            let sealed = unsealed.seal(self.previous);
            self.previous = sealed.hash;
            if !group.names.is_empty() {
                names::append(&slot.path, &group.names)?;
            }
            slot.write(&sealed.parts)?;
            let (segment, offset, hash) = (Arc::clone(&slot.path), slot.offset, sealed.hash);
            self.index.push(Place { first, segment, offset, hash });
            self.durable.send_replace(group.next);
            entries = sealed.entries;
        }
        let mut entries = entries.into_iter();
        for Answered { answer, first, count, reply } in group.answers {
            let entries = entries.by_ref().take(count).collect();
            // Who stopped waiting finds the record in the journal.
            let _ = answer.send(Ok(Committed { first, entries, reply }));
        }
        Ok(())
    }
}
