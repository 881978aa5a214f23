//! Fetches what others serve as the log's checkpoint, over HTTP or HTTPS.

use std::{sync::Arc, time::Duration};

use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, StatusCode, Uri, body::Bytes, client::conn::http1, header::HOST};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use crate::{credentials::Credentials, output::Failure};

/// Bytes of the longest note that is read.
const NOTE_BYTES: usize = 64 << 10;
/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where a checkpoint is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    tls: bool,
    host: String,
    port: u16,
    path: String,
}

impl Place {
    /// Reads the address before `/checkpoint`: `http://host:port`, `https://host/path`.
    ///
    /// # Errors
    /// When it is no such address.
    pub fn parse(url: &str) -> Result<Self, Failure> {
        let wrong = || {
            Failure::Usage(format!(
                "{url:?} is no address of a witness or mirror: expected http://HOST:PORT or \
                 https://HOST under [witness] in node.toml"
            ))
        };
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong()),
        };
        let host = uri.host().ok_or_else(wrong)?.to_owned();
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let path = format!("{}/checkpoint", uri.path().trim_end_matches('/'));
        Ok(Self { tls, host, port, path })
    }
}

/// Fetches checkpoints.
#[derive(Clone)]
pub struct Fetcher(TlsConnector);

impl Fetcher {
    /// One that trusts the exchange's own authority and those that this machine trusts. Who
    /// serves a note hardly matters: the log signed it.
    ///
    /// # Errors
    /// When a certificate cannot be used.
    pub fn new(credentials: &Credentials) -> Result<Self, Failure> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        for authority in &credentials.authorities {
            roots.add(authority.clone()).map_err(anyhow::Error::from)?;
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(anyhow::Error::from)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// The note served at `place`.
    ///
    /// # Errors
    /// When nobody answers in time, or with anything but a note of bounded size.
    pub async fn checkpoint(&self, place: &Place) -> anyhow::Result<Vec<u8>> {
        let fetched = timeout(PATIENCE, async {
            // An address of version 6 stands in brackets in a URL.
            let host = place.host.trim_matches(['[', ']']);
            let tcp = TcpStream::connect((host, place.port)).await?;
            if place.tls {
                let name = ServerName::try_from(host.to_owned())?;
                get(self.0.connect(name, tcp).await?, place).await
            } else {
                get(tcp, place).await
            }
        });
        fetched.await.unwrap_or_else(|_| anyhow::bail!("no answer in {} s", PATIENCE.as_secs()))
    }
}

async fn get(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    place: &Place,
) -> anyhow::Result<Vec<u8>> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let host = format!("{}:{}", place.host, place.port);
    let request = Request::get(&place.path).header(HOST, host).body(Empty::<Bytes>::new())?;
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), NOTE_BYTES).collect().await;
    connection.abort();
    let body = body.map_err(|error| anyhow::anyhow!("no note: {error}"))?.to_bytes();
    match status {
        StatusCode::OK => Ok(body.to_vec()),
        other => anyhow::bail!("answered with {other}: {}", String::from_utf8_lossy(&body).trim()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let place = Place::parse("http://127.0.0.1:7461").unwrap();
        assert_eq!((place.tls, place.port, place.path.as_str()), (false, 7461, "/checkpoint"));
        let place = Place::parse("https://mirror.example/birge/").unwrap();
        assert_eq!((place.tls, place.port, place.path.as_str()), (true, 443, "/birge/checkpoint"));
        for wrong in ["", "mirror.example", "ftp://mirror.example", "http://"] {
            assert!(Place::parse(wrong).is_err(), "{wrong}");
        }
    }
}
