//! What the authority says of keys: whose they are. Enrolments and the log's own keys count
//! only with such a statement, so that the operator alone can make no agency, no witness and
//! no log (decree, articles 3(1) and 3(4)).
//!
//! A statement is canonical JSON (RFC 8785), signed by the authority's key under
//! [`STATEMENT_TYPE`]. All of it stands in the record of the act, so that an auditor can put
//! it together again and check the signature.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    envelope::{STATEMENT_TYPE, SigningKey, VerifyingKey, fingerprint},
    identity::Identity,
    record::Authorised,
    wire,
};

/// Bytes of the longest statement that is read.
pub const STATEMENT_BYTES: usize = 8 << 10;

/// What is said, of which log, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement {
    /// Origin of the log in whose exchange it holds.
    pub origin: String,
    /// When it was said; of two about one identity the later counts.
    pub stated: Timestamp,
    /// What.
    #[serde(flatten)]
    pub says: Says,
}

/// What a statement says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "says", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Says {
    /// These keys are this identity's.
    Enrolment {
        /// Whose.
        identity: Identity,
        /// SHA-256 of the certificate request in DER, in hex.
        request: String,
        /// Public signing key in hex, where it signs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signing_key: Option<String>,
        /// Key with which it witnesses the log, as a C2SP vkey.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        witness_key: Option<String>,
    },
    /// A certificate that ends is to be renewed, for the same key. Its holder says so itself, under
    /// its signing key.
    Renewal {
        /// Whose.
        identity: Identity,
        /// SHA-256 of the certificate request in DER with which it was enrolled, in hex.
        request: String,
    },
    /// The log's checkpoints are signed with this key too.
    LogKey {
        /// The key, as a C2SP vkey.
        log_key: String,
    },
    /// The log's checkpoints are no longer signed with this key.
    LogKeyRetired {
        /// The key, as a C2SP vkey.
        log_key: String,
    },
    /// The log is frozen, and that of another origin and key goes on.
    Successor {
        /// Origin of the log that goes on.
        successor: String,
        /// Its key, as a C2SP vkey.
        log_key: String,
    },
}

/// A statement with the authority's signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The exact bytes signed: the statement as canonical JSON.
    pub bytes: Vec<u8>,
    /// Id of the key.
    pub key_id: String,
    /// 64 bytes.
    pub signature: Vec<u8>,
}

impl Statement {
    /// The canonical bytes that are signed.
    ///
    /// # Errors
    /// When the encoder fails, which no statement built here makes it do.
    pub fn to_canonical(&self) -> Result<Vec<u8>, StatementError> {
        serde_json_canonicalizer::to_vec(self)
            .map_err(|error| StatementError::Form(error.to_string()))
    }

    /// Signs it with the authority's key.
    ///
    /// # Errors
    /// As for [`Self::to_canonical`].
    pub fn sign(&self, authority: &SigningKey) -> Result<Signed, StatementError> {
        let bytes = self.to_canonical()?;
        let signature = authority.sign(STATEMENT_TYPE, &bytes);
        Ok(Signed { key_id: authority.verifying_key().id(), signature, bytes })
    }

    /// Checks the countersignature that a record keeps of this statement.
    ///
    /// # Errors
    /// When none of `authority` signed it.
    pub fn verify(
        &self,
        authorised: &Authorised,
        authority: &[VerifyingKey],
    ) -> Result<(), StatementError> {
        let bytes = self.to_canonical()?;
        let signature =
            hex::decode(&authorised.signature).map_err(|_| StatementError::Signature)?;
        Signed { bytes, key_id: authorised.key_id.clone(), signature }.open(authority).map(drop)
    }
}

impl Signed {
    /// The statement, if one of the authority's keys signed it.
    ///
    /// # Errors
    /// When none did, or the bytes are no statement in its canonical form.
    pub fn open(&self, authority: &[VerifyingKey]) -> Result<Statement, StatementError> {
        if self.bytes.len() > STATEMENT_BYTES {
            return Err(StatementError::Form(format!("it has more than {STATEMENT_BYTES} bytes")));
        }
        let key = authority.iter().find(|key| key.id() == self.key_id);
        let key = key.ok_or_else(|| StatementError::Key(self.key_id.clone()))?;
        key.verify(STATEMENT_TYPE, &self.bytes, &self.signature)
            .map_err(|_| StatementError::Signature)?;
        let statement: Statement = serde_json::from_slice(&self.bytes)
            .map_err(|error| StatementError::Form(error.to_string()))?;
        if statement.to_canonical()? == self.bytes {
            Ok(statement)
        } else {
            Err(StatementError::Form(String::from("it is not canonical JSON")))
        }
    }
}

/// Fingerprints of what an enrolment holds: the ministry reads them to the authority over
/// another channel before it countersigns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fingerprints {
    /// Of the certificate request.
    pub request: String,
    /// Of the key that signs batches.
    pub signing_key: Option<String>,
    /// Of the key that witnesses the log.
    pub witness_key: Option<String>,
}

impl Fingerprints {
    /// The fingerprints of a certificate request in DER and of the keys beside it.
    #[must_use]
    pub fn of(
        request: &[u8],
        signing_key: Option<&VerifyingKey>,
        witness_key: Option<&VerifyingKey>,
    ) -> Self {
        let of = |key: &VerifyingKey| fingerprint(&key.0);
        Self {
            request: fingerprint(request),
            signing_key: signing_key.map(of),
            witness_key: witness_key.map(of),
        }
    }
}

impl fmt::Display for Fingerprints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |key: &'_ Option<String>| key.clone().unwrap_or_else(|| String::from("none"));
        writeln!(f, "  certificate request  {}", self.request)?;
        writeln!(f, "  signing key          {}", shown(&self.signing_key))?;
        write!(f, "  witness key          {}", shown(&self.witness_key))
    }
}

impl From<Signed> for wire::Statement {
    fn from(signed: Signed) -> Self {
        let Signed { bytes, key_id, signature } = signed;
        Self { statement: bytes, key_id, signature }
    }
}

impl From<wire::Statement> for Signed {
    fn from(wire: wire::Statement) -> Self {
        let wire::Statement { statement, key_id, signature } = wire;
        Self { bytes: statement, key_id, signature }
    }
}

/// Why a statement does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// Not a statement.
    #[error("not a statement of the authority: {0}")]
    Form(String),
    /// By a key that is not the authority's.
    #[error("signed with the key {0:?}, which is not one of the authority's")]
    Key(String),
    /// The signature does not hold.
    #[error("the authority's signature does not hold")]
    Signature,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement() -> Statement {
        Statement {
            origin: "birge.example/log".into(),
            stated: "2026-01-01T00:00:00Z".parse().unwrap(),
            says: Says::Enrolment {
                identity: "agency/NSC".parse().unwrap(),
                request: "00".into(),
                signing_key: None,
                witness_key: None,
            },
        }
    }

    #[test]
    fn a_statement_opens_for_the_authority_only() {
        let (authority, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let signed = statement().sign(&authority).unwrap();
        let keys = [other.verifying_key(), authority.verifying_key()];
        assert_eq!(signed.open(&keys), Ok(statement()));
        assert!(matches!(signed.open(&keys[..1]), Err(StatementError::Key(_))));
        let mut forged = signed.clone();
        forged.bytes[20] ^= 1;
        assert_eq!(forged.open(&keys), Err(StatementError::Signature));
        let disguised = Signed { key_id: other.verifying_key().id(), ..signed };
        assert_eq!(disguised.open(&keys), Err(StatementError::Signature));
    }

    #[test]
    fn only_canonical_bytes_are_taken() {
        let authority = SigningKey::generate().unwrap();
        let mut bytes = statement().to_canonical().unwrap();
        bytes.push(b' ');
        let signature = authority.sign(STATEMENT_TYPE, &bytes);
        let signed = Signed { key_id: authority.verifying_key().id(), signature, bytes };
        let opened = signed.open(&[authority.verifying_key()]);
        assert!(matches!(opened, Err(StatementError::Form(_))));
    }

    #[test]
    fn what_a_record_keeps_is_enough() {
        let authority = SigningKey::generate().unwrap();
        let signed = statement().sign(&authority).unwrap();
        let authorised = Authorised {
            request: Some("00".into()),
            stated: statement().stated,
            key_id: signed.key_id,
            signature: hex::encode(signed.signature),
        };
        let keys = [authority.verifying_key()];
        assert_eq!(statement().verify(&authorised, &keys), Ok(()));
        let later = Statement { stated: Timestamp::UNIX_EPOCH, ..statement() };
        assert_eq!(later.verify(&authorised, &keys), Err(StatementError::Signature));
    }
}
