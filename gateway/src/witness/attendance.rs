//! Who is there now, and who has said since the start what it holds.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use birge_proto::identity::Identity;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The witnesses that are there.
#[derive(Debug, Default)]
pub struct Attendance(watch::Sender<State>);

#[derive(Debug, Default)]
struct State {
    seats: BTreeMap<Identity, (u64, CancellationToken)>,
    answered: BTreeSet<Identity>,
    given: u64,
}

/// A witness's place for as long as it can be asked; given up when this is dropped.
#[derive(Debug)]
pub struct Seat {
    attendance: Arc<Attendance>,
    identity: Identity,
    number: u64,
    replaced: CancellationToken,
}

impl Attendance {
    /// Seats a witness, in the place of whoever sat there under its name.
    #[must_use]
    pub fn enter(self: &Arc<Self>, identity: &Identity) -> Seat {
        let replaced = CancellationToken::new();
        let mut number = 0;
        self.0.send_modify(|state| {
            state.given += 1;
            number = state.given;
            let seat = (number, replaced.clone());
            if let Some((_, older)) = state.seats.insert(identity.clone(), seat) {
                older.cancel();
            }
        });
        Seat { attendance: Arc::clone(self), identity: identity.clone(), number, replaced }
    }

    /// A witness has shown what it holds, and it does not contradict the log.
    pub fn has_answered(&self, identity: &Identity) {
        self.0.send_if_modified(|state| state.answered.insert(identity.clone()));
    }

    /// Is it there?
    #[must_use]
    pub fn is_present(&self, identity: &Identity) -> bool {
        self.0.borrow().seats.contains_key(identity)
    }

    /// Is everybody who is there among these?
    #[must_use]
    pub fn is_within(&self, others: &BTreeSet<Identity>) -> bool {
        self.0.borrow().seats.keys().all(|identity| others.contains(identity))
    }

    /// Has it said what it holds?
    #[must_use]
    pub fn has_said(&self, identity: &Identity) -> bool {
        self.0.borrow().answered.contains(identity)
    }

    /// How many of those that `count` have said what they hold.
    #[must_use]
    pub fn answered(&self, count: impl Fn(&Identity) -> bool) -> usize {
        self.0.borrow().answered.iter().filter(|identity| count(identity)).count()
    }

    /// Tells whenever any of this changes.
    #[must_use]
    pub fn changes(&self) -> Changes {
        Changes(self.0.subscribe())
    }
}

/// Tells of changes.
#[derive(Debug)]
pub struct Changes(watch::Receiver<State>);

impl Changes {
    /// Waits for the next change.
    pub async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Seat {
    /// Waits until somebody else sits here.
    pub async fn replaced(&self) {
        self.replaced.cancelled().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.attendance.0.send_if_modified(|state| {
            let own = state.seats.get(&self.identity).is_some_and(|seat| seat.0 == self.number);
            own && state.seats.remove(&self.identity).is_some()
        });
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn a_newer_session_takes_the_place_and_the_older_does_not_give_it_up() {
        let attendance = Arc::new(Attendance::default());
        let nsc: Identity = "agency/NSC".parse().unwrap();
        let older = attendance.enter(&nsc);
        assert!(older.replaced().now_or_never().is_none());
        let newer = attendance.enter(&nsc);
        assert!(older.replaced().now_or_never().is_some());
        drop(older);
        assert!(attendance.is_present(&nsc) && !attendance.is_within(&BTreeSet::new()));
        attendance.has_answered(&nsc);
        drop(newer);
        assert!(!attendance.is_present(&nsc) && attendance.is_within(&BTreeSet::new()));
        assert_eq!(attendance.answered(|_| true), 1, "what was said stays said");
    }
}
