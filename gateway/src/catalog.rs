//! What is known and can be asked for: follows the journal, and can be made anew from it.
//!
//! Columns and patterns are held in memory; the index of submissions lies in sled. Both are
//! changed by the follower alone, one entry of the journal at a time.

mod attacked;
mod cells;
mod follow;
mod holding;
mod index;
mod overview;
mod release;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use anyhow::Result;
#[cfg(test)]
use birge_proto::record::Record;
use birge_proto::{
    clock::Timestamp,
    identity::{AgencyId, Identity},
    manifest::BatchId,
    problem::{Kind, Problem},
    record::DecreeName,
};
use birge_schemas::{
    attack::{Attack, Effort},
    detail::Detail,
    structure::Structures,
};
use tokio::sync::watch;

use self::index::Index;
pub use self::{
    follow::Follower,
    holding::{Held, Holding, Seen, Version},
    index::{Stage, Submission},
    overview::overview,
    release::{Merged, Release, merge, preview},
};
use crate::{
    decree::{self, Access, Decree, Figures},
    journal::Reader,
    registry::Registry,
};

/// The catalogue.
pub struct Catalog {
    state: RwLock<State>,
    index: Index,
    /// Merged by intake and about to be met in the journal: spares the follower the work.
    prepared: Mutex<HashMap<BatchId, Arc<Merged>>>,
    reached: watch::Sender<u64>,
}

/// What is known at one moment.
pub struct State {
    /// Who takes part, which batches stand.
    pub registry: Registry,
    /// The datasets.
    pub structures: Arc<Structures>,
    decrees: BTreeMap<DecreeName, Arc<Decree>>,
    holdings: HashMap<String, Arc<Holding>>,
    access: Mutex<BTreeMap<AccessKey, Arc<Access>>>,
}

type AccessKey = (DecreeName, Identity, String, bool);

impl Catalog {
    /// Opens the catalogue and takes in everything that the journal holds.
    ///
    /// # Errors
    /// When the journal is damaged, or holds what this version cannot read.
    pub fn open(index: &Path, journal: Reader) -> Result<(Arc<Self>, Follower)> {
        let (index, indexed) = Index::open(index, journal.size())?;
        Self::with(index, indexed, journal)
    }

    /// What the journal holds now, apart from the index of a serving gateway.
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub fn beside(journal: Reader) -> Result<Arc<Self>> {
        Ok(Self::with(Index::temporary()?, 0, journal)?.0)
    }

    fn with(index: Index, indexed: u64, journal: Reader) -> Result<(Arc<Self>, Follower)> {
        let catalog = Arc::new(Self {
            state: RwLock::new(State::default()),
            index,
            prepared: Mutex::default(),
            reached: watch::Sender::new(0),
        });
        let mut follower = Follower::new(Arc::clone(&catalog), journal, indexed);
        follower.catch_up()?;
        Ok((catalog, follower))
    }

    /// Reads the state. The reader is short: the follower waits for it.
    pub fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is known of a batch.
    ///
    /// # Errors
    /// When the index fails.
    pub fn submission(&self, batch: &BatchId) -> Result<Option<Submission>, Problem> {
        self.index
            .submission(batch)
            .map_err(|error| Problem::new(Kind::Internal, error.to_string()))
    }

    /// Keeps what intake has merged until the follower meets the batch in the journal.
    pub fn prepare(&self, batch: BatchId, merged: Arc<Merged>) {
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner).insert(batch, merged);
    }

    /// What intake has merged of a batch, once.
    pub fn take_prepared(&self, batch: &BatchId) -> Option<Arc<Merged>> {
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner).remove(batch)
    }

    /// Waits until the first `size` entries of the journal are taken in.
    pub async fn reached(&self, size: u64) {
        let mut reached = self.reached.subscribe();
        drop(reached.wait_for(|reached| *reached >= size).await);
    }

    /// Writes the index to the disk.
    pub fn flush(&self) {
        self.index.flush();
    }
}

impl State {
    /// The decree in force at `time`, or at the last record's where the clock stepped back.
    ///
    /// # Errors
    /// `NOT_PERMITTED` when there is none yet.
    pub fn decree_at(&self, time: Timestamp) -> Result<Arc<Decree>, Problem> {
        let enacted = self.registry.decree_at(self.registry.present(time));
        enacted.and_then(|enacted| self.decrees.get(&enacted.name)).cloned().ok_or_else(|| {
            Problem::new(Kind::NotPermitted, "no decree is in force, so nothing is permitted")
        })
    }

    /// What is known when nothing but `decree` has come, for tests.
    #[cfg(test)]
    pub(crate) fn under(decree: Decree) -> Self {
        let record = serde_json::json!({
            "time": "2024-01-01T00:00:00Z", "actor": "operator/OPS", "parties": {},
            "kind": "decree-enacted", "decree": decree.name(), "digest": "",
            "inForceFrom": decree.in_force_from(), "signatures": [],
        });
        let record: Record = serde_json::from_value(record).unwrap();
        let mut state = Self { structures: Structures::bundled().unwrap(), ..Self::default() };
        state.registry.apply(0, &record);
        state.decrees.insert(decree.name(), Arc::new(decree));
        state
    }

    /// The decree that was in force at `time`, a moment of the journal's.
    pub fn decree_then(&self, time: Timestamp) -> Option<&Arc<Decree>> {
        self.registry.decree_at(time).and_then(|enacted| self.decrees.get(&enacted.name))
    }

    /// What somebody may see of a dataset, computed once for each decree and capacity.
    #[must_use]
    pub fn access(
        &self,
        decree: &Decree,
        principal: &Identity,
        figures: &Figures<'_>,
    ) -> Arc<Access> {
        let (capacity, dataset) = (principal.capacity(), figures.dataset.to_owned());
        let key = (decree.name(), capacity, dataset, figures.released);
        let mut known = self.access.lock().unwrap_or_else(PoisonError::into_inner);
        let access =
            known.entry(key).or_insert_with(|| Arc::new(decree.access(principal, figures)));
        Arc::clone(access)
    }

    /// What of a dataset is open to who is no participant once it is public: to observers and to
    /// anybody (articles 6(6), 8(1)).
    #[must_use]
    pub fn open(
        &self,
        decree: &Decree,
        dataset: &str,
        owner: &AgencyId,
        breakdowns: Detail,
    ) -> [Arc<Access>; 2] {
        let figures = Figures { dataset, owner, breakdowns, released: true };
        decree::outsiders().map(|outsider| self.access(decree, &outsider, &figures))
    }

    /// The figures of every dataset of which any ever stood.
    pub fn holdings(&self) -> impl Iterator<Item = (&str, &Holding)> {
        self.holdings.iter().map(|(dataset, holding)| (dataset.as_str(), &**holding))
    }

    /// Attacks every release of a period under the protection that the decree asked for at its
    /// last one (article 7); none where that says nothing of the dataset.
    #[must_use]
    pub fn attack(&self, dataset: &str, held: &Held) -> Option<Attack> {
        let (last, earlier) = held.versions().split_last()?;
        let rule = self.decree_then(last.accepted)?.disclosure(dataset)?;
        let earlier: Vec<_> = earlier.iter().map(|it| (&*it.slice, &*it.withheld)).collect();
        let effort = Effort::THOROUGH;
        Some(attacked::attack(&last.slice, &earlier, &last.withheld, rule, &[], effort))
    }

    /// The figures of a dataset.
    #[must_use]
    pub fn holding(&self, dataset: &str) -> Arc<Holding> {
        self.holdings.get(dataset).cloned().unwrap_or_default()
    }
}

impl Default for State {
    fn default() -> Self {
        Self {
            registry: Registry::default(),
            structures: Arc::new(Structures::default()),
            decrees: BTreeMap::new(),
            holdings: HashMap::new(),
            access: Mutex::default(),
        }
    }
}
