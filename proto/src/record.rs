//! What the journal records of every exchange, and its commitment in the public log.
//!
//! A record is canonical JSON (RFC 8785) and carries digests and counts, never a value of an
//! observation and no free text. The log's leaf is a commitment: it tells nothing to who does
//! not hold the record and its opening (decree, article 9).

use std::collections::BTreeMap;

use aws_lc_rs::{hmac, rand};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    envelope::KeyError,
    identity::Identity,
    manifest::{Action, BatchId},
};

/// Version of the commitment, the first byte of a leaf.
pub const COMMITMENT_VERSION: u8 = 1;
/// Bytes of a leaf: the version and an HMAC-SHA256.
pub const LEAF_BYTES: usize = 33;

/// The secret that opens one commitment: 256 random bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening(pub [u8; 32]);

impl Opening {
    /// A new opening from the system's randomness.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn generate() -> Result<Self, KeyError> {
        let mut bytes = [0; 32];
        rand::fill(&mut bytes).map_err(|_| KeyError::Randomness)?;
        Ok(Self(bytes))
    }

    /// Reads an opening from its 32 bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The log's leaf for `record`: version ‖ HMAC-SHA256(opening, record).
    #[must_use]
    pub fn leaf(&self, record: &[u8]) -> [u8; LEAF_BYTES] {
        let mut leaf = [COMMITMENT_VERSION; LEAF_BYTES];
        leaf[1..].copy_from_slice(&keyed_digest(&self.0, record));
        leaf
    }
}

/// HMAC-SHA256 of `bytes`: the digest of an answer or a selection, which a plain hash would
/// give away by trial.
#[must_use]
pub fn keyed_digest(key: &[u8; 32], bytes: &[u8]) -> [u8; 32] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), bytes);
    let mut out = [0; 32];
    out.copy_from_slice(tag.as_ref());
    out
}

/// One event of the exchange.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// When it was sequenced; never earlier than the record before.
    pub time: Timestamp,
    /// Who acted.
    pub actor: Identity,
    /// For every party concerned, how many records concern it so far, this one included: a
    /// party that holds numbers 1 and 3 knows that 2 was kept from it.
    pub parties: BTreeMap<Identity, u64>,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

impl Record {
    /// The canonical bytes that are committed to.
    ///
    /// # Errors
    /// When the encoder fails, which no record built here makes it do.
    pub fn to_canonical(&self) -> Result<Vec<u8>, RecordError> {
        serde_json_canonicalizer::to_vec(self).map_err(|error| RecordError(error.to_string()))
    }

    /// Parses canonical bytes.
    ///
    /// # Errors
    /// When they are not a record.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        serde_json::from_slice(bytes).map_err(|error| RecordError(error.to_string()))
    }
}

/// Why bytes are not a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a record: {0}")]
pub struct RecordError(pub String);

/// What was decided, by which text of the law.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ruling {
    /// Number and version of the decree in force.
    pub decree: DecreeName,
    /// Whether it was permitted.
    pub permit: bool,
    /// Articles that decided, in the decree's order.
    pub articles: Vec<String>,
    /// The request as the decree saw it, so that it can be replayed.
    pub request: serde_json::Value,
}

/// Number and version of a decree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DecreeName {
    /// `1`
    pub number: String,
    /// `2024-01-01`
    pub version: String,
}

/// What happened to observations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// New.
    pub imported: u64,
    /// With another value than before.
    pub updated: u64,
    /// As before.
    pub unchanged: u64,
    /// Gone.
    pub deleted: u64,
    /// Not taken.
    pub ignored: u64,
}

/// Outcome of a submission, apart from its stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// No finding.
    Success,
    /// Taken, with warnings.
    Warning,
    /// Not taken.
    Error,
}

/// The kinds of event, each with what is recorded of it. Digests are lower-case hex.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Event {
    /// The log begins; its keys are pinned.
    Genesis {
        /// Origin line of the log's checkpoints.
        origin: String,
        /// The log's verification key, as a C2SP vkey.
        log_key: String,
        /// Public keys of the authority that signs decrees, in hex.
        authority_keys: Vec<String>,
    },
    /// Structures and rules come into use; the body holds them.
    StructuresAdopted {
        /// SHA-256 of the body.
        digest: String,
    },
    /// A decree is enacted; the body holds it.
    DecreeEnacted {
        /// Which.
        decree: DecreeName,
        /// First moment in force.
        in_force_from: Timestamp,
        /// SHA-256 of the body.
        digest: String,
        /// The authority's key that signed it.
        key_id: String,
        /// The authority's signature, in hex.
        signature: String,
    },
    /// A certificate was issued and a signing key registered.
    ParticipantEnrolled {
        /// For whom.
        identity: Identity,
        /// Serial number of the certificate, in hex.
        serial: String,
        /// SHA-256 of the certificate's DER.
        certificate: String,
        /// Public signing key in hex, where the identity signs.
        #[serde(skip_serializing_if = "Option::is_none")]
        signing_key: Option<String>,
    },
    /// Every certificate and key of an identity stops counting.
    ParticipantRevoked {
        /// Whose.
        identity: Identity,
        /// Serial numbers revoked.
        serials: Vec<String>,
    },
    /// A batch was accepted; the body holds it.
    SubmissionAccepted {
        /// Its name.
        batch: BatchId,
        /// Dataset.
        dataset: String,
        /// Version of the dataset's structure.
        version: String,
        /// Reference periods.
        periods: Vec<String>,
        /// What it does.
        action: Action,
        /// What it revises.
        #[serde(skip_serializing_if = "Option::is_none")]
        revises: Option<BatchId>,
        /// Success or warning.
        outcome: Outcome,
        /// What happened to observations.
        counts: Counts,
        /// Findings by code.
        findings: BTreeMap<String, u64>,
        /// Came after its deadline (article 4(2)).
        late: bool,
        /// SHA-256 of the body.
        digest: String,
        /// Why it was permitted.
        ruling: Ruling,
    },
    /// A batch was checked at its agency's wish, and not kept.
    SubmissionChecked {
        /// Its name.
        batch: BatchId,
        /// Dataset.
        dataset: String,
        /// What it would have come to.
        outcome: Outcome,
        /// Findings by code.
        findings: BTreeMap<String, u64>,
    },
    /// A batch was refused.
    SubmissionRejected {
        /// Its name, where the manifest could be read.
        #[serde(skip_serializing_if = "Option::is_none")]
        batch: Option<BatchId>,
        /// Dataset, where known.
        #[serde(skip_serializing_if = "Option::is_none")]
        dataset: Option<String>,
        /// Code of the problem.
        problem: String,
        /// Findings by code.
        findings: BTreeMap<String, u64>,
        /// What the decree said, where it was asked.
        #[serde(skip_serializing_if = "Option::is_none")]
        ruling: Option<Ruling>,
    },
    /// What of a dataset's periods may be given out under article 7; the body holds the pattern.
    Released {
        /// Dataset.
        dataset: String,
        /// Periods.
        periods: Vec<String>,
        /// The batch that made it necessary.
        batch: BatchId,
        /// Cells in these periods.
        cells: u64,
        /// Cells withheld, for whatever reason.
        withheld: u64,
        /// Method and version of the suppression.
        method: String,
        /// SHA-256 of the body.
        digest: String,
    },
    /// A query was answered.
    QueryAnswered {
        /// Dataset.
        dataset: String,
        /// Keyed digest of the selection.
        selection: String,
        /// Batches that the answer rests on.
        batches: Vec<BatchId>,
        /// Cells given with a value.
        answered: u64,
        /// Cells withheld.
        withheld: u64,
        /// Keyed digest of selection, release and columns.
        digest: String,
        /// Why it was permitted.
        ruling: Ruling,
    },
    /// A query was refused.
    QueryRefused {
        /// Dataset, where it exists.
        #[serde(skip_serializing_if = "Option::is_none")]
        dataset: Option<String>,
        /// Code of the problem.
        problem: String,
        /// What the decree said, where it was asked.
        #[serde(skip_serializing_if = "Option::is_none")]
        ruling: Option<Ruling>,
    },
    /// Somebody identified was refused something else.
    ActRefused {
        /// The act, as service and method.
        act: String,
        /// Code of the problem.
        problem: String,
    },
    /// Records were read.
    RecordsRead {
        /// From this index.
        from: u64,
        /// Up to before this one.
        to: u64,
    },
    /// In sums: what failed before anybody was identified, and what went beyond a quota.
    Turned {
        /// Since when.
        since: Timestamp,
        /// By reason.
        counts: BTreeMap<String, u64>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            time: "2026-01-01T00:00:00Z".parse().unwrap(),
            actor: "agency/NSC".parse().unwrap(),
            parties: BTreeMap::from([("agency/NSC".parse().unwrap(), 1)]),
            event: Event::RecordsRead { from: 0, to: 7 },
        }
    }

    #[test]
    fn canonical_bytes_are_sorted_and_survive() {
        let bytes = record().to_canonical().unwrap();
        assert_eq!(Record::parse(&bytes).unwrap(), record());
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            r#"{"actor":"agency/NSC","from":0,"kind":"records-read","parties":{"agency/NSC":1},"time":"2026-01-01T00:00:00Z","to":7}"#
        );
    }

    #[test]
    fn a_leaf_binds_record_and_opening() {
        let bytes = record().to_canonical().unwrap();
        let (one, other) = (Opening([1; 32]), Opening([2; 32]));
        assert_eq!(one.leaf(&bytes), one.leaf(&bytes));
        assert_ne!(one.leaf(&bytes), other.leaf(&bytes));
        assert_ne!(one.leaf(&bytes)[1..], one.leaf(b"{}")[1..]);
        assert_eq!(one.leaf(&bytes)[0], COMMITMENT_VERSION);
    }
}
