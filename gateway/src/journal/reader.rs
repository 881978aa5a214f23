//! Entries, each group verified again when it is read; those that were written last without it.

use std::{
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom},
    ops::Range,
    path::Path,
    sync::Arc,
    vec,
};

use tokio::sync::watch;

use super::{
    entry::{Entry, StoredBody},
    error::JournalError,
    format::{Fault, Group, HEADER, Header, RawEntry, ReadError},
    index::Index,
    names::Names,
    place::Place,
};

/// Reads durable entries. Its functions wait for the disk: call them where one may block.
#[derive(Debug, Clone)]
pub struct Reader {
    index: Arc<Index>,
    durable: watch::Receiver<u64>,
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
        if let Some(recent) = self.index.recent(self.next) {
            return Ok(recent);
        }
        let Some(place) = self.index.find(self.next) else { return Ok(Vec::new()) };
        let (group, bodies) = self.read(&place).map_err(|error| match error {
            ReadError::Io(source) => JournalError::io("read", &place.segment)(source),
            ReadError::Fault(fault) => place.damage(fault).into(),
        })?;
        if group.hash != place.hash {
            return Err(place.damage(Fault::Entries).into());
        }
        let mut offset = bodies;
        let mut entries = Vec::with_capacity(group.entries.len());
        for (index, raw) in (place.first..).zip(group.entries) {
            let body = raw.body.map(|(length, digest)| {
                let body = StoredBody::at(place.clone(), offset, index, (length, digest));
                offset += length;
                body
            });
            if index >= self.next {
                let RawEntry { opening, record, .. } = raw;
                entries.push(Entry { index, opening, record, body, parsed: None });
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
