//! How a host is reached: straight, or through a proxy; as fast as the line allows, or no faster
//! than the configuration says.

use std::{
    io,
    path::{Path, PathBuf},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use hyper_util::{client::legacy::connect::proxy::Tunnel, rt::TokioIo};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep},
};
use tonic::transport::Uri;
use tower::{ServiceExt, service_fn};

use crate::{config::Gateway, output::Failure, secret};

/// The way to a host.
#[derive(Debug, Clone)]
pub struct Dial {
    host: String,
    port: u16,
    proxy: Option<Proxy>,
    /// Bytes a second that are sent at most.
    upload: Option<u64>,
}

#[derive(Debug, Clone)]
struct Proxy {
    url: Uri,
    credentials: Option<PathBuf>,
}

impl Dial {
    /// The way that leads straight there.
    #[must_use]
    pub fn straight(host: String, port: u16) -> Self {
        Self { host, port, proxy: None, upload: None }
    }

    /// The way that the configuration says; files that it names lie in `folder`.
    ///
    /// # Errors
    /// When the proxy's address is none.
    pub fn of(gateway: &Gateway, folder: &Path, host: String, port: u16) -> Result<Self, Failure> {
        let upload = gateway.upload_kbit_per_second;
        let upload = (upload > 0).then(|| (upload.saturating_mul(1000) / 8).max(1));
        let proxy = match gateway.proxy.as_str() {
            "" => None,
            url => {
                if url.contains('@') {
                    return Err(Failure::Usage(
                        "the proxy's address holds a user or a password\nnext: put USER:PASSWORD \
                         into a file of mode 600, and name it with proxy_credentials_file under \
                         [gateway] in node.toml"
                            .into(),
                    ));
                }
                let parsed = url.parse().ok();
                let parsed = parsed.filter(|uri: &Uri| {
                    uri.scheme_str() == Some("http") && uri.port_u16().is_some()
                });
                let url = parsed.ok_or_else(|| {
                    Failure::Usage(format!(
                        "{url:?} is no address of a proxy: expected http://NAME:PORT\nnext: \
                         correct proxy under [gateway] in node.toml"
                    ))
                })?;
                let file = &gateway.proxy_credentials_file;
                let credentials = (!file.as_os_str().is_empty()).then(|| folder.join(file));
                Some(Proxy { url, credentials })
            }
        };
        Ok(Self { host, port, proxy, upload })
    }

    /// Host and port to which the first packet goes: the proxy's, where there is one.
    #[must_use]
    pub fn first_stop(&self) -> (&str, u16) {
        let proxy = self.proxy.as_ref().and_then(|proxy| {
            let uri = &proxy.url;
            uri.host().zip(uri.port_u16())
        });
        proxy.unwrap_or((&self.host, self.port))
    }

    /// Connects.
    ///
    /// # Errors
    /// When the host, or the proxy, does not answer, or does not want to.
    pub async fn connect(&self) -> io::Result<Paced> {
        let stream = match &self.proxy {
            None => TcpStream::connect((self.host.as_str(), self.port)).await?,
            Some(proxy) => self.through(proxy).await?,
        };
        stream.set_nodelay(true)?;
        Ok(Paced { stream, upload: self.upload, pause: Box::pin(sleep(Duration::ZERO)) })
    }

    async fn through(&self, proxy: &Proxy) -> io::Result<TcpStream> {
        let (host, port) = self.first_stop();
        let (host, stop) = (host.to_owned(), port);
        let connect = service_fn(move |_: Uri| {
            let host = host.clone();
            async move { TcpStream::connect((host.as_str(), stop)).await.map(TokioIo::new) }
        });
        let mut tunnel = Tunnel::new(proxy.url.clone(), connect);
        if let Some(file) = &proxy.credentials {
            let said = secret::read(file).map_err(io::Error::other)?;
            let header = format!("Basic {}", BASE64_STANDARD.encode(said));
            tunnel = tunnel.with_auth(header.parse().map_err(io::Error::other)?);
        }
        let target = format!("https://{}:{}", bracketed(&self.host), self.port);
        let target: Uri = target.parse().map_err(io::Error::other)?;
        let stream = tunnel.oneshot(target).await.map_err(|error| {
            io::Error::other(format!("the proxy {} gives no way: {error}", proxy.url))
        })?;
        Ok(stream.into_inner())
    }
}

/// An address of IPv6 as it stands in a URL.
fn bracketed(host: &str) -> String {
    match host.contains(':') && !host.starts_with('[') {
        true => format!("[{host}]"),
        false => host.to_owned(),
    }
}

/// A connection that sends no faster than it may.
#[derive(Debug)]
pub struct Paced {
    stream: TcpStream,
    /// Bytes a second.
    upload: Option<u64>,
    /// Until when nothing is sent.
    pause: Pin<Box<Sleep>>,
}

/// So many times a second something may be sent.
const BEATS: u64 = 8;
/// Bytes that may be sent in one beat, however slow.
const LEAST: u64 = 512;

impl AsyncWrite for Paced {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Some(rate) = self.upload else {
            return Pin::new(&mut self.stream).poll_write(context, bytes);
        };
        ready!(self.pause.as_mut().poll(context));
        let most = usize::try_from((rate / BEATS).max(LEAST)).unwrap_or(usize::MAX);
        let bytes = &bytes[..bytes.len().min(most)];
        let sent = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        let pause = Duration::from_secs_f64(sent as f64 / rate as f64);
        self.pause.as_mut().reset(Instant::now() + pause);
        Poll::Ready(Ok(sent))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl AsyncRead for Paced {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    fn gateway(proxy: &str) -> Gateway {
        Gateway {
            url: "https://exchange.gov.example:7443".into(),
            proxy: proxy.into(),
            proxy_credentials_file: "proxy.txt".into(),
            ..Gateway::default()
        }
    }

    /// A proxy that answers once, and tells what it was asked.
    async fn proxy(answer: &'static str) -> (u16, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = vec![];
            while !asked.ends_with(b"\r\n\r\n") {
                asked.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            if stream.read_u8().await.is_ok() {
                stream.write_all(b"hello").await.unwrap();
            }
            String::from_utf8(asked).unwrap()
        });
        (port, asked)
    }

    #[tokio::test]
    async fn a_proxy_is_asked_with_credentials_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("proxy.txt");
        fs::write(&file, "node:secret\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let (port, asked) = proxy("HTTP/1.1 200 OK\r\n\r\n").await;
        let gateway = gateway(&format!("http://127.0.0.1:{port}"));
        let dial = Dial::of(&gateway, folder.path(), "exchange.gov.example".into(), 7443).unwrap();
        let mut stream = dial.connect().await.unwrap();
        stream.write_all(b"?").await.unwrap();
        let mut heard = [0; 5];
        stream.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"hello");
        let asked = asked.await.unwrap().to_lowercase();
        assert!(asked.starts_with("connect exchange.gov.example:7443 http/1.1\r\n"), "{asked}");
        assert!(asked.contains("proxy-authorization: basic bm9kztpzzwnyzxq="), "{asked}");
        // Others may read it: it is not used.
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(dial.connect().await.unwrap_err().to_string().contains("others may read"));
    }

    #[tokio::test]
    async fn a_proxy_that_refuses_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (port, _asked) = proxy("HTTP/1.1 403 Forbidden\r\n\r\n").await;
        let mut gateway = gateway(&format!("http://127.0.0.1:{port}"));
        gateway.proxy_credentials_file = PathBuf::new();
        let dial = Dial::of(&gateway, folder.path(), "exchange.gov.example".into(), 7443).unwrap();
        let error = dial.connect().await.unwrap_err().to_string();
        assert!(error.contains("the proxy") && error.contains(&port.to_string()), "{error}");
        for wrong in ["proxy.gov.example", "http://node:secret@proxy.gov.example:3128"] {
            gateway.proxy = wrong.into();
            let told = Dial::of(&gateway, folder.path(), "a".into(), 1).unwrap_err().to_string();
            assert!(told.contains("next:") && !told.contains("secret"), "{told}");
        }
    }

    #[tokio::test]
    async fn no_more_is_sent_than_may_be() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut dial = Dial::straight("127.0.0.1".into(), port);
        dial.upload = Some(32_000);
        let (near, far) = tokio::join!(dial.connect(), listener.accept());
        let (mut near, (mut far, _)) = (near.unwrap(), far.unwrap());
        let begun = Instant::now();
        near.write_all(&[7; 16_000]).await.unwrap();
        near.shutdown().await.unwrap();
        let mut heard = vec![];
        far.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard.len(), 16_000);
        let took = begun.elapsed();
        assert!(took > Duration::from_millis(350), "{took:?} for half a second's worth");
    }
}
