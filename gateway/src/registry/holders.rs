//! Which key is whose. A key has one holder and one use, for ever, so that nobody is given a
//! key that spoke for another; and of what the authority stated about one identity only the
//! latest counts, so that nobody is enrolled with what it has taken back.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use birge_proto::{
    clock::Timestamp, envelope::VerifyingKey, identity::Identity,
    tlog::cosignature::CosignatureVerifier,
};

use super::{Participant, public};

/// What the records say of keys.
#[derive(Debug, Clone, Default)]
pub(super) struct Holders {
    holders: HashMap<VerifyingKey, (Identity, Use)>,
    stated: BTreeMap<Identity, Timestamp>,
    pinned: BTreeMap<Identity, CosignatureVerifier>,
    began: Timestamp,
}

/// What is to be enrolled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub(super) identity: &'a Identity,
    pub(super) signing_key: Option<&'a str>,
    pub(super) witness_key: Option<&'a str>,
    pub(super) stated: Option<Timestamp>,
}

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    Signing,
    Witness,
}

impl Holders {
    /// Takes in the witnesses' keys that were pinned when the log began.
    pub(super) fn pin(&mut self, keys: &BTreeMap<Identity, String>, time: Timestamp) {
        let read = |key: &String| CosignatureVerifier::from_vkey(key).ok();
        self.pinned =
            keys.iter().filter_map(|(who, key)| Some((who.clone(), read(key)?))).collect();
        let held = self.pinned.iter();
        let held = held.map(|(who, key)| (*key.vkey().key(), (who.clone(), Use::Witness)));
        self.holders.extend(held);
        self.began = time;
    }

    /// Takes in an enrolment.
    pub(super) fn enrol(&mut self, candidate: Candidate<'_>) {
        for (key, held) in candidate.keys() {
            self.holders.insert(key, (candidate.identity.clone(), held));
        }
        if let Some(stated) = candidate.stated {
            self.stated.insert(candidate.identity.clone(), stated);
        }
    }

    /// Why an identity may not be enrolled, where it may not; `known` is it, if it is enrolled.
    pub(super) fn bar(
        &self,
        candidate: Candidate<'_>,
        known: Option<&Participant>,
    ) -> Option<String> {
        let Candidate { identity, signing_key, witness_key, stated } = candidate;
        let witness_key = witness_key.and_then(|key| CosignatureVerifier::from_vkey(key).ok());
        if self.stated.get(identity).is_some_and(|last| stated <= Some(*last)) {
            return Some(format!(
                "{identity} was enrolled by this or a later statement of the authority already: \
                 have the authority countersign its enrolment again"
            ));
        }
        let mut seen = HashMap::new();
        for (key, held) in candidate.keys() {
            if seen.insert(key, held).is_some() {
                return Some(format!("the signing key of {identity} is its witness key, too"));
            }
            if let Some((other, before)) = self.holders.get(&key)
                && (other, *before) != (identity, held)
            {
                return Some(format!("the {held} key is registered as {before} key of {other}"));
            }
        }
        if let Some(known) = known {
            let signing_key = signing_key.and_then(public);
            let another = |what: Use| {
                Some(format!("{identity} is enrolled with another {what} key: revoke it first"))
            };
            if signing_key.is_some_and(|key| !known.signing_keys.contains_key(&key.id())) {
                return another(Use::Signing);
            }
            if known.witness_key.is_some() && known.witness_key != witness_key {
                return another(Use::Witness);
            }
        }
        let pinned = self.pinned.get(identity);
        (pinned.is_some() && pinned != witness_key.as_ref() && stated <= Some(self.began)).then(
            || {
                format!(
                    "another witness key of {identity} was pinned when the log began: have the \
                 authority countersign the enrolment again, if that one is lost"
                )
            },
        )
    }
}

impl Candidate<'_> {
    fn keys(&self) -> impl Iterator<Item = (VerifyingKey, Use)> {
        let witness_key = self.witness_key.map(CosignatureVerifier::from_vkey);
        let witness_key = witness_key.and_then(Result::ok).map(|key| *key.vkey().key());
        let signing_key = self.signing_key.and_then(public).map(|key| (key, Use::Signing));
        signing_key.into_iter().chain(witness_key.map(|key| (key, Use::Witness)))
    }
}

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Signing => "signing",
            Self::Witness => "witness",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use birge_proto::{envelope::SigningKey, tlog::cosignature::Cosigner};

    use super::*;

    static NSC: LazyLock<Identity> = LazyLock::new(|| "agency/NSC".parse().unwrap());
    static MIA: LazyLock<Identity> = LazyLock::new(|| "agency/MIA".parse().unwrap());

    /// A key as it is written for signing and for witnessing.
    fn key() -> (String, String) {
        let key = SigningKey::generate().unwrap();
        let signing = hex::encode(key.verifying_key().0);
        let witness = Cosigner::new("birge.example/witness", key).unwrap();
        (signing, witness.verifier().vkey().to_string())
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn candidate<'a>(
        identity: &'a Identity,
        signing: &'a str,
        witness: &'a str,
        second: i64,
    ) -> Candidate<'a> {
        let stated = Some(at(second));
        Candidate { identity, signing_key: Some(signing), witness_key: Some(witness), stated }
    }

    #[test]
    fn a_key_has_one_holder_and_one_use() {
        let ((a, a_witness), (b, b_witness), (c, c_witness)) = (key(), key(), key());
        let mut holders = Holders::default();
        assert_eq!(holders.bar(candidate(&NSC, &a, &b_witness, 1), None), None);
        assert!(holders.bar(candidate(&NSC, &a, &a_witness, 1), None).is_some(), "one for both");
        holders.enrol(candidate(&NSC, &a, &b_witness, 1));
        for (signing, witness) in [(&a, &c_witness), (&b, &c_witness), (&c, &b_witness)] {
            let barred = holders.bar(candidate(&MIA, signing, witness, 2), None);
            assert!(barred.is_some_and(|why| why.contains("agency/NSC")), "taken from NSC");
        }
        assert!(holders.bar(candidate(&NSC, &b, &a_witness, 2), None).is_some(), "swapped");
        assert_eq!(holders.bar(candidate(&NSC, &a, &b_witness, 2), None), None);
    }

    #[test]
    fn only_the_latest_statement_counts() {
        let ((a, _), (_, b)) = (key(), key());
        let mut holders = Holders::default();
        holders.enrol(candidate(&NSC, &a, &b, 5));
        for (second, barred) in [(4, true), (5, true), (6, false)] {
            assert_eq!(holders.bar(candidate(&NSC, &a, &b, second), None).is_some(), barred);
        }
        let unsigned = Candidate { stated: None, ..candidate(&NSC, &a, &b, 0) };
        assert!(holders.bar(unsigned, None).is_some());
    }

    #[test]
    fn who_is_enrolled_keeps_its_keys_until_revoked() {
        let ((a, _), (_, b), (c, c_witness)) = (key(), key(), key());
        let mut known = Participant::default();
        let signing = public(&a).unwrap();
        known.signing_keys.insert(signing.id(), signing);
        let holders = Holders::default();
        let bar = |signing: &str, witness: &str, known: &Participant| {
            holders.bar(candidate(&NSC, signing, witness, 1), Some(known))
        };
        assert_eq!(bar(&a, &b, &known), None, "its first witness key");
        assert!(bar(&c, &b, &known).is_some_and(|why| why.contains("signing")));
        known.witness_key = CosignatureVerifier::from_vkey(&b).ok();
        assert_eq!(bar(&a, &b, &known), None);
        assert!(bar(&a, &c_witness, &known).is_some_and(|why| why.contains("witness")));
        let none = Candidate { witness_key: None, ..candidate(&NSC, &a, "", 1) };
        assert!(holders.bar(none, Some(&known)).is_some(), "taken away");
    }

    #[test]
    fn what_was_pinned_at_genesis_holds_until_the_authority_says_otherwise() {
        let ((a, _), (_, pinned), (_, other)) = (key(), key(), key());
        let mut holders = Holders::default();
        holders.pin(&BTreeMap::from([(NSC.clone(), pinned.clone())]), at(10));
        assert_eq!(holders.bar(candidate(&NSC, &a, &pinned, 9), None), None);
        assert!(holders.bar(candidate(&NSC, &a, &other, 9), None).is_some());
        assert_eq!(holders.bar(candidate(&NSC, &a, &other, 11), None), None);
        assert!(holders.bar(candidate(&MIA, &a, &pinned, 11), None).is_some(), "it is NSC's");
    }
}
