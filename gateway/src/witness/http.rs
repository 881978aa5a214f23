//! Asking those witnesses who can be reached from outside: C2SP tlog-witness over HTTP/1.1, the
//! connection kept open. What they answer is signed, so it need not be secret; `https` is spoken
//! with those whose certificate this machine trusts, or the exchange's authority issued.

use std::{str::FromStr, sync::Arc};

use anyhow::{Context, Result, anyhow};
use birge_proto::{
    identity::Identity,
    problem::{Kind, Problem},
    tlog::witness::REQUEST_BYTES,
};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, Uri, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use prost::bytes::Bytes;
use rustls::{ClientConfig, RootCertStore, version::TLS13};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_rustls::TlsConnector;

use super::{AGAIN, Answer, Assembly, Link, Pursuit, pursuit::ANSWER_BYTES};

/// How long connecting, or showing what is held, may take.
const CONNECT: std::time::Duration = std::time::Duration::from_secs(5);

/// A witness that the gateway can reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpWitness {
    /// Who it is, as enrolled: `agency/NSC`.
    pub identity: Identity,
    /// Where: `http://…` or `https://…`; `/add-checkpoint` is put behind it.
    pub url: String,
}

/// The way to it.
pub(super) struct Reached {
    base: Uri,
    host: String,
    tls: TlsConnector,
    open: Option<http1::SendRequest<Full<Bytes>>>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Reached {
    /// The way to `url`; over `https` the certificate must be by `authority` (PEM), or one that
    /// this machine trusts.
    ///
    /// # Errors
    /// When the URL is none, or the authority's certificate does not parse.
    pub(super) fn new(url: &str, authority: &str) -> Result<Self> {
        let base = Uri::from_str(url.trim_end_matches('/'))
            .ok()
            .filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")))
            .filter(|uri| uri.query().is_none())
            .ok_or_else(|| anyhow!("{url:?} is no address: expected http://… or https://…"))?;
        let host = base.host().with_context(|| format!("{url:?} names no host"))?.to_owned();
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        roots.add(CertificateDer::from_pem_slice(authority.as_bytes())?)?;
        let config = ClientConfig::builder_with_protocol_versions(&[&TLS13])
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { base, host, tls: TlsConnector::from(Arc::new(config)), open: None })
    }

    async fn connect(&self) -> Result<http1::SendRequest<Full<Bytes>>> {
        let secure = self.base.scheme_str() == Some("https");
        let port = self.base.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((bare, port)).await?;
        stream.set_nodelay(true)?;
        let stream: Box<dyn Stream> = match secure {
            true => {
                let name = ServerName::try_from(bare.to_owned())?;
                Box::new(self.tls.connect(name, stream).await?)
            }
            false => Box::new(stream),
        };
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection); // ends with the connection
        Ok(sender)
    }

    /// Sends a request, over the connection that is open where it still is; the status and at
    /// most `most` bytes of the body.
    async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Vec<u8>,
        most: usize,
    ) -> Result<Answer> {
        let prefix = self.base.path().trim_end_matches('/');
        let request = Request::builder()
            .method(method)
            .uri(format!("{prefix}{path}"))
            .header(header::HOST, self.base.authority().map_or("", |host| host.as_str()))
            .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
            .body(Full::new(Bytes::from(body)))?;
        let kept = match self.open.take() {
            Some(mut kept) => kept.ready().await.is_ok().then_some(kept),
            None => None,
        };
        let mut open = match kept {
            Some(kept) => kept,
            None => timeout(CONNECT, self.connect()).await??,
        };
        let answer = open.send_request(request).await?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), most).collect().await;
        let body = body.map_err(|error| anyhow!("its answer cannot be read: {error}"))?;
        self.open = Some(open);
        Ok(Answer { status, body: body.to_bytes().to_vec() })
    }
}

impl Link for Reached {
    async fn ask(&mut self, body: Vec<u8>) -> Result<Answer, Problem> {
        let sent = self.send(Method::POST, "/add-checkpoint", body, ANSWER_BYTES).await;
        sent.map_err(|error| Problem::new(Kind::Unavailable, format!("{}: {error:#}", self.base)))
    }

    async fn lost(&mut self) -> Problem {
        std::future::pending().await // seen with the next question
    }

    async fn shown(&mut self) -> Option<Vec<u8>> {
        let sent = self.send(Method::GET, "/checkpoint", vec![], REQUEST_BYTES);
        let sent = timeout(CONNECT, sent).await.ok()?;
        sent.ok().filter(|answer| answer.status == 200).map(|answer| answer.body)
    }
}

/// Asks a witness as long as this is polled, unless it comes by itself.
pub(super) async fn attend(assembly: Assembly, identity: Identity, mut link: Reached) {
    let mut away = false;
    loop {
        let key = assembly.roster().ok().and_then(|roster| roster.key(&identity).cloned());
        if let Some(key) = key.filter(|_| !assembly.attendance.is_present(&identity)) {
            let pursuit = Pursuit::of_absent(assembly.clone(), identity.clone(), key);
            let lost = pursuit.run(&mut link).await;
            if !std::mem::replace(&mut away, true) {
                tracing::warn!(witness = %identity, %lost, "a witness cannot be reached");
            }
        }
        sleep(AGAIN).await;
    }
}

#[cfg(test)]
mod tests {
    use birge_proto::clock::{Clock, SystemClock};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;
    use crate::authority::Authority;

    fn authority() -> String {
        Authority::create("birge.example", SystemClock.now()).unwrap().0.certificate
    }

    #[test]
    fn an_address_that_cannot_be_asked_is_refused() {
        let authority = authority();
        for url in ["", "nsc", "ftp://nsc", "http://", "https://nsc/?a=b", "/add-checkpoint"] {
            assert!(Reached::new(url, &authority).is_err(), "{url:?}");
        }
        assert!(Reached::new("https://[::1]:7/witness/", &authority).is_ok());
    }

    #[tokio::test]
    async fn a_connection_is_kept_renewed_when_closed_and_answers_are_bounded() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/w/", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let long =
                format!("HTTP/1.1 200 -\r\nContent-Length: 9000\r\n\r\n{}", "x".repeat(9_000));
            let conflict = String::from("HTTP/1.1 409 -\r\nContent-Length: 2\r\n\r\n7\n");
            for answers in [vec![conflict.clone(), conflict], vec![long], vec!["junk".into()]] {
                let (mut stream, _) = listener.accept().await.unwrap();
                for answer in answers {
                    let mut request = vec![0; 4_096];
                    let length = stream.read(&mut request).await.unwrap();
                    let request = String::from_utf8_lossy(&request[..length]).into_owned();
                    assert!(request.starts_with("POST /w/add-checkpoint HTTP/1.1"), "{request}");
                    assert!(request.ends_with("\r\n\r\nold 0\n"), "{request}");
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            }
        });
        let mut link = Reached::new(&url, &authority()).unwrap();
        for _ in 0..2 {
            let answer = link.ask(b"old 0\n".to_vec()).await.unwrap();
            assert_eq!(answer, Answer { status: 409, body: b"7\n".to_vec() });
        }
        for what in ["too long", "no HTTP"] {
            assert!(link.ask(b"old 0\n".to_vec()).await.is_err(), "{what}");
        }
        server.await.unwrap();
        assert!(link.ask(vec![]).await.is_err(), "nobody is there");
    }
}
