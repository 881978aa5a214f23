//! Every file of the ledger compared with the journal.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
};

use birge_proto::tlog::{
    Hash,
    checkpoint::Checkpoint,
    tile::{Kind, TilePath, tiles},
    writer::{File, TileWriter},
};

use super::{
    error::{Flaw, LedgerDamage, LedgerError},
    signers::Signers,
    state::leaf,
    store::{Store, cut},
};
use crate::journal::Reader;

/// Entries after which files are compared.
const CHUNK: u64 = 1 << 14;

/// The ledger's files, found and not compared yet.
#[derive(Debug)]
pub struct Listed {
    note: Vec<u8>,
    found: Found,
}

/// A sound ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// What was published last.
    pub checkpoint: Checkpoint,
    /// Files compared, partial ones too.
    pub files: u64,
    /// Entries in the journal, which may be more than the checkpoint covers.
    pub entries: u64,
    /// Root of the tree of all of them.
    pub root: Hash,
}

/// Which files there are, and the checkpoint among them. The gateway may be running: a journal
/// that is opened after this holds all that they are made of.
///
/// # Errors
/// When there is no checkpoint, a file that no log has, or what the file system said.
pub fn list(dir: &Path) -> Result<Listed, LedgerError> {
    let store = Store::new(dir);
    let missing = || LedgerDamage { file: store.checkpoint_place(), what: Flaw::Missing };
    let note = store.published()?.ok_or_else(missing)?;
    let found = Found::list(&store)?;
    Ok(Listed { note, found })
}

/// Recomputes the whole log from the journal and compares every byte of every tile and bundle,
/// and the root under the checkpoint's signature, which must be by one of `signers`.
/// `progress` is told entries done and entries in all.
///
/// # Errors
/// The first file that is not what it should be, damage to the journal, or what the file system
/// said.
pub fn verify(
    listed: Listed,
    signers: &Signers,
    journal: &Reader,
    mut progress: impl FnMut(u64, u64),
) -> Result<Verified, LedgerError> {
    let Listed { note, mut found } = listed;
    let store = found.store.clone();
    let checkpoint = signers.known().open(&note).map_err(|error| LedgerDamage {
        file: store.checkpoint_place(),
        what: Flaw::Checkpoint(error),
    })?;
    found.require(checkpoint.size())?;

    let (mut writer, mut root) = (TileWriter::new(), TileWriter::new().root());
    let mut frozen = signers.known().frozen().iter().map(|last| &last.checkpoint).peekable();
    for entry in journal.entries(0..u64::MAX) {
        if writer.size() == checkpoint.size() {
            root = writer.root();
        }
        if let Some(last) = frozen.next_if(|last| last.size() == writer.size())
            && *last.root() != writer.root()
        {
            return Err(LedgerError::Rewritten { size: last.size() });
        }
        writer.push(&leaf(&entry?))?;
        if writer.size().is_multiple_of(CHUNK) {
            found.compare(writer.take())?;
            progress(writer.size(), journal.size());
        }
    }
    if writer.size() == checkpoint.size() {
        root = writer.root();
    }
    found.compare(writer.take())?;
    if let Some(path) = found.rest() {
        return Err(damage(&store, &path, Flaw::Beyond));
    }
    if writer.size() < checkpoint.size() || root != *checkpoint.root() {
        return Err(LedgerDamage { file: store.checkpoint_place(), what: Flaw::Root }.into());
    }
    Ok(Verified { checkpoint, files: found.compared, entries: writer.size(), root: writer.root() })
}

fn damage(store: &Store, path: &TilePath, what: Flaw) -> LedgerError {
    LedgerDamage { file: store.place(path), what }.into()
}

/// Files that were found and are still to be compared.
#[derive(Debug)]
struct Found {
    store: Store,
    /// Widths, by kind and number.
    widths: BTreeMap<(Kind, u64), BTreeSet<u16>>,
    compared: u64,
}

impl Found {
    fn list(store: &Store) -> Result<Self, LedgerError> {
        let mut widths: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for path in store.list()? {
            let path = path.map_err(|file| LedgerDamage { file, what: Flaw::Unknown })?;
            widths.entry((path.kind(), path.index())).or_default().insert(path.width());
        }
        Ok(Self { store: store.clone(), widths, compared: 0 })
    }

    /// Every file of a tree of `size` leaves must be there, or the full one that it grew into.
    fn require(&self, size: u64) -> Result<(), LedgerError> {
        let missing = tiles(size).find(|path| {
            let widths = self.widths.get(&(path.kind(), path.index()));
            widths.is_none_or(|widths| {
                !widths.contains(&path.width()) && !widths.contains(&path.full().width())
            })
        });
        missing.map_or(Ok(()), |path| Err(damage(&self.store, &path, Flaw::Missing)))
    }

    /// Compares what was found with `files`, which the journal gives, and with what they were
    /// before they grew as wide.
    fn compare(&mut self, files: Vec<File>) -> Result<(), LedgerError> {
        for (path, bytes) in files {
            let place = (path.kind(), path.index());
            let Some(widths) = self.widths.get_mut(&place) else { continue };
            let wider = widths.split_off(&(path.width() + 1));
            let widths = std::mem::replace(widths, wider);
            for width in widths {
                let Ok(narrow) = TilePath::new(path.kind(), path.index(), width) else { continue };
                self.compare_one(&narrow, cut(&narrow, bytes.clone()).as_deref())?;
            }
        }
        Ok(())
    }

    fn compare_one(&mut self, path: &TilePath, expected: Option<&[u8]>) -> Result<(), LedgerError> {
        let place = self.store.place(path);
        match fs::read(&place) {
            Ok(bytes) if Some(&bytes[..]) == expected => self.compared += 1,
            Ok(_) => return Err(damage(&self.store, path, Flaw::Different)),
            // A running gateway removes partial files once the full one is there.
            Err(error)
                if error.kind() == io::ErrorKind::NotFound
                    && path.is_partial()
                    && self.store.has(path) => {}
            Err(error) => return Err(LedgerError::io("read", &place)(error)),
        }
        Ok(())
    }

    /// A file that the journal gives nothing to compare with.
    fn rest(&self) -> Option<TilePath> {
        self.widths
            .iter()
            .find_map(|((kind, index), widths)| TilePath::new(*kind, *index, *widths.first()?).ok())
    }
}
