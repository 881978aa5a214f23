//! What can go wrong with the journal.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use super::format::Fault;

/// Why a draft was not recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The rest of the disk is kept for what is more urgent.
    #[error("the disk's free space is reserved for more urgent records; free some space")]
    DiskReserved,
    /// No room could be made; nothing was changed.
    #[error("the journal's disk is full; free some space")]
    Full,
    /// The writer stopped after an error; whether this draft was recorded is known only after
    /// a restart.
    #[error("the journal has stopped after an error; the gateway must be restarted")]
    Fenced,
    /// The gateway is shutting down.
    #[error("the journal is closed: the gateway is shutting down")]
    Closed,
}

/// Why the journal cannot be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
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
    /// Another process has the journal open.
    #[error("{} is in use by another process; stop that one first", .0.display())]
    Locked(PathBuf),
    /// What is on the disk is not what was written.
    #[error(transparent)]
    Damaged(#[from] Damage),
}

impl JournalError {
    /// For `map_err`: what was tried, on what.
    pub(super) fn io(act: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { act, path, source }
    }
}

/// Where a complete group is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Damage {
    /// The segment's file.
    pub segment: PathBuf,
    /// Byte at which the group starts.
    pub offset: u64,
    /// Index of the first entry that the group holds or ought to hold.
    pub index: u64,
    /// What is wrong.
    pub what: Fault,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { segment, offset, index, what } = self;
        let segment = segment.display();
        write!(
            f,
            "the journal is damaged: {segment}, group at byte {offset} (entry {index}): {what}; \
             keep this copy and restore the file from a backup"
        )
    }
}
