//! What must hold from record to record beside the counters: the log begins once, time never
//! runs backwards, nothing is written to a frozen log, only the one that it names goes on, no decree
//! is enacted that too few of the authority's keys signed, and no key counts that the authority did
//! not state to be whose it is.

use birge_proto::{
    clock::Timestamp,
    identity::Role,
    record::{Event, Record, SigningKeys},
    signatories::Signatories,
    statement::{Says, Statement},
};

use super::verified::{Enacted, Verified};

/// What is known of the records before.
#[derive(Debug)]
pub(super) struct Law {
    /// Of the log that the last record stands in.
    pub(super) origin: String,
    pub(super) time: Option<Timestamp>,
    /// The authority as the log's first record pins it; none where that is closed to this node.
    pub(super) signatories: Option<Signatories>,
    /// The authority that this node believes whatever the log says; without keys where it was
    /// told none.
    believed: Signatories,
    /// Decrees that were enacted.
    pub(super) decrees: Vec<Enacted>,
    /// Origin and key of the log that is to go on, once this one is frozen.
    pub(super) successor: Option<(String, String)>,
    /// The signing keys of those who are enrolled.
    pub(super) keys: SigningKeys,
}

impl Law {
    /// Goes on after what was verified before.
    pub(super) fn new(before: &Verified, believed: &Signatories) -> Self {
        Self {
            origin: before.origin.clone(),
            time: before.time,
            signatories: before.signatories.clone(),
            believed: believed.clone(),
            decrees: before.decrees.clone(),
            successor: before.successor.clone(),
            keys: before.keys.clone(),
        }
    }

    /// Checks the next record that is shown; says what does not hold.
    pub(super) fn check(&mut self, index: u64, record: &Record) -> Result<(), String> {
        if self.time.is_some_and(|before| record.time < before) {
            return Err(String::from("it is earlier than a record before it"));
        }
        self.time = Some(record.time);
        self.keys.check(record, self.signatories.is_some())?;
        match &record.event {
            Event::Genesis { origin, authority_keys, authority_quorum, .. } => {
                if index != 0 {
                    return Err(String::from("the log begins a second time"));
                }
                let pinned = Signatories::pinned(authority_keys, *authority_quorum)
                    .map_err(|error| format!("the authority that it pins is none: {error}"))?;
                self.believes(&pinned)?;
                self.origin.clone_from(origin);
                self.signatories = Some(pinned);
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
            Event::DecreeEnacted { in_force_from, digest, signatures, .. } => {
                if let Some(signatories) = &self.signatories {
                    signatories.suffices(signatures).map_err(|error| error.to_string())?;
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

    /// Checks the authority that the log pins against the one that this node was told of.
    fn believes(&self, pinned: &Signatories) -> Result<(), String> {
        let believed = &self.believed;
        if believed.keys().is_empty() {
            return Ok(());
        }
        if let Some(stranger) = pinned.keys().iter().find(|key| !believed.keys().contains(key)) {
            let stranger = hex::encode(stranger.0);
            return Err(format!(
                "it pins {stranger} as a key of the authority, which this node does not believe"
            ));
        }
        if pinned.quorum() != believed.quorum() {
            return Err(format!(
                "it has decrees enacted that {} of the authority's keys signed, and this node \
                 was told that {} must",
                pinned.quorum(),
                believed.quorum()
            ));
        }
        Ok(())
    }

    /// Checks the authority's countersignature under a record about keys. Who does not see the
    /// log's first record does not know the authority's keys, and checks nothing here.
    fn authorised(&self, event: &Event) -> Result<(), String> {
        let Some(signatories) = &self.signatories else { return Ok(()) };
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
        let statement = Statement { origin: self.origin.clone(), stated: authorised.stated, says };
        statement
            .verify(authorised, signatories.keys())
            .map_err(|error| format!("what it says of keys does not count: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use birge_proto::{
        envelope::SigningKey,
        record::{Authorised, DecreeName, KeySignature},
    };

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
        pinned(&[authority], 1)
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
        let mut law = Law::new(&Verified::default(), &Signatories::default());
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

    fn pinned(keys: &[&SigningKey], authority_quorum: u64) -> Event {
        let keys = keys.iter().map(|key| hex::encode(key.verifying_key().0));
        Event::Genesis {
            origin: ORIGIN.into(),
            log_key: String::new(),
            authority_keys: keys.collect(),
            authority_quorum,
            witness_keys: BTreeMap::new(),
        }
    }

    /// A decree enacted with what these keys are said to have signed.
    fn enacted(by: &[&SigningKey]) -> Event {
        let signed = |key: &&SigningKey| KeySignature {
            key_id: key.verifying_key().id(),
            signature: String::new(),
        };
        Event::DecreeEnacted {
            decree: DecreeName { number: "1".into(), version: "1".into() },
            in_force_from: Timestamp::from_second(5).unwrap(),
            digest: "aa".into(),
            signatures: by.iter().map(signed).collect(),
        }
    }

    #[test]
    fn no_authority_counts_but_the_one_believed_and_no_decree_but_its() {
        let (real, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let believed = Signatories::new(vec![real.verifying_key()], 1).unwrap();
        let mut law = Law::new(&Verified::default(), &believed);
        assert!(law.check(0, &record(1, genesis(&other))).is_err());
        law.check(0, &record(1, genesis(&real))).unwrap();
        assert!(law.check(1, &record(2, enacted(&[&other]))).is_err());
        law.check(1, &record(2, enacted(&[&real]))).unwrap();
        assert_eq!(law.decrees[0].digest, "aa");
    }

    #[test]
    fn article_3_4_a_decree_that_too_few_keys_signed_is_found() {
        let mut keys = [(); 3].map(|()| SigningKey::generate().unwrap());
        keys.sort_by_key(|key| key.verifying_key().id());
        let ([a, b, c], stranger) = (&keys, SigningKey::generate().unwrap());
        let mut law = Law::new(&Verified::default(), &Signatories::default());
        law.check(0, &record(1, pinned(&[c, a, b], 2))).unwrap();
        for wrong in [&[][..], &[a], &[a, a], &[b, a], &[&stranger], &[&stranger, &stranger]] {
            let told = law.check(1, &record(2, enacted(wrong)));
            assert!(told.is_err(), "{wrong:?}");
        }
        let mut with = [a, b, &stranger];
        with.sort_by_key(|key| key.verifying_key().id());
        assert!(law.check(1, &record(2, enacted(&with))).is_err(), "a stranger among them");
        assert!(law.decrees.is_empty());
        for sound in [&[a, b][..], &[a, c], &[a, b, c]] {
            law.check(1, &record(2, enacted(sound))).unwrap();
        }
    }

    #[test]
    fn article_3_4_a_log_that_asks_for_other_signatures_than_was_told_is_found() {
        let keys = [(); 3].map(|()| SigningKey::generate().unwrap());
        let [a, b, c] = &keys;
        let believed = keys.iter().map(SigningKey::verifying_key).collect();
        let believed = Signatories::new(believed, 2).unwrap();
        let begun = |believed: &Signatories, genesis: Event| {
            Law::new(&Verified::default(), believed).check(0, &record(1, genesis))
        };
        begun(&believed, pinned(&[a, b, c], 2)).unwrap();
        for quorum in [1, 3] {
            assert!(begun(&believed, pinned(&[a, b, c], quorum)).is_err(), "{quorum} are asked");
        }
        let nobody = Signatories::default();
        for (keys, quorum) in [(&[][..], 0), (&[], 1), (&[a, a], 2), (&[a, b], 0), (&[a, b], 3)] {
            assert!(begun(&nobody, pinned(keys, quorum)).is_err(), "{quorum} of {keys:?}");
        }
    }

    #[test]
    fn the_log_begins_once_and_time_goes_on() {
        let authority = SigningKey::generate().unwrap();
        let mut law = Law::new(&Verified::default(), &Signatories::default());
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
            let mut law = Law::new(&Verified::default(), &Signatories::default());
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
