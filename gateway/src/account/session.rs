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
    since: Timestamp,
    used: Timestamp,
}

impl Session {
    fn lasts(&self, now: Timestamp) -> bool {
        let age = |from: Timestamp| now.as_second() - from.as_second();
        age(self.since) < LONGEST && age(self.used) < IDLE
    }
}

impl Sessions {
    /// Begins one; answers until when it lasts at most.
    pub(super) fn begin(&self, person: &Identity, session: Digest, now: Timestamp) -> Timestamp {
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
            all.remove(oldest);
        }
        all.insert(session, Session { person: person.clone(), since: now, used: now });
        Timestamp::from_second(now.as_second() + LONGEST).unwrap_or(now)
    }

    /// Whose it is, or was.
    pub(super) fn person(&self, session: &Digest) -> Option<Identity> {
        self.all().get(session).map(|session| session.person.clone())
    }

    /// Does it last? Asking is using it.
    pub(super) fn lasts(&self, session: &Digest, now: Timestamp) -> bool {
        let mut all = self.all();
        let Some(session) = all.get_mut(session).filter(|session| session.lasts(now)) else {
            return false;
        };
        session.used = session.used.max(now);
        true
    }

    /// Ends one.
    pub(super) fn end(&self, session: &Digest) {
        self.all().remove(session);
    }

    /// Ends all of a person, but `but`.
    pub(super) fn end_all(&self, person: &Identity, but: Option<&Digest>) {
        self.all().retain(|digest, session| session.person != *person || Some(digest) == but);
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
        sessions.begin(&person, one.clone(), at(0));
        assert!(!sessions.lasts(&Digest::of("other"), at(1)));
        assert!(sessions.lasts(&one, at(IDLE - 1)));
        assert!(!sessions.lasts(&one, at(2 * IDLE)), "unused");
        assert_eq!(sessions.person(&one), Some(person.clone()));
        sessions.begin(&person, one.clone(), at(0));
        assert!((0..LONGEST).step_by(1_000).all(|second| sessions.lasts(&one, at(second))));
        assert!(!sessions.lasts(&one, at(LONGEST)), "old");
        sessions.begin(&person, Digest::of("next"), at(200_000));
        assert_eq!(sessions.person(&one), None);
    }

    #[test]
    fn the_oldest_ends_when_there_are_many() {
        let (sessions, person) = (Sessions::default(), "member/NSC/k3jq7x2m".parse().unwrap());
        let digest = |n: usize| Digest::of(&n.to_string());
        for n in 0..EACH + 2 {
            sessions.begin(&person, digest(n), at(n as i64));
        }
        let last: Vec<_> = (0..EACH + 2).filter(|n| sessions.lasts(&digest(*n), at(9))).collect();
        assert_eq!(last, (2..EACH + 2).collect::<Vec<_>>());
        sessions.end_all(&person, Some(&digest(EACH)));
        assert!(sessions.lasts(&digest(EACH), at(9)) && !sessions.lasts(&digest(EACH + 1), at(9)));
    }
}
