//! Sums of those turned away: what fails before anybody is identified, and what goes beyond a
//! quota, is recorded once a minute, so that strangers cannot fill the log.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Mutex, PoisonError},
};

use birge_proto::{clock::Timestamp, record::Event};

/// Counts by reason since the last time they were taken.
#[derive(Debug)]
pub(super) struct Turned(Mutex<(Timestamp, BTreeMap<String, u64>)>);

impl Turned {
    /// No counts yet.
    #[must_use]
    pub(super) fn since(now: Timestamp) -> Self {
        Self(Mutex::new((now, BTreeMap::new())))
    }

    /// One more for a reason.
    pub(super) fn count(&self, reason: impl Into<String>) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.1.entry(reason.into()).or_default() += 1;
    }

    /// The event to record; none when nobody was turned away.
    pub(super) fn take(&self, now: Timestamp) -> Option<Event> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, counts) = mem::replace(&mut *counts, (now, BTreeMap::new()));
        (!counts.is_empty()).then_some(Event::Turned { since, counts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_taken_once() {
        let turned = Turned::since(Timestamp::UNIX_EPOCH);
        assert_eq!(turned.take(Timestamp::UNIX_EPOCH), None);
        turned.count("no-certificate");
        turned.count("no-certificate");
        let Some(Event::Turned { counts, .. }) = turned.take(Timestamp::UNIX_EPOCH) else {
            panic!("two were counted")
        };
        assert_eq!(counts["no-certificate"], 2);
        assert_eq!(turned.take(Timestamp::UNIX_EPOCH), None);
    }
}
