//! The operator's service: enrol, revoke, enact. Each act is a record.

use std::sync::Arc;

use birge_proto::{
    clock::SharedClock,
    envelope::{DECREE_TYPE, VerifyingKey, sha256},
    identity::{Identity, Role},
    problem::{Kind, Problem},
    record::Event,
    wire::{
        EnactRequest, EnactResponse, EnrolRequest, EnrolResponse, RevokeRequest, RevokeResponse,
        admin_server::Admin,
    },
};
use tonic::{Request, Response, Status, async_trait};

use super::{gate::Gate, revocations::Revocations};
use crate::{
    authority::Authority, catalog::Catalog, decree::Decree, journal::Class, recorder::Recorder,
    sequence::Draft,
};

/// The service.
pub(super) struct AdminService {
    pub(super) gate: Arc<Gate>,
    pub(super) catalog: Arc<Catalog>,
    pub(super) recorder: Recorder,
    pub(super) authority: Arc<Authority>,
    pub(super) revocations: Arc<Revocations>,
    pub(super) trust_domain: String,
    pub(super) clock: SharedClock,
}

#[async_trait]
impl Admin for AdminService {
    async fn enrol(
        &self,
        request: Request<EnrolRequest>,
    ) -> Result<Response<EnrolResponse>, Status> {
        let operator = self.gate.admit(&request, "admin/enrol", &[Role::Operator]).await?;
        let request = request.into_inner();
        let identity = identity(&request.identity)?;
        if !matches!(identity.role, Role::Agency | Role::Auditor) {
            let detail = format!("{identity} cannot be enrolled: only agency/… and auditor/…");
            return Err(Problem::new(Kind::Malformed, detail).into());
        }
        let signing_key = self.signing_key(&identity, &request.signing_key)?;
        let issued = self
            .authority
            .issue(&request.csr, &identity, &self.trust_domain, self.clock.now())
            .map_err(|error| Problem::new(Kind::Malformed, format!("{error:#}")))?;
        let event = Event::ParticipantEnrolled {
            identity: identity.clone(),
            serial: issued.serial,
            certificate: issued.digest,
            signing_key: signing_key.map(|key| hex::encode(key.0)),
        };
        let exchange = self.record(&operator, vec![identity], event).await?;
        let certificate = format!("{}{}", issued.pem, self.authority.certificate);
        Ok(Response::new(EnrolResponse { certificate, exchange }))
    }

    async fn revoke(
        &self,
        request: Request<RevokeRequest>,
    ) -> Result<Response<RevokeResponse>, Status> {
        let operator = self.gate.admit(&request, "admin/revoke", &[Role::Operator]).await?;
        let identity = identity(&request.into_inner().identity)?;
        if identity == operator {
            let detail = "the operator cannot revoke itself: nobody could act for it any more";
            return Err(Problem::new(Kind::Malformed, detail).into());
        }
        let serials: Vec<String> = self.catalog.read(|state| {
            let participant = state.registry.participant(&identity);
            participant.map(|known| known.serials.iter().cloned().collect()).unwrap_or_default()
        });
        if serials.is_empty() {
            return Err(Problem::new(Kind::NotFound, format!("{identity} is not enrolled")).into());
        }
        let certificates = serials.len() as u64;
        let event = Event::ParticipantRevoked { identity: identity.clone(), serials };
        let exchange = self.record(&operator, vec![identity], event).await?;
        self.revocations
            .refresh(&self.catalog)
            .map_err(|error| Problem::new(Kind::Internal, format!("{error:#}")))?;
        Ok(Response::new(RevokeResponse { exchange, certificates }))
    }

    async fn enact(
        &self,
        request: Request<EnactRequest>,
    ) -> Result<Response<EnactResponse>, Status> {
        let operator = self.gate.admit(&request, "admin/enact", &[Role::Operator]).await?;
        let request = request.into_inner();
        self.verify_authority(&request)?;
        let decree = Decree::from_bundle(&request.bundle)
            .map_err(|error| Problem::new(Kind::Malformed, error.to_string()))?;
        if decree.in_force_from() < self.clock.now() {
            let detail = format!(
                "the decree would be in force from {}: no decree is retroactive",
                decree.in_force_from()
            );
            return Err(Problem::new(Kind::Malformed, detail).under(["11".to_owned()]).into());
        }
        let event = enacted(&decree, &request.bundle, &request.key_id, &request.signature);
        let draft = Draft::with_body(operator, event, request.bundle.into());
        let committed = self.recorder.record(Class::Administration, draft).await?;
        self.catalog.reached(committed.first + 1).await;
        let name = decree.name();
        Ok(Response::new(EnactResponse {
            exchange: committed.first,
            number: name.number,
            version: name.version,
            in_force_from: decree.in_force_from().to_string(),
        }))
    }
}

/// The event of a decree being enacted.
#[must_use]
pub fn enacted(decree: &Decree, bundle: &[u8], key_id: &str, signature: &[u8]) -> Event {
    Event::DecreeEnacted {
        decree: decree.name(),
        in_force_from: decree.in_force_from(),
        digest: hex::encode(sha256(bundle)),
        key_id: key_id.to_owned(),
        signature: hex::encode(signature),
    }
}

impl AdminService {
    async fn record(
        &self,
        operator: &Identity,
        parties: Vec<Identity>,
        event: Event,
    ) -> Result<u64, Problem> {
        let draft = Draft { parties, ..Draft::of(operator.clone(), event) };
        let committed = self.recorder.record(Class::Administration, draft).await?;
        self.catalog.reached(committed.first + 1).await;
        Ok(committed.first)
    }

    fn signing_key(
        &self,
        identity: &Identity,
        bytes: &[u8],
    ) -> Result<Option<VerifyingKey>, Problem> {
        if bytes.is_empty() && identity.role != Role::Agency {
            return Ok(None);
        }
        let key = VerifyingKey::from_bytes(bytes)
            .map_err(|error| Problem::new(Kind::Malformed, format!("the signing key: {error}")))?;
        let holder = self.catalog.read(|state| {
            let mut participants = state.registry.participants();
            let holder = participants.find(|(other, participant)| {
                *other != identity && participant.signing_keys.contains_key(&key.id())
            });
            holder.map(|(other, _)| other.to_string())
        });
        match holder {
            Some(other) => Err(Problem::new(
                Kind::Malformed,
                format!("the signing key is registered for {other} already"),
            )),
            None => Ok(Some(key)),
        }
    }

    fn verify_authority(&self, request: &EnactRequest) -> Result<(), Problem> {
        let keys = self.catalog.read(|state| state.registry.authority_keys().to_vec());
        let key = keys.iter().find(|key| key.id() == request.key_id);
        let verified = key.map(|key| key.verify(DECREE_TYPE, &request.bundle, &request.signature));
        match verified {
            Some(Ok(())) => Ok(()),
            _ => Err(Problem::new(
                Kind::BadSignature,
                "the decree is not signed by an authority that was pinned when the log began",
            )
            .under(["11".to_owned()])),
        }
    }
}

fn identity(text: &str) -> Result<Identity, Problem> {
    text.parse().map_err(|error| Problem::new(Kind::Malformed, format!("{error}")))
}
