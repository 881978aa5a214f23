//! The demonstration tells its story, and a second time does nothing twice.

use std::process::Command;

use birge_tests::{binaries::binaries, country, process::Process, watch};
use serde_json::Value;

fn demo(dir: &std::path::Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
    command.args(["--once", "--dir"]).arg(dir);
    let output = Process::spawn("demo", &mut command).unwrap().wait_end().unwrap();
    output.expect_code(0).unwrap().stdout
}

#[test]
fn the_demonstration_ends_well_twice() {
    if country::model_only("the_demonstration_ends_well_twice") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let first = demo(dir.path());
    assert!(first.contains("6(5)"), "{first}");
    let receipts = |dir| {
        let files = watch::files_below(dir);
        files.into_iter().filter(|file| file.to_string_lossy().contains("/receipts/")).count()
    };
    let before = receipts(dir.path());
    let second = demo(dir.path());
    assert!(second.contains("already accepted before"), "{second}");
    assert_eq!(receipts(dir.path()), before);
    for path in ["gateway/gateway.toml", "nodes/nsc/node.toml", "nodes/sbs/node.toml"] {
        assert!(dir.path().join(path).exists(), "{path}");
    }
    // Of all these real figures nothing that is withheld can be told.
    let mut gateway = Command::new(&binaries().unwrap().gateway);
    gateway.args(["verify", "--disclosure", "--output", "json", "--config"]);
    gateway.arg(dir.path().join("gateway/gateway.toml"));
    let verified = Process::spawn("verify", &mut gateway).unwrap().wait_end().unwrap();
    let found: Value = serde_json::from_str(&verified.expect_code(0).unwrap().stdout).unwrap();
    assert!(found["attacked"].as_u64() > Some(50), "{found}");
    assert_eq!((&found["unattacked"], &found["contradictory"]), (&0.into(), &0.into()), "{found}");
}
