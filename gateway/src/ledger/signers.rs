//! The log's keys: those that sign its checkpoints now, and those that ever did. A key is
//! replaced by adding the next one's signature, so that nobody who knows the first is left
//! behind, and retiring the first later. Where the log goes on from a frozen one, the keys of
//! that one are known too, and speak of what it held.

use std::sync::Arc;

use birge_proto::tlog::{
    checkpoint::{Checkpoint, CheckpointError},
    note::{NoteError, NoteSigner, NoteVerifier, sign_all},
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
    /// The keys that sign now, then those that did.
    keys: Vec<NoteVerifier>,
    former: Vec<Former>,
    frozen: Arc<[Published]>,
}

/// A key that signs no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Former {
    /// The key.
    pub key: NoteVerifier,
    /// Leaves of the largest checkpoint that it can have signed: whoever found it later may sign
    /// with it, and is not believed.
    pub size: u64,
}

impl Signers {
    /// The keys that sign the checkpoints of the log `origin` now, the oldest first, and those
    /// that once did.
    #[must_use]
    pub fn new(origin: &str, active: Vec<NoteSigner>, former: Vec<Former>) -> Self {
        let keys = active.iter().map(NoteSigner::verifier);
        let keys = keys.chain(former.iter().map(|former| former.key.clone())).collect();
        let known = Known { origin: origin.to_owned(), keys, former, frozen: Arc::default() };
        Self { active, known }
    }

    /// The same of a log that goes on from others: their last checkpoints, the oldest first.
    /// `former` must hold their keys.
    ///
    /// # Errors
    /// When no known key signed one of them.
    pub fn going_on_from(mut self, last: &[String]) -> Result<Self, CheckpointError> {
        let published = |note: &String| {
            let note = note.clone().into_bytes();
            let checkpoint = self.known.open(&note)?;
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
    /// The checkpoint in a note that one of the log's keys signed, now active or not, when it
    /// could.
    ///
    /// # Errors
    /// When none did.
    pub fn open(&self, note: &[u8]) -> Result<Checkpoint, CheckpointError> {
        let mut error = CheckpointError::Note(NoteError::Unsigned);
        for key in &self.keys {
            match Checkpoint::open(note, key, key.vkey().name()) {
                Ok(checkpoint) if self.could(key, checkpoint.size()) => return Ok(checkpoint),
                Ok(_) => {}
                Err(other) => error = other,
            }
        }
        Err(error)
    }

    fn could(&self, key: &NoteVerifier, size: u64) -> bool {
        self.former.iter().all(|former| former.key != *key || size <= former.size)
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &[NoteVerifier] {
        &self.keys
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
