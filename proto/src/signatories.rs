//! The authority's keys, and how many of them must have signed a decree before it is enacted.
//! Nobody acts alone where the decree asks for two (article 3(4)): both are pinned by the log's
//! first record, so that neither the operator nor the holder of one key changes them.
//!
//! Signatures are counted by key, over the exact bytes of a decree's bundle under
//! [`DECREE_TYPE`]. Statements about keys need one of these keys only; see [`crate::statement`].

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::{
    envelope::{DECREE_TYPE, KeyError, VerifyingKey},
    record::KeySignature,
    wire,
};

/// Characters of a key's id that an error repeats.
const ID_CHARS: usize = 16;
/// Keys that are not the authority's that an error names.
const STRANGERS: usize = 4;

/// The authority's keys, each with an id of its own, and how many of them must have signed a
/// decree: at least one, at most all. By default there are none, and nothing is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Pinned", into = "Pinned")]
pub struct Signatories {
    keys: Vec<VerifyingKey>,
    quorum: u64,
}

/// The same as it is kept: keys in hex.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Pinned {
    keys: Vec<String>,
    quorum: u64,
}

impl Default for Signatories {
    fn default() -> Self {
        Self { keys: vec![], quorum: 1 }
    }
}

impl Signatories {
    /// Any `quorum` of these keys.
    ///
    /// # Errors
    /// When there is no key, a key stands there twice, or no so many could sign.
    pub fn new(keys: Vec<VerifyingKey>, quorum: u64) -> Result<Self, SignatoriesError> {
        let mut ids: Vec<_> = keys.iter().map(VerifyingKey::id).collect();
        ids.sort();
        if let Some(twice) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(SignatoriesError::Twice(twice[0].clone()));
        }
        match keys.len() as u64 {
            0 => Err(SignatoriesError::Nobody),
            count if !(1..=count).contains(&quorum) => {
                Err(SignatoriesError::Quorum { quorum, count })
            }
            _ => Ok(Self { keys, quorum }),
        }
    }

    /// As [`Self::new`], of keys in hex, as the log's first record pins them.
    ///
    /// # Errors
    /// As there, or when a text is no key.
    pub fn pinned(keys: &[String], quorum: u64) -> Result<Self, SignatoriesError> {
        let key = |text: &String| {
            let bytes = hex::decode(text).unwrap_or_default();
            VerifyingKey::from_bytes(&bytes).map_err(|_| SignatoriesError::Key(text.clone()))
        };
        Self::new(keys.iter().map(key).collect::<Result<_, _>>()?, quorum)
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &[VerifyingKey] {
        &self.keys
    }

    /// The keys in hex.
    #[must_use]
    pub fn to_hex(&self) -> Vec<String> {
        self.keys.iter().map(|key| hex::encode(key.0)).collect()
    }

    /// How many of them must have signed a decree.
    #[must_use]
    pub fn quorum(&self) -> u64 {
        self.quorum
    }

    /// The signatures that hold over `bundle`, ascending by key. One that does not hold, or that
    /// is by another key, counts for nothing.
    ///
    /// # Errors
    /// When those that hold are too few, or one key is there twice.
    pub fn tally(
        &self,
        bundle: &[u8],
        signatures: &[KeySignature],
    ) -> Result<Vec<KeySignature>, Unsigned> {
        let mut held = BTreeMap::new();
        let mut few = self.nothing();
        for signature in signatures {
            let id = &signature.key_id;
            let Some(key) = self.keys.iter().find(|key| key.id() == *id) else {
                few.strangers.push(id.clone());
                continue;
            };
            if held.contains_key(id) || few.forged.contains(id) {
                return Err(Unsigned::Twice(id.clone()));
            }
            let bytes = hex::decode(&signature.signature).unwrap_or_default();
            match key.verify(DECREE_TYPE, bundle, &bytes) {
                Ok(()) => drop(held.insert(id.clone(), signature.clone())),
                Err(_) => few.forged.push(id.clone()),
            }
        }
        if held.len() as u64 >= self.quorum {
            return Ok(held.into_values().collect());
        }
        few.signed = held.into_keys().collect();
        Err(few.into())
    }

    /// Are these the signatures of enough keys, as a record must have them: ascending by key,
    /// each once, all of them the authority's? Whether they hold cannot be told without the
    /// decree's bundle.
    ///
    /// # Errors
    /// When they are not.
    pub fn suffices(&self, signatures: &[KeySignature]) -> Result<(), Unsigned> {
        for pair in signatures.windows(2) {
            match pair[0].key_id.cmp(&pair[1].key_id) {
                std::cmp::Ordering::Less => {}
                std::cmp::Ordering::Equal => return Err(Unsigned::Twice(shown(&pair[0].key_id))),
                std::cmp::Ordering::Greater => return Err(Unsigned::Disordered),
            }
        }
        let known = |id: &String| self.keys.iter().any(|key| key.id() == *id);
        let ids = signatures.iter().map(|signature| signature.key_id.clone());
        let (signed, strangers): (Vec<_>, Vec<_>) = ids.partition(known);
        if let Some(stranger) = strangers.first() {
            return Err(Unsigned::Stranger(shown(stranger)));
        }
        if (signed.len() as u64) < self.quorum {
            return Err(Few { signed, ..self.nothing() }.into());
        }
        Ok(())
    }

    /// As [`Self::suffices`], and all of them hold over `bundle`.
    ///
    /// # Errors
    /// When that is not so.
    pub fn verify(&self, bundle: &[u8], signatures: &[KeySignature]) -> Result<(), Unsigned> {
        self.suffices(signatures)?;
        let held = self.tally(bundle, signatures)?;
        let forged = signatures.iter().find(|signature| !held.contains(signature));
        forged.map_or(Ok(()), |forged| Err(Unsigned::Forged(forged.key_id.clone())))
    }

    fn nothing(&self) -> Few {
        let (needed, pinned) = (self.quorum, self.keys.len());
        Few { needed, pinned, signed: vec![], forged: vec![], strangers: vec![] }
    }
}

impl TryFrom<Pinned> for Signatories {
    type Error = SignatoriesError;

    fn try_from(pinned: Pinned) -> Result<Self, SignatoriesError> {
        Self::pinned(&pinned.keys, pinned.quorum)
    }
}

impl From<Signatories> for Pinned {
    fn from(signatories: Signatories) -> Self {
        Self { keys: signatories.to_hex(), quorum: signatories.quorum }
    }
}

impl From<wire::KeySignature> for KeySignature {
    fn from(wire: wire::KeySignature) -> Self {
        Self { key_id: wire.key_id, signature: hex::encode(wire.signature) }
    }
}

impl TryFrom<KeySignature> for wire::KeySignature {
    type Error = KeyError;

    fn try_from(recorded: KeySignature) -> Result<Self, KeyError> {
        let signature = hex::decode(recorded.signature).map_err(|_| KeyError::Signature)?;
        Ok(Self { key_id: recorded.key_id, signature })
    }
}

/// Why keys and a number of them are not an authority's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatoriesError {
    /// There is no key.
    #[error("no key of the authority is named")]
    Nobody,
    /// Not a key.
    #[error("{0:?} is no key of an authority: expected 32 bytes in hex")]
    Key(String),
    /// One key, or two whose ids cannot be told apart.
    #[error("the authority's key {0} is named twice: each key is named once and counts once")]
    Twice(String),
    /// Nobody, or more than there are.
    #[error(
        "{quorum} of the authority's keys cannot be asked to sign a decree where {count} are \
         named: expected a number from 1 to {count}"
    )]
    Quorum {
        /// How many were to sign.
        quorum: u64,
        /// How many there are.
        count: u64,
    },
}

/// Why a decree does not count as signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsigned {
    /// Too few signatures hold.
    #[error("{0}")]
    Few(#[from] Few),
    /// A key is there twice.
    #[error("the decree bears two signatures of the key {0}: each key signs once and counts once")]
    Twice(String),
    /// A record's signatures are not in their order.
    #[error("the decree's signatures are not in the order of their keys")]
    Disordered,
    /// A record bears the signature of another key.
    #[error("the decree bears a signature of the key {0}, which is none of the authority's")]
    Stranger(String),
    /// A record bears a signature that is of other bytes.
    #[error("the signature of the key {0} is not over this decree")]
    Forged(String),
}

/// Which signatures there are, where they are too few. Ids of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Few {
    /// How many must have signed.
    pub needed: u64,
    /// How many keys the authority has.
    pub pinned: usize,
    /// Keys whose signature counts.
    pub signed: Vec<String>,
    /// Keys in whose name something was signed that does not hold.
    pub forged: Vec<String>,
    /// Keys that are not the authority's.
    pub strangers: Vec<String>,
}

impl std::error::Error for Few {}

impl fmt::Display for Few {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { needed, pinned, signed, forged, strangers } = self;
        let count = signed.len();
        write!(
            f,
            "the decree bears {count} of {needed} signatures that it needs (keys of the authority \
             that were pinned when the log began: {pinned})"
        )?;
        let (named, others) = strangers.split_at(strangers.len().min(STRANGERS));
        for (what, ids) in [
            ("signed by", &**signed),
            ("counting for nothing, as it is not over this decree, in the name of", forged),
            ("counting for nothing, as it is by none of these keys, by", named),
        ] {
            if !ids.is_empty() {
                let ids = ids.iter().map(|id| shown(id)).collect::<Vec<_>>().join(", ");
                write!(f, "; {what} {ids}")?;
            }
        }
        match others.len() {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// An id as it may be repeated, whoever wrote it.
fn shown(id: &str) -> String {
    id.chars().take(ID_CHARS).flat_map(char::escape_debug).collect()
}
