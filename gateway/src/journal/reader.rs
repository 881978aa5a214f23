//! Entries, each group verified again when it is read.

use std::{
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom},
    ops::Range,
    os::unix::fs::FileExt,
    path::Path,
    sync::Arc,
    vec,
};

use birge_proto::record::Opening;
use prost::bytes::Bytes;
use tokio::sync::watch;

use super::{
    Hash,
    body::Body,
    error::{Damage, JournalError},
    format::{Fault, Group, HEADER, Header, ReadError},
    index::{Index, Place},
    names::Names,
};

/// Bytes of one part of a body that is read.
const PART: u64 = 8 << 20;

/// Reads durable entries. Its functions wait for the disk: call them where one may block.
#[derive(Debug, Clone)]
pub struct Reader {
    index: Arc<Index>,
    durable: watch::Receiver<u64>,
}

/// An entry, verified; its body is still on the disk.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Where it stands in the journal and in the log.
    pub index: u64,
    /// What opens its commitment.
    pub opening: Opening,
    /// Canonical bytes of its record.
    pub record: Bytes,
    /// What goes with it.
    pub body: Option<StoredBody>,
}

/// A body on the disk.
#[derive(Debug, Clone)]
pub struct StoredBody {
    /// Bytes of it.
    pub length: u64,
    /// Its SHA-256.
    pub digest: Hash,
    place: Place,
    offset: u64,
    index: u64,
}

impl StoredBody {
    /// Reads the body and verifies it.
    ///
    /// # Errors
    /// When it is not what was written, or the disk fails.
    pub fn read(&self) -> Result<Body, JournalError> {
        let path = &self.place.segment;
        let file = File::open(path).map_err(JournalError::io("open", path))?;
        let mut parts = Vec::new();
        let mut done = 0;
        while done < self.length {
            let mut part = vec![0; (self.length - done).min(PART) as usize];
            file.read_exact_at(&mut part, self.offset + done)
                .map_err(JournalError::io("read", path))?;
            done += part.len() as u64;
            parts.push(Bytes::from(part));
        }
        let body = Body::new(parts);
        if body.digest() == self.digest {
            Ok(body)
        } else {
            Err(damage(&self.place, Fault::Body(self.index)).into())
        }
    }
}

impl Reader {
    pub(super) fn new(index: Arc<Index>, durable: watch::Receiver<u64>) -> Self {
        Self { index, durable }
    }

    /// Number of durable entries, as it grows. It is closed when the writer has stopped.
    #[must_use]
    pub fn durable(&self) -> watch::Receiver<u64> {
        self.durable.clone()
    }

    /// Number of durable entries now.
    #[must_use]
    pub fn size(&self) -> u64 {
        *self.durable.borrow()
    }

    /// Entry `index`, where there is one.
    ///
    /// # Errors
    /// When its group is not what was written, or the disk fails.
    pub fn entry(&self, index: u64) -> Result<Option<Entry>, JournalError> {
        self.entries(index..index.saturating_add(1)).next().transpose()
    }

    /// The persons named in the entries of `range` that there are.
    ///
    /// # Errors
    /// When what is kept is not what was written, or the disk fails.
    pub fn names(&self, range: Range<u64>) -> Result<Names, JournalError> {
        let range = range.start..range.end.min(self.size());
        let mut names = Names::default();
        for segment in self.index.segments(&range) {
            names.read(&segment, &range)?;
        }
        Ok(names)
    }

    /// The entries of `range` that there are, in order. After an error there are no more.
    #[must_use]
    pub fn entries(&self, range: Range<u64>) -> Entries {
        let until = range.end.min(self.size());
        let index = Arc::clone(&self.index);
        Entries { index, next: range.start, until, group: Vec::new().into_iter(), file: None }
    }
}

/// Entries in order; see [`Reader::entries`].
#[derive(Debug)]
pub struct Entries {
    index: Arc<Index>,
    next: u64,
    until: u64,
    group: vec::IntoIter<Entry>,
    file: Option<(Arc<Path>, BufReader<File>)>,
}

impl Iterator for Entries {
    type Item = Result<Entry, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.until {
            return None;
        }
        if self.group.len() == 0 {
            match self.load() {
                Ok(group) => self.group = group.into_iter(),
                Err(error) => {
                    self.until = self.next;
                    return Some(Err(error));
                }
            }
        }
        let entry = self.group.next()?;
        self.next = entry.index + 1;
        Some(Ok(entry))
    }
}

impl Entries {
    /// Reads and verifies the group that holds the next entry; its entries from that one on.
    fn load(&mut self) -> Result<Vec<Entry>, JournalError> {
        let Some(place) = self.index.find(self.next) else { return Ok(Vec::new()) };
        let (group, bodies) = self.read(&place).map_err(|error| match error {
            ReadError::Io(source) => JournalError::io("read", &place.segment)(source),
            ReadError::Fault(fault) => damage(&place, fault).into(),
        })?;
        if group.hash != place.hash {
            return Err(damage(&place, Fault::Entries).into());
        }
        let mut offset = bodies;
        let mut entries = Vec::with_capacity(group.entries.len());
        for (index, raw) in (place.first..).zip(group.entries) {
            let body = raw.body.map(|(length, digest)| {
                let body = StoredBody { length, digest, place: place.clone(), offset, index };
                offset += length;
                body
            });
            if index >= self.next {
                entries.push(Entry { index, opening: raw.opening, record: raw.record, body });
            }
        }
        Ok(entries)
    }

    /// The group at `place`, and where its bodies start.
    fn read(&mut self, place: &Place) -> Result<(Group, u64), ReadError> {
        let mut file = match self.file.take() {
            Some((segment, file)) if segment == place.segment => file,
            _ => BufReader::with_capacity(1 << 17, File::open(&place.segment)?),
        };
        let at = file.stream_position()?;
        if at != place.offset {
            file.seek(SeekFrom::Start(place.offset))?;
        }
        let mut header = [0; HEADER];
        file.read_exact(&mut header)?;
        let header = Header::parse(&header)?;
        let length = file.get_ref().metadata()?.len();
        match header.group().and_then(|size| size.checked_add(place.offset)) {
            Some(end) if end <= length && header.first == place.first => {}
            _ => return Err(Fault::Header.into()),
        }
        let group = Group::read(&header, &mut file, false)?;
        self.file = Some((Arc::clone(&place.segment), file));
        Ok((group, place.offset + HEADER as u64 + u64::from(header.entries)))
    }
}

fn damage(place: &Place, what: Fault) -> Damage {
    let segment = place.segment.to_path_buf();
    Damage { segment, offset: place.offset, index: place.first, what }
}
