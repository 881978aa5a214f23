//! The ledger: the log that outsiders can verify. It follows the journal and can be rebuilt
//! from it.
//!
//! | module | holds |
//! |---|---|
//! | `store` | tiles, bundles and the checkpoint as files |
//! | `state` | the tree as far as it is written; resuming, growing, signing |
//! | `follow` | the task that does so as the journal grows |
//! | `signers` | the log's keys |
//! | `settle` | checkpoints with the cosignatures that came in time |
//! | `verify` | every file compared with the journal |
//!
//! A checkpoint is signed only over what is durable in the journal, and only when the tiles that
//! it needs are on the disk; nobody is handed it before it is on the disk itself. It is shown to
//! the world once it is *settled*: with the cosignatures that were gathered in time. Source:
//! C2SP tlog-tiles, tlog-checkpoint, tlog-proof.

mod error;
mod follow;
mod settle;
mod signers;
mod state;
mod store;
#[cfg(test)]
mod tests;
mod verify;

use std::{path::Path, sync::Arc, time::Duration};

use birge_proto::{
    problem::{Kind, Problem},
    receipt::Receipt,
    tlog::{
        Hash,
        checkpoint::Checkpoint,
        hash,
        note::NoteVerifier,
        proof::{self, Hashes, ProveError},
        reader::TileReader,
        tile::TilePath,
    },
};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

pub use self::{
    error::{Contradiction, Flaw, LedgerDamage, LedgerError},
    settle::Settler,
    signers::{Former, Known, Signers},
    verify::{Listed, Verified, list, verify},
};
use self::{follow::Tell, state::State, store::Store};
use crate::journal::Reader;

/// How the ledger follows the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LedgerConfig {
    /// Milliseconds between two checkpoints at least.
    pub interval_ms: u64,
}

impl Default for LedgerConfig {
    fn default() -> Self {
        Self { interval_ms: 1_000 }
    }
}

/// A published checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The signed note that says so.
    pub note: Vec<u8>,
}

/// Whether checkpoints are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signing {
    /// Not yet.
    Awaited,
    /// They may be.
    Allowed,
    /// One covers all that was there at the start.
    Begun,
    /// Never more: there is a history that contradicts this one, or the gateway stops before
    /// it began.
    Fenced,
}

/// The ledger while its follower runs.
#[derive(Debug, Clone)]
pub struct Ledger {
    store: Store,
    known: Known,
    published: watch::Receiver<Arc<Published>>,
    settled: watch::Receiver<Arc<Published>>,
    tree: watch::Receiver<u64>,
    failed: watch::Receiver<Option<Arc<str>>>,
    signing: Arc<watch::Sender<Signing>>,
}

impl Ledger {
    /// Opens the ledger in `dir`, brings its tiles up to the journal, and starts to follow.
    /// Tiles that are missing or do not fit are rebuilt. Nothing is signed before
    /// [`Self::begin`]; until then the last checkpoint of the disk stands, or that of the empty
    /// tree. The other part shows each checkpoint once its cosignatures are gathered. Must be
    /// called inside a tokio runtime; it waits for the disk.
    ///
    /// # Errors
    /// When the journal holds less than, or something else than, the checkpoint on the disk
    /// says, or the disk fails.
    pub fn open(
        dir: &Path,
        config: LedgerConfig,
        signers: impl Into<Signers>,
        journal: Reader,
    ) -> Result<(Self, Settler), LedgerError> {
        let signers = signers.into();
        let (store, known) = (Store::new(dir), signers.known().clone());
        let empty = Arc::new(state::signed(&signers, 0, hash::empty_root())?);
        let mut state = State::open(store.clone(), signers, journal)?;
        state.grow()?;
        let published = watch::Sender::new(state.published().unwrap_or(empty));
        let settler = Settler::new(store.clone(), published.subscribe());
        let tell = Tell {
            published,
            tree: watch::Sender::new(state.size()),
            failed: watch::Sender::new(None),
            signing: Arc::new(watch::Sender::new(Signing::Awaited)),
        };
        let ledger = Self {
            store,
            known,
            published: tell.published.subscribe(),
            settled: settler.settled(),
            tree: tell.tree.subscribe(),
            failed: tell.failed.subscribe(),
            signing: Arc::clone(&tell.signing),
        };
        tokio::spawn(follow::follow(state, Duration::from_millis(config.interval_ms), tell));
        Ok((ledger, settler))
    }

    /// From now on checkpoints are signed. Waits until one covers all that was there.
    ///
    /// # Errors
    /// Why none can be.
    pub async fn begin(&self) -> Result<(), Arc<str>> {
        self.pass(Signing::Awaited, Signing::Allowed);
        let mut signing = self.signing.subscribe();
        let settled = |signing: &Signing| matches!(signing, Signing::Begun | Signing::Fenced);
        tokio::select! {
            signing = signing.wait_for(settled) => match signing.as_deref() {
                Ok(Signing::Begun) => Ok(()),
                _ => Err("there is a checkpoint that contradicts the log, or it stops".into()),
            },
            cause = self.failed() => Err(cause),
        }
    }

    /// The last checkpoint that was signed, as it is renewed.
    #[must_use]
    pub fn checkpoint(&self) -> watch::Receiver<Arc<Published>> {
        self.published.clone()
    }

    /// The last checkpoint that is settled, with its cosignatures, as it is renewed: the one
    /// that is shown.
    #[must_use]
    pub fn settled(&self) -> watch::Receiver<Arc<Published>> {
        self.settled.clone()
    }

    /// Holds a checkpoint that this log's key signed against the tree. Where it contradicts it,
    /// nothing more is signed. Waits for the disk.
    ///
    /// # Errors
    /// When a tile cannot be read.
    pub fn contradiction(&self, seen: &Checkpoint) -> Result<Option<Contradiction>, Problem> {
        let (seen, root) = (seen.size(), seen.root());
        let own = *self.tree.borrow();
        let contradiction = if seen > own {
            Contradiction::Larger { seen, own }
        } else if proof::root(seen, &self.tiles(own)).map_err(damaged)? == *root {
            return Ok(None);
        } else {
            Contradiction::Other { size: seen }
        };
        self.signing.send_replace(Signing::Fenced);
        Ok(Some(contradiction))
    }

    /// The keys that the log's checkpoints are known by.
    #[must_use]
    pub fn keys(&self) -> &[NoteVerifier] {
        self.known.keys()
    }

    /// The checkpoint in `note`, if this log signed it.
    #[must_use]
    pub fn recognise(&self, note: &[u8]) -> Option<Checkpoint> {
        self.known.open(note).ok()
    }

    /// The last checkpoints of the logs that this one goes on from, the oldest first.
    #[must_use]
    pub fn frozen(&self) -> &[Published] {
        self.known.frozen()
    }

    /// The checkpoint that is shown to whoever asks.
    ///
    /// # Errors
    /// `UNWITNESSED` when the log goes on from a frozen one and has not signed anything yet.
    pub fn shown(&self) -> Result<Arc<Published>, Problem> {
        let shown = self.settled.borrow().clone();
        if shown.checkpoint.origin() == self.known.origin() {
            return Ok(shown);
        }
        let (origin, frozen) = (self.known.origin(), shown.checkpoint.origin());
        let detail =
            format!("{origin} goes on from {frozen}, and has not signed its first checkpoint yet");
        Err(Problem::new(Kind::Unwitnessed, detail)
            .hint("try again later: it does when enough witnesses have said what they hold"))
    }

    /// Waits until a settled checkpoint covers entry `index`; the receipt that proves it stands there,
    /// as C2SP tlog-proof text.
    ///
    /// # Errors
    /// When the ledger stops before, or its tiles do not give a proof that holds.
    pub async fn evidence(&self, index: u64) -> Result<Vec<u8>, Problem> {
        let mut settled = self.settled();
        let covering = settled
            .wait_for(|published| published.checkpoint.size() > index)
            .await
            .map(|published| Arc::clone(&published))
            .map_err(|_| Problem::new(Kind::Unavailable, "the ledger has stopped"))?;
        let ledger = self.clone();
        let proved = tokio::task::spawn_blocking(move || ledger.prove(index, &covering)).await;
        proved.unwrap_or_else(|_| Err(Problem::new(Kind::Internal, "the proof was not made")))
    }

    fn prove(&self, index: u64, published: &Published) -> Result<Vec<u8>, Problem> {
        let Published { checkpoint, note } = published;
        let tiles = self.tiles(checkpoint.size());
        let hashes = proof::inclusion(index, checkpoint.size(), &tiles).map_err(problem)?;
        let leaf = tiles.hash(0, index).map_err(|error| problem(ProveError::Hashes(error)))?;
        proof::verify_inclusion(&leaf, index, checkpoint.size(), &hashes, checkpoint.root())
            .map_err(damaged)?;
        let receipt = Receipt { index, hashes, checkpoint: note.clone(), extra: None };
        Ok(receipt.encode())
    }

    /// Proof that entry `index` stands in the tree of the first `size`. Waits for the disk.
    ///
    /// # Errors
    /// When there is no such entry or tree, or a tile cannot be read.
    pub fn inclusion(&self, index: u64, size: u64) -> Result<Vec<Hash>, Problem> {
        proof::inclusion(index, size, &self.covered(size)?).map_err(problem)
    }

    /// Proof that the tree of the first `old` entries is the beginning of that of the first
    /// `new`. Waits for the disk.
    ///
    /// # Errors
    /// When there are no such trees, or a tile cannot be read.
    pub fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, Problem> {
        proof::consistency(old, new, &self.covered(new)?).map_err(problem)
    }

    /// The bytes of the tile or bundle at `path`, as C2SP tlog-tiles names it. Waits for the
    /// disk.
    ///
    /// # Errors
    /// When that is no such path, there is no such file, or it cannot be read.
    pub fn tile(&self, path: &str) -> Result<Vec<u8>, Problem> {
        let path: TilePath =
            path.parse().map_err(|error| Problem::new(Kind::Malformed, format!("{error}")))?;
        self.store.read(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                Problem::new(Kind::NotFound, format!("the log has no {path} yet"))
            }
            _ => Problem::new(Kind::Internal, format!("{path} cannot be read: {error}")),
        })
    }

    /// Waits until the ledger can no longer follow, and says why. Receipts are then no longer
    /// given; the process must end with an exit code other than 0.
    pub async fn failed(&self) -> Arc<str> {
        let mut failed = self.failed.clone();
        loop {
            if let Some(cause) = failed.borrow_and_update().clone() {
                return cause;
            }
            if failed.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Waits, once the journal was closed, until the last checkpoint is settled.
    pub async fn finish(&self) {
        self.pass(Signing::Awaited, Signing::Fenced);
        let mut settled = self.settled();
        while settled.changed().await.is_ok() {}
    }

    fn pass(&self, from: Signing, to: Signing) {
        self.signing.send_if_modified(|signing| {
            let passes = *signing == from;
            if passes {
                *signing = to;
            }
            passes
        });
    }

    fn covered(&self, size: u64) -> Result<impl Hashes<Error: Send + Sync>, Problem> {
        let covered = self.published.borrow().checkpoint.size();
        if size > covered {
            let detail = format!("the log has {covered} entries so far, not {size}");
            return Err(Problem::new(Kind::Malformed, detail));
        }
        Ok(self.tiles(size))
    }

    fn tiles(&self, size: u64) -> TileReader<impl Fn(&TilePath) -> std::io::Result<Vec<u8>>> {
        let store = self.store.clone();
        TileReader::new(size, move |path: &TilePath| store.read(path))
    }
}

/// Makes the tiles anew from the journal, and signs nothing: this may be an old copy of it.
/// Answers with the size and root of the tree. Waits for the disk.
///
/// # Errors
/// When the journal holds less than, or something else than, the checkpoint on the disk says
/// (nothing is changed then), or the disk fails.
pub fn rebuild(
    dir: &Path,
    signers: impl Into<Signers>,
    journal: Reader,
) -> Result<(u64, Hash), LedgerError> {
    let mut state = State::rebuild(Store::new(dir), signers.into(), journal)?;
    state.grow()?;
    Ok((state.size(), state.root()))
}

/// The checkpoint that was published last in `dir`, which must be known as the log's.
///
/// # Errors
/// When it is not, or cannot be read.
pub fn published(dir: &Path, known: &Known) -> Result<Option<Published>, LedgerError> {
    state::last_published(&Store::new(dir), known)
}

/// The hash of the leaf that stands for an entry.
fn leaf_hash(leaf: &[u8]) -> Hash {
    hash::leaf(leaf)
}

fn problem<E: std::error::Error + 'static>(error: ProveError<E>) -> Problem {
    match error {
        ProveError::Hashes(error) => damaged(error),
        error => Problem::new(Kind::Malformed, error.to_string()),
    }
}

fn damaged(error: impl std::fmt::Display) -> Problem {
    let detail = format!("the ledger's tiles give no proof: {error}");
    Problem::new(Kind::Damaged, detail).hint("stop the gateway and rebuild the ledger")
}
