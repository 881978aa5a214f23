//! Which decree holds when (article 11).

use std::sync::Arc;

use birge_proto::clock::Timestamp;

use super::Decree;

/// All decrees of an exchange, by the moment from which they are in force.
#[derive(Debug, Clone, Default)]
pub struct Lineage(Vec<Arc<Decree>>);

impl Lineage {
    /// Takes in a decree that was enacted at `now`. The first may have come into force before
    /// there was an exchange; every later one begins after all before it, and never before it
    /// was enacted.
    ///
    /// # Errors
    /// When it would judge exchanges of the past.
    pub fn enact(&mut self, decree: Arc<Decree>, now: Timestamp) -> Result<(), LineageError> {
        let from = decree.in_force_from();
        if let Some(last) = self.0.last() {
            if from <= last.in_force_from() {
                return Err(LineageError::NotAfter(from, last.in_force_from()));
            }
            if from < now {
                return Err(LineageError::Retroactive(from, now));
            }
        }
        self.0.push(decree);
        Ok(())
    }

    /// The decree in force at `at`; none before the first.
    #[must_use]
    pub fn in_force(&self, at: Timestamp) -> Option<&Arc<Decree>> {
        self.0.iter().rev().find(|decree| decree.in_force_from() <= at)
    }

    /// Every decree, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Decree>> {
        self.0.iter()
    }
}

/// Why a decree cannot be enacted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineageError {
    /// Not later than the one before.
    #[error("in force from {0}, but a decree stands that is in force from {1}; name a later date")]
    NotAfter(Timestamp, Timestamp),
    /// In the past.
    #[error("in force from {0}, which is before its enactment at {1}; name a later date")]
    Retroactive(Timestamp, Timestamp),
}
