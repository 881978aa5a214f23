//! The audit service: checkpoint, tiles, proofs, the records that the asker may see, and what a
//! draft would change of what they say was decided.

use std::sync::Arc;

use birge_proto::{
    identity::Role,
    problem::{Kind, Problem},
    tlog::Hash,
    wire::{
        CheckpointRequest, CheckpointResponse, ConsistencyRequest, HoldRequest, HoldResponse,
        InclusionRequest, ProofResponse, RecordEntry, RecordsRequest, SimulateRequest,
        SimulateResponse, TileRequest, TileResponse, WitnessesRequest, WitnessesResponse,
        audit_server::Audit,
    },
};
use birge_schemas::decree::DECREE_BYTES;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, async_trait};

use super::{
    gate::Gate,
    reading,
    records::{Depth, Records},
    stated::Stated,
    tls::Peer,
};
use crate::{ledger::Ledger, witness::Assembly};

const READERS: &[Role] =
    &[Role::Agency, Role::Member, Role::Observer, Role::Auditor, Role::Operator];
/// Bytes of the longest request: a draft.
pub(super) const MESSAGE_BYTES: usize = DECREE_BYTES + (1 << 10);

/// The service.
pub(super) struct AuditService {
    pub(super) gate: Arc<Gate>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) records: Arc<Records>,
    pub(super) stated: Stated,
    /// Examines checkpoints that somebody has seen.
    pub(super) assembly: Assembly,
}

#[async_trait]
impl Audit for AuditService {
    type RecordsStream = ReceiverStream<Result<RecordEntry, Status>>;
    type SimulateStream = ReceiverStream<Result<SimulateResponse, Status>>;

    async fn checkpoint(
        &self,
        request: Request<CheckpointRequest>,
    ) -> Result<Response<CheckpointResponse>, Status> {
        let reader = self.gate.admit(&request, "audit/checkpoint", READERS).await?;
        let seen = request.into_inner().seen;
        // What this log did not sign says nothing of it.
        if self.ledger.recognise(&seen).is_some()
            && let Err(problem) = self.assembly.examine(&reader, seen).await
        {
            return self.gate.answer("audit/checkpoint", &reader, Err(problem)).await;
        }
        let shown = self.ledger.shown().map(|shown| CheckpointResponse {
            note: shown.note.clone(),
            frozen: self.ledger.frozen().iter().map(|last| last.note.clone()).collect(),
        });
        self.gate.answer("audit/checkpoint", &reader, shown).await
    }

    async fn tile(&self, request: Request<TileRequest>) -> Result<Response<TileResponse>, Status> {
        let reader = self.gate.admit(&request, "audit/tile", READERS).await?;
        let (ledger, path) = (Arc::clone(&self.ledger), request.into_inner().path);
        let outcome = reading(move || ledger.tile(&path)).await;
        let outcome = outcome.map(|data| TileResponse { data });
        self.gate.answer("audit/tile", &reader, outcome).await
    }

    async fn consistency(
        &self,
        request: Request<ConsistencyRequest>,
    ) -> Result<Response<ProofResponse>, Status> {
        let reader = self.gate.admit(&request, "audit/consistency", READERS).await?;
        let ConsistencyRequest { old, new } = request.into_inner();
        let ledger = Arc::clone(&self.ledger);
        let outcome = reading(move || ledger.consistency(old, new)).await;
        self.gate.answer("audit/consistency", &reader, outcome.map(proof)).await
    }

    async fn inclusion(
        &self,
        request: Request<InclusionRequest>,
    ) -> Result<Response<ProofResponse>, Status> {
        let reader = self.gate.admit(&request, "audit/inclusion", READERS).await?;
        let InclusionRequest { index, size } = request.into_inner();
        let ledger = Arc::clone(&self.ledger);
        let outcome = reading(move || ledger.inclusion(index, size)).await;
        self.gate.answer("audit/inclusion", &reader, outcome.map(proof)).await
    }

    async fn witnesses(
        &self,
        request: Request<WitnessesRequest>,
    ) -> Result<Response<WitnessesResponse>, Status> {
        let reader = self.gate.admit(&request, "audit/witnesses", READERS).await?;
        let outcome = self.stated.witnesses().await;
        self.gate.answer("audit/witnesses", &reader, outcome).await
    }

    async fn hold(&self, request: Request<HoldRequest>) -> Result<Response<HoldResponse>, Status> {
        let auditor = self.gate.admit(&request, "audit/hold", &[Role::Auditor]).await?;
        let outcome = self.records.hold(&auditor, request.into_inner()).await;
        self.gate.answer("audit/hold", &auditor, outcome).await
    }

    async fn records(
        &self,
        request: Request<RecordsRequest>,
    ) -> Result<Response<Self::RecordsStream>, Status> {
        let reader = self.gate.admit(&request, "audit/records", READERS).await?;
        let size = self.ledger.settled().borrow().checkpoint.size();
        let outcome = match request.extensions().get::<Peer>().cloned() {
            Some(peer) => self.records.read(peer, request.into_inner(), size, Depth::Bodies).await,
            None => Err(Problem::new(Kind::Internal, "the connection carries no identity")),
        };
        self.gate.answer("audit/records", &reader, outcome.map(ReceiverStream::new)).await
    }

    async fn simulate(
        &self,
        request: Request<SimulateRequest>,
    ) -> Result<Response<Self::SimulateStream>, Status> {
        let auditor = self.gate.admit(&request, "audit/simulate", &[Role::Auditor]).await?;
        let size = self.ledger.settled().borrow().checkpoint.size();
        let outcome = match request.extensions().get::<Peer>().cloned() {
            Some(peer) => self.records.simulate(peer, request.into_inner().draft, size).await,
            None => Err(Problem::new(Kind::Internal, "the connection carries no identity")),
        };
        self.gate.answer("audit/simulate", &auditor, outcome.map(ReceiverStream::new)).await
    }
}

#[allow(clippy::needless_pass_by_value, reason = "for map")]
fn proof(hashes: Vec<Hash>) -> ProofResponse {
    ProofResponse { hashes: hashes.iter().map(|hash| hash.to_vec()).collect() }
}
