//! Secrets that are drawn by lot: invitations, sessions, tokens. Only their digests are kept.

use aws_lc_rs::{constant_time::verify_slices_are_equal, rand};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use birge_proto::{
    envelope::sha256,
    identity::AccountId,
    problem::{Kind, Problem},
};
use serde::{Deserialize, Serialize};

/// SHA-256 of a secret. Secrets have 256 bits, so no salt is needed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Digest(String);

impl Digest {
    /// The digest of a secret.
    pub(super) fn of(secret: &str) -> Self {
        Self(hex::encode(sha256(secret.as_bytes())))
    }

    /// Is it of this secret? Takes the same time for all.
    pub(super) fn is_of(&self, secret: &str) -> bool {
        let other = Self::of(secret);
        verify_slices_are_equal(self.0.as_bytes(), other.0.as_bytes()).is_ok()
    }
}

/// So many random bytes.
///
/// # Errors
/// When the system gives no randomness.
pub(super) fn random<const N: usize>() -> Result<[u8; N], Problem> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes)
        .map_err(|_| Problem::new(Kind::Internal, "the system gave no randomness"))?;
    Ok(bytes)
}

/// A secret of 256 bits, as text.
///
/// # Errors
/// When the system gives no randomness.
pub(super) fn new() -> Result<String, Problem> {
    Ok(URL_SAFE_NO_PAD.encode(random::<32>()?))
}

/// A name drawn by lot.
///
/// # Errors
/// When the system gives no randomness.
pub(super) fn name() -> Result<AccountId, Problem> {
    Ok(AccountId::from_random(random()?))
}
