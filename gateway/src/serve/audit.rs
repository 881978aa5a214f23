//! The audit service: checkpoint, tiles, proofs, and the records that the asker may see.

use std::sync::Arc;

use birge_proto::{
    identity::{Identity, Role},
    problem::{Kind, Problem},
    record::{Event, Record},
    tlog::checkpoint::Checkpoint,
    wire::{
        CheckpointRequest, CheckpointResponse, ConsistencyRequest, InclusionRequest, ProofResponse,
        RecordEntry, RecordsRequest, TileRequest, TileResponse, audit_server::Audit,
    },
};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, async_trait};

use super::gate::Gate;
use crate::{
    journal::{Class, Entry, Reader},
    ledger::Ledger,
    recorder::Recorder,
    sequence::Draft,
};

const READERS: &[Role] = &[Role::Agency, Role::Auditor, Role::Operator];

/// The service.
pub(super) struct AuditService {
    pub(super) gate: Arc<Gate>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) journal: Reader,
    pub(super) recorder: Recorder,
    /// Told when somebody shows a checkpoint of ours that is larger than the one we hold.
    pub(super) overtaken: mpsc::Sender<u64>,
}

#[async_trait]
impl Audit for AuditService {
    type RecordsStream = ReceiverStream<Result<RecordEntry, Status>>;

    async fn checkpoint(
        &self,
        request: Request<CheckpointRequest>,
    ) -> Result<Response<CheckpointResponse>, Status> {
        self.gate.admit(&request, "audit/checkpoint", READERS).await?;
        let published = self.ledger.checkpoint().borrow().clone();
        let seen = request.into_inner().seen;
        if let Some(seen) =
            self.ledger.recognise(&seen).filter(|seen| published.checkpoint.size() < seen.size())
        {
            // Full only where the alarm was raised already.
            let _ = self.overtaken.try_send(seen.size());
            return Err(overtaken(&published.checkpoint, seen.size()).into());
        }
        Ok(Response::new(CheckpointResponse { note: published.note.clone() }))
    }

    async fn tile(&self, request: Request<TileRequest>) -> Result<Response<TileResponse>, Status> {
        self.gate.admit(&request, "audit/tile", READERS).await?;
        let (ledger, path) = (Arc::clone(&self.ledger), request.into_inner().path);
        let data = blocking(move || ledger.tile(&path)).await?;
        Ok(Response::new(TileResponse { data }))
    }

    async fn consistency(
        &self,
        request: Request<ConsistencyRequest>,
    ) -> Result<Response<ProofResponse>, Status> {
        self.gate.admit(&request, "audit/consistency", READERS).await?;
        let ConsistencyRequest { old, new } = request.into_inner();
        let ledger = Arc::clone(&self.ledger);
        let proof = blocking(move || ledger.consistency(old, new)).await?;
        Ok(Response::new(ProofResponse {
            hashes: proof.iter().map(|hash| hash.to_vec()).collect(),
        }))
    }

    async fn inclusion(
        &self,
        request: Request<InclusionRequest>,
    ) -> Result<Response<ProofResponse>, Status> {
        self.gate.admit(&request, "audit/inclusion", READERS).await?;
        let InclusionRequest { index, size } = request.into_inner();
        let ledger = Arc::clone(&self.ledger);
        let proof = blocking(move || ledger.inclusion(index, size)).await?;
        Ok(Response::new(ProofResponse {
            hashes: proof.iter().map(|hash| hash.to_vec()).collect(),
        }))
    }

    async fn records(
        &self,
        request: Request<RecordsRequest>,
    ) -> Result<Response<Self::RecordsStream>, Status> {
        let reader = self.gate.admit(&request, "audit/records", READERS).await?;
        let RecordsRequest { from, to } = request.into_inner();
        let size = self.ledger.checkpoint().borrow().checkpoint.size();
        let to = if to == 0 { size } else { to };
        if from > to || to > size {
            let detail =
                format!("records {from} to {to} were asked for, the checkpoint covers {size}");
            return Err(Problem::new(Kind::Malformed, detail).into());
        }
        let draft = Draft::of(reader.clone(), Event::RecordsRead { from, to });
        self.recorder.record(Class::Reading, draft).await?;

        let (sender, receiver) = mpsc::channel(64);
        let journal = self.journal.clone();
        tokio::task::spawn_blocking(move || {
            for entry in journal.entries(from..to) {
                let shown = entry.and_then(|entry| {
                    // Read and dropped: only so is a damaged body found.
                    entry.body.as_ref().map(|body| body.read()).transpose()?;
                    Ok(entry)
                });
                let shown = match shown {
                    Ok(entry) => view(&reader, &entry),
                    Err(error) => Err(Problem::new(Kind::Damaged, error.to_string())),
                };
                let failed = shown.is_err();
                if sender.blocking_send(shown.map_err(Status::from)).is_err() || failed {
                    return;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

/// What `reader` may see of an entry (decree, article 9(3)): auditors everything, the operator
/// and participants what they did themselves, and of the use of a participant's data a notice.
fn view(reader: &Identity, entry: &Entry) -> Result<RecordEntry, Problem> {
    let record = Record::parse(&entry.record)
        .map_err(|error| Problem::new(Kind::Damaged, format!("record {}: {error}", entry.index)))?;
    let mut shown = RecordEntry { index: entry.index, ..RecordEntry::default() };
    let about_itself = record.actor.role == Role::Operator && record.parties.contains_key(reader);
    if reader.role == Role::Auditor || record.actor == *reader || about_itself {
        shown.record = entry.record.to_vec();
        shown.opening = entry.opening.0.to_vec();
    } else if let (
        Some(counter),
        Event::QueryAnswered { dataset, answered, withheld, ruling, .. },
    ) = (record.parties.get(reader), &record.event)
    {
        let notice = json!({
            "kind": "query-answered", "time": record.time, "dataset": dataset,
            "articles": ruling.articles, "answered": answered, "withheld": withheld,
            "counter": counter,
        });
        shown.notice = notice.to_string().into_bytes();
    }
    Ok(shown)
}

fn overtaken(own: &Checkpoint, size: u64) -> Problem {
    let detail = format!(
        "the caller holds a checkpoint of this log of size {size}, the gateway only one of {}: \
         it runs on an old copy of its data and has stopped",
        own.size()
    );
    Problem::new(Kind::Fenced, detail).hint("restore the newest copy of the journal")
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(Problem::new(Kind::Internal, "the ledger could not be read")))
}
