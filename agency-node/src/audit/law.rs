//! What must hold from record to record beside the counters: the log begins once, time never
//! runs backwards, and no key counts that the authority did not state to be whose it is.

use birge_proto::{
    clock::Timestamp,
    envelope::VerifyingKey,
    identity::Role,
    record::{Authorised, Event, Record},
    statement::{Says, Statement},
};

/// What is known of the records before.
#[derive(Debug)]
pub(super) struct Law {
    origin: String,
    pub(super) time: Option<Timestamp>,
    /// Hex.
    pub(super) authority_keys: Vec<String>,
}

impl Law {
    pub(super) fn new(
        origin: String,
        time: Option<Timestamp>,
        authority_keys: Vec<String>,
    ) -> Self {
        Self { origin, time, authority_keys }
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
                if *origin != self.origin {
                    return Err(format!("the log says that it is {origin}, not {}", self.origin));
                }
                self.authority_keys.clone_from(authority_keys);
                Ok(())
            }
            _ if index == 0 => Err(String::from("the log does not begin with its genesis")),
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

    fn stated(&self, says: Says, authorised: &Authorised) -> Result<(), String> {
        let keys = self.authority_keys.iter().filter_map(|key| hex::decode(key).ok());
        let keys: Vec<_> = keys.filter_map(|key| VerifyingKey::from_bytes(&key).ok()).collect();
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
        let mut law = Law::new(ORIGIN.into(), None, vec![]);
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
    fn the_log_begins_once_and_time_goes_on() {
        let authority = SigningKey::generate().unwrap();
        let mut law = Law::new(ORIGIN.into(), None, vec![]);
        let read = || Event::RecordsRead { from: 0, to: 1 };
        assert!(law.check(0, &record(5, read())).is_err(), "no genesis");
        law.check(0, &record(5, genesis(&authority))).unwrap();
        assert!(law.check(1, &record(5, genesis(&authority))).is_err(), "a second one");
        assert!(law.check(1, &record(4, read())).is_err(), "earlier");
        law.check(1, &record(5, read())).unwrap();
        assert!(
            Law::new("other".into(), None, vec![])
                .check(0, &record(5, genesis(&authority)))
                .is_err()
        );
    }
}
