//! Who may pass. The machine has other users, and its browsers load pages of others: a request must
//! name this machine (against names that are rebound), what changes something must come from a page
//! of this origin or from a program, and each must show the key or a session made with it.

use std::net::IpAddr;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, Uri, header},
    middleware::Next,
    response::Response,
};
use birge_proto::problem::{Kind, Problem};

use super::{
    Shared, answer,
    key::{Key, Purpose},
    words::{self, Say},
};
use crate::i18n::Language;

/// The cookie of a session.
pub(super) const SESSION: &str = "birge-console";
/// No script at all, nothing from elsewhere, in no frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

/// What every request goes through.
pub(super) async fn guard(
    State(desk): State<Shared>,
    mut request: Request,
    next: Next,
) -> Response {
    let language = words::language(request.uri(), request.headers(), desk.node.config.language);
    request.extensions_mut().insert(language);
    let chosen = words::asked(request.uri());
    let mut response = match refused(&desk, &request, language) {
        Some(refusal) => refusal,
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        // A report's page has a policy that allows its own style, too.
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if let Some(language) = chosen {
        answer::set_cookie(headers, words::LANGUAGE, language.code(), 365 * 24 * 60 * 60);
    }
    response
}

/// The refusal, where a request may not pass.
fn refused(desk: &Shared, request: &Request, language: Language) -> Option<Response> {
    let headers = request.headers();
    let Some(host) = host(request.uri(), headers).filter(|host| is_loopback(host)) else {
        let problem = Problem::new(Kind::Malformed, "the request does not name this machine");
        return Some(answer::problem(
            &problem.hint("ask for http://127.0.0.1, [::1] or localhost, and the console's port"),
        ));
    };
    let path = request.uri().path();
    let for_programs = path.starts_with("/v1/") || path == "/metrics";
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if !reads && !is_own(headers, host, for_programs) {
        let problem = Problem::new(Kind::WrongRole, "a page of another origin asks for it");
        return Some(answer::problem(&problem.hint("use the console's own pages")));
    }
    if for_programs {
        return (!bearer(headers).is_some_and(|shown| desk.key.is(shown))).then(|| {
            let problem = Problem::new(Kind::NotSignedIn, "the request does not show the key");
            let hint =
                "send the header `Authorization: Bearer KEY` with what keys/console.key holds";
            let mut response = answer::problem(&problem.hint(hint));
            let scheme = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
            response
        });
    }
    let open = matches!(path, "/open" | "/console.css" | "/icon.svg");
    let now = desk.node.clock.now();
    let signed_in = open || has_session(&desk.key, headers, now);
    (!signed_in).then(|| answer::not_signed_in(&Say::new(language)))
}

fn has_session(key: &Key, headers: &HeaderMap, now: birge_proto::clock::Timestamp) -> bool {
    let mut marks = cookies(headers).filter(|(name, _)| *name == SESSION);
    marks.any(|(_, mark)| key.end(Purpose::Session, mark, now).is_some())
}

/// The cookies that a request shows.
pub(super) fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let all = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, shown) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| shown.trim())
}

fn host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    let mut all = headers.get_all(header::HOST).into_iter();
    let host = all.next().and_then(|value| value.to_str().ok());
    match (uri.authority(), all.next()) {
        (Some(named), None) => Some(named.as_str()),
        (None, None) => host,
        (_, Some(_)) => None,
    }
}

/// Does the host name this machine, with whatever port? A tunnel has a port of its own.
fn is_loopback(host: &str) -> bool {
    let digits = |port: &str| port.chars().all(|digit| digit.is_ascii_digit());
    let name = match host.rsplit_once(':') {
        Some((name, port)) if digits(port) => name,
        _ => host,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || bare.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// Does what would change something come from a page of this origin, or, where programs ask, from
/// no page at all? Of a page that sends no referrer a browser gives the origin as `null`; what it says of
/// the site then decides.
fn is_own(headers: &HeaderMap, host: &str, for_programs: bool) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let own = |origin: &str| origin.strip_prefix("http://") == Some(host);
    match (text("sec-fetch-site"), text("origin")) {
        (Some("same-origin"), origin) => {
            origin.is_none_or(|origin| origin == "null" || own(origin))
        }
        (Some("none"), None) => true,
        (None, Some(origin)) => own(origin),
        (None, None) => for_programs,
        (Some(_), _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_named() {
        for host in
            ["127.0.0.1", "127.0.0.1:7480", "127.0.0.2:1", "localhost:1", "LOCALHOST", "[::1]:7480"]
        {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "127.0.0.1.evil.example:7480",
            "localhost.evil",
            "[::2]:1",
            "10.0.0.1",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn what_changes_something_comes_from_here() {
        let own = |site: Option<&'static str>, origin: Option<&'static str>, programs| {
            let mut headers = HeaderMap::new();
            for (name, value) in [("sec-fetch-site", site), ("origin", origin)] {
                if let Some(value) = value {
                    headers.insert(name, HeaderValue::from_static(value));
                }
            }
            is_own(&headers, "127.0.0.1:7480", programs)
        };
        assert!(own(Some("same-origin"), Some("null"), false));
        assert!(own(Some("same-origin"), Some("http://127.0.0.1:7480"), false));
        assert!(own(None, Some("http://127.0.0.1:7480"), false));
        assert!(own(None, None, true) && !own(None, None, false));
        for site in ["cross-site", "same-site", "none"] {
            assert!(!own(Some(site), Some("http://127.0.0.1:7480"), true), "{site}");
        }
        for origin in
            ["null", "https://evil.example", "http://127.0.0.1:9000", "https://127.0.0.1:7480"]
        {
            assert!(!own(None, Some(origin), true), "{origin}");
        }
        assert!(!own(Some("same-origin"), Some("http://evil.example"), false));
    }
}
