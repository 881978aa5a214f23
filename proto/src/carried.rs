//! Batches that are carried to the gateway where there is no line, and what is carried back. The
//! bytes of the two files; who writes and reads them opens them.
//!
//! Batches: a line that names the format, then frames of a big-endian `u32` length and so many
//! bytes, each an encoded `SubmitRequest` (header, blocks, end; batch after batch), then a frame of
//! length 0 and the SHA-256 of all before it. The batches are signed; the digest tells of a copy
//! that is not whole.
//!
//! Answers: JSON, see [`Answers`].

use std::io::{self, Read, Write};

use aws_lc_rs::digest::{Context, SHA256};
use prost::Message;
use serde::{Deserialize, Serialize};

use crate::{
    limits,
    manifest::BatchId,
    problem::Problem,
    wire::{SubmitRequest, SubmitResponse, submit_request::Part},
};

const MAGIC: &[u8] = b"birge-carried 1\n";
/// The form of [`Answers`].
const VERSION: u32 = 1;

/// Writes a frame.
///
/// # Errors
/// When the writer refuses, or the frame is longer than a message may be.
pub fn write_frame(out: &mut (impl Write + ?Sized), bytes: &[u8]) -> io::Result<()> {
    if bytes.len() > limits::MESSAGE_BYTES {
        return Err(io::Error::other("a frame is longer than a message may be"));
    }
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    out.write_all(&length.to_be_bytes())?;
    out.write_all(bytes)
}

/// Reads a frame.
///
/// # Errors
/// When the reader refuses or ends, or the frame is longer than a message may be.
pub fn read_frame(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    reader.read_exact(&mut length)?;
    let length = u64::from(u32::from_be_bytes(length));
    if length > limits::MESSAGE_BYTES as u64 {
        return Err(io::Error::other("a frame is longer than a message may be"));
    }
    let mut bytes = vec![];
    match reader.take(length).read_to_end(&mut bytes)? as u64 == length {
        true => Ok(bytes),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Writes batches.
pub struct Batches<W> {
    out: Digested<W>,
}

impl<W: Write> Batches<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// When the writer refuses.
    pub fn begin(out: W) -> io::Result<Self> {
        let mut out = Digested { inner: out, digest: Context::new(&SHA256) };
        out.write_all(MAGIC)?;
        Ok(Self { out })
    }

    /// Adds the next part: a batch's header, its blocks in order, its end.
    ///
    /// # Errors
    /// As for [`write_frame`].
    pub fn part(&mut self, part: Part) -> io::Result<()> {
        write_frame(&mut self.out, &SubmitRequest { part: Some(part) }.encode_to_vec())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// When the writer refuses.
    pub fn end(mut self) -> io::Result<()> {
        write_frame(&mut self.out, &[])?;
        let Digested { mut inner, digest } = self.out;
        inner.write_all(digest.finish().as_ref())?;
        inner.flush()
    }
}

/// What is written or read, and the digest of it.
struct Digested<T> {
    inner: T,
    digest: Context,
}

impl<W: Write> Write for Digested<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.digest.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<R: Read> Read for Digested<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(bytes)?;
        self.digest.update(&bytes[..read]);
        Ok(read)
    }
}

/// Where a batch stands in a file of batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its name.
    pub batch: BatchId,
    /// Bytes before the frame of its header.
    pub offset: u64,
}

/// Reads a whole file of batches; answers where each begins. Nobody's signature is looked at.
///
/// # Errors
/// When it is no such file, is not whole, or is not as it was written.
pub fn check(reader: impl Read) -> Result<Vec<Place>, CarriedError> {
    let mut reader = Digested { inner: reader, digest: Context::new(&SHA256) };
    let mut magic = [0; MAGIC.len()];
    reader.read_exact(&mut magic)?;
    if magic != MAGIC {
        return Err(CarriedError::Foreign);
    }
    let (mut places, mut offset, mut within) = (vec![], MAGIC.len() as u64, false);
    loop {
        let bytes = read_frame(&mut reader)?;
        let begins = offset;
        offset += 4 + bytes.len() as u64;
        if bytes.is_empty() {
            break;
        }
        let request = SubmitRequest::decode(bytes.as_slice()).map_err(|_| CarriedError::Damaged)?;
        within = match (request.part, within) {
            (Some(Part::Header(header)), false) => {
                let batch = BatchId::of(&header.manifest);
                places.push(Place { batch, offset: begins });
                true
            }
            (Some(Part::Block(_)), true) => true,
            (Some(Part::End(_)), true) => false,
            _ => return Err(CarriedError::Damaged),
        };
    }
    let Digested { mut inner, digest } = reader;
    let mut digested = [0; 32];
    inner.read_exact(&mut digested)?;
    let more = inner.read(&mut [0])? > 0;
    match within || more || digest.finish().as_ref() != digested {
        true => Err(CarriedError::Damaged),
        false => Ok(places),
    }
}

/// Why a file of batches cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CarriedError {
    /// It is something else.
    #[error("it is no file of batches")]
    Foreign,
    /// A bit is not as it was written.
    #[error("it is not as it was written: a part of it is damaged")]
    Damaged,
    /// It cannot be read, or ends early.
    #[error("it cannot be read to its end: {0}")]
    Read(#[from] io::Error),
}

/// What is carried back. A receipt proves itself; a refusal is worth as much as whoever carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Answers {
    version: u32,
    /// One for each batch, in order.
    pub answers: Vec<Answer>,
}

/// What became of one batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Answer {
    /// Which.
    pub batch: BatchId,
    /// The encoded `SubmitResponse`, in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    response: Option<String>,
    /// The problem details, where it was refused without a report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    problem: Option<serde_json::Value>,
}

impl Answers {
    /// Answers to be carried back.
    #[must_use]
    pub fn new(answers: Vec<Answer>) -> Self {
        Self { version: VERSION, answers }
    }

    /// Reads answers.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let answers: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        match answers.version {
            VERSION => Ok(answers),
            other => Err(format!("version {other}, expected {VERSION}")),
        }
    }
}

impl Answer {
    /// What the gateway answered.
    #[must_use]
    pub fn new(batch: BatchId, answer: &Result<SubmitResponse, Problem>) -> Self {
        let response = answer.as_ref().ok().map(|it| hex::encode(it.encode_to_vec()));
        let problem = answer.as_ref().err().map(Problem::to_json);
        Self { batch, response, problem }
    }

    /// The answer as it was given over the line.
    ///
    /// # Errors
    /// When it is none.
    pub fn given(&self) -> Result<Result<SubmitResponse, Problem>, String> {
        match (&self.response, &self.problem) {
            (Some(response), None) => {
                let bytes = hex::decode(response).map_err(|error| error.to_string())?;
                let response = SubmitResponse::decode(bytes.as_slice());
                Ok(Ok(response.map_err(|error| error.to_string())?))
            }
            (None, Some(problem)) => {
                let problem = Problem::from_json(problem);
                Ok(Err(problem.ok_or("its problem is none that this version knows")?))
            }
            _ => Err("it holds neither a response nor a problem, or both".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        problem::Kind,
        wire::{End, SubmitHeader},
    };

    fn file(batches: &[Vec<Vec<u8>>]) -> Vec<u8> {
        let mut bytes = vec![];
        let mut out = Batches::begin(&mut bytes).unwrap();
        for (number, blocks) in batches.iter().enumerate() {
            let manifest = vec![number as u8];
            out.part(Part::Header(SubmitHeader { manifest, ..Default::default() })).unwrap();
            for block in blocks {
                out.part(Part::Block(block.clone().into())).unwrap();
            }
            out.part(Part::End(End {})).unwrap();
        }
        out.end().unwrap();
        bytes
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_not_whole_or_was_changed_is_found(
            batches in prop::collection::vec(
                prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..4), 0..4),
            place in any::<prop::sample::Index>(),
            bit in 0_u8..8,
        ) {
            let bytes = file(&batches);
            let places = check(bytes.as_slice()).unwrap();
            prop_assert_eq!(places.len(), batches.len());
            for (number, place) in places.iter().enumerate() {
                prop_assert_eq!(place.batch, BatchId::of(&[number as u8]));
                let mut from = &bytes[place.offset as usize..];
                let request = SubmitRequest::decode(read_frame(&mut from).unwrap().as_slice());
                prop_assert!(matches!(request.unwrap().part, Some(Part::Header(_))));
            }
            let at = place.index(bytes.len());
            prop_assert!(check(&bytes[..at]).is_err(), "cut off at {}", at);
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            prop_assert!(check(changed.as_slice()).is_err(), "changed at {}", at);
            prop_assert!(check([&bytes[..], b"more"].concat().as_slice()).is_err());
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(check([MAGIC, &bytes].concat().as_slice()).is_err() || bytes.len() >= 36);
            let _ = Answers::parse(&bytes);
        }
    }

    #[test]
    fn an_answer_is_read_as_it_was_given() {
        let batch = BatchId([1; 32]);
        let given = [
            Ok(SubmitResponse { outcome: 1, ..Default::default() }),
            Err(Problem::new(Kind::Stale, "another is current").recorded_as(7)),
        ];
        let answers = Answers::new(given.iter().map(|it| Answer::new(batch, it)).collect());
        let bytes = serde_json::to_vec(&answers).unwrap();
        let read = Answers::parse(&bytes).unwrap();
        let read: Vec<_> = read.answers.iter().map(|it| it.given().unwrap()).collect();
        assert_eq!(read, given);
        assert!(Answers::parse(br#"{"version":2,"answers":[]}"#).is_err());
        let neither = format!(r#"{{"version":1,"answers":[{{"batch":"{batch}"}}]}}"#);
        assert!(Answers::parse(neither.as_bytes()).unwrap().answers[0].given().is_err());
    }
}
