//! Names of persons, kept apart from the records so that they can be erased.
//!
//! A record holds what commits to a name; the name and its opening stand in a file beside the
//! segment that holds the record, a line of JSON for each. A line is on the disk before its
//! record is, and is checked against the record whenever it is read, so it needs no chain.
//!
//! Source: decree, article 9(4).

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{self, Write},
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use birge_proto::record::{Opening, Record};
use rustix::{
    fs::{FallocateFlags, fallocate},
    io::Errno,
};
use serde::{Deserialize, Serialize};

use super::{
    error::{Damage, JournalError},
    format::Fault,
    segment::{self, NoRoom, sync_dir},
};
use crate::whole_file;

/// A person named in a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// In which capacity: `officer`.
    pub capacity: String,
    /// The name.
    pub name: String,
    /// What opens the record's commitment to it.
    pub opening: Opening,
}

/// A name as it is kept.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    index: u64,
    capacity: String,
    name: String,
    /// In hex.
    opening: String,
}

/// The names in some records, as they are kept; [`Names::of`] checks them.
#[derive(Debug, Default)]
pub struct Names(BTreeMap<u64, Vec<Kept>>);

#[derive(Debug)]
struct Kept {
    file: Arc<Path>,
    /// Byte at which its line starts.
    offset: u64,
    name: Name,
}

impl Names {
    /// The names in `record`, which is that of entry `index`; those that were erased are missing.
    ///
    /// # Errors
    /// When one is not what the record commits to.
    pub fn of(&self, index: u64, record: &Record) -> Result<Vec<Name>, JournalError> {
        let kept = self.0.get(&index).into_iter().flatten();
        kept.map(|Kept { file, offset, name }| {
            if record.names(&name.capacity, &name.name, &name.opening) {
                return Ok(name.clone());
            }
            Err(damage(file, *offset, index).into())
        })
        .collect()
    }

    /// Indices of the records that have names.
    pub fn indices(&self) -> impl Iterator<Item = u64> {
        self.0.keys().copied()
    }

    /// Adds those of `range` in the file beside `segment`.
    pub(super) fn read(&mut self, segment: &Path, range: &Range<u64>) -> Result<(), JournalError> {
        let file: Arc<Path> = path(segment).into();
        for (offset, line) in lines(&file)? {
            // Only the last has no end: it is just being written.
            let Some(line) = line else { break };
            let Some((index, name)) = parse(&line) else {
                return Err(damage(&file, offset, range.start).into());
            };
            if range.contains(&index) {
                let kept = Kept { file: Arc::clone(&file), offset, name };
                self.0.entry(index).or_default().push(kept);
            }
        }
        Ok(())
    }
}

fn damage(file: &Path, offset: u64, index: u64) -> Damage {
    Damage { segment: file.to_owned(), offset, index, what: Fault::Name(index) }
}

/// Where the names of the records in `segment` are kept.
fn path(segment: &Path) -> PathBuf {
    segment.with_extension("names")
}

/// Appends the line for a name in entry `index`.
pub(super) fn push(lines: &mut Vec<u8>, index: u64, name: Name) -> serde_json::Result<()> {
    let Name { capacity, name, opening } = name;
    let line = Line { index, capacity, name, opening: hex::encode(opening.0) };
    serde_json::to_writer(&mut *lines, &line)?;
    lines.push(b'\n');
    Ok(())
}

/// Makes room on the disk for `bytes` more beside `segment`, so that a full disk is known before
/// anything is sequenced. A file system that cannot do so is taken at its word when it writes.
pub(super) fn reserve(segment: &Path, bytes: u64) -> Result<(), NoRoom> {
    let path = path(segment);
    let refused = |error| NoRoom::from_error("make room in", &path, error);
    let file = OpenOptions::new().create(true).append(true).open(&path).map_err(refused)?;
    let length = file.metadata().map_err(refused)?.len();
    match fallocate(&file, FallocateFlags::KEEP_SIZE, length, bytes) {
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        Err(errno) => Err(refused(errno.into())),
    }
}

/// Appends `lines` to the file beside `segment` and waits until they are on the disk.
pub(super) fn append(segment: &Path, lines: &[u8]) -> Result<(), JournalError> {
    let path = path(segment);
    let write = || {
        let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
        let new = file.metadata()?.len() == 0;
        file.write_all(lines)?;
        file.sync_data()?;
        if new { sync_folder(&path) } else { Ok(()) }
    };
    write().map_err(JournalError::io("append to", &path))
}

/// Cuts off what was written for entries from `next` on, whose group was never finished, and a
/// line that was not finished itself.
pub(super) fn recover(segment: &Path, next: u64) -> Result<(), JournalError> {
    let path = path(segment);
    let lines = lines(&path)?;
    let sound = |line: &Option<Vec<u8>>| {
        line.as_deref().and_then(parse).is_some_and(|(index, _)| index < next)
    };
    let Some((offset, _)) = lines.iter().find(|(_, line)| !sound(line)) else { return Ok(()) };
    if lines.iter().any(|(at, line)| at > offset && sound(line)) {
        return Err(damage(&path, *offset, next).into());
    }
    tracing::warn!(file = %path.display(), offset, "names of a group never finished: cut off");
    let cut = || {
        let file = OpenOptions::new().write(true).open(&path)?;
        file.set_len(*offset)?;
        file.sync_all()
    };
    cut().map_err(JournalError::io("cut off", &path))
}

/// Writes the files of `dir` anew without the names in entries that are to be `erased`.
pub(super) fn erase(dir: &Path, erased: impl Fn(u64) -> bool) -> Result<(), JournalError> {
    for (first, segment) in segment::list(dir)? {
        let path = path(&segment);
        let (mut kept, mut any) = (Vec::new(), false);
        for (offset, line) in lines(&path)? {
            match line.as_deref().and_then(parse) {
                Some((index, _)) if erased(index) => any = true,
                Some(_) => {
                    kept.extend(line.into_iter().flatten());
                    kept.push(b'\n');
                }
                None => return Err(damage(&path, offset, first).into()),
            }
        }
        if any {
            whole_file::replace(&path, &kept).map_err(JournalError::io("write", &path))?;
        }
    }
    Ok(())
}

fn sync_folder(path: &Path) -> io::Result<()> {
    sync_dir(path.parent().unwrap_or(Path::new(".")))
}

/// Where a line starts, and what it holds, where it is whole.
type Found = (u64, Option<Vec<u8>>);

/// The lines of a file, each with the byte at which it starts; one without an end is none.
fn lines(path: &Path) -> Result<Vec<Found>, JournalError> {
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.map_err(JournalError::io("read", path))?,
    };
    let mut offset = 0;
    let line = |line: &[u8]| {
        let start = offset;
        offset += line.len() as u64;
        (start, line.strip_suffix(b"\n").map(<[u8]>::to_vec))
    };
    Ok(bytes.split_inclusive(|byte| *byte == b'\n').map(line).collect())
}

fn parse(line: &[u8]) -> Option<(u64, Name)> {
    let Line { index, capacity, name, opening } = serde_json::from_slice(line).ok()?;
    let opening = Opening::from_bytes(&hex::decode(opening).ok()?)?;
    Some((index, Name { capacity, name, opening }))
}
