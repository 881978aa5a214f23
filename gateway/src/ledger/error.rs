//! What can go wrong with the ledger.

use std::{
    io,
    path::{Path, PathBuf},
};

use birge_proto::tlog::{bundle::BundleError, checkpoint::CheckpointError, note::NoteError};

use crate::journal::JournalError;

/// Why the ledger cannot be opened, grown, signed or verified.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file system refused.
    #[error("cannot {act} {}: {source}", path.display())]
    Io {
        /// What was tried.
        act: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What was written is not known to have reached the disk: never to be tried again, since
    /// the second time may succeed without it.
    #[error("cannot sync {}: {source}", path.display())]
    Unsynced {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A checkpoint was signed over more than the journal holds.
    #[error(
        "the journal holds {journal} entries, but a checkpoint over {checkpoint} was signed: \
         this is an old copy of the journal; restore the newest"
    )]
    Behind {
        /// Entries in the journal.
        journal: u64,
        /// Entries that were signed for.
        checkpoint: u64,
    },
    /// A checkpoint was signed over something else.
    #[error(
        "the first {size} entries of the journal are not those that the published checkpoint \
         was signed over; restore the journal that belongs to it"
    )]
    Rewritten {
        /// Entries that were signed for.
        size: u64,
    },
    /// No checkpoint can be made.
    #[error("no checkpoint can be made: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// No checkpoint can be signed.
    #[error("no checkpoint can be signed: {0}")]
    Note(#[from] NoteError),
    /// A leaf does not fit a bundle.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A file is not what the journal says.
    #[error(transparent)]
    Damaged(#[from] LedgerDamage),
}

impl LedgerError {
    /// For `map_err`: what was tried, on what.
    pub(super) fn io(act: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { act, path, source }
    }

    /// For `map_err`: what was not synced.
    pub(super) fn unsynced(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Unsynced { path, source }
    }

    /// Whether it may go away when space is freed.
    pub(super) fn is_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if matches!(
            source.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        ))
    }
}

/// A checkpoint that this log's key signed, and that is not of the history which this gateway
/// keeps: it must end, and write nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    /// There was more.
    #[error(
        "there is a checkpoint of this log of size {seen}, larger than the log, which has {own} \
         entries: this is an old copy of its data; restore the newest"
    )]
    Larger {
        /// Leaves of the checkpoint.
        seen: u64,
        /// Leaves here.
        own: u64,
    },
    /// There was something else.
    #[error(
        "there is a checkpoint of this log over other entries than its first {size}: its key \
         has signed two histories; find out where else the key is used"
    )]
    Other {
        /// Leaves of the checkpoint.
        size: u64,
    },
}

/// Where the ledger's files are not what they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the ledger is damaged: {}: {what}", file.display())]
pub struct LedgerDamage {
    /// Which file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub what: Flaw,
}

/// What is wrong with a file of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The log's tree has it, the disk does not.
    #[error("it is missing; rebuild the ledger")]
    Missing,
    /// Other bytes than the journal gives.
    #[error("it is not what the journal gives; rebuild the ledger")]
    Different,
    /// Not the name of a file that a log has.
    #[error("no log has such a file; remove it")]
    Unknown,
    /// Made of entries that the journal does not hold.
    #[error("it holds entries that the journal does not; is this an old copy of the journal?")]
    Beyond,
    /// Signed over another tree.
    #[error("it was not signed over the entries that the journal holds")]
    Root,
    /// Not a checkpoint of this log.
    #[error("{0}")]
    Checkpoint(CheckpointError),
}
