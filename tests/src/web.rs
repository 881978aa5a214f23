//! The public listener as anybody's web client sees it: HTTPS, no certificate shown.

use std::{collections::BTreeMap, fs, net::SocketAddr, sync::Arc};

use anyhow::{Context, Result};
use rustls::{RootCertStore, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use crate::{PATIENCE, client::Credentials, exchange::Exchange};

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
    let credentials = Credentials { roots: roots.clone(), certificate: None };
    send_as(address, &credentials, method, path, headers, body).await
}

/// As [`send_with`], showing a certificate where there is one.
///
/// # Errors
/// As [`send`].
pub async fn send_as(
    address: SocketAddr,
    credentials: &Credentials,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Response> {
    let config = credentials.config(b"http/1.1")?;
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
    let headers: BTreeMap<_, _> = headers.collect();
    let body = &answer[end + 4..];
    let body = match headers.get("transfer-encoding").map(String::as_str) {
        Some("chunked") => unchunked(body)?,
        _ => body.to_vec(),
    };
    Ok(Response { status: status.parse()?, headers, body })
}

/// What chunks hold (RFC 9112, 7.1).
fn unchunked(mut chunks: &[u8]) -> Result<Vec<u8>> {
    let mut body = vec![];
    loop {
        let end = chunks.windows(2).position(|two| two == b"\r\n").context("no chunk")?;
        let length = usize::from_str_radix(std::str::from_utf8(&chunks[..end])?, 16)?;
        if length == 0 {
            return Ok(body);
        }
        let from = end + 2;
        body.extend(chunks.get(from..from + length).context("a chunk is cut off")?);
        chunks = &chunks[from + length + 2..];
    }
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
        let text =
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n";
        assert_eq!(parse(text).unwrap().body, b"abcd");
        assert!(parse(&text[..text.len() - 9]).is_err(), "cut off");
        assert!(parse(b"hello").is_err());
    }
}
