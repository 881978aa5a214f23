//! HTTPS without client certificates: accepts connections for anybody, so many at once and of
//! each address, and serves a router on them, over HTTP/1.1 or HTTP/2.

use std::{
    net::{IpAddr, Ipv6Addr},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use axum::{Extension, Router};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::tls::Places;

/// How long a client may take to shake hands, or to send a request's head.
const IDLE: Duration = Duration::from_secs(10);
/// How often a client that says nothing is asked whether it is there.
const ALIVE: Duration = Duration::from_secs(20);
/// How long those who are being answered may take at the end.
const FAREWELL: Duration = Duration::from_secs(5);

/// What a listener takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Connections at once.
    pub(super) connections: usize,
    /// Connections of one address at once.
    pub(super) each: usize,
    /// How long one may live.
    pub(super) lifetime: Duration,
    /// Requests on one at once.
    pub(super) streams: u32,
}

/// What limits are counted by: an address of IPv4, and of IPv6 the /64 that it lies in, for whoever
/// has one of these has all of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

/// Serves `router` until `stop`. Handlers find the client's address, as limits are counted, among
/// the extensions.
pub(super) async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    router: Router,
    limits: Limits,
    stop: CancellationToken,
) {
    let connections = Arc::new(Semaphore::new(limits.connections));
    let places: Arc<Places<IpAddr>> = Arc::new(Places::of(limits.each));
    let tracker = TaskTracker::new();
    loop {
        let permit = tokio::select! {
            () = stop.cancelled() => break,
            permit = Arc::clone(&connections).acquire_owned() => permit,
        };
        let Ok(permit) = permit else { break };
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, address)) = accepted else {
            tokio::time::sleep(Duration::from_millis(50)).await; // out of descriptors
            continue;
        };
        let client = network(address.ip());
        let Some(place) = places.take(&client) else { continue };
        let router = router.clone().layer(Extension(client));
        let (acceptor, stop) = (acceptor.clone(), stop.clone());
        tracker.spawn(async move {
            let _places = (place, permit);
            let connection = connection(stream, &acceptor, router, limits.streams, stop);
            drop(timeout(limits.lifetime, connection).await);
        });
    }
    tracker.close();
    drop(timeout(FAREWELL, tracker.wait()).await);
}

async fn connection(
    stream: TcpStream,
    acceptor: &TlsAcceptor,
    router: Router,
    streams: u32,
    stop: CancellationToken,
) {
    let Ok(Ok(stream)) = timeout(IDLE, acceptor.accept(stream)).await else { return };
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    speak(stream, is_http2, router, streams, stop).await;
}

/// Serves a router on one connection, until it ends or `stop`. What it speaks was agreed on in the
/// handshake: nobody is waited for to tell.
pub(super) async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    is_http2: bool,
    router: Router,
    streams: u32,
    stop: CancellationToken,
) {
    let mut server = match is_http2 {
        true => auto::Builder::new(TokioExecutor::new()).http2_only(),
        false => auto::Builder::new(TokioExecutor::new()).http1_only(),
    };
    server.http1().timer(TokioTimer::new()).header_read_timeout(IDLE);
    let http2 = &mut server.http2();
    http2.timer(TokioTimer::new()).max_concurrent_streams(streams).keep_alive_interval(ALIVE);
    let service = TowerToHyperService::new(router);
    let mut connection = pin!(server.serve_connection(TokioIo::new(stream), service));
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended badly");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_one_has_at_once_count_as_one() {
        let of = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("2001:db8:1:3::1"), "2001:db8:1:3::");
        assert_eq!([of("192.0.2.7"), of("::ffff:192.0.2.7")], ["192.0.2.7", "192.0.2.7"]);
    }
}
