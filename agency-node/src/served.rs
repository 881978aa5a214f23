//! A router over plain HTTP/1.1, with bounds on what whoever connects can tie up.

use std::{sync::Arc, time::Duration};

use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, sync::Semaphore, time::timeout};

/// How long the head of a request may take.
const HEAD: Duration = Duration::from_secs(10);
/// Connections at once.
const CONNECTIONS: usize = 64;

/// Serves for ever. No connection lives longer than `connection`.
pub(crate) async fn serve(listener: TcpListener, router: Router, connection: Duration) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await; // out of descriptors
            continue;
        };
        let router = router.clone();
        tokio::spawn(async move {
            let mut server = auto::Builder::new(TokioExecutor::new()).http1_only();
            server.http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
            let service = TowerToHyperService::new(router);
            let served = server.serve_connection(TokioIo::new(stream), service);
            drop(timeout(connection, served).await);
            drop(permit);
        });
    }
}
