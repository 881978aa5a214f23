//! The listener for persons, over HTTPS without client certificates. Under `/v1` is what a person
//! does for its own account, and a node for a certificate that ends; with a session or token, the
//! gRPC services for figures and for the log, and SDMX REST; with the session that a browser keeps,
//! the portal's pages. All else is refused; of who is known it is recorded.

mod own;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{self, Body},
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
    middleware::{self, Next},
    routing::{delete, get, post},
};
use birge_proto::{
    problem::{Kind, Problem},
    wire::{audit_server::AuditServer, query_server::QueryServer},
};
use serde_json::Value;
use tokio::{net::TcpListener, time::timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{
    audit::AuditService,
    gate::Gate,
    https::{self, Limits},
    portal::{self, Portal},
    query::{self, QueryService},
    renewal::Renewals,
    sdmx,
    tls::{Credential, Peer},
    tries::Tries,
    turned::Turned,
};
use crate::account::Accounts;

const LIMITS: Limits =
    Limits { connections: 512, each: 64, lifetime: Duration::from_secs(3_600), streams: 32 };
/// Bytes of a request's body under `/v1`.
const BODY_BYTES: usize = 16 << 10;
/// How long a request under `/v1` may take to come.
const REQUEST: Duration = Duration::from_secs(30);
/// Bytes of one gRPC message to the services.
const MESSAGE_BYTES: usize = 64 << 10;

/// What is asked of the log, method by method: nothing else is reached.
const AUDIT: [&str; 7] =
    ["Checkpoint", "Tile", "Consistency", "Inclusion", "Records", "Witnesses", "Hold"];

/// What the handlers stand on.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) gate: Arc<Gate>,
    pub(super) accounts: Arc<Accounts>,
    pub(super) turned: Arc<Turned>,
    pub(super) query: QueryServer<QueryService>,
    pub(super) audit: AuditServer<AuditService>,
    pub(super) rest: Router,
    /// Who renews certificates.
    pub(super) renewals: Arc<Renewals>,
    pub(super) portal: Arc<Portal>,
    /// Tries of each address.
    pub(super) tries: Arc<Tries>,
}

impl Desk {
    fn router(self) -> Router {
        let own = Router::new()
            .route("/v1/activation", post(own::begin))
            .route("/v1/activation/confirm", post(own::activate))
            .route("/v1/renewal", post(own::renew))
            .route("/v1/sign-in", post(own::sign_in))
            .route("/v1/sign-out", post(own::sign_out))
            .route("/v1/account", get(own::account))
            .route("/v1/password", post(own::change_password))
            .route("/v1/tokens", post(own::issue_token))
            .route("/v1/tokens/{id}", delete(own::withdraw_token));
        let query = self.query.clone().max_decoding_message_size(MESSAGE_BYTES);
        let audit = self.audit.clone().max_decoding_message_size(MESSAGE_BYTES);
        let services = query::METHODS.iter().fold(Router::new(), |router, method| {
            router.route_service(&format!("/exchange.v1.Query/{method}"), query.clone())
        });
        let services = AUDIT.iter().fold(services, |router, method| {
            router.route_service(&format!("/exchange.v1.Audit/{method}"), audit.clone())
        });
        let rest = self.rest.clone();
        let portal = Arc::clone(&self.portal);
        own.merge(services)
            .fallback(nothing)
            .method_not_allowed_fallback(nothing)
            .layer(middleware::from_fn_with_state(self.clone(), identify))
            .with_state(self.clone())
            .merge(
                rest.layer(middleware::from_fn_with_state(self, identify))
                    .layer(sdmx::for_browsers()),
            )
            .merge(portal::router(Arc::clone(&portal)))
            .layer(middleware::from_fn_with_state(portal, portal::dress))
    }
}

/// Serves until `stop`.
pub(super) async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    desk: Desk,
    stop: CancellationToken,
) {
    https::serve(listener, acceptor, desk.router(), LIMITS, stop).await;
}

/// Tells the handlers who presents a session or a token. Who presents one that is nobody's, or
/// several, is turned away and counted; nothing but this header says who somebody is.
async fn identify(State(desk): State<Desk>, mut request: Request, next: Next) -> Response<Body> {
    let grpc = speaks_grpc(request.headers());
    let uri = request.uri().clone();
    let refuse = |problem| match sdmx::is_below(&uri) {
        true => sdmx::refuse(&uri, &problem),
        false => respond(grpc, Err(problem)),
    };
    let presented = match bearer(request.headers()) {
        Ok(presented) => presented,
        Err(problem) => {
            desk.turned.count("authorization-malformed");
            return refuse(problem);
        }
    };
    let of_the_account = request.uri().path().starts_with("/v1/");
    match presented {
        Some(presented) => match desk.accounts.bearer(&presented) {
            Some((identity, bearer)) => {
                let peer = Peer { identity, credential: Credential::Bearer(bearer) };
                request.extensions_mut().insert(peer);
            }
            None => {
                desk.turned.count("bearer-unknown");
                return refuse(stranger());
            }
        },
        None if of_the_account => {}
        None => {
            desk.turned.count("no-bearer");
            return refuse(stranger());
        }
    }
    if !of_the_account && !grpc && !sdmx::is_below(&uri) {
        return nothing(State(desk), request).await;
    }
    if of_the_account {
        return uncut(request, next).await;
    }
    // Of who counts no more not even the question is read.
    let living = match request.extensions().get::<Peer>() {
        Some(peer) => desk.gate.living(peer, "desk/services").await,
        None => Err(stranger()),
    };
    match living {
        Ok(()) => next.run(request).await,
        Err(problem) => refuse(problem),
    }
}

/// Reads a request within its limits of size and time, and then does what it asks to the end,
/// also where the person goes away meanwhile: an act is not cut between its record and its files.
async fn uncut(request: Request, next: Next) -> Response<Body> {
    let (head, body) = request.into_parts();
    let problem = match timeout(REQUEST, body::to_bytes(body, BODY_BYTES)).await {
        Ok(Ok(body)) => {
            let act = tokio::spawn(next.run(Request::from_parts(head, Body::from(body))));
            match act.await {
                Ok(answer) => return answer,
                Err(error) => Problem::new(Kind::Internal, format!("the act ended: {error}")),
            }
        }
        Ok(Err(_)) => {
            let detail = format!("the request is cut off, or larger than {BODY_BYTES} bytes");
            Problem::new(Kind::TooLarge, detail).hint("send it again, and what it asks for only")
        }
        Err(_) => {
            Problem::new(Kind::Truncated, "the request took too long to come").hint("send it again")
        }
    };
    respond(false, Err(problem))
}

/// The one bearer that is presented, where one is.
fn bearer(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let malformed = |detail: &str| {
        Problem::new(Kind::Malformed, detail)
            .hint("expected one header: Authorization: Bearer SESSION-OR-TOKEN")
    };
    let mut presented = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(first), None) = (presented.next(), presented.next()) else {
        return match headers.contains_key(header::AUTHORIZATION) {
            true => Err(malformed("there are several Authorization headers")),
            false => Ok(None),
        };
    };
    let text = first.to_str().ok().and_then(|text| text.split_once(' '));
    let bearer = text.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let (_, bearer) = bearer.ok_or_else(|| malformed("the Authorization header is no bearer's"))?;
    Ok(Some(bearer.trim().to_owned()))
}

async fn nothing(State(desk): State<Desk>, request: Request) -> Response<Body> {
    let grpc = speaks_grpc(request.headers());
    let there = "there is nothing of this name for persons";
    let problem = Problem::new(Kind::NotFound, there)
        .hint("there is /v1/… for the own account, SDMX REST under /sdmx, and the gRPC services Query and \
               Audit");
    let problem = match request.extensions().get::<Peer>() {
        Some(peer) => desk.gate.refused(peer, "desk/unknown", problem).await,
        None => {
            desk.turned.count("desk-unknown");
            problem
        }
    };
    respond(grpc, Err(problem))
}

fn stranger() -> Problem {
    Problem::new(Kind::NotSignedIn, "no session or token that is known is presented")
        .hint("sign in: POST /v1/sign-in, or agency-node account sign-in")
}

pub(super) fn speaks_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("application/grpc"))
}

/// An answer as JSON, or as a gRPC status where gRPC is spoken. Nothing of it may be kept.
pub(super) fn respond(grpc: bool, answer: Result<Value, Problem>) -> Response<Body> {
    let (status, media_type, value) = match answer {
        Err(problem) if grpc => return Status::from(problem).into_http(),
        Ok(value) => (StatusCode::OK, "application/json", value),
        Err(problem) => (
            StatusCode::from_u16(problem.kind.http()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            "application/problem+json",
            problem.to_json(),
        ),
    };
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    for (name, value) in [
        (header::CONTENT_TYPE, media_type),
        (header::CACHE_CONTROL, "private, no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use birge_proto::wire::DESCRIPTORS;
    use prost::Message;

    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        let name = |value: &&str| (header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        values.iter().map(name).collect()
    }

    /// What is reached is what the services have, but for the simulation of drafts: they are
    /// larger than what a person may send.
    #[test]
    fn every_method_of_both_services_is_reached() {
        let descriptors = prost_types::FileDescriptorSet::decode(DESCRIPTORS).unwrap();
        let services = descriptors.file.iter().flat_map(|file| &file.service);
        let methods = |name: &str| -> Vec<String> {
            let service = services.clone().find(|service| service.name() == name).unwrap();
            service.method.iter().map(|method| method.name().to_owned()).collect()
        };
        let mut audit = methods("Audit");
        audit.retain(|method| method != "Simulate");
        assert_eq!(
            (methods("Query"), audit),
            (query::METHODS.map(String::from).to_vec(), AUDIT.map(String::from).to_vec())
        );
    }

    #[test]
    fn one_bearer_is_taken_and_no_more() {
        assert_eq!(bearer(&headers(&[])), Ok(None));
        for scheme in ["Bearer", "bearer", "BEARER"] {
            let read = bearer(&headers(&[&format!("{scheme} birge_s_x")]));
            assert_eq!(read, Ok(Some("birge_s_x".to_owned())));
        }
        for wrong in [&["Basic YTpi"][..], &["Bearer"], &["Bearer a", "Bearer b"], &["\u{7f}"]] {
            let values: Vec<_> =
                wrong.iter().filter(|v| HeaderValue::from_str(v).is_ok()).collect();
            let values: Vec<&str> = values.into_iter().copied().collect();
            assert!(values.is_empty() || bearer(&headers(&values)).is_err(), "{wrong:?}");
        }
    }
}
