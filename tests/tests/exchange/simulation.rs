//! What a draft would change is told before it is enacted, from everything that was ever asked,
//! and then comes about at its moment (decree, article 11).

use std::time::Instant;

use birge_proto::{
    envelope::sha256,
    problem::Problem,
    record::{Event, Record},
};
use birge_tests::{
    answer::request, batch::Batch, client::Client, country, decree::Draft, exchange::Exchange,
    node::Node, process::Output, template, watch,
};
use futures::{StreamExt, stream};
use serde_json::{Value, json};

use crate::{
    enactment::enact_soon,
    support::{block_on, records, submit, wait_covered},
};

/// Requests by region, by each of two bodies.
const REGIONAL: usize = 5_000;
/// Requests that leave the region open.
const OPEN: usize = 50;
/// Requests under way at the same time.
const AT_ONCE: usize = 32;
const REGION: [(&str, &str); 1] = [("REF_AREA", "KG-GB")];

/// Foreign Affairs no longer sees refugees by region.
fn narrow(draft: &mut Draft) {
    let rules = draft.files.get_mut("rules.cedar").unwrap();
    let four = "Agency::\"MIA\", Agency::\"MFA\", Agency::\"NSC\"";
    assert!(rules.contains(four), "{rules}");
    *rules = rules.replace(four, "Agency::\"MIA\", Agency::\"NSC\"");
}

/// The number of an exchange, however it ended.
async fn ask(client: &Client, selection: &[(&str, &str)]) -> u64 {
    match client.ask(request("REFUGEES", selection)).await {
        Ok(answer) => answer.provenance.unwrap().exchange,
        Err(problem) => problem.exchange.unwrap(),
    }
}

/// The largest number of those exchanges.
async fn ask_often(
    exchange: &Exchange,
    node: &Node,
    selection: &[(&str, &str)],
    count: usize,
) -> u64 {
    let client = Client::of(node, exchange.address()).await.unwrap();
    let asks = (0..count).map(|_| ask(&client, selection));
    let asks = stream::iter(asks).buffer_unordered(AT_ONCE);
    asks.fold(0, async |last, number| last.max(number)).await
}

fn simulate(exchange: &Exchange, draft: &Draft, more: &[&str]) -> Output {
    let folder = tempfile::tempdir_in(exchange.dir()).unwrap();
    draft.write(folder.path()).unwrap();
    let folder = folder.path().to_str().unwrap().to_owned();
    let command = [&["decree", "simulate", &folder, "--output", "json"], more].concat();
    exchange.gateway(&command).unwrap()
}

/// As a node's own command tells it.
fn singly(exchange: &Exchange, node: &Node, draft: &Draft, more: &[&str], code: i32) -> Value {
    let folder = tempfile::tempdir_in(exchange.dir()).unwrap();
    draft.write(folder.path()).unwrap();
    let folder = folder.path().to_str().unwrap().to_owned();
    let command = [&["audit", "simulate", &folder, "--output", "json"], more].concat();
    answer(&node.command(&command).unwrap().expect_code(code).unwrap())
}

fn answer(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn an_amendment_that_narrows_is_simulated_on_ten_thousand_requests_and_then_enacted() {
    if country::model_only(
        "an_amendment_that_narrows_is_simulated_on_ten_thousand_requests_and_then_enacted",
    ) {
        return;
    }
    let mut exchange = Exchange::start().unwrap();
    exchange.stop().unwrap().expect_code(0).unwrap();
    exchange.set("quota", "records_per_minute", 1_000_000).unwrap();
    exchange.serve().unwrap();
    let nodes = ["agency/MLSSM", "agency/MFA", "agency/SBS", "auditor/COA"];
    let [mlssm, mfa, sbs, auditor] = nodes.map(|identity| exchange.node(identity).unwrap());
    let figures = template::demonstration("mlssm/REFUGEES.csv").unwrap();
    let batch = Batch::from_csv("MLSSM", &figures, 1_000).unwrap();
    let last = block_on(async {
        submit(&exchange, &mlssm, &batch).await.unwrap();
        ask_often(&exchange, &mfa, &REGION, REGIONAL).await;
        ask_often(&exchange, &sbs, &REGION, REGIONAL).await;
        ask_often(&exchange, &mfa, &[("SEX", "F")], OPEN).await
    });

    let later = "2099-01-01T00:00:00Z".parse().unwrap();
    let mut draft = Draft::amendment("2099-01-01", later).unwrap();
    let began = Instant::now();
    let same = answer(&simulate(&exchange, &draft, &["--fail-on-change"]).expect_code(0).unwrap());
    assert_eq!((&same["changed"], &same["unknown"]), (&json!({}), &json!(0)), "{same}");
    let first = began.elapsed();
    assert_eq!(same["replayed"], 2 * REGIONAL + OPEN + 1, "with the submission");

    narrow(&mut draft);
    let began = Instant::now();
    let told = answer(&simulate(&exchange, &draft, &[]).expect_code(0).unwrap());
    // Other tests run beside this one: the quicker of two counts.
    let took = first.min(began.elapsed());
    assert!(took.as_secs() < 10, "it took {took:?}");
    // The third kind leaves the region open: it was given by region too, and would not be.
    let (refused, narrower) = (json!({ "refused": REGIONAL }), json!({ "narrower": OPEN }));
    let both = json!({ "refused": REGIONAL, "narrower": OPEN });
    assert_eq!(told["changed"], both, "{told}");
    assert_eq!(told["principals"], json!({ "agency/MFA": both }));
    assert_eq!(told["datasets"], json!({ "REFUGEES": both }));
    assert_eq!(told["articles"], json!({ "1": refused, "6(1)": narrower }));
    simulate(&exchange, &draft, &["--fail-on-change"]).expect_code(1).unwrap();
    wait_covered(&exchange, last);
    let folder = exchange.dir().join("draft");
    draft.write(&folder).unwrap();
    let singly = auditor.command(&["audit", "simulate", folder.to_str().unwrap()]).unwrap();
    let singly = singly.expect_code(0).unwrap().stdout;
    let each = singly.lines().filter(|line| line.contains(" agency/MFA ")).count();
    assert_eq!(each, REGIONAL + OPEN);
    assert!(singly.contains(&format!("{each} decisions would change")), "{singly}");
    let model = simulate(&exchange, &Draft::model().unwrap(), &[]).expect_code(1).unwrap();
    assert!(model.stdout.contains("was enacted as exchange"), "{model:?}");

    enact_soon(&exchange, "2026-06-01", narrow);
    let refused = watch::until(mfa.dir(), "the amendment", || {
        block_on(async {
            let client = Client::of(&mfa, exchange.address()).await?;
            anyhow::Ok(client.ask(request("REFUGEES", &REGION)).await.err())
        })
    });
    takes_effect_at_its_moment(&exchange, &auditor, &refused.unwrap());
}

/// Everything that was permitted was so before the amendment's moment, and everything after it
/// is refused.
fn takes_effect_at_its_moment(exchange: &Exchange, auditor: &Node, refused: &Problem) {
    assert_eq!(refused.articles, ["1"], "{refused:?}");
    let history = exchange.gateway(&["decree", "history", "--output", "json"]).unwrap();
    let history = answer(&history.expect_code(0).unwrap());
    let moment = history[1]["inForceFrom"].as_str().unwrap().parse().unwrap();
    assert_eq!(history.as_array().unwrap().len(), 2, "{history}");
    wait_covered(exchange, refused.exchange.unwrap());
    let records = block_on(records(exchange, auditor));
    let enacted = &records[&history[1]["exchange"].as_u64().unwrap()];
    assert!(matches!(enacted.event, Event::DecreeEnacted { .. }), "{enacted:?}");
    let by_region = |record: &&Record| {
        let ruling = record.event.ruling();
        record.actor.to_string() == "agency/MFA"
            && ruling.is_some_and(|ruling| ruling.request["named"] == json!([["region", "parts"]]))
    };
    let (mut before, mut after) = (0, 0);
    for record in records.values().filter(by_region) {
        let permitted = matches!(record.event, Event::QueryAnswered { .. });
        assert_eq!(permitted, record.time < moment, "{record:?}");
        *(if permitted { &mut before } else { &mut after }) += 1;
    }
    assert!(before >= REGIONAL && after == 1, "{before} before, {after} after");
}

/// Article 9(3): auditors see every record, and so each decision that a draft would change.
#[test]
fn an_auditor_sees_each_decision_that_a_draft_would_change_and_nobody_else_does() {
    if country::model_only(
        "an_auditor_sees_each_decision_that_a_draft_would_change_and_nobody_else_does",
    ) {
        return;
    }
    let exchange = Exchange::start().unwrap();
    let nodes = ["agency/MLSSM", "agency/MFA", "agency/SBS", "auditor/COA"];
    let [mlssm, mfa, sbs, auditor] = nodes.map(|identity| exchange.node(identity).unwrap());
    let figures = template::demonstration("mlssm/REFUGEES.csv").unwrap();
    let batch = Batch::from_csv("MLSSM", &figures, 1_000).unwrap();
    let places = block_on(async {
        submit(&exchange, &mlssm, &batch).await.unwrap();
        let [mfa, sbs] = [&mfa, &sbs].map(|node| Client::of(node, exchange.address()));
        let (mfa, sbs) = (mfa.await.unwrap(), sbs.await.unwrap());
        let regional = ask(&mfa, &REGION).await;
        ask(&sbs, &REGION).await;
        [regional, ask(&mfa, &[("SEX", "F")]).await]
    });
    wait_covered(&exchange, places[1]);

    let mut draft =
        Draft::amendment("2099-01-01", "2099-01-01T00:00:00Z".parse().unwrap()).unwrap();
    let same = singly(&exchange, &auditor, &draft, &["--fail-on-change"], 0);
    assert_eq!((&same["changed"], &same["decisions"]), (&json!(0), &json!([])), "{same}");
    narrow(&mut draft);
    let told = singly(&exchange, &auditor, &draft, &[], 0);
    assert_eq!(told["before"], json!({ "number": "1", "version": "2024-01-01" }), "{told}");
    let decisions = told["decisions"].as_array().unwrap();
    let seen: Vec<_> = decisions
        .iter()
        .map(|each| {
            assert_eq!(
                (&each["actor"], &each["dataset"]),
                (&json!("agency/MFA"), &json!("REFUGEES"))
            );
            assert_eq!(each["was"]["permit"], true, "{each}");
            (each["exchange"].as_u64().unwrap(), each["effect"].as_str().unwrap())
        })
        .collect();
    assert_eq!(seen, [(places[0], "refused"), (places[1], "narrower")]);
    assert_eq!(decisions[0]["was"]["articles"], json!(["6(4)"]));
    let refused = json!({ "permit": false, "articles": ["1"], "given": [] });
    assert_eq!(decisions[0]["wouldBe"], refused);
    let given = |side: &str| decisions[1][side]["given"].as_array().unwrap().len();
    assert!(given("was") > given("wouldBe") && given("wouldBe") > 0, "{}", decisions[1]);
    let failed = singly(&exchange, &auditor, &draft, &["--fail-on-change"], 1);
    assert_eq!(failed["decisions"], told["decisions"]);

    // An agency is refused, and that is on record; so is each look, closed to those looked at.
    let kept = singly(&exchange, &mfa, &draft, &[], 1);
    assert_eq!(kept["problem"]["code"], "WRONG_ROLE", "{kept}");
    let refusal = kept["problem"]["exchange"].as_u64().unwrap();
    wait_covered(&exchange, refusal);
    let records = block_on(records(&exchange, &auditor));
    let of_refusal =
        Event::ActRefused { act: "audit/simulate".into(), problem: "WRONG_ROLE".into() };
    assert_eq!(records[&refusal].event, of_refusal);
    for (look, changed) in [(&same, 0), (&told, 2), (&failed, 2)] {
        let record = &records[&look["exchange"].as_u64().unwrap()];
        let Event::Simulated { digest, records, changed: recorded } = &record.event else {
            panic!("{record:?}")
        };
        assert_eq!((record.actor.to_string().as_str(), *recorded), ("auditor/COA", changed));
        assert_eq!(look["records"], json!(records));
        assert_eq!(record.parties.len(), 1, "nobody else is concerned: {record:?}");
        let own = sha256(&draft.bundle().unwrap());
        assert_eq!(*digest == hex::encode(own), changed > 0);
    }
    let open = mfa.command(&["audit", "records", "--kind", "simulated"]).unwrap();
    assert!(!open.expect_code(0).unwrap().stdout.contains("auditor/COA"));
}
