use birge_proto::{
    manifest::Manifest,
    tlog::{cosignature::Cosigner, note::NoteSigner},
};

use super::*;
use crate::{
    handin::tests::node,
    node::Node,
    outbox::file,
    receipt::{
        grade::tests::{cosigned, two_witnesses},
        tests::{record, respond, signer},
    },
};

/// A node with one filed receipt, its batch, and the log's key.
fn filed(
    folder: &Path,
    by: impl Fn(&[Cosigner; 2]) -> Vec<&Cosigner>,
) -> (Node, BatchId, NoteSigner) {
    let node = node(&folder.join("mia"));
    let header = file::tests::header(&[]);
    let (batch, manifest) =
        (BatchId::of(&header.manifest), Manifest::parse(&header.manifest).unwrap());
    let log = signer();
    let (cosigners, policy) = two_witnesses(&log);
    let mut response = respond(&record(batch, &manifest), &log);
    response.receipt = Some(cosigned(&response, &by(&cosigners)));
    let (slip, now) = (file::tests::slip("c"), node.clock.now());
    let sent = receipt::Sent { identity: node.identity(), batch, manifest: &manifest, slip: &slip };
    let checked = receipt::check(sent, &response, &policy, now).unwrap();
    receipts::file(&node.home, &checked.filed, &checked.proof, &checked.policy).unwrap();
    (node, batch, log)
}

fn ask(receipt: impl fmt::Display) -> Prove {
    Prove { receipt: receipt.to_string(), policy: None, log_key: None }
}

#[test]
fn it_says_who_what_when_and_who_signed() {
    let folder = tempfile::tempdir().unwrap();
    let (node, batch, log) = filed(folder.path(), |both| both.iter().collect());
    let path = receipts::path(&node.home, batch);
    for receipt in [batch.to_string(), "0".into(), path.display().to_string()] {
        let reply = prove(&ask(receipt), &node.home).unwrap();
        assert_eq!((reply.exit, &reply.json["grade"]), (Exit::Done, &"witnessed".into()));
        for part in [
            "agency/MIA",
            "TRAFFICKING",
            "article 4(1) of decree 1",
            "by COA at 2026",
            "committed by 2026-01-03",
            "filed here with the receipt",
            "number 0",
            "not proved",
        ] {
            assert!(reply.text.contains(part), "{part}: {}", reply.text);
        }
    }
    let named = Prove { log_key: Some(log.verifier().to_string()), ..ask(batch) };
    assert!(prove(&named, &node.home).is_ok());
    let other = Prove { log_key: Some(signer().verifier().to_string()), ..ask(batch) };
    let refused = prove(&other, &node.home).unwrap_err().to_string();
    assert!(refused.contains("the log's signature"), "{refused}");
    assert_eq!(prove(&ask("7"), &node.home).unwrap_err().exit(), Exit::Usage);
}

/// Whoever makes up a receipt makes up the policy beside it too.
#[test]
fn a_policy_that_was_handed_over_with_the_receipt_counts_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (node, batch, log) = filed(folder.path(), |both| both.iter().collect());
    let handed = folder.path().join("handed");
    fs::create_dir(&handed).unwrap();
    let filed = receipts::path(&node.home, batch);
    for ending in ["json", "proof", "policy"] {
        let to = handed.join(format!("receipt.{ending}"));
        fs::copy(filed.with_extension(ending), to).unwrap();
    }
    let forged = ask(handed.join("receipt.json").display());
    assert_eq!(prove(&forged, &node.home).unwrap_err().exit(), Exit::Usage, "nobody's word");
    let enroll = |log: &NoteSigner| {
        let json = serde_json::json!({ "logKey": log.verifier().to_string() });
        fs::write(node.home.join("enrolled.json"), json.to_string()).unwrap();
    };
    enroll(&signer());
    assert_eq!(prove(&forged, &node.home).unwrap_err().exit(), Exit::Refused, "another log");
    enroll(&log);
    let reply = prove(&forged, &node.home).unwrap();
    assert_eq!(reply.json["grade"], "sequenced", "its witnesses are not this node's");
    assert!(reply.text.contains("this node's own"), "{}", reply.text);
    let named = Prove { policy: Some(filed.with_extension("policy")), ..forged };
    assert_eq!(prove(&named, &node.home).unwrap().json["grade"], "witnessed");
}

#[test]
fn too_few_witnesses_make_it_sequenced() {
    let folder = tempfile::tempdir().unwrap();
    let (node, batch, _) = filed(folder.path(), |both| vec![&both[1]]);
    let reply = prove(&ask(batch), &node.home).unwrap();
    assert_eq!(reply.json["grade"], "sequenced");
    assert!(reply.text.contains("not cosigned by COA"), "{}", reply.text);
}

#[test]
fn what_does_not_hold_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (node, batch, _) = filed(folder.path(), |both| both.iter().collect());
    let path = receipts::path(&node.home, batch);
    let breaks = |ending: &str, from: &str, to: &str, part: &str| {
        let file = path.with_extension(ending);
        let sound = fs::read_to_string(&file).unwrap();
        assert!(sound.contains(from), "{sound}");
        fs::write(&file, sound.replacen(from, to, 1)).unwrap();
        let failure = prove(&ask(batch), &node.home).unwrap_err();
        assert_eq!(failure.exit(), Exit::Refused);
        assert!(failure.to_string().contains(part), "{part}: {failure}");
        fs::write(&file, sound).unwrap();
    };
    breaks("json", "2023", "2022", "the record's place");
    breaks("json", "0707", "0708", "the record's place");
    breaks("json", "0707", "07", "the opening");
    breaks("proof", "index 0", "index 1", "the record's place");
    breaks("proof", "tlog-proof@v1", "tlog-proof@v2", "the proof's form");
    breaks("proof", "\n1\n", "\n2\n", "the log's signature");
    breaks("policy", "log ", "dog ", "the policy");
    fs::remove_file(path.with_extension("proof")).unwrap();
    assert_eq!(prove(&ask(batch), &node.home).unwrap_err().exit(), Exit::Usage);
}
