//! Mutual TLS: accepts connections, checks certificates against the authority and its
//! revocation list, and counts who was turned away before being identified.

mod named;

use std::{
    collections::HashMap,
    hash::Hash,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result};
use arc_swap::ArcSwap;
use birge_proto::identity::Identity;
use rustls::{
    CertificateError, RootCertStore, ServerConfig,
    server::{NoServerSessionStorage, WebPkiClientVerifier},
    sign::CertifiedKey,
    version::TLS13,
};
use rustls_pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer, pem::PemObject,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::sync::CancellationToken;
use tonic::transport::server::Connected;

use self::named::ByName;
pub(super) use self::named::Named;
use super::turned::Turned;
use crate::account::Bearer;

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(30);
/// Connections of one principal at once.
const EACH: usize = 64;
/// Handshakes under way at once.
const HANDSHAKES: usize = 256;

/// Who is at the other end of a connection.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    /// Who it is.
    pub(super) identity: Identity,
    /// What says so.
    pub(super) credential: Credential,
}

/// What says who somebody is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Credential {
    /// A system's certificate, by its serial number in hex.
    Certificate(String),
    /// A person's session or token.
    Bearer(Bearer),
    /// Nothing: it is the public.
    Nothing,
}

/// A connection whose other end is identified.
pub(super) struct Connection {
    stream: TlsStream<TcpStream>,
    peer: Peer,
    _place: OwnedSemaphorePermit,
}

impl Connection {
    /// Does it speak HTTP/1.1?
    fn is_plain(&self) -> bool {
        self.stream.get_ref().1.alpn_protocol() == Some(b"http/1.1")
    }

    /// Who is at its other end.
    pub(super) fn peer(&self) -> &Peer {
        &self.peer
    }
}

/// Places for connections: for each principal or address, so that none takes them all.
pub(super) struct Places<K> {
    each: usize,
    taken: Mutex<HashMap<K, Arc<Semaphore>>>,
}

impl<K: Clone + Eq + Hash> Places<K> {
    /// So many for each.
    pub(super) fn of(each: usize) -> Self {
        Self { each, taken: Mutex::default() }
    }

    pub(super) fn take(&self, who: &K) -> Option<OwnedSemaphorePermit> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        // Those who are gone are forgotten.
        taken.retain(|other, places| other == who || places.available_permits() < self.each);
        let own = taken.entry(who.clone());
        let own = own.or_insert_with(|| Arc::new(Semaphore::new(self.each)));
        Arc::clone(own).try_acquire_owned().ok()
    }
}

/// The files that TLS needs, in memory.
pub(super) struct Credentials {
    /// The gateway's chain.
    pub(super) chain: Vec<CertificateDer<'static>>,
    /// Its key.
    pub(super) key: PrivateKeyDer<'static>,
    /// The authority's certificate.
    pub(super) authority: CertificateDer<'static>,
}

impl Credentials {
    /// Reads PEM texts.
    ///
    /// # Errors
    /// When one holds no certificate or key.
    pub(super) fn from_pem(chain: &str, key: &str, authority: &str) -> Result<Self> {
        Ok(Self {
            chain: CertificateDer::pem_slice_iter(chain.as_bytes())
                .collect::<Result<_, _>>()
                .context("tls.crt is no certificate")?,
            key: PrivateKeyDer::from_pem_slice(key.as_bytes()).context("tls.key is no key")?,
            authority: CertificateDer::from_pem_slice(authority.as_bytes())
                .context("ca.crt is no certificate")?,
        })
    }

    /// Asks clients for a certificate of the authority that is not on the list.
    ///
    /// # Errors
    /// When rustls finds the credentials or the list wanting.
    pub(super) fn mutual(
        &self,
        revoked: CertificateRevocationListDer<'static>,
    ) -> Result<ServerConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.clone())?;
        let verifier =
            WebPkiClientVerifier::builder(Arc::new(roots)).with_crls([revoked]).build()?;
        let mut config = ServerConfig::builder_with_protocol_versions(&[&TLS13])
            .with_client_cert_verifier(verifier)
            .with_single_cert(self.chain.clone(), self.key.clone_key())?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        // A resumed session would not be checked against the list: none are kept.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }

    /// Asks clients for no certificate: the public listener and that for persons, which speak
    /// gRPC and HTTP. Who asks for the portal by its name is shown the portal's certificate.
    ///
    /// # Errors
    /// When rustls finds the credentials wanting.
    pub(super) fn without_clients(&self, portal: Option<Named>) -> Result<ServerConfig> {
        let builder = ServerConfig::builder_with_protocol_versions(&[&TLS13]);
        let own = CertifiedKey::from_der(
            self.chain.clone(),
            self.key.clone_key(),
            builder.crypto_provider(),
        )?;
        let shown = Arc::new(ByName { own: Arc::new(own), portal });
        let mut config = builder.with_no_client_auth().with_cert_resolver(shown);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

/// Accepts connections until `stop`; those that are identified come out of the channel, but for
/// those that speak HTTP/1.1: they are given to `plain`. Apart, for a node waits for a gateway's
/// first word, which HTTP/2 says at once.
pub(super) fn accept(
    listener: TcpListener,
    config: Arc<ArcSwap<ServerConfig>>,
    trust_domain: String,
    turned: Arc<Turned>,
    stop: CancellationToken,
    plain: impl Fn(Connection) + Clone + Send + 'static,
) -> mpsc::Receiver<io::Result<Connection>> {
    let (sender, receiver) = mpsc::channel(64);
    let handshakes = Arc::new(Semaphore::new(HANDSHAKES));
    let places = Arc::new(Places::of(EACH));
    let trust_domain: Arc<str> = trust_domain.into();
    tokio::spawn(async move {
        loop {
            let Ok(permit) = Arc::clone(&handshakes).acquire_owned().await else { return };
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await; // out of descriptors
                    continue;
                }
            };
            let acceptor = TlsAcceptor::from(config.load_full());
            let (sender, turned, domain) =
                (sender.clone(), Arc::clone(&turned), Arc::clone(&trust_domain));
            let (places, plain) = (Arc::clone(&places), plain.clone());
            tokio::spawn(async move {
                match identify(acceptor, stream, &domain, &places).await {
                    Ok(connection) if connection.is_plain() => plain(connection),
                    Ok(connection) => drop(sender.send(Ok(connection)).await),
                    Err(reason) => {
                        tracing::info!(%address, reason, "turned away");
                        turned.count(reason);
                    }
                }
                drop(permit);
            });
        }
    });
    receiver
}

async fn identify(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    trust_domain: &str,
    places: &Places<Identity>,
) -> Result<Connection, &'static str> {
    drop(stream.set_nodelay(true));
    let stream = timeout(HANDSHAKE, acceptor.accept(stream))
        .await
        .map_err(|_| "handshake-timeout")?
        .map_err(|error| reason(&error))?;
    let certificate =
        stream.get_ref().1.peer_certificates().and_then(<[_]>::first).ok_or("no-certificate")?;
    let identity = Identity::from_certificate(certificate, trust_domain)
        .map_err(|_| "certificate-names-nobody")?;
    let serial = serial(certificate).ok_or("certificate-unreadable")?;
    let place = places.take(&identity).ok_or("too-many-connections")?;
    let peer = Peer { identity, credential: Credential::Certificate(serial) };
    Ok(Connection { peer, stream, _place: place })
}

fn serial(certificate: &CertificateDer<'_>) -> Option<String> {
    use x509_parser::prelude::{FromDer, X509Certificate};
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    Some(hex::encode(certificate.raw_serial()))
}

fn reason(error: &io::Error) -> &'static str {
    let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>())
    else {
        return "connection-lost";
    };
    match error {
        rustls::Error::NoCertificatesPresented => "no-certificate",
        rustls::Error::InvalidCertificate(CertificateError::Revoked) => "certificate-revoked",
        rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => "certificate-expired",
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => "unknown-authority",
        rustls::Error::InvalidCertificate(_) => "certificate-invalid",
        rustls::Error::InvalidMessage(_) => "not-tls",
        _ => "handshake-failed",
    }
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl tokio::io::AsyncRead for Connection {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<io::Result<()>> {
        std::pin::Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl tokio::io::AsyncWrite for Connection {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
        buffer: &[u8],
    ) -> std::task::Poll<io::Result<usize>> {
        std::pin::Pin::new(&mut self.stream).poll_write(context, buffer)
    }

    fn poll_write_vectored(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> std::task::Poll<io::Result<usize>> {
        std::pin::Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }

    /// What stands in several buffers goes out together, not each as a record of TLS.
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<io::Result<()>> {
        std::pin::Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<io::Result<()>> {
        std::pin::Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
