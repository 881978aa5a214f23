//! The largest checkpoint that the node has seen. It is shown to the gateway with every
//! audit, and whatever the gateway shows later must continue it: a log that shrank, or whose
//! past was changed, is found here.

use std::{fs, path::PathBuf};

use anyhow::Context;
use birge_proto::{
    problem::Problem,
    tlog::{
        Hash,
        checkpoint::{Checkpoint, CheckpointError},
        note::NoteVerifier,
        proof::{ProofError, verify_consistency},
    },
    wire::ConsistencyRequest,
};

use crate::{
    connect::{self, Link},
    home::{self, Home},
    output::Failure,
};

/// Whose checkpoints are believed, and the largest one seen.
#[derive(Debug, Clone)]
pub struct Memory {
    path: PathBuf,
    log: NoteVerifier,
}

/// Why a checkpoint is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Distrust {
    /// It is not the log's.
    #[error("the checkpoint is not the log's: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// It does not continue what was seen.
    #[error(
        "the log of {size} entries does not continue the log of {seen} entries that this node has \
         seen: {error}"
    )]
    Forked {
        /// Entries seen before.
        seen: u64,
        /// Entries now.
        size: u64,
        /// What does not hold.
        error: ProofError,
    },
    /// The gateway gave no proof.
    #[error("{0}")]
    Problem(Box<Problem>),
    /// The memory itself failed.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl From<Distrust> for Failure {
    fn from(distrust: Distrust) -> Self {
        match distrust {
            Distrust::Problem(problem) => (*problem).into(),
            Distrust::Failure(failure) => failure,
            Distrust::Checkpoint(_) | Distrust::Forked { .. } => Self::Wrong(format!(
                "{distrust}\nnext: hand in nothing more, keep state/ and receipts/, and tell the \
                 Chamber of Accounts"
            )),
        }
    }
}

impl Memory {
    /// The memory of a node that trusts the key `vkey` (C2SP, `name+hex8+base64`).
    ///
    /// # Errors
    /// When the key cannot be read.
    pub fn open(home: &Home, vkey: &str) -> Result<Self, Failure> {
        let log = NoteVerifier::from_vkey(vkey).map_err(|error| {
            Failure::Wrong(format!(
                "the log's key in enrolled.json cannot be read: {error}\nnext: ask the operator \
                 for the answer to this node's enrolment.json again"
            ))
        })?;
        Ok(Self { path: home.join("state/checkpoint"), log })
    }

    /// The key that is trusted.
    #[must_use]
    pub fn log(&self) -> &NoteVerifier {
        &self.log
    }

    /// The log's origin, which its key bears as its name.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.log.vkey().name()
    }

    /// The largest checkpoint seen, as the note that it came in, and read.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn seen(&self) -> Result<Option<(Vec<u8>, Checkpoint)>, Failure> {
        if !self.path.exists() {
            return Ok(None);
        }
        let note =
            fs::read(&self.path).with_context(|| format!("cannot read {}", self.path.display()))?;
        let checkpoint = Checkpoint::open(&note, &self.log, self.origin()).map_err(|error| {
            Failure::Wrong(format!(
                "{} is damaged: {error}\nnext: restore it from your backup; without one, remove \
                 it, and a change of the log's past before today will not be noticed here",
                self.path.display()
            ))
        })?;
        Ok(Some((note, checkpoint)))
    }

    /// Takes a checkpoint that the gateway showed: it must continue the largest seen, or be
    /// continued by it. Remembers it where it is the larger one.
    ///
    /// # Errors
    /// When it is not the log's, contradicts what was seen, or no proof can be had.
    pub async fn reconcile(&self, link: &Link, note: &[u8]) -> Result<Checkpoint, Distrust> {
        let shown = Checkpoint::open(note, &self.log, self.origin())?;
        if let Some((_, seen)) = self.seen()? {
            let larger = shown.size() > seen.size();
            let (old, new) = if larger { (&seen, &shown) } else { (&shown, &seen) };
            let proof = consistency(link, old.size(), new.size()).await?;
            verify_consistency(old.size(), old.root(), new.size(), new.root(), &proof).map_err(
                |error| Distrust::Forked { seen: seen.size(), size: shown.size(), error },
            )?;
        }
        self.remember(note, &shown)?;
        Ok(shown)
    }

    /// Remembers a checkpoint, that `note` holds and that was found to continue what was seen,
    /// unless a larger one was seen by now.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn remember(&self, note: &[u8], checkpoint: &Checkpoint) -> Result<(), Failure> {
        match self.seen()? {
            Some((_, seen)) if seen.size() >= checkpoint.size() => Ok(()),
            _ => home::write(&self.path, note),
        }
    }
}

/// A proof that the tree of `old` entries is the beginning of the tree of `new` ones.
async fn consistency(link: &Link, old: u64, new: u64) -> Result<Vec<Hash>, Distrust> {
    if old == new || old == 0 {
        return Ok(vec![]);
    }
    let answer = link.audit().consistency(ConsistencyRequest { old, new }).await;
    let answer = answer.map_err(|status| Distrust::Problem(connect::problem(&status).into()))?;
    let forked = Distrust::Forked { seen: old, size: new, error: ProofError::OldRoot };
    let hashes = answer.into_inner().hashes.into_iter().map(|hash| hash.try_into().ok());
    hashes.collect::<Option<Vec<Hash>>>().ok_or(forked)
}
