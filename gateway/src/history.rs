//! The decrees of an exchange, as its journal tells of them. Reads beside a serving gateway.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use birge_proto::{
    clock::Timestamp,
    record::{Event, Record},
};
use birge_schemas::structure::Structures;

use crate::{
    config::Config,
    decree::{Decree, Replay, Sums},
    journal::{self, Entry, Reader},
    registry::Registry,
    wrong::Wrong,
};

/// A decree that was enacted.
#[derive(Debug, Clone)]
pub struct Enacted {
    /// Number of the exchange.
    pub exchange: u64,
    /// When it was enacted.
    pub time: Timestamp,
    /// Ids of the authority's keys that signed it.
    pub signed_by: Vec<String>,
    /// What it says.
    pub decree: Arc<Decree>,
}

/// Everything that was ever enacted, and the datasets that are in use.
pub struct History {
    journal: Reader,
    registry: Registry,
    /// The decrees, in the order in which they were enacted.
    pub decrees: Vec<Enacted>,
    /// The datasets.
    pub structures: Arc<Structures>,
}

impl History {
    /// Reads the journal.
    ///
    /// # Errors
    /// When it is damaged, or holds what this version cannot read.
    pub fn read(config: &Config) -> Result<Self> {
        let (_, journal) = journal::inspect(&config.paths.journal, false, |_, _| {})?;
        let (mut decrees, mut structures) = (vec![], Arc::new(Structures::default()));
        let mut registry = Registry::default();
        each(&journal, |entry, record| {
            registry.apply(entry.index, &record);
            match record.event {
                Event::StructuresAdopted { .. } => {
                    structures = Arc::new(Structures::from_bundle(&body(entry)?)?);
                }
                Event::DecreeEnacted { signatures, .. } => decrees.push(Enacted {
                    exchange: entry.index,
                    time: record.time,
                    signed_by: signatures.into_iter().map(|each| each.key_id).collect(),
                    decree: Arc::new(Decree::from_bundle(&body(entry)?)?),
                }),
                _ => {}
            }
            Ok(())
        })?;
        Ok(Self { journal, registry, decrees, structures })
    }

    /// The decree in force at `time`, or at the last record's where that is later: as the gateway
    /// decides (article 11).
    #[must_use]
    pub fn in_force(&self, time: Timestamp) -> Option<&Enacted> {
        let in_force = self.registry.decree_at(self.registry.present(time))?;
        self.decrees.iter().find(|enacted| enacted.decree.name() == in_force.name)
    }

    /// Asks `draft`, and the decree that it would follow, everything that was ever decided by a
    /// decree. What was refused for another reason is left out.
    ///
    /// # Errors
    /// When a decree of that name was enacted already, or none is in force, or the journal is
    /// damaged.
    pub fn simulate(&self, draft: Arc<Decree>, now: Timestamp) -> Result<Sums> {
        let name = draft.name();
        if let Some(same) = self.decrees.iter().find(|enacted| enacted.decree.name() == name) {
            return Err(Wrong(format!(
                "decree {} of {} was enacted as exchange {}: give the draft a version of its own",
                name.number, name.version, same.exchange
            ))
            .into());
        }
        let none = || Wrong(String::from("no decree is in force that the draft would follow"));
        let before = self.in_force(draft.in_force_from().max(now)).ok_or_else(none)?;
        let (before, structures) = (Arc::clone(&before.decree), Arc::clone(&self.structures));
        let mut replay = Replay::new(draft, before, structures);
        each(&self.journal, |_, record| {
            replay.replay(&record);
            Ok(())
        })?;
        Ok(replay.sums().clone())
    }
}

fn each(journal: &Reader, mut take: impl FnMut(&Entry, Record) -> Result<()>) -> Result<()> {
    for entry in journal.entries(0..journal.size()) {
        let entry = entry?;
        Record::parse(&entry.record)
            .map_err(anyhow::Error::from)
            .and_then(|record| take(&entry, record))
            .with_context(|| format!("entry {} of the journal", entry.index))?;
    }
    Ok(())
}

fn body(entry: &Entry) -> Result<prost::bytes::Bytes> {
    let stored = entry.body.as_ref().ok_or_else(|| anyhow!("the record has no body"))?;
    Ok(stored.read()?.into_bytes())
}
