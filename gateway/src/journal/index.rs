//! Where each group stands.

use std::{
    ops::Range,
    path::Path,
    sync::{Arc, PoisonError, RwLock},
};

use super::Hash;

/// Where a group stands, and the hash by which it is known again.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) first: u64,
    pub(super) segment: Arc<Path>,
    pub(super) offset: u64,
    pub(super) hash: Hash,
}

/// The places of all durable groups, in order. The writer adds, readers look up.
#[derive(Debug, Default)]
pub(super) struct Index(RwLock<Vec<Place>>);

impl Index {
    pub(super) fn push(&self, place: Place) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(place);
    }

    /// The segments that hold entries of `range`, in order.
    pub(super) fn segments(&self, range: &Range<u64>) -> Vec<Arc<Path>> {
        let places = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let from = places.partition_point(|place| place.first <= range.start).saturating_sub(1);
        let within = places[from..].iter().take_while(|place| place.first < range.end);
        let mut segments: Vec<_> = within.map(|place| Arc::clone(&place.segment)).collect();
        segments.dedup();
        segments
    }

    /// The group that holds entry `index`, if it is not beyond the last group.
    pub(super) fn find(&self, index: u64) -> Option<Place> {
        let places = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let after = places.partition_point(|place| place.first <= index);
        after.checked_sub(1).map(|at| places[at].clone())
    }
}
