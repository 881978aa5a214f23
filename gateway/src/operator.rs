//! The operator's side of the admin service: `enrol`, `revoke`, `decree enact`, `import` talk to the
//! running gateway with the operator's certificate.

pub mod carried;

use std::{path::Path, sync::Arc};

use anyhow::{Context, Result};
use birge_proto::{
    problem::Problem,
    record::KeySignature,
    wire::{
        self, EnactRequest, EnactResponse, EnrolRequest, ListPeopleRequest, Person, PersonRequest,
        RecoverResponse, RevokeRequest, admin_client::AdminClient, people_client::PeopleClient,
    },
};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore, version::TLS13};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint};

use crate::{
    ceremony::{Authorisation, DecreeSignature, Enrolment},
    config::Config,
    keys::Keys,
};

/// What the operator hands back: `enrolled.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Enrolled {
    /// `agency/NSC`
    pub identity: String,
    /// Trust domain of the SAN URIs.
    pub trust_domain: String,
    /// The node's certificate and the authority's, PEM.
    pub certificate: String,
    /// The authority's certificate, PEM.
    pub authority: String,
    /// The log's verification key, a C2SP vkey.
    pub log_key: String,
    /// Where the log's tiles are public.
    pub public_url: String,
    /// Where persons reach the gateway.
    pub people_url: String,
    /// Public keys of the authority that signs decrees, in hex.
    pub authority_keys: Vec<String>,
    /// How many of them must have signed a decree.
    pub authority_quorum: u64,
}

/// Why an act of the operator came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// The gateway said no.
    #[error(transparent)]
    Refused(#[from] Problem),
    /// The gateway could not be reached.
    #[error("the gateway cannot be reached: {0:#}. Is `gateway serve` running?")]
    Unreachable(anyhow::Error),
    /// A file or a key is wrong.
    #[error("{0:#}")]
    Input(#[from] anyhow::Error),
}

/// Enrols the node that wrote `enrolment`, which the authority countersigned; answers with
/// what goes back to it and the number of the exchange.
///
/// # Errors
/// See [`ActError`].
pub async fn enrol(config: &Config, enrolment: &Path) -> Result<(Enrolled, u64), ActError> {
    let enrolment = Enrolment::read(enrolment)?;
    let Authorisation { stated, key_id, signature } = enrolment.authorised()?.clone();
    let identity = enrolment.identity.to_string();
    let request = EnrolRequest {
        csr: enrolment.csr,
        identity: identity.clone(),
        signing_key: hex::decode(&enrolment.signing_key).context("signingKey is not hex")?,
        witness_key: enrolment.witness_key,
        stated: stated.to_string(),
        key_id,
        signature: hex::decode(signature).context("the countersignature is not hex")?,
    };
    let answer = client(config).await?.enrol(request).await.map_err(refused)?.into_inner();
    let host = config.exchange.server_names.first().map_or("localhost", String::as_str);
    let enrolled = Enrolled {
        identity,
        trust_domain: config.exchange.trust_domain.clone(),
        certificate: answer.certificate,
        authority: Keys::in_folder(&config.paths.keys).read("ca.crt")?,
        log_key: answer.log_key,
        public_url: format!("https://{host}:{}", config.listen.public.port()),
        people_url: format!("https://{host}:{}", config.listen.people.port()),
        authority_keys: answer.authority_keys,
        authority_quorum: answer.authority_quorum,
    };
    Ok((enrolled, answer.exchange))
}

/// Revokes every certificate of an identity; answers with the exchange number and how many.
///
/// # Errors
/// See [`ActError`].
pub async fn revoke(config: &Config, identity: &str, reason: &str) -> Result<(u64, u64), ActError> {
    let request = RevokeRequest { identity: identity.to_owned(), reason: reason.to_owned() };
    let answer = client(config).await?.revoke(request).await.map_err(refused)?.into_inner();
    Ok((answer.exchange, answer.certificates))
}

/// A person's account, as a body or the operator asks about it.
fn person(person: &str) -> PersonRequest {
    PersonRequest { person: person.to_owned() }
}

/// Everybody who was ever named.
///
/// # Errors
/// See [`ActError`].
pub async fn people(config: &Config) -> Result<Vec<Person>, ActError> {
    let mut client = PeopleClient::new(channel(config).await?);
    Ok(client.list(ListPeopleRequest {}).await.map_err(refused)?.into_inner().people)
}

/// Ends a person's account for ever; answers with the number of the exchange.
///
/// # Errors
/// See [`ActError`].
pub async fn revoke_person(config: &Config, who: &str) -> Result<u64, ActError> {
    let mut client = PeopleClient::new(channel(config).await?);
    Ok(client.revoke(person(who)).await.map_err(refused)?.into_inner().exchange)
}

/// Asks, as one of the two whom it takes, for the recovery of a person's account.
///
/// # Errors
/// See [`ActError`].
pub async fn recover_person(config: &Config, who: &str) -> Result<RecoverResponse, ActError> {
    let mut client = PeopleClient::new(channel(config).await?);
    Ok(client.recover(person(who)).await.map_err(refused)?.into_inner())
}

/// Has a decree enacted that keys of the authority signed; answers with what was recorded.
///
/// # Errors
/// See [`ActError`].
pub async fn enact(
    config: &Config,
    bundle: Vec<u8>,
    signatures: Vec<DecreeSignature>,
) -> Result<EnactResponse, ActError> {
    let wire = |signature: DecreeSignature| {
        let id = signature.key_id.clone();
        wire::KeySignature::try_from(KeySignature::from(signature))
            .with_context(|| format!("the decree's signature by the key {id} is not hex"))
    };
    let signatures = signatures.into_iter().map(wire).collect::<Result<_>>()?;
    let request = EnactRequest { bundle, signatures };
    Ok(client(config).await?.enact(request).await.map_err(refused)?.into_inner())
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn refused(status: tonic::Status) -> ActError {
    ActError::Refused(Problem::from_status(&status))
}

async fn client(config: &Config) -> Result<AdminClient<Channel>, ActError> {
    Ok(AdminClient::new(channel(config).await?))
}

async fn channel(config: &Config) -> Result<Channel, ActError> {
    let tls = TlsConnector::from(Arc::new(tls(config)?));
    let host = config.exchange.server_names.first().map_or("localhost", String::as_str).to_owned();
    let name = ServerName::try_from(host).context("server_names holds no name of a host")?;
    let mut address = config.listen.exchange;
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    let connector = tower::service_fn(move |_| {
        let (tls, name) = (tls.clone(), name.clone());
        async move {
            let stream = TcpStream::connect(address).await?;
            tls.connect(name, stream).await.map(TokioIo::new)
        }
    });
    let channel = Endpoint::from_static("http://gateway")
        .connect_with_connector(connector)
        .await
        .map_err(|error| ActError::Unreachable(error.into()))?;
    Ok(channel)
}

fn tls(config: &Config) -> Result<ClientConfig> {
    let keys = Keys::in_folder(&config.paths.keys);
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(keys.read("ca.crt")?.as_bytes())?)?;
    let chain = vec![CertificateDer::from_pem_slice(keys.read("operator.crt")?.as_bytes())?];
    let key = PrivateKeyDer::from_pem_slice(keys.read("operator.key")?.as_bytes())?;
    let mut tls = ClientConfig::builder_with_protocol_versions(&[&TLS13])
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)?;
    tls.alpn_protocols = vec![b"h2".to_vec()];
    Ok(tls)
}
