//! The operator's service: enrol, revoke, enact, and hand in what was carried here. Each act is a
//! record.

use std::sync::Arc;

use birge_proto::{
    clock::SharedClock,
    envelope::sha256,
    identity::{Identity, Role},
    problem::{Kind, Problem},
    record::{DecreeName, Event, KeySignature},
    wire::{
        self, EnactRequest, EnactResponse, EnrolRequest, EnrolResponse, RevokeRequest,
        RevokeResponse, SubmitRequest, SubmitResponse, admin_server::Admin,
    },
};
use tonic::{Request, Response, Status, Streaming, async_trait};

use super::{carried, gate::Gate, revocations::Revocations};
use crate::{
    authority::Authority,
    catalog::Catalog,
    decree::Decree,
    intake::Intake,
    journal::Class,
    recorder::Recorder,
    sequence::{Draft, Reply},
};

const ENROL: &str = "admin/enrol";
const REVOKE: &str = "admin/revoke";
const ENACT: &str = "admin/enact";
const IMPORT: &str = "admin/import";

/// The service.
pub(super) struct AdminService {
    pub(super) gate: Arc<Gate>,
    pub(super) catalog: Arc<Catalog>,
    pub(super) recorder: Recorder,
    pub(super) authority: Arc<Authority>,
    pub(super) revocations: Arc<Revocations>,
    pub(super) trust_domain: String,
    pub(super) intake: Arc<Intake>,
    pub(super) clock: SharedClock,
}

#[async_trait]
impl Admin for AdminService {
    async fn enrol(
        &self,
        request: Request<EnrolRequest>,
    ) -> Result<Response<EnrolResponse>, Status> {
        let operator = self.gate.admit(&request, ENROL, &[Role::Operator]).await?;
        let outcome = self.enrol_as(&operator, request.into_inner()).await;
        self.gate.answer(ENROL, &operator, outcome).await
    }

    async fn revoke(
        &self,
        request: Request<RevokeRequest>,
    ) -> Result<Response<RevokeResponse>, Status> {
        let operator = self.gate.admit(&request, REVOKE, &[Role::Operator]).await?;
        let outcome = self.revoke_as(&operator, request.into_inner()).await;
        self.gate.answer(REVOKE, &operator, outcome).await
    }

    async fn enact(
        &self,
        request: Request<EnactRequest>,
    ) -> Result<Response<EnactResponse>, Status> {
        let operator = self.gate.admit(&request, ENACT, &[Role::Operator]).await?;
        let outcome = self.enact_as(&operator, request.into_inner()).await;
        self.gate.answer(ENACT, &operator, outcome).await
    }

    async fn import(
        &self,
        request: Request<Streaming<SubmitRequest>>,
    ) -> Result<Response<SubmitResponse>, Status> {
        let operator = self.gate.admit(&request, IMPORT, &[Role::Operator]).await?;
        let outcome = carried::import(&self.catalog, &self.intake, request.into_inner()).await;
        self.gate.answer(IMPORT, &operator, outcome).await
    }
}

/// The event of a decree being enacted, with signatures that were verified.
#[must_use]
pub fn enacted(decree: &Decree, bundle: &[u8], signatures: Vec<KeySignature>) -> Event {
    Event::DecreeEnacted {
        decree: decree.name(),
        in_force_from: decree.in_force_from(),
        digest: hex::encode(sha256(bundle)),
        signatures,
    }
}

impl AdminService {
    async fn revoke_as(
        &self,
        operator: &Identity,
        request: RevokeRequest,
    ) -> Result<RevokeResponse, Problem> {
        let identity = identity(&request.identity)?;
        if identity == *operator {
            let detail = "the operator cannot revoke itself: nobody could act for it any more";
            return Err(Problem::new(Kind::Malformed, detail));
        }
        let serials: Vec<String> = self.catalog.read(|state| {
            let participant = state.registry.participant(&identity);
            participant.map(|known| known.serials.iter().cloned().collect()).unwrap_or_default()
        });
        if serials.is_empty() {
            return Err(Problem::new(Kind::NotFound, format!("{identity} is not enrolled")));
        }
        let certificates = serials.len() as u64;
        let event = Event::ParticipantRevoked { identity: identity.clone(), serials };
        let draft = Draft { parties: vec![identity.clone()], ..Draft::of(operator.clone(), event) };
        let exchange = self.record(draft).await?;
        self.revocations
            .refresh(&self.catalog)
            .map_err(|error| Problem::new(Kind::Internal, format!("{error:#}")))?;
        tracing::info!(%identity, exchange, reason = request.reason, "revoked");
        Ok(RevokeResponse { exchange, certificates })
    }

    async fn enact_as(
        &self,
        operator: &Identity,
        request: EnactRequest,
    ) -> Result<EnactResponse, Problem> {
        let EnactRequest { bundle, signatures } = request;
        let signatures = self.signed(&bundle, signatures)?;
        let key_ids = signatures.iter().map(|signature| signature.key_id.clone()).collect();
        let decree = Decree::from_bundle(&bundle)
            .map_err(|error| Problem::new(Kind::Malformed, error.to_string()))?;
        let event = enacted(&decree, &bundle, signatures);
        let draft = Draft::with_body(operator.clone(), event, bundle.into());
        let exchange = self.record(draft).await.map_err(|problem| match problem.kind {
            Kind::Conflict => problem.under([decree.clauses().amendment.to_string()]),
            _ => problem,
        })?;
        let DecreeName { number, version } = decree.name();
        let in_force_from = decree.in_force_from().to_string();
        tracing::info!(number, version, in_force_from, exchange, "enacted");
        Ok(EnactResponse { exchange, number, version, in_force_from, key_ids })
    }

    /// Has an act recorded and waits until it is known; answers with its number.
    pub(super) async fn record(&self, draft: Draft) -> Result<u64, Problem> {
        let committed = self.recorder.record(Class::Administration, draft).await?;
        self.catalog.reached(committed.first + 1).await;
        match committed.reply {
            Reply::Refused(kind, detail) => {
                Err(Problem::new(kind, detail).recorded_as(committed.first))
            }
            _ => Ok(committed.first),
        }
    }

    /// The signatures that hold, of as many of the authority's keys as must have signed.
    fn signed(
        &self,
        bundle: &[u8],
        signatures: Vec<wire::KeySignature>,
    ) -> Result<Vec<KeySignature>, Problem> {
        let (signatories, decree) = self.catalog.read(|state| {
            (state.registry.signatories().clone(), state.decree_at(self.clock.now()).ok())
        });
        let signatures: Vec<_> = signatures.into_iter().map(Into::into).collect();
        signatories.tally(bundle, &signatures).map_err(|error| {
            Problem::new(Kind::BadSignature, error.to_string())
                .under(decree.map(|decree| decree.clauses().amendment.to_string()))
                .hint(format!(
                    "have holders of {} of the authority's keys run `gateway decree sign`, each \
                     on this very folder, and give `gateway decree enact` what each of them \
                     writes with a --signature of its own",
                    signatories.quorum()
                ))
        })
    }
}

/// An identity as a request names it.
pub(super) fn identity(text: &str) -> Result<Identity, Problem> {
    text.parse().map_err(|error| Problem::new(Kind::Malformed, format!("{error}")))
}
