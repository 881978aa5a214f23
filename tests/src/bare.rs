//! A bare server: tonic over the same mutual TLS with the gateway's own certificate, and
//! nothing behind it. What the exchange's speed is measured against.

use std::{
    fs,
    io::{self, IoSlice},
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use anyhow::Result;
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
    version::TLS13,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Request, Response, Status, Streaming,
    transport::{Server, server::Connected},
};

use birge_proto::{
    limits,
    wire::{
        HeldRequest, HeldResponse, Receipt, StatusRequest, StatusResponse, SubmitRequest,
        SubmitResponse,
        intake_server::{Intake, IntakeServer},
    },
};

use crate::{
    client::{chain, roots},
    exchange::Exchange,
};

/// A running bare server, ended when it is dropped.
#[derive(Debug)]
pub struct Bare {
    address: SocketAddr,
    tasks: [JoinHandle<()>; 2],
}

impl Bare {
    /// Starts a server with the certificate of `exchange`. `Submit` drains its stream, `Status`
    /// answers with `answer`.
    ///
    /// # Errors
    /// When the exchange's keys cannot be read or no port is free.
    pub async fn start(exchange: &Exchange, answer: Vec<u8>) -> Result<Self> {
        let acceptor = TlsAcceptor::from(Arc::new(config(exchange)?));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (sender, connections) = tokio::sync::mpsc::channel(16);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if stream.set_nodelay(true).is_err() {
                    continue;
                }
                let handshake = acceptor.accept(stream);
                let sender = sender.clone();
                tokio::spawn(async move {
                    let connection = handshake.await.map(Connection);
                    // The server may be gone already.
                    let _ = sender.send(connection).await;
                });
            }
        });
        let service =
            IntakeServer::new(Nothing { answer }).max_decoding_message_size(limits::MESSAGE_BYTES);
        let serving = tokio::spawn(async move {
            let server = Server::builder()
                .initial_stream_window_size(4 << 20)
                .initial_connection_window_size(8 << 20)
                .add_service(service);
            // It ends with the task.
            let _ = server.serve_with_incoming(ReceiverStream::new(connections)).await;
        });
        Ok(Self { address, tasks: [accepting, serving] })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

struct Nothing {
    answer: Vec<u8>,
}

#[tonic::async_trait]
impl Intake for Nothing {
    async fn submit(
        &self,
        request: Request<Streaming<SubmitRequest>>,
    ) -> Result<Response<SubmitResponse>, Status> {
        let mut parts = request.into_inner();
        while parts.message().await?.is_some() {}
        Ok(Response::new(SubmitResponse::default()))
    }

    async fn held(&self, _: Request<HeldRequest>) -> Result<Response<HeldResponse>, Status> {
        Ok(Response::new(HeldResponse::default()))
    }

    async fn status(&self, _: Request<StatusRequest>) -> Result<Response<StatusResponse>, Status> {
        let proof = self.answer.clone();
        let receipt = Some(Receipt { proof, ..Receipt::default() });
        Ok(Response::new(StatusResponse { receipt, ..StatusResponse::default() }))
    }
}

fn config(exchange: &Exchange) -> Result<ServerConfig> {
    let keys = exchange.home().join("keys");
    let authority = fs::read_to_string(keys.join("ca.crt"))?;
    let certificate = chain(&fs::read_to_string(keys.join("tls.crt"))?)?;
    let key = PrivateKeyDer::from_pem_file(keys.join("tls.key"))?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(
        Arc::new(roots(&authority)?),
        Arc::clone(&provider),
    )
    .build()?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(certificate, key)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

/// A TLS connection as tonic wants it.
struct Connection(TlsStream<TcpStream>);

impl Connected for Connection {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
