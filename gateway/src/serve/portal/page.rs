//! Pages: what stands on every one, and those that refuse.

use std::sync::Arc;

use askama::Template;
use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header},
};
use birge_proto::{
    identity::Role,
    problem::{Kind, Problem},
};
use form_urlencoded::{Serializer, byte_serialize, parse};

use super::{Door, Portal, guard::Visit, status};
use crate::{decree::Decree, view::words::Say};

const HTML: &str = "text/html; charset=utf-8";
/// For what changes with the program alone.
const KEPT: &str = "public, max-age=3600";

/// What stands on every page.
pub(super) struct Frame {
    pub(super) say: Arc<Say>,
    pub(super) title: String,
    /// The page of the navigation that this is below.
    pub(super) here: &'static str,
    /// Who is signed in.
    pub(super) who: Option<String>,
    pub(super) role: Role,
    pub(super) is_public: bool,
    /// Where persons sign in, for who comes to the other door.
    pub(super) people: String,
    /// Languages by code, own name, address and whether it is spoken.
    pub(super) languages: Vec<(&'static str, String, String, bool)>,
}

impl Frame {
    /// The frame of a page for who visits.
    pub(super) fn of(portal: &Portal, visit: &Visit, here: &'static str, title: String) -> Self {
        let identity = visit.identity();
        let is_public = portal.door == Door::Public;
        let decree = portal.decree().ok();
        let who = identity.filter(|_| !is_public).map(|identity| {
            let account = identity.person.as_ref().map(|own| format!(" ({})", own.as_str()));
            let said = visit.say.identity(decree.as_deref(), identity);
            format!("{said}{}", account.unwrap_or_default())
        });
        let address = |code: &str| {
            let kept = parse(visit.query.as_bytes()).filter(|(name, _)| name != "lang");
            let query = Serializer::new(String::new())
                .extend_pairs(kept)
                .append_pair("lang", code)
                .finish();
            format!("?{query}")
        };
        let choices = visit.say.choices().into_iter();
        let languages = choices.map(|it| (it.code, it.name, address(it.code), it.chosen)).collect();
        let role = identity.map_or(Role::Public, |identity| identity.role);
        let say = Arc::clone(&visit.say);
        let people = if is_public { portal.people.clone() } else { String::new() };
        Self { say, title, here, who, role, is_public, people, languages }
    }

    /// The message `portal-ID`.
    pub(super) fn it(&self, id: &str) -> String {
        self.say.it(id)
    }

    /// The message `portal-KIND-ID`: what one of several of a kind is called.
    pub(super) fn word(&self, kind: &str, id: &str) -> String {
        self.say.it(&format!("{kind}-{id}"))
    }

    /// The message `portal-ID` with one argument.
    pub(super) fn with(&self, id: &str, name: &str, value: &str) -> String {
        self.say.with(id, name, value)
    }

    /// May the log be gone through here?
    pub(super) fn reads_log(&self) -> bool {
        !self.is_public && matches!(self.role, Role::Member | Role::Observer | Role::Auditor)
    }
}

/// A page.
pub(super) fn page(template: &impl Template) -> Result<Response<Body>, Problem> {
    let page = template.render();
    let page = page.map_err(|error| Problem::new(Kind::Internal, error.to_string()))?;
    Ok(text(StatusCode::OK, HTML, page))
}

/// A text of the type `media_type`.
pub(super) fn text(
    status: StatusCode,
    media_type: &'static str,
    body: impl Into<Body>,
) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// On to another page of this origin, with GET.
pub(super) fn see_other(address: &str) -> Response<Body> {
    let mut response = text(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", "");
    put(response.headers_mut(), header::LOCATION, address);
    response
}

/// Puts a header, unless its value cannot be one.
pub(super) fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// To the page where people sign in, and from there back.
pub(super) fn sign_in_first(visit: &Visit) -> Response<Body> {
    let back = if visit.reads { visit.address.as_str() } else { "/" };
    let back: String = byte_serialize(back.as_bytes()).collect();
    see_other(&format!("/sign-in?next={back}"))
}

#[derive(Template)]
#[template(path = "portal/problem.html")]
struct Refused<'a> {
    frame: Frame,
    problem: &'a Problem,
    exchange: Option<String>,
    /// The articles, and what they say.
    articles: Vec<(String, String)>,
}

/// A page that tells what is wrong, under which articles, and what to do next.
pub(super) fn problem(portal: &Portal, visit: &Visit, problem: &Problem) -> Response<Body> {
    let title = visit.say.it(match problem.kind {
        Kind::NotPermitted | Kind::WrongRole => "refused",
        Kind::NotFound => "not-found",
        Kind::NotSignedIn | Kind::NotEnrolled => "not-signed-in",
        Kind::OverQuota => "over-quota",
        kind if kind.http() < 500 => "not-understood",
        _ => "failed",
    });
    let decree = portal.decree().ok();
    let articles = problem.articles.iter();
    let articles =
        articles.map(|article| (article.clone(), article_text(decree.as_deref(), article, visit)));
    let exchange = problem.exchange.map(|own| visit.say.count(own));
    let frame = Frame::of(portal, visit, "", title);
    let page = Refused { frame, problem, exchange, articles: articles.collect() };
    match page.render() {
        Ok(page) => text(status(problem), HTML, page),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", error.to_string()),
    }
}

/// What an article says.
pub(super) fn article_text(decree: Option<&Decree>, article: &str, visit: &Visit) -> String {
    let text = decree.and_then(|decree| decree.article(article, visit.say.code()));
    text.unwrap_or_default().to_owned()
}

pub(super) async fn style() -> Response<Body> {
    kept("text/css; charset=utf-8", include_str!("../../../web/portal/portal.css"))
}

pub(super) async fn script() -> Response<Body> {
    kept("text/javascript; charset=utf-8", include_str!("../../../web/portal/portal.js"))
}

pub(super) async fn icon() -> Response<Body> {
    kept("image/svg+xml", include_str!("../../../web/portal/icon.svg"))
}

fn kept(media_type: &'static str, body: &'static str) -> Response<Body> {
    let mut response = text(StatusCode::OK, media_type, body);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(KEPT));
    response
}
