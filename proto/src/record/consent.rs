//! Whose signing key is whose, as the records say, and whether a consent (decree, article 5(2))
//! was given by one of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Event, Record};
use crate::{
    envelope::{CONSENT_TYPE, VerifyingKey},
    identity::Identity,
};

/// The signing keys of those who are enrolled, by their ids.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKeys(BTreeMap<String, (Identity, String)>);

impl SigningKeys {
    /// Takes in the next record. Where it tells of a consent, that must be to this very batch,
    /// by somebody else than who hands it in, with a key that counted then. `all`: are all
    /// records shown, so that a key that is not known is none?
    ///
    /// # Errors
    /// What does not hold.
    pub fn check(&mut self, record: &Record, all: bool) -> Result<(), String> {
        match &record.event {
            Event::ParticipantEnrolled { identity, signing_key: Some(hex_key), .. } => {
                if let Some(key) = read(hex_key) {
                    self.0.insert(key.id(), (identity.clone(), hex_key.clone()));
                }
                Ok(())
            }
            Event::ParticipantRevoked { identity, .. } => {
                self.0.retain(|_, (holder, _)| holder != identity);
                Ok(())
            }
            Event::SubmissionAccepted { batch, consent: Some(consent), .. } => {
                let Some((who, key)) = self.0.get(&consent.key_id) else {
                    let unknown = format!("the consent is by {}, nobody's key", consent.key_id);
                    return if all { Err(unknown) } else { Ok(()) };
                };
                if *who == record.actor {
                    return Err(format!("{who} consented to what it hands in itself"));
                }
                let signature = hex::decode(&consent.signature).unwrap_or_default();
                let batch = batch.to_string();
                let verified =
                    read(key).map(|key| key.verify(CONSENT_TYPE, batch.as_bytes(), &signature));
                match verified {
                    Some(Ok(())) => Ok(()),
                    _ => Err(format!("{who} did not consent to the batch {batch}")),
                }
            }
            _ => Ok(()),
        }
    }
}

fn read(hex_key: &str) -> Option<VerifyingKey> {
    VerifyingKey::from_bytes(&hex::decode(hex_key).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        envelope::SigningKey,
        manifest::{Action, BatchId},
        record::{Counts, DecreeName, KeySignature, Outcome, Ruling},
    };

    fn record(actor: &str, event: Event) -> Record {
        let (actor, time) = (actor.parse().unwrap(), "2026-01-01T00:00:00Z".parse().unwrap());
        Record { time, actor, parties: BTreeMap::new(), persons: BTreeMap::new(), event }
    }

    fn enrolled(identity: &str, key: &SigningKey) -> Record {
        let event = Event::ParticipantEnrolled {
            identity: identity.parse().unwrap(),
            serial: String::new(),
            certificate: String::new(),
            signing_key: Some(hex::encode(key.verifying_key().0)),
            witness_key: None,
            authorised: None,
        };
        record("operator/BIRGE", event)
    }

    fn accepted(batch: BatchId, to: BatchId, key: &SigningKey) -> Record {
        let consent = KeySignature {
            key_id: key.verifying_key().id(),
            signature: hex::encode(key.sign(CONSENT_TYPE, to.to_string().as_bytes())),
        };
        let decree = DecreeName { number: "1".into(), version: "2024-01-01".into() };
        let ruling = Ruling { decree, permit: true, articles: vec![], request: ().into() };
        let event = Event::SubmissionAccepted {
            batch,
            dataset: String::new(),
            version: String::new(),
            periods: vec![],
            action: Action::Replace,
            revises: None,
            outcome: Outcome::Success,
            counts: Counts::default(),
            findings: BTreeMap::new(),
            late: false,
            cause: None,
            consent: Some(consent),
            approved: None,
            justified: vec![],
            digest: String::new(),
            ruling,
        };
        record("agency/MIA", event)
    }

    #[test]
    fn article_5_2_a_consent_is_to_this_batch_and_by_somebody_else() {
        let [chair, own, stranger] = [(); 3].map(|()| SigningKey::generate().unwrap());
        let (one, other) = (BatchId([1; 32]), BatchId([2; 32]));
        let mut keys = SigningKeys::default();
        keys.check(&enrolled("agency/NSC", &chair), true).unwrap();
        keys.check(&enrolled("agency/MIA", &own), true).unwrap();
        keys.check(&accepted(one, one, &chair), true).unwrap();
        for wrong in
            [accepted(one, other, &chair), accepted(one, one, &own), accepted(one, one, &stranger)]
        {
            assert!(keys.check(&wrong, true).is_err(), "{wrong:?}");
        }
        let unknown = accepted(one, one, &stranger);
        assert_eq!(keys.check(&unknown, false), Ok(()), "not everybody sees every enrolment");
        let identity = "agency/NSC".parse().unwrap();
        let revoked = Event::ParticipantRevoked { identity, serials: vec![] };
        keys.check(&record("operator/BIRGE", revoked), true).unwrap();
        assert!(keys.check(&accepted(one, one, &chair), true).is_err(), "revoked");
    }
}
