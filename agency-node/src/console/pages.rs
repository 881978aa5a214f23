//! What people see: pages made here, without any script.

mod approvals;
mod batches;
mod hand_in;
mod home;
mod rejected;

use axum::{
    Extension, Router,
    extract::{Query, State},
    http::{StatusCode, Uri},
    response::Response,
    routing::get,
};
use birge_proto::problem::{Kind, Problem};
use serde::Deserialize;

use super::{Shared, answer, guard::SESSION, key::Purpose, words::Say};
use crate::{i18n::Language, output::Failure};

const TEXT: &str = "text/plain; charset=utf-8";
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// The pages.
pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/open", get(open))
        .route("/console.css", get(style))
        .route("/icon.svg", get(icon))
        .route("/", get(home::home))
        .route("/batches", get(batches::list))
        .route("/batches/{batch}", get(batches::one))
        .route("/batches/{batch}/letter", get(batches::letter))
        .route("/batches/{batch}/paper", get(batches::paper))
        .route("/batches/{batch}/{file}", get(batches::receipt))
        .route("/approvals/{batch}", get(approvals::one))
        .route("/approvals/{batch}/give", get(approvals::one).post(approvals::give))
        .route("/approvals/{batch}/return", get(approvals::one).post(approvals::send_back))
        .route("/rejected", get(rejected::list))
        .route("/rejected/{file}", get(rejected::one))
        .route("/hand-in", get(hand_in::form).post(hand_in::hand_in))
        // The form, too, for whoever chooses another language on what a check answered.
        .route("/check", get(hand_in::form).post(hand_in::check))
        .route("/form", get(hand_in::make_form))
        .route("/handed-in/{job}", get(hand_in::handed_in))
        .fallback(nowhere)
}

/// A page, or a page that says why there is none.
async fn said(
    language: Language,
    page: impl Future<Output = Result<Response, Failure>>,
) -> Response {
    page.await.unwrap_or_else(|failure| answer::failed(&Say::new(language), &failure))
}

fn missing(language: Language) -> Response {
    answer::message(&Say::new(language), StatusCode::NOT_FOUND, "missing", "missing-text")
}

async fn nowhere(uri: Uri, Extension(language): Extension<Language>) -> Response {
    if uri.path().starts_with("/v1/") {
        let problem = Problem::new(Kind::NotFound, "the API has no such address");
        return answer::problem(&problem.hint("POST or GET /v1/batches, GET /v1/batches/JOB"));
    }
    missing(language)
}

async fn style() -> Response {
    let style = include_str!("../../web/console/console.css");
    answer::text(StatusCode::OK, "text/css; charset=utf-8", style)
}

async fn icon() -> Response {
    let icon = include_str!("../../web/console/icon.svg");
    answer::text(StatusCode::OK, "image/svg+xml", icon)
}

#[derive(Deserialize)]
struct Opened {
    code: String,
}

/// The link that `agency-node console` prints: it opens once, and gives the browser a session.
async fn open(
    State(desk): State<Shared>,
    Extension(language): Extension<Language>,
    Query(Opened { code }): Query<Opened>,
) -> Response {
    let now = desk.node.clock.now();
    let end = desk.key.end(Purpose::Open, &code, now);
    let first = end.is_some_and(|end| {
        let mut opened = desk.opened.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        opened.retain(|_, end| now.as_second() < *end);
        opened.insert(code, end).is_none()
    });
    if !first {
        let say = Say::new(language);
        return answer::message(&say, StatusCode::UNAUTHORIZED, "sign-in", "link-ended");
    }
    match desk.key.mark(Purpose::Session, now) {
        Ok(mark) => {
            let mut response = answer::see_other("/");
            answer::set_cookie(response.headers_mut(), SESSION, &mark, Purpose::Session.seconds());
            response
        }
        Err(failure) => answer::failure(&failure),
    }
}
