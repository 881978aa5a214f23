//! Tiles, bundles and the checkpoint as files. Each is written beside its place, synced, and
//! renamed into it, so that whoever reads finds whole files only.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use birge_proto::tlog::{
    hash::HASH_BYTES,
    tile::{Kind, TilePath},
    writer,
};

use super::error::LedgerError;

/// End of the name of a file that is being written.
const UNFINISHED: &str = "tmp";

/// The ledger's folder.
#[derive(Debug, Clone)]
pub(super) struct Store {
    dir: Arc<Path>,
    /// Leaves of the largest checkpoint that was published: no smaller one replaces it.
    largest: Arc<Mutex<u64>>,
}

impl Store {
    pub(super) fn new(dir: &Path) -> Self {
        Self { dir: dir.into(), largest: Arc::default() }
    }

    /// Where the file at `path` lies.
    pub(super) fn place(&self, path: &TilePath) -> PathBuf {
        self.dir.join(path.to_string())
    }

    /// Where the checkpoint lies.
    pub(super) fn checkpoint_place(&self) -> PathBuf {
        self.dir.join("checkpoint")
    }

    /// Whether the file at `path` is there, or the full one that it grew into.
    pub(super) fn has(&self, path: &TilePath) -> bool {
        self.place(path).exists() || self.place(&path.full()).exists()
    }

    /// The bytes of the file at `path`; a partial one may be cut from what it grew into, or
    /// is growing into.
    pub(super) fn read(&self, path: &TilePath) -> io::Result<Vec<u8>> {
        match fs::read(self.place(path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && path.is_partial() => {
                let wider = fs::read(self.place(&path.full())).or_else(|_| self.widest(path))?;
                cut(path, wider).ok_or_else(|| io::ErrorKind::InvalidData.into())
            }
            read => read,
        }
    }

    /// The bytes of the widest partial file at the place of `path` that is wider than it.
    fn widest(&self, path: &TilePath) -> io::Result<Vec<u8>> {
        let place = self.place(path);
        let folder = place.parent().ok_or(io::ErrorKind::NotFound)?;
        let width = |entry: io::Result<fs::DirEntry>| -> Option<u16> {
            entry.ok()?.file_name().to_str()?.parse().ok()
        };
        let widest = fs::read_dir(folder)?.filter_map(width).max();
        let widest =
            widest.filter(|widest| *widest > path.width()).ok_or(io::ErrorKind::NotFound)?;
        fs::read(folder.join(widest.to_string()))
    }

    /// The note that was published last.
    pub(super) fn published(&self) -> Result<Option<Vec<u8>>, LedgerError> {
        let path = self.checkpoint_place();
        match fs::read(&path) {
            Ok(note) => Ok(Some(note)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(LedgerError::io("read", &path)(error)),
        }
    }

    /// Writes `files` so that they last; then removes the partial ones that full ones replace.
    pub(super) fn write(&self, files: &[writer::File]) -> Result<(), LedgerError> {
        let mut changed = BTreeSet::new();
        for (path, bytes) in files {
            self.replace(&self.place(path), bytes, &mut changed)?;
        }
        self.sync(changed)?;
        for (path, _) in files.iter().filter(|(path, _)| !path.is_partial()) {
            let partial = self.place(path).with_extension("p");
            match fs::remove_dir_all(&partial) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(LedgerError::io("remove", &partial)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Publishes `note`, a checkpoint over `size` leaves, so that it lasts; unless a larger one
    /// was published.
    pub(super) fn publish(&self, size: u64, note: &[u8]) -> Result<(), LedgerError> {
        let mut largest = self.largest.lock().unwrap_or_else(PoisonError::into_inner);
        if size < *largest {
            return Ok(());
        }
        let mut changed = BTreeSet::new();
        self.replace(&self.checkpoint_place(), note, &mut changed)?;
        *largest = size;
        self.sync(changed)
    }

    /// Removes all tiles and bundles.
    pub(super) fn clear(&self) -> Result<(), LedgerError> {
        let tiles = self.dir.join("tile");
        match fs::remove_dir_all(&tiles) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(LedgerError::io("remove", &tiles)(error))
            }
            _ => Ok(()),
        }
    }

    /// Everything under `tile`, but for files that are being written: a path where the name is
    /// one that a log has.
    pub(super) fn list(&self) -> Result<Vec<Result<TilePath, PathBuf>>, LedgerError> {
        let (mut found, mut folders) = (Vec::new(), vec![self.dir.join("tile")]);
        while let Some(folder) = folders.pop() {
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                // Partial tiles go away while a gateway runs.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(LedgerError::io("list", &folder)(error)),
            };
            for entry in entries {
                let path = entry.map_err(LedgerError::io("list", &folder))?.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_none_or(|extension| extension != UNFINISHED) {
                    let name = path.strip_prefix(&*self.dir).ok().and_then(Path::to_str);
                    found.push(name.and_then(|name| name.parse().ok()).ok_or(path));
                }
            }
        }
        Ok(found)
    }

    /// Puts `bytes` at `place`; the folders to sync are added to `changed`.
    fn replace(
        &self,
        place: &Path,
        bytes: &[u8],
        changed: &mut BTreeSet<PathBuf>,
    ) -> Result<(), LedgerError> {
        let folder = place.parent().unwrap_or(&self.dir);
        let mut missing = folder;
        while !missing.exists() {
            let Some(parent) = missing.parent() else { break };
            changed.insert(parent.to_owned());
            missing = parent;
        }
        fs::create_dir_all(folder).map_err(LedgerError::io("create", folder))?;
        changed.insert(folder.to_owned());
        let unfinished = place.with_extension(UNFINISHED);
        let write = || {
            let mut file = File::create(&unfinished)?;
            file.write_all(bytes)?;
            Ok(file)
        };
        let file = write().map_err(LedgerError::io("write", place))?;
        file.sync_data().map_err(LedgerError::unsynced(&unfinished))?;
        fs::rename(&unfinished, place).map_err(LedgerError::io("write", place))
    }

    fn sync(&self, folders: BTreeSet<PathBuf>) -> Result<(), LedgerError> {
        for folder in folders {
            // The name of a relative folder's parent is empty.
            let name = if folder.as_os_str().is_empty() { Path::new(".") } else { &folder };
            let synced = File::open(name).and_then(|folder| folder.sync_all());
            synced.map_err(LedgerError::unsynced(name))?;
        }
        Ok(())
    }
}

/// The file at `path`, a narrower one of the same place as `wider`; none where that is not one.
pub(super) fn cut(path: &TilePath, mut wider: Vec<u8>) -> Option<Vec<u8>> {
    let width = usize::from(path.width());
    let length = match path.kind() {
        Kind::Hashes(_) => width * HASH_BYTES,
        Kind::Entries => {
            let mut length = 0;
            for _ in 0..width {
                let entry = wider.get(length..)?.first_chunk()?;
                length += size_of::<u16>() + usize::from(u16::from_be_bytes(*entry));
            }
            length
        }
    };
    (length <= wider.len()).then(|| {
        wider.truncate(length);
        wider
    })
}
