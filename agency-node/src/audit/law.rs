//! What must hold from record to record beside the counters: the log begins once, time never
//! runs backwards, nothing is written to a frozen log, only the one that it names goes on, and no
//! key counts that the authority did not state to be whose it is.

use birge_proto::{
    clock::Timestamp,
    envelope::VerifyingKey,
    identity::Role,
    record::{Authorised, Event, Record},
    statement::{Says, Statement},
};

use super::verified::{Enacted, Verified};

/// What is known of the records before.
#[derive(Debug)]
pub(super) struct Law {
    /// Of the log that the last record stands in.
    pub(super) origin: String,
    pub(super) time: Option<Timestamp>,
    /// Hex.
    pub(super) authority_keys: Vec<String>,
    /// The authority's keys that this node believes whatever the log says, in hex; none where
    /// it was told none.
    believed: Vec<String>,
    /// Decrees that were enacted.
    pub(super) decrees: Vec<Enacted>,
    /// Origin and key of the log that is to go on, once this one is frozen.
    pub(super) successor: Option<(String, String)>,
}

impl Law {
    /// Goes on after what was verified before.
    pub(super) fn new(before: &Verified, believed: &[VerifyingKey]) -> Self {
        Self {
            origin: before.origin.clone(),
            time: before.time,
            authority_keys: before.authority_keys.clone(),
            believed: believed.iter().map(|key| hex::encode(key.0)).collect(),
            decrees: before.decrees.clone(),
            successor: before.successor.clone(),
        }
    }

    /// Checks the next record that is shown; says what does not hold.
    pub(super) fn check(&mut self, index: u64, record: &Record) -> Result<(), String> {
        if self.time.is_some_and(|before| record.time < before) {
            return Err(String::from("it is earlier than a record before it"));
        }
        self.time = Some(record.time);
        match &record.event {
            Event::Genesis { origin, authority_keys, .. } => {
                if index != 0 {
                    return Err(String::from("the log begins a second time"));
                }
                let stranger = authority_keys.iter().find(|key| !self.believed.contains(key));
                if let Some(stranger) = stranger.filter(|_| !self.believed.is_empty()) {
                    return Err(format!(
                        "it pins {stranger} as a key of the authority, which this node does not \
                         believe"
                    ));
                }
                self.origin.clone_from(origin);
                self.authority_keys.clone_from(authority_keys);
                Ok(())
            }
            _ if index == 0 => Err(String::from("the log does not begin with its genesis")),
            Event::LogContinued { origin, log_key, last } => {
                let named = self.successor.take();
                if named.as_ref() != Some(&(origin.clone(), log_key.clone())) {
                    return Err(format!("{origin} goes on, which the log before does not name"));
                }
                if last.lines().nth(1) != Some(&*index.to_string()) {
                    return Err(String::from("it does not go on from all records before it"));
                }
                self.origin.clone_from(origin);
                Ok(())
            }
            _ if self.successor.is_some() => {
                Err(String::from("it was written to the log after that was frozen"))
            }
            Event::DecreeEnacted { in_force_from, digest, key_id, .. } => {
                if !self.authority_keys.is_empty() && !self.keys().any(|key| key.id() == *key_id) {
                    return Err(format!("it is signed with the key {key_id}, not the authority's"));
                }
                let (from, digest) = (*in_force_from, digest.clone());
                self.decrees.push(Enacted { from, digest });
                Ok(())
            }
            event @ Event::LogFrozen { successor, log_key, .. } => {
                self.successor = Some((successor.clone(), log_key.clone()));
                self.authorised(event)
            }
            event => self.authorised(event),
        }
    }

    /// Checks the authority's countersignature under a record about keys. Who does not see the
    /// log's first record does not know the authority's keys, and checks nothing here.
    fn authorised(&self, event: &Event) -> Result<(), String> {
        if self.authority_keys.is_empty() {
            return Ok(());
        }
        let (says, authorised) = match event {
            Event::ParticipantEnrolled { identity, .. } if identity.role == Role::Operator => {
                return Ok(());
            }
            Event::ParticipantEnrolled {
                identity, signing_key, witness_key, authorised, ..
            } => {
                let none = || format!("the authority did not countersign the keys of {identity}");
                let authorised = authorised.as_ref().ok_or_else(none)?;
                let says = Says::Enrolment {
                    identity: identity.clone(),
                    request: authorised.request.clone().unwrap_or_default(),
                    signing_key: signing_key.clone(),
                    witness_key: witness_key.clone(),
                };
                (says, authorised)
            }
            Event::LogKeyAdded { log_key, authorised } => {
                (Says::LogKey { log_key: log_key.clone() }, authorised)
            }
            Event::LogKeyRetired { log_key, authorised } => {
                (Says::LogKeyRetired { log_key: log_key.clone() }, authorised)
            }
            Event::LogFrozen { successor, log_key, authorised } => {
                let (successor, log_key) = (successor.clone(), log_key.clone());
                (Says::Successor { successor, log_key }, authorised)
            }
            _ => return Ok(()),
        };
        self.stated(says, authorised)
    }

    fn keys(&self) -> impl Iterator<Item = VerifyingKey> {
        let keys = self.authority_keys.iter().filter_map(|key| hex::decode(key).ok());
        keys.filter_map(|key| VerifyingKey::from_bytes(&key).ok())
    }

    fn stated(&self, says: Says, authorised: &Authorised) -> Result<(), String> {
        let keys: Vec<_> = self.keys().collect();
        let statement = Statement { origin: self.origin.clone(), stated: authorised.stated, says };
        statement
            .verify(authorised, &keys)
            .map_err(|error| format!("what it says of keys does not count: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use birge_proto::envelope::SigningKey;

    use super::*;

    const ORIGIN: &str = "birge.example/log";

    fn record(second: i64, event: Event) -> Record {
        Record {
            time: Timestamp::from_second(second).unwrap(),
            actor: "operator/BIRGE".parse().unwrap(),
            parties: BTreeMap::new(),
            persons: BTreeMap::new(),
            event,
        }
    }

    fn genesis(authority: &SigningKey) -> Event {
        Event::Genesis {
            origin: ORIGIN.into(),
            log_key: String::new(),
            authority_keys: vec![hex::encode(authority.verifying_key().0)],
            witness_keys: BTreeMap::new(),
        }
    }

    fn enrolled(authorised: Option<Authorised>) -> Event {
        Event::ParticipantEnrolled {
            identity: "agency/NSC".parse().unwrap(),
            serial: String::new(),
            certificate: String::new(),
            signing_key: Some("00".into()),
            witness_key: None,
            authorised,
        }
    }

    fn countersigned(authority: &SigningKey) -> Authorised {
        let says = Says::Enrolment {
            identity: "agency/NSC".parse().unwrap(),
            request: "11".into(),
            signing_key: Some("00".into()),
            witness_key: None,
        };
        let stated = Timestamp::from_second(1).unwrap();
        let signed = Statement { origin: ORIGIN.into(), stated, says }.sign(authority).unwrap();
        let signature = hex::encode(signed.signature);
        Authorised { request: Some("11".into()), stated, key_id: signed.key_id, signature }
    }

    #[test]
    fn no_key_counts_without_the_authority() {
        let authority = SigningKey::generate().unwrap();
        let mut law = Law::new(&Verified::default(), &[]);
        law.check(0, &record(1, genesis(&authority))).unwrap();
        law.check(1, &record(2, enrolled(Some(countersigned(&authority))))).unwrap();
        let other = countersigned(&SigningKey::generate().unwrap());
        for wrong in [None, Some(other)] {
            assert!(law.check(2, &record(3, enrolled(wrong))).is_err());
        }
        let mut altered = countersigned(&authority);
        altered.request = Some("12".into());
        assert!(law.check(2, &record(3, enrolled(Some(altered)))).is_err());
    }

    #[test]
    fn no_authority_counts_but_the_one_believed_and_no_decree_but_its() {
        let (real, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let believed = [real.verifying_key()];
        let mut law = Law::new(&Verified::default(), &believed);
        assert!(law.check(0, &record(1, genesis(&other))).is_err());
        law.check(0, &record(1, genesis(&real))).unwrap();
        let enacted = |by: &SigningKey| Event::DecreeEnacted {
            decree: birge_proto::record::DecreeName { number: "1".into(), version: "1".into() },
            in_force_from: Timestamp::from_second(5).unwrap(),
            digest: "aa".into(),
            key_id: by.verifying_key().id(),
            signature: String::new(),
        };
        assert!(law.check(1, &record(2, enacted(&other))).is_err());
        law.check(1, &record(2, enacted(&real))).unwrap();
        assert_eq!(law.decrees[0].digest, "aa");
    }

    #[test]
    fn the_log_begins_once_and_time_goes_on() {
        let authority = SigningKey::generate().unwrap();
        let mut law = Law::new(&Verified::default(), &[]);
        let read = || Event::RecordsRead { from: 0, to: 1 };
        assert!(law.check(0, &record(5, read())).is_err(), "no genesis");
        law.check(0, &record(5, genesis(&authority))).unwrap();
        assert!(law.check(1, &record(5, genesis(&authority))).is_err(), "a second one");
        assert!(law.check(1, &record(4, read())).is_err(), "earlier");
        law.check(1, &record(5, read())).unwrap();
        assert_eq!(law.origin, ORIGIN);
    }

    #[test]
    fn only_the_log_that_was_named_goes_on_and_from_all_of_it() {
        let authority = SigningKey::generate().unwrap();
        let next = || ("birge.example/log/2".to_owned(), "key".to_owned());
        let frozen = || {
            let (successor, log_key) = next();
            let says = Says::Successor { successor: successor.clone(), log_key: log_key.clone() };
            let stated = Timestamp::from_second(1).unwrap();
            let statement = Statement { origin: ORIGIN.into(), stated, says };
            let signed = statement.sign(&authority).unwrap();
            let signature = hex::encode(signed.signature);
            let authorised = Authorised { request: None, stated, key_id: signed.key_id, signature };
            Event::LogFrozen { successor, log_key, authorised }
        };
        let law = || {
            let mut law = Law::new(&Verified::default(), &[]);
            law.check(0, &record(1, genesis(&authority))).unwrap();
            law.check(1, &record(1, frozen())).unwrap();
            law
        };
        let goes_on = |(origin, log_key): (String, String), size: u64| {
            let last = format!("{ORIGIN}\n{size}\nroot\n\n");
            record(2, Event::LogContinued { origin, log_key, last })
        };
        let mut sound = law();
        sound.check(2, &goes_on(next(), 2)).unwrap();
        assert_eq!(sound.origin, next().0);
        assert!(sound.check(3, &goes_on(next(), 3)).is_err(), "twice");
        assert!(law().check(2, &goes_on(next(), 1)).is_err(), "not from all of it");
        assert!(law().check(2, &goes_on((next().0, "other".into()), 2)).is_err());
        assert!(law().check(2, &goes_on(("other".into(), next().1), 2)).is_err());
        let read = record(2, Event::RecordsRead { from: 0, to: 1 });
        assert!(law().check(2, &read).is_err(), "written to a frozen log");
    }
}
