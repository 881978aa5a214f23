//! The connection to the gateway: mutual TLS 1.3, and the server must be the gateway of this
//! exchange by its SAN URI, not just any holder of a certificate.
//!
//! The node's certificate is read anew for each connection, so that a new one needs no restart.

pub mod dial;
pub mod https;
pub(crate) mod judged;
mod verdict;

use std::{error::Error as StdError, io, sync::Arc, time::Duration};

use birge_proto::{
    identity::{Identity, Role},
    limits,
    wire::{
        audit_client::AuditClient, intake_client::IntakeClient, people_client::PeopleClient,
        query_client::QueryClient, witness_client::WitnessClient,
    },
};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore, client::WantsClientCert, crypto::aws_lc_rs,
    version::TLS13,
};
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt},
    time::timeout,
};
use tokio_rustls::TlsConnector;
use tonic::{
    Status,
    codec::CompressionEncoding,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint, Uri},
};
use tower::service_fn;

pub use self::verdict::problem;
use self::{
    dial::Dial,
    judged::{Judged, Verdict},
};
use crate::{config::Gateway, credentials::Credentials, home::Home, output::Failure};

/// How long the gateway is listened to before the node speaks.
const FIRST_WORDS: Duration = Duration::from_secs(3);
/// How long a person's connection may take to be made.
const CONNECT: Duration = Duration::from_secs(30);
/// How often a silent connection is tried, and how long its answer may take: on a slow line it
/// waits behind all that was sent before.
const ALIVE: Duration = Duration::from_secs(60);
const SLOWEST: Duration = Duration::from_secs(120);

/// A connection that is opened at the first call and again whenever it broke.
#[derive(Debug, Clone)]
pub struct Link(Transport);

/// What the clients stand on: the connection, and what a person presents with each call.
pub type Transport = InterceptedService<Channel, Present>;

/// The session or token that is presented, where a person calls.
#[derive(Debug, Clone, Default)]
pub struct Present(Option<MetadataValue<Ascii>>);

impl Interceptor for Present {
    fn call(&mut self, mut request: tonic::Request<()>) -> Result<tonic::Request<()>, Status> {
        if let Some(bearer) = &self.0 {
            request.metadata_mut().insert("authorization", bearer.clone());
        }
        Ok(request)
    }
}

/// Where the gateway is, and who is believed to name it.
#[derive(Debug, Clone, Copy)]
pub struct Door<'a> {
    /// Its address.
    pub url: &'a str,
    /// The authorities trusted to name it.
    pub authorities: &'a [CertificateDer<'static>],
    /// Trust domain of the exchange.
    pub trust_domain: &'a str,
}

impl Link {
    /// Prepares a node's connection; nothing is sent yet.
    ///
    /// # Errors
    /// When the address is malformed, or keys and certificates do not fit.
    pub fn new(gateway: &Gateway, home: &Home, credentials: &Credentials) -> Result<Self, Failure> {
        let timeout = Duration::from_secs(gateway.connect_timeout_seconds);
        let (uri, (host, port), name) = place(&gateway.url)?;
        let dial = Dial::of(gateway, &home.join(""), host, port)?;
        tls_config(credentials)?; // what is wrong with them is told now
        let (home, identity) = (home.clone(), credentials.enrolled.identity.clone());
        let tls = move || {
            let credentials = Credentials::load(&home, &identity).map_err(io::Error::other)?;
            tls_config(&credentials).map(Arc::new).map_err(io::Error::other)
        };
        Ok(Self::open(uri, name, dial, tls, timeout, Present::default()))
    }

    /// Prepares a person's connection, who presents a session or token.
    ///
    /// # Errors
    /// When the address, the authority or what is presented is malformed.
    pub fn of_person(door: &Door<'_>, bearer: &str) -> Result<Self, Failure> {
        let presented = format!("Bearer {bearer}").parse().map_err(|_| {
            Failure::Wrong("the session or token is none\nnext: sign in again".into())
        })?;
        let (uri, (host, port), name) = place(door.url)?;
        let tls = Arc::new(person_tls(door, b"h2")?);
        let (dial, tls) = (Dial::straight(host, port), move || Ok(Arc::clone(&tls)));
        Ok(Self::open(uri, name, dial, tls, CONNECT, Present(Some(presented))))
    }

    fn open(
        uri: Uri,
        name: ServerName<'static>,
        dial: Dial,
        tls: impl Fn() -> io::Result<Arc<ClientConfig>> + Clone + Send + Sync + 'static,
        timeout: Duration,
        present: Present,
    ) -> Self {
        let endpoint = Endpoint::from(uri)
            .connect_timeout(timeout)
            .http2_keep_alive_interval(ALIVE)
            .keep_alive_timeout(SLOWEST)
            .initial_stream_window_size(4 << 20)
            .initial_connection_window_size(8 << 20);
        let channel = endpoint.connect_with_connector_lazy(service_fn(move |_: Uri| {
            let (tls, dial, name) = (tls.clone(), dial.clone(), name.clone());
            async move {
                let tls = tokio::task::spawn_blocking(tls).await.map_err(io::Error::other)??;
                let mut stream =
                    TlsConnector::from(tls).connect(name, dial.connect().await?).await?;
                hear(&mut stream).await?;
                io::Result::Ok(TokioIo::new(stream))
            }
        }));
        Self(InterceptedService::new(channel, present))
    }

    /// To hand in batches.
    #[must_use]
    pub fn intake(&self) -> IntakeClient<Transport> {
        IntakeClient::new(self.0.clone())
            .max_decoding_message_size(limits::MESSAGE_BYTES)
            .send_compressed(CompressionEncoding::Zstd)
    }

    /// To ask for figures.
    #[must_use]
    pub fn query(&self) -> QueryClient<Transport> {
        QueryClient::new(self.0.clone()).max_decoding_message_size(limits::MESSAGE_BYTES)
    }

    /// To read the log.
    #[must_use]
    pub fn audit(&self) -> AuditClient<Transport> {
        AuditClient::new(self.0.clone()).max_decoding_message_size(limits::MESSAGE_BYTES)
    }

    /// To name persons.
    #[must_use]
    pub fn people(&self) -> PeopleClient<Transport> {
        PeopleClient::new(self.0.clone())
    }

    /// To witness the log.
    #[must_use]
    pub fn witness(&self) -> WitnessClient<Transport> {
        WitnessClient::new(self.0.clone())
    }
}

/// Waits for the first words of the gateway, and leaves them to be read. In TLS 1.3 the client
/// is done before the server has judged the client's certificate; only an alert read here is
/// told as what it is. A gateway that waits for the client to speak first is given its way.
async fn hear(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<()> {
    match timeout(FIRST_WORDS, stream.fill_buf()).await {
        Ok(heard) => heard.map(drop),
        Err(_) => Ok(()),
    }
}

/// An address: as a URI, as host and port, and the name that the server must have.
type Place = (Uri, (String, u16), ServerName<'static>);

/// Reads an address of a gateway.
///
/// # Errors
/// When it is none.
pub fn place(url: &str) -> Result<Place, Failure> {
    let wrong = || {
        Failure::Usage(format!("{url:?} is no address of a gateway: expected https://NAME:PORT"))
    };
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    let host = uri.host().ok_or_else(wrong)?.to_owned();
    let address = (host.clone(), uri.port_u16().unwrap_or(443));
    let name = ServerName::try_from(host).map_err(|_| wrong())?;
    Ok((uri, address, name))
}

/// TLS for a node, whose certificate and key must belong together.
///
/// # Errors
/// When they do not, or an authority's certificate is none.
pub fn tls_config(credentials: &Credentials) -> Result<ClientConfig, Failure> {
    let wrong = |error: &dyn StdError| {
        Failure::Wrong(format!(
            "enrolled.json and keys/tls.key do not make a connection: {error}\nnext: ask the \
             operator to enrol this node's enrolment.json, and put the answer there"
        ))
    };
    let builder = believing(&credentials.authorities, &credentials.enrolled.trust_domain)
        .map_err(|error| wrong(&*error))?;
    let mut config = builder
        .with_client_auth_cert(credentials.chain.clone(), credentials.tls_key.clone_key())
        .map_err(|error| wrong(&error))?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

/// TLS for a person, who has no certificate.
///
/// # Errors
/// When an authority's certificate is none.
pub fn person_tls(door: &Door<'_>, protocol: &[u8]) -> Result<ClientConfig, Failure> {
    let builder = believing(door.authorities, door.trust_domain).map_err(|error| {
        Failure::Wrong(format!(
            "the account's authority is none: {error}\nnext: ask the body that named you for its \
             invitation again"
        ))
    })?;
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    Ok(config)
}

/// TLS that believes these authorities, and them only of the gateway.
fn believing(
    authorities: &[CertificateDer<'static>],
    trust_domain: &str,
) -> anyhow::Result<ConfigBuilder<ClientConfig, WantsClientCert>> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority.clone())?;
    }
    let trust_domain = trust_domain.to_owned();
    let gateway_only = move |certificate: &CertificateDer<'_>, found: Verdict| {
        found.and_then(|verified| is_gateway(certificate, &trust_domain).map(|()| verified))
    };
    let verifier = Judged::new(roots, provider.clone(), gateway_only)?;
    Ok(ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier)))
}

/// That a certificate names the gateway: another participant's comes from the same authority.
fn is_gateway(certificate: &[u8], trust_domain: &str) -> Result<(), rustls::Error> {
    match Identity::from_certificate(certificate, trust_domain) {
        Ok(Identity { role: Role::Gateway, .. }) => Ok(()),
        Ok(other) => Err(rustls::Error::General(format!(
            "the server is {other}, not the gateway of {trust_domain}"
        ))),
        Err(error) => Err(rustls::Error::General(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        handin::tests::node,
        receipt::tests::signer,
        testing::{Authority, Standing},
    };

    #[tokio::test]
    async fn a_refusal_is_heard_before_the_node_speaks() {
        let folder = tempfile::tempdir().unwrap();
        let mut node = node(&folder.path().join("mia"));
        let authority = Authority::of_nodes(Standing::Revoked);
        authority.enrol(&mut node, &signer().verifier().to_string(), 1);
        let (near, far) = tokio::io::duplex(1 << 16);
        tokio::spawn(authority.acceptor("gateway/BIRGE").accept(far));
        let credentials = Credentials::load(&node.home, node.identity()).unwrap();
        let tls = TlsConnector::from(Arc::new(tls_config(&credentials).unwrap()));
        let mut stream = tls.connect("localhost".try_into().unwrap(), near).await.unwrap();
        let error = hear(&mut stream).await.unwrap_err();
        assert!(error.to_string().contains("CertificateRevoked"), "{error}");
    }
}
