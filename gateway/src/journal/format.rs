//! A group as bytes. All numbers are big-endian.
//!
//! ```text
//! header   magic 8 │ first index u64 │ entries u32 │ bytes of entries u32 │ bytes of bodies u64
//!          │ hash of the group before 32 │ SHA-256 of the header so far 32
//! entries  each: opening 32 │ bytes of record u32 │ bytes of body u64 (all ones: no body)
//!          │ SHA-256 of body 32 │ record
//! bodies   one after the other
//! trailer  SHA-256 of header and entries 32: the group's hash
//! ```
//! Bodies are covered by the digests that stand with the entries, so records can be read and
//! verified without them. The header has a hash of its own so that a wrong length is known for
//! what it is and not taken for a group that was never finished.

use std::{
    io::{self, Read, Seek},
    ops::Range,
};

use aws_lc_rs::digest::{Context, SHA256};
use birge_proto::{
    envelope::sha256,
    record::{Opening, Record, RecordError},
};
use prost::bytes::Bytes;

use super::{
    CommittedEntry, Hash,
    body::{Body, finish},
};

/// First bytes of a group: name and version of the format.
pub(super) const MAGIC: [u8; 8] = *b"BIRGEJ\x00\x01";
/// Bytes of a header.
pub(super) const HEADER: usize = 96;
/// Bytes of a trailer.
pub(super) const TRAILER: u64 = 32;
/// Bytes of an entry before its record.
const ENTRY: usize = 76;
/// Stands for the length of a body that is not there.
const NO_BODY: u64 = u64::MAX;

/// What is wrong with a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The header is not one, or its hash does not match.
    #[error("its header is not what was written")]
    Header,
    /// It starts at another entry than the one that is due.
    #[error("it starts at entry {0}: a group is missing or out of place")]
    Index(u64),
    /// It does not follow the group before.
    #[error("it does not continue the group before it")]
    Chain,
    /// The hash over header and entries does not match.
    #[error("its entries are not what was written")]
    Entries,
    /// A body's digest does not match.
    #[error("the body of entry {0} is not what was written")]
    Body(u64),
    /// It ends too early, with groups after it.
    #[error("it is incomplete, though more was written after it")]
    Incomplete,
    /// Parts of it read as zeros, as after a loss of power before it was acknowledged.
    #[error(
        "parts of it were never written; if the machine lost power, starting the gateway cuts it off"
    )]
    Unwritten,
    /// A name kept beside the records is not the one that the record commits to.
    #[error("a name in entry {0} is not what was written")]
    Name(u64),
    /// A record is not one.
    #[error("the record of entry {0} cannot be read; was it written by a newer version?")]
    Record(u64),
}

/// How a group begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) first: u64,
    pub(super) count: u32,
    pub(super) entries: u32,
    pub(super) bodies: u64,
    pub(super) previous: Hash,
}

impl Header {
    /// Bytes of the whole group; none where that is beyond any file.
    pub(super) fn group(&self) -> Option<u64> {
        (HEADER as u64 + u64::from(self.entries) + TRAILER).checked_add(self.bodies)
    }

    pub(super) fn encode(&self) -> [u8; HEADER] {
        let mut out = [0; HEADER];
        out[..8].copy_from_slice(&MAGIC);
        out[8..16].copy_from_slice(&self.first.to_be_bytes());
        out[16..20].copy_from_slice(&self.count.to_be_bytes());
        out[20..24].copy_from_slice(&self.entries.to_be_bytes());
        out[24..32].copy_from_slice(&self.bodies.to_be_bytes());
        out[32..64].copy_from_slice(&self.previous);
        let check = sha256(&out[..64]);
        out[64..].copy_from_slice(&check);
        out
    }

    pub(super) fn parse(bytes: &[u8; HEADER]) -> Result<Self, Fault> {
        let mut rest = &bytes[..];
        let header = (|| {
            let magic: [u8; 8] = take(&mut rest)?;
            let header = Self {
                first: u64::from_be_bytes(take(&mut rest)?),
                count: u32::from_be_bytes(take(&mut rest)?),
                entries: u32::from_be_bytes(take(&mut rest)?),
                bodies: u64::from_be_bytes(take(&mut rest)?),
                previous: take(&mut rest)?,
            };
            (magic == MAGIC).then_some(header)
        })();
        header.filter(|_| rest == sha256(&bytes[..64])).ok_or(Fault::Header)
    }
}

/// The next `N` bytes of `rest`.
fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(*head)
}

/// An entry as it stands in a group; the body by its length and digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RawEntry {
    pub(super) opening: Opening,
    pub(super) record: Bytes,
    pub(super) body: Option<(u64, Hash)>,
}

/// A group being built.
#[derive(Debug, Default)]
pub(super) struct GroupBuilder {
    head: Vec<u8>,
    /// Where each record stands in `head`, and what opens it.
    records: Vec<(Range<usize>, Opening)>,
    bodies: Vec<Body>,
}

impl GroupBuilder {
    /// Adds an entry. After an error the group is of no use.
    pub(super) fn push(
        &mut self,
        opening: Opening,
        record: &Record,
        body: Option<Body>,
    ) -> Result<(), RecordError> {
        if self.head.is_empty() {
            self.head.resize(HEADER, 0);
        }
        let (length, digest) =
            body.as_ref().map_or((NO_BODY, [0; 32]), |body| (body.length(), body.digest()));
        self.head.extend_from_slice(&opening.0);
        let at = self.head.len();
        self.head.extend_from_slice(&[0; 4]);
        self.head.extend_from_slice(&length.to_be_bytes());
        self.head.extend_from_slice(&digest);
        let start = self.head.len();
        record.append_canonical(&mut self.head)?;
        let length = (self.head.len() - start) as u32;
        self.head[at..at + 4].copy_from_slice(&length.to_be_bytes());
        self.records.push((start..self.head.len(), opening));
        self.bodies.extend(body);
        Ok(())
    }

    /// Entries so far.
    pub(super) fn count(&self) -> usize {
        self.records.len()
    }

    /// The group, from entry `first` on. None where the entries are too large for one.
    pub(super) fn finish(self, first: u64) -> Option<Unsealed> {
        let header = Header {
            first,
            count: u32::try_from(self.records.len()).ok()?,
            entries: u32::try_from(self.head.len().checked_sub(HEADER)?).ok()?,
            bodies: self.bodies.iter().map(Body::length).sum(),
            previous: [0; 32],
        };
        Some(Unsealed { header, built: self })
    }
}

/// A group that lacks but the hash of the one before it.
#[derive(Debug)]
pub(super) struct Unsealed {
    header: Header,
    built: GroupBuilder,
}

impl Unsealed {
    /// Index of its first entry.
    pub(super) fn first(&self) -> u64 {
        self.header.first
    }

    /// Its bytes; none where that is beyond any file.
    pub(super) fn length(&self) -> Option<u64> {
        self.header.group()
    }

    /// The group as it is to be written after the one whose hash is `previous`.
    pub(super) fn seal(mut self, previous: Hash) -> Sealed {
        self.header.previous = previous;
        let GroupBuilder { mut head, records, bodies } = self.built;
        head[..HEADER].copy_from_slice(&self.header.encode());
        let hash = sha256(&head);
        if bodies.is_empty() {
            head.extend_from_slice(&hash);
        }
        let head = Bytes::from(head);
        let entry = |(range, opening)| CommittedEntry { record: head.slice(range), opening };
        let entries = records.into_iter().map(entry).collect();
        let mut parts = vec![head.clone()];
        if !bodies.is_empty() {
            parts.extend(bodies.iter().flat_map(|body| body.parts().iter().cloned()));
            parts.push(Bytes::copy_from_slice(&hash));
        }
        Sealed { parts, entries, hash }
    }
}

/// A group that is ready to be written.
#[derive(Debug)]
pub(super) struct Sealed {
    /// Its bytes, in the order of the disk.
    pub(super) parts: Vec<Bytes>,
    /// Its entries, whose bytes are shared with `parts`.
    pub(super) entries: Vec<CommittedEntry>,
    /// Its hash.
    pub(super) hash: Hash,
}

/// A group that was read and whose hash matched.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) entries: Vec<RawEntry>,
    pub(super) hash: Hash,
}

/// Why a group could not be read.
#[derive(Debug)]
pub(super) enum ReadError {
    Io(io::Error),
    Fault(Fault),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Fault> for ReadError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Group {
    /// Reads what follows `header` in `from`, whose length must be known to suffice. Bodies
    /// are read and checked too where `bodies` is set, else passed over.
    pub(super) fn read(
        header: &Header,
        from: &mut (impl Read + Seek),
        bodies: bool,
    ) -> Result<Self, ReadError> {
        let mut payload = vec![0; header.entries as usize];
        from.read_exact(&mut payload)?;
        let mut context = Context::new(&SHA256);
        context.update(&header.encode());
        context.update(&payload);
        let hash = finish(context);
        // The trailer vouches for the entries, the entries for the bodies that stand between.
        let bodies_length = i64::try_from(header.bodies).map_err(|_| Fault::Header)?;
        from.seek_relative(bodies_length)?;
        let mut trailer = [0; TRAILER as usize];
        from.read_exact(&mut trailer)?;
        if trailer != hash {
            return Err(Fault::Entries.into());
        }
        let entries = parse_entries(header, payload.into()).ok_or(Fault::Entries)?;
        if bodies && header.bodies > 0 {
            from.seek_relative(-bodies_length - TRAILER as i64)?;
            check_bodies(header.first, &entries, from)?;
            from.seek_relative(TRAILER as i64)?;
        }
        Ok(Self { entries, hash })
    }
}

fn parse_entries(header: &Header, mut payload: Bytes) -> Option<Vec<RawEntry>> {
    let mut entries = Vec::with_capacity((header.count as usize).min(payload.len() / ENTRY));
    let mut bodies = 0_u64;
    for _ in 0..header.count {
        if payload.len() < ENTRY {
            return None;
        }
        let head = payload.split_to(ENTRY);
        let mut rest = &head[..];
        let opening = Opening(take(&mut rest)?);
        let length = u32::from_be_bytes(take(&mut rest)?) as usize;
        let body = (u64::from_be_bytes(take(&mut rest)?), take(&mut rest)?);
        if payload.len() < length {
            return None;
        }
        let record = payload.split_to(length);
        let body = (body.0 != NO_BODY).then_some(body);
        bodies = bodies.checked_add(body.map_or(0, |(length, _)| length))?;
        entries.push(RawEntry { opening, record, body });
    }
    (payload.is_empty() && bodies == header.bodies).then_some(entries)
}

fn check_bodies(
    first: u64,
    entries: &[RawEntry],
    from: &mut (impl Read + Seek),
) -> Result<(), ReadError> {
    let mut buffer = vec![0; 1 << 16];
    for (index, entry) in (first..).zip(entries) {
        let Some((length, digest)) = entry.body else { continue };
        let (mut context, mut left) = (Context::new(&SHA256), length);
        while left > 0 {
            let part = &mut buffer[..left.min(1 << 16) as usize];
            from.read_exact(part)?;
            context.update(part);
            left -= part.len() as u64;
        }
        if finish(context) != digest {
            return Err(Fault::Body(index).into());
        }
    }
    Ok(())
}
