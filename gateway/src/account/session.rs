//! Who is signed in. Sessions live in memory: after a restart people sign in again.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use birge_proto::{clock::Timestamp, identity::Identity};

use super::secret::Digest;

/// Seconds that a session lasts.
const LONGEST: i64 = 12 * 3_600;
/// Seconds that it lasts unused.
const IDLE: i64 = 30 * 60;
/// Sessions of one person at once; the oldest ends when another begins.
const EACH: usize = 5;

/// Every session.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<HashMap<Digest, Session>>);

#[derive(Debug, Clone)]
struct Session {
    person: Identity,
    /// Number of the exchange in which it began.
    exchange: u64,
    since: Timestamp,
    used: Timestamp,
    /// It was ended. It is known for a while all the same, so that whoever uses it is.
    ended: bool,
}

impl Session {
    fn lasts(&self, now: Timestamp) -> bool {
        let age = |from: Timestamp| now.as_second() - from.as_second();
        !self.ended && age(self.since) < LONGEST && age(self.used) < IDLE
    }
}

impl Sessions {
    /// Begins one, in this exchange; answers until when it lasts at most.
    pub(super) fn begin(
        &self,
        person: &Identity,
        session: Digest,
        exchange: u64,
        now: Timestamp,
    ) -> Timestamp {
        let mut all = self.all();
        // Those that are over are known for a day, so that whoever uses one is.
        all.retain(|_, session| now.as_second() - session.since.as_second() < 86_400);
        let mut own: Vec<_> = all
            .iter()
            .filter(|(_, session)| session.person == *person && session.lasts(now))
            .map(|(digest, session)| (session.since, digest.clone()))
            .collect();
        own.sort_by_key(|(since, _)| *since);
        for (_, oldest) in own.iter().take((own.len() + 1).saturating_sub(EACH)) {
            all.entry(oldest.clone()).and_modify(|session| session.ended = true);
        }
        let person = person.clone();
        let begun = Session { person, exchange, since: now, used: now, ended: false };
        all.insert(session, begun);
        Timestamp::from_second(now.as_second() + LONGEST).unwrap_or(now)
    }

    /// Whose it is, or was.
    pub(super) fn person(&self, session: &Digest) -> Option<Identity> {
        self.all().get(session).map(|session| session.person.clone())
    }

    /// Does it last, and began no earlier than in exchange `since`? Asking is using it.
    pub(super) fn lasts(&self, session: &Digest, since: u64, now: Timestamp) -> bool {
        let mut all = self.all();
        let lasting = |session: &&mut Session| session.lasts(now) && session.exchange >= since;
        let Some(session) = all.get_mut(session).filter(lasting) else { return false };
        session.used = session.used.max(now);
        true
    }

    /// Ends one.
    pub(super) fn end(&self, session: &Digest) {
        self.all().entry(session.clone()).and_modify(|session| session.ended = true);
    }

    /// Lets one go on beyond a change of the password, which is recorded as this exchange.
    pub(super) fn renew(&self, session: &Digest, exchange: u64) {
        self.all().entry(session.clone()).and_modify(|session| session.exchange = exchange);
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Digest, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_session_ends_when_unused_and_when_old_and_is_known_for_a_while() {
        let (sessions, person) = (Sessions::default(), "member/NSC/k3jq7x2m".parse().unwrap());
        let one = Digest::of("one");
        sessions.begin(&person, one.clone(), 7, at(0));
        assert!(!sessions.lasts(&Digest::of("other"), 0, at(1)));
        assert!(sessions.lasts(&one, 0, at(IDLE - 1)));
        assert!(!sessions.lasts(&one, 0, at(2 * IDLE)), "unused");
        assert_eq!(sessions.person(&one), Some(person.clone()));
        sessions.begin(&person, one.clone(), 7, at(0));
        assert!((0..LONGEST).step_by(1_000).all(|second| sessions.lasts(&one, 0, at(second))));
        assert!(!sessions.lasts(&one, 0, at(LONGEST)), "old");
        sessions.begin(&person, Digest::of("next"), 9, at(200_000));
        assert_eq!(sessions.person(&one), None);
    }

    #[test]
    fn the_oldest_ends_when_there_are_many() {
        let (sessions, person) = (Sessions::default(), "member/NSC/k3jq7x2m".parse().unwrap());
        let digest = |n: usize| Digest::of(&n.to_string());
        for n in 0..EACH + 2 {
            sessions.begin(&person, digest(n), n as u64, at(n as i64));
        }
        let last: Vec<_> =
            (0..EACH + 2).filter(|n| sessions.lasts(&digest(*n), 0, at(9))).collect();
        assert_eq!(last, (2..EACH + 2).collect::<Vec<_>>());
        // A change of the password, recorded as exchange 20, ends all that began before.
        sessions.renew(&digest(EACH), 20);
        assert!(sessions.lasts(&digest(EACH), 20, at(9)));
        assert!(!sessions.lasts(&digest(EACH + 1), 20, at(9)));
        sessions.end(&digest(EACH));
        assert!(!sessions.lasts(&digest(EACH), 20, at(9)));
        assert_eq!(sessions.person(&digest(EACH)), Some(person), "whose it was is known");
    }
}
