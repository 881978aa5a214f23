//! The portal: who gets in and sees what, the same figures as on every other way, and pages that
//! everybody can use.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use birge_proto::{
    manifest::Action,
    problem::Kind,
    wire::{AskRequest, Selection},
};
use birge_schemas::{
    i18n::Language,
    structure::{Structure, Structures},
};
use birge_tests::{
    answer::{Answer, request},
    batch::Batch,
    binaries::{has_package, python, workspace},
    client::{Credentials, roots},
    country,
    person::Person,
    template::{self, not_tried},
    web::{self, Response},
};
use proptest::{
    prelude::*,
    sample::{select, subsequence},
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::json;

use crate::{
    people::Scene,
    support::{block_on, deep, submit, trafficking},
};

/// The cookie of a session.
const SESSION: &str = "__Host-birge-session";
/// Bytes of the heaviest page.
const HEAVIEST: usize = 150_000;

impl Scene {
    /// Asks for a page of those for persons, with this session.
    async fn page(&self, session: &str, path: &str) -> Response {
        let cookie = format!("birge-language=en; {SESSION}={session}");
        let headers = [("Cookie", cookie.as_str()), ("Accept", "text/html")];
        self.at_the_desk("GET", path, &headers, "").await
    }

    async fn at_the_desk(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Response {
        let address = web::people_address(&self.exchange).unwrap();
        let credentials = self.roots();
        web::send_as(address, &credentials, method, path, headers, body.as_bytes()).await.unwrap()
    }

    /// Asks for a page of those for anybody.
    async fn public_page(&self, path: &str) -> Response {
        let address = web::public_address(&self.exchange).unwrap();
        let headers = [("Accept", "text/html")];
        web::send_as(address, &self.roots(), "GET", path, &headers, b"").await.unwrap()
    }

    fn roots(&self) -> Credentials {
        let authority = fs::read_to_string(self.exchange.home().join("keys/ca.crt")).unwrap();
        Credentials { roots: roots(&authority).unwrap(), certificate: None }
    }
}

fn text(page: &Response) -> String {
    String::from_utf8(page.body.clone()).unwrap()
}

fn form(pairs: &[(&str, &str)]) -> String {
    let pairs = pairs.iter().map(|(name, value)| format!("{name}={}", value.replace(' ', "+")));
    pairs.collect::<Vec<_>>().join("&")
}

#[test]
fn a_person_signs_in_with_a_form_and_no_page_of_another_origin_does_anything() {
    if country::model_only(
        "a_person_signs_in_with_a_form_and_no_page_of_another_origin_does_anything",
    ) {
        return;
    }
    block_on(async {
        let scene = Scene::new().await;
        submit(&scene.exchange, &scene.mia, &trafficking()).await.unwrap();
        let member = scene.person(&scene.mfa, "member", "Head of the consular service", &[]).await;
        // Nobody sees a page before, and comes back to it after.
        let page = scene.page("", "/table/TRAFFICKING?SEX=F&chosen=1").await;
        let back = "/sign-in?next=%2Ftable%2FTRAFFICKING%3FSEX%3DF%26chosen%3D1";
        assert_eq!((page.status, page.header("location")), (303, back));
        let body = |password: &str, next: &str| {
            let code = member.code(scene.next());
            form(&[
                ("account", &member.account),
                ("password", password),
                ("code", &code),
                ("next", next),
            ])
        };
        let own = [("Sec-Fetch-Site", "same-origin")];
        let wrong = body("wrong", "/");
        let page = scene.at_the_desk("POST", "/sign-in", &own, &wrong).await;
        assert_eq!(page.status, 401);
        assert!(!text(&page).contains("wrong\"") && text(&page).contains(&member.account));
        for other in
            [&[][..], &[("Sec-Fetch-Site", "cross-site")], &[("Origin", "https://other.example")]]
        {
            let right = body(&member.password, "/");
            let page = scene.at_the_desk("POST", "/sign-in", other, &right).await;
            assert_eq!((page.status, page.header("set-cookie")), (403, ""), "{other:?}");
        }
        let right = body(&member.password, "//other.example");
        let page = scene.at_the_desk("POST", "/sign-in", &own, &right).await;
        assert_eq!((page.status, page.header("location")), (303, "/"));
        let cookie = page.header("set-cookie").to_owned();
        for part in
            ["__Host-birge-session=birge_s_", "Secure", "HttpOnly", "SameSite=Lax", "Path=/"]
        {
            assert!(cookie.contains(part), "{cookie}");
        }
        let session = cookie.split(['=', ';']).nth(1).unwrap().to_owned();

        let page = scene.page(&session, "/table/TRAFFICKING").await;
        assert_eq!(page.status, 200);
        assert_eq!(page.header("cache-control"), "private, no-store");
        assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
        assert!(text(&page).contains("class=\"withheld\""));
        // The session is good for pages alone where a cookie shows it: SDMX REST has a header.
        let flows = "/sdmx/v2/structure/dataflow/*/*/*";
        assert_eq!(scene.page(&session, flows).await.status, 401);
        assert_eq!(scene.page(&session, "/v1/account").await.status, 401);
        // A header says nothing to pages.
        let bearer = [("Authorization", &*format!("Bearer {session}")), ("Accept", "text/html")];
        assert_eq!(scene.at_the_desk("GET", "/datasets", &bearer, "").await.status, 400);

        let page = scene.page(&session, "/table/TRAFFICKING?REF_AREA=KG-B&chosen=1").await;
        let told = text(&page);
        assert_eq!(page.status, 403);
        assert!(told.contains("article 6(5)") && told.contains("Recorded as exchange"), "{told}");
        let page = scene.page(&session, "/table/TRAFFICKING?WHERE=x").await;
        assert_eq!(page.status, 400);
        // Whatever is refused to somebody known is a record.
        let size = scene.records().await.len();
        for (path, status) in [
            ("/nowhere", 404),
            ("/table/%FF", 400),
            ("/table/NOTHING", 404),
            ("/chart/nonsense/TRAFFICKING", 404),
            ("/log/x", 404),
            ("/log?since=31.01.2026", 400),
            ("/log?kind=nonsense", 400),
        ] {
            let page = scene.page(&session, path).await;
            let kind = page.header("content-type").to_owned();
            assert_eq!((page.status, &*kind), (status, "text/html; charset=utf-8"), "{path}");
            assert!(text(&page).contains("Recorded as exchange"), "{path}");
        }
        let records = scene.records().await;
        let refused =
            records.range(size as u64..).filter(|(_, record)| record.event.problem().is_some());
        assert!(refused.count() >= 7);

        let mut ending = own.to_vec();
        let cookie = format!("{SESSION}={session}");
        ending.push(("Cookie", &cookie));
        let page = scene.at_the_desk("POST", "/sign-out", &[("Cookie", &cookie)], "").await;
        assert_eq!(page.status, 403, "a page of another origin signs nobody out");
        assert_eq!(scene.page(&session, "/datasets").await.status, 200);
        let page = scene.at_the_desk("POST", "/sign-out", &ending, "").await;
        assert_eq!(page.status, 303);
        assert_eq!(scene.page(&session, "/datasets").await.status, 303, "the session is over");
        let refused = scene.door.ask(&session, request("TRAFFICKING", &[])).await.unwrap_err();
        assert_eq!(refused.kind, Kind::NotSignedIn);
    });
}

/// A dataset by chance, and a query for a table of it: codes, a span, the layout.
fn wanted(structure: &Structure) -> impl Strategy<Value = (AskRequest, String)> + use<> {
    let dataset = structure.id.clone();
    let dimensions: Vec<(String, Vec<String>)> = structure
        .coded()
        .map(|own| (own.id.clone(), own.allowed().map(str::to_owned).collect()))
        .collect();
    let ids: Vec<String> = dimensions.iter().map(|(id, _)| id.clone()).collect();
    let one = dimensions.into_iter().map(|(dimension, codes)| {
        let most = codes.len().min(3);
        let some = prop_oneof![2 => Just(vec![]), 1 => subsequence(codes, 1..=most)];
        some.prop_map(move |codes| (dimension.clone(), codes))
    });
    let span = (select(&["", "2010", "2022"][..]), select(&["", "2023", "2024"][..]), 0..3_u32);
    let across = subsequence(ids, 0..=2);
    (one.collect::<Vec<_>>(), span, across).prop_map(move |(some, (from, to, last), across)| {
        let some: Vec<_> = some.into_iter().filter(|(_, codes)| !codes.is_empty()).collect();
        let coded = some.iter().map(|(dimension, codes)| Selection {
            dimension: dimension.clone(),
            codes: codes.clone(),
            ..Selection::default()
        });
        let mut selections: Vec<_> = coded.collect();
        if !(from.is_empty() && to.is_empty()) {
            let (from, to) = (from.to_owned(), to.to_owned());
            selections.push(Selection { dimension: "TIME_PERIOD".into(), codes: vec![], from, to });
        }
        let codes = some.iter().flat_map(|(dimension, codes)| {
            codes.iter().map(move |code| format!("{dimension}={code}"))
        });
        let across = across.iter().map(|id| format!("across={id}"));
        let more =
            [format!("from={from}"), format!("to={to}"), format!("last={last}"), "chosen=1".into()];
        let query: Vec<_> = codes.chain(across).chain(more).collect();
        let request = AskRequest {
            dataset: dataset.clone(),
            selections,
            last_observations: last,
            ..AskRequest::default()
        };
        (request, query.join("&"))
    })
}

/// What a page's table shows, by the key that leads to where a figure comes from.
fn cells(page: &str) -> BTreeMap<String, String> {
    let mut links = page.split("<a href=\"/trace/").skip(1);
    let mut cells = BTreeMap::new();
    for link in &mut links {
        let (key, rest) = link.split_once("\">").unwrap();
        let (_, key) = key.split_once('/').unwrap();
        let (shown, _) = rest.split_once("</a>").unwrap();
        assert!(
            cells.insert(key.to_owned(), shown.replace(',', "")).is_none(),
            "{key} stands twice"
        );
    }
    cells
}

/// The same, as gRPC answers it.
fn expected(structure: &Structure, answer: &Answer) -> BTreeMap<String, String> {
    let cells = answer.cells.iter().map(|cell| {
        let codes =
            structure.coded().map(|own| cell.code(&own.id)).chain([cell.code("TIME_PERIOD")]);
        let shown = match cell.value {
            Some(value) => {
                let text = format!("{value:.2}");
                text.trim_end_matches('0').trim_end_matches('.').to_owned()
            }
            None if cell.withheld() => "c".to_owned(),
            None => ":".to_owned(),
        };
        (codes.collect::<Vec<_>>().join("."), shown)
    });
    cells.collect()
}

#[test]
fn a_table_shows_the_same_cells_as_every_other_way() {
    if country::model_only("a_table_shows_the_same_cells_as_every_other_way") {
        return;
    }
    block_on(async {
        let scene = Scene::new().await;
        submit(&scene.exchange, &scene.mia, &trafficking()).await.unwrap();
        let stock = template::demonstration("nsc/MIG_STOCK.csv").unwrap();
        submit(&scene.exchange, &scene.nsc, &Batch::from_csv("NSC", &stock, 1_000).unwrap())
            .await
            .unwrap();
        let persons = [
            scene.person(&scene.mfa, "member", "Head of the consular service", &[]).await,
            scene.person(&scene.mia, "member", "Head of the analytical service", &[]).await,
            scene.person(&scene.auditor, "auditor", "Auditor of the exchange", &[]).await,
        ];
        let now = scene.next();
        let mut sessions = vec![];
        for person in &persons {
            sessions.push(scene.sign_in_at(person, now).await);
        }
        let structures = Structures::bundled().unwrap();
        let asked = select(&["TRAFFICKING", "MIG_STOCK"][..])
            .prop_flat_map(|dataset| wanted(Structures::bundled().unwrap().get(dataset).unwrap()));
        let cases = if deep() { 400 } else { 60 };
        let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let mut runner = TestRunner::new_with_rng(Config { cases, ..Config::default() }, rng);
        let (mut shown, mut withheld, mut refused, mut cut) = (0, 0, 0, 0);
        for number in 0..cases as usize {
            let (request, query) = asked.new_tree(&mut runner).unwrap().current();
            let structure = structures.get(&request.dataset).unwrap();
            let session = &sessions[number % sessions.len()];
            let page = scene.page(session, &format!("/table/{}?{query}", request.dataset)).await;
            assert!(page.body.len() <= HEAVIEST, "{} bytes: {query}", page.body.len());
            match scene.door.ask(session, request).await {
                Err(problem) => {
                    assert_eq!(page.status, problem.kind.http(), "{query}");
                    refused += 1;
                }
                Ok(answer) => {
                    assert_eq!(page.status, 200, "{query}");
                    let (given, page) = (expected(structure, &answer), text(&page));
                    let own = cells(&page);
                    shown += own.len();
                    withheld += own.values().filter(|it| *it == "c").count();
                    if page.contains("There are more rows than one page shows") {
                        cut += 1;
                        assert!(
                            own.iter().all(|(key, value)| given.get(key) == Some(value)),
                            "{query}"
                        );
                    } else {
                        assert_eq!(own, given, "{query}");
                    }
                }
            }
        }
        assert!(shown > 200 && withheld > 10 && refused > 5, "{shown} {withheld} {refused} {cut}");
    });
}

#[test]
fn what_is_public_is_shown_to_anybody_and_nothing_else() {
    if country::model_only("what_is_public_is_shown_to_anybody_and_nothing_else") {
        return;
    }
    block_on(async {
        let scene = Scene::new().await;
        scene.stock(2024, 100, Action::Append, None).await.unwrap();
        let page = scene.public_page("/table/MIG_STOCK").await;
        assert_eq!((page.status, cells(&text(&page)).len()), (200, 0), "not public yet");
        scene.after(400 * 86_400);
        scene.public(2024, 1).await;
        let shown = cells(&text(&scene.public_page("/table/MIG_STOCK").await));
        assert_eq!(shown.values().collect::<Vec<_>>(), ["100", "50", "150"]);
        let key = shown.keys().next().unwrap();
        let trace = text(&scene.public_page(&format!("/trace/MIG_STOCK/{key}")).await);
        let (_, batch) = trace.split_once("href=\"/batch/").unwrap();
        let batch = text(&scene.public_page(&format!("/batch/{}", &batch[..64])).await);
        assert!(batch.contains("Checked just now"), "{batch}");
        // A chart, and its table.
        let chart = text(&scene.public_page("/chart/lines/MIG_STOCK").await);
        assert!(chart.contains("<svg ") && cells(&chart).len() == 3, "{chart}");
        let alone = scene.public_page("/chart/lines/MIG_STOCK/svg").await;
        assert_eq!(alone.header("content-type"), "image/svg+xml; charset=utf-8");
        // Files of the same.
        let file = scene
            .public_page("/files/v2/data/dataflow/BIRGE/MIG_STOCK/1.0.0/*?format=csvdata")
            .await;
        assert!(
            text(&file).lines().count() == 4
                && file.header("content-disposition").ends_with(".csv\"")
        );
        // Records are shown to nobody here, proofs to everybody.
        let record = text(&scene.public_page("/log/1").await);
        assert!(
            record.contains("Records are not shown to the public")
                && record.contains("Checked just now")
        );
        let proof = scene.public_page("/log/1/proof").await;
        assert!(text(&proof).starts_with("c2sp.org/tlog-proof@v1\n"));
        for path in ["/log", "/log/records.jsonl", "/sign-in", "/sign-out", "/log/999999"] {
            assert_eq!(scene.public_page(path).await.status, 404, "{path}");
        }
    });
}

/// Somebody who signs in with a browser: what it types at this moment.
fn typed(person: &Person, scene: &Scene) -> serde_json::Value {
    let code = person.code(scene.now.get());
    json!({ "account": person.account, "password": person.password, "code": code })
}

#[test]
fn everybody_can_use_the_pages_in_a_browser() {
    if country::model_only("everybody_can_use_the_pages_in_a_browser") {
        return;
    }
    let axe = workspace().join("target/axe/node_modules/axe-core/axe.min.js");
    let there = axe.exists() && has_package("selenium") && has_package("openpyxl");
    if !there || !Path::new("/usr/bin/chromedriver").exists() {
        not_tried("the portal in a browser (tests/run installs Chromium, selenium and axe-core)");
        return;
    }
    block_on(async {
        let scene = Scene::new().await;
        submit(&scene.exchange, &scene.mia, &trafficking()).await.unwrap();
        for (node, agency, file) in
            [(&scene.nsc, "NSC", "nsc/MIG_STOCK.csv"), (&scene.mfa, "MFA", "mfa/ASYLUM_ABROAD.csv")]
        {
            let figures = template::demonstration(file).unwrap();
            submit(&scene.exchange, node, &Batch::from_csv(agency, &figures, 1_000).unwrap())
                .await
                .unwrap();
        }
        let mlssm = scene.exchange.node("agency/MLSSM").unwrap();
        let refugees = template::demonstration("mlssm/REFUGEES.csv").unwrap();
        submit(&scene.exchange, &mlssm, &Batch::from_csv("MLSSM", &refugees, 1_000).unwrap())
            .await
            .unwrap();
        scene.after(400 * 86_400);
        scene.public(2024, 1).await;
        let member = scene.person(&scene.mfa, "member", "Head of the consular service", &[]).await;
        let auditor = scene.person(&scene.auditor, "auditor", "Auditor of the exchange", &[]).await;
        let observer =
            scene.person(&scene.nsc, "observer", "Guest of the office", &["--from", "UNHCR"]).await;
        scene.next();
        let origin =
            |address: std::net::SocketAddr| format!("https://localhost:{}", address.port());
        let charts = [
            ("lines", "MIG_STOCK"),
            ("pyramid", "REFUGEES"),
            ("stacked", "REFUGEES"),
            ("grouped", "MIG_STOCK"),
            ("dots", "MIG_STOCK"),
            ("matrix", "ASYLUM_ABROAD"),
            ("regions", "REFUGEES?to=2007&MIG_STATUS=REF"),
        ];
        let plan = json!({
            "public": origin(web::public_address(&scene.exchange).unwrap()),
            "people": origin(web::people_address(&scene.exchange).unwrap()),
            "axe": axe,
            "screenshots": workspace().join("target/screenshots"),
            "languages": Language::ALL.map(Language::code),
            "charts": charts,
            "persons": {
                "member": typed(&member, &scene),
                "auditor": typed(&auditor, &scene),
                "observer": typed(&observer, &scene),
            },
        });
        let file = scene.exchange.dir().join("plan.json");
        fs::write(&file, plan.to_string()).unwrap();
        let mut browser = Command::new(python());
        browser.arg(workspace().join("tests/interop/portal.py")).arg(&file);
        let output = tokio::task::spawn_blocking(move || browser.output()).await.unwrap().unwrap();
        let (told, failed) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{told}\n{failed}");
    });
}
