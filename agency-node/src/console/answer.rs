//! Answers over HTTP: pages, JSON, problems as RFC 9457 has them.

use std::io;

use askama::Template;
use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header},
};
use birge_proto::problem::{Kind, Problem};
use serde_json::{Value, json};

use super::words::Say;
use crate::output::Failure;

/// A text of the type `content_type`.
pub(super) fn text(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Body>,
) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A page.
pub(super) fn page(status: StatusCode, template: &impl Template) -> Response<Body> {
    match template.render() {
        Ok(page) => text(status, "text/html; charset=utf-8", page),
        Err(error) => failure(&anyhow::Error::from(error).into()),
    }
}

/// JSON.
pub(super) fn json(status: StatusCode, value: &Value) -> Response<Body> {
    text(status, "application/json", value.to_string())
}

/// A problem.
pub(super) fn problem(problem: &Problem) -> Response<Body> {
    problem_as(problem.kind.http(), problem)
}

/// A problem with another status than its kind has.
pub(super) fn problem_as(status: u16, problem: &Problem) -> Response<Body> {
    let mut told = problem.to_json();
    told["status"] = json!(status);
    if problem.kind == Kind::Internal {
        told["title"] = json!("a fault of the node or of its machine");
    }
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    text(status, "application/problem+json", told.to_string())
}

/// A failure as a problem.
pub(super) fn failure(failure: &Failure) -> Response<Body> {
    problem(&as_problem(failure))
}

/// What a failure says to whoever asked. What a file system says of paths is for the log alone.
fn as_problem(failure: &Failure) -> Problem {
    match failure {
        Failure::Refused(own) => return (**own).clone(),
        // What was asked for cannot be.
        Failure::Usage(text) => {
            let (detail, next) = text.split_once("\nnext: ").unwrap_or((text, "try again"));
            return Problem::new(Kind::Malformed, detail).hint(next);
        }
        _ => {}
    }
    tracing::error!("the console could not answer: {failure}");
    let full = |error: &anyhow::Error| {
        let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
        causes.any(|cause| cause.kind() == io::ErrorKind::StorageFull)
    };
    match failure {
        Failure::Internal(error) if full(error) => {
            Problem::new(Kind::DiskReserved, "the node's disk is full")
                .hint("make room, then try again")
        }
        Failure::Internal(_) => Problem::new(Kind::Internal, "the node could not do it")
            .hint("see its log, and `agency-node doctor`"),
        Failure::Unreachable(_) => Problem::new(Kind::Unavailable, failure.to_string()),
        other => Problem::new(Kind::Internal, other.to_string()),
    }
}

/// A failure as a page.
pub(super) fn failed(say: &Say, failure: &Failure) -> Response<Body> {
    let problem = as_problem(failure);
    let status = StatusCode::from_u16(problem.kind.http());
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let (title, next) = (say.it("failed"), problem.hints);
    page(status, &Message { say, title, here: "", text: problem.detail, next })
}

/// On to another page, with GET.
pub(super) fn see_other(path: &str) -> Response<Body> {
    let mut response = text(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", "");
    insert(response.headers_mut(), header::LOCATION, path);
    response
}

/// Puts a header, unless its value cannot be one.
pub(super) fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Sets a cookie for this site's own pages alone, which no script reads.
pub(super) fn set_cookie(headers: &mut HeaderMap, name: &str, value: &str, seconds: i64) {
    let cookie = format!("{name}={value}; HttpOnly; SameSite=Strict; Path=/; Max-Age={seconds}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        headers.append(header::SET_COOKIE, cookie);
    }
}

#[derive(Template)]
#[template(path = "console/message.html")]
struct Message<'a> {
    say: &'a Say,
    title: String,
    here: &'static str,
    text: String,
    next: Vec<String>,
}

/// The page for whoever did not open the console by its link.
pub(super) fn not_signed_in(say: &Say) -> Response<Body> {
    message(say, StatusCode::UNAUTHORIZED, "sign-in", "sign-in-text")
}

/// A page that says one thing.
pub(super) fn message(say: &Say, status: StatusCode, title: &str, text: &str) -> Response<Body> {
    let (title, text) = (say.it(title), say.it(text));
    page(status, &Message { say, title, here: "", text, next: vec![] })
}
