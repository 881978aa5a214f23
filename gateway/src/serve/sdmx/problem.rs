//! Refusals, as each version of the interface has them.

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};
use birge_proto::problem::{Kind, Problem};

use super::{headers, path::Version};
use crate::sdmx::errors;

/// A refusal as an answer.
pub(super) fn respond(version: Version, problem: &Problem) -> Response<Body> {
    let status =
        StatusCode::from_u16(problem.kind.http()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let (media_type, body) = match version {
        Version::One => ("application/xml", errors::ml(problem).unwrap_or_default()),
        Version::Two => ("application/json", errors::json(problem).into_bytes()),
    };
    let mut response = headers::respond(status, Some(media_type), Body::from(body));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::UNAUTHORIZED {
        let scheme = HeaderValue::from_static("Bearer");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
    }
    if problem.kind == Kind::OverQuota {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
    }
    response
}
