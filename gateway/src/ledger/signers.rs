//! The log's keys: those that sign its checkpoints now, and those that ever did. A key is
//! replaced by adding the next one's signature, so that nobody who knows the first is left
//! behind, and retiring the first later.

use birge_proto::tlog::{
    checkpoint::{Checkpoint, CheckpointError},
    note::{NoteError, NoteSigner, NoteVerifier, sign_all},
    policy::Policy,
};

/// The keys of one log.
#[derive(Debug)]
pub struct Signers {
    origin: String,
    active: Vec<NoteSigner>,
    known: Policy,
}

impl Signers {
    /// The keys that sign the checkpoints of the log `origin` now, the oldest first, and those
    /// that once did.
    #[must_use]
    pub fn new(origin: &str, active: Vec<NoteSigner>, former: Vec<NoteVerifier>) -> Self {
        let known = active.iter().map(NoteSigner::verifier).chain(former).collect();
        Self { origin: origin.to_owned(), active, known: Policy::of_logs(known) }
    }

    /// Origin line of the log's checkpoints.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The keys that checkpoints of this log are known by.
    #[must_use]
    pub fn known(&self) -> &Policy {
        &self.known
    }

    /// The checkpoint as a note that every active key signed.
    ///
    /// # Errors
    /// When there is no active key.
    pub(super) fn sign(&self, checkpoint: &Checkpoint) -> Result<Vec<u8>, NoteError> {
        sign_all(&self.active, &checkpoint.to_body())
    }

    /// The checkpoint in a note that one of the log's keys signed, now active or not.
    ///
    /// # Errors
    /// When none did.
    pub(super) fn open(&self, note: &[u8]) -> Result<Checkpoint, CheckpointError> {
        self.known.judge(note).map(|judged| judged.checkpoint)
    }
}

impl From<NoteSigner> for Signers {
    fn from(signer: NoteSigner) -> Self {
        Self::new(signer.verifier().vkey().name(), vec![signer], vec![])
    }
}
