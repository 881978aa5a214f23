//! Who takes part, which decree is in force, which batches stand: what follows from the
//! records alone. Kept twice, by the sequencer (which decides) and by the catalogue (which
//! answers), through the one function [`Registry::apply`].

mod holders;
mod holds;
mod log;
mod people;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use birge_proto::{
    clock::Timestamp,
    envelope::VerifyingKey,
    identity::Identity,
    manifest::BatchId,
    record::{Authorised, DecreeName, Event, Record},
    signatories::Signatories,
    statement::{Says, Signed},
    tlog::cosignature::CosignatureVerifier,
};

use jiff::SignedDuration;

use self::holders::{Candidate, Holders};
pub use self::holds::Holds;
pub use self::{
    log::Log,
    people::{Account, AccountState, People, RECOVERY_SECONDS, Token},
};

/// A certificate is renewed no sooner after it was renewed.
const ONCE: SignedDuration = SignedDuration::from_hours(24);

/// State that follows from the records.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    participants: BTreeMap<Identity, Participant>,
    counters: BTreeMap<Identity, u64>,
    decrees: Vec<Enacted>,
    signatories: Signatories,
    holders: Holders,
    people: People,
    log: Log,
    quorum_lost: bool,
    batches: HashMap<BatchId, u64>,
    heads: HashMap<String, BTreeMap<String, (u64, BatchId)>>,
    revoked: BTreeSet<String>,
    holds: Holds,
    time: Option<Timestamp>,
}

/// An enrolled identity.
#[derive(Debug, Clone, Default)]
pub struct Participant {
    /// Serial numbers of its certificates that count, in hex.
    pub serials: BTreeSet<String>,
    /// Its signing keys that count, by id.
    pub signing_keys: BTreeMap<String, VerifyingKey>,
    /// Its key to witness the log with.
    pub witness_key: Option<CosignatureVerifier>,
    /// What the authority stated of its keys.
    pub statement: Option<Signed>,
    /// SHA-256 of the certificate request that the authority countersigned, in hex.
    pub request: Option<String>,
    /// When it asked last for its certificate to be renewed.
    pub renewed: Option<Timestamp>,
}

/// A decree and the moment from which it is in force.
#[derive(Debug, Clone)]
pub struct Enacted {
    /// Number and version.
    pub name: DecreeName,
    /// First moment in force.
    pub from: Timestamp,
    /// Where its record stands.
    pub index: u64,
}

impl Registry {
    /// Takes in the record that stands at `index`. Records come in the journal's order.
    pub fn apply(&mut self, index: u64, record: &Record) {
        self.time = Some(record.time);
        for (party, count) in &record.parties {
            self.counters.insert(party.clone(), *count);
        }
        self.log.apply(index, &record.event);
        match &record.event {
            Event::Genesis { authority_keys, authority_quorum, witness_keys, .. } => {
                let pinned = Signatories::pinned(authority_keys, *authority_quorum);
                self.signatories = pinned.unwrap_or_default();
                self.holders.pin(witness_keys, record.time);
            }
            Event::DecreeEnacted { decree, in_force_from, .. } => {
                self.decrees.push(Enacted { name: decree.clone(), from: *in_force_from, index });
            }
            Event::ParticipantEnrolled {
                identity,
                serial,
                signing_key,
                witness_key,
                authorised,
                ..
            } => {
                let request = authorised.as_ref().and_then(|stated| stated.request.clone());
                let says = request.clone().map(|request| Says::Enrolment {
                    identity: identity.clone(),
                    request,
                    signing_key: signing_key.clone(),
                    witness_key: witness_key.clone(),
                });
                let statement = says.zip(authorised.as_ref());
                let statement = statement.and_then(|(says, stated)| self.log.stated(says, stated));
                let participant = self.participants.entry(identity.clone()).or_default();
                participant.serials.insert(serial.clone());
                if let Some(key) = signing_key.as_deref().and_then(public) {
                    participant.signing_keys.insert(key.id(), key);
                }
                let witness_key = witness_key.as_deref().map(CosignatureVerifier::from_vkey);
                participant.witness_key = witness_key.and_then(Result::ok);
                if let Some(candidate) = candidate(&record.event) {
                    self.holders.enrol(candidate);
                }
                participant.statement = statement;
                participant.request = request;
            }
            Event::CertificateRenewed { identity, serial, asked, .. } => {
                let participant = self.participants.entry(identity.clone()).or_default();
                participant.serials.insert(serial.clone());
                participant.renewed = asked.as_ref().map(|asked| asked.stated);
            }
            Event::ParticipantRevoked { identity, serials } => {
                self.revoked.extend(serials.iter().cloned());
                // One may have been renewed since they were looked up.
                let before = self.participants.insert(identity.clone(), Participant::default());
                self.revoked.extend(before.into_iter().flat_map(|known| known.serials));
                self.people.body_revoked(identity);
            }
            Event::Account { person, act } => {
                self.people.apply(index, record.time, &record.actor, (person, act));
            }
            Event::SubmissionAccepted { batch, dataset, periods, .. } => {
                self.batches.insert(*batch, index);
                let heads = self.heads.entry(dataset.clone()).or_default();
                for period in periods {
                    heads.insert(period.clone(), (index, *batch));
                }
            }
            Event::HoldPlaced { hold, from, to } => self.holds.place(hold, *from, *to),
            Event::HoldLifted { hold } => self.holds.lift(hold),
            Event::WitnessQuorumLost { .. } => self.quorum_lost = true,
            Event::WitnessQuorumRegained { .. } => self.quorum_lost = false,
            _ => {}
        }
    }

    /// The accounts of persons.
    #[must_use]
    pub fn people(&self) -> &People {
        &self.people
    }

    /// The legal holds that stand.
    #[must_use]
    pub fn holds(&self) -> &Holds {
        &self.holds
    }

    /// The numbers that the next record gives to the parties it concerns.
    #[must_use]
    pub fn next_counters<'a>(
        &self,
        parties: impl IntoIterator<Item = &'a Identity>,
    ) -> BTreeMap<Identity, u64> {
        let next = |party: &Identity| self.counters.get(party).copied().unwrap_or_default() + 1;
        parties.into_iter().map(|party| (party.clone(), next(party))).collect()
    }

    /// An identity that is enrolled and not revoked.
    #[must_use]
    pub fn participant(&self, identity: &Identity) -> Option<&Participant> {
        self.participants.get(identity).filter(|participant| !participant.serials.is_empty())
    }

    /// Whose signing key that counts this is, by its id.
    #[must_use]
    pub fn signs(&self, key_id: &str) -> Option<&Identity> {
        let holds = |known: &Participant| known.signing_keys.contains_key(key_id);
        self.participants.iter().find(|(_, known)| holds(known)).map(|(identity, _)| identity)
    }

    /// Every identity that was ever enrolled.
    pub fn participants(&self) -> impl Iterator<Item = (&Identity, &Participant)> {
        self.participants.iter()
    }

    /// Why an enrolment may not be recorded, where it may not: a key has one holder and one
    /// use; who is enrolled keeps its keys until revoked, so that nobody is given a second key
    /// in another's name; what was pinned at genesis holds; and of the authority's statements
    /// about an identity only a later one counts.
    #[must_use]
    pub fn bars_enrolment(&self, enrolment: &Event) -> Option<String> {
        let candidate = candidate(enrolment)?;
        self.holders.bar(candidate, self.participant(candidate.identity))
    }

    /// Why a certificate may not be renewed, where it may not: its holder is enrolled, and asks once
    /// a day at most.
    #[must_use]
    pub fn bars_renewal(&self, identity: &Identity, asked: Option<&Authorised>) -> Option<String> {
        let Some(known) = self.participant(identity) else {
            return Some(format!("{identity} is not enrolled"));
        };
        let (last, stated) = known.renewed.zip(asked.map(|asked| asked.stated))?;
        (stated.duration_since(last) < ONCE)
            .then(|| format!("{identity} asked for it at {last}, less than a day before"))
    }

    /// Serial numbers of every certificate that was revoked, in hex.
    pub fn revoked(&self) -> impl Iterator<Item = &str> {
        self.revoked.iter().map(String::as_str)
    }

    /// The decree in force at a moment: of those whose time has come, the one enacted last.
    #[must_use]
    pub fn decree_at(&self, time: Timestamp) -> Option<&Enacted> {
        self.decrees
            .iter()
            .filter(|decree| decree.from <= time)
            .max_by_key(|decree| (decree.from, decree.index))
    }

    /// How many decrees were enacted.
    #[must_use]
    pub fn decrees(&self) -> usize {
        self.decrees.len()
    }

    /// The present moment as the journal counts it: never before its last record.
    #[must_use]
    pub fn present(&self, now: Timestamp) -> Timestamp {
        self.time.map_or(now, |last| last.max(now))
    }

    /// Why a decree may not be enacted at a moment, where it may not: each number and version
    /// is enacted once, and none is retroactive (article 11) but the log's first.
    #[must_use]
    pub fn bars_decree(
        &self,
        name: &DecreeName,
        from: Timestamp,
        time: Timestamp,
    ) -> Option<String> {
        let DecreeName { number, version } = name;
        if self.decrees.iter().any(|enacted| enacted.name == *name) {
            return Some(format!(
                "decree {number} of {version} was enacted already: an amendment has a version of its own"
            ));
        }
        (from < time && !self.decrees.is_empty())
            .then(|| format!("the decree would be in force from {from}: no decree is retroactive"))
    }

    /// The authority as pinned when the log began; nobody, where that is unsound.
    #[must_use]
    pub fn signatories(&self) -> &Signatories {
        &self.signatories
    }

    /// The log's origin and keys.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Is it on record that too few witnesses sign?
    #[must_use]
    pub fn quorum_lost(&self) -> bool {
        self.quorum_lost
    }

    /// Everybody who is enrolled with a key to witness with, and that key.
    #[must_use]
    pub fn witness_keys(&self) -> BTreeMap<Identity, CosignatureVerifier> {
        let enrolled = self.participants.iter().filter(|(_, known)| !known.serials.is_empty());
        let key = |known: &Participant| known.witness_key.clone();
        enrolled.filter_map(|(identity, known)| Some((identity.clone(), key(known)?))).collect()
    }

    /// Where an accepted batch stands in the journal.
    #[must_use]
    pub fn batch(&self, batch: &BatchId) -> Option<u64> {
        self.batches.get(batch).copied()
    }

    /// The newest accepted batch that touches any of these periods: what a revision must name.
    #[must_use]
    pub fn current(&self, dataset: &str, periods: &[String]) -> Option<BatchId> {
        let heads = self.heads.get(dataset)?;
        periods.iter().filter_map(|period| heads.get(period)).max().map(|(_, batch)| *batch)
    }
}

fn candidate(event: &Event) -> Option<Candidate<'_>> {
    let Event::ParticipantEnrolled { identity, signing_key, witness_key, authorised, .. } = event
    else {
        return None;
    };
    Some(Candidate {
        identity,
        signing_key: signing_key.as_deref(),
        witness_key: witness_key.as_deref(),
        stated: authorised.as_ref().map(|authorised| authorised.stated),
    })
}

fn public(hex_key: &str) -> Option<VerifyingKey> {
    VerifyingKey::from_bytes(&hex::decode(hex_key).ok()?).ok()
}

#[cfg(test)]
mod tests;
