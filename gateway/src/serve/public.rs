//! The public listener: the log's checkpoint and tiles over HTTPS, for anybody, as C2SP's
//! tlog-tiles lays them out; under `/frozen/<n>`, from 1 on, those of the logs that it goes on
//! from, whose tree is the beginning of its own. Nothing else is served here.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    http::{Response, StatusCode, header},
    routing::get,
};
use birge_proto::problem::{Kind, Problem};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, sync::Semaphore, time::timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::reading;
use crate::ledger::Ledger;

/// How long one public connection may live.
const CONNECTION: std::time::Duration = std::time::Duration::from_secs(60);
/// For what never changes.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// How long a public connection may say nothing.
const IDLE: std::time::Duration = std::time::Duration::from_secs(10);
/// Public connections at once.
const CONNECTIONS: usize = 256;

/// Serves until `stop`.
pub(super) async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    ledger: Arc<Ledger>,
    stop: CancellationToken,
) {
    let router = Router::new()
        .route("/checkpoint", get(checkpoint))
        .route("/tile/{*path}", get(tile))
        .route("/frozen/{log}/checkpoint", get(frozen))
        .route(
            "/frozen/{log}/tile/{*path}",
            get(async |ledger, Path((_, path)): Path<(usize, String)>| {
                tile(ledger, Path(path)).await
            }),
        )
        .fallback(|| async { response(Err(nothing())) })
        .with_state(ledger);
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
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
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await; // out of descriptors
            continue;
        };
        let (acceptor, router) = (acceptor.clone(), router.clone());
        tracker.spawn(async move {
            let served = timeout(CONNECTION, async {
                let stream = acceptor.accept(stream).await.ok()?;
                let service = TowerToHyperService::new(router);
                let mut server = auto::Builder::new(TokioExecutor::new()).http1_only();
                server.http1().timer(TokioTimer::new()).header_read_timeout(IDLE);
                server.serve_connection(TokioIo::new(stream), service).await.ok()
            });
            drop(served.await);
            drop(permit);
        });
    }
    tracker.close();
    drop(timeout(std::time::Duration::from_secs(5), tracker.wait()).await);
}

async fn checkpoint(State(ledger): State<Arc<Ledger>>) -> Response<Body> {
    let shown = ledger.shown();
    response(shown.map(|shown| (shown.note.clone(), "text/plain; charset=utf-8", "no-cache")))
}

async fn frozen(State(ledger): State<Arc<Ledger>>, Path(log): Path<usize>) -> Response<Body> {
    let last = log.checked_sub(1).and_then(|before| ledger.frozen().get(before));
    let last = last.map(|last| (last.note.clone(), "text/plain; charset=utf-8", IMMUTABLE));
    response(last.ok_or_else(nothing))
}

fn nothing() -> Problem {
    let there = "there is only /checkpoint and /tile/…, and the same under /frozen/<n>";
    Problem::new(Kind::NotFound, there)
}

async fn tile(State(ledger): State<Arc<Ledger>>, Path(path): Path<String>) -> Response<Body> {
    let path = format!("tile/{path}");
    let read = reading(move || ledger.tile(&path)).await;
    response(read.map(|bytes| (bytes, "application/octet-stream", IMMUTABLE)))
}

type Content = (Vec<u8>, &'static str, &'static str);

fn response(content: Result<Content, Problem>) -> Response<Body> {
    let (status, (bytes, media_type, cache)) = match content {
        Ok(content) => (StatusCode::OK, content),
        Err(problem) => (
            StatusCode::from_u16(problem.kind.http()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            (problem.to_json().to_string().into_bytes(), "application/problem+json", "no-store"),
        ),
    };
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static(cache));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, header::HeaderValue::from_static("nosniff"));
    response
}
