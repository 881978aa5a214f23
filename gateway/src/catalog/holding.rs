//! The figures of one dataset: its periods, each in every version that it ever had.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::Arc,
};

use birge_proto::{
    clock::Timestamp,
    manifest::{Action, BatchId, Cause},
};
use birge_schemas::{detail::Detail, slice::Slice};
use roaring::RoaringBitmap;

use crate::query::Selection;

/// The periods of a dataset.
#[derive(Debug, Clone, Default)]
pub struct Holding {
    pub(super) periods: BTreeMap<String, Held>,
}

/// One period in all its versions, the first one first; there is at least one.
#[derive(Debug, Clone)]
pub struct Held {
    pub(super) versions: Vec<Version>,
}

/// What stood of a period from the moment at which a batch was accepted.
#[derive(Debug, Clone)]
pub struct Version {
    /// The observations, ascending by key.
    pub slice: Arc<Slice>,
    /// Rows withheld under article 7.
    pub(super) withheld: Arc<RoaringBitmap>,
    /// How finely those that have a value are broken down.
    pub details: BTreeSet<Detail>,
    /// Batches that made it what it is; the last of them is [`Self::batch`].
    pub(super) batches: Arc<BTreeSet<BatchId>>,
    /// The batch that made it.
    pub batch: BatchId,
    /// What that did.
    pub action: Action,
    /// Why, in a word.
    pub cause: Option<Cause>,
    /// Number of the exchange in which it was accepted.
    pub exchange: u64,
    /// When.
    pub accepted: Timestamp,
    /// When it was released to the public (article 8(1)).
    pub public: Option<Timestamp>,
}

/// Who asks, and for when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// What was known at this moment; now where there is none.
    pub as_of: Option<Timestamp>,
    /// Only what was public then.
    pub public: bool,
}

impl Holding {
    /// The periods of which figures stand, ascending.
    pub fn periods(&self) -> impl Iterator<Item = (&str, &Version)> {
        self.seen(Seen { as_of: None, public: false })
    }

    /// The periods of which figures stood, ascending, as somebody sees them.
    pub fn seen(&self, seen: Seen) -> impl Iterator<Item = (&str, &Version)> {
        let versions = self
            .periods
            .iter()
            .filter_map(move |(period, held)| Some((period.as_str(), held.seen(seen)?)));
        versions.filter(|(_, version)| version.stands())
    }

    /// Does any figure of the period stand?
    #[must_use]
    pub fn stands(&self, period: &str) -> bool {
        self.period(period).and_then(Held::current).is_some_and(Version::stands)
    }

    /// One period, even if nothing of it stands any more.
    #[must_use]
    pub fn period(&self, period: &str) -> Option<&Held> {
        self.periods.get(period)
    }

    /// What stands of the period nearest to this one: of one before it, where there is any.
    pub(super) fn beside(&self, period: &str) -> Option<&Version> {
        let before = self.periods.range::<str, _>((Bound::Unbounded, Bound::Excluded(period)));
        let after = self.periods.range::<str, _>((Bound::Excluded(period), Bound::Unbounded));
        let mut others = before.rev().chain(after).filter_map(|(_, held)| held.current());
        others.find(|version| version.stands())
    }

    /// Every period that ever stood, in all its versions.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Held)> {
        self.periods.iter().map(|(period, held)| (period.as_str(), held))
    }

    /// The batches that a selection rests on.
    #[must_use]
    pub fn batches(&self, selection: &Selection, seen: Seen) -> BTreeSet<BatchId> {
        let selected = self.seen(seen).filter(|(period, _)| selection.takes_period(period));
        selected.flat_map(|(_, version)| version.batches.iter().copied()).collect()
    }
}

impl Held {
    /// What stands now.
    #[must_use]
    pub fn current(&self) -> Option<&Version> {
        self.versions.last()
    }

    /// Every version, the first one first.
    #[must_use]
    pub fn versions(&self) -> &[Version] {
        &self.versions
    }

    /// When the first of the figures were accepted that stand, or stood until they were taken
    /// away.
    #[must_use]
    pub fn first_accepted(&self) -> Option<Timestamp> {
        self.lasting().first().map(|version| version.accepted)
    }

    /// The versions since everything was last taken away.
    fn lasting(&self) -> &[Version] {
        let taken_away = self.versions.iter().rposition(|version| !version.stands());
        &self.versions[taken_away.map_or(0, |last| last + 1)..]
    }

    /// The versions since one was last revised or withdrawn because it gave away what must stay
    /// hidden (article 7(2)): what was before is shown to nobody any more, not even as what was
    /// known then.
    fn harmless(&self) -> &[Version] {
        let leak = self.versions.iter().rposition(|it| it.cause == Some(Cause::Disclosure));
        &self.versions[leak.unwrap_or(0)..]
    }

    /// The version that somebody sees: the newest that was there then. What was taken away is
    /// gone for the public at once, and is not shown to it even as what was known before.
    fn seen(&self, Seen { as_of, public }: Seen) -> Option<&Version> {
        let then = |at: Timestamp| as_of.is_none_or(|as_of| at <= as_of);
        let harmless = self.harmless();
        if public {
            let lasting = self.lasting();
            let both = if lasting.len() < harmless.len() { lasting } else { harmless };
            let mut newest = both.iter().rev();
            return newest
                .find(|version| then(version.accepted) && version.public.is_some_and(then));
        }
        harmless.iter().rev().find(|version| then(version.accepted))
    }
}

impl Version {
    /// Does anything stand? Nothing does where everything was withdrawn or taken away.
    #[must_use]
    pub fn stands(&self) -> bool {
        self.slice.rows() > 0
    }

    /// Does it say that what stood is withdrawn?
    #[must_use]
    pub fn withdraws(&self) -> bool {
        self.action == Action::Withdraw
    }

    /// Have its figures this breakdown, be it together with others?
    #[must_use]
    pub fn has(&self, demanded: Detail) -> bool {
        self.details.iter().any(|detail| demanded.within(*detail))
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

#[cfg(test)]
impl Version {
    /// What stands of a period, with these rows withheld.
    pub(crate) fn with(slice: Slice, withheld: RoaringBitmap, public: Option<Timestamp>) -> Self {
        Self {
            slice: Arc::new(slice),
            withheld: Arc::new(withheld),
            details: BTreeSet::new(),
            batches: Arc::default(),
            batch: BatchId([0; 32]),
            action: Action::Append,
            cause: None,
            exchange: 0,
            accepted: Timestamp::default(),
            public,
        }
    }
}
