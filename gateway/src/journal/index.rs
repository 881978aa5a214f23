//! All durable groups: where they stand, and those that were written last.

use std::{
    ops::Range,
    path::Path,
    sync::{Arc, PoisonError, RwLock},
};

use super::{entry::Entry, place::Place, recent::Recent};

/// The places of all durable groups, in order. The writer adds, readers look up.
#[derive(Debug, Default)]
pub(super) struct Index {
    places: RwLock<Vec<Place>>,
    recent: Recent,
}

impl Index {
    /// Adds a group that is durable, with its entries where they may be kept.
    pub(super) fn push(&self, place: Place, entries: Option<Vec<Entry>>) {
        self.places.write().unwrap_or_else(PoisonError::into_inner).push(place);
        entries.into_iter().for_each(|entries| self.recent.push(entries));
    }

    /// The entries from `index` on of the group that holds it, where that was written not long ago.
    pub(super) fn recent(&self, index: u64) -> Option<Vec<Entry>> {
        self.recent.from(index)
    }

    /// The segments that hold entries of `range`, in order.
    pub(super) fn segments(&self, range: &Range<u64>) -> Vec<Arc<Path>> {
        let places = self.places.read().unwrap_or_else(PoisonError::into_inner);
        let from = places.partition_point(|place| place.first <= range.start).saturating_sub(1);
        let within = places[from..].iter().take_while(|place| place.first < range.end);
        let mut segments: Vec<_> = within.map(|place| Arc::clone(&place.segment)).collect();
        segments.dedup();
        segments
    }

    /// The group that holds entry `index`, if it is not beyond the last group.
    pub(super) fn find(&self, index: u64) -> Option<Place> {
        let places = self.places.read().unwrap_or_else(PoisonError::into_inner);
        let after = places.partition_point(|place| place.first <= index);
        after.checked_sub(1).map(|at| places[at].clone())
    }
}
