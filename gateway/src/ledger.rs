//! The ledger: the log that outsiders can verify. It follows the journal and can be rebuilt
//! from it.
//!
//! | module | holds |
//! |---|---|
//! | `store` | tiles, bundles and the checkpoint as files |
//! | `state` | the tree as far as it is written; resuming, growing, signing |
//! | `follow` | the task that does so as the journal grows |
//! | `verify` | every file compared with the journal |
//!
//! A checkpoint is signed only over what is durable in the journal, and published only when the
//! tiles that it needs are on the disk. Source: C2SP tlog-tiles, tlog-checkpoint, tlog-proof.

mod error;
mod follow;
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
        note::{NoteSigner, NoteVerifier},
        proof::{self, Hashes, ProveError},
        reader::TileReader,
        tile::TilePath,
    },
};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

pub use self::{
    error::{Flaw, LedgerDamage, LedgerError},
    verify::{Verified, verify},
};
use self::{state::State, store::Store};
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

/// The ledger while its follower runs.
#[derive(Debug, Clone)]
pub struct Ledger {
    store: Store,
    log: NoteVerifier,
    published: watch::Receiver<Arc<Published>>,
    failed: watch::Receiver<Option<Arc<str>>>,
}

impl Ledger {
    /// Opens the ledger in `dir`, brings it up to the journal, publishes a checkpoint that
    /// covers all of it, and starts to follow. Tiles that are missing or do not fit are rebuilt.
    /// Must be called inside a tokio runtime; it waits for the disk.
    ///
    /// # Errors
    /// When the journal holds less than, or something else than, the checkpoint on the disk
    /// says (nothing is signed then), or the disk fails.
    pub fn open(
        dir: &Path,
        config: LedgerConfig,
        signer: NoteSigner,
        journal: Reader,
    ) -> Result<Self, LedgerError> {
        let (store, log) = (Store::new(dir), signer.verifier());
        let mut state = State::open(store.clone(), signer, journal)?;
        let now = state.advance()?;
        let (published, failed) = (watch::Sender::new(now), watch::Sender::new(None));
        let ledger =
            Self { store, log, published: published.subscribe(), failed: failed.subscribe() };
        let interval = Duration::from_millis(config.interval_ms);
        tokio::spawn(follow::follow(state, interval, published, failed));
        Ok(ledger)
    }

    /// The last checkpoint, as it is renewed.
    #[must_use]
    pub fn checkpoint(&self) -> watch::Receiver<Arc<Published>> {
        self.published.clone()
    }

    /// The checkpoint in `note`, if this log signed it.
    #[must_use]
    pub fn recognise(&self, note: &[u8]) -> Option<Checkpoint> {
        Checkpoint::open(note, &self.log, self.log.vkey().name()).ok()
    }

    /// Waits until a checkpoint covers entry `index`; the receipt that proves it stands there,
    /// as C2SP tlog-proof text.
    ///
    /// # Errors
    /// When the ledger stops before, or its tiles do not give a proof that holds.
    pub async fn evidence(&self, index: u64) -> Result<Vec<u8>, Problem> {
        let mut published = self.checkpoint();
        let covering = published
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

    /// Waits, once the journal was closed, until the last checkpoint is published.
    pub async fn finish(&self) {
        let mut published = self.checkpoint();
        while published.changed().await.is_ok() {}
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

/// Makes tiles and checkpoint anew from the journal. Waits for the disk.
///
/// # Errors
/// When the journal holds less than, or something else than, the checkpoint on the disk says
/// (nothing is changed then), or the disk fails.
pub fn rebuild(
    dir: &Path,
    signer: NoteSigner,
    journal: Reader,
) -> Result<Arc<Published>, LedgerError> {
    State::rebuild(Store::new(dir), signer, journal)?.advance()
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
