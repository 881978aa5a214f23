//! The tree as far as it is written; resuming, growing, signing.

use std::{io, sync::Arc};

use birge_proto::tlog::{
    Hash, bundle,
    checkpoint::Checkpoint,
    frontier::Frontier,
    tile::{Kind, TILE_WIDTH, TilePath, tiles},
    writer::{File, TileWriter},
};

use super::{
    Published,
    error::{Flaw, LedgerDamage, LedgerError},
    leaf_hash,
    signers::{Known, Signers},
    store::Store,
};
use crate::journal::{Entry, Reader};

/// Entries after which files are written, however far the journal reaches.
const CHUNK: u64 = 1 << 16;

/// What the follower holds.
pub(super) struct State {
    store: Store,
    signers: Signers,
    journal: Reader,
    writer: TileWriter,
    /// Files that are still to be written.
    pending: Vec<File>,
    published: Option<Arc<Published>>,
}

/// The log's leaf for an entry of the journal.
pub(super) fn leaf(entry: &Entry) -> Vec<u8> {
    entry.opening.leaf(&entry.record).to_vec()
}

impl State {
    /// Goes on from what was published last. Where tiles are missing, or do not fit the
    /// checkpoint or the journal, all are made anew.
    pub(super) fn open(
        store: Store,
        signers: impl Into<Signers>,
        journal: Reader,
    ) -> Result<Self, LedgerError> {
        let signers = signers.into();
        let published = within(&store, signers.known(), &journal)?;
        let Some(last) = &published else {
            return Self::begin(store, signers, journal, published);
        };
        match resume(&store, &last.checkpoint, &journal)? {
            Ok(writer) => {
                Ok(Self { store, signers, journal, writer, pending: Vec::new(), published })
            }
            Err(cause) => {
                tracing::warn!(cause, "the ledger's tiles are made anew from the journal");
                Self::begin(store, signers, journal, published)
            }
        }
    }

    /// Makes all tiles anew.
    pub(super) fn rebuild(
        store: Store,
        signers: impl Into<Signers>,
        journal: Reader,
    ) -> Result<Self, LedgerError> {
        let signers = signers.into();
        let published = within(&store, signers.known(), &journal)?;
        Self::begin(store, signers, journal, published)
    }

    /// Begins with no tiles, once it is known that the journal gives what was published.
    fn begin(
        store: Store,
        signers: Signers,
        journal: Reader,
        published: Option<Arc<Published>>,
    ) -> Result<Self, LedgerError> {
        if let Some(last) = &published {
            let size = last.checkpoint.size();
            let mut tree = Frontier::new();
            for entry in journal.entries(0..size) {
                tree.push(leaf_hash(&leaf(&entry?)));
            }
            if tree.root() != *last.checkpoint.root() {
                return Err(LedgerError::Rewritten { size });
            }
        }
        store.clear()?;
        let writer = TileWriter::new();
        Ok(Self { store, signers, journal, writer, pending: Vec::new(), published })
    }

    /// Entries that the published checkpoint covers; fewer than the tree holds where publishing
    /// failed.
    pub(super) fn covered(&self) -> u64 {
        self.published.as_ref().map_or(0, |published| published.checkpoint.size())
    }

    /// Entries that the tree holds.
    pub(super) fn size(&self) -> u64 {
        self.writer.size()
    }

    /// Root of the tree.
    pub(super) fn root(&self) -> Hash {
        self.writer.root()
    }

    /// The journal that is followed.
    pub(super) fn journal(&self) -> &Reader {
        &self.journal
    }

    /// The checkpoint that was published last, if any was.
    pub(super) fn published(&self) -> Option<Arc<Published>> {
        self.published.clone()
    }

    /// As [`Self::grow`]; then signs and publishes a checkpoint over the tree, unless the last
    /// one says the same.
    pub(super) fn advance(&mut self) -> Result<Arc<Published>, LedgerError> {
        self.grow()?;
        if let Some(last) = &self.published
            && last.checkpoint.size() >= self.size()
        {
            return Ok(Arc::clone(last));
        }
        let published = Arc::new(signed(&self.signers, self.size(), self.writer.root())?);
        self.store.publish(self.size(), &published.note)?;
        self.published = Some(Arc::clone(&published));
        Ok(published)
    }

    /// Takes in all that is durable and writes the files; signs nothing. May be called again
    /// after an error that [was of space](LedgerError::is_full).
    pub(super) fn grow(&mut self) -> Result<(), LedgerError> {
        for entry in self.journal.entries(self.size()..u64::MAX) {
            self.writer.push(&leaf(&entry?))?;
            if self.size().is_multiple_of(CHUNK) {
                self.write()?;
            }
        }
        self.write()
    }

    fn write(&mut self) -> Result<(), LedgerError> {
        self.pending.extend(self.writer.take());
        self.store.write(&self.pending)?;
        self.pending.clear();
        Ok(())
    }
}

/// The checkpoint over a tree, signed.
pub(super) fn signed(signers: &Signers, size: u64, root: Hash) -> Result<Published, LedgerError> {
    let checkpoint = Checkpoint::new(signers.origin(), size, root)?;
    let note = signers.sign(&checkpoint)?;
    Ok(Published { checkpoint, note })
}

/// What the checkpoint on the disk says, which must be this log's.
pub(super) fn last_published(
    store: &Store,
    known: &Known,
) -> Result<Option<Published>, LedgerError> {
    let Some(note) = store.published()? else { return Ok(None) };
    let checkpoint = known.open(&note).map_err(|error| LedgerDamage {
        file: store.checkpoint_place(),
        what: Flaw::Checkpoint(error),
    })?;
    Ok(Some(Published { checkpoint, note }))
}

/// As [`last_published`]; it must be within the journal, too.
fn within(
    store: &Store,
    known: &Known,
    journal: &Reader,
) -> Result<Option<Arc<Published>>, LedgerError> {
    let Some(published) = last_published(store, known)? else { return Ok(None) };
    let (journal, checkpoint) = (journal.size(), published.checkpoint.size());
    if checkpoint > journal {
        return Err(LedgerError::Behind { journal, checkpoint });
    }
    Ok(Some(Arc::new(published)))
}

/// A writer that goes on from the tiles there are; or why they cannot be used. Files that are
/// full are looked for, not read: `verify` reads everything.
fn resume(
    store: &Store,
    checkpoint: &Checkpoint,
    journal: &Reader,
) -> Result<Result<TileWriter, String>, LedgerError> {
    let size = checkpoint.size();
    if let Some(missing) = tiles(size).find(|path| !store.has(path)) {
        return Ok(Err(format!("{missing} is missing")));
    }
    let read = |path: &TilePath| -> io::Result<Vec<u8>> { store.read(path) };
    let writer = match TileWriter::resume(size, read) {
        Ok(writer) if writer.root() == *checkpoint.root() => writer,
        Ok(_) => return Ok(Err("the tiles do not give the published root".to_owned())),
        Err(error) => return Ok(Err(error.to_string())),
    };
    let Some(last) = tiles(size).filter(|path| path.kind() == Kind::Entries).last() else {
        return Ok(Ok(writer));
    };
    let mut bundle = Vec::new();
    for entry in journal.entries(last.index() * TILE_WIDTH..size) {
        bundle::append(&mut bundle, &leaf(&entry?))?;
    }
    Ok(match store.read(&last) {
        Ok(found) if found == bundle => Ok(writer),
        _ => Err(format!("{last} is not what the journal gives")),
    })
}
