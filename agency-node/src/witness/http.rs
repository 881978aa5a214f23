//! The witness over HTTP, for whoever can reach it: `POST /add-checkpoint` as C2SP's tlog-witness
//! has it, and `GET /checkpoint`, the newest checkpoint that it cosigned. Plain HTTP: all that is
//! said is signed, and nothing of it is secret.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, State},
    http::{HeaderValue, Response, StatusCode, header},
    routing::{get, post},
};
use birge_proto::tlog::witness::REQUEST_BYTES;
use tokio::net::TcpListener;

use super::{
    Witness,
    answer::{Answer, Asker},
};
use crate::served;

/// How long one connection may live.
const CONNECTION: Duration = Duration::from_secs(60);

/// Serves for ever.
pub(super) async fn serve(listener: TcpListener, witness: Arc<Witness>) {
    let router = Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/checkpoint", get(checkpoint))
        .layer(DefaultBodyLimit::max(REQUEST_BYTES))
        .with_state(witness);
    served::serve(listener, router, CONNECTION).await;
}

async fn add_checkpoint(State(witness): State<Arc<Witness>>, body: Bytes) -> Response<Body> {
    let decided = tokio::task::spawn_blocking(move || witness.answer(&body, Asker::Anybody)).await;
    decided.map_or_else(|_| failed(), response)
}

async fn checkpoint(State(witness): State<Arc<Witness>>) -> Response<Body> {
    let content_type = "text/plain; charset=utf-8";
    match tokio::task::spawn_blocking(move || witness.memory.held()).await {
        Ok(Ok(Some((body, _)))) => response(Answer { status: 200, content_type, body }),
        Ok(Ok(None)) => {
            let body = b"this witness has cosigned nothing yet\n".to_vec();
            response(Answer { status: 404, content_type, body })
        }
        Ok(Err(_)) | Err(_) => failed(),
    }
}

fn failed() -> Response<Body> {
    let body = b"the witness cannot read what it holds\n".to_vec();
    response(Answer { status: 500, content_type: "text/plain; charset=utf-8", body })
}

fn response(answer: Answer) -> Response<Body> {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
