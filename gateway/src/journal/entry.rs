//! An entry of the journal, as it is read.

use std::{fs::File, os::unix::fs::FileExt, sync::Arc};

use birge_proto::record::{Opening, Record, RecordError};
use prost::bytes::Bytes;

use super::{Hash, body::Body, error::JournalError, format::Fault, place::Place};

/// Bytes of one part of a body that is read.
const PART: u64 = 8 << 20;

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
    /// The record, where it did not come from the disk.
    pub(super) parsed: Option<Arc<Record>>,
}

impl Entry {
    /// Its record.
    ///
    /// # Errors
    /// When it is of a kind that this version does not know.
    pub fn record(&self) -> Result<Arc<Record>, RecordError> {
        match &self.parsed {
            Some(record) => Ok(Arc::clone(record)),
            None => Record::parse(&self.record).map(Arc::new),
        }
    }
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
    /// The body of entry `index`, of this length and digest, in the group at `place`.
    pub(super) fn at(place: Place, offset: u64, index: u64, (length, digest): (u64, Hash)) -> Self {
        Self { length, digest, place, offset, index }
    }

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
            Err(self.place.damage(Fault::Body(self.index)).into())
        }
    }
}
