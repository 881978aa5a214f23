//! The index of submissions: batch → where it stands and what became of it. It lives in sled,
//! which may lose its tail at a power cut and may fail to open after one; so nothing is kept
//! here that the journal does not hold, and an index that will not open is moved aside and
//! made anew.

use std::{
    fs,
    path::{Path, PathBuf},
};

use birge_proto::{
    identity::Identity,
    manifest::{Action, BatchId},
    record::{Counts, Event, Outcome, Record},
};
use serde::{Deserialize, Serialize};

/// Key under which the number of entries taken in is kept.
const POSITION: &[u8] = b"position";

/// What is known of an accepted submission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// Where its record stands.
    pub index: u64,
    /// Who handed it in.
    pub agency: Identity,
    /// Its reference periods.
    pub periods: Vec<String>,
    /// How far it has come.
    pub stage: Stage,
    /// Success or warning.
    pub outcome: Outcome,
    /// What happened to observations.
    pub counts: Counts,
}

/// How far a submission has come, apart from its outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// In the journal.
    Committed,
    /// Its figures can be asked for.
    Released,
    /// A later batch took its place for all its periods.
    Superseded,
    /// It was wrong and was taken back.
    Withdrawn,
}

/// The index.
pub(super) struct Index {
    db: sled::Db,
}

impl Index {
    /// Opens the index in `dir`; one that will not open, or that knows more than the journal,
    /// is moved aside. Answers with the number of entries it has taken in.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(super) fn open(dir: &Path, journal_size: u64) -> Result<(Self, u64), IndexError> {
        match Self::try_open(dir) {
            Ok((index, position)) if position <= journal_size => return Ok((index, position)),
            Ok((index, position)) => {
                drop(index);
                tracing::warn!(position, journal_size, "the index is ahead of the journal");
            }
            Err(error) => tracing::warn!(%error, "the index does not open"),
        }
        let aside = aside(dir);
        fs::rename(dir, &aside).map_err(|source| IndexError::Move { path: dir.into(), source })?;
        tracing::warn!(moved_to = %aside.display(), "the index is made anew from the journal");
        Ok(Self::try_open(dir)?)
    }

    /// An index of nothing, which goes away with this.
    ///
    /// # Errors
    /// When no temporary folder can be written.
    pub(super) fn temporary() -> Result<Self, IndexError> {
        Ok(Self { db: sled::Config::new().temporary(true).open()? })
    }

    fn try_open(dir: &Path) -> sled::Result<(Self, u64)> {
        let db = sled::Config::new().path(dir).cache_capacity(32 << 20).open()?;
        let position = match db.get(POSITION)? {
            Some(bytes) => <[u8; 8]>::try_from(bytes.as_ref())
                .map(u64::from_be_bytes)
                .map_err(|_| sled::Error::Corruption { at: None, bt: () })?,
            None => 0,
        };
        Ok((Self { db }, position))
    }

    /// Takes in the record at `index`. What changes nothing is not written down, not even how far
    /// it has come: of what is recorded most are questions, and from the last change on it may go
    /// through them again.
    ///
    /// # Errors
    /// When sled fails.
    pub(super) fn apply(&self, index: u64, record: &Record) -> Result<(), IndexError> {
        let mut changes = sled::Batch::default();
        match &record.event {
            Event::SubmissionAccepted {
                batch, periods, action, revises, outcome, counts, ..
            } => {
                if let Some((revised, mut earlier)) = self.known(revises.as_ref())? {
                    let whole = earlier.periods.iter().all(|period| periods.contains(period));
                    let stage = match action {
                        Action::Replace => Some(Stage::Superseded),
                        Action::Withdraw => Some(Stage::Withdrawn),
                        Action::Append | Action::Delete | Action::Information => None,
                    };
                    if let Some(stage) = stage.filter(|_| whole) {
                        earlier.stage = stage;
                        changes.insert(&revised.0, serde_json::to_vec(&earlier)?);
                    }
                }
                let submission = Submission {
                    index,
                    agency: record.actor.clone(),
                    periods: periods.clone(),
                    stage: Stage::Committed,
                    outcome: *outcome,
                    counts: *counts,
                };
                changes.insert(&batch.0, serde_json::to_vec(&submission)?);
            }
            Event::Released { batch, .. } => {
                if let Some((batch, mut submission)) = self.known(Some(batch))? {
                    submission.stage = Stage::Released;
                    changes.insert(&batch.0, serde_json::to_vec(&submission)?);
                }
            }
            _ => return Ok(()),
        }
        changes.insert(POSITION, &(index + 1).to_be_bytes());
        Ok(self.db.apply_batch(changes)?)
    }

    /// What is known of a batch.
    ///
    /// # Errors
    /// When sled fails.
    pub(super) fn submission(&self, batch: &BatchId) -> Result<Option<Submission>, IndexError> {
        Ok(self.known(Some(batch))?.map(|(_, submission)| submission))
    }

    /// Writes what is in memory to the disk.
    pub(super) fn flush(&self) {
        if let Err(error) = self.db.flush() {
            tracing::warn!(%error, "the index could not be flushed; it will catch up at the start");
        }
    }

    fn known(&self, batch: Option<&BatchId>) -> Result<Option<(BatchId, Submission)>, IndexError> {
        let Some(batch) = batch else { return Ok(None) };
        let bytes = self.db.get(batch.0)?;
        Ok(bytes
            .map(|bytes| serde_json::from_slice(&bytes))
            .transpose()?
            .map(|known| (*batch, known)))
    }
}

fn aside(dir: &Path) -> PathBuf {
    let beside = |n: u32| dir.with_extension(format!("broken-{n}"));
    (1..).map(beside).find(|path| !path.exists()).unwrap_or_else(|| beside(0))
}

/// Why the index fails.
#[derive(Debug, thiserror::Error)]
pub(super) enum IndexError {
    /// sled failed.
    #[error("the index failed: {0}; stop the gateway and run `gateway rebuild`")]
    Sled(#[from] sled::Error),
    /// An entry does not parse.
    #[error(
        "the index holds what is no submission: {0}; stop the gateway and run `gateway rebuild`"
    )]
    Entry(#[from] serde_json::Error),
    /// It cannot be moved aside.
    #[error("cannot move {} aside: {source}", path.display())]
    Move {
        /// The index's folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_that_will_not_open_is_moved_aside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index");
        fs::write(&path, b"not a folder").unwrap();
        let (_, position) = Index::open(&path, 5).unwrap();
        assert_eq!(position, 0);
        assert!(dir.path().join("index.broken-1").exists());
    }

    #[test]
    fn an_index_ahead_of_the_journal_is_moved_aside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index");
        let released = serde_json::json!({
            "kind": "released", "dataset": "MIG_STOCK", "periods": [], "batch": "0".repeat(64),
            "cells": 0, "withheld": 0, "method": "", "digest": "",
        });
        let record = |event| Record {
            time: birge_proto::clock::Timestamp::UNIX_EPOCH,
            actor: "agency/NSC".parse().unwrap(),
            parties: std::collections::BTreeMap::new(),
            persons: [].into(),
            event,
        };
        let (index, _) = Index::open(&path, 0).unwrap();
        index.apply(8, &record(serde_json::from_value(released).unwrap())).unwrap();
        // What changes nothing is not written down.
        index.apply(9, &record(Event::RecordsRead { from: 0, to: 1 })).unwrap();
        index.flush();
        drop(index);
        // sled lets go of its lock on a thread of its own.
        let lock = fs::File::open(path.join("db")).unwrap();
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
        drop(lock);
        assert_eq!(Index::open(&path, 9).map(|(_, position)| position).unwrap(), 9);
        assert_eq!(Index::open(&path, 8).map(|(_, position)| position).unwrap(), 0);
    }
}
