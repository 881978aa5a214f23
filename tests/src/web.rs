//! The public listener as anybody's web client sees it: HTTPS, no certificate shown.

use std::{collections::BTreeMap, fs, net::SocketAddr, sync::Arc};

use anyhow::{Context, Result};
use rustls::{
    ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::ServerName, version::TLS13,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use crate::{PATIENCE, exchange::Exchange};

/// A response, read to its end.
#[derive(Debug, Clone)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// A header's value; empty where there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// Where the gateway listens for the public.
///
/// # Errors
/// When its configuration does not say.
pub fn public_address(exchange: &Exchange) -> Result<SocketAddr> {
    address(exchange, "public")
}

/// Where the gateway listens for persons.
///
/// # Errors
/// When its configuration does not say.
pub fn people_address(exchange: &Exchange) -> Result<SocketAddr> {
    address(exchange, "people")
}

fn address(exchange: &Exchange, listener: &str) -> Result<SocketAddr> {
    let config: toml::Table = fs::read_to_string(exchange.config())?.parse()?;
    let listen = config.get("listen").and_then(|listen| listen.get(listener));
    let address = listen.and_then(toml::Value::as_str).context("no such listener")?;
    Ok(address.parse()?)
}

/// Sends `METHOD path` without a certificate, trusting `roots`.
///
/// # Errors
/// When the connection fails or no HTTP comes back.
pub async fn send(
    address: SocketAddr,
    roots: &RootCertStore,
    method: &str,
    path: &str,
) -> Result<Response> {
    send_with(address, roots, method, path, &[], b"").await
}

/// As [`send`], with these headers and a body.
///
/// # Errors
/// As [`send`].
pub async fn send_with(
    address: SocketAddr,
    roots: &RootCertStore,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Response> {
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(roots.clone())
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost")?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    exchange_one(stream, method, path, headers, body).await
}

/// As [`send`], with a body and without TLS.
///
/// # Errors
/// As [`send`].
pub async fn plain(address: SocketAddr, method: &str, path: &str, body: &[u8]) -> Result<Response> {
    exchange_one(TcpStream::connect(address).await?, method, path, &[], body).await
}

/// One request and its answer.
async fn exchange_one(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Response> {
    let headers: String =
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = match body.len() {
        0 => String::new(),
        bytes => format!("Content-Length: {bytes}\r\n"),
    };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}{length}\r\n"
    );
    // One write: a server that refuses early may have closed before a second.
    stream.write_all(&[head.as_bytes(), body].concat()).await?;
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer)).await.context("no end of the answer")??;
    parse(&answer)
}

fn parse(answer: &[u8]) -> Result<Response> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").context("no HTTP")?;
    let head = std::str::from_utf8(&answer[..end])?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("no status")?;
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()));
    Ok(Response {
        status: status.parse()?,
        headers: headers.collect(),
        body: answer[end + 4..].to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_read() {
        let text = b"HTTP/1.1 404 Not Found\r\nContent-Type: a/b; c=d\r\n\r\nno\r\n\r\n";
        let response = parse(text).unwrap();
        assert_eq!((response.status, response.header("content-type")), (404, "a/b; c=d"));
        assert_eq!(response.body, b"no\r\n\r\n");
        assert!(parse(b"hello").is_err());
    }
}
