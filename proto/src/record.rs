//! What the journal records of every exchange, and its commitment in the public log.
//!
//! A record is canonical JSON (RFC 8785) and carries digests and counts, never a value of an
//! observation and no free text. The log's leaf is a commitment: it tells nothing to who does
//! not hold the record and its opening (decree, article 9).

mod account;
mod consent;
mod event;
mod reading;

use std::collections::BTreeMap;

use aws_lc_rs::{hmac, rand};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{canonical, envelope::KeyError, identity::Identity};

pub use self::{
    account::{AccountAct, Scope},
    consent::SigningKeys,
    event::Event,
    reading::Verdict,
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

    /// `count` new openings, asking the system's randomness once.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn generate_many(count: usize) -> Result<Vec<Self>, KeyError> {
        let mut bytes = vec![0; 32 * count];
        rand::fill(&mut bytes).map_err(|_| KeyError::Randomness)?;
        let (openings, _) = bytes.as_chunks();
        Ok(openings.iter().copied().map(Self).collect())
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

    /// What a record holds in place of a person's name: HMAC-SHA256(opening, name), in hex.
    #[must_use]
    pub fn person(&self, name: &str) -> String {
        hex::encode(keyed_digest(&self.0, name.as_bytes()))
    }
}

/// HMAC-SHA256 of `bytes`: the digest of an answer or a selection, which a plain hash would
/// give away by trial.
#[must_use]
pub fn keyed_digest(key: &[u8; 32], bytes: &[u8]) -> [u8; 32] {
    keyed_digest_of(key, [bytes])
}

/// [`keyed_digest`] of parts, one after the other.
#[must_use]
pub fn keyed_digest_of<'a>(key: &[u8; 32], parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut digest = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    parts.into_iter().for_each(|part| digest.update(part));
    let mut out = [0; 32];
    out.copy_from_slice(digest.sign().as_ref());
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
    /// For every person named, by capacity (`officer`): what commits to the name, in hex. The
    /// name and its opening are kept apart, so that they can be erased (decree, article 9(4)).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub persons: BTreeMap<String, String>,
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
        let mut bytes = Vec::new();
        self.append_canonical(&mut bytes)?;
        Ok(bytes)
    }

    /// Appends the canonical bytes to `out`.
    ///
    /// # Errors
    /// As for [`Self::to_canonical`]; `out` then holds a part of them.
    pub fn append_canonical(&self, out: &mut Vec<u8>) -> Result<(), RecordError> {
        canonical::append(out, self).map_err(|error| RecordError(error.to_string()))
    }

    /// Does the record name the person `name` in `capacity`, under this opening?
    #[must_use]
    pub fn names(&self, capacity: &str, name: &str, opening: &Opening) -> bool {
        self.persons.get(capacity).is_some_and(|known| *known == opening.person(name))
    }

    /// Parses canonical bytes; only what [`to_canonical`](Self::to_canonical) writes is taken,
    /// so that every reader of what the log committed to reads the same.
    ///
    /// # Errors
    /// When they are not a record, or one in another form: with members that are repeated or not
    /// known here, with spaces, with a time of another zone.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        let record: Self =
            serde_json::from_slice(bytes).map_err(|error| RecordError(error.to_string()))?;
        let written = record.to_canonical()?;
        if written == bytes {
            return Ok(record);
        }
        let same = written.iter().zip(bytes).take_while(|(ours, theirs)| ours == theirs).count();
        Err(RecordError(format!(
            "from byte {same} on it is not in the canonical form of RFC 8785, or has members that \
             this version does not know: compare it with the record of the journal, or update"
        )))
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

/// How a release was protected. How many of its cells are small is not recorded: who knew it
/// could tell them from those that are withheld beside them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Protection {
    /// Least count that is not small.
    pub threshold: u64,
    /// Were zeros withheld too?
    pub zeros_withheld: bool,
    /// Withheld cells, of this release and those before, that were attacked.
    pub attacked: u64,
    /// Withheld cells that were not, or not to the end: their table is too large, takes too long
    /// or does not add up, they are no counts, or their sender calls some of them confidential.
    /// The pattern has an argument of its own.
    pub unattacked: u64,
    /// Cells that were withheld because the attack had found something.
    pub closed: u64,
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

/// That the authority stated what a record says: which key signed the statement, and when.
/// The statement itself follows from the record; see [`crate::statement`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Authorised {
    /// SHA-256 of the certificate request in DER, in hex, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// When it was stated.
    pub stated: Timestamp,
    /// Id of the authority's key.
    pub key_id: String,
    /// Its signature, in hex.
    pub signature: String,
}

/// What one of the authority's keys signed of a decree's bundle; see [`crate::signatories`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeySignature {
    /// Id of the key.
    pub key_id: String,
    /// Its signature, in hex.
    pub signature: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            time: "2026-01-01T00:00:00Z".parse().unwrap(),
            actor: "agency/NSC".parse().unwrap(),
            parties: BTreeMap::from([("agency/NSC".parse().unwrap(), 1)]),
            persons: BTreeMap::new(),
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
    fn only_the_canonical_form_is_taken() {
        let bytes = String::from_utf8(record().to_canonical().unwrap()).unwrap();
        for (from, to) in [
            (":", ": "),
            ("\"from\":0", "\"from\":0e0"),
            ("\"from\":0", "\"else\":1,\"from\":0"),
            ("\"agency/NSC\":1", "\"agency/NSC\":1,\"agency/NSC\":1"),
            ("00Z", "00.0Z"),
            ("T00:00:00Z", "T02:00:00+02:00"),
            ("}", "} "),
        ] {
            let other = bytes.replacen(from, to, 1);
            assert_ne!(other, bytes);
            assert!(Record::parse(other.as_bytes()).is_err(), "{other}");
        }
        let spaced = bytes.replacen(',', ", ", 1);
        let at = bytes.find(',').unwrap() + 1;
        let error = Record::parse(spaced.as_bytes()).unwrap_err();
        assert!(error.0.contains(&format!("from byte {at} on")), "{error}");
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
