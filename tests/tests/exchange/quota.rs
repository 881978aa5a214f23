//! Who asks too much is put off, without filling the log and without harm to others.

use std::{collections::BTreeMap, time::Instant};

use birge_proto::{
    problem::{Kind, Problem},
    record::Event,
};
use birge_tests::{answer::request, client::Client, exchange::Exchange};

use crate::support::{block_on, records, submit, year};

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
