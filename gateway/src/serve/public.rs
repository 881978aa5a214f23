//! The public listener, for anybody. Over HTTPS the log's checkpoint and tiles, as C2SP's
//! tlog-tiles lays them out; under `/frozen/<n>`, from 1 on, those of the logs that it goes on
//! from, whose tree is the beginning of its own. Over gRPC the figures that are public (articles
//! 6(6), 8(1)), the same over SDMX REST, and as the portal's pages. Nothing else is served here.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Path, Request, State},
    http::{Response, StatusCode, header},
    middleware::{self, Next},
    routing::get,
};
use birge_proto::{
    identity::Identity,
    problem::{Kind, Problem},
    wire::query_server::QueryServer,
};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::{
    desk::{respond, speaks_grpc},
    https::{self, Limits},
    portal::{self, Portal},
    query::{self, QueryService},
    reading, sdmx,
    tls::{Credential, Peer},
    turned::Turned,
};
use crate::ledger::Ledger;

const LIMITS: Limits =
    Limits { connections: 256, each: 32, lifetime: Duration::from_secs(60), streams: 16 };
/// For what never changes.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// What is open to anybody.
pub(super) struct Open {
    pub(super) ledger: Arc<Ledger>,
    pub(super) query: QueryServer<QueryService>,
    pub(super) rest: Router,
    pub(super) portal: Arc<Portal>,
    pub(super) turned: Arc<Turned>,
}

/// Serves until `stop`.
pub(super) async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    open: Open,
    stop: CancellationToken,
) {
    let Open { ledger, query, rest, portal, turned } = open;
    let figures = query::METHODS.iter().fold(Router::new(), |router, method| {
        router.route_service(&format!("/exchange.v1.Query/{method}"), query.clone())
    });
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
        .with_state(ledger)
        .merge(
            figures
                .merge(rest)
                .layer(middleware::from_fn_with_state(turned, as_the_public))
                .layer(sdmx::for_browsers()),
        )
        .merge(portal::router(Arc::clone(&portal)))
        .fallback(|| async { response(Err(nothing())) })
        .layer(middleware::from_fn_with_state(portal, portal::dress));
    https::serve(listener, acceptor, router, LIMITS, stop).await;
}

/// Whoever asks here is the public, whatever it presents; who presents something is told where
/// that counts.
async fn as_the_public(
    State(turned): State<Arc<Turned>>,
    mut request: Request,
    next: Next,
) -> Response<Body> {
    let grpc = speaks_grpc(request.headers());
    if !grpc && !sdmx::is_below(request.uri()) {
        return response(Err(nothing()));
    }
    if request.headers().contains_key(header::AUTHORIZATION) {
        turned.count("bearer-in-public");
        let detail = "nobody signs in here: this is the address for the public";
        let problem = Problem::new(Kind::Malformed, detail)
            .hint("present a session or token at the address for persons");
        return match sdmx::is_below(request.uri()) {
            true => sdmx::refuse(request.uri(), &problem),
            false => respond(grpc, Err(problem)),
        };
    }
    let identity = Identity::public();
    request.extensions_mut().insert(Peer { identity, credential: Credential::Nothing });
    next.run(request).await
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
    let there = "there is only /checkpoint and /tile/…, the same under /frozen/<n>, the portal at /, \
                 /sdmx/v1 and /sdmx/v2, and the gRPC service exchange.v1.Query";
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
