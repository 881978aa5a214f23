//! Signed bytes: Ed25519 over the DSSE pre-authentication encoding, so that a signature over
//! one kind of payload can never pass for another.
//!
//! Source: DSSE protocol 1.0 (`PAE(type, body)`), RFC 8032.

use std::fmt;

use aws_lc_rs::{
    digest::{SHA256, digest},
    encoding::{AsDer, Pkcs8V1Der},
    signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};

/// Payload type of a batch's manifest.
pub const MANIFEST_TYPE: &str = "application/vnd.birge.manifest+json;version=1";
/// Payload type of a manifest that is only to be checked: nobody can hand in what was signed so.
pub const CHECK_TYPE: &str = "application/vnd.birge.check+json;version=1";
/// Payload type of a consent of the working group's chair: the name of the batch (decree, article
/// 5(2)).
pub const CONSENT_TYPE: &str = "application/vnd.birge.consent+json;version=1";
/// Payload type of an approval within an agency: the name of the batch (decree, article 5(1)).
pub const APPROVAL_TYPE: &str = "application/vnd.birge.approval+json;version=1";
/// Payload type of a line in an agency's register of approvers.
pub const APPROVER_TYPE: &str = "application/vnd.birge.approver+json;version=1";
/// Payload type of the covering letter of a batch.
pub const LETTER_TYPE: &str = "application/vnd.birge.letter+json;version=1";
/// Payload type of a decree's bundle.
pub const DECREE_TYPE: &str = "application/vnd.birge.decree+json;version=1";
/// Payload type of a statement of the authority.
pub const STATEMENT_TYPE: &str = "application/vnd.birge.statement+json;version=1";
/// Payload type of an auditor's report.
pub const REPORT_TYPE: &str = "application/vnd.birge.report+json;version=1";

/// The DSSE pre-authentication encoding of `payload`.
#[must_use]
pub fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

/// SHA-256 of `bytes`.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

/// What people compare over the telephone: the first 16 bytes of the SHA-256, in eight groups
/// of four hex digits.
#[must_use]
pub fn fingerprint(bytes: &[u8]) -> String {
    sha256(bytes)[..16].chunks(2).map(hex::encode).collect::<Vec<_>>().join(" ")
}

/// A private Ed25519 key.
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// Makes a new key from the system's randomness.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn generate() -> Result<Self, KeyError> {
        Ed25519KeyPair::generate().map(Self).map_err(|_| KeyError::Randomness)
    }

    /// Reads a PKCS#8 key in DER.
    ///
    /// # Errors
    /// When the bytes are not an Ed25519 key.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        Ed25519KeyPair::from_pkcs8(der).map(Self).map_err(|_| KeyError::Private)
    }

    /// Writes the key as PKCS#8 version 1, DER.
    ///
    /// # Errors
    /// When the key cannot be encoded.
    pub fn to_pkcs8(&self) -> Result<Vec<u8>, KeyError> {
        let der: Pkcs8V1Der<'_> = self.0.as_der().map_err(|_| KeyError::Private)?;
        Ok(der.as_ref().to_vec())
    }

    /// The public half.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.public_key().as_ref());
        VerifyingKey(bytes)
    }

    /// Signs `payload` as `payload_type`; 64 bytes.
    #[must_use]
    pub fn sign(&self, payload_type: &str, payload: &[u8]) -> Vec<u8> {
        self.sign_raw(&pre_authentication_encoding(payload_type, payload))
    }

    /// Signs `message` as it is (signed notes, which have an encoding of their own); 64 bytes.
    #[must_use]
    pub fn sign_raw(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.verifying_key().id())
    }
}

/// A public Ed25519 key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VerifyingKey(pub [u8; 32]);

impl VerifyingKey {
    /// Reads a key from its 32 bytes.
    ///
    /// # Errors
    /// When there are not 32 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        bytes.try_into().map(Self).map_err(|_| KeyError::Public)
    }

    /// The key's name in headers and records: the first 8 bytes of its SHA-256, in hex.
    #[must_use]
    pub fn id(&self) -> String {
        hex::encode(&sha256(&self.0)[..8])
    }

    /// Checks `signature` over `payload` as `payload_type`.
    ///
    /// # Errors
    /// When the signature is not this key's over exactly these bytes.
    pub fn verify(
        &self,
        payload_type: &str,
        payload: &[u8],
        signature: &[u8],
    ) -> Result<(), KeyError> {
        self.verify_raw(&pre_authentication_encoding(payload_type, payload), signature)
    }

    /// Checks `signature` over `message` as it is.
    ///
    /// # Errors
    /// As for [`Self::verify`].
    pub fn verify_raw(&self, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
        UnparsedPublicKey::new(&ED25519, &self.0)
            .verify(message, signature)
            .map_err(|_| KeyError::Signature)
    }
}

/// What can be wrong with a key or a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The system's random source failed.
    #[error("the system gave no randomness")]
    Randomness,
    /// Not a private key.
    #[error("not an Ed25519 private key in PKCS#8")]
    Private,
    /// Not a public key.
    #[error("not an Ed25519 public key of 32 bytes")]
    Public,
    /// The signature does not match.
    #[error("the signature does not match the signed bytes and the key")]
    Signature,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_the_beginning_of_the_digest_in_groups() {
        assert_eq!(fingerprint(b"abc"), "ba78 16bf 8f01 cfea 4141 40de 5dae 2223");
    }

    #[test]
    fn the_encoding_is_that_of_the_specification() {
        let encoded = pre_authentication_encoding("http://example.com/HelloWorld", b"hello world");
        assert_eq!(encoded, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }

    #[test]
    fn a_signature_binds_key_type_and_bytes() {
        let key = SigningKey::generate().unwrap();
        let signature = key.sign(MANIFEST_TYPE, b"batch");
        let public = key.verifying_key();
        assert_eq!(public.verify(MANIFEST_TYPE, b"batch", &signature), Ok(()));
        assert!(public.verify(DECREE_TYPE, b"batch", &signature).is_err());
        assert!(public.verify(MANIFEST_TYPE, b"batcH", &signature).is_err());
        let other = SigningKey::generate().unwrap().verifying_key();
        assert!(other.verify(MANIFEST_TYPE, b"batch", &signature).is_err());
    }

    #[test]
    fn keys_survive_pkcs8() {
        let key = SigningKey::generate().unwrap();
        let again = SigningKey::from_pkcs8(&key.to_pkcs8().unwrap()).unwrap();
        assert_eq!(key.verifying_key(), again.verifying_key());
        assert!(SigningKey::from_pkcs8(b"nonsense").is_err());
    }
}
