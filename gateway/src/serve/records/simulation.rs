//! What the draft of a decree would change, decision by decision (article 9(3): auditors see
//! every record). The records are gone through twice: first to know what the look comes to,
//! which is recorded, then to tell it; so nothing is held in memory, however much would change.

use std::{ops::Range, sync::Arc};

use birge_proto::{
    envelope::sha256,
    problem::{Kind, Problem},
    record::{DecreeName, Event, Record},
    wire::{ChangedDecision, Judgement, SimulateResponse, Simulated, simulate_response::Part},
};
use tokio::sync::mpsc;
use tonic::Status;

use super::{CHUNK, PATIENCE, Records, hand_over, reading};
use crate::{
    decree::{Change, Decree, Outcome, Replay},
    journal::{Class, Reader},
    sequence::Draft,
    serve::tls::Peer,
};

type Told = Result<SimulateResponse, Status>;

impl Records {
    /// Goes through the first `size` records; the look is recorded before anything is told.
    pub(in crate::serve) async fn simulate(
        &self,
        peer: Peer,
        bundle: Vec<u8>,
        size: u64,
    ) -> Result<mpsc::Receiver<Told>, Problem> {
        let every = self.may_read(&peer.identity, false)?;
        if !every.permit {
            let detail = format!("{} does not see every record", peer.identity);
            return Err(Problem::new(Kind::NotPermitted, detail).under(every.articles));
        }
        let turn = self.simulations.take(&peer.identity, 1).await?;
        let digest = hex::encode(sha256(&bundle));
        let draft = reading(move || {
            let malformed = |error: String| {
                Problem::new(Kind::Malformed, error)
                    .hint("`gateway decree check FOLDER` says what is wrong with a draft")
            };
            Decree::from_bundle(&bundle).map_err(|error| malformed(error.to_string()))
        });
        let (start, before) = self.against(draft.await?)?;

        let mut replay = start();
        for from in (0..size).step_by(CHUNK as usize) {
            let range = from..size.min(from + CHUNK);
            replay = chunk(self.journal.clone(), replay, range).await?.0;
            self.gate.still_counts(&peer)?;
        }
        let (sums, changed) = (replay.sums(), replay.sums().changes());
        let event = Event::Simulated { digest, records: size, changed };
        let draft = Draft::of(peer.identity.clone(), event);
        let committed = self.recorder.record(Class::Reading, draft).await?;
        let first = Part::Simulated(Simulated {
            exchange: committed.first,
            records: size,
            replayed: sums.replayed,
            unknown: sums.unknown,
            changed,
            protection: sums.protection.clone(),
            parameters: sums.parameters.clone(),
            number: before.number,
            version: before.version,
        });

        let (sender, receiver) = mpsc::channel(64);
        let (gate, journal) = (Arc::clone(&self.gate), self.journal.clone());
        tokio::spawn(async move {
            let _turn = turn;
            let (mut replay, mut next) = (start(), 0);
            let mut told = vec![Ok(SimulateResponse { part: Some(first) })];
            while hand_over(&sender, told, PATIENCE).await && next < size && !sender.is_closed() {
                let end = size.min(next + CHUNK);
                let changes = match gate.still_counts(&peer) {
                    Ok(()) => chunk(journal.clone(), replay, next..end).await,
                    Err(problem) => Err(problem),
                };
                match changes {
                    Ok((on, changes)) => {
                        (replay, next) = (on, end);
                        told = changes.into_iter().map(Ok).collect();
                    }
                    Err(problem) => {
                        hand_over(&sender, vec![Err(problem.into())], PATIENCE).await;
                        return;
                    }
                }
            }
        });
        Ok(receiver)
    }

    /// What makes a replay of `draft` against the decree that it would follow, and that decree's
    /// name.
    fn against(
        &self,
        draft: Decree,
    ) -> Result<(impl Fn() -> Replay + Send + 'static, DecreeName), Problem> {
        let (now, name, draft) = (self.clock.now(), draft.name(), Arc::new(draft));
        let from = draft.in_force_from().max(now);
        self.catalog.read(|state| {
            if let Some(taken) = state.registry.bars_decree(&name, from, now) {
                return Err(Problem::new(Kind::Conflict, taken));
            }
            let (before, structures) = (state.decree_at(from)?, Arc::clone(&state.structures));
            let name = before.name();
            let start = move || {
                Replay::new(Arc::clone(&draft), Arc::clone(&before), Arc::clone(&structures))
            };
            Ok((start, name))
        })
    }
}

/// Asks the records in `range` once more; gives the replay back, and what would change.
async fn chunk(
    journal: Reader,
    mut replay: Replay,
    range: Range<u64>,
) -> Result<(Replay, Vec<SimulateResponse>), Problem> {
    let read = reading(move || {
        let mut changes = vec![];
        for entry in journal.entries(range) {
            let entry = entry.map_err(|error| Problem::new(Kind::Damaged, error.to_string()))?;
            let record = Record::parse(&entry.record).map_err(|error| {
                Problem::new(Kind::Damaged, format!("record {}: {error}", entry.index))
            })?;
            if let Some(change) = replay.replay(&record) {
                changes.push(told(entry.index, &record, change));
            }
        }
        Ok((replay, changes))
    });
    read.await
}

fn told(exchange: u64, record: &Record, change: Change) -> SimulateResponse {
    let judgement = |outcome: Outcome| {
        let Outcome { permit, given, articles } = outcome;
        Some(Judgement { permit, articles, given: given.iter().map(ToString::to_string).collect() })
    };
    let changed = ChangedDecision {
        exchange,
        time: record.time.to_string(),
        actor: record.actor.to_string(),
        dataset: change.dataset.unwrap_or_default(),
        effect: change.effect.as_str().to_owned(),
        was: judgement(change.was),
        would_be: judgement(change.would_be),
    };
    SimulateResponse { part: Some(Part::Changed(changed)) }
}
