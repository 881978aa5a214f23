//! The last check before the commit, made in the journal's own order: is the batch revised
//! still current, the decree decided by still in force, the agency still enrolled?

use std::collections::BTreeMap;

use birge_proto::{
    clock::Timestamp,
    envelope::VerifyingKey,
    identity::Identity,
    manifest::BatchId,
    problem::Kind,
    record::{DecreeName, Event, Record},
};

use crate::{
    journal::{Body, NewEntry, Sequencer},
    registry::Registry,
};

/// What somebody wants recorded.
pub struct Draft {
    /// Who acts.
    pub actor: Identity,
    /// Whom it concerns besides.
    pub parties: Vec<Identity>,
    /// The decree by which it was decided, where one was asked.
    pub decree: Option<DecreeName>,
    /// What happened, with the bodies to keep; several stand or fall together.
    pub events: Vec<(Event, Option<Body>)>,
    /// The key that signed the batch, for a submission.
    pub signed_by: Option<VerifyingKey>,
    /// Persons whom the first event names, by capacity.
    pub persons: BTreeMap<String, String>,
}

impl Draft {
    /// A draft of one event that needs no decree.
    #[must_use]
    pub fn of(actor: Identity, event: Event) -> Self {
        Self::one(actor, (event, None))
    }

    /// As [`Self::of`], with a body to keep.
    #[must_use]
    pub fn with_body(actor: Identity, event: Event, body: Body) -> Self {
        Self::one(actor, (event, Some(body)))
    }

    fn one(actor: Identity, event: (Event, Option<Body>)) -> Self {
        Self {
            actor,
            parties: vec![],
            decree: None,
            events: vec![event],
            signed_by: None,
            persons: BTreeMap::new(),
        }
    }
}

/// What became of a draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Recorded as it was.
    Recorded,
    /// The batch stands already, at this index. Nothing was recorded.
    Already(u64),
    /// Another decree has come into force, or another batch stands: decide again. Nothing was
    /// recorded.
    DecreeChanged,
    /// Refused for this reason; the refusal was recorded, unless the log is
    /// [frozen](Kind::Frozen).
    Refused(Kind, String),
}

/// The sequencer: the one place where the journal's order is decided.
#[derive(Default)]
pub struct Order {
    registry: Registry,
}

impl Order {
    /// A sequencer that continues after the records that `registry` has taken in.
    #[must_use]
    pub fn new(registry: Registry) -> Self {
        Self { registry }
    }

    fn check(&self, draft: &Draft, time: Timestamp) -> Reply {
        if let Some(successor) = self.registry.log().successor() {
            return match draft.events.first() {
                Some((Event::LogContinued { origin, log_key, .. }, _))
                    if (origin, log_key) == (&successor.origin, &successor.key) =>
                {
                    Reply::Recorded
                }
                _ => {
                    let origin = &successor.origin;
                    let detail =
                        format!("nothing more is written to this log: {origin} goes on from it");
                    Reply::Refused(Kind::Frozen, detail)
                }
            };
        }
        if let Some((kind, detail)) = self.bars_account(draft, time) {
            return Reply::Refused(kind, detail);
        }
        let in_force = || self.registry.decree_at(time).map(|enacted| &enacted.name);
        if draft.decree.as_ref().is_some_and(|decree| in_force() != Some(decree)) {
            return Reply::DecreeChanged;
        }
        if let Some((Event::DecreeEnacted { decree, in_force_from, signatures, .. }, _)) =
            draft.events.first()
        {
            if let Err(error) = self.registry.signatories().suffices(signatures) {
                return Reply::Refused(Kind::BadSignature, error.to_string());
            }
            return match self.registry.bars_decree(decree, *in_force_from, time) {
                Some(detail) => Reply::Refused(Kind::Conflict, detail),
                None => Reply::Recorded,
            };
        }
        if let Some((enrolment @ Event::ParticipantEnrolled { .. }, _)) = draft.events.first() {
            return match self.registry.bars_enrolment(enrolment) {
                Some(detail) => Reply::Refused(Kind::Conflict, detail),
                None => Reply::Recorded,
            };
        }
        if let Some((Event::CertificateRenewed { identity, asked, .. }, _)) = draft.events.first() {
            return match self.registry.bars_renewal(identity, asked.as_ref()) {
                Some(detail) => Reply::Refused(Kind::Conflict, detail),
                None => Reply::Recorded,
            };
        }
        if let Some((event @ (Event::HoldPlaced { .. } | Event::HoldLifted { .. }), _)) =
            draft.events.first()
        {
            return match self.registry.holds().bars(event) {
                Some((kind, detail)) => Reply::Refused(kind, detail),
                None => Reply::Recorded,
            };
        }
        if let Some((Event::PublicReleased { .. }, _)) = draft.events.first() {
            let stands = draft.events.iter().all(|(event, _)| self.stands(event));
            return if stands { Reply::Recorded } else { Reply::DecreeChanged };
        }
        let Some((Event::SubmissionAccepted { batch, dataset, periods, revises, consent, .. }, _)) =
            draft.events.first()
        else {
            return Reply::Recorded;
        };
        if let Some(index) = self.registry.batch(batch) {
            return Reply::Already(index);
        }
        let keys = self.registry.participant(&draft.actor).map(|known| &known.signing_keys);
        let signer = draft.signed_by.as_ref();
        if !keys.is_some_and(|keys| signer.is_some_and(|key| keys.contains_key(&key.id()))) {
            let detail = format!("{} was revoked before its batch was committed", draft.actor);
            return Reply::Refused(Kind::NotEnrolled, detail);
        }
        let consenting = consent.as_ref().map(|consent| self.registry.signs(&consent.key_id));
        if consenting.is_some_and(|who| who.is_none_or(|who| *who == draft.actor)) {
            let detail = String::from("who consented to the batch was revoked meanwhile");
            return Reply::Refused(Kind::NotEnrolled, detail);
        }
        let current = self.registry.current(dataset, periods);
        if current != *revises {
            return Reply::Refused(Kind::Stale, stale(current, *revises));
        }
        Reply::Recorded
    }
}

impl Order {
    /// Why a draft may not be recorded for the sake of a person's account: its own, or the one
    /// that it is about.
    fn bars_account(&self, draft: &Draft, time: Timestamp) -> Option<(Kind, String)> {
        let people = self.registry.people();
        if let Some((Event::Account { person, act }, _)) = draft.events.first() {
            return people.bars(time, &draft.actor, person, act);
        }
        let revoked = draft.actor.person.is_some() && !people.is_active(&draft.actor);
        // That it is refused is on record, too.
        let refused = |(event, _): &(Event, _)| event.problem().is_some();
        (revoked && !draft.events.iter().any(refused))
            .then(|| (Kind::NotSignedIn, format!("{} was revoked meanwhile", draft.actor)))
    }
}

impl Order {
    /// Is the batch that is to become public the current one of all its periods?
    fn stands(&self, event: &Event) -> bool {
        let Event::PublicReleased { dataset, periods, batch, .. } = event else { return false };
        let current = |period: &String| {
            self.registry.current(dataset, std::slice::from_ref(period)) == Some(*batch)
        };
        periods.iter().all(current)
    }
}

/// Says which batch is current, and which was named.
#[must_use]
pub fn stale(current: Option<BatchId>, named: Option<BatchId>) -> String {
    match (current, named) {
        (Some(current), Some(named)) => {
            format!("the batch names {named} as revised, but {current} is current for its periods")
        }
        (Some(current), None) => format!(
            "figures for these periods stand already: the batch must name {current} as revised"
        ),
        (None, Some(named)) => {
            format!("the batch names {named} as revised, but nothing stands for its periods")
        }
        (None, None) => String::from("nothing stands for these periods"),
    }
}

impl Sequencer for Order {
    type Draft = Draft;
    type Reply = Reply;

    fn room(&self, draft: &Draft) -> u64 {
        let body = |body: &Option<Body>| body.as_ref().map_or(0, Body::length);
        draft.events.iter().map(|(_, each)| NewEntry::room(body(each))).sum()
    }

    fn names_room(&self, draft: &Draft) -> u64 {
        NewEntry::names_room(&draft.persons)
    }

    fn sequence(&mut self, mut draft: Draft, next: u64, time: Timestamp) -> (Vec<NewEntry>, Reply) {
        let reply = self.check(&draft, time);
        match &reply {
            Reply::Recorded => {}
            Reply::Already(_) | Reply::DecreeChanged | Reply::Refused(Kind::Frozen, _) => {
                return (vec![], reply);
            }
            Reply::Refused(kind, _) => {
                draft.events = vec![(rejection(&draft, *kind), None)];
                draft.persons.clear();
            }
        }
        let mut entries = Vec::with_capacity(draft.events.len());
        for (event, body) in draft.events {
            // What a member does concerns the participant for which it acts.
            let party = draft.actor.party();
            let concerned = [&draft.actor, &party].into_iter().chain(&draft.parties);
            let parties = self.registry.next_counters(concerned);
            let persons = std::mem::take(&mut draft.persons);
            let actor = draft.actor.clone();
            let record = Record { time, actor, parties, persons: BTreeMap::new(), event };
            self.registry.apply(next + entries.len() as u64, &record);
            entries.push(NewEntry { record, body, persons });
        }
        (entries, reply)
    }
}

fn rejection(draft: &Draft, kind: Kind) -> Event {
    let problem = kind.code().to_owned();
    match draft.events.first() {
        Some((Event::SubmissionAccepted { batch, dataset, findings, ruling, .. }, _)) => {
            Event::SubmissionRejected {
                batch: Some(*batch),
                dataset: Some(dataset.clone()),
                problem,
                findings: findings.clone(),
                ruling: Some(ruling.clone()),
                articles: vec![],
            }
        }
        Some((Event::ParticipantEnrolled { .. }, _)) => {
            Event::ActRefused { act: String::from("admin/enrol"), problem }
        }
        Some((Event::CertificateRenewed { .. }, _)) => {
            Event::ActRefused { act: String::from("desk/renewal"), problem }
        }
        Some((Event::DecreeEnacted { .. }, _)) => {
            Event::ActRefused { act: String::from("admin/enact"), problem }
        }
        Some((Event::HoldPlaced { .. } | Event::HoldLifted { .. }, _)) => {
            Event::ActRefused { act: String::from("audit/hold"), problem }
        }
        Some((Event::Account { .. }, _)) => {
            Event::ActRefused { act: String::from("people/account"), problem }
        }
        Some((Event::QueryAnswered { dataset, .. }, _)) => {
            Event::QueryRefused { dataset: Some(dataset.clone()), problem, ruling: None }
        }
        _ => Event::ActRefused { act: String::from("sequence"), problem },
    }
}

#[cfg(test)]
mod tests {
    use birge_proto::{
        envelope::{DECREE_TYPE, SigningKey},
        record::KeySignature,
    };

    use super::*;

    #[test]
    fn article_3_4_no_decree_is_sequenced_with_fewer_signatures_than_were_pinned() {
        let mut keys = [(); 2].map(|()| SigningKey::generate().unwrap());
        keys.sort_by_key(|key| key.verifying_key().id());
        let event = |event: Event| Draft::of("operator/BIRGE".parse().unwrap(), event);
        let mut order = Order::default();
        let genesis = Event::Genesis {
            origin: "birge.example/log".into(),
            log_key: String::new(),
            authority_keys: keys.iter().map(|key| hex::encode(key.verifying_key().0)).collect(),
            authority_quorum: 2,
            witness_keys: BTreeMap::new(),
        };
        order.sequence(event(genesis), 0, Timestamp::UNIX_EPOCH);
        let both = keys.map(|key| KeySignature {
            key_id: key.verifying_key().id(),
            signature: hex::encode(key.sign(DECREE_TYPE, b"")),
        });
        let mut enact = |signatures: Vec<KeySignature>| {
            let decree = DecreeName { number: "1".into(), version: "1".into() };
            let in_force_from = Timestamp::UNIX_EPOCH;
            let digest = String::new();
            let enacted = Event::DecreeEnacted { decree, in_force_from, digest, signatures };
            let (entries, reply) = order.sequence(event(enacted), 1, Timestamp::UNIX_EPOCH);
            (entries.into_iter().map(|entry| entry.record.event).next(), reply)
        };
        for few in [vec![], vec![both[0].clone()], vec![both[0].clone(), both[0].clone()]] {
            let (recorded, reply) = enact(few);
            assert!(matches!(reply, Reply::Refused(Kind::BadSignature, _)), "{reply:?}");
            assert!(matches!(recorded, Some(Event::ActRefused { .. })), "{recorded:?}");
        }
        assert_eq!(enact(both.into()).1, Reply::Recorded);
    }
}
