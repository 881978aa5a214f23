use std::{
    fs,
    io::Write as _,
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{Response, header},
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::{ServerConfig, crypto::aws_lc_rs};
use rustls_pki_types::PrivateKeyDer;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::*;
use crate::{
    handin::{
        self,
        tests::{CSV, node as bare},
    },
    pull::{self, taken},
};

/// What was asked, and what is answered next; the last answer again and again.
#[derive(Clone, Default)]
struct Served(Arc<Mutex<(Vec<Seen>, Vec<Answer>)>>);

type Seen = (String, axum::http::HeaderMap);

#[derive(Clone)]
struct Answer {
    status: u16,
    headers: Vec<(header::HeaderName, String)>,
    body: Vec<u8>,
}

fn answer(status: u16, headers: &[(header::HeaderName, &str)], body: &[u8]) -> Answer {
    let headers = headers.iter().map(|(name, value)| (name.clone(), (*value).to_owned()));
    Answer { status, headers: headers.collect(), body: body.to_vec() }
}

impl Served {
    fn next(&self, answers: &[Answer]) {
        *self.0.lock().unwrap() = (vec![], answers.to_vec());
    }

    fn asked(&self) -> Vec<Seen> {
        self.0.lock().unwrap().0.clone()
    }

    fn router(&self) -> Router {
        async fn serve(State(served): State<Served>, request: Request) -> Response<Body> {
            let mut served = served.0.lock().unwrap();
            served.0.push((request.uri().to_string(), request.headers().clone()));
            let answer = match served.1.len() {
                1 => served.1[0].clone(),
                _ => served.1.remove(0),
            };
            let mut response = Response::builder().status(answer.status);
            for (name, value) in answer.headers {
                response = response.header(name, value);
            }
            response.body(answer.body.into()).unwrap()
        }
        Router::new().fallback(serve).with_state(self.clone())
    }
}

/// A server without TLS.
async fn serve() -> (Served, SocketAddr) {
    let served = Served::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, served.router()).into_future());
    (served, address)
}

/// A server with TLS, in the name of `localhost`; its authority's certificate goes into `folder`.
async fn serve_tls(folder: &Path) -> (Served, SocketAddr) {
    struct Tls(TcpListener, TlsAcceptor);
    impl axum::serve::Listener for Tls {
        type Io = TlsStream<TcpStream>;
        type Addr = SocketAddr;

        async fn accept(&mut self) -> (Self::Io, Self::Addr) {
            loop {
                let (stream, address) = self.0.accept().await.unwrap();
                if let Ok(stream) = self.1.accept(stream).await {
                    return (stream, address);
                }
            }
        }

        fn local_addr(&self) -> std::io::Result<Self::Addr> {
            self.0.local_addr()
        }
    }

    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let own = KeyPair::generate().unwrap();
    fs::write(folder.join("ca.pem"), authority.self_signed(&own).unwrap().pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = server.signed_by(&key, &Issuer::new(authority, own)).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .unwrap();
    let served = Served::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tls = Tls(listener, TlsAcceptor::from(Arc::new(config)));
    tokio::spawn(axum::serve(tls, served.router()).into_future());
    (served, address)
}

/// A node with one source of these keys of `[source.http]`.
fn node(folder: &Path, http: &str) -> (Node, Source) {
    let file = folder.join("node.toml");
    if !file.exists() {
        bare(folder);
    }
    let config = fs::read_to_string(&file).unwrap();
    let config = config.split("[[source]]").next().unwrap().to_owned();
    let source =
        "[[source]]\nname = \"own\"\nperiod = \"quarter\"\n[source.http]\nretry_seconds = 0\n";
    fs::write(&file, format!("{config}{source}{http}\n")).unwrap();
    let node = Node::open(&file).unwrap();
    let source = node.config.sources[0].clone();
    (node, source)
}

async fn pulled(node: &Node, source: &Source, is_known: bool) -> Result<Option<Pulled>, Failure> {
    let place = Place::Folder(node.inbox(source), "own".into());
    pull::pull(node, source, &super::Asked::named("2024-Q1").unwrap(), place, is_known).await
}

async fn refused(node: &Node, source: &Source) -> String {
    let failure = pulled(node, source, false).await.unwrap_err();
    assert_eq!(fs::read_dir(node.inbox(source)).unwrap().count(), 0, "{failure}");
    let told = failure.to_string();
    assert!(told.contains("next: "), "{told}");
    told
}

const PLAIN: &[(header::HeaderName, &str)] = &[(header::CONTENT_TYPE, "text/csv; charset=utf-8")];

#[tokio::test]
async fn what_stands_at_an_address_lands_under_the_ending_that_the_server_says() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("mia");
    let (served, address) = serve().await;
    let url = format!("url = \"http://{address}/v1/stays?period={{period}}&from={{first}}\"");
    let (node, source) = node(&home, &url);
    served.next(&[answer(200, PLAIN, CSV.as_bytes())]);
    let first = pulled(&node, &source, false).await.unwrap().unwrap();
    assert_eq!(first.file, node.inbox(&source).join("own.csv"));
    assert_eq!(fs::read_to_string(&first.file).unwrap(), CSV);
    assert_eq!(served.asked()[0].0, "/v1/stays?period=2024-Q1&from=2024-01-01");
    fs::remove_file(first.file).unwrap();

    let page = answer(200, &[(header::CONTENT_TYPE, "text/html")], b"<h1>Sign in</h1>");
    served.next(&[page]);
    assert!(refused(&node, &source).await.contains("sign in"));
    served.next(&[answer(200, PLAIN, b"")]);
    assert!(refused(&node, &source).await.contains("empty"));
    // What breaks off in the middle is nothing.
    let short = [(header::CONTENT_TYPE, "text/csv"), (header::CONTENT_ENCODING, "gzip")];
    served.next(&[answer(200, &short, &gzipped(CSV)[..40])]);
    assert!(refused(&node, &source).await.contains("cannot be reached"));
    served.next(&[answer(200, &short, &gzipped(CSV))]);
    let whole = self::pulled(&node, &source, false).await.unwrap().unwrap();
    assert_eq!(fs::read_to_string(whole.file).unwrap(), CSV);
    assert_eq!(served.asked()[0].1["accept-encoding"], "gzip");
}

fn gzipped(text: &str) -> Vec<u8> {
    let mut gzip = std::process::Command::new("gzip")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    gzip.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    gzip.wait_with_output().unwrap().stdout
}

#[tokio::test]
async fn a_server_in_trouble_is_asked_again_and_one_that_refuses_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (served, address) = serve().await;
    let (node, source) = node(&folder.path().join("mia"), &format!("url = \"http://{address}/a\""));
    served.next(&[answer(503, &[], b""), answer(500, &[], b""), answer(200, PLAIN, b"n\n1\n")]);
    assert!(pulled(&node, &source, false).await.unwrap().is_some());
    assert_eq!(served.asked().len(), 3);
    fs::remove_file(node.inbox(&source).join("own.csv")).unwrap();
    for (status, asked) in [(503, 4), (401, 1), (404, 1)] {
        served.next(&[answer(status, &[], b"")]);
        assert!(refused(&node, &source).await.contains(&status.to_string()));
        assert_eq!(served.asked().len(), asked, "{status}");
    }
}

#[tokio::test]
async fn redirects_lead_to_the_same_server_alone() {
    let folder = tempfile::tempdir().unwrap();
    let ((served, address), (other, elsewhere)) = (serve().await, serve().await);
    let (node, source) = node(&folder.path().join("mia"), &format!("url = \"http://{address}/a\""));
    let away = format!("http://{elsewhere}/b");
    served.next(&[answer(302, &[(header::LOCATION, &away)], b"")]);
    other.next(&[answer(200, PLAIN, b"n\n1\n")]);
    assert!(refused(&node, &source).await.contains("redirects to the same server"));
    assert!(other.asked().is_empty());
    let here = answer(302, &[(header::LOCATION, "/b")], b"");
    served.next(&[here, answer(200, PLAIN, b"n\n1\n")]);
    assert!(pulled(&node, &source, false).await.unwrap().is_some());
}

#[tokio::test]
async fn secrets_come_from_files_and_are_told_to_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("mia");
    let (served, address) = serve().await;
    let url = format!("url = \"http://{address}/a\"");
    node(&home, &url);
    let secret = home.join("secret");
    fs::write(&secret, "s3cret\n").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    for (keys, name, expected) in [
        ("token_file = \"secret\"", "authorization", "Bearer s3cret"),
        ("user = \"node\"\npassword_file = \"secret\"", "authorization", "Basic bm9kZTpzM2NyZXQ="),
        ("header_files = { X-Api-Key = \"secret\" }", "x-api-key", "s3cret"),
    ] {
        let (node, source) = node(&home, &format!("{url}\n{keys}"));
        served.next(&[answer(403, &[], b"")]);
        let told = refused(&node, &source).await;
        assert!(!told.contains("s3cret"), "{told}");
        assert_eq!(served.asked()[0].1[name], expected);
    }
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
    let (node, source) = node(&home, &format!("{url}\ntoken_file = \"secret\""));
    assert!(refused(&node, &source).await.contains("chmod 600"));
}

#[tokio::test]
async fn over_a_network_the_server_shows_who_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("mia");
    bare(&home);
    let (served, address) = serve_tls(&home).await;
    served.next(&[answer(200, PLAIN, b"n\n1\n")]);
    let port = address.port();
    let with =
        |host: &str, more: &str| node(&home, &format!("url = \"https://{host}:{port}/a\"\n{more}"));
    let (own, source) = with("localhost", "ca_file = \"ca.pem\"");
    assert!(pulled(&own, &source, false).await.unwrap().is_some());
    assert!(pull::probe(&own, &source).await.unwrap().is_some());
    fs::remove_file(own.inbox(&source).join("own.csv")).unwrap();
    let (own, source) = with("127.0.0.1", "ca_file = \"ca.pem\"");
    assert!(refused(&own, &source).await.contains("not valid for name"));
    let (own, source) = with("localhost", "");
    let told = refused(&own, &source).await;
    assert!(told.contains("UnknownIssuer") || told.contains("knows no authority"), "{told}");
    for (url, says) in [
        ("http://exchange.example/a", "not https"),
        ("ftp://localhost/a", "not https"),
        ("http://node:s3cret@localhost/a", "holds a user or a password"),
    ] {
        let (own, source) = node(&home, &format!("url = \"{url}\""));
        let told = refused(&own, &source).await;
        assert!(told.contains(says) && !told.contains("s3cret"), "{told}");
    }
}

#[tokio::test]
async fn the_way_out_is_the_proxy_that_node_toml_names() {
    let folder = tempfile::tempdir().unwrap();
    let (proxy, address) = serve().await;
    let keys = "url = \"http://figures.example/a\"\nplain = true";
    let (node, source) =
        node(&folder.path().join("mia"), &format!("{keys}\nproxy = \"http://{address}\""));
    proxy.next(&[answer(200, PLAIN, b"n\n1\n")]);
    assert!(pulled(&node, &source, false).await.unwrap().is_some());
    assert_eq!(proxy.asked()[0].0, "http://figures.example/a");
}

/// What a server gave before, and what became a batch, is not fetched again.
#[tokio::test]
async fn what_is_known_is_asked_for_by_its_mark() {
    let folder = tempfile::tempdir().unwrap();
    let (served, address) = serve().await;
    let (node, source) = node(&folder.path().join("mia"), &format!("url = \"http://{address}/a\""));
    let marked = [(header::CONTENT_TYPE, "text/csv"), (header::ETAG, "\"one\"")];
    let wrong = CSV.replace(",17,", ",seventeen,");
    let (bad, good) =
        (answer(200, &marked, wrong.as_bytes()), answer(200, &marked, CSV.as_bytes()));
    served.next(&[bad, good, answer(304, &[], b"")]);
    let mut marks = vec![];
    for _ in 0..3 {
        if let Some(Pulled { file, .. }) = pulled(&node, &source, true).await.unwrap() {
            let taken = handin::take(&node, &file).unwrap();
            taken::note(&node, &file, &taken).unwrap();
        }
        let (_, headers) = served.asked().pop().unwrap();
        marks.push(headers.get("if-none-match").map(|it| it.to_str().unwrap().to_owned()));
    }
    // What was refused is fetched again, for the mapping may have been mended.
    assert_eq!(marks, [None, None, Some("\"one\"".into())]);
    served.next(&[answer(200, &marked, CSV.as_bytes())]);
    assert!(pulled(&node, &source, false).await.unwrap().is_some());
    assert!(!served.asked()[0].1.contains_key("if-none-match"), "by hand it is fetched anyway");
}
