//! Signatures of the authority's keys over a decree, each made where its key is.

use std::path::Path;

use anyhow::{Result, anyhow, bail};
use birge_proto::{
    envelope::{DECREE_TYPE, SigningKey},
    record::{DecreeName, KeySignature},
    signatories::Signatories,
};
use serde::{Deserialize, Serialize};

use super::read;
use crate::decree::Decree;

/// The signature of one of the authority's keys over a decree's bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DecreeSignature {
    /// Of which decree, for people.
    pub decree: DecreeName,
    /// Id of the authority's key.
    pub key_id: String,
    /// Its signature over the bundle, in hex.
    pub signature: String,
}

impl DecreeSignature {
    /// Signs a decree's bundle.
    ///
    /// # Errors
    /// When the bundle is no sound decree.
    pub fn make(bundle: &[u8], authority: &SigningKey) -> Result<Self> {
        Ok(Self {
            decree: Decree::from_bundle(bundle)?.name(),
            key_id: authority.verifying_key().id(),
            signature: hex::encode(authority.sign(DECREE_TYPE, bundle)),
        })
    }

    /// Reads one.
    ///
    /// # Errors
    /// When the file cannot be read or is not what `gateway decree sign` writes.
    pub fn read(path: &Path) -> Result<Self> {
        read(path, "what `gateway decree sign` writes")
    }
}

impl From<DecreeSignature> for KeySignature {
    fn from(signature: DecreeSignature) -> Self {
        Self { key_id: signature.key_id, signature: signature.signature }
    }
}

/// The signatures over the first decree as they are recorded. At a founding all that is given
/// must fit: nothing is left out.
///
/// # Errors
/// When one is by a key that is not pinned, or not of this decree; a key signed twice; or too few
/// did.
pub fn founding(
    bundle: &[u8],
    signatories: &Signatories,
    signatures: &[DecreeSignature],
) -> Result<Vec<KeySignature>> {
    for DecreeSignature { decree, key_id, signature } in signatures {
        let key = signatories.keys().iter().find(|key| key.id() == *key_id).ok_or_else(|| {
            let pinned: Vec<_> = signatories.keys().iter().map(|key| key.id()).collect();
            anyhow!(
                "the decree is signed with the key {key_id}, which no --authority-key pins (those \
                 given are {}): give its public key too, or leave its signature out",
                pinned.join(", ")
            )
        })?;
        let bytes = hex::decode(signature).unwrap_or_default();
        if key.verify(DECREE_TYPE, bundle, &bytes).is_err() {
            let (number, version) = (&decree.number, &decree.version);
            bail!(
                "the key {key_id} signed another decree (it says decree {number} of {version}): \
                 give --decree the very folder that it signed"
            );
        }
    }
    let signatures: Vec<_> = signatures.iter().cloned().map(KeySignature::from).collect();
    signatories.tally(bundle, &signatures).map_err(|error| {
        anyhow!(
            "{error}: give one --decree-signature of each key that must sign, or say with \
             --authority-quorum how many must (all that are given, unless it is said)"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decree_is_signed_where_the_keys_are_and_taken_as_it_was_signed() {
        let keys: Vec<_> = (0..3).map(|_| SigningKey::generate().unwrap()).collect();
        let public = keys.iter().map(SigningKey::verifying_key).collect();
        let signatories = Signatories::new(public, 2).unwrap();
        let mut bundle = birge_schemas::decree::model().unwrap();
        let sign = |key| DecreeSignature::make(&bundle, key).unwrap();
        let signed: Vec<_> = keys.iter().map(sign).collect();
        let stranger = sign(&SigningKey::generate().unwrap());
        let refused = |bundle: &[u8], given: &[&DecreeSignature]| {
            let given: Vec<_> = given.iter().map(|each| (*each).clone()).collect();
            founding(bundle, &signatories, &given).unwrap_err().to_string()
        };

        let taken = founding(&bundle, &signatories, &signed[1..]).unwrap();
        signatories.verify(&bundle, &taken).unwrap();
        let few = refused(&bundle, &[&signed[0]]);
        assert!(few.contains("1 of 2") && few.contains(&signed[0].key_id), "{few}");
        let twice = refused(&bundle, &[&signed[0], &signed[0]]);
        assert!(twice.contains("two signatures of the key"), "{twice}");
        let unpinned = refused(&bundle, &[&signed[0], &signed[1], &stranger]);
        assert!(unpinned.contains(&stranger.key_id) && unpinned.contains("pins"), "{unpinned}");
        bundle.push(b' ');
        let other = refused(&bundle, &[&signed[0], &signed[1]]);
        assert!(other.contains("another decree"), "{other}");
        assert!(DecreeSignature::make(b"{}", &keys[0]).is_err());
    }
}
