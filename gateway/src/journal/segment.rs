//! Files of groups. A segment is named after the first entry it holds.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use prost::bytes::Bytes;
use rustix::{
    fs::{FallocateFlags, fallocate, statvfs},
    io::Errno,
};

use super::error::JournalError;

/// Room is made in steps of this many bytes, so that not every group has to ask for it.
const STEP: u64 = 8 << 20;

/// The right to be the one process that has the journal open. It ends with the process.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of the journal in `dir`, which is made where it is missing.
    pub(super) fn take(dir: &Path) -> Result<Self, JournalError> {
        fs::create_dir_all(dir).map_err(JournalError::io("create", dir))?;
        let path = dir.join("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(JournalError::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(JournalError::Locked(dir.to_owned())),
            Err(TryLockError::Error(source)) => Err(JournalError::io("lock", &path)(source)),
        }
    }
}

/// Where the segment that starts with entry `first` is kept.
pub(super) fn path(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("{first:020}.journal"))
}

/// The segments of `dir` in order: first entry and file. Other files are left alone.
pub(super) fn list(dir: &Path) -> Result<Vec<(u64, PathBuf)>, JournalError> {
    let mut segments = Vec::new();
    let read = || fs::read_dir(dir)?.collect::<io::Result<Vec<_>>>();
    for file in read().map_err(JournalError::io("list", dir))? {
        let name = file.file_name();
        let first = name.to_str().and_then(|name| name.strip_suffix(".journal"));
        if let Some(first) = first.and_then(|first| first.parse().ok()) {
            segments.push((first, path(dir, first)));
        }
    }
    segments.sort_unstable();
    Ok(segments)
}

/// Bytes that are free on the disk of `dir`.
pub(super) fn free(dir: &Path) -> io::Result<u64> {
    let stat = statvfs(dir)?;
    Ok(stat.f_frsize.saturating_mul(stat.f_bavail))
}

/// Makes what was created or renamed in `dir` last.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Why no room could be made.
#[derive(Debug)]
pub(super) enum NoRoom {
    /// The disk or the quota is full; nothing was changed.
    Full,
    /// Something worse.
    Failed(JournalError),
}

impl NoRoom {
    pub(super) fn from_error(act: &'static str, path: &Path, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::Full,
            _ => Self::Failed(JournalError::io(act, path)(error)),
        }
    }
}

/// The last segment, open for appending.
#[derive(Debug)]
pub(super) struct Tail {
    path: Arc<Path>,
    file: Arc<File>,
    length: u64,
    allocated: u64,
}

impl Tail {
    /// Opens the last segment of `dir`, or makes one that starts with entry `next`.
    pub(super) fn open(dir: &Path, next: u64) -> Result<Self, JournalError> {
        let path = list(dir)?.pop().map_or_else(|| path(dir, next), |(_, path)| path);
        let tail = Self::open_file(&path).map_err(JournalError::io("open", &path))?;
        sync_dir(dir).map_err(JournalError::io("sync", dir))?;
        Ok(tail)
    }

    /// Opens a new segment in `dir` for the entries from `next` on.
    pub(super) fn create(dir: &Path, next: u64) -> Result<Self, NoRoom> {
        let path = path(dir, next);
        let tail =
            Self::open_file(&path).map_err(|error| NoRoom::from_error("create", &path, error))?;
        // Whatever the cause: what reached the disk is not known.
        sync_dir(dir).map_err(|error| NoRoom::Failed(JournalError::io("sync", dir)(error)))?;
        Ok(tail)
    }

    fn open_file(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        let length = file.metadata()?.len();
        Ok(Self { path: path.into(), file: Arc::new(file), length, allocated: length })
    }

    /// Bytes in it once all that was assigned is written: where the next group starts.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Assigns the next `bytes` of the segment to a group.
    pub(super) fn assign(&mut self, bytes: u64) -> Slot {
        let offset = self.length;
        self.length += bytes;
        Slot { path: Arc::clone(&self.path), file: Arc::clone(&self.file), offset }
    }

    /// Its file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes room on the disk for `bytes` more, beyond the file's end, so that its length stays
    /// what was written. A file system that cannot do so is taken at its word when it writes.
    pub(super) fn reserve(&mut self, bytes: u64) -> Result<(), NoRoom> {
        let needed = self.length.saturating_add(bytes);
        if needed <= self.allocated {
            return Ok(());
        }
        let generous = needed.saturating_add(STEP);
        match self.allocate(generous).or_else(|_| self.allocate(needed)) {
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
            Err(errno) => Err(NoRoom::from_error("make room in", &self.path, errno.into())),
        }
    }

    fn allocate(&mut self, to: u64) -> Result<(), Errno> {
        fallocate(&self.file, FallocateFlags::KEEP_SIZE, self.length, to - self.length)?;
        self.allocated = to;
        Ok(())
    }

    /// Gives back the room that was not used. All that was assigned must have been written.
    pub(super) fn trim(&self) {
        // Only disk space is lost where this fails.
        let _ = self.file.set_len(self.length);
    }
}

/// Where in a segment a group is to be written.
#[derive(Debug)]
pub(super) struct Slot {
    /// The segment's file.
    pub(super) path: Arc<Path>,
    file: Arc<File>,
    /// Byte at which the group starts.
    pub(super) offset: u64,
}

impl Slot {
    /// Writes `parts` and waits until they are on the disk. After an error nothing may be
    /// written any more: what reached the disk is not known.
    pub(super) fn write(&self, parts: &[Bytes]) -> Result<(), JournalError> {
        let mut at = self.offset;
        let mut write = || {
            for part in parts {
                self.file.write_all_at(part, at)?;
                at += part.len() as u64;
            }
            self.file.sync_data()
        };
        write().map_err(JournalError::io("append to", &self.path))
    }
}
