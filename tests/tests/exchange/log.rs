//! Others' tools accept the log: an independent implementation of its formats.

use std::{path::Path, process::Command};

use birge_proto::{envelope::sha256, record::Opening};
use birge_tests::{binaries::workspace, exchange::Exchange, process::Process, template::not_tried};
use serde_json::Value;

use crate::support::{block_on, place, submit, trafficking, year};

fn verifier() -> Option<std::path::PathBuf> {
    let program = workspace().join("target/verifiers/bin/aics-tlog");
    program.exists().then_some(program)
}

#[test]
fn an_independent_verifier_accepts_checkpoint_and_inclusion() {
    let Some(program) = verifier() else {
        return not_tried("the independent verifier (aics-tlog is not installed)");
    };
    let mut exchange = Exchange::start().unwrap();
    let nsc = exchange.node("agency/NSC").unwrap();
    let mia = exchange.node("agency/MIA").unwrap();
    let answer = block_on(async {
        submit(&exchange, &mia, &trafficking()).await.unwrap();
        submit(&exchange, &nsc, &year(2024, 100)).await.unwrap()
    });
    exchange.stop().unwrap().expect_code(0).unwrap();
    let enrolled: Value = serde_json::from_slice(&std::fs::read(nsc.enrolled()).unwrap()).unwrap();
    let log_key = enrolled["logKey"].as_str().unwrap();
    let ledger = exchange.ledger();
    let run = |arguments: &[&str], tiles: &Path| {
        let mut command = Command::new(&program);
        command.args(arguments).arg("--tiles").arg(tiles).args(["--log-key", log_key]);
        Process::spawn("aics-tlog", &mut command).unwrap().wait_end().unwrap()
    };
    run(&["verify-checkpoint"], &ledger).expect_code(0).unwrap();
    let index = place(&answer).to_string();
    let receipt = answer.receipt.unwrap();
    let leaf = Opening::from_bytes(&receipt.opening).unwrap().leaf(&receipt.record);
    let hash = hex::encode(sha256(&[&[0], &leaf[..]].concat()));
    let included = ["verify-inclusion", "--index", &index, "--leaf-hash", &hash];
    run(&included, &ledger).expect_code(0).unwrap();
    let other = "0".repeat(64);
    let absent = ["verify-inclusion", "--index", &index, "--leaf-hash", &other];
    assert_ne!(run(&absent, &ledger).code, Some(0), "the verifier accepts anything");
}
