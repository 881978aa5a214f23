//! Bytes changed at one place: how a fuzzer gets past a signature or a base64 text, which it
//! cannot guess, to what stands behind.

use libfuzzer_sys::arbitrary::{self, Arbitrary};

/// At one place some bytes are taken out and others put in.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub struct Edit<'a> {
    at: u16,
    out: u8,
    put: &'a [u8],
}

impl Edit<'_> {
    /// `bytes` after the edit; the same bytes where it changes nothing.
    #[must_use]
    pub fn of(&self, bytes: &[u8]) -> Vec<u8> {
        let at = usize::from(self.at) % (bytes.len() + 1);
        let end = (at + usize::from(self.out)).min(bytes.len());
        [&bytes[..at], self.put, &bytes[end..]].concat()
    }
}
