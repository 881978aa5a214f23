//! Renewal of a node's certificate before it ends, or after: the same key, which the authority
//! countersigned once, and a statement of the node under its signing key. It needs no
//! certificate, as that of a node that was away for long has ended.

use std::sync::Arc;

use birge_proto::{
    clock::{SharedClock, Timestamp},
    envelope::VerifyingKey,
    identity::Identity,
    problem::{Kind, Problem},
    record::{Authorised, Event},
    statement::{Says, Statement},
};
use serde::Deserialize;

use crate::{
    authority::Authority,
    catalog::Catalog,
    ceremony::request_digest,
    journal::Class,
    recorder::Recorder,
    sequence::{Draft, Reply},
};

/// Seconds by which the node's clock may differ: a statement is used at once or never.
const ASKEW: i64 = 3_600;

/// What a node asks with.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Asked {
    /// Whose certificate.
    identity: Identity,
    /// The certificate request with which it was enrolled, PEM.
    csr: String,
    /// When it asked.
    stated: Timestamp,
    /// Id of its signing key.
    key_id: String,
    /// Its signature over the statement, in hex.
    signature: String,
}

/// Who renews.
pub(super) struct Renewals {
    pub(super) catalog: Arc<Catalog>,
    pub(super) recorder: Recorder,
    pub(super) authority: Arc<Authority>,
    pub(super) trust_domain: String,
    pub(super) clock: SharedClock,
}

impl Renewals {
    /// A new certificate for the key that was enrolled, with the authority's behind it, PEM.
    ///
    /// # Errors
    /// When whoever asks is not enrolled, did not sign, or asks for another key.
    pub(super) async fn renew(&self, asked: Asked) -> Result<String, Problem> {
        let Asked { identity, csr, stated, key_id, signature } = asked;
        let request = request_digest(&csr)
            .map_err(|error| Problem::new(Kind::Malformed, format!("{error:#}")))?;
        let now = self.clock.now();
        if now.duration_since(stated).as_secs().abs() > ASKEW {
            let detail = format!("it was asked at {stated}, and here it is {now}");
            return Err(Problem::new(Kind::Malformed, detail).hint("set the node's clock"));
        }
        let asked = Authorised { request: Some(request.clone()), stated, key_id, signature };
        self.held(&identity, &request, &asked)?;
        let issued = self
            .authority
            .issue(&csr, &identity, &self.trust_domain, now)
            .map_err(|error| Problem::new(Kind::Malformed, format!("{error:#}")))?;
        let (serial, certificate) = (issued.serial, issued.digest);
        let (party, asked) = (identity.clone(), Some(asked));
        let event = Event::CertificateRenewed { identity: party, serial, certificate, asked };
        let draft = Draft { parties: vec![identity.clone()], ..Draft::of(identity.clone(), event) };
        let committed = self.recorder.record(Class::Administration, draft).await?;
        self.catalog.reached(committed.first + 1).await;
        if let Reply::Refused(kind, detail) = committed.reply {
            return Err(Problem::new(kind, detail).recorded_as(committed.first));
        }
        tracing::info!(%identity, exchange = committed.first, "renewed a certificate");
        Ok(format!("{}{}", issued.pem, self.authority.certificate))
    }

    /// Is this the enrolled identity, and the key with which it was enrolled?
    fn held(&self, identity: &Identity, request: &str, asked: &Authorised) -> Result<(), Problem> {
        let (origin, enrolled) = self.catalog.read(|state| {
            let participant = state.registry.participant(identity).cloned();
            (state.registry.log().origin().to_owned(), participant)
        });
        let enrolled = enrolled.ok_or_else(|| {
            Problem::new(Kind::NotEnrolled, "nobody of this name is enrolled")
                .hint("have enrolment.json countersigned, and enrolled by the operator")
        })?;
        let keys: Vec<VerifyingKey> = enrolled.signing_keys.values().copied().collect();
        let says = Says::Renewal { identity: identity.clone(), request: request.to_owned() };
        let statement = Statement { origin, stated: asked.stated, says };
        statement.verify(asked, &keys).map_err(|error| {
            Problem::new(Kind::BadSignature, format!("the signing key did not ask: {error}"))
        })?;
        match enrolled.request.as_deref() == Some(request) {
            true => Ok(()),
            false => Err(Problem::new(
                Kind::BadSignature,
                "this is not the certificate request that the authority countersigned",
            )
            .hint("have the node enrolled anew")),
        }
    }
}
