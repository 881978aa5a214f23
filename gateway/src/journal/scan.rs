//! Reading the journal from its start: the chain, the torn tail, damage.
//!
//! A group is appended only after the one before was acknowledged by the disk, so only the very
//! last can be unfinished. It is taken for unfinished
//! - where the file ends before the group does (the process was killed), or
//! - where it does not verify and a whole sector of it reads as zeros (power was lost before
//!   the disk had acknowledged it), with nothing sound after it.
//!
//! Everything else that does not verify is damage: something that was acknowledged is gone.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::Path,
    sync::Arc,
};

use birge_proto::{clock::Timestamp, record::Record};

use tokio::sync::watch;

use super::{
    Hash,
    error::{Damage, JournalError},
    format::{Fault, Group, HEADER, Header, MAGIC, ReadError},
    index::{Index, Place},
    reader::Reader,
    segment,
};

/// The unit in which a disk writes or does not write.
const SECTOR: u64 = 512;

/// Where the journal ends, and with what.
#[derive(Debug, Clone)]
pub(super) struct Tip {
    pub(super) next: u64,
    pub(super) previous: Hash,
    pub(super) time: Timestamp,
}

/// A sound journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// Entries in it.
    pub entries: u64,
    /// Groups in it.
    pub groups: u64,
    /// Hash of the last group, which stands for all before; zeros where there is none.
    pub tip: Hash,
    /// Bytes of a last group that was never finished, or is just being written.
    pub unfinished: u64,
}

/// Checks every byte of the journal in `dir`, bodies too, without opening it; it may be in use.
/// `progress` is told bytes done and bytes in all.
///
/// # Errors
/// The first [`Damage`], or what the file system said.
pub fn verify(dir: &Path, progress: impl FnMut(u64, u64)) -> Result<Verified, JournalError> {
    inspect(dir, true, progress).map(|(verified, _)| verified)
}

/// Checks the journal in `dir` without opening it, with or without its `bodies`, and reads what
/// was there. It may be in use; what is appended meanwhile is not seen.
///
/// # Errors
/// As for [`verify`].
pub fn inspect(
    dir: &Path,
    bodies: bool,
    mut progress: impl FnMut(u64, u64),
) -> Result<(Verified, Reader), JournalError> {
    let (mut scan, index) = (Scan::new(dir, bodies)?, Index::default());
    let (mut groups, mut unfinished) = (0, 0);
    loop {
        match scan.next()? {
            Step::Group(group) => index.push(scan.place(&group)),
            Step::Unfinished { bytes, unwritten: false } => {
                unfinished = bytes;
                break;
            }
            Step::Unfinished { unwritten: true, .. } => {
                return Err(scan.damage(Fault::Unwritten).into());
            }
            Step::End => break,
        }
        groups += 1;
        progress(scan.done + scan.offset, scan.total);
    }
    let verified = Verified { entries: scan.next, groups, tip: scan.previous, unfinished };
    let durable = watch::Sender::new(scan.next).subscribe();
    Ok((verified, Reader::new(Arc::new(index), durable)))
}

/// Reads the journal in `dir`, cuts off an unfinished last group, and says where it ends.
pub(super) fn recover(dir: &Path) -> Result<(Index, Tip), JournalError> {
    let (mut scan, index) = (Scan::new(dir, false)?, Index::default());
    let mut time = Timestamp::MIN;
    loop {
        match scan.next()? {
            Step::Group(group) => {
                if let Some(entry) = group.entries.last() {
                    let record = Record::parse(&entry.record);
                    time = record.map_err(|_| scan.damage(Fault::Record(scan.next - 1)))?.time;
                }
                index.push(scan.place(&group));
            }
            Step::Unfinished { bytes, .. } => {
                let path = &scan.segments[scan.at].path;
                tracing::warn!(segment = %path.display(), offset = scan.offset, bytes,
                    "the last group was never finished: cut off");
                cut(path, scan.offset).map_err(JournalError::io("cut off", path))?;
                break;
            }
            Step::End => break,
        }
    }
    Ok((index, Tip { next: scan.next, previous: scan.previous, time }))
}

fn cut(path: &Path, length: u64) -> io::Result<()> {
    let file = File::options().write(true).open(path)?;
    file.set_len(length)?;
    file.sync_all()
}

struct Segment {
    first: u64,
    path: Arc<Path>,
    length: u64,
}

enum Step {
    Group(Group),
    Unfinished { bytes: u64, unwritten: bool },
    End,
}

struct Scan {
    segments: Vec<Segment>,
    bodies: bool,
    /// The segment being read, its file, and where the next group starts in it.
    at: usize,
    file: Option<BufReader<File>>,
    offset: u64,
    /// Where the group read last started.
    start: u64,
    next: u64,
    previous: Hash,
    done: u64,
    total: u64,
}

impl Scan {
    fn new(dir: &Path, bodies: bool) -> Result<Self, JournalError> {
        let mut segments = Vec::new();
        for (first, path) in segment::list(dir)? {
            let length = path.metadata().map_err(JournalError::io("read", &path))?.len();
            segments.push(Segment { first, path: path.into(), length });
        }
        let total = segments.iter().map(|segment| segment.length).sum();
        let (next, previous) = (0, [0; 32]);
        Ok(Self {
            segments,
            bodies,
            at: 0,
            file: None,
            offset: 0,
            start: 0,
            next,
            previous,
            done: 0,
            total,
        })
    }

    /// The next group, verified.
    fn next(&mut self) -> Result<Step, JournalError> {
        while let Some(segment) = self.segments.get(self.at) {
            if self.offset == 0 && segment.first != self.next {
                return Err(self.damage(Fault::Index(segment.first)).into());
            }
            if self.offset < segment.length {
                return self.group();
            }
            if self.at + 1 == self.segments.len() {
                break;
            }
            self.done += segment.length;
            (self.at, self.offset, self.file) = (self.at + 1, 0, None);
        }
        Ok(Step::End)
    }

    fn group(&mut self) -> Result<Step, JournalError> {
        let path = Arc::clone(&self.segments[self.at].path);
        self.start = self.offset;
        match self.read() {
            Ok(step) => Ok(step),
            Err(ReadError::Io(source)) => Err(JournalError::io("read", &path)(source)),
            Err(ReadError::Fault(fault)) => Err(self.damage(fault).into()),
        }
    }

    fn read(&mut self) -> Result<Step, ReadError> {
        let Segment { path, length, .. } = &self.segments[self.at];
        let (left, last) = (length - self.offset, self.at + 1 == self.segments.len());
        let mut file = match self.file.take() {
            Some(file) => file,
            None => BufReader::with_capacity(1 << 18, File::open(path)?),
        };
        let unfinished = |unwritten| Ok(Step::Unfinished { bytes: left, unwritten });
        if left < HEADER as u64 {
            return if last { unfinished(false) } else { Err(Fault::Incomplete.into()) };
        }
        let mut bytes = [0; HEADER];
        file.read_exact(&mut bytes)?;
        let header = match Header::parse(&bytes) {
            Ok(header) => header,
            Err(_) if last && lost(&mut file, self.offset, HEADER as u64)? => {
                return unfinished(true);
            }
            Err(fault) => return Err(fault.into()),
        };
        if header.first != self.next {
            return Err(Fault::Index(header.first).into());
        }
        if header.previous != self.previous {
            return Err(Fault::Chain.into());
        }
        let size = match header.group() {
            Some(size) if size <= left => size,
            _ if last => return unfinished(false),
            _ => return Err(Fault::Incomplete.into()),
        };
        // Only of the very last group is it not known that its bodies reached the disk.
        let bodies = self.bodies || (last && size == left);
        match Group::read(&header, &mut file, bodies) {
            Ok(group) => {
                self.file = Some(file);
                self.offset += size;
                self.next += u64::from(header.count);
                self.previous = group.hash;
                Ok(Step::Group(group))
            }
            Err(ReadError::Fault(_))
                if last && size == left && lost(&mut file, self.offset, size)? =>
            {
                unfinished(true)
            }
            Err(error) => Err(error),
        }
    }

    fn place(&self, group: &Group) -> Place {
        Place {
            first: self.next - group.entries.len() as u64,
            segment: Arc::clone(&self.segments[self.at].path),
            offset: self.start,
            hash: group.hash,
        }
    }

    fn damage(&self, what: Fault) -> Damage {
        let segment = self.segments[self.at].path.to_path_buf();
        Damage { segment, offset: self.start, index: self.next, what }
    }
}

/// Whether, of the `length` bytes at `offset`, those in some sector are all zeros, and no sound
/// header comes after `offset`.
fn lost(file: &mut BufReader<File>, offset: u64, length: u64) -> io::Result<bool> {
    file.seek(SeekFrom::Start(offset))?;
    let mut rest = Vec::new();
    file.read_to_end(&mut rest)?;
    let sound =
        |at: usize| rest[at..].first_chunk().is_some_and(|header| Header::parse(header).is_ok());
    let followed = rest.windows(MAGIC.len()).enumerate().skip(1);
    if followed.into_iter().any(|(at, window)| window == MAGIC && sound(at)) {
        return Ok(false);
    }
    let group = &rest[..rest.len().min(length as usize)];
    let (head, sectors) = group.split_at(group.len().min((SECTOR - offset % SECTOR) as usize));
    let zeros = |bytes: &[u8]| !bytes.is_empty() && bytes.iter().all(|byte| *byte == 0);
    Ok(zeros(head) || sectors.chunks(SECTOR as usize).any(zeros))
}
