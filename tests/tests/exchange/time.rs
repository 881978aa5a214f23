//! The journal's time never runs backwards, whatever the machine's clock does.

use std::{fs, path::Path, process::Command};

use birge_proto::clock::Timestamp;
use birge_tests::{exchange::Exchange, template::not_tried};

use crate::support::{accepted, block_on, records, stop_and_verify, submit, year};

/// The command under a clock whose offset stands in `file` and may change at any time.
fn with_offset(command: &Command, library: &str, file: &Path) -> Command {
    let mut wrapped = Command::new(command.get_program());
    wrapped.args(command.get_args());
    wrapped.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", file);
    wrapped.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    wrapped
}

/// Where libfaketime lies, if it is installed.
fn library() -> Option<String> {
    let folders = ["/usr/lib/x86_64-linux-gnu/faketime", "/usr/lib/aarch64-linux-gnu/faketime"];
    let paths = folders.map(|folder| format!("{folder}/libfaketimeMT.so.1"));
    paths.into_iter().find(|path| Path::new(path).exists())
}

#[test]
fn a_clock_that_steps_back_does_not_turn_the_journals_time() {
    let Some(library) = library() else {
        return not_tried("a clock that steps back (faketime is not installed)");
    };
    let mut exchange = Exchange::start().unwrap();
    let nsc = exchange.node("agency/NSC").unwrap();
    let auditor = exchange.node("auditor/COA").unwrap();
    exchange.stop().unwrap().expect_code(0).unwrap();
    let offset = exchange.dir().join("offset");
    let step = |text: &str| {
        let part = offset.with_extension("part");
        fs::write(&part, text).unwrap();
        fs::rename(part, &offset).unwrap();
    };
    step("+2h");
    exchange.serve_by(|command| with_offset(&command, &library, &offset)).unwrap();
    block_on(submit(&exchange, &nsc, &year(2020, 100))).unwrap();
    step("+1h");
    block_on(submit(&exchange, &nsc, &year(2021, 100))).unwrap();
    stop_and_verify(&mut exchange);

    step("+0h");
    exchange.serve_by(|command| with_offset(&command, &library, &offset)).unwrap();
    block_on(submit(&exchange, &nsc, &year(2022, 100))).unwrap();
    let records = block_on(records(&exchange, &auditor));
    let times: Vec<Timestamp> = records.values().map(|record| record.time).collect();
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(accepted(&records, "agency/NSC"), 3);
    stop_and_verify(&mut exchange);
}
