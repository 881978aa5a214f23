//! The log's keys: those that sign its checkpoints now, and those that ever did. A key is
//! replaced by adding the next one's signature, so that nobody who knows the first is left
//! behind, and retiring the first later. Where the log goes on from a frozen one, the keys of
//! that one are known too, and speak of what it held.

use std::sync::Arc;

use birge_proto::tlog::{
    checkpoint::{Checkpoint, CheckpointError},
    note::{NoteError, NoteSigner, NoteVerifier, sign_all},
    policy::Policy,
};

use super::Published;

/// The keys of one log.
#[derive(Debug)]
pub struct Signers {
    active: Vec<NoteSigner>,
    known: Known,
}

/// By what the log's checkpoints are known.
#[derive(Debug, Clone)]
pub struct Known {
    origin: String,
    keys: Policy,
    frozen: Arc<[Published]>,
}

impl Signers {
    /// The keys that sign the checkpoints of the log `origin` now, the oldest first, and those
    /// that once did.
    #[must_use]
    pub fn new(origin: &str, active: Vec<NoteSigner>, former: Vec<NoteVerifier>) -> Self {
        let keys = active.iter().map(NoteSigner::verifier).chain(former).collect();
        let (origin, keys) = (origin.to_owned(), Policy::of_logs(keys));
        Self { active, known: Known { origin, keys, frozen: Arc::default() } }
    }

    /// The same of a log that goes on from others: their last checkpoints, the oldest first.
    /// `former` must hold their keys.
    ///
    /// # Errors
    /// When no known key signed one of them.
    pub fn going_on_from(mut self, last: &[String]) -> Result<Self, CheckpointError> {
        let published = |note: &String| {
            let note = note.clone().into_bytes();
            let checkpoint = self.known.keys.judge(&note)?.checkpoint;
            Ok(Published { checkpoint, note })
        };
        self.known.frozen = last.iter().map(published).collect::<Result<_, CheckpointError>>()?;
        Ok(self)
    }

    /// Origin line of the log's checkpoints.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.known.origin
    }

    /// By what checkpoints of this log are known.
    #[must_use]
    pub fn known(&self) -> &Known {
        &self.known
    }

    /// The checkpoint as a note that every active key signed.
    ///
    /// # Errors
    /// When there is no active key.
    pub(super) fn sign(&self, checkpoint: &Checkpoint) -> Result<Vec<u8>, NoteError> {
        sign_all(&self.active, &checkpoint.to_body())
    }
}

impl Known {
    /// The checkpoint in a note that one of the log's keys signed, now active or not. Of a log
    /// that is frozen, no more is known than what it held.
    ///
    /// # Errors
    /// When none did, or a frozen log's key signed what that log cannot have held.
    pub fn open(&self, note: &[u8]) -> Result<Checkpoint, CheckpointError> {
        let checkpoint = self.keys.judge(note)?.checkpoint;
        let (origin, size) = (checkpoint.origin(), checkpoint.size());
        let within = |frozen: &Published| {
            frozen.checkpoint.origin() == origin && size <= frozen.checkpoint.size()
        };
        if origin == self.origin || self.frozen.iter().any(within) {
            return Ok(checkpoint);
        }
        Err(CheckpointError::Origin { expected: self.origin.clone(), found: origin.to_owned() })
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &[NoteVerifier] {
        self.keys.logs()
    }

    /// Origin line of the log's checkpoints.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The last checkpoints of the logs that this one goes on from, the oldest first.
    #[must_use]
    pub fn frozen(&self) -> &[Published] {
        &self.frozen
    }
}

impl From<NoteSigner> for Signers {
    fn from(signer: NoteSigner) -> Self {
        Self::new(signer.verifier().vkey().name(), vec![signer], vec![])
    }
}
