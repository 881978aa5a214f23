//! Certificates are renewed before they end, without a restart, and after a long absence.

use std::fs;

use birge_tests::{
    exchange::Exchange,
    node::Node,
    process::{Output, Process},
    template::{self, not_tried},
    watch,
};

use crate::clock::{library, with_offset};

/// An exchange and a node of it, all of whose clocks are moved together.
struct Moved {
    exchange: Exchange,
    mia: Node,
    coa: Node,
    library: String,
}

impl Moved {
    fn new() -> Option<Self> {
        let Some(library) = library() else {
            not_tried("certificates that end (faketime is not installed)");
            return None;
        };
        let mut exchange = Exchange::start().unwrap();
        let mia = exchange.node("agency/MIA").unwrap();
        let coa = exchange.node("auditor/COA").unwrap();
        exchange.stop().unwrap().expect_code(0).unwrap();
        Some(Self { exchange, mia, coa, library })
    }

    /// Moves the clocks: `+380d`.
    fn to(&self, offset: &str) {
        let file = self.exchange.dir().join("offset");
        let part = file.with_extension("part");
        fs::write(&part, offset).unwrap();
        fs::rename(part, file).unwrap();
    }

    fn serve(&mut self) {
        let file = self.exchange.dir().join("offset");
        let library = self.library.clone();
        self.exchange.serve_by(|command| with_offset(&command, &library, &file)).unwrap();
    }

    /// Begins a command of the ministry's node.
    fn begin(&self, arguments: &[&str]) -> Process {
        self.begin_of(&self.mia, arguments)
    }

    /// Begins a command of a node.
    fn begin_of(&self, node: &Node, arguments: &[&str]) -> Process {
        let command = node.program(arguments).unwrap();
        let file = self.exchange.dir().join("offset");
        Process::spawn("agency-node", &mut with_offset(&command, &self.library, &file)).unwrap()
    }

    /// A command of the operator.
    fn operator(&self, arguments: &[&str]) -> Output {
        let mut command =
            std::process::Command::new(birge_tests::binaries::binaries().unwrap().gateway.clone());
        command.args(arguments).arg("--config").arg(self.exchange.config());
        let file = self.exchange.dir().join("offset");
        let mut command = with_offset(&command, &self.library, &file);
        Process::spawn("gateway", &mut command).unwrap().wait_end().unwrap()
    }

    /// Waits until the node's certificate is another than this.
    fn renewed(&self, before: &[u8]) {
        watch::until(self.mia.dir(), "another certificate", || {
            Ok((fs::read(self.mia.enrolled())? != before).then_some(()))
        })
        .unwrap();
    }
}

#[test]
fn a_certificate_is_renewed_before_it_ends_and_after_a_long_absence() {
    let Some(mut moved) = Moved::new() else { return };
    let figures = template::demonstration("mia/TRAFFICKING.csv").unwrap();
    let first = fs::read(moved.mia.enrolled()).unwrap();

    // Weeks before the end, while the node runs.
    moved.to("+380d");
    moved.serve();
    let run = moved.begin(&["run"]);
    moved.renewed(&first);
    run.stop().unwrap().expect_code(0).unwrap();
    moved.exchange.stop().unwrap().expect_code(0).unwrap();

    // Years after the end of each certificate.
    let second = fs::read(moved.mia.enrolled()).unwrap();
    moved.to("+2000d");
    moved.serve();
    let run = moved.begin(&["run"]);
    moved.renewed(&second);
    moved.mia.hand_in("TRAFFICKING.csv", figures.as_bytes()).unwrap();
    moved.mia.wait_receipts(1).unwrap();
    run.stop().unwrap().expect_code(0).unwrap();
    let again = moved.begin(&["renew"]).wait_end().unwrap().expect_code(1).unwrap();
    assert!(again.stderr.contains("less than a day"), "{}", again.stderr);
    moved.to("+2002d");
    moved.begin(&["renew"]).wait_end().unwrap().expect_code(0).unwrap();

    // Who is revoked stays out, and the operator can still say so.
    let expected = fs::read(moved.mia.enrolled()).unwrap();
    moved.operator(&["revoke", "agency/MIA", "--reason", "closed"]).expect_code(0).unwrap();
    let refused = moved.begin(&["renew"]).wait_end().unwrap().expect_code(1).unwrap();
    assert!(refused.stderr.contains("enrolled"), "{}", refused.stderr);
    assert_eq!(fs::read(moved.mia.enrolled()).unwrap(), expected, "what works stays");

    // All of it is on record, and the log holds.
    let records = ["audit", "records", "--kind", "certificate-renewed"];
    moved.begin_of(&moved.coa, &["renew"]).wait_end().unwrap().expect_code(0).unwrap();
    let told = moved.begin_of(&moved.coa, &records).wait_end().unwrap().expect_code(0).unwrap();
    for who in ["agency/MIA, the certificate", "operator/BIRGE, the certificate"] {
        assert!(told.stdout.matches(who).count() >= 2, "{who}\n{}", told.stdout);
    }
    moved.exchange.stop().unwrap().expect_code(0).unwrap();
    moved.exchange.gateway(&["verify"]).unwrap().expect_code(0).unwrap();
}
