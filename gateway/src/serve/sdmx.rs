//! SDMX REST, versions 1 and 2, under `/sdmx/v1` and `/sdmx/v2`: translation of requests into
//! those of the read path, and of its answers into what was asked for. Structures are open to
//! whoever may ask at all; each question for figures goes the way of any other.

mod asked;
mod filter;
mod headers;
mod media;
mod path;
mod period;
mod problem;
mod stream;
mod structures;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Uri, header},
    routing::get,
};
use birge_proto::{
    clock::SharedClock,
    problem::{Kind, Problem},
};
use birge_schemas::structure::Structures;
use tower_http::{
    compression::CompressionLayer,
    cors::{self, CorsLayer},
};

use self::{
    asked::{Asked, DataQuery},
    headers::{Tag, respond},
    path::{Path, Version},
    stream::Rendering,
};
use super::{gate::Gate, query::ANYBODY, tls::Peer};
use crate::{
    catalog::Catalog,
    query::{Answer, Query as ReadPath},
    sdmx::{artefact::Artefacts, header::Header, json::LANGUAGES},
};

/// Where all of it lies.
const ROOT: &str = "/sdmx/";
const STRUCTURES: &str = "query/structures";
const DESCRIPTION: &str = include_str!("../../web/sdmx-openapi.json");

/// What the handlers stand on.
pub(super) struct Rest {
    gate: Arc<Gate>,
    query: Arc<ReadPath>,
    catalog: Arc<Catalog>,
    clock: SharedClock,
    /// The artefacts of the structures that were adopted last.
    known: Mutex<Option<Known>>,
}

/// The structures that are adopted, and their artefacts.
#[derive(Clone)]
struct Known {
    structures: Arc<Structures>,
    artefacts: Arc<Artefacts>,
}

impl Rest {
    /// Over this read path.
    pub(super) fn new(
        gate: Arc<Gate>,
        query: Arc<ReadPath>,
        catalog: Arc<Catalog>,
        clock: SharedClock,
    ) -> Self {
        Self { gate, query, catalog, clock, known: Mutex::default() }
    }

    fn known(&self) -> Known {
        let structures = self.catalog.read(|state| Arc::clone(&state.structures));
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match &*known {
            Some(last) if Arc::ptr_eq(&last.structures, &structures) => last.clone(),
            _ => {
                let artefacts = Arc::new(Artefacts::of(&structures));
                known.insert(Known { structures, artefacts }).clone()
            }
        }
    }
}

/// The routes, for any of the listeners; who asks is told by those.
pub(super) fn router(rest: Arc<Rest>) -> Router {
    let only_get = async |uri: Uri, method: Method| {
        let detail = format!("{method} is not done here");
        let problem = Problem::new(Kind::NotSupported, detail).hint("ask with GET");
        let mut response = refuse(&uri, &problem);
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        response
    };
    Router::new()
        .route("/sdmx/openapi.json", get(description).fallback(only_get))
        .route("/sdmx/{*path}", get(answer).fallback(only_get))
        .layer(CompressionLayer::new())
        .with_state(rest)
}

/// Lets pages of other origins ask, refusals and all: none of what a browser adds by itself says
/// who somebody is.
pub(super) fn for_browsers() -> CorsLayer {
    let sent =
        [header::ACCEPT, header::ACCEPT_LANGUAGE, header::AUTHORIZATION, header::IF_NONE_MATCH];
    CorsLayer::new()
        .allow_origin(cors::Any)
        .allow_methods([Method::GET, Method::HEAD])
        .allow_headers(sent)
        .expose_headers(headers::PROVENANCE.map(HeaderName::from_static))
        .max_age(Duration::from_secs(86_400))
}

/// Is this one of the addresses here?
pub(super) fn is_below(uri: &Uri) -> bool {
    uri.path().starts_with(ROOT)
}

/// A refusal of what was asked for at this address.
pub(super) fn refuse(uri: &Uri, problem: &Problem) -> Response<Body> {
    problem::respond(Version::of(uri), problem)
}

/// The interface as OpenAPI describes it.
async fn description(State(rest): State<Arc<Rest>>, request: Request) -> Response<Body> {
    let (uri, peer) = (request.uri().clone(), request.extensions().get::<Peer>());
    let admitted = match peer {
        Some(peer) => rest.gate.admit_peer(peer, STRUCTURES, ANYBODY).await,
        None => Err(Problem::new(Kind::Internal, "the connection carries no identity")),
    };
    match admitted {
        Ok(_) => respond(StatusCode::OK, Some("application/json"), Body::from(DESCRIPTION)),
        Err(problem) => refuse(&uri, &problem),
    }
}

async fn answer(State(rest): State<Arc<Rest>>, request: Request) -> Response<Body> {
    let (head, _) = request.into_parts();
    let peer = head.extensions.get::<Peer>().cloned();
    let answer = match peer {
        Some(peer) => rest.answer(&peer, &head.uri, &head.headers).await,
        None => Err(Problem::new(Kind::Internal, "the connection carries no identity")),
    };
    answer.unwrap_or_else(|problem| refuse(&head.uri, &problem))
}

impl Rest {
    async fn answer(
        &self,
        peer: &Peer,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Response<Body>, Problem> {
        let known = self.known();
        match Path::of(uri).and_then(|path| asked::read(&path, &known, headers)) {
            Ok(Asked::Structures(query)) => {
                self.gate.admit_peer(peer, STRUCTURES, ANYBODY).await?;
                let outcome = structures::answer(&query, &known, &self.header(), headers);
                self.gate.told(STRUCTURES, &peer.identity, outcome).await
            }
            Ok(Asked::Data(query)) => {
                let asker = self.gate.admit_peer(peer, "query/ask", ANYBODY).await?;
                let answer = self.query.ask(&asker, query.request.clone()).await?;
                self.data(peer, &known, *query, answer, headers)
            }
            Ok(Asked::Availability(query)) => {
                let asker = self.gate.admit_peer(peer, "query/ask", ANYBODY).await?;
                let answer = self.query.ask(&asker, query.request.clone()).await?;
                let mut response = structures::available(&query, &known, &answer, &self.header())?;
                headers::add_provenance(response.headers_mut(), &answer.provenance);
                Ok(response)
            }
            Ok(Asked::Schema(query)) => {
                self.gate.admit_peer(peer, STRUCTURES, ANYBODY).await?;
                let outcome = structures::schema(&query, &known, &self.header());
                self.gate.told(STRUCTURES, &peer.identity, outcome).await
            }
            Err(problem) => {
                self.gate.admit_peer(peer, STRUCTURES, ANYBODY).await?;
                self.gate.told(STRUCTURES, &peer.identity, Err(problem)).await
            }
        }
    }

    fn header(&self) -> Header {
        Header::of_structures(self.clock.now())
    }

    fn data(
        &self,
        peer: &Peer,
        known: &Known,
        query: DataQuery,
        answer: Answer,
        headers: &HeaderMap,
    ) -> Result<Response<Body>, Problem> {
        if query.version == Version::One && answer.is_empty() {
            let exchange = answer.provenance.exchange;
            let none = "no observation is given of what is asked for";
            return Err(Problem::new(Kind::NotFound, none).recorded_as(exchange));
        }
        let tag = Tag::of_data(&answer, &query);
        let mut response = if tag.is_known(headers) {
            respond(StatusCode::NOT_MODIFIED, None, Body::empty())
        } else {
            let header = Header::of_answer(&answer.provenance, self.clock.now());
            let format = query.format.media_type();
            let provenance = answer.provenance.clone();
            let rendering = Rendering { known: known.clone(), query, answer, header };
            let mut response = respond(StatusCode::OK, Some(format), rendering.into_body());
            headers::add_provenance(response.headers_mut(), &provenance);
            response
        };
        headers::add_tag(response.headers_mut(), &tag, peer);
        Ok(response)
    }
}

/// The language that is preferred, of those that there are names in.
fn language(headers: &HeaderMap) -> String {
    let wanted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let wanted = wanted.into_iter().flat_map(|value| value.split(','));
    let known = wanted.filter_map(|range| {
        let tag = range.split(';').next()?.trim().split('-').next()?.to_ascii_lowercase();
        LANGUAGES.contains(&tag.as_str()).then_some(tag)
    });
    known.into_iter().next().unwrap_or_else(|| String::from("en"))
}
