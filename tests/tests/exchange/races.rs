//! Sent twice, done once (promise 8); of two that race, one wins and the other is told.

use std::{fs, time::Duration};

use birge_proto::{
    clock::{Clock, SystemClock, Timestamp},
    manifest::{Action, BatchId},
    problem::Kind,
    record::Event,
};
use birge_tests::{batch::Batch, client::Client, exchange::Exchange};
use futures::future::join_all;

use crate::support::{
    accepted, block_on, copy, place, records, signed, stop_and_verify, submit, trafficking, year,
};

fn revision(of: BatchId, women: u32) -> Batch {
    let mut batch = year(2024, women);
    batch.manifest.action = Action::Replace;
    batch.manifest.revises = Some(of);
    batch.manifest.reason = Some("late forms".to_owned());
    batch
}

#[test]
fn the_same_batch_twice_gives_the_same_record() {
    let mut exchange = Exchange::start().unwrap();
    let mia = exchange.node("agency/MIA").unwrap();
    let auditor = exchange.node("auditor/COA").unwrap();
    block_on(async {
        let client = Client::of(&mia, exchange.address()).await.unwrap();
        let parts = signed(&trafficking(), &mia).parts();
        let first = client.submit(parts.clone()).await.unwrap();
        let second = client.submit(parts).await.unwrap();
        let (first, second) = (first.receipt.unwrap(), second.receipt.unwrap());
        assert_eq!(first.record, second.record);
        assert_eq!(first.opening, second.opening);
        assert_eq!(accepted(&records(&exchange, &auditor).await, "agency/MIA"), 1);
    });
    stop_and_verify(&mut exchange);
}

#[test]
fn the_same_batch_many_times_in_parallel_is_taken_once() {
    let exchange = Exchange::start().unwrap();
    let mia = exchange.node("agency/MIA").unwrap();
    let auditor = exchange.node("auditor/COA").unwrap();
    block_on(async {
        let parts = signed(&trafficking(), &mia).parts();
        let clients = join_all((0..4).map(|_| Client::of(&mia, exchange.address()))).await;
        let clients: Vec<Client> = clients.into_iter().map(Result::unwrap).collect();
        let answers = join_all(clients.iter().map(|client| client.submit(parts.clone()))).await;
        let places: Vec<u64> = answers.into_iter().map(|answer| place(&answer.unwrap())).collect();
        assert!(places.iter().all(|index| *index == places[0]), "{places:?}");
        assert_eq!(accepted(&records(&exchange, &auditor).await, "agency/MIA"), 1);
    });
}

#[test]
fn of_two_revisions_that_race_one_is_stale() {
    let exchange = Exchange::start().unwrap();
    let nsc = exchange.node("agency/NSC").unwrap();
    let auditor = exchange.node("auditor/COA").unwrap();
    block_on(async {
        let first = year(2024, 100);
        submit(&exchange, &nsc, &first).await.unwrap();
        let first = signed(&first, &nsc).id();
        let (one, other) = (revision(first, 101), revision(first, 102));
        let race = futures::join!(submit(&exchange, &nsc, &one), submit(&exchange, &nsc, &other));
        let outcomes = [race.0, race.1];
        let stale = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
        let stale: Vec<Kind> = stale.map(|problem| problem.kind).collect();
        assert_eq!(stale, [Kind::Stale], "exactly one is refused, as stale");
        assert_eq!(accepted(&records(&exchange, &auditor).await, "agency/NSC"), 2);
    });
}

#[test]
fn a_revision_must_name_the_current_batch() {
    let exchange = Exchange::start().unwrap();
    let nsc = exchange.node("agency/NSC").unwrap();
    block_on(async {
        submit(&exchange, &nsc, &year(2024, 100)).await.unwrap();
        let nameless = year(2024, 101);
        let invented = revision(BatchId([7; 32]), 101);
        for batch in [nameless, invented] {
            let refusal = submit(&exchange, &nsc, &batch).await.unwrap_err();
            assert_eq!(refusal.kind, Kind::Stale, "{refusal}");
        }
    });
}

/// Whatever comes first: a batch sequenced after the revocation must not be accepted.
#[test]
fn a_revision_racing_with_a_revocation_is_before_it_or_refused() {
    for _ in 0..3 {
        let mut exchange = Exchange::start().unwrap();
        let nsc = exchange.node("agency/NSC").unwrap();
        let auditor = exchange.node("auditor/COA").unwrap();
        block_on(async {
            let first = year(2024, 100);
            submit(&exchange, &nsc, &first).await.unwrap();
            let batch = revision(signed(&first, &nsc).id(), 101);
            let client = Client::of(&nsc, exchange.address()).await.unwrap();
            let parts = signed(&batch, &nsc).parts();
            let revoke = ["revoke", "agency/NSC", "--reason", "race"];
            let revocation = exchange.begin(&revoke).unwrap();
            let outcome = client.submit(parts).await;
            revocation.wait_end().unwrap().expect_code(0).unwrap();
            let records = records(&exchange, &auditor).await;
            let revoked = records
                .iter()
                .find(|(_, record)| matches!(record.event, Event::ParticipantRevoked { .. }));
            let revoked = *revoked.unwrap().0;
            let last = records.iter().rev().find(|(_, record)| {
                record.actor == "agency/NSC".parse().unwrap()
                    && matches!(record.event, Event::SubmissionAccepted { .. })
            });
            let last = *last.unwrap().0;
            assert!(last < revoked, "accepted as {last} after the revocation as {revoked}");
            if let Ok(answer) = outcome {
                assert!(place(&answer) < revoked);
            }
        });
        stop_and_verify(&mut exchange);
    }
}

/// A decree that comes into force between check and commit decides: every accepted batch was
/// judged by the decree in force at its own time.
#[test]
fn a_revision_racing_with_a_decree_is_judged_by_the_one_in_force() {
    let mut exchange = Exchange::start().unwrap();
    let nsc = exchange.node("agency/NSC").unwrap();
    let auditor = exchange.node("auditor/COA").unwrap();
    let folder = amended_decree(&exchange, Duration::from_secs(3));
    let arguments = ["decree", "enact", folder.to_str().unwrap()];
    exchange.gateway(&arguments).unwrap().expect_code(0).unwrap();
    block_on(async {
        // Submissions without a pause, from before the moment until well after it.
        let mut current = None;
        for women in 100.. {
            let mut batch = year(2024, women);
            batch.manifest.action = Action::Replace;
            batch.manifest.revises = current;
            batch.manifest.reason = current.map(|_| "one more form".to_owned());
            current = Some(signed(&batch, &nsc).id());
            let answer = submit(&exchange, &nsc, &batch).await.unwrap();
            let records = records(&exchange, &auditor).await;
            let Event::SubmissionAccepted { ruling, .. } = &records[&place(&answer)].event else {
                panic!("a receipt that proves no submission")
            };
            if ruling.decree.version == "2024-01-02" {
                break;
            }
        }
        let records = records(&exchange, &auditor).await;
        let enacted = records.values().find_map(|record| match &record.event {
            Event::DecreeEnacted { decree, in_force_from, .. }
                if decree.version == "2024-01-02" =>
            {
                Some(*in_force_from)
            }
            _ => None,
        });
        let enacted = enacted.unwrap();
        for record in records.values() {
            if let Event::SubmissionAccepted { ruling, .. } = &record.event {
                let amended = ruling.decree.version == "2024-01-02";
                assert_eq!(amended, record.time >= enacted, "{}", record.time);
            }
        }
    });
    stop_and_verify(&mut exchange);
}

/// The model decree under another version, in force `ahead` from now.
fn amended_decree(exchange: &Exchange, ahead: Duration) -> std::path::PathBuf {
    let model = birge_tests::binaries::workspace().join("schemas/decrees/model");
    let folder = exchange.dir().join("amended");
    copy(&model, &folder);
    let file = folder.join("decree.json");
    let mut decree: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let from = Timestamp::from_second((SystemClock.now() + ahead).as_second()).unwrap();
    decree["version"] = "2024-01-02".into();
    decree["inForceFrom"] = from.to_string().into();
    fs::write(&file, serde_json::to_vec_pretty(&decree).unwrap()).unwrap();
    folder
}
