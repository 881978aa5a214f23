//! What becomes of a batch that is handed over.

use birge_proto::wire::SubmitResponse;
use tonic::Status;

use super::*;
use crate::{
    handin::tests::node,
    node::Node,
    outbox::{State, file},
    output::Exit,
    receipt::tests::{record, respond, signer},
    testing::Authority,
};

/// A node with one batch queued, and what it is.
fn queued(folder: &std::path::Path) -> (Node, Entry, Manifest) {
    let node = node(&folder.join("mia"));
    let header = file::tests::header(&[]);
    let manifest = Manifest::parse(&header.manifest).unwrap();
    let entry = node.outbox.enqueue(&file::tests::slip("c"), header, vec![]).unwrap();
    (node, entry, manifest)
}

async fn deliver(
    node: &mut Node,
    entry: &Entry,
    server: &str,
    vkey: &str,
    answer: Result<SubmitResponse, Status>,
) -> Result<Delivery, Failure> {
    let authority = Authority::new();
    let port = authority.serve(server, vec![answer]).await;
    authority.enrol(node, vkey, port);
    node.publisher().unwrap().deliver(entry.clone()).await
}

#[tokio::test]
async fn a_batch_is_filed_with_its_receipt() {
    let folder = tempfile::tempdir().unwrap();
    let (mut node, entry, manifest) = queued(folder.path());
    let signer = signer();
    let answer = Ok(respond(&record(entry.batch, &manifest), &signer));
    let vkey = signer.verifier().to_string();
    let delivery = deliver(&mut node, &entry, "gateway/BIRGE", &vkey, answer).await.unwrap();
    assert!(matches!(delivery, Delivery::Accepted { .. }));
    assert!(node.outbox.waiting().unwrap().is_empty());
    assert_eq!(receipts::all(&node.home).unwrap()[0].batch, entry.batch);
    assert!(receipts::path(&node.home, entry.batch).with_extension("proof").exists());
    assert_eq!(node.link().unwrap().1.seen().unwrap().unwrap().1.size(), 1);
}

#[tokio::test]
async fn a_receipt_that_does_not_hold_is_not_filed() {
    let folder = tempfile::tempdir().unwrap();
    let (mut node, entry, manifest) = queued(folder.path());
    let answer = Ok(respond(&record(entry.batch, &manifest), &signer()));
    let vkey = signer().verifier().to_string();
    let failure = deliver(&mut node, &entry, "gateway/BIRGE", &vkey, answer).await.unwrap_err();
    assert_eq!(failure.exit(), Exit::Refused);
    assert!(receipts::all(&node.home).unwrap().is_empty());
    assert_eq!(node.outbox.entries(State::Sent).unwrap().len(), 1);
}

#[tokio::test]
async fn a_refused_batch_is_put_aside_and_a_retryable_problem_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (mut node, entry, _) = queued(folder.path());
    let vkey = signer().verifier().to_string();
    let stopping = Problem::new(Kind::Unavailable, "stopping").into();
    let failure =
        deliver(&mut node, &entry, "gateway/BIRGE", &vkey, Err(stopping)).await.unwrap_err();
    assert_eq!(failure.exit(), Exit::Unreachable);
    let entry = node.outbox.waiting().unwrap().remove(0);
    let refusal = Problem::new(Kind::NotPermitted, "no mandate").under(["4(1)".to_owned()]);
    let delivery =
        deliver(&mut node, &entry, "gateway/BIRGE", &vkey, Err(refusal.into())).await.unwrap();
    assert!(matches!(delivery, Delivery::Refused(_)));
    assert!(node.outbox.waiting().unwrap().is_empty());
    let report = node.home.join("rejected/a.csv.report.txt");
    assert!(std::fs::read_to_string(report).unwrap().contains("article 4(1)"));
}

#[tokio::test]
async fn a_refusal_is_told_in_the_node_s_language() {
    let folder = tempfile::tempdir().unwrap();
    let (mut node, entry, _) = queued(folder.path());
    node.config.language = Language::Tg;
    let vkey = signer().verifier().to_string();
    let detail = format!("the batch must name {} as revised", BatchId([7; 32]));
    let refusal = Problem::new(Kind::Stale, detail).under(["5(2)".to_owned()]);
    deliver(&mut node, &entry, "gateway/BIRGE", &vkey, Err(refusal.into())).await.unwrap();
    let report = std::fs::read_to_string(node.home.join("rejected/a.csv.report.txt")).unwrap();
    for part in [
        "бастаи ",
        "рад карда шуд [STALE]",
        "тибқи моддаи 5(2)",
        "чӣ бояд кард: барои иваз кардани он: --revises 0707",
        "хатоҳо: 0, огоҳиҳо: 0",
    ] {
        assert!(report.contains(part), "{part} is missing in {report}");
    }
}

#[tokio::test]
async fn a_batch_that_changes_nothing_does_not_wait_for_a_receipt() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = node(&folder.path().join("mia"));
    let mut header = file::tests::header(&[]);
    let manifest = String::from_utf8(header.manifest).unwrap();
    header.manifest = manifest.replace("Append", "Information").into_bytes();
    let entry = node.outbox.enqueue(&file::tests::slip("c"), header, vec![]).unwrap();
    Authority::new().enrol(&mut node, &signer().verifier().to_string(), 1);
    let delivery = node.publisher().unwrap().deliver(entry).await.unwrap();
    assert!(matches!(delivery, Delivery::Refused(_)));
    assert!(node.outbox.waiting().unwrap().is_empty());
    let report = std::fs::read_to_string(node.home.join("rejected/a.csv.report.txt")).unwrap();
    assert!(report.contains("changes nothing") && report.contains("ACTION A"), "{report}");
}

#[tokio::test]
async fn a_node_that_lost_its_outbox_is_told_how_to_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let (mut node, entry, _) = queued(folder.path());
    let current = BatchId([7; 32]);
    let detail = format!("the batch must name {current} as revised");
    let vkey = signer().verifier().to_string();
    let stale = Problem::new(Kind::Stale, detail).into();
    let delivery = deliver(&mut node, &entry, "gateway/BIRGE", &vkey, Err(stale)).await.unwrap();
    let Delivery::Refused(refusal) = delivery else { panic!("not refused") };
    let hint = format!("to take it over: --revises {current} --reason …");
    assert_eq!(refusal.problem.hints, [hint.as_str()]);
    let report = std::fs::read_to_string(node.home.join("rejected/a.csv.report.txt")).unwrap();
    assert!(report.contains(&hint), "{report}");
}

#[test]
fn only_a_current_batch_that_was_not_named_can_be_taken_over() {
    let (ours, current) = (BatchId([1; 32]), BatchId([2; 32]));
    let hints = |kind, detail: String| {
        with_way_out(Problem::new(kind, detail), Some(ours), Language::En).hints.concat()
    };
    let both = format!("the batch names {ours} as revised, but {current} is current");
    assert!(hints(Kind::Stale, both.clone()).contains(&current.to_string()));
    assert_eq!(hints(Kind::Stale, format!("{ours} is named, but nothing stands")), "");
    assert_eq!(hints(Kind::BadSignature, both), "");
}

#[tokio::test]
async fn another_participant_cannot_stand_in_for_the_gateway() {
    let folder = tempfile::tempdir().unwrap();
    let (mut node, entry, manifest) = queued(folder.path());
    let signer = signer();
    let answer = Ok(respond(&record(entry.batch, &manifest), &signer));
    let vkey = signer.verifier().to_string();
    let failure = deliver(&mut node, &entry, "agency/NSC", &vkey, answer).await.unwrap_err();
    assert_eq!(failure.exit(), Exit::Refused);
    assert!(failure.reply().aside.contains("not the gateway of"), "{failure}");
    assert!(receipts::all(&node.home).unwrap().is_empty());
}

#[tokio::test]
async fn a_gateway_that_trusts_another_authority_refuses_the_node() {
    let folder = tempfile::tempdir().unwrap();
    let (mut node, entry, _) = queued(folder.path());
    let (authority, other) = (Authority::new(), Authority::new());
    let vkey = signer().verifier().to_string();
    other.enrol(&mut node, &vkey, other.serve("gateway/BIRGE", vec![]).await);
    let enrolled = std::fs::read_to_string(node.home.join("enrolled.json")).unwrap();
    authority.enrol(&mut node, &vkey, 1);
    let own = std::fs::read_to_string(node.home.join("enrolled.json")).unwrap();
    let mut own: serde_json::Value = serde_json::from_str(&own).unwrap();
    let theirs: serde_json::Value = serde_json::from_str(&enrolled).unwrap();
    own["authority"] = theirs["authority"].clone();
    std::fs::write(node.home.join("enrolled.json"), own.to_string()).unwrap();
    let port = other.serve("gateway/BIRGE", vec![]).await;
    node.config.gateway.url = format!("https://localhost:{port}");
    let failure = node.publisher().unwrap().deliver(entry).await.unwrap_err();
    assert_eq!(failure.exit(), Exit::Refused, "{failure}");
    assert_eq!(node.outbox.entries(State::Sent).unwrap().len(), 1);
}

mod versions;
