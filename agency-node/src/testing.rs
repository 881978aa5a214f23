//! For tests: an exchange authority, and a gateway of few words that listens over mutual TLS.

use std::{collections::HashMap, io, sync::Arc};

use birge_proto::{
    problem::{Kind, Problem},
    wire::{
        CheckpointRequest, CheckpointResponse, ConsistencyRequest, HeldRequest, HeldResponse,
        HoldRequest, HoldResponse, InclusionRequest, ProofResponse, RecordEntry, RecordsRequest,
        SimulateRequest, SimulateResponse, StatusRequest, StatusResponse, SubmitRequest,
        SubmitResponse, TileRequest, TileResponse, WitnessesRequest, WitnessesResponse,
        audit_server::{Audit, AuditServer},
        intake_server::{Intake, IntakeServer},
        submit_request::Part,
    },
};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams,
    CertificateSigningRequestParams, IsCa, Issuer, KeyIdMethod, KeyPair, RevokedCertParams,
    SanType, date_time_ymd,
};
use rustls::{RootCertStore, ServerConfig, server::WebPkiClientVerifier, version::TLS13};
use rustls_pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer, pem::PemObject,
};
use tokio::{net::TcpListener, sync::Mutex};
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Request, Response, Status, Streaming, async_trait, codec::CompressionEncoding,
    transport::Server,
};

use crate::{
    credentials::{Enrolled, Enrolment},
    node::Node,
};

const DOMAIN: &str = "birge.example";

/// How the certificates of nodes stand with the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Good,
    Revoked,
    Expired,
    Unknown,
}

/// Serial number of every node's certificate.
const SERIAL: u64 = 7;

/// An operator's answer that enrols nobody.
pub(crate) fn enrolled() -> Enrolled {
    Enrolled {
        people_url: String::new(),
        identity: "agency/MIA".parse().unwrap(),
        trust_domain: DOMAIN.into(),
        certificate: String::new(),
        authority: String::new(),
        log_key: String::new(),
        public_url: String::new(),
        authority_keys: vec![],
        authority_quorum: 0,
    }
}

/// A certificate authority.
pub(crate) struct Authority {
    standing: Standing,
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        Self::of_nodes(Standing::Good)
    }

    /// An authority whose nodes are of this standing.
    pub(crate) fn of_nodes(standing: Standing) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { standing, issuer: Issuer::new(params, key), pem }
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
        request.params.serial_number = Some(SERIAL.into());
        if self.standing == Standing::Expired {
            request.params.not_after = date_time_ymd(2001, 1, 1);
        }
        let enrolled = Enrolled {
            identity: enrolment.identity,
            certificate: request.signed_by(&self.issuer).unwrap().pem(),
            authority: self.pem.clone(),
            log_key: vkey.into(),
            ..enrolled()
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
        let gateway = Gateway { answers: Arc::new(Mutex::new(answers)), files: Files::default() };
        self.listen(identity, gateway).await
    }

    /// Serves the files of a log, by path, and consistency proofs as `OLD NEW`; answers with the
    /// port.
    pub(crate) async fn serve_log(&self, files: HashMap<String, Vec<u8>>) -> u16 {
        let gateway = Gateway { answers: Arc::default(), files: Arc::new(files) };
        self.listen("gateway/BIRGE", gateway).await
    }

    /// The list that revokes every node.
    fn revocations(&self) -> CertificateRevocationListDer<'static> {
        let (issued, next) = (date_time_ymd(2001, 1, 1), date_time_ymd(2999, 1, 1));
        let node = RevokedCertParams {
            serial_number: SERIAL.into(),
            revocation_time: issued,
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: issued,
            next_update: next,
            crl_number: 1.into(),
            issuing_distribution_point: None,
            revoked_certs: vec![node],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).unwrap().into()
    }

    /// TLS of a server that is `identity`.
    pub(crate) fn acceptor(&self, identity: &str) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let certificate =
            Self::params(identity, &["localhost"]).signed_by(&key, &self.issuer).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap()).unwrap();
        if self.standing == Standing::Unknown {
            let other = CertificateDer::from_pem_slice(Self::new().pem.as_bytes()).unwrap();
            roots = RootCertStore::empty();
            roots.add(other).unwrap();
        }
        let mut clients =
            WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
        if self.standing == Standing::Revoked {
            clients = clients.with_crls([self.revocations()]);
        }
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
        TlsAcceptor::from(Arc::new(config))
    }

    async fn listen(&self, identity: &str, gateway: Gateway) -> u16 {
        let acceptor = self.acceptor(identity);
        let listener = TcpListener::bind(("localhost", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
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
        let server = Server::builder()
            .add_service(
                IntakeServer::new(gateway.clone()).accept_compressed(CompressionEncoding::Zstd),
            )
            .add_service(AuditServer::new(gateway))
            .serve_with_incoming(incoming);
        tokio::spawn(server);
        port
    }
}

/// Gives its answers in turn.
#[derive(Clone)]
struct Gateway {
    answers: Arc<Mutex<Vec<Result<SubmitResponse, Status>>>>,
    files: Files,
}

type Files = Arc<HashMap<String, Vec<u8>>>;

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
        self.answers.lock().await.remove(0).map(Response::new)
    }

    async fn held(&self, _: Request<HeldRequest>) -> Result<Response<HeldResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn status(&self, _: Request<StatusRequest>) -> Result<Response<StatusResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

#[async_trait]
impl Audit for Gateway {
    type RecordsStream = ReceiverStream<Result<RecordEntry, Status>>;
    type SimulateStream = ReceiverStream<Result<SimulateResponse, Status>>;

    async fn checkpoint(
        &self,
        _: Request<CheckpointRequest>,
    ) -> Result<Response<CheckpointResponse>, Status> {
        let note = self.files.get("checkpoint").cloned();
        let note = note.ok_or_else(|| Status::unimplemented(""))?;
        Ok(Response::new(CheckpointResponse { note, frozen: vec![] }))
    }

    async fn tile(&self, request: Request<TileRequest>) -> Result<Response<TileResponse>, Status> {
        let data = self.files.get(&request.into_inner().path).cloned();
        let none = || Problem::new(Kind::NotFound, "there is no such file").into();
        data.map(|data| Response::new(TileResponse { data })).ok_or_else(none)
    }

    async fn consistency(
        &self,
        request: Request<ConsistencyRequest>,
    ) -> Result<Response<ProofResponse>, Status> {
        if self.files.is_empty() {
            return Ok(Response::new(ProofResponse::default()));
        }
        if self.files.contains_key("silent") {
            return Err(Problem::new(Kind::OverQuota, "not just now").into());
        }
        let ConsistencyRequest { old, new } = request.into_inner();
        let none = || Problem::new(Kind::NotFound, "there is no such proof");
        let proof = self.files.get(&format!("{old} {new}")).ok_or_else(none)?;
        Ok(Response::new(ProofResponse { hashes: proof.chunks(32).map(<[u8]>::to_vec).collect() }))
    }

    async fn inclusion(
        &self,
        _: Request<InclusionRequest>,
    ) -> Result<Response<ProofResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn witnesses(
        &self,
        _: Request<WitnessesRequest>,
    ) -> Result<Response<WitnessesResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn hold(&self, _: Request<HoldRequest>) -> Result<Response<HoldResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn simulate(
        &self,
        _: Request<SimulateRequest>,
    ) -> Result<Response<Self::SimulateStream>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn records(
        &self,
        _: Request<RecordsRequest>,
    ) -> Result<Response<Self::RecordsStream>, Status> {
        Err(Status::unimplemented(""))
    }
}
