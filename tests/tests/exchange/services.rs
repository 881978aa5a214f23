//! What is served, to whom: health and reflection for the enrolled, the log for anybody, and
//! figures on neither.

use birge_proto::wire::AskRequest;
use birge_tests::{
    client::{Client, Credentials},
    exchange::Exchange,
    web::{self, Response},
};
use serde_json::Value;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use crate::support::{block_on, submit, trafficking};

#[test]
fn health_and_reflection_answer_the_enrolled_alone() {
    let exchange = Exchange::start().unwrap();
    let mia = exchange.node("agency/MIA").unwrap();
    let own = Credentials::of(&mia).unwrap();
    block_on(async {
        let client = Client::connect(exchange.address(), &own).await.unwrap();
        let check = HealthCheckRequest { service: String::new() };
        let health = HealthClient::new(client.channel()).check(check.clone()).await.unwrap();
        assert_eq!(health.into_inner().status(), ServingStatus::Serving);

        let listed = reflected(&client, MessageRequest::ListServices(String::new())).await;
        let Some(MessageResponse::ListServicesResponse(listed)) = listed else {
            panic!("no list of services: {listed:?}")
        };
        let names: Vec<_> = listed.service.iter().map(|service| service.name.as_str()).collect();
        for service in ["Intake", "Query", "Audit", "Admin"] {
            let name = format!("exchange.v1.{service}");
            assert!(names.contains(&name.as_str()), "{name} is not among {names:?}");
        }
        assert!(names.contains(&"grpc.health.v1.Health"), "{names:?}");

        let symbol = MessageRequest::FileContainingSymbol("exchange.v1.Intake".to_owned());
        let file = reflected(&client, symbol).await;
        let Some(MessageResponse::FileDescriptorResponse(file)) = file else {
            panic!("no description of Intake: {file:?}")
        };
        assert!(!file.file_descriptor_proto.is_empty());

        let refused = match Client::connect(exchange.address(), &own.anonymous()).await {
            Ok(nobody) => HealthClient::new(nobody.channel()).check(check).await.is_err(),
            Err(_) => true,
        };
        assert!(refused, "health was told to nobody in particular");
    });
}

async fn reflected(client: &Client, request: MessageRequest) -> Option<MessageResponse> {
    let request =
        ServerReflectionRequest { host: "localhost".to_owned(), message_request: Some(request) };
    let stream = tokio_stream::iter([request]);
    let mut client = ServerReflectionClient::new(client.channel());
    let mut answers = client.server_reflection_info(stream).await.unwrap().into_inner();
    answers.message().await.unwrap().unwrap().message_response
}

/// An exchange with figures in it, and what anybody gets from its public listener.
struct Scene {
    exchange: Exchange,
    credentials: Credentials,
}

impl Scene {
    fn new() -> Self {
        let exchange = Exchange::start().unwrap();
        let mia = exchange.node("agency/MIA").unwrap();
        block_on(submit(&exchange, &mia, &trafficking())).unwrap();
        let credentials = Credentials::of(&mia).unwrap();
        Self { exchange, credentials }
    }

    fn send(&self, method: &str, path: &str) -> Response {
        let address = web::public_address(&self.exchange).unwrap();
        block_on(web::send(address, &self.credentials.roots, method, path)).unwrap()
    }
}

#[test]
fn anybody_reads_checkpoint_and_tiles_over_https() {
    let scene = Scene::new();
    let checkpoint = scene.send("GET", "/checkpoint");
    assert_eq!(checkpoint.status, 200, "{checkpoint:?}");
    assert_eq!(checkpoint.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(checkpoint.header("cache-control"), "no-cache", "it changes with every record");
    assert_eq!(checkpoint.header("x-content-type-options"), "nosniff");
    let note = String::from_utf8(checkpoint.body).unwrap();
    let mut lines = note.lines();
    assert_eq!(lines.next(), Some("birge.example/log"));
    let size: u64 = lines.next().unwrap().parse().unwrap();
    assert!((3..256).contains(&size), "{note}");

    let tile = scene.send("GET", &format!("/tile/0/000.p/{size}"));
    assert_eq!((tile.status, tile.body.len() as u64), (200, size * 32));
    let entries = scene.send("GET", &format!("/tile/entries/000.p/{size}"));
    // A length of two bytes before each leaf of 33.
    assert_eq!((entries.status, entries.body.len() as u64), (200, size * 35));
    for each in [tile, entries] {
        assert_eq!(each.header("content-type"), "application/octet-stream");
        assert!(each.header("cache-control").contains("immutable"), "{:?}", each.headers);
    }
}

#[test]
fn everything_else_in_public_is_a_problem_that_tells_nothing() {
    let scene = Scene::new();
    let paths = [
        "/checkpoint/",
        "/tile/",
        "/tile/0/999",
        "/tile/../keys/log.key",
        "/tile/..%2f..%2fkeys%2flog.key",
        "/tile/0/000.p/0",
        "/data/TRAFFICKING",
        "/rest/data/BIRGE,TRAFFICKING,1.0.0",
        "/exchange.v1.Query/Ask",
        "/exchange.v1.Audit/Records",
        "/grpc.health.v1.Health/Check",
        "/metrics",
    ];
    for path in paths {
        let answer = scene.send("GET", path);
        assert!([400, 404].contains(&answer.status), "{path}: {answer:?}");
        assert_eq!(answer.header("content-type"), "application/problem+json", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        let problem: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(problem["status"], answer.status, "{path}");
        assert!(!problem["detail"].as_str().unwrap().is_empty(), "{path}");
    }
    assert_eq!(scene.send("GET", "/data/TRAFFICKING").status, 404);
    for path in ["/checkpoint", "/exchange.v1.Query/Ask"] {
        let answer = scene.send("POST", path);
        assert!([404, 405].contains(&answer.status), "{path}: {answer:?}");
    }
}

/// At the public door even who is enrolled is the public.
#[test]
fn the_public_listener_gives_no_figures_that_are_not_public() {
    let scene = Scene::new();
    let address = web::public_address(&scene.exchange).unwrap();
    let request = AskRequest { dataset: "TRAFFICKING".to_owned(), ..AskRequest::default() };
    block_on(async {
        for credentials in [scene.credentials.clone(), scene.credentials.anonymous()] {
            let answered = match Client::connect(address, &credentials).await {
                Ok(client) => client.ask(request.clone()).await.is_ok(),
                Err(_) => false,
            };
            assert!(!answered, "figures were given out in public");
        }
        // The same question at the right door.
        let inside = Client::connect(scene.exchange.address(), &scene.credentials).await.unwrap();
        assert!(!inside.ask(request).await.unwrap().cells.is_empty());
    });
}
