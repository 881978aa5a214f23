//! What a node tells of itself to whoever has to keep it running.

use std::{fs, process::Command};

use birge_tests::{
    binaries::{binaries, workspace},
    exchange::Exchange,
    node::Node,
    template::not_tried,
};
use serde_json::Value;

/// The checks of `agency-node doctor` by what they look at, and its exit code.
fn doctor(node: &Node) -> (Option<i32>, Value) {
    let output = node.command(&["doctor", "--output", "json"]).unwrap();
    (output.code, serde_json::from_str(&output.stdout).unwrap())
}

fn states(answer: &Value) -> Vec<(&str, &str)> {
    let checks = answer["checks"].as_array().unwrap().iter();
    checks.map(|it| (it["what"].as_str().unwrap(), it["state"].as_str().unwrap())).collect()
}

#[test]
fn a_node_that_works_is_told_from_one_whose_gateway_is_away() {
    let mut exchange = Exchange::start().unwrap();
    let mia = exchange.node("agency/MIA").unwrap();
    let (code, answer) = doctor(&mia);
    assert_eq!(code, Some(0), "{answer:#}");
    for what in ["folder", "keys", "clock", "enrolment", "certificate", "name", "gateway"] {
        assert!(states(&answer).contains(&(what, "fine")), "{what}: {answer:#}");
    }
    exchange.stop().unwrap();
    let (code, answer) = doctor(&mia);
    assert_eq!(code, Some(1), "{answer:#}");
    assert!(states(&answer).contains(&("name", "wrong")), "{answer:#}");
    assert!(states(&answer).contains(&("certificate", "fine")), "{answer:#}");
    let next = answer["checks"].as_array().unwrap().iter().filter(|it| it["state"] == "wrong");
    assert!(next.clone().all(|it| it["next"].as_str().is_some_and(|next| !next.is_empty())));
    assert!(next.count() > 0);
}

/// The services as they ship are what systemd takes, but for where the programs lie.
#[test]
fn the_units_are_what_systemd_takes() {
    let folder = tempfile::tempdir().unwrap();
    let binaries = binaries().unwrap();
    for (name, program, from) in [
        ("birge-agency-node.service", &binaries.node, "/usr/local/bin/agency-node"),
        ("birge-gateway.service", &binaries.gateway, "/usr/local/bin/gateway"),
    ] {
        let unit = fs::read_to_string(workspace().join("deploy/systemd").join(name)).unwrap();
        assert!(unit.contains(from), "{name}");
        let unit = unit.replace(from, program.to_str().unwrap());
        let file = folder.path().join(name);
        fs::write(&file, unit).unwrap();
        let mut analyze = Command::new("systemd-analyze");
        let Ok(output) = analyze.args(["verify", "--man=no"]).arg(&file).output() else {
            not_tried("systemd's own look at the units: systemd-analyze is not installed");
            return;
        };
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let about = said.lines().filter(|line| line.contains(name)).collect::<Vec<_>>();
        assert!(about.is_empty(), "{about:?}");
    }
}
