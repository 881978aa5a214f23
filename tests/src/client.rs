//! A gRPC client with any certificate, or none: what an attacker would write.

use std::{net::SocketAddr, path::Path, sync::Arc};

use anyhow::{Context, Result};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    version::TLS13,
};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint, Uri};

use birge_proto::{
    envelope::SigningKey,
    limits,
    problem::{Kind, Problem},
    wire::{
        AskRequest, SubmitRequest, SubmitResponse, admin_client::AdminClient,
        audit_client::AuditClient, intake_client::IntakeClient, query_client::QueryClient,
        witness_client::WitnessClient,
    },
};

use crate::{answer::Answer, node::Node};

/// What a client trusts and what it shows.
#[derive(Debug)]
pub struct Credentials {
    /// Authorities trusted for the server.
    pub roots: RootCertStore,
    /// The client's certificate and key, if it shows one.
    pub certificate: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
}

impl Clone for Credentials {
    fn clone(&self) -> Self {
        let certificate = self.certificate.as_ref();
        Self {
            roots: self.roots.clone(),
            certificate: certificate.map(|(chain, key)| (chain.clone(), key.clone_key())),
        }
    }
}

impl Credentials {
    /// What an enrolled node holds.
    ///
    /// # Errors
    /// When the node's files cannot be read.
    pub fn of(node: &Node) -> Result<Self> {
        let answer: Value = serde_json::from_slice(&std::fs::read(node.enrolled())?)?;
        let field = |name: &str| answer[name].as_str().context("enrolled.json lacks a field");
        let key = PrivateKeyDer::from_pem_file(node.dir().join("keys/tls.key"))?;
        Ok(Self {
            roots: roots(field("authority")?)?,
            certificate: Some((chain(field("certificate")?)?, key)),
        })
    }

    /// The same trust, no certificate.
    #[must_use]
    pub fn anonymous(&self) -> Self {
        Self { certificate: None, ..self.clone() }
    }

    /// The same trust, another certificate.
    #[must_use]
    pub fn showing(
        &self,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Self {
        Self { certificate: Some((chain, key)), ..self.clone() }
    }

    /// How to shake hands, to speak this.
    ///
    /// # Errors
    /// When the certificate and its key do not belong together.
    pub fn config(&self, protocol: &[u8]) -> Result<ClientConfig> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])?
            .with_root_certificates(self.roots.clone());
        let mut config = match &self.certificate {
            Some((chain, key)) => builder.with_client_auth_cert(chain.clone(), key.clone_key())?,
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![protocol.to_vec()];
        Ok(config)
    }
}

/// A connection to the gateway.
#[derive(Debug, Clone)]
pub struct Client {
    channel: Channel,
}

impl Client {
    /// Connects to a gateway at `address` with `credentials`.
    ///
    /// # Errors
    /// When the connection or the handshake fails. In TLS 1.3 a client learns that its
    /// certificate was refused only with its first call.
    pub async fn connect(address: SocketAddr, credentials: &Credentials) -> Result<Self> {
        Self::connect_with(address, credentials, 4 << 20).await
    }

    /// As [`Self::connect`], with so many bytes of each stream taken ahead of whoever reads it:
    /// with few of them, a stream that nobody reads stands still at the gateway.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub async fn connect_with(
        address: SocketAddr,
        credentials: &Credentials,
        window: u32,
    ) -> Result<Self> {
        let connector = TlsConnector::from(Arc::new(credentials.config(b"h2")?));
        let dial = tower::service_fn(move |_: Uri| {
            let connector = connector.clone();
            async move {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                let name = ServerName::try_from("localhost").map_err(std::io::Error::other)?;
                Ok::<_, std::io::Error>(TokioIo::new(connector.connect(name, stream).await?))
            }
        });
        let endpoint = Endpoint::from_static("http://localhost")
            .initial_stream_window_size(window)
            .initial_connection_window_size(8 << 20);
        Ok(Self { channel: endpoint.connect_with_connector(dial).await? })
    }

    /// Connects as an enrolled node.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub async fn of(node: &Node, address: SocketAddr) -> Result<Self> {
        Self::connect(address, &Credentials::of(node)?).await
    }

    /// Intake, with the limits of the wire.
    #[must_use]
    pub fn intake(&self) -> IntakeClient<Channel> {
        IntakeClient::new(self.channel.clone())
            .max_decoding_message_size(limits::MESSAGE_BYTES)
            .max_encoding_message_size(usize::MAX)
    }

    /// Queries, with the limits of the wire.
    #[must_use]
    pub fn query(&self) -> QueryClient<Channel> {
        QueryClient::new(self.channel.clone()).max_decoding_message_size(limits::MESSAGE_BYTES)
    }

    /// Audit, with the limits of the wire.
    #[must_use]
    pub fn audit(&self) -> AuditClient<Channel> {
        AuditClient::new(self.channel.clone()).max_decoding_message_size(limits::MESSAGE_BYTES)
    }

    /// Administration.
    #[must_use]
    pub fn admin(&self) -> AdminClient<Channel> {
        AdminClient::new(self.channel.clone())
    }

    /// Witnessing.
    #[must_use]
    pub fn witness(&self) -> WitnessClient<Channel> {
        WitnessClient::new(self.channel.clone())
    }

    /// The bare channel, for what the generated clients do not offer.
    #[must_use]
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Submits a batch.
    ///
    /// # Errors
    /// The gateway's refusal.
    pub async fn submit(&self, parts: Vec<SubmitRequest>) -> Result<SubmitResponse, Problem> {
        let answer = self.intake().submit(tokio_stream::iter(parts)).await;
        answer.map(tonic::Response::into_inner).map_err(|status| Problem::from_status(&status))
    }

    /// Asks for a selection and collects the whole answer.
    ///
    /// # Errors
    /// The gateway's refusal.
    pub async fn ask(&self, request: AskRequest) -> Result<Answer, Problem> {
        let refused = |status: tonic::Status| Problem::from_status(&status);
        let mut stream = self.query().ask(request).await.map_err(refused)?.into_inner();
        let mut answer = Answer::default();
        while let Some(part) = stream.message().await.map_err(refused)? {
            let taken = answer.take(part);
            taken.map_err(|error| Problem::new(Kind::Malformed, error.to_string()))?;
        }
        Ok(answer)
    }
}

/// The signing key that a node keeps.
///
/// # Errors
/// When it cannot be read.
pub fn signing_key(node: &Node) -> Result<SigningKey> {
    read_key(node, "keys/signing.key")
}

/// The key with which a node witnesses the log.
///
/// # Errors
/// When it cannot be read.
pub fn witness_key(node: &Node) -> Result<SigningKey> {
    read_key(node, "keys/witness.key")
}

fn read_key(node: &Node, name: &str) -> Result<SigningKey> {
    let bytes = std::fs::read(node.dir().join(name))?;
    let der = match PrivateKeyDer::from_pem_slice(&bytes) {
        Ok(key) => key.secret_der().to_vec(),
        Err(_) => bytes,
    };
    Ok(SigningKey::from_pkcs8(&der)?)
}

/// A private key in a PEM file.
///
/// # Errors
/// When it cannot be read.
pub fn key(file: &Path) -> Result<PrivateKeyDer<'static>> {
    Ok(PrivateKeyDer::from_pem_file(file)?)
}

/// The certificates in a PEM text.
///
/// # Errors
/// When one does not parse.
pub fn chain(pem: &str) -> Result<Vec<CertificateDer<'static>>> {
    Ok(CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>()?)
}

/// Trust in the certificates of a PEM text.
///
/// # Errors
/// When one does not parse.
pub fn roots(pem: &str) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in chain(pem)? {
        roots.add(certificate)?;
    }
    Ok(roots)
}
