//! What the authority signed: the decree in force, and whose keys are whose. Enough to judge
//! by whom a checkpoint must be cosigned without taking the gateway's word.

use std::sync::Arc;

use birge_proto::{
    clock::SharedClock,
    envelope::KeyError,
    problem::{Kind, Problem},
    record::{Event, Record},
    statement::Signed,
    wire::{self, WitnessesResponse},
};

use crate::{catalog::Catalog, journal::Reader};

/// Reads what was signed.
pub(super) struct Stated {
    pub(super) catalog: Arc<Catalog>,
    pub(super) journal: Reader,
    pub(super) clock: SharedClock,
}

impl Stated {
    /// The decree in force with its signatures, and the statements on every witness that is
    /// enrolled and on the log's keys.
    pub(super) async fn witnesses(&self) -> Result<WitnessesResponse, Problem> {
        let (enacted, witnesses, log_keys) = self.catalog.read(|state| {
            let registry = &state.registry;
            let enacted = registry.decree_at(registry.present(self.clock.now())).cloned();
            let stated = registry.participants().filter(|(_, known)| known.witness_key.is_some());
            let stated = stated.filter_map(|(_, known)| known.statement.clone());
            (enacted, stated.collect::<Vec<Signed>>(), registry.log().statements().to_vec())
        });
        let nothing = || Problem::new(Kind::NotFound, "no decree is in force yet");
        let index = enacted.ok_or_else(nothing)?.index;
        let journal = self.journal.clone();
        let read = tokio::task::spawn_blocking(move || decree(&journal, index)).await;
        let unread = |_| Problem::new(Kind::Internal, "the journal could not be read");
        let (decree, signatures) = read.map_err(unread)??;
        Ok(WitnessesResponse {
            decree,
            signatures,
            witnesses: witnesses.into_iter().map(Into::into).collect(),
            log_keys: log_keys.into_iter().map(Into::into).collect(),
        })
    }
}

/// The decree that record `index` enacted: its bundle and the signatures.
fn decree(journal: &Reader, index: u64) -> Result<(Vec<u8>, Vec<wire::KeySignature>), Problem> {
    let damaged = |what: String| Problem::new(Kind::Damaged, format!("record {index}: {what}"));
    let entry = journal.entry(index).map_err(|error| damaged(error.to_string()))?;
    let entry = entry.ok_or_else(|| damaged("there is none".into()))?;
    let record = Record::parse(&entry.record).map_err(|error| damaged(error.to_string()))?;
    let (Event::DecreeEnacted { signatures, .. }, Some(body)) = (record.event, entry.body) else {
        return Err(damaged("no decree is enacted there".into()));
    };
    let signatures = signatures.into_iter().map(TryInto::try_into).collect::<Result<_, KeyError>>();
    let signatures = signatures.map_err(|error| damaged(error.to_string()))?;
    let body = body.read().map_err(|error| damaged(error.to_string()))?;
    Ok((body.into_bytes().into(), signatures))
}
