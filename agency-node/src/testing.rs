//! For tests: an exchange authority, and a gateway of few words that listens over mutual TLS.

use std::{io, sync::Arc};

use birge_proto::wire::{
    CheckpointRequest, CheckpointResponse, ConsistencyRequest, InclusionRequest, ProofResponse,
    RecordEntry, RecordsRequest, StatusRequest, StatusResponse, SubmitRequest, SubmitResponse,
    TileRequest, TileResponse,
    audit_server::{Audit, AuditServer},
    intake_server::{Intake, IntakeServer},
    submit_request::Part,
};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, IsCa, Issuer, KeyPair,
    SanType,
};
use rustls::{RootCertStore, ServerConfig, server::WebPkiClientVerifier, version::TLS13};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::{net::TcpListener, sync::Mutex};
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming, async_trait, transport::Server};

use crate::{
    credentials::{Enrolled, Enrolment},
    node::Node,
};

const DOMAIN: &str = "birge.example";

/// A certificate authority.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    fn params(identity: &str, names: &[&str]) -> CertificateParams {
        let mut params = CertificateParams::default();
        let uri = format!("spiffe://{DOMAIN}/{identity}");
        params.subject_alt_names.push(SanType::URI(uri.try_into().unwrap()));
        for name in names {
            params.subject_alt_names.push(SanType::DnsName((*name).try_into().unwrap()));
        }
        params
    }

    /// Enrols a node with this authority and the log key `vkey`, at a gateway on `port`.
    pub(crate) fn enrol(&self, node: &mut Node, vkey: &str, port: u16) {
        let text = std::fs::read(node.home.join("enrolment.json")).unwrap();
        let enrolment: Enrolment = serde_json::from_slice(&text).unwrap();
        let mut request = CertificateSigningRequestParams::from_pem(&enrolment.csr).unwrap();
        request.params = Self::params(&enrolment.identity.to_string(), &[]);
        let enrolled = Enrolled {
            identity: enrolment.identity,
            trust_domain: DOMAIN.into(),
            certificate: request.signed_by(&self.issuer).unwrap().pem(),
            authority: self.pem.clone(),
            log_key: vkey.into(),
            public_url: String::new(),
        };
        let text = serde_json::to_vec(&enrolled).unwrap();
        std::fs::write(node.home.join("enrolled.json"), text).unwrap();
        node.config.gateway.url = format!("https://localhost:{port}");
    }

    /// Serves `answers`, one for each submission, as `identity`; answers with the port.
    pub(crate) async fn serve(
        &self,
        identity: &str,
        answers: Vec<Result<SubmitResponse, Status>>,
    ) -> u16 {
        let key = KeyPair::generate().unwrap();
        let certificate =
            Self::params(identity, &["localhost"]).signed_by(&key, &self.issuer).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap()).unwrap();
        let clients = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .with_client_cert_verifier(clients.build().unwrap())
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap(),
            )
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let listener = TcpListener::bind(("localhost", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let incoming =
            futures::stream::unfold((listener, acceptor), |(listener, acceptor)| async {
                loop {
                    let (tcp, _) = listener.accept().await.unwrap();
                    let Ok(mut tls) = acceptor.accept(tcp).await else { continue };
                    let (near, mut far) = tokio::io::duplex(1 << 16);
                    tokio::spawn(async move {
                        let _ = tokio::io::copy_bidirectional(&mut tls, &mut far).await;
                    });
                    return Some((io::Result::Ok(near), (listener, acceptor)));
                }
            });
        let gateway = Gateway(Arc::new(Mutex::new(answers)));
        let server = Server::builder()
            .add_service(IntakeServer::new(gateway.clone()))
            .add_service(AuditServer::new(gateway))
            .serve_with_incoming(incoming);
        tokio::spawn(server);
        port
    }
}

/// Gives its answers in turn.
#[derive(Clone)]
struct Gateway(Arc<Mutex<Vec<Result<SubmitResponse, Status>>>>);

#[async_trait]
impl Intake for Gateway {
    async fn submit(
        &self,
        request: Request<Streaming<SubmitRequest>>,
    ) -> Result<Response<SubmitResponse>, Status> {
        let mut parts = request.into_inner();
        let mut ended = false;
        while let Some(part) = parts.message().await? {
            ended = matches!(part.part, Some(Part::End(_)));
        }
        assert!(ended, "the batch was not sent to its end");
        self.0.lock().await.remove(0).map(Response::new)
    }

    async fn status(&self, _: Request<StatusRequest>) -> Result<Response<StatusResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

#[async_trait]
impl Audit for Gateway {
    type RecordsStream = ReceiverStream<Result<RecordEntry, Status>>;

    async fn checkpoint(
        &self,
        _: Request<CheckpointRequest>,
    ) -> Result<Response<CheckpointResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn tile(&self, _: Request<TileRequest>) -> Result<Response<TileResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn consistency(
        &self,
        _: Request<ConsistencyRequest>,
    ) -> Result<Response<ProofResponse>, Status> {
        Ok(Response::new(ProofResponse::default()))
    }

    async fn inclusion(
        &self,
        _: Request<InclusionRequest>,
    ) -> Result<Response<ProofResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn records(
        &self,
        _: Request<RecordsRequest>,
    ) -> Result<Response<Self::RecordsStream>, Status> {
        Err(Status::unimplemented(""))
    }
}
