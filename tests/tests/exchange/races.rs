//! Sent twice, done once (promise 8); of two that race, one wins and the other is told.

use std::{fs, time::Duration};

use birge_proto::{
    clock::{Clock, SystemClock, Timestamp},
    manifest::{Action, BatchId},
    problem::Kind,
    record::Event,
    wire::{Columns, SubmitRequest},
};
use birge_tests::{
    batch::{Batch, Signed},
    client::Client,
    country,
    exchange::{Exchange, copy},
    node::Node,
};
use futures::future::join_all;
use tokio::{sync::mpsc, task::JoinHandle};

use crate::{
    crash,
    support::{
        accepted, block_on, bulky, place, records, signed, stop_and_verify, submit, trafficking,
        year,
    },
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

/// A batch of which all but the end is sent, so that it is decided after what is sent whole
/// meanwhile.
struct Straggler {
    sender: mpsc::Sender<SubmitRequest>,
    end: SubmitRequest,
    answer: JoinHandle<crash::Answer>,
}

impl Straggler {
    async fn begin(exchange: &Exchange, node: &Node, batch: &Signed) -> Self {
        let (sender, answer) = crash::begin(exchange, node).await;
        let mut parts = batch.parts();
        let end = parts.pop().unwrap();
        for part in parts {
            sender.send(part).await.unwrap();
        }
        Self { sender, end, answer }
    }

    async fn finish(self) -> crash::Answer {
        self.sender.send(self.end).await.unwrap();
        self.answer.await.unwrap()
    }
}

#[test]
fn a_large_batch_many_times_in_parallel_is_taken_once() {
    let mut exchange = Exchange::start().unwrap();
    let nsc = exchange.node("agency/NSC").unwrap();
    let auditor = exchange.node("auditor/COA").unwrap();
    block_on(async {
        let batch = signed(&bulky(recent()), &nsc);
        assert!(batch.blocks.len() > 20);
        let straggler = Straggler::begin(&exchange, &nsc, &batch).await;
        let clients = join_all((0..3).map(|_| Client::of(&nsc, exchange.address()))).await;
        let clients: Vec<Client> = clients.into_iter().map(Result::unwrap).collect();
        let sent = clients.iter().map(|client| client.submit(batch.parts()));
        let mut answers = join_all(sent).await;
        answers.push(straggler.finish().await);
        let receipts: Vec<_> =
            answers.into_iter().map(|answer| answer.unwrap().receipt.unwrap()).collect();
        for receipt in &receipts {
            assert_eq!(receipt.record, receipts[0].record);
            assert_eq!(receipt.opening, receipts[0].opening);
        }
        assert_eq!(accepted(&records(&exchange, &auditor).await, "agency/NSC"), 1);
    });
    stop_and_verify(&mut exchange);
}

#[test]
fn of_large_revisions_that_race_one_is_taken_and_the_other_is_stale() {
    if country::model_only("of_large_revisions_that_race_one_is_taken_and_the_other_is_stale") {
        return;
    }
    let mut exchange = Exchange::start().unwrap();
    let nsc = exchange.node("agency/NSC").unwrap();
    let auditor = exchange.node("auditor/COA").unwrap();
    block_on(async {
        let first = bulky(recent());
        submit(&exchange, &nsc, &first).await.unwrap();
        let revisions = [101.0, 102.0].map(|women| {
            let mut batch = first.clone();
            // In the last block: women of one age and origin, and both sexes.
            let change = |columns: &mut Columns| {
                let [.., f, _, total] = columns.values.as_mut_slice() else { panic!("no rows") };
                (*f, *total) = (women, women + 50.0);
            };
            batch.change(batch.blocks.len() - 1, change).unwrap();
            batch.manifest.action = Action::Replace;
            batch.manifest.revises = Some(signed(&first, &nsc).id());
            batch.manifest.reason = Some("late forms".to_owned());
            signed(&batch, &nsc)
        });
        let begin = async |at: usize| Straggler::begin(&exchange, &nsc, &revisions[at]).await;
        let stragglers = [begin(0).await, begin(1).await];
        let client = Client::of(&nsc, exchange.address()).await.unwrap();
        let mut outcomes =
            join_all(revisions.each_ref().map(|each| client.submit(each.parts()))).await;
        let taken = outcomes.iter().position(Result::is_ok).expect("one is taken");
        for straggler in stragglers {
            outcomes.push(straggler.finish().await);
        }
        // The twin of the one that is taken is the same; the other and its twin are stale.
        for (at, outcome) in outcomes.into_iter().enumerate() {
            if at % 2 == taken {
                let counts = outcome.unwrap().counts.unwrap();
                assert_eq!((counts.updated, counts.imported, counts.deleted), (2, 0, 0));
            } else {
                assert_eq!(outcome.unwrap_err().kind, Kind::Stale);
            }
        }
        assert_eq!(accepted(&records(&exchange, &auditor).await, "agency/NSC"), 2);
    });
    stop_and_verify(&mut exchange);
}

/// The first of the last four years that are over: they may still be revised.
fn recent() -> u16 {
    let year = SystemClock.now().to_string();
    year[..4].parse::<u16>().unwrap() - 4
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
    copy(&model, &folder).unwrap();
    let file = folder.join("decree.json");
    let mut decree: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let from = Timestamp::from_second((SystemClock.now() + ahead).as_second()).unwrap();
    decree["version"] = "2024-01-02".into();
    decree["inForceFrom"] = from.to_string().into();
    fs::write(&file, serde_json::to_vec_pretty(&decree).unwrap()).unwrap();
    folder
}
