//! Who may see what of the log, what is due, and what an old copy of the data leads to.

use std::fs;

use birge_proto::{
    problem::Kind,
    record::Event,
    wire::{ListDatasetsRequest, PeriodState, RecordEntry, RecordsRequest},
};
use birge_tests::{
    answer::request,
    client::{self, Client, Credentials},
    country,
    exchange::{Exchange, copy},
    node::Node,
};

use crate::support::{block_on, record, records, submit, trafficking, year};

async fn entries(exchange: &Exchange, node: &Node) -> Vec<RecordEntry> {
    let client = Client::of(node, exchange.address()).await.unwrap();
    let request = RecordsRequest { from: 0, to: 0, filter: None };
    let mut stream = client.audit().records(request).await.unwrap().into_inner();
    let mut entries = Vec::new();
    while let Some(entry) = stream.message().await.unwrap() {
        entries.push(entry);
    }
    entries
}

/// Article 9(3).
#[test]
fn an_owner_learns_that_its_data_were_used_and_not_by_whom() {
    let exchange = Exchange::start().unwrap();
    let [mia, mfa, nbkr] =
        ["MIA", "MFA", "NBKR"].map(|body| exchange.node(&format!("agency/{body}")).unwrap());
    let auditor = exchange.node("auditor/COA").unwrap();
    block_on(async {
        submit(&exchange, &mia, &trafficking()).await.unwrap();
        let asker = Client::of(&mfa, exchange.address()).await.unwrap();
        let answer = asker.ask(request("TRAFFICKING", &[("TIME_PERIOD", "2023")])).await.unwrap();
        let place = answer.provenance.unwrap().exchange;
        record(&exchange, &auditor, place).await;

        let of = async |node: &Node| entries(&exchange, node).await.swap_remove(place as usize);
        let [own, owner, other] = [of(&mfa).await, of(&mia).await, of(&nbkr).await];
        assert!(!own.record.is_empty() && !own.opening.is_empty(), "the asker sees its request");
        assert!(owner.record.is_empty() && owner.opening.is_empty());
        let notice = String::from_utf8(owner.notice).unwrap();
        assert!(notice.contains("TRAFFICKING") && !notice.contains("MFA"), "{notice}");
        assert!(other.record.is_empty() && other.notice.is_empty(), "{other:?}");
    });
}

#[test]
fn an_auditors_look_is_recorded_and_closed_to_those_under_audit() {
    let exchange = Exchange::start().unwrap();
    let (mia, auditor) =
        (exchange.node("agency/MIA").unwrap(), exchange.node("auditor/COA").unwrap());
    block_on(async {
        records(&exchange, &auditor).await;
        // Its receipt stands in a checkpoint, and with it all that was before.
        submit(&exchange, &mia, &trafficking()).await.unwrap();
        let records = records(&exchange, &auditor).await;
        let looked =
            records.iter().find(|(_, record)| matches!(record.event, Event::RecordsRead { .. }));
        let (place, looked) = looked.unwrap();
        assert_eq!(looked.actor, "auditor/COA".parse().unwrap());
        let seen = entries(&exchange, &mia).await.swap_remove(*place as usize);
        assert!(seen.record.is_empty() && seen.notice.is_empty(), "{seen:?}");
    });
}

/// Article 3(4): the operator runs the gateway and has no right to figures.
#[test]
fn an_auditor_and_the_operator_see_no_figures() {
    let exchange = Exchange::start().unwrap();
    let mia = exchange.node("agency/MIA").unwrap();
    let auditor = exchange.node("auditor/COA").unwrap();
    let keys = exchange.home().join("keys");
    let certificate =
        client::chain(&fs::read_to_string(keys.join("operator.crt")).unwrap()).unwrap();
    let key = client::key(&keys.join("operator.key")).unwrap();
    let operator = Credentials::of(&mia).unwrap().showing(certificate, key);
    block_on(async {
        submit(&exchange, &mia, &trafficking()).await.unwrap();
        let whole = || request("TRAFFICKING", &[]);
        let auditor = Client::of(&auditor, exchange.address()).await.unwrap();
        let operator = Client::connect(exchange.address(), &operator).await.unwrap();
        for (who, client) in [("auditor", auditor), ("operator", operator)] {
            let refusal = client.ask(whole()).await.expect_err(who);
            assert!([Kind::NotPermitted, Kind::WrongRole].contains(&refusal.kind), "{refusal:?}");
            assert!(!refusal.articles.is_empty(), "{who}: no article");
        }
    });
}

/// Article 4(2): due, missing, late.
#[test]
fn what_is_due_and_what_came_late_is_told() {
    if country::model_only("what_is_due_and_what_came_late_is_told") {
        return;
    }
    let exchange = Exchange::start().unwrap();
    let nsc = exchange.node("agency/NSC").unwrap();
    block_on(async {
        let client = Client::of(&nsc, exchange.address()).await.unwrap();
        let state = async |dataset: &str, period: &str| {
            let list = client.query().list_datasets(ListDatasetsRequest {}).await.unwrap();
            let datasets = list.into_inner().datasets;
            let dataset = datasets.into_iter().find(|listed| listed.id == dataset).unwrap();
            dataset.periods.iter().find(|listed| listed.period == period).unwrap().state()
        };
        assert_eq!(state("BORDER", "2024-01").await, PeriodState::Missing);
        assert_eq!(state("LABOUR_ABROAD", "2024-Q1").await, PeriodState::Missing);
        assert_eq!(state("MIG_STOCK", "2024").await, PeriodState::Missing);
        submit(&exchange, &nsc, &year(2024, 100)).await.unwrap();
        assert_eq!(state("MIG_STOCK", "2024").await, PeriodState::Late);
    });
}

/// A gateway that runs on an old copy of its data is found out by whoever saw more.
#[test]
fn a_gateway_restored_from_an_old_copy_stops_when_it_is_shown_a_newer_checkpoint() {
    let mut exchange = Exchange::start().unwrap();
    let (mia, auditor) =
        (exchange.node("agency/MIA").unwrap(), exchange.node("auditor/COA").unwrap());
    exchange.stop().unwrap().expect_code(0).unwrap();
    let old = exchange.dir().join("old");
    copy(&exchange.home(), &old).unwrap();
    exchange.serve().unwrap();
    block_on(submit(&exchange, &mia, &trafficking())).unwrap();
    auditor.command(&["audit", "verify"]).unwrap().expect_code(0).unwrap();
    exchange.kill().unwrap();
    for folder in ["journal", "ledger", "index"] {
        fs::remove_dir_all(exchange.home().join(folder)).unwrap();
        copy(&old.join(folder), &exchange.home().join(folder)).unwrap();
    }
    exchange.serve().unwrap();
    let output = auditor.command(&["audit", "verify"]).unwrap();
    assert_eq!(output.code, Some(1), "{}{}", output.stdout, output.stderr);
    assert_ne!(exchange.wait_end().unwrap().code, Some(0), "it went on as if nothing were wrong");
}

/// Restored in part: a journal from an old copy under the newest checkpoint.
#[test]
fn a_gateway_whose_journal_is_older_than_its_checkpoint_does_not_start() {
    let mut exchange = Exchange::start().unwrap();
    let mia = exchange.node("agency/MIA").unwrap();
    exchange.stop().unwrap().expect_code(0).unwrap();
    let mut old = exchange.twin().unwrap();
    exchange.serve().unwrap();
    block_on(submit(&exchange, &mia, &trafficking())).unwrap();
    exchange.stop().unwrap().expect_code(0).unwrap();
    fs::remove_dir_all(old.ledger()).unwrap();
    copy(&exchange.ledger(), &old.ledger()).unwrap();
    let error = format!("{:#}", old.serve().unwrap_err());
    assert!(error.contains("old copy of the journal"), "{error}");
    assert_ne!(old.wait_end().unwrap().code, Some(0));
    let checkpoint = |of: &Exchange| fs::read(of.ledger().join("checkpoint")).unwrap();
    assert_eq!(checkpoint(&old), checkpoint(&exchange), "it signed something");
}
