//! The largest checkpoint that the node has seen. It is shown to the gateway with every
//! audit, and whatever the gateway shows later must continue it: a log that shrank, or whose
//! past was changed, is found here. What the node cosigned as a witness is kept beside it, and
//! everything must fit with both.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use anyhow::Context;
use birge_proto::{
    problem::Problem,
    signatories::Signatories,
    tlog::{
        Hash,
        checkpoint::{Checkpoint, CheckpointError},
        note::{NoteError, NoteVerifier},
        policy::Policy,
        proof::{ProofError, verify_consistency},
    },
    wire::ConsistencyRequest,
};

use crate::{
    connect::{self, Link},
    home::{self, Home},
    output::Failure,
    policy,
};

/// Whose checkpoints are believed, and the largest one seen.
#[derive(Debug, Clone)]
pub struct Memory {
    home: Home,
    path: PathBuf,
    held: PathBuf,
    /// The key in `enrolled.json`.
    log: NoteVerifier,
    /// The authority: what its keys sign of the log's keys is believed.
    authority: Signatories,
}

/// Why a checkpoint is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Distrust {
    /// It is not the log's.
    #[error("the checkpoint is not the log's: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// A key signed it that nobody vouches for.
    #[error(
        "no key of the log that this node believes signed the checkpoint, and it can believe no \
         other: it knows no key of the authority"
    )]
    Stranger,
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
    /// It may be the log's by a key that the authority stated since, which cannot be told now.
    #[error("by which keys the log signs now cannot be told: {}", .0.reply().aside)]
    Untold(Box<Failure>),
    /// The memory itself failed.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl From<Distrust> for Failure {
    fn from(distrust: Distrust) -> Self {
        match distrust {
            Distrust::Problem(problem) => (*problem).into(),
            Distrust::Failure(failure) => failure,
            Distrust::Untold(failure) => *failure,
            Distrust::Stranger => Self::Wrong(format!(
                "{distrust}\nnext: if the log's key was replaced, name the authority's keys in \
                 node.toml under [trust] as the decree's publication gives it; if it was not, keep \
                 state/ and receipts/, and tell the Chamber of Accounts"
            )),
            Distrust::Checkpoint(_) | Distrust::Forked { .. } => Self::Wrong(format!(
                "{distrust}\nnext: hand in nothing more, keep state/ and receipts/, and tell the \
                 Chamber of Accounts"
            )),
        }
    }
}

impl Memory {
    /// The memory of a node that trusts the key `vkey` (C2SP, `name+hex8+base64`), and those
    /// that `authority` stated of the same log; see [`crate::policy`].
    ///
    /// # Errors
    /// When the key cannot be read, or what was kept of the others is damaged.
    pub fn open(home: &Home, vkey: &str, authority: Signatories) -> Result<Self, Failure> {
        let log = NoteVerifier::from_vkey(vkey).map_err(|error| {
            Failure::Wrong(format!(
                "the log's key in enrolled.json cannot be read: {error}\nnext: ask the operator \
                 for the answer to this node's enrolment.json again"
            ))
        })?;
        let (path, held) = (home.join("state/checkpoint"), home.join("state/witness"));
        let memory = Self { home: home.clone(), path, held, log, authority };
        memory.known()?;
        Ok(memory)
    }

    /// The authority that is believed; without keys, where none is known.
    #[must_use]
    pub fn authority(&self) -> &Signatories {
        &self.authority
    }

    /// By which keys the log signs now, and who witnesses it: what the gateway shows is judged
    /// by this.
    ///
    /// # Errors
    /// When what was kept of it is damaged.
    pub fn policy(&self) -> Result<Policy, Failure> {
        policy::kept(&self.home, &self.log)
    }

    /// Every key by which the log ever signed, as far as the node was told: what was verified
    /// and filed here is read by this, for a key may have been retired since.
    ///
    /// # Errors
    /// As for [`Self::policy`].
    pub fn known(&self) -> Result<Policy, Failure> {
        policy::known(&self.home, &self.log)
    }

    /// Asks the gateway what the authority signed, and keeps it; see [`policy::refresh`].
    ///
    /// # Errors
    /// When the gateway is away, or what it gives is not signed by the authority.
    pub async fn learn(&self, link: &Link) -> Result<Policy, Failure> {
        policy::refresh(&self.home, link, &self.log, &self.authority).await
    }

    /// Reads a checkpoint that came from outside.
    ///
    /// # Errors
    /// When no key of the log that counts signed it, or it is none.
    pub fn open_note(&self, note: &[u8]) -> Result<Checkpoint, Distrust> {
        Ok(self.policy()?.judge(note)?.checkpoint)
    }

    /// As [`Self::open_note`]; where no key that is known signed it, asks which key the
    /// authority stated since.
    ///
    /// # Errors
    /// When no key signed it that the authority vouches for, or it is no checkpoint.
    pub async fn recognise(&self, link: &Link, note: &[u8]) -> Result<Checkpoint, Distrust> {
        match self.open_note(note) {
            Err(Distrust::Checkpoint(CheckpointError::Note(NoteError::Unsigned))) => {}
            read => return read,
        }
        if self.authority.keys().is_empty() {
            return Err(Distrust::Stranger);
        }
        self.learn(link).await.map_err(|failure| Distrust::Untold(failure.into()))?;
        self.open_note(note)
    }

    /// The largest checkpoint seen, as the note that it came in, and read.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn seen(&self) -> Result<Option<Noted>, Failure> {
        self.read(&self.path)
    }

    /// The largest checkpoint that this node cosigned, with its cosignature. It may be larger
    /// than what the gateway shows by then: that waits for the other witnesses.
    ///
    /// # Errors
    /// As for [`Self::seen`].
    pub fn held(&self) -> Result<Option<Noted>, Failure> {
        self.read(&self.held)
    }

    /// The larger of what was seen and what was cosigned: everything that is seen or cosigned
    /// later must fit with it.
    ///
    /// # Errors
    /// As for [`Self::seen`].
    pub fn largest(&self) -> Result<Option<Noted>, Failure> {
        let (seen, held) = (self.seen()?, self.held()?);
        Ok([held, seen].into_iter().flatten().max_by_key(|(_, checkpoint)| checkpoint.size()))
    }

    fn read(&self, path: &Path) -> Result<Option<Noted>, Failure> {
        let note = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let judged = self.known()?.judge(&note).map_err(|error| {
            Failure::Wrong(format!(
                "{} is damaged: {error}\nnext: restore it from your backup; without one, remove \
                 it, and a change of the log's past before today will not be noticed here",
                path.display()
            ))
        })?;
        Ok(Some((note, judged.checkpoint)))
    }

    /// Takes a checkpoint that the gateway showed: it must continue the largest seen or
    /// cosigned, or be continued by it. Remembers it where it is the largest one seen.
    ///
    /// # Errors
    /// When it is not the log's, contradicts what was seen, or no proof can be had.
    pub async fn reconcile(&self, link: &Link, note: &[u8]) -> Result<Checkpoint, Distrust> {
        let shown = self.recognise(link, note).await?;
        loop {
            let largest = self.largest()?.map(|(_, checkpoint)| checkpoint);
            if let Some(largest) = &largest {
                agree(link, largest, &shown).await?;
            }
            // Another checkpoint may have been cosigned in the meantime.
            let _lock = self.lock()?;
            if self.largest()?.map(|(_, checkpoint)| checkpoint) != largest {
                continue;
            }
            match self.seen()? {
                Some((_, seen)) if seen.size() >= shown.size() => {}
                _ => home::write(&self.path, note)?,
            }
            return Ok(shown);
        }
    }

    /// Keeps the checkpoint in `note` as the one that this node cosigned. The caller holds
    /// [`Self::lock`] since it compared it with [`Self::largest`].
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn hold(&self, note: &[u8]) -> Result<(), Failure> {
        home::write(&self.held, note)
    }

    /// Keeps others, of this process or another, from changing what was seen or cosigned.
    ///
    /// # Errors
    /// When the lock's file cannot be opened.
    pub fn lock(&self) -> Result<File, Failure> {
        self.home.lock("checkpoint.lock")
    }
}

/// A checkpoint with the note that it came in.
pub type Noted = (Vec<u8>, Checkpoint);

/// Has the gateway prove that the smaller of two checkpoints is the beginning of the larger.
///
/// # Errors
/// When the proof does not hold, or the gateway gives none.
pub async fn agree(link: &Link, known: &Checkpoint, other: &Checkpoint) -> Result<(), Distrust> {
    let larger = other.size() > known.size();
    let (old, new) = if larger { (known, other) } else { (other, known) };
    let proof = consistency(link, old.size(), new.size()).await?;
    verify_consistency(old.size(), old.root(), new.size(), new.root(), &proof)
        .map_err(|error| Distrust::Forked { seen: known.size(), size: other.size(), error })
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
