//! Who visits, and in which language: what every request goes through, and every answer.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header},
    middleware::Next,
};
use birge_proto::{
    identity::Identity,
    problem::{Kind, Problem},
};
use jiff::tz::TimeZone;

use super::{Door, Portal, Shared, page};
use crate::{
    i18n::Language,
    serve::{
        sdmx,
        tls::{Credential, Peer},
    },
    view::words::Say,
};

/// The cookie of a session: of this host alone, over TLS alone.
pub(super) const SESSION: &str = "__Host-birge-session";
/// The cookie of the language that was chosen.
const LANGUAGE: &str = "birge-language";
/// Seconds for which that is kept.
const YEAR: i64 = 365 * 24 * 60 * 60;
/// Scripts, styles and pictures of this origin alone; in no frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// What visitors do, in records.
const PAGES: &str = "portal/pages";
/// Pages that need nobody to sign in.
const OPEN: [&str; 4] = ["/sign-in", "/portal.css", "/portal.js", "/icon.svg"];

/// One request, as the pages see it.
#[derive(Clone)]
pub(super) struct Visit {
    /// Who visits; nobody before a person has signed in.
    pub(super) peer: Option<Peer>,
    /// In which language.
    pub(super) say: Arc<Say>,
    /// Path and query of the address.
    pub(super) address: String,
    /// The query alone.
    pub(super) query: String,
    /// The name that the address was asked for by.
    pub(super) host: String,
    /// Does it read, and change nothing?
    pub(super) reads: bool,
}

impl Visit {
    fn of(portal: &Portal, request: &Request) -> Self {
        let (uri, headers) = (request.uri(), request.headers());
        let zone = portal.decree().ok().and_then(|decree| TimeZone::get(decree.time_zone()).ok());
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = uri.authority().map(axum::http::uri::Authority::as_str).or(host);
        Self {
            peer: None,
            say: Arc::new(Say::new(language(request), zone.unwrap_or(TimeZone::UTC))),
            address: uri.path_and_query().map_or("/", |own| own.as_str()).to_owned(),
            query: uri.query().unwrap_or_default().to_owned(),
            host: host.unwrap_or_default().to_owned(),
            reads: reads(request.method()),
        }
    }

    /// Who visits.
    pub(super) fn identity(&self) -> Option<&Identity> {
        self.peer.as_ref().map(|peer| &peer.identity)
    }
}

/// What every request goes through.
pub(super) async fn guard(
    State(portal): State<Shared>,
    mut request: Request,
    next: Next,
) -> Response<Body> {
    let mut visit = Visit::of(&portal, &request);
    let chosen = asked(request.uri().query());
    let response = match admitted(&portal, &request) {
        Ok(peer) => {
            let open = OPEN.contains(&request.uri().path());
            visit.peer = match peer {
                Some(peer) if portal.gate.counts(&peer) => Some(peer),
                // One that is over is recorded as any other, and signs in again.
                Some(peer) if !open => {
                    portal.gate.living(&peer, PAGES).await.is_ok().then_some(peer)
                }
                _ => None,
            };
            if visit.peer.is_none() && !open {
                page::sign_in_first(&visit)
            } else {
                request.extensions_mut().insert(visit.clone());
                let response = next.run(request).await;
                refused(&portal, &visit, response).await
            }
        }
        Err(problem) => {
            let problem = match bearer(&portal, request.headers()) {
                Some(peer) => portal.gate.refused(&peer, PAGES, problem).await,
                None => problem,
            };
            page::problem(&portal, &visit, &problem)
        }
    };
    let mut response = secured(response);
    if let Some(language) = chosen {
        set_cookie(response.headers_mut(), LANGUAGE, language.code(), YEAR);
    }
    response
}

/// What no handler was found for, or could not be read, as a page; of who is known it is recorded.
async fn refused(portal: &Portal, visit: &Visit, response: Response<Body>) -> Response<Body> {
    let html = response.headers().get(header::CONTENT_TYPE);
    let html = html.and_then(|kind| kind.to_str().ok()).is_some_and(|kind| kind.contains("html"));
    if html || !response.status().is_client_error() {
        return response;
    }
    let detail = "the address, or what is to be done with it, means nothing here";
    let problem = Problem::new(Kind::Malformed, detail);
    let problem = match &visit.peer {
        Some(peer) => portal.gate.refused(peer, PAGES, problem).await,
        None => problem,
    };
    page::problem(portal, visit, &problem)
}

/// Who visits: the public, or a person by its session; nobody where it has none that counts.
fn admitted(portal: &Portal, request: &Request) -> Result<Option<Peer>, Problem> {
    let headers = request.headers();
    if headers.contains_key(header::AUTHORIZATION) {
        let detail = "pages are for browsers: what is presented in a header is not looked at";
        return Err(Problem::new(Kind::Malformed, detail)
            .hint("ask for figures under /sdmx, at the address for persons"));
    }
    if !reads(request.method())
        && !is_own(headers, request.uri().authority().map(|own| own.as_str()))
    {
        portal.turned.count("page-of-another-origin");
        return Err(Problem::new(Kind::WrongRole, "a page of another origin asks for it")
            .hint("use the portal's own pages"));
    }
    if portal.door == Door::Public {
        let identity = Identity::public();
        return Ok(Some(Peer { identity, credential: Credential::Nothing }));
    }
    let Some(session) = cookie(headers, SESSION) else { return Ok(None) };
    match portal.accounts.bearer(session) {
        Some((identity, bearer)) if bearer.is_session() => {
            let peer = Peer { identity, credential: Credential::Bearer(bearer) };
            Ok(Some(peer))
        }
        _ => {
            portal.turned.count("session-unknown");
            Ok(None)
        }
    }
}

fn reads(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// Who presents a session or token in a header, which says nothing to pages: it is recorded that it
/// was refused.
fn bearer(portal: &Portal, headers: &HeaderMap) -> Option<Peer> {
    let shown = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (_, shown) = shown.split_once(' ').filter(|_| portal.door == Door::People)?;
    let (identity, bearer) = portal.accounts.bearer(shown.trim())?;
    Some(Peer { identity, credential: Credential::Bearer(bearer) })
}

/// Does a page of this origin ask? Browsers say so themselves; older ones say which origin it is.
fn is_own(headers: &HeaderMap, authority: Option<&str>) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => {
            let host = authority.or(text("host")).unwrap_or_default();
            origin.strip_prefix("https://").is_some_and(|own| own == host)
        }
        (None, None) => false,
    }
}

/// A cookie that a request shows.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs =
        all.flat_map(|value| value.split(';')).filter_map(|it| it.trim().split_once('='));
    pairs.find(|(own, _)| *own == name).map(|(_, value)| value)
}

/// Sets a cookie for pages of this origin alone, which no script reads.
pub(super) fn set_cookie(headers: &mut HeaderMap, name: &str, value: &str, seconds: i64) {
    let cookie =
        format!("{name}={value}; Secure; HttpOnly; SameSite=Lax; Path=/; Max-Age={seconds}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        headers.append(header::SET_COOKIE, cookie);
    }
}

/// The language that an address asks for.
fn asked(query: Option<&str>) -> Option<Language> {
    let mut pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| *name == "lang").and_then(|(_, code)| code.parse().ok())
}

/// The language of an answer: what the address asks for, what was chosen, what the browser prefers.
fn language(request: &Request) -> Language {
    let headers = request.headers();
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let chosen = || cookie(headers, LANGUAGE).and_then(|code| code.parse().ok());
    let preferred = || accepted.and_then(Language::preferred);
    asked(request.uri().query()).or_else(chosen).or_else(preferred).unwrap_or_default()
}

/// A page with what keeps browsers from harm. Nothing of it may be kept, but for what is the same for
/// everybody.
fn secured(mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_FRAME_OPTIONS, "DENY"),
        // Without it, browsers that are older tell of their own forms that they come from nowhere.
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "private, no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// What is not there, as a page where a person looks for it with a browser.
pub(in crate::serve) async fn dress(
    State(portal): State<Shared>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let headers = request.headers();
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let for_programs = sdmx::is_below(request.uri()) || request.uri().path().starts_with("/v1/");
    let looks = request.method() == Method::GET
        && accepts.is_some_and(|accepts| accepts.contains("text/html"))
        && !headers.contains_key(header::AUTHORIZATION)
        && !for_programs;
    if !looks {
        return next.run(request).await;
    }
    let visit = Visit::of(&portal, &request);
    let peer = admitted(&portal, &request).ok().flatten();
    let peer = peer.filter(|peer| portal.door == Door::People && portal.gate.counts(peer));
    let response = next.run(request).await;
    let kind = response.headers().get(header::CONTENT_TYPE);
    let missing = [StatusCode::NOT_FOUND, StatusCode::UNAUTHORIZED].contains(&response.status());
    match missing && kind.is_some_and(|kind| kind == "application/problem+json") {
        true => {
            let problem = Problem::new(Kind::NotFound, "there is no page of this name");
            let problem = match &peer {
                Some(peer) => portal.gate.refused(peer, PAGES, problem).await,
                None => problem,
            };
            secured(page::problem(&portal, &visit, &problem))
        }
        false => response,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn only_pages_of_this_origin_change_anything() {
        let own = |pairs: &[(&str, &str)]| is_own(&headers(pairs), None);
        assert!(own(&[("sec-fetch-site", "same-origin")]));
        assert!(own(&[("host", "a.example:7445"), ("origin", "https://a.example:7445")]));
        for pairs in [
            &[][..],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "none")],
            &[("sec-fetch-site", "cross-site"), ("host", "a"), ("origin", "https://a")],
            &[("host", "a.example"), ("origin", "http://a.example")],
            &[("host", "a.example"), ("origin", "null")],
            &[("host", ""), ("origin", "")],
        ] {
            assert!(!own(pairs), "{pairs:?}");
        }
    }

    #[test]
    fn cookies_are_told_apart() {
        let headers = headers(&[("cookie", "a=1; b=2"), ("cookie", "c=x=y")]);
        assert_eq!(cookie(&headers, "b"), Some("2"));
        assert_eq!(cookie(&headers, "c"), Some("x=y"));
        assert_eq!(cookie(&headers, "d"), None);
    }
}
