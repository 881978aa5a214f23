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
    middleware::{self, Next},
    routing::get,
};
use birge_proto::{
    clock::SharedClock,
    problem::{Kind, Problem},
    wire::Provenance,
};
use birge_schemas::structure::Structures;
use tonic::Status;
use tower_http::{
    compression::CompressionLayer,
    cors::{self, CorsLayer},
};

use self::{
    asked::{Asked, DataQuery},
    headers::{Tag, respond},
    media::DataFormat,
    path::{Path, Version},
    stream::Rendering,
};
use super::{desk::speaks_grpc, gate::Gate, query::ANYBODY, tls::Peer};
use crate::{
    catalog::Catalog,
    i18n::Language,
    query::{Answer, Query as ReadPath},
    sdmx::{artefact::Artefacts, header::Header},
};

/// Where all of it lies.
const ROOT: &str = "/sdmx/";
const STRUCTURES: &str = "query/structures";
const FIGURES: &str = "query/ask";
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
    Router::new()
        .route("/sdmx/openapi.json", get(description).fallback(only_get))
        .route("/sdmx/{*path}", get(answer).fallback(only_get))
        .layer(CompressionLayer::new())
        .with_state(rest)
}

/// The routes for systems, which show a certificate. A browser shows one by itself, to whatever
/// page has it ask: what comes from a page is refused. And all that is not there is refused here,
/// for none of it leaves without a record.
pub(super) fn for_systems(rest: &Arc<Rest>) -> Router {
    let refused = middleware::from_fn_with_state(Arc::clone(rest), of_a_system);
    let nothing = async |State(rest): State<Arc<Rest>>, request: Request| {
        if speaks_grpc(request.headers()) {
            return Status::unimplemented("there is no such service or method").into_http();
        }
        let problem = Problem::new(Kind::NotFound, "there is nothing of this name for systems")
            .hint("there are the gRPC services, /sdmx/v1 and /sdmx/v2");
        rest.refuse_recorded(request, problem).await
    };
    let fallback = Router::new().fallback(nothing).with_state(Arc::clone(rest));
    router(Arc::clone(rest)).layer(refused).merge(fallback)
}

async fn of_a_system(
    State(rest): State<Arc<Rest>>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let headers = request.headers();
    let site = headers.get("sec-fetch-site").and_then(|site| site.to_str().ok());
    let of_a_page = site.is_some_and(|site| site != "none") || headers.contains_key(header::ORIGIN);
    let problem = if headers.contains_key(header::AUTHORIZATION) {
        Problem::new(Kind::Malformed, "nobody signs in here: the certificate says who asks")
            .hint("present a session or token at the address for persons")
    } else if of_a_page {
        Problem::new(Kind::Malformed, "a page in a browser asks, and this is for systems")
            .hint("ask at the address for persons, or for the public")
    } else {
        return next.run(request).await;
    };
    rest.refuse_recorded(request, problem).await
}

async fn only_get(State(rest): State<Arc<Rest>>, request: Request) -> Response<Body> {
    let detail = format!("{} is not done here", request.method());
    let problem = Problem::new(Kind::NotSupported, detail).hint("ask with GET");
    let mut response = rest.refuse_recorded(request, problem).await;
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
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
    /// Refuses, and records it.
    async fn refuse_recorded(&self, request: Request, problem: Problem) -> Response<Body> {
        let (head, _) = request.into_parts();
        let problem = match head.extensions.get::<Peer>() {
            Some(peer) => self.gate.refused(peer, STRUCTURES, problem).await,
            None => Problem::new(Kind::Internal, "the connection carries no identity"),
        };
        refuse(&head.uri, &problem)
    }

    /// Answers a request of who this is.
    ///
    /// # Errors
    /// The refusal, recorded.
    pub(super) async fn answer(
        &self,
        peer: &Peer,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Response<Body>, Problem> {
        let path = Path::of(uri);
        let act = match &path {
            Ok(path) if asked::of_figures(path) => FIGURES,
            _ => STRUCTURES,
        };
        // Nothing is done for who may not ask.
        let asker = self.gate.admit_peer(peer, act, ANYBODY).await?;
        let known = self.known();
        let header = Header::of_structures(self.clock.now());
        let asked = path.and_then(|path| asked::read(&path, &known, headers));
        let outcome = match asked {
            Ok(Asked::Data(query)) => {
                let answer = self.query.ask(&asker, query.request.clone()).await?;
                return self.data(peer, known, *query, answer, (uri, headers));
            }
            Ok(Asked::Availability(query)) => {
                let answer = self.query.ask(&asker, query.request.clone()).await?;
                let mut response = structures::available(&query, &known, &answer, &header)?;
                headers::add_provenance(response.headers_mut(), &answer.provenance);
                return Ok(response);
            }
            Ok(Asked::Structures(query)) => structures::answer(&query, &known, &header, headers),
            Ok(Asked::Schema(query)) => structures::schema(&query, &known, &header),
            Err(problem) => Err(problem),
        };
        self.gate.told(act, &peer.identity, outcome).await
    }

    fn data(
        &self,
        peer: &Peer,
        known: Known,
        query: DataQuery,
        answer: Answer,
        (uri, headers): (&Uri, &HeaderMap),
    ) -> Result<Response<Body>, Problem> {
        if query.version == Version::One && answer.is_empty() {
            return Err(nothing_given(&answer.provenance));
        }
        let (tag, provenance) = (Tag::of_data(&answer, &query), answer.provenance.clone());
        let mut response = if tag.is_known(headers) {
            respond(StatusCode::NOT_MODIFIED, None, Body::empty())
        } else {
            let format = query.format.media_type();
            let header = Header::of_answer(&provenance, self.clock.now());
            let is_workbook = query.format == DataFormat::Workbook;
            let rendering = Rendering::of(known, query, answer, header).map_err(|error| {
                Problem::new(Kind::Internal, error.to_string()).recorded_as(provenance.exchange)
            })?;
            if is_workbook {
                let made = rendering.workbook(&as_csv(uri, headers));
                let made = made.map_err(|problem| problem.recorded_as(provenance.exchange))?;
                let mut response = respond(StatusCode::OK, Some(format), Body::from(made));
                headers::add_name(response.headers_mut(), &provenance);
                response
            } else {
                respond(StatusCode::OK, Some(format), rendering.into_body())
            }
        };
        headers::add_provenance(response.headers_mut(), &provenance);
        headers::add_tag(response.headers_mut(), &tag, peer);
        Ok(response)
    }
}

/// Where the same is had as CSV.
fn as_csv(uri: &Uri, headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = uri.authority().map(axum::http::uri::Authority::as_str).or(host).unwrap_or_default();
    let own = uri.query().unwrap_or_default().split('&');
    let own = own.filter(|part| !part.is_empty() && !part.starts_with("format="));
    let parameters: Vec<_> = own.chain(["format=csvdata"]).collect();
    // What stands in quotation marks has none.
    format!("https://{host}{}?{}", uri.path(), parameters.join("&")).replace(['"', '\\'], "")
}

/// Says that nothing is given of what is asked for, and what was left out by which articles.
fn nothing_given(provenance: &Provenance) -> Problem {
    let Provenance { exchange, articles, narrowed, notes, .. } = provenance;
    let problem = Problem::new(Kind::NotFound, "nothing is given of what is asked for");
    let problem = problem.under(articles.clone()).recorded_as(*exchange);
    narrowed.iter().chain(notes).fold(problem, Problem::hint)
}

/// The language that is preferred, of those that there are names in.
fn language(headers: &HeaderMap) -> String {
    let wanted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    wanted.and_then(Language::preferred).unwrap_or_default().to_string()
}
