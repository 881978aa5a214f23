//! The figures of one dataset: its released periods.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use birge_proto::{clock::Timestamp, manifest::BatchId};
use birge_schemas::{detail::Detail, slice::Slice};
use roaring::RoaringBitmap;

use crate::query::Selection;

/// The released periods of a dataset.
#[derive(Debug, Clone, Default)]
pub struct Holding {
    pub(super) periods: BTreeMap<String, Held>,
}

/// One released period.
#[derive(Debug, Clone)]
pub struct Held {
    /// The observations, ascending by key.
    pub slice: Arc<Slice>,
    /// Rows withheld under article 7.
    pub(super) withheld: Arc<RoaringBitmap>,
    /// The earlier releases of this period: what stood, and what of it was withheld.
    pub(super) earlier: Vec<(Arc<Slice>, Arc<RoaringBitmap>)>,
    /// How finely those that have a value are broken down.
    pub details: BTreeSet<Detail>,
    /// Batches that made it what it is.
    pub(super) batches: Arc<BTreeSet<BatchId>>,
    /// When its first figures were accepted.
    pub first_accepted: Timestamp,
}

impl Holding {
    /// The periods of which figures stand, ascending.
    pub fn periods(&self) -> impl Iterator<Item = (&str, &Held)> {
        let standing = self.periods.iter().filter(|(_, held)| held.slice.rows() > 0);
        standing.map(|(period, held)| (period.as_str(), held))
    }

    /// One period, even if nothing of it stands any more.
    #[must_use]
    pub fn period(&self, period: &str) -> Option<&Held> {
        self.periods.get(period)
    }

    /// The batches that a selection rests on.
    #[must_use]
    pub fn batches(&self, selection: &Selection) -> BTreeSet<BatchId> {
        let selected = self.periods().filter(|(period, _)| selection.takes_period(period));
        selected.flat_map(|(_, held)| held.batches.iter().copied()).collect()
    }
}

impl Held {
    /// Have its figures this breakdown, be it together with others?
    #[must_use]
    pub fn has(&self, demanded: Detail) -> bool {
        self.details.iter().any(|detail| demanded.within(*detail))
    }

    /// Every release of the period so far, this one last.
    pub(super) fn releases(&self) -> impl Iterator<Item = (&Arc<Slice>, &Arc<RoaringBitmap>)> {
        let earlier = self.earlier.iter().map(|(slice, withheld)| (slice, withheld));
        earlier.chain([(&self.slice, &self.withheld)])
    }

    /// Is the row withheld under article 7?
    #[must_use]
    pub fn withholds(&self, row: usize) -> bool {
        self.withheld.contains(row as u32)
    }

    /// Is any row of the period withheld?
    #[must_use]
    pub fn withholds_any(&self) -> bool {
        !self.withheld.is_empty()
    }
}
