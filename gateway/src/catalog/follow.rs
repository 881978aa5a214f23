//! Follows the journal: takes in one entry after the other, from wherever it stands.

use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError},
};

use anyhow::{Context, Result, anyhow, bail};
use birge_proto::{
    clock::Timestamp,
    manifest::{Action, BatchId},
    record::{Event, Record},
};
use birge_schemas::{detail::Detail, structure::Structures, table::Table, validate, wire};
use tokio::runtime::Handle;

use super::{Catalog, Held, Merged, Release, State, Version, merge};
use crate::{
    decree::Decree,
    journal::{Body, Entry, Reader},
    submission,
};

/// The one who changes the catalogue.
pub struct Follower {
    catalog: Arc<Catalog>,
    journal: Reader,
    next: u64,
    /// Entries that the index had taken in when it was opened.
    indexed: u64,
    /// A batch that was accepted: it counts from its release on, which comes next in the
    /// journal, so that nobody meets one without the other.
    accepted: Option<Accepted>,
}

struct Accepted {
    index: u64,
    record: Record,
    batch: BatchId,
    merged: Arc<Merged>,
}

/// What an entry changes besides the registry. Made without holding the state.
enum Change {
    Nothing,
    Hold(Accepted),
    Structures(Arc<Structures>),
    Decree(Arc<Decree>),
    Release {
        accepted: Accepted,
        dataset: String,
        periods: Vec<(String, Version)>,
    },
    /// What of a dataset's periods became public, and when.
    Public {
        dataset: String,
        periods: Vec<String>,
        batch: BatchId,
        at: Timestamp,
    },
}

impl Follower {
    pub(super) fn new(catalog: Arc<Catalog>, journal: Reader, indexed: u64) -> Self {
        Self { catalog, journal, next: 0, indexed, accepted: None }
    }

    /// Takes in what is durable now.
    ///
    /// # Errors
    /// When the journal is damaged, or holds what this version cannot read.
    pub fn catch_up(&mut self) -> Result<()> {
        for entry in self.journal.entries(self.next..self.journal.size()) {
            let entry = entry?;
            self.apply(&entry).with_context(|| format!("entry {} of the journal", entry.index))?;
        }
        Ok(())
    }

    /// Takes in what becomes durable, until the journal is closed. Blocks its thread.
    ///
    /// # Errors
    /// As for [`Self::catch_up`].
    pub fn follow(mut self) -> Result<()> {
        let mut durable = self.journal.durable();
        loop {
            durable.mark_unchanged();
            self.catch_up()?;
            if Handle::current().block_on(durable.changed()).is_err() {
                return self.catch_up();
            }
        }
    }

    fn apply(&mut self, entry: &Entry) -> Result<()> {
        let record = Record::parse(&entry.record)?;
        let change = self.change(entry, &record)?;
        let mut state = self.catalog.state.write().unwrap_or_else(PoisonError::into_inner);
        match change {
            Change::Hold(accepted) => self.accepted = Some(accepted),
            Change::Nothing => {}
            Change::Structures(structures) => state.structures = structures,
            Change::Decree(decree) => {
                state.decrees.insert(decree.name(), decree);
            }
            Change::Release { accepted, dataset, periods } => {
                state.registry.apply(accepted.index, &accepted.record);
                state.release(&dataset, periods);
            }
            Change::Public { dataset, periods, batch, at } => {
                state.publish(&dataset, &periods, batch, at);
            }
        }
        if self.accepted.is_none() {
            state.registry.apply(entry.index, &record);
        }
        drop(state);
        if entry.index >= self.indexed {
            self.catalog.index.apply(entry.index, &record)?;
        }
        self.next = entry.index + 1;
        self.catalog.reached.send_replace(self.next);
        Ok(())
    }

    fn change(&mut self, entry: &Entry, record: &Record) -> Result<Change> {
        let accepted = self.accepted.take();
        if let (Some(accepted), false) = (&accepted, matches!(record.event, Event::Released { .. }))
        {
            bail!("the release of {} is not where it should be", accepted.batch);
        }
        Ok(match &record.event {
            Event::StructuresAdopted { .. } => {
                let structures = Structures::from_bundle(&body(entry)?.into_bytes())?;
                Change::Structures(Arc::new(structures))
            }
            Event::DecreeEnacted { .. } => {
                Change::Decree(Arc::new(Decree::from_bundle(&body(entry)?.into_bytes())?))
            }
            Event::SubmissionAccepted { batch, dataset, .. } => {
                let merged = match self.catalog.take_prepared(batch) {
                    Some(merged) => merged,
                    None => Arc::new(self.merge(dataset, body(entry)?)?),
                };
                let (index, record) = (entry.index, record.clone());
                Change::Hold(Accepted { index, record, batch: *batch, merged })
            }
            Event::Released { dataset, batch, .. } => {
                let release: Release = serde_json::from_slice(&body(entry)?.into_bytes())?;
                let accepted = accepted
                    .filter(|accepted| accepted.batch == *batch)
                    .ok_or_else(|| anyhow!("a release of {batch}, which was not accepted"))?;
                let periods = self.release(&accepted, dataset, &release)?;
                Change::Release { accepted, dataset: dataset.clone(), periods }
            }
            Event::PublicReleased { dataset, periods, batch, .. } => Change::Public {
                dataset: dataset.clone(),
                periods: periods.clone(),
                batch: *batch,
                at: record.time,
            },
            _ => Change::Nothing,
        })
    }

    /// Reads a batch that was accepted, by the structure of then. Its rules are not asked again.
    fn merge(&self, dataset: &str, body: Body) -> Result<Merged> {
        let submission = submission::Submission::from_body(body)?;
        let manifest = submission.manifest()?;
        let (structure, holding) = self
            .catalog
            .read(|state| (state.structures.get(dataset).cloned(), state.holding(dataset)));
        let structure = structure.ok_or_else(|| anyhow!("no structure of {dataset}"))?;
        let raw = wire::from_blocks(&submission.blocks)?;
        let table = validate::accepted(&structure, manifest.action, &raw)
            .map_err(|report| anyhow!("its structure cannot read it: {} errors", report.errors))?;
        merge(&structure, &holding, &manifest, &table).map_err(|conflict| anyhow!("{conflict}"))
    }

    fn release(
        &self,
        accepted: &Accepted,
        dataset: &str,
        release: &Release,
    ) -> Result<Vec<(String, Version)>> {
        let Accepted { index, record, batch, merged } = accepted;
        let Event::SubmissionAccepted { action, cause, .. } = record.event else {
            bail!("a release of what was not accepted");
        };
        let holding = self.catalog.read(|state| state.holding(dataset));
        let cells: u64 = merged.slices.values().map(|slice| slice.rows() as u64).sum();
        if cells != release.cells {
            // The pattern was made for other rows: it must not be laid on these.
            bail!("the release of {batch} is for {} cells, {cells} stand", release.cells);
        }
        let mut periods = vec![];
        for (period, slice) in &merged.slices {
            let Some(withheld) = release.pattern(period)? else {
                bail!("the release says nothing of {period}");
            };
            let before = holding.period(period).and_then(Held::current);
            // What takes the place of everything, or follows on nothing, rests on itself alone.
            let rests = before.filter(|version| version.stands() && adds_to(action));
            let mut batches = rests.map(|version| (*version.batches).clone()).unwrap_or_default();
            batches.insert(*batch);
            let version = Version {
                withheld: Arc::new(withheld),
                details: details(slice.table()),
                slice: Arc::clone(slice),
                batches: Arc::new(batches),
                batch: *batch,
                action,
                cause,
                exchange: *index,
                accepted: record.time,
                public: None,
            };
            periods.push((period.clone(), version));
        }
        Ok(periods)
    }
}

impl State {
    fn release(&mut self, dataset: &str, periods: Vec<(String, Version)>) {
        let holding = Arc::make_mut(self.holdings.entry(dataset.to_owned()).or_default());
        for (period, version) in periods {
            let held = holding.periods.entry(period).or_insert_with(|| Held { versions: vec![] });
            held.versions.push(version);
        }
    }

    fn publish(&mut self, dataset: &str, periods: &[String], batch: BatchId, at: Timestamp) {
        let holding = Arc::make_mut(self.holdings.entry(dataset.to_owned()).or_default());
        for period in periods {
            let versions = holding.periods.get_mut(period).into_iter();
            let made = versions.flat_map(|held| &mut held.versions);
            made.filter(|version| version.batch == batch)
                .for_each(|version| version.public = Some(at));
        }
    }
}

/// Does a batch of this action leave of what stood what it does not name?
fn adds_to(action: Action) -> bool {
    match action {
        Action::Append | Action::Delete | Action::Information => true,
        Action::Replace | Action::Withdraw => false,
    }
}

/// How finely the figures that have a value are broken down.
fn details(table: &Table) -> BTreeSet<Detail> {
    let given = (0..table.rows()).filter(|row| table.value(*row).is_some());
    given.map(|row| table.detail(row)).collect()
}

fn body(entry: &Entry) -> Result<Body> {
    let stored = entry.body.as_ref().ok_or_else(|| anyhow!("the record has no body"))?;
    Ok(stored.read()?)
}
