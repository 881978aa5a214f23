//! Tiles and bundles, made out of entries as they are appended.

use std::{collections::BTreeMap, mem};

use super::{
    bundle::{self, BundleError},
    frontier::Frontier,
    hash::{HASH_BYTES, Hash, leaf},
    reader::{ReadError, TileReader},
    tile::{Kind, LEVELS_PER_TILE, MAX_LEVEL, TILE_WIDTH, TilePath, count, open},
};

/// A file of the log: its path and its bytes.
pub type File = (TilePath, Vec<u8>);

/// Appends entries to a tree and hands out the files that have to be written for it.
///
/// It holds the right edge of the tree (the frontier, the open bundle, the open tile of each
/// level: some 60 kB) and the files finished since they were last taken.
#[derive(Debug, Clone, Default)]
pub struct TileWriter {
    frontier: Frontier,
    /// Size of the tree when files were last taken.
    taken: u64,
    /// Bytes of the file of each kind that is not full.
    open: BTreeMap<Kind, Vec<u8>>,
    finished: Vec<File>,
}

impl TileWriter {
    /// A writer of a new tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A writer of the tree of `size` leaves whose partial files `fetch` brings. Compare its
    /// [root](Self::root) with that of the last checkpoint: the hashes are believed.
    ///
    /// # Errors
    /// When a file cannot be fetched, does not hold what its path says, or the entries of the
    /// open bundle are not those that the open tile was made of.
    pub fn resume<E: std::error::Error + 'static>(
        size: u64,
        fetch: impl Fn(&TilePath) -> Result<Vec<u8>, E>,
    ) -> Result<Self, ResumeError<E>> {
        let reader = TileReader::new(size, &fetch);
        let frontier = Frontier::load(size, &reader)?;
        let mut files = BTreeMap::new();
        let mut leaves = Vec::new();
        for path in open(size) {
            let bytes = match path.kind() {
                Kind::Entries => {
                    let bytes = fetch(&path).map_err(ReadError::Fetch)?;
                    let entries = bundle::decode(&bytes, path.width())
                        .map_err(|error| ResumeError::Bundle { path, error })?;
                    leaves.extend(entries.into_iter().flat_map(leaf));
                    bytes
                }
                Kind::Hashes(_) => reader.tile(&path)?,
            };
            if path.kind() == Kind::Hashes(0) && bytes != leaves {
                return Err(ResumeError::Entries { path });
            }
            files.insert(path.kind(), bytes);
        }
        Ok(Self { frontier, taken: size, open: files, finished: Vec::new() })
    }

    /// Number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Root of the tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// Appends `entry`.
    ///
    /// # Errors
    /// When the entry is too long for a bundle; nothing is appended then.
    pub fn push(&mut self, entry: &[u8]) -> Result<(), BundleError> {
        let Self { frontier, open, finished, .. } = self;
        let size = frontier.size();
        bundle::append(open.entry(Kind::Entries).or_default(), entry)?;
        finish(Kind::Entries, size, open, finished);
        frontier.push_with(leaf(entry), |level, index, hash| {
            if level % LEVELS_PER_TILE == 0 && level / LEVELS_PER_TILE <= MAX_LEVEL {
                let kind = Kind::Hashes(level / LEVELS_PER_TILE);
                let tile = open.entry(kind).or_insert_with(|| Vec::with_capacity(TILE_BYTES));
                tile.extend_from_slice(hash);
                finish(kind, index, open, finished);
            }
        });
        Ok(())
    }

    /// The files of this tree that differ from those last taken: full ones, each once, and the
    /// partial ones as they stand. A tree that grows by much should be taken from in between.
    #[must_use]
    pub fn take(&mut self) -> Vec<File> {
        let new = self.size();
        let old = mem::replace(&mut self.taken, new);
        let mut files = mem::take(&mut self.finished);
        let grown = open(new).filter(|path| count(path.kind(), old) < count(path.kind(), new));
        files.extend(grown.filter_map(|path| Some((path, self.open.get(&path.kind())?.clone()))));
        files
    }
}

const TILE_BYTES: usize = TILE_WIDTH as usize * HASH_BYTES;

/// Closes the open file of `kind` if what came last, number `index` of its kind, made it full.
fn finish(kind: Kind, index: u64, open: &mut BTreeMap<Kind, Vec<u8>>, finished: &mut Vec<File>) {
    if index % TILE_WIDTH != TILE_WIDTH - 1 {
        return;
    }
    let path = TilePath::new(kind, index / TILE_WIDTH, TILE_WIDTH as u16);
    finished.extend(path.ok().zip(open.remove(&kind)));
}

/// Why a writer cannot go on from the files there are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResumeError<E: std::error::Error + 'static> {
    /// A file cannot be read, or a tile has another length than its path says.
    #[error(transparent)]
    Read(#[from] ReadError<E>),
    /// The open bundle does not hold what its path says.
    #[error("{path}: {error}")]
    Bundle {
        /// Which bundle.
        path: TilePath,
        /// What is wrong with it.
        error: BundleError,
    },
    /// The open bundle and the open tile over it do not belong together.
    #[error("{path} is not made of the entries in the bundle below it: write both anew")]
    Entries {
        /// Which tile.
        path: TilePath,
    },
}

#[cfg(test)]
mod tests {
    use std::{
        cell::RefCell,
        collections::{BTreeSet, HashMap},
    };

    use proptest::prelude::*;

    use super::*;
    use crate::tlog::{
        oracles::{SIZES, Stored, entry},
        tile::{changed, tiles},
    };

    #[derive(Debug, PartialEq, thiserror::Error)]
    #[error("there is no {0}")]
    struct Missing(TilePath);

    #[derive(Default)]
    struct Disk(RefCell<HashMap<TilePath, Vec<u8>>>);

    impl Disk {
        fn write(&self, files: Vec<File>) -> BTreeSet<TilePath> {
            let paths = files.iter().map(|(path, _)| *path).collect();
            self.0.borrow_mut().extend(files);
            paths
        }

        fn read(&self, path: &TilePath) -> Result<Vec<u8>, Missing> {
            self.0.borrow().get(path).cloned().ok_or(Missing(*path))
        }
    }

    fn grow(writer: &mut TileWriter, to: u64) {
        (writer.size()..to).for_each(|index| writer.push(&entry(index)).unwrap());
    }

    #[test]
    fn every_file_is_written_once_and_holds_what_it_should() {
        let stored = Stored::of(70_000);
        let disk = Disk::default();
        let mut writer = TileWriter::new();
        for size in SIZES {
            let before = writer.size();
            grow(&mut writer, size);
            assert_eq!(disk.write(writer.take()), changed(before, size).collect(), "{size}");
            assert_eq!(writer.root(), stored.oracle_root(size), "{size} leaves");
            assert!(writer.take().is_empty());

            let resumed = TileWriter::resume(size, |path| disk.read(path)).unwrap();
            assert_eq!((resumed.root(), &resumed.open), (writer.root(), &writer.open));
        }
        for path in tiles(70_000) {
            let found = disk.read(&path).unwrap();
            if path.kind() == Kind::Entries {
                let first = path.index() * TILE_WIDTH;
                let expected: Vec<_> =
                    (first..first + u64::from(path.width())).map(entry).collect();
                assert_eq!(bundle::decode(&found, path.width()).unwrap(), expected);
            } else {
                assert_eq!(found, stored.tile(&path), "{path}");
            }
        }
    }

    #[test]
    fn an_entry_too_long_changes_nothing() {
        let mut writer = TileWriter::new();
        grow(&mut writer, 3);
        let mut before = writer.clone();
        assert!(writer.push(&vec![0; bundle::ENTRY_BYTES + 1]).is_err());
        assert_eq!((writer.root(), writer.take()), (before.root(), before.take()));
    }

    #[test]
    fn files_that_do_not_belong_together_are_refused() {
        let disk = Disk::default();
        let mut writer = TileWriter::new();
        grow(&mut writer, 300);
        disk.write(writer.take());
        let resume = || TileWriter::resume(300, |path| disk.read(path)).map(|writer| writer.root());
        assert_eq!(resume(), Ok(writer.root()));

        let bundle: TilePath = "tile/entries/001.p/44".parse().unwrap();
        let tile: TilePath = "tile/0/001.p/44".parse().unwrap();
        disk.0.borrow_mut().get_mut(&bundle).unwrap()[5] ^= 1;
        assert_eq!(resume(), Err(ResumeError::Entries { path: tile }));
        disk.0.borrow_mut().get_mut(&bundle).unwrap().pop();
        assert!(matches!(resume(), Err(ResumeError::Bundle { .. })));
        disk.0.borrow_mut().remove(&bundle);
        assert_eq!(resume(), Err(ResumeError::Read(ReadError::Fetch(Missing(bundle)))));
    }

    proptest! {
        #[test]
        fn a_writer_goes_on_where_it_stopped(stops in proptest::collection::vec(0u64..700, 1..6)) {
            let disk = Disk::default();
            let mut size = 0;
            for more in stops {
                let mut writer = TileWriter::resume(size, |path| disk.read(path)).unwrap();
                let before = size;
                size += more;
                grow(&mut writer, size);
                prop_assert_eq!(disk.write(writer.take()), changed(before, size).collect());
                prop_assert_eq!(writer.root(), Stored::of(size).oracle_root(size));
            }
        }
    }
}
