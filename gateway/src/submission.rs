//! How the journal keeps a batch: the signed header and the blocks, as they came.
//!
//! The body is a sequence of parts, each a little-endian `u32` length and its bytes: first the
//! encoded `exchange.v1.SubmitHeader`, then each block.

use birge_proto::{manifest::Manifest, wire::SubmitHeader};
use prost::{Message, bytes::Bytes};

use crate::journal::Body;

/// A batch as kept.
#[derive(Debug, Clone)]
pub struct Submission {
    /// Manifest, signature, key.
    pub header: SubmitHeader,
    /// The blocks.
    pub blocks: Vec<Bytes>,
}

/// Why a body is not a batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the journal's body is not a batch: {0}")]
pub struct BodyError(String);

impl Submission {
    /// The body to keep; the blocks are not copied.
    #[must_use]
    pub fn to_body(&self) -> Body {
        let header = Bytes::from(self.header.encode_to_vec());
        let parts = std::iter::once(&header).chain(&self.blocks).flat_map(|part| {
            [Bytes::copy_from_slice(&(part.len() as u32).to_le_bytes()), part.clone()]
        });
        Body::new(parts.collect())
    }

    /// Reads a body.
    ///
    /// # Errors
    /// When it was not written by [`Self::to_body`].
    pub fn from_body(body: Body) -> Result<Self, BodyError> {
        let mut rest = body.into_bytes();
        let mut parts = vec![];
        while !rest.is_empty() {
            if rest.len() < 4 {
                return Err(BodyError("a length is cut off".into()));
            }
            let head = rest.split_to(4);
            let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
            if rest.len() < length {
                return Err(BodyError("a part is cut off".into()));
            }
            parts.push(rest.split_to(length));
        }
        if parts.is_empty() {
            return Err(BodyError("it has no header".into()));
        }
        let blocks = parts.split_off(1);
        let header =
            SubmitHeader::decode(parts.remove(0)).map_err(|error| BodyError(error.to_string()))?;
        Ok(Self { header, blocks })
    }

    /// The manifest.
    ///
    /// # Errors
    /// When it does not parse.
    pub fn manifest(&self) -> Result<Manifest, BodyError> {
        Manifest::parse(&self.header.manifest).map_err(|error| BodyError(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_survives_its_body() {
        let header = SubmitHeader { manifest: b"{}".to_vec(), ..SubmitHeader::default() };
        let blocks = vec![Bytes::from_static(b"one"), Bytes::new(), Bytes::from_static(b"three")];
        let kept = Submission { header, blocks };
        let read = Submission::from_body(kept.to_body()).unwrap();
        assert_eq!((read.header, read.blocks), (kept.header, kept.blocks));
    }

    #[test]
    fn a_cut_body_is_an_error() {
        let header = SubmitHeader { manifest: b"{}".to_vec(), ..SubmitHeader::default() };
        let kept = Submission { header, blocks: vec![Bytes::from_static(b"block")] };
        let bytes = kept.to_body().into_bytes();
        let whole = bytes.len();
        for length in (0..whole).filter(|length| *length != whole - 9) {
            assert!(Submission::from_body(bytes.slice(..length).into()).is_err(), "{length}");
        }
    }
}
