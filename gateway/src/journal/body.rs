//! What goes with a record.

use aws_lc_rs::digest::{Context, SHA256};
use prost::bytes::Bytes;

use super::Hash;

/// A body in parts, as they came, with their SHA-256. It may be some 500 MB large: it is hashed
/// once, when it is made, and never copied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Body {
    parts: Vec<Bytes>,
    length: u64,
    digest: Hash,
}

impl Body {
    /// A body that is all of `parts`, one after the other.
    #[must_use]
    pub fn new(parts: Vec<Bytes>) -> Self {
        let mut context = Context::new(&SHA256);
        let mut length = 0;
        for part in &parts {
            context.update(part);
            length += part.len() as u64;
        }
        Self { parts, length, digest: finish(context) }
    }

    /// The parts.
    #[must_use]
    pub fn parts(&self) -> &[Bytes] {
        &self.parts
    }

    /// Bytes in all parts.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// SHA-256 of all parts.
    #[must_use]
    pub fn digest(&self) -> Hash {
        self.digest
    }

    /// The body in one piece; copies only where there are several parts.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        match <[Bytes; 1]>::try_from(self.parts) {
            Ok([part]) => part,
            Err(parts) => parts.concat().into(),
        }
    }
}

impl<B: Into<Bytes>> From<B> for Body {
    fn from(bytes: B) -> Self {
        Self::new(vec![bytes.into()])
    }
}

/// The digest of what `context` was fed.
pub(super) fn finish(context: Context) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}
