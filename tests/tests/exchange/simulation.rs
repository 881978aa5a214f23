//! What a draft would change is told before it is enacted, from everything that was ever asked,
//! and then comes about at its moment (decree, article 11).

use std::time::Instant;

use birge_proto::{
    problem::Problem,
    record::{Event, Record},
};
use birge_tests::{
    answer::request, batch::Batch, client::Client, decree::Draft, exchange::Exchange, node::Node,
    process::Output, template, watch,
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

async fn ask_often(exchange: &Exchange, node: &Node, selection: &[(&str, &str)], count: usize) {
    let client = Client::of(node, exchange.address()).await.unwrap();
    let asks = (0..count).map(|_| client.ask(request("REFUGEES", selection)));
    stream::iter(asks).buffer_unordered(AT_ONCE).map(drop).collect::<()>().await;
}

fn simulate(exchange: &Exchange, draft: &Draft, more: &[&str]) -> Output {
    let folder = tempfile::tempdir_in(exchange.dir()).unwrap();
    draft.write(folder.path()).unwrap();
    let folder = folder.path().to_str().unwrap().to_owned();
    let command = [&["decree", "simulate", &folder, "--output", "json"], more].concat();
    exchange.gateway(&command).unwrap()
}

fn answer(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn an_amendment_that_narrows_is_simulated_on_ten_thousand_requests_and_then_enacted() {
    let mut exchange = Exchange::start().unwrap();
    exchange.stop().unwrap().expect_code(0).unwrap();
    exchange.set("quota", "records_per_minute", 1_000_000).unwrap();
    exchange.serve().unwrap();
    let nodes = ["agency/MLSSM", "agency/MFA", "agency/SBS", "auditor/COA"];
    let [mlssm, mfa, sbs, auditor] = nodes.map(|identity| exchange.node(identity).unwrap());
    let figures = template::demonstration("mlssm/REFUGEES.csv").unwrap();
    let batch = Batch::from_csv("MLSSM", &figures, 1_000).unwrap();
    block_on(async {
        submit(&exchange, &mlssm, &batch).await.unwrap();
        ask_often(&exchange, &mfa, &REGION, REGIONAL).await;
        ask_often(&exchange, &sbs, &REGION, REGIONAL).await;
        ask_often(&exchange, &mfa, &[("SEX", "F")], OPEN).await;
    });

    let later = "2099-01-01T00:00:00Z".parse().unwrap();
    let mut draft = Draft::amendment("2099-01-01", later).unwrap();
    let same = answer(&simulate(&exchange, &draft, &["--fail-on-change"]).expect_code(0).unwrap());
    assert_eq!((&same["changed"], &same["unknown"]), (&json!({}), &json!(0)), "{same}");
    assert_eq!(same["replayed"], 2 * REGIONAL + OPEN + 1, "with the submission");

    narrow(&mut draft);
    let began = Instant::now();
    let told = answer(&simulate(&exchange, &draft, &[]).expect_code(0).unwrap());
    assert!(began.elapsed().as_secs() < 10, "it took {:?}", began.elapsed());
    // The third kind leaves the region open: it was given by region too, and would not be.
    let (refused, narrower) = (json!({ "refused": REGIONAL }), json!({ "narrower": OPEN }));
    let both = json!({ "refused": REGIONAL, "narrower": OPEN });
    assert_eq!(told["changed"], both, "{told}");
    assert_eq!(told["principals"], json!({ "agency/MFA": both }));
    assert_eq!(told["datasets"], json!({ "REFUGEES": both }));
    assert_eq!(told["articles"], json!({ "1": refused, "6(1)": narrower }));
    simulate(&exchange, &draft, &["--fail-on-change"]).expect_code(1).unwrap();
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
