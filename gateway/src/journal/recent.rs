//! The entries that were written last: who follows closely has them without the disk.

use std::{
    collections::VecDeque,
    sync::{PoisonError, RwLock},
};

use super::entry::Entry;

/// Entries that are kept, about; a few kilobytes each.
const KEPT: usize = 4_096;

/// Groups that were written last, in order; not all, for those with bodies are not among them.
#[derive(Debug, Default)]
pub(super) struct Recent(RwLock<VecDeque<Vec<Entry>>>);

impl Recent {
    /// Adds a group, once it is durable.
    pub(super) fn push(&self, group: Vec<Entry>) {
        let mut groups = self.0.write().unwrap_or_else(PoisonError::into_inner);
        groups.push_back(group);
        let mut entries: usize = groups.iter().map(Vec::len).sum();
        while entries > KEPT
            && let Some(oldest) = groups.pop_front()
        {
            entries -= oldest.len();
        }
    }

    /// The entries from `index` on of the group that holds it, where that is kept.
    pub(super) fn from(&self, index: u64) -> Option<Vec<Entry>> {
        let groups = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let first = |group: &Vec<Entry>| group.first().map_or(u64::MAX, |entry| entry.index);
        let after = groups.partition_point(|group| first(group) <= index);
        let group = groups.get(after.checked_sub(1)?)?;
        let at = usize::try_from(index - first(group)).ok()?;
        group.get(at..).filter(|entries| !entries.is_empty()).map(<[Entry]>::to_vec)
    }
}
