//! Enrolment: a certificate for who the decree names, where the authority countersigned the
//! request and the keys. The operator alone can make no agency (decree, article 3(4)).

use birge_proto::{
    clock::Timestamp,
    envelope::VerifyingKey,
    identity::{Identity, Role},
    problem::{Kind, Problem},
    record::{Authorised, Event},
    statement::{Says, Statement},
    tlog::cosignature::CosignatureVerifier,
    wire::{EnrolRequest, EnrolResponse},
};

use super::admin::{AdminService, identity};
use crate::{ceremony::request_digest, sequence::Draft};

/// Seconds by which the authority's clock may be ahead.
const AHEAD: i64 = 300;

impl AdminService {
    pub(super) async fn enrol_as(
        &self,
        operator: &Identity,
        request: EnrolRequest,
    ) -> Result<EnrolResponse, Problem> {
        let identity = identity(&request.identity)?;
        let article = self.named(&identity)?;
        let signing_key = signing_key(&identity, &request.signing_key)?;
        let witness_key = witness_key(&request.witness_key)?;
        let digest =
            request_digest(&request.csr).map_err(|error| malformed(format!("{error:#}")))?;
        let says = Says::Enrolment {
            identity: identity.clone(),
            request: digest.clone(),
            signing_key: signing_key.clone(),
            witness_key: witness_key.clone(),
        };
        let authorised = self.authorised(&request, digest, says).map_err(|problem| {
            problem.under([article.to_string()]).hint(
                "have the authority run `gateway countersign` on enrolment.json, and enrol with \
                 the file that it writes",
            )
        })?;
        let issued = self
            .authority
            .issue(&request.csr, &identity, &self.trust_domain, self.clock.now())
            .map_err(|error| malformed(format!("{error:#}")))?;
        let event = Event::ParticipantEnrolled {
            identity: identity.clone(),
            serial: issued.serial,
            certificate: issued.digest,
            signing_key,
            witness_key,
            authorised: Some(authorised),
        };
        let draft = Draft { parties: vec![identity.clone()], ..Draft::of(operator.clone(), event) };
        let exchange = self.record(draft).await?;
        tracing::info!(%identity, exchange, "enrolled");
        let certificate = format!("{}{}", issued.pem, self.authority.certificate);
        let (log_key, signatories) = self.catalog.read(|state| {
            let log_key = state.registry.log().active().first().map(ToString::to_string);
            (log_key.unwrap_or_default(), state.registry.signatories().clone())
        });
        let authority_keys = signatories.to_hex();
        let authority_quorum = signatories.quorum();
        Ok(EnrolResponse { certificate, exchange, log_key, authority_keys, authority_quorum })
    }

    /// Only who is named by the decree in force can be enrolled; answers with the article.
    fn named(&self, identity: &Identity) -> Result<String, Problem> {
        let decree = self.catalog.read(|state| state.decree_at(self.clock.now()))?;
        if identity.person.is_some() {
            let detail = format!("{identity} is a person: the body that it belongs to names it");
            return Err(malformed(detail));
        }
        let (bodies, article) = match identity.role {
            Role::Agency => (decree.participants(), decree.clauses().participants),
            Role::Auditor => (decree.auditors(), decree.clauses().auditors),
            Role::Member | Role::Observer | Role::Public | Role::Operator | Role::Gateway => {
                let detail = format!("{identity} cannot be enrolled: only agency/… and auditor/…");
                return Err(malformed(detail));
            }
        };
        if bodies.iter().any(|body| body.id == identity.body) {
            return Ok(article.to_string());
        }
        let detail = format!("the decree in force does not name {identity}");
        Err(Problem::new(Kind::NotPermitted, detail).under([article.to_string()]))
    }

    /// The authority's countersignature, which must be of this very request.
    fn authorised(
        &self,
        request: &EnrolRequest,
        digest: String,
        says: Says,
    ) -> Result<Authorised, Problem> {
        let unsigned = |detail: String| Problem::new(Kind::BadSignature, detail);
        if request.stated.is_empty() && request.signature.is_empty() {
            let detail = "the enrolment is not countersigned by the authority";
            return Err(unsigned(detail.to_owned()));
        }
        let stated: Timestamp = request.stated.parse().map_err(|error| {
            malformed(format!("when the enrolment was countersigned cannot be read: {error}"))
        })?;
        if stated.as_second() > self.clock.now().as_second() + AHEAD {
            let detail = format!("the enrolment was countersigned at {stated}, which is to come");
            return Err(malformed(detail));
        }
        let authorised = Authorised {
            request: Some(digest),
            stated,
            key_id: request.key_id.clone(),
            signature: hex::encode(&request.signature),
        };
        let (origin, keys) = self.catalog.read(|state| {
            let registry = &state.registry;
            (registry.log().origin().to_owned(), registry.signatories().keys().to_vec())
        });
        let statement = Statement { origin, stated, says };
        statement.verify(&authorised, &keys).map_err(|error| {
            unsigned(format!(
                "the authority did not countersign this very request and these keys for this \
                 log: {error}"
            ))
        })?;
        Ok(authorised)
    }
}

/// The key to witness with, as it is written.
fn witness_key(text: &str) -> Result<Option<String>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    CosignatureVerifier::from_vkey(text)
        .map(|key| Some(key.vkey().to_string()))
        .map_err(|error| malformed(format!("the witness key: {error}")))
}

/// The key that batches are signed with, in hex.
fn signing_key(identity: &Identity, bytes: &[u8]) -> Result<Option<String>, Problem> {
    if bytes.is_empty() && identity.role != Role::Agency {
        return Ok(None);
    }
    VerifyingKey::from_bytes(bytes)
        .map(|key| Some(hex::encode(key.0)))
        .map_err(|error| malformed(format!("the signing key: {error}")))
}

fn malformed(detail: String) -> Problem {
    Problem::new(Kind::Malformed, detail)
}
