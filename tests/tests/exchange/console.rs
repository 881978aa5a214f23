//! The node's own window and door: who gets in, what is pushed becomes one batch, and the pages can be
//! used by everybody.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::Command,
};

use birge_schemas::i18n::Language;
use birge_tests::{
    binaries::{has_package, python, workspace},
    exchange::{Exchange, free_address},
    node::Node,
    process::Process,
    template::not_tried,
    watch,
};
use serde_json::Value;

use crate::support::{name_approver, stock_csv};

/// The statistics office's figures of one year.
fn figures(year: usize, value: &str) -> String {
    stock_csv(year, [value, "130", "250"])
}

const PASSPHRASE: &str = "a passphrase of some length";

/// A node that runs with its console.
struct Desk {
    node: Node,
    address: SocketAddr,
    process: Process,
}

/// An answer over HTTP.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

impl Desk {
    fn start(exchange: &Exchange) -> Self {
        let node = exchange.node("agency/NSC").unwrap();
        let address = free_address().unwrap();
        node.set("console", "listen", address.to_string()).unwrap();
        let process = node.run().unwrap();
        Self { node, address, process }
    }

    fn key(&self) -> String {
        fs::read_to_string(self.node.dir().join("keys/console.key")).unwrap().trim().to_owned()
    }

    /// Asks over a connection of its own.
    fn ask(&self, request: &str, headers: &[&str], body: &str) -> Answer {
        let host = format!("Host: {}", self.address);
        let host = if headers.iter().any(|it| it.starts_with("Host:")) { "" } else { &host };
        let length = format!("Content-Length: {}", body.len());
        let all = [host, &length, "Connection: close"].into_iter().chain(headers.iter().copied());
        let head: Vec<_> = all.filter(|it| !it.is_empty()).collect();
        let mut stream = TcpStream::connect(self.address).unwrap();
        write!(stream, "{request} HTTP/1.1\r\n{}\r\n\r\n{body}", head.join("\r\n")).unwrap();
        let mut answer = vec![];
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    /// Asks as a program that shows the key.
    fn api(&self, request: &str, headers: &[&str], body: &str) -> Answer {
        let bearer = format!("Authorization: Bearer {}", self.key());
        self.ask(request, &[&[bearer.as_str()], headers].concat(), body)
    }

    /// What became of a job, once it is in one of these states.
    fn job(&self, id: &str, states: &[&str]) -> Value {
        let what = format!("job {id} to be {states:?}");
        watch::until(self.node.dir(), &what, || {
            let told = self.api(&format!("GET /v1/batches/{id}"), &[], "").json();
            let state = told["state"].as_str().unwrap_or_default().to_owned();
            Ok(states.contains(&state.as_str()).then_some(told))
        })
        .unwrap()
    }

    /// The same desk, at a node that signs nothing without its approver.
    fn with_approver(self, key: &Path) -> Self {
        name_approver(&self.node, key, PASSPHRASE);
        self.process.stop().unwrap();
        let process = self.node.run().unwrap();
        Self { process, ..self }
    }

    /// The link that `agency-node console` prints.
    fn link(&self) -> String {
        let output = self.node.command(&["console"]).unwrap().expect_code(0).unwrap();
        output.stdout.trim().to_owned()
    }

    /// A browser's session, from a link.
    fn session(&self) -> String {
        let path = self.link().replace(&format!("http://{}", self.address), "");
        let answer = self.ask(&format!("GET {path}"), &[], "");
        assert_eq!(answer.status, 303, "{}", answer.body);
        let cookie =
            answer.head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
        assert!(cookie.contains("httponly") && cookie.contains("samesite=strict"), "{cookie}");
        // One link opens one browser.
        assert_eq!(self.ask(&format!("GET {path}"), &[], "").status, 401);
        format!("Cookie: {}", cookie.split(';').next().unwrap())
    }
}

#[test]
fn nobody_gets_in_without_the_key_or_from_elsewhere() {
    let exchange = Exchange::start().unwrap();
    let desk = Desk::start(&exchange);
    let session = desk.session();
    let push = "POST /v1/batches?name=a.csv";
    let batch = figures(2020, "120");
    let bearer = format!("Authorization: Bearer {}", desk.key());
    for (request, headers, status) in [
        (push, vec![], 401),
        (push, vec!["Authorization: Bearer 00"], 401),
        (push, vec![session.as_str()], 401),
        (push, vec![&bearer, "Host: evil.example"], 400),
        (push, vec![&bearer, "Origin: http://evil.example"], 403),
        (push, vec![&bearer, "Sec-Fetch-Site: cross-site"], 403),
        ("GET /metrics", vec![], 401),
        ("GET /", vec![], 401),
        ("GET /", vec![&bearer], 401),
        ("GET /", vec!["Cookie: birge-console=1-2-3"], 401),
        ("GET /", vec![&session, "Host: evil.example:7480"], 400),
        ("GET /", vec![&session], 200),
        ("GET /batches", vec![&session, "Host: localhost:1"], 200),
        ("POST /hand-in", vec![&session], 403),
        ("POST /hand-in", vec![&session, "Origin: null"], 403),
        ("POST /hand-in", vec![&session, "Origin: http://127.0.0.1:9"], 403),
        ("POST /hand-in", vec![&session, "Sec-Fetch-Site: same-site"], 403),
        ("GET /rejected/..%2f..%2fkeys%2fconsole.key", vec![&session], 404),
        ("GET /rejected/..%2fnode.report.html", vec![&session], 404),
    ] {
        let body = if request == push { batch.as_str() } else { "" };
        let answer = desk.ask(request, &headers, body);
        assert_eq!(answer.status, status, "{request} {headers:?}: {}", answer.body);
        let hardened = ["default-src 'none'", "x-frame-options: deny", "cache-control: no-store"];
        for part in hardened.iter().chain(&["referrer-policy: no-referrer"]) {
            assert!(answer.head.contains(part), "{part}: {}", answer.head);
        }
    }
    assert!(watch::files_below(&desk.node.inbox()).is_empty());
    assert!(desk.node.receipts().is_empty());
    desk.process.stop().unwrap();
    desk.node.set("console", "listen", "0.0.0.0:7480").unwrap();
    let output = desk.node.command(&["run"]).unwrap().expect_code(2).unwrap();
    assert!(output.stderr.contains("others could reach"), "{output:?}");
}

#[test]
fn what_is_pushed_becomes_one_batch_and_its_sender_learns_what_became_of_it() {
    let exchange = Exchange::start().unwrap();
    let desk = Desk::start(&exchange);
    let push = "POST /v1/batches?name=figures.csv";
    let key = ["Idempotency-Key: 2020"];
    let batch = figures(2020, "120");

    let tried = desk.api(&format!("{push}&dryRun=true"), &[], &batch.replace(",120,", ",x,"));
    assert_eq!((tried.status, &tried.json()["valid"]), (200, &Value::Bool(false)));
    assert_eq!(tried.json()["report"]["findings"][0]["column"], "OBS_VALUE");
    let tried = desk.api(&format!("{push}&dryRun=true"), &[], &batch).json();
    assert_eq!(tried["valid"], Value::Bool(true), "{tried}");
    assert!(watch::files_below(&desk.node.inbox()).is_empty());

    let first = desk.api(push, &key, &batch);
    assert_eq!(first.status, 202, "{}", first.body);
    let id = first.json()["job"].as_str().unwrap().to_owned();
    assert!(first.head.contains(&format!("location: /v1/batches/{id}")), "{}", first.head);
    let again = desk.api(push, &key, &batch);
    assert_eq!((again.status, again.json()["job"].as_str()), (202, Some(id.as_str())));
    let other = desk.api(push, &key, &figures(2021, "120"));
    assert_eq!(other.status, 422, "{}", other.body);
    assert!(other.head.contains("application/problem+json"), "{}", other.head);
    let told = desk.job(&id, &["receipted"]);
    assert!(told["exchange"].is_u64() && told["counts"]["imported"] == 3, "{told}");
    // The same content without a key: another job, and the same batch.
    let bare = desk.api(push, &[], &batch).json()["job"].as_str().unwrap().to_owned();
    assert_eq!(desk.job(&bare, &["receipted"])["batch"], told["batch"]);

    let wrong = desk.api(push, &[], &batch.replace(",120,", ",x,")).json();
    let wrong = desk.job(wrong["job"].as_str().unwrap(), &["rejected"]);
    assert_eq!(wrong["report"]["findings"][0]["line"], 2, "{wrong}");
    for (request, status) in [
        ("POST /v1/batches", 400),
        ("POST /v1/batches?name=.hidden.csv", 400),
        ("POST /v1/batches?name=a.csv&source=nobody", 404),
        ("GET /v1/batches/00000000000000000000000000000000", 404),
        ("GET /v1/batches/..", 404),
        ("GET /v1/nothing", 404),
    ] {
        let answer = desk.api(request, &[], "x");
        assert_eq!(answer.status, status, "{request}: {}", answer.body);
        assert!(answer.head.contains("application/problem+json"), "{}", answer.head);
    }
    let all = desk.api("GET /v1/batches", &[], "").json();
    assert_eq!(all["jobs"].as_array().unwrap().len(), 3, "{all}");
    let metrics = desk.api("GET /metrics", &[], "").body;
    assert!(metrics.contains("birge_node_batches{state=\"receipted\"} 1\n"), "{metrics}");
    assert_eq!(desk.node.receipts().len(), 1);
}

/// Without a key nothing keeps a file from being looked at again, once it came to its end.
#[test]
fn what_came_to_its_end_can_be_pushed_again() {
    let exchange = Exchange::start().unwrap();
    let desk = Desk::start(&exchange);
    let push = |text: &str, end| {
        let pushed = desk.api("POST /v1/batches?name=figures.csv", &[], text).json();
        let id = pushed["job"].as_str().unwrap().to_owned();
        let told = desk.job(&id, &[end]);
        assert_eq!(desk.job(&id, &[end]), told, "asked twice");
        (id, told)
    };
    let wrong = figures(2020, "x");
    assert_ne!(push(&wrong, "rejected").0, push(&wrong, "rejected").0);
    let right = figures(2020, "120");
    let (first, again) = (push(&right, "receipted"), push(&right, "receipted"));
    assert_ne!(first.0, again.0);
    assert_eq!(first.1["batch"], again.1["batch"], "it says the same");
    assert_eq!(desk.node.receipts().len(), 1);
}

#[test]
fn a_form_is_made_in_the_console() {
    let exchange = Exchange::start().unwrap();
    let desk = Desk::start(&exchange);
    let address = desk.address;
    let cookie = desk.session();
    // A workbook is no text: what comes is looked at by its head.
    let ask = |path: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        let head = format!("Host: {address}\r\n{cookie}\r\nConnection: close");
        write!(stream, "GET {path} HTTP/1.1\r\n{head}\r\n\r\n").unwrap();
        let mut answer = vec![];
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    };
    let made = ask("/form?dataset=MIG_STOCK&period=2024");
    assert!(made.starts_with("HTTP/1.1 200"), "{made}");
    assert!(made.contains("MIG_STOCK_2024.xlsx") && made.contains("\r\n\r\nPK"), "{made}");
    for wrong in ["/form?dataset=NOTHING&period=2024", "/form?dataset=MIG_STOCK&period=%0d%0aX"] {
        let told = ask(wrong);
        assert!(told.starts_with("HTTP/1.1 400"), "{told}");
    }
}

#[test]
fn a_body_that_was_answered_for_outlives_a_kill() {
    let exchange = Exchange::start().unwrap();
    let mut desk = Desk::start(&exchange);
    let years = 2001..2009;
    let mut jobs = vec![];
    for year in years.clone() {
        let answer = desk.api("POST /v1/batches?name=a.csv", &[], &figures(year, "120"));
        assert_eq!(answer.status, 202, "{}", answer.body);
        jobs.push(answer.json()["job"].as_str().unwrap().to_owned());
        desk.process.kill().unwrap();
        desk.process = desk.node.run().unwrap();
    }
    desk.node.wait_receipts(years.len()).unwrap();
    let mut exchanges: Vec<_> =
        jobs.iter().map(|job| desk.job(job, &["receipted"])["exchange"].as_u64()).collect();
    exchanges.sort_unstable();
    exchanges.dedup();
    assert_eq!(exchanges.len(), years.len());
    assert_eq!(desk.node.receipts().len(), years.len());
}

#[test]
fn the_pages_can_be_used_by_everybody() {
    let axe = workspace().join("target/axe/node_modules/axe-core/axe.min.js");
    let installed = |program: &str| Command::new(program).arg("--version").output().is_ok();
    if !(axe.exists()
        && has_package("selenium")
        && installed("chromium")
        && installed("chromedriver"))
    {
        not_tried("the console in a browser (tests/run installs Chromium, selenium and axe-core)");
        return;
    }
    let exchange = Exchange::start().unwrap();
    let desk = Desk::start(&exchange);
    desk.node.hand_in("good.csv", figures(2020, "120").as_bytes()).unwrap();
    desk.node.wait_receipts(1).unwrap();
    desk.node.hand_in("wrong.csv", figures(2021, "x").as_bytes()).unwrap();
    let refused = desk.node.rejected().join("wrong.csv.report.html");
    watch::until(desk.node.dir(), "the report", || Ok(refused.exists().then_some(()))).unwrap();
    let files = tempfile::tempdir().unwrap();
    let key = files.path().join("head.key");
    let desk = desk.with_approver(&key);
    desk.node.hand_in("prepared.csv", figures(2019, "120").as_bytes()).unwrap();
    let prepared = desk.node.dir().join("outbox/prepared");
    watch::until(desk.node.dir(), "what waits for approval", || {
        Ok((!watch::files_below(&prepared).is_empty()).then_some(()))
    })
    .unwrap();
    let wrong = files.path().join("mistyped.csv");
    fs::write(&wrong, figures(2022, "seventeen")).unwrap();
    let good = files.path().join("handed.csv");
    fs::write(&good, figures(2023, "120")).unwrap();
    let mut browser = Command::new(python());
    browser.arg(workspace().join("tests/interop/console.py")).arg(desk.link()).arg(&axe);
    browser.arg(workspace().join("target/screenshots")).arg(&wrong).arg(&good);
    browser.arg(&key).arg(PASSPHRASE);
    browser.args(Language::ALL.map(Language::code));
    let output = browser.output().unwrap();
    let (told, failed) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}\n{failed}");
    // What was approved in the browser; what was handed in there waits now.
    desk.node.wait_receipts(2).unwrap();
    watch::until(desk.node.dir(), "what was handed in to wait for approval", || {
        Ok((watch::files_below(&prepared).len() == 1).then_some(()))
    })
    .unwrap();
}
