//! Who asks too much is put off, without filling the log and without harm to others.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use birge_proto::{
    problem::{Kind, Problem},
    record::Event,
    wire::RecordsRequest,
};
use birge_tests::{
    answer::request,
    client::{Client, Credentials},
    exchange::Exchange,
};
use futures::future::join_all;
use tokio::task::JoinHandle;

use crate::{
    crash::begin,
    support::{block_on, own_records, records, signed, submit, trafficking, year},
};

/// Records that one principal may cause each minute here.
const QUOTA: usize = 5;
/// Questions asked: far more than the quota, even if it refills meanwhile.
const QUESTIONS: usize = 60;

#[test]
fn a_quota_puts_off_its_principal_alone_and_is_recorded_in_sums() {
    let mut exchange = Exchange::start().unwrap();
    let nodes = ["agency/MFA", "agency/NSC", "auditor/COA"];
    let [mfa, nsc, auditor] = nodes.map(|identity| exchange.node(identity).unwrap());
    exchange.stop().unwrap().expect_code(0).unwrap();
    exchange.set("quota", "records_per_minute", QUOTA as i64).unwrap();
    exchange.serve().unwrap();

    let begun = Instant::now();
    let refusals: Vec<Problem> = block_on(async {
        let client = Client::of(&mfa, exchange.address()).await.unwrap();
        let mut refusals = vec![];
        for question in 0..QUESTIONS {
            match client.ask(request("MIG_STOCK", &[])).await {
                Ok(_) => {}
                Err(problem) => {
                    assert!(question >= QUOTA, "question {question} is within the quota");
                    refusals.push(problem);
                }
            }
        }
        refusals
    });
    // It refills evenly over the minute.
    let refilled = QUOTA * (begun.elapsed().as_secs() as usize + 1) / 60 + 1;
    assert!(refusals.len() >= QUESTIONS - QUOTA - refilled, "only {} refused", refusals.len());
    for refusal in &refusals {
        assert_eq!(refusal.kind, Kind::OverQuota);
        assert!(refusal.kind.retryable() && !refusal.hints.is_empty(), "{refusal:?}");
        assert_eq!(refusal.exchange, None, "it is recorded in sums, not one by one");
    }
    block_on(async {
        submit(&exchange, &nsc, &year(2024, 100)).await.unwrap();
        let other = Client::of(&nsc, exchange.address()).await.unwrap();
        other.ask(request("MIG_STOCK", &[])).await.unwrap();
    });

    exchange.stop().unwrap().expect_code(0).unwrap();
    exchange.serve().unwrap();
    let records = block_on(records(&exchange, &auditor));
    let turned: Vec<BTreeMap<String, u64>> = records
        .values()
        .filter_map(|record| match &record.event {
            Event::Turned { counts, .. } => Some(counts.clone()),
            _ => None,
        })
        .collect();
    let minutes = begun.elapsed().as_secs() as usize / 60;
    assert!((1..=1 + minutes).contains(&turned.len()), "{turned:?}");
    let sum: u64 = turned.iter().filter_map(|counts| counts.get("over-quota agency/MFA")).sum();
    assert_eq!(sum, refusals.len() as u64, "{turned:?}");
    let reasons: Vec<_> = turned.iter().flat_map(|counts| counts.keys()).collect();
    assert!(reasons.iter().all(|reason| *reason == "over-quota agency/MFA"), "{reasons:?}");
}

/// How long the gateway lets a request wait for its principal's others, and they for it.
const TURN: Duration = Duration::from_secs(30);
/// Streams of records that the gateway lets one principal read at once.
const STREAMS: usize = 4;
/// Batches that the gateway is told to take from one principal at once.
const BATCHES: usize = 2;

/// It still waits for its turn, unless that took so long that it was put off.
fn assert_waits<T>(request: &JoinHandle<T>, begun: Instant) {
    assert!(!request.is_finished() || begun.elapsed() >= TURN, "it did not wait for its turn");
}

/// It had its turn, unless that took so long that it was put off.
fn assert_went_on<T: std::fmt::Debug>(outcome: Result<T, Problem>, begun: Instant) {
    if let Err(problem) = outcome {
        assert!(problem.kind == Kind::Unavailable && begun.elapsed() >= TURN, "{problem:?}");
    }
}

#[test]
fn a_reader_that_takes_nothing_holds_up_itself_alone() {
    let exchange = Exchange::start().unwrap();
    let nodes = ["agency/NSC", "auditor/COA"];
    let [nsc, auditor] = nodes.map(|identity| exchange.node(identity).unwrap());
    block_on(async {
        // More records than all that is buffered on the way to a reader.
        let client = Client::of(&nsc, exchange.address()).await.unwrap();
        let asked = join_all((0..300).map(|_| client.ask(request("MIG_STOCK", &[])))).await;
        assert!(asked.iter().all(Result::is_ok));
        submit(&exchange, &nsc, &year(2020, 100)).await.unwrap();

        let credentials = Credentials::of(&auditor).unwrap();
        let slow = Client::connect_with(exchange.address(), &credentials, 1_024).await.unwrap();
        let begin = || {
            let mut audit = slow.audit();
            async move {
                let stream = audit.records(RecordsRequest { from: 0, to: 0, filter: None }).await;
                stream.map_err(|status| Problem::from_status(&status))
            }
        };
        let begun = Instant::now();
        let mut streams = vec![];
        for _ in 0..STREAMS {
            streams.push(begin().await.unwrap());
        }
        let another = tokio::spawn(begin());
        assert!(own_records(&exchange, &nsc).await.len() > 300, "others read");
        client.ask(request("MIG_STOCK", &[])).await.unwrap();
        submit(&exchange, &nsc, &year(2021, 100)).await.unwrap();
        assert_waits(&another, begun);
        drop(streams);
        assert_went_on(another.await.unwrap(), begun);
    });
}

#[test]
fn an_idle_sender_holds_up_itself_alone() {
    let mut exchange = Exchange::start().unwrap();
    let nodes = ["agency/NSC", "agency/MIA"];
    let [nsc, mia] = nodes.map(|identity| exchange.node(identity).unwrap());
    exchange.stop().unwrap().expect_code(0).unwrap();
    exchange.set("quota", "submissions_at_once", BATCHES as i64).unwrap();
    exchange.serve().unwrap();
    block_on(async {
        let begun = Instant::now();
        let mut idle = vec![];
        for period in (2010..).take(BATCHES) {
            let (sender, answer) = begin(&exchange, &nsc).await;
            let header = signed(&year(period, 100), &nsc).parts().swap_remove(0);
            sender.send(header).await.unwrap();
            idle.push((sender, answer));
        }
        let client = Client::of(&nsc, exchange.address()).await.unwrap();
        client.ask(request("MIG_STOCK", &[])).await.unwrap();
        let parts = signed(&year(2020, 100), &nsc).parts();
        let another = tokio::spawn({
            let client = client.clone();
            async move { client.submit(parts).await }
        });
        // Others hand in, and whoever is silent may still ask.
        submit(&exchange, &mia, &trafficking()).await.unwrap();
        client.ask(request("MIG_STOCK", &[])).await.unwrap();
        assert_waits(&another, begun);
        for (sender, answer) in idle {
            drop(sender); // the stream ends before its batch does
            let refusal = answer.await.unwrap().unwrap_err();
            assert_eq!(refusal.kind, Kind::Truncated, "{refusal:?}");
        }
        assert_went_on(another.await.unwrap(), begun);
    });
}

/// All who do not say who they are share one quota: strangers cannot fill the log.
#[test]
fn the_public_together_causes_no_more_records_than_its_quota() {
    let mut exchange = Exchange::start().unwrap();
    let auditor = exchange.node("auditor/COA").unwrap();
    exchange.stop().unwrap().expect_code(0).unwrap();
    exchange.set("quota", "public_records_per_minute", QUOTA as i64).unwrap();
    exchange.serve().unwrap();
    let begun = Instant::now();
    block_on(async {
        let address = birge_tests::web::public_address(&exchange).unwrap();
        let anonymous = Credentials::of(&auditor).unwrap().anonymous();
        let mut put_off = 0;
        for _ in 0..QUESTIONS {
            let client = Client::connect(address, &anonymous).await.unwrap();
            match client.ask(request("MIG_STOCK", &[])).await {
                Err(problem) if problem.kind == Kind::OverQuota => put_off += 1,
                _ => {}
            }
        }
        let refilled = QUOTA * (begun.elapsed().as_secs() as usize + 1) / 60 + 1;
        assert!(put_off >= QUESTIONS - QUOTA - refilled, "only {put_off} put off");
        let records = records(&exchange, &auditor).await;
        let of_the_public =
            records.values().filter(|record| record.actor.to_string() == "public/ANYBODY").count();
        assert!(of_the_public <= QUOTA + refilled, "{of_the_public}");
    });
}
