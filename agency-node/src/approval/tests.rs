use std::{fs, path::Path};

use birge_proto::{
    envelope::SigningKey,
    letter::Letter,
    manifest::{Action, Manifest},
};
use birge_schemas::finding::Code;

use super::*;
use crate::{
    approver::Act,
    batch::Said,
    handin::{
        self, Given as File, Taken,
        tests::{CSV, node},
    },
    outbox::{State, file::BatchFile},
};

/// A node that signs nothing without the approval of the head, and the head's key.
fn guarded(folder: &Path) -> (Node, SigningKey) {
    let mut node = node(&folder.join("mia"));
    node.config.approval.required = true;
    let head = SigningKey::generate().unwrap();
    named(&node, "head of the department", &head);
    (node, head)
}

fn named(node: &Node, office: &str, key: &SigningKey) {
    let own = credentials::signing_key(&node.home, node.identity()).unwrap();
    let mut register = Register::load(&node.home).unwrap();
    let signed = (&own, node.clock.now());
    let key = key.verifying_key();
    register.add(&node.home, Act::Named, (office, &key), "order 12", signed).unwrap();
}

/// Drops a file into the inbox; the batch that waits then.
fn prepare(node: &Node, name: &str, text: &str) -> Prepared {
    let path = node.home.join("inbox").join(name);
    fs::write(&path, text).unwrap();
    let Taken::Prepared(batch) = handin::take(node, &path).unwrap() else { panic!("prepared") };
    prepared::named(&node.home, &batch.to_string()).unwrap()
}

fn queued(node: &Node) -> Vec<BatchFile> {
    let entries = node.outbox.entries(State::Queued).unwrap();
    entries.iter().map(|entry| BatchFile::open(&entry.path).unwrap()).collect()
}

#[test]
fn article_5_1_nothing_is_signed_before_it_is_approved() {
    let folder = tempfile::tempdir().unwrap();
    let (node, head) = guarded(folder.path());
    let waits = prepare(&node, "a.csv", CSV);
    assert!(queued(&node).is_empty());
    let file = BatchFile::open(&waits.path).unwrap();
    assert!(file.header.signature.is_empty() && file.manifest.approved_by.is_empty());
    // The same again, under whatever name, is the same batch.
    let again = node.home.join("inbox/b.csv");
    fs::write(&again, CSV).unwrap();
    assert_eq!(handin::take(&node, &again).unwrap(), Taken::Already(waits.batch));

    let stranger = SigningKey::generate().unwrap();
    let failure = approve(&node, &waits, &stranger, None).unwrap_err().to_string();
    assert!(failure.contains("may not approve"), "{failure}");
    assert!(queued(&node).is_empty());

    let batch = approve(&node, &waits, &head, None).unwrap();
    let [file] = &queued(&node)[..] else { panic!("one") };
    assert_eq!(BatchId::of(&file.header.manifest), batch);
    assert_eq!(file.manifest.approved_by, "head of the department");
    let own = credentials::signing_key(&node.home, node.identity()).unwrap().verifying_key();
    let letter = file.header.letter.as_ref().unwrap();
    let letter = Letter::verify(letter, batch, &file.manifest, &own).unwrap();
    assert_eq!(letter.approval.unwrap().verify(batch), Ok(head.verifying_key()));
    let failure = approve(&node, &waits, &head, None).unwrap_err().to_string();
    assert!(failure.contains("waits no more"), "{failure}");
    assert_eq!(
        handin::take(&node, &{
            fs::write(&again, CSV).unwrap();
            again
        })
        .unwrap(),
        Taken::Already(batch)
    );
}

#[test]
fn a_crash_once_it_is_queued_queues_it_once() {
    let folder = tempfile::tempdir().unwrap();
    let (node, head) = guarded(folder.path());
    let waits = prepare(&node, "a.csv", CSV);
    let kept = fs::read(&waits.path).unwrap();
    let batch = approve(&node, &waits, &head, None).unwrap();
    fs::write(&waits.path, kept).unwrap();
    assert_eq!(approve(&node, &waits, &head, None).unwrap(), batch);
    assert_eq!((queued(&node).len(), prepared::all(&node.home).unwrap().len()), (1, 0));
}

#[test]
fn what_waits_for_the_same_periods_is_approved_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let (node, head) = guarded(folder.path());
    let first = prepare(&node, "a.csv", CSV);
    let second = prepare(&node, "b.csv", &CSV.replace(",17,", ",18,").replace(",A,A,", ",R,A,"));
    let failure = approve(&node, &second, &head, None).unwrap_err().to_string();
    assert!(failure.contains(&first.batch.to_string()), "{failure}");
    let one = approve(&node, &first, &head, None).unwrap();
    approve(&node, &second, &head, None).unwrap();
    let [_, revision] = &queued(&node)[..] else { panic!("two") };
    assert_eq!((revision.manifest.action, revision.manifest.revises), (Action::Replace, Some(one)));
}

#[test]
fn what_is_sent_back_lies_under_rejected_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let (node, head) = guarded(folder.path());
    let waits = prepare(&node, "a.csv", CSV);
    assert!(send_back(&node, &waits, " ").is_err());
    let to = send_back(&node, &waits, "the total of Osh is last year's").unwrap();
    assert_eq!(fs::read_to_string(&to).unwrap(), CSV);
    let report = fs::read_to_string(home::with_ending(&to, home::REPORT)).unwrap();
    assert!(report.contains("total of Osh"), "{report}");
    assert!(prepared::all(&node.home).unwrap().is_empty() && queued(&node).is_empty());
    // The same, handed in once more, is prepared anew.
    let again = prepare(&node, "a.csv", CSV);
    approve(&node, &again, &head, None).unwrap();
}

#[test]
fn an_approver_elsewhere_approves_the_very_batch() {
    let folder = tempfile::tempdir().unwrap();
    let (node, _) = guarded(folder.path());
    let file = KeyFile::make("deputy", "a long passphrase").unwrap();
    let key = file.open("a long passphrase").unwrap();
    named(&node, "deputy", &key);
    let waits = prepare(&node, "a.csv", CSV);
    let [asked, given] = ["asked.batch", "approval.json"].map(|name| folder.path().join(name));
    ask(&node, &waits, &asked).unwrap();
    let shown = sign(&asked, None, &given).unwrap().text;
    assert!(shown.contains("TRAFFICKING of MIA for 2023") && shown.contains("17"), "{shown}");
    assert!(shown.contains("SEX_SPLIT_EXPLAINED, 1 times: not justified"), "{shown}");
    assert!(!given.exists());

    // As `sign` does with the key.
    let draft = Prepared::open(&asked).unwrap().draft().unwrap();
    let sign_as = |office: &str| {
        let batch = draft.clone().approved(office).unwrap().id().unwrap();
        let approval = Signature::sign(batch, office, &key);
        let given_json = Given { prepared: waits.batch, approval };
        fs::write(&given, serde_json::to_vec(&given_json).unwrap()).unwrap();
        use_approval(&node, &given)
    };
    let failure = sign_as("minister").unwrap_err().to_string();
    assert!(failure.contains("as the deputy"), "{failure}");
    let batch = sign_as("deputy").unwrap();
    let [file] = &queued(&node)[..] else { panic!("one") };
    assert_eq!(BatchId::of(&file.header.manifest), batch);
}

#[test]
fn an_approval_is_asked_for_anew_where_what_stands_changed() {
    let folder = tempfile::tempdir().unwrap();
    let (node, head) = guarded(folder.path());
    let first = prepare(&node, "a.csv", CSV);
    let asked = folder.path().join("asked.batch");
    let second = {
        let batch = approve(&node, &first, &head, None).unwrap();
        let second =
            prepare(&node, "b.csv", &CSV.replace(",17,", ",18,").replace(",A,A,", ",R,A,"));
        ask(&node, &second, &asked).unwrap();
        assert_eq!(Prepared::open(&asked).unwrap().manifest.revises, Some(batch));
        second
    };
    let draft = Prepared::open(&asked).unwrap().draft().unwrap();
    let draft = draft.approved("head of the department").unwrap();
    let approval = Signature::sign(draft.id().unwrap(), "head of the department", &head);
    // Meanwhile the first is refused, so that the second would revise nothing.
    let entry = node.outbox.entries(State::Queued).unwrap().remove(0);
    node.outbox.reject(&entry).unwrap();
    let given = folder.path().join("approval.json");
    let given_json = Given { prepared: second.batch, approval };
    fs::write(&given, serde_json::to_vec(&given_json).unwrap()).unwrap();
    let failure = use_approval(&node, &given).unwrap_err().to_string();
    assert!(failure.contains("ask again"), "{failure}");
    assert_eq!(prepared::all(&node.home).unwrap().len(), 1, "it waits still");
}

#[test]
fn why_a_warning_is_right_is_shown_to_the_approver_and_goes_with_the_batch() {
    let folder = tempfile::tempdir().unwrap();
    let (node, head) = guarded(folder.path());
    let path = node.home.join("a.csv");
    fs::write(&path, CSV).unwrap();
    fs::write(
        node.home.join("a.csv.batch.toml"),
        "[justify]\nSEX_SPLIT_EXPLAINED = \"the register has no sex\"\nCHANGE_LARGE = \"raids\"\n",
    )
    .unwrap();
    let batch = handin::check(&node, &File::of_inbox(&path), Said::default()).unwrap().batch;
    handin::queue(&node, batch.unwrap(), "a.csv".into(), false).unwrap();
    let waits = prepared::all(&node.home).unwrap().remove(0);
    let (text, _) = show::told(&node.structures, &waits, &waits.draft().unwrap()).unwrap();
    assert!(text.contains("SEX_SPLIT_EXPLAINED, 1 times: the register has no sex"), "{text}");
    assert!(text.contains("CHANGE_LARGE, should the gateway find it: raids"), "{text}");
    approve(&node, &waits, &head, None).unwrap();
    let header = queued(&node).remove(0).header;
    let manifest = Manifest::parse(&header.manifest).unwrap();
    let own = credentials::signing_key(&node.home, node.identity()).unwrap().verifying_key();
    let batch = BatchId::of(&header.manifest);
    let letter = Letter::verify(&header.letter.unwrap(), batch, &manifest, &own).unwrap();
    assert_eq!(letter.justifications[Code::ChangeLarge.as_str()], "raids");
}
