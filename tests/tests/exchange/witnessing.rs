//! What the quorum of witnesses has signed is told from what it has not (decree, article 9(2)).

use std::{collections::BTreeMap, fs, time::Instant};

use birge_proto::{
    problem::{Kind, Problem},
    receipt::Receipt,
    record::{Event, Record},
    tlog::{
        note::NoteVerifier,
        policy::{Judged, Policy},
    },
    wire::{SubmitResponse, WitnessesRequest},
};
use birge_schemas::witnesses::Witnesses;
use birge_tests::{
    client::{Client, Credentials},
    country,
    exchange::Exchange,
    node::Node,
    watch,
    web::{public_address, send},
    witness::{Attending, Manner, verifier},
};

use crate::{
    enactment::enact_soon,
    support::{block_on, own_records, records, submit, wait_covered, year},
};

pub(crate) const PARTICIPANTS: [&str; 5] =
    ["agency/NSC", "agency/MLSSM", "agency/MIA", "agency/MFA", "agency/SBS"];

/// An exchange with five of its six participants and the Chamber of Accounts enrolled.
pub(crate) struct Scene {
    pub(crate) exchange: Exchange,
    pub(crate) nodes: BTreeMap<String, Node>,
    pub(crate) attending: BTreeMap<String, Attending>,
    /// What those hold who have left.
    pub(crate) held: BTreeMap<String, Vec<u8>>,
    years: u16,
}

impl Scene {
    /// A checkpoint waits so long for its cosignatures that a busy machine loses none.
    pub(crate) fn new(participants: &[&str]) -> Self {
        Self::with_limit(participants, 30_000)
    }

    fn with_limit(participants: &[&str], wait_ms: i64) -> Self {
        let mut exchange = Exchange::start().unwrap();
        exchange.stop().unwrap().expect_code(0).unwrap();
        exchange.set("witnesses", "wait_ms", wait_ms).unwrap();
        exchange.serve().unwrap();
        let identities = participants.iter().chain(&["auditor/COA"]);
        let body = |identity: &str| identity.split_once('/').unwrap().1.to_owned();
        let nodes = identities.map(|who| (body(who), exchange.node(who).unwrap())).collect();
        let (attending, held) = (BTreeMap::new(), BTreeMap::new());
        Self { exchange, nodes, attending, held, years: 1000 }
    }

    pub(crate) async fn arrive(&mut self, bodies: &[&str]) {
        for body in bodies {
            self.arrive_as(body, Manner::Honest).await.unwrap();
        }
    }

    pub(crate) async fn arrive_as(&mut self, body: &str, manner: Manner) -> Result<(), Problem> {
        let held = self.held.get(body).cloned().unwrap_or_default();
        let attending = Attending::begin(&self.exchange, &self.nodes[body], manner, held).await?;
        self.attending.insert(body.to_owned(), attending);
        Ok(())
    }

    pub(crate) fn leave(&mut self, bodies: &[&str]) {
        for body in bodies {
            if let Some(attending) = self.attending.remove(*body) {
                self.held.insert((*body).to_owned(), attending.leave());
            }
        }
    }

    pub(crate) async fn submit(&mut self) -> Result<SubmitResponse, Problem> {
        self.years += 1;
        submit(&self.exchange, &self.nodes["NSC"], &year(self.years, 100)).await
    }

    /// Hands a batch in; what its receipt's checkpoint comes to by the decree in force and the
    /// keys that the nodes made.
    pub(crate) async fn judged(&mut self) -> Judged {
        let receipt = self.submit().await.unwrap().receipt.unwrap();
        let checkpoint = Receipt::parse(&receipt.proof).unwrap().checkpoint;
        self.policy().await.judge(&checkpoint).unwrap()
    }

    pub(crate) async fn policy(&self) -> Policy {
        let nsc = &self.nodes["NSC"];
        let client = Client::of(nsc, self.exchange.address()).await.unwrap();
        let stated = client.audit().witnesses(WitnessesRequest {}).await.unwrap().into_inner();
        let enrolled: serde_json::Value =
            serde_json::from_slice(&fs::read(nsc.enrolled()).unwrap()).unwrap();
        let log = NoteVerifier::from_vkey(enrolled["logKey"].as_str().unwrap()).unwrap();
        let keys = self.nodes.values().map(|node| verifier(node).unwrap()).collect();
        Witnesses::of_bundle(&stated.decree).unwrap().policy(vec![log], &keys).unwrap()
    }

    /// Waits until the records tell what is wanted.
    pub(crate) async fn wait_records<T>(&self, wanted: impl Fn(Vec<Record>) -> Option<T>) -> T {
        let auditor = &self.nodes["COA"];
        for _ in 0..2_000 {
            let records = records(&self.exchange, auditor).await;
            if let Some(told) = wanted(records.into_values().collect()) {
                return told;
            }
        }
        panic!("the records never told it")
    }

    /// What is recorded of the quorum so far.
    async fn alarms(&self, count: usize) -> Vec<Event> {
        self.wait_records(|records| {
            let alarm = |event: &Event| {
                let lost = matches!(event, Event::WitnessQuorumLost { .. });
                lost || matches!(event, Event::WitnessQuorumRegained { .. })
            };
            let alarms = records.into_iter().map(|record| record.event).filter(alarm);
            let alarms: Vec<_> = alarms.collect();
            (alarms.len() >= count).then_some(alarms)
        })
        .await
    }
}

fn names(judged: &Judged) -> Vec<&str> {
    judged.cosigned.keys().map(String::as_str).collect()
}

#[test]
fn the_grade_of_a_receipt_and_the_alarm_follow_who_is_there() {
    if country::model_only("the_grade_of_a_receipt_and_the_alarm_follow_who_is_there") {
        return;
    }
    let mut scene = Scene::new(&PARTICIPANTS);
    block_on(async {
        let everybody = ["NSC", "MLSSM", "MIA", "MFA", "SBS", "COA"];
        assert!(!scene.judged().await.witnessed, "nobody is there");
        scene.arrive(&everybody).await;
        let all = scene.judged().await;
        assert!(all.witnessed, "{all:?}");
        scene.leave(&["SBS"]);
        let but_one = scene.judged().await;
        assert!(but_one.witnessed, "{but_one:?}");
        assert_eq!(names(&but_one), ["COA", "MFA", "MIA", "MLSSM", "NSC"]);
        let before = scene.alarms(0).await;
        scene.leave(&["MFA"]);
        let but_two = scene.judged().await;
        assert!(!but_two.witnessed, "{but_two:?}");
        assert_eq!(names(&but_two), ["COA", "MIA", "MLSSM", "NSC"], "what there was");
        let alarms = scene.alarms(before.len() + 1).await;
        let Some(Event::WitnessQuorumLost { witnessed, missing }) = alarms.last() else {
            panic!("{alarms:?}")
        };
        assert!(*witnessed > 0);
        let away = ["agency/MFA", "agency/SBS"].map(|name| name.parse().unwrap());
        assert_eq!(missing[..], away);

        scene.leave(&["NSC", "MLSSM", "MIA"]);
        let all_away = scene.judged().await;
        assert!(!all_away.witnessed && names(&all_away) == ["COA"], "{all_away:?}");
        let again = scene.alarms(0).await;
        assert_eq!(again.len(), alarms.len(), "told once: {again:?}");

        scene.arrive(&["NSC", "MLSSM", "MIA", "MFA", "SBS"]).await;
        let back = scene.alarms(alarms.len() + 1).await;
        assert!(matches!(back.last(), Some(Event::WitnessQuorumRegained { .. })), "{back:?}");
        assert!(scene.judged().await.witnessed);

        scene.leave(&["COA"]);
        let chamber_away = scene.judged().await;
        assert_eq!(names(&chamber_away).len(), 5, "{chamber_away:?}");
        assert!(!chamber_away.witnessed, "all answer to one government: {chamber_away:?}");
    });
}

/// An idle log is witnessed too, once the witnesses are there.
#[test]
fn what_was_shown_as_sequenced_is_witnessed_when_the_witnesses_come() {
    if country::model_only("what_was_shown_as_sequenced_is_witnessed_when_the_witnesses_come") {
        return;
    }
    let mut scene = Scene::new(&PARTICIPANTS);
    block_on(async {
        let receipt = scene.submit().await.unwrap().receipt.unwrap();
        let checkpoint = Receipt::parse(&receipt.proof).unwrap().checkpoint;
        let policy = scene.policy().await;
        assert!(!policy.judge(&checkpoint).unwrap().witnessed);
        scene.arrive(&["NSC", "MLSSM", "MIA", "MFA", "COA"]).await;
        let file = scene.exchange.ledger().join("checkpoint");
        tokio::task::block_in_place(|| {
            watch::until(&scene.exchange.ledger(), "the quorum", || {
                Ok(policy.judge(&fs::read(&file)?)?.witnessed.then_some(()))
            })
        })
        .unwrap();
        let roots = Credentials::of(&scene.nodes["NSC"]).unwrap().roots;
        let address = public_address(&scene.exchange).unwrap();
        let shown = send(address, &roots, "GET", "/checkpoint").await.unwrap().body;
        assert!(policy.judge(&shown).unwrap().witnessed, "the world sees it");
    });
    scene.exchange.stop().unwrap().expect_code(0).unwrap();
    scene.exchange.gateway(&["verify"]).unwrap().expect_code(0).unwrap();
}

/// Articles 9(2) and 10.
#[test]
fn an_amendment_changes_the_quorum_and_who_is_suspended_still_witnesses() {
    if country::model_only("an_amendment_changes_the_quorum_and_who_is_suspended_still_witnesses") {
        return;
    }
    let mut scene = Scene::new(&PARTICIPANTS);
    block_on(async {
        scene.arrive(&["NSC", "MLSSM", "MIA", "MFA", "COA"]).await;
        assert!(scene.judged().await.witnessed);
        tokio::task::block_in_place(|| {
            enact_soon(&scene.exchange, "2026-06-01", |draft| {
                draft.suspend("MFA").unwrap();
            });
        });
        while !in_force(&scene, "2026-06-01").await {}
        let suspended = scene.judged().await;
        assert!(suspended.witnessed && names(&suspended).contains(&"MFA"), "{suspended:?}");
        tokio::task::block_in_place(|| {
            enact_soon(&scene.exchange, "2026-07-01", |draft| {
                draft
                    .change(|parameters| parameters["witnesses"]["participants"] = 5.into())
                    .unwrap();
            });
        });
        while !in_force(&scene, "2026-07-01").await {}
        let four = scene.judged().await;
        assert!(!four.witnessed && names(&four).len() == 5, "four and the Chamber: {four:?}");
        scene.arrive(&["SBS"]).await;
        let five = scene.judged().await;
        assert!(five.witnessed, "{five:?}");
    });
}

async fn in_force(scene: &Scene, version: &str) -> bool {
    let client = Client::of(&scene.nodes["NSC"], scene.exchange.address()).await.unwrap();
    let stated = client.audit().witnesses(WitnessesRequest {}).await.unwrap().into_inner();
    let files = birge_schemas::decree::files(&stated.decree).unwrap();
    files["decree.json"].contains(version)
}

#[test]
fn what_is_no_cosignature_of_an_enrolled_witness_counts_for_nothing() {
    if country::model_only("what_is_no_cosignature_of_an_enrolled_witness_counts_for_nothing") {
        return;
    }
    let mut scene = Scene::new(&PARTICIPANTS);
    block_on(async {
        scene.arrive(&["NSC", "MLSSM", "MIA", "COA"]).await;
        for manner in [Manner::Garbage, Manner::Stranger, Manner::Another] {
            scene.arrive_as("MFA", manner).await.unwrap();
            let receipt = scene.submit().await.unwrap().receipt.unwrap();
            let note = Receipt::parse(&receipt.proof).unwrap().checkpoint;
            let judged = scene.policy().await.judge(&note).unwrap();
            assert!(!judged.witnessed, "{manner:?}: {judged:?}");
            assert_eq!(names(&judged), ["COA", "MIA", "MLSSM", "NSC"], "{manner:?}");
            let lines = String::from_utf8(note).unwrap().matches("\n— ").count();
            assert_eq!(lines, 5, "{manner:?}: the log and four witnesses, nothing else");
            scene.leave(&["MFA"]);
        }
        scene.arrive(&["MFA"]).await;
        assert!(scene.judged().await.witnessed);
    });
}

#[test]
fn a_witness_that_does_not_answer_costs_no_more_than_the_limit() {
    let mut scene = Scene::with_limit(&PARTICIPANTS, 1_000);
    block_on(async {
        scene.arrive(&["NSC", "MLSSM", "MIA", "COA"]).await;
        scene.arrive_as("MFA", Manner::Silent).await.unwrap();
        let begun = Instant::now();
        let judged = scene.judged().await;
        assert!(!judged.witnessed && !names(&judged).contains(&"MFA"), "{judged:?}");
        // A checkpoint's interval and the limit, a second each; the rest is the machine's. The
        // gateway gives the witness up after ten.
        assert!(begun.elapsed().as_secs() < 9, "{:?}", begun.elapsed());
    });
}

#[test]
fn with_the_quorum_nobody_waits_for_who_does_not_answer() {
    if country::model_only("with_the_quorum_nobody_waits_for_who_does_not_answer") {
        return;
    }
    let mut scene = Scene::with_limit(&PARTICIPANTS, 3_600_000);
    block_on(async {
        scene.arrive(&["NSC", "MLSSM", "MIA", "MFA", "COA"]).await;
        scene.arrive_as("SBS", Manner::Silent).await.unwrap();
        let judged = scene.judged().await;
        assert!(judged.witnessed && !names(&judged).contains(&"SBS"), "{judged:?}");
    });
}

#[test]
fn only_who_is_enrolled_attends_and_with_its_own_key_only() {
    let mut scene = Scene::new(&PARTICIPANTS[..2]);
    block_on(async {
        let (nsc, mlssm) = (&scene.nodes["NSC"], &scene.nodes["MLSSM"]);
        let refused = Attending::with_key_of(&scene.exchange, nsc, mlssm).await.unwrap_err();
        assert_eq!(refused.kind, Kind::BadSignature, "{refused:?}");
        let index = refused.exchange.expect("it is recorded");
        tokio::task::block_in_place(|| wait_covered(&scene.exchange, index));
        let own = own_records(&scene.exchange, nsc).await;
        let Event::ActRefused { act, .. } = &own[&index].event else { panic!("{own:?}") };
        assert_eq!(act, "witness/attend");

        let held = b"x\n1\nAAAA\n\n\xe2\x80\x94 x AAAAAAAA\n".to_vec();
        let foreign = Attending::begin(&scene.exchange, nsc, Manner::Honest, held).await;
        assert_eq!(foreign.unwrap_err().kind, Kind::BadSignature);

        scene.arrive(&["NSC"]).await;
        let older = scene.attending.remove("NSC").unwrap();
        scene.arrive(&["NSC"]).await;
        assert_eq!(older.ended().await.unwrap().kind, Kind::Unavailable, "the newer stays");
        let revoke = ["revoke", "agency/NSC", "--reason", "key lost"];
        scene.exchange.gateway(&revoke).unwrap().expect_code(0).unwrap();
        let revoked = scene.attending.remove("NSC").unwrap().ended().await.unwrap();
        assert_eq!(revoked.kind, Kind::NotEnrolled, "{revoked:?}");
    });
}
