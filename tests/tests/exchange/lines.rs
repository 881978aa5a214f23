//! Whatever happens to a node or to its line, every batch arrives once, and in order.

use std::time::Duration;

use birge_proto::record::Event;
use birge_tests::{
    batch, country,
    exchange::Exchange,
    line::{Line, Slow},
    node::Node,
    process::Process,
    template::not_tried,
    watch,
};

use crate::support::{accepted, block_on, deep, records, stock_csv};

/// The national statistics office's figures of one year, as its node takes them.
fn figures(year: usize) -> String {
    stock_csv(year, [120, 130, 250].map(|value| value * year))
}

/// Every batch of the statistics office that was accepted, by its period, in order.
fn periods(exchange: &Exchange) -> Vec<usize> {
    let auditor = exchange.node("auditor/COA").unwrap();
    let records = block_on(records(exchange, &auditor));
    let periods = records.values().filter_map(|record| match &record.event {
        Event::SubmissionAccepted { periods, .. } => Some(periods.concat().parse().unwrap()),
        _ => None,
    });
    periods.collect()
}

/// Numbers that look random and are the same each time (a linear congruential generator).
struct Moments(u64);

impl Moments {
    /// A number from 1 to `most`.
    fn next(&mut self, most: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        1 + (self.0 >> 33) as usize % most
    }
}

/// How often something is done to a node: under the second decree, which changes nothing here,
/// a few times only.
fn rounds(more: usize) -> usize {
    match (country::folder().is_some(), deep()) {
        (true, _) => 5,
        (_, true) => more,
        (_, false) => 50,
    }
}

/// So many changes in its folder a node makes from its start until a receipt is filed, about.
const CHANGES: usize = 60;
/// The first of as many years as there are rounds, all of them past.
const FIRST: usize = 1800;

#[test]
fn a_node_killed_again_and_again_hands_in_every_batch_once_and_in_order() {
    let exchange = Exchange::start().unwrap();
    let nsc = exchange.node("agency/NSC").unwrap();
    let rounds = rounds(200);
    let mut moments = Moments(1);
    for round in 0..rounds {
        let mut process: Option<Process> = None;
        let start = || {
            nsc.hand_in(&format!("{:04}.csv", FIRST + round), figures(FIRST + round).as_bytes())?;
            process = Some(nsc.spawn(&["run"])?);
            Ok(())
        };
        let done = || nsc.receipts().len() > round;
        watch::changes(nsc.dir(), moments.next(CHANGES), start, done).unwrap();
        process.unwrap().kill().unwrap();
    }
    let process = nsc.run().unwrap();
    nsc.wait_receipts(rounds).unwrap();
    process.stop().unwrap().expect_code(0).unwrap();
    assert_eq!(periods(&exchange), (FIRST..FIRST + rounds).collect::<Vec<_>>());
    assert_eq!(watch::files_below(&nsc.rejected()), Vec::<std::path::PathBuf>::new());
}

/// What was submitted while the gateway was away waits in the outbox. The node that runs is told
/// of it by nobody, and sends it all the same.
#[test]
fn a_running_node_sends_what_another_process_has_queued() {
    let exchange = Exchange::start().unwrap();
    let nsc = exchange.node("agency/NSC").unwrap();
    nsc.set("inbox", "scan_seconds", 1).unwrap();
    let process = nsc.run().unwrap();
    nsc.hand_in("first.csv", figures(FIRST).as_bytes()).unwrap();
    nsc.wait_receipts(1).unwrap();
    // This process knows an address at which nobody is.
    nsc.set("gateway", "url", "https://localhost:1").unwrap();
    nsc.set("gateway", "connect_timeout_seconds", 1).unwrap();
    let file = nsc.dir().join("second.csv");
    std::fs::write(&file, figures(FIRST + 1)).unwrap();
    nsc.command(&["submit", file.to_str().unwrap()]).unwrap().expect_code(3).unwrap();
    nsc.wait_receipts(2).unwrap();
    process.stop().unwrap().expect_code(0).unwrap();
    assert_eq!(periods(&exchange), [FIRST, FIRST + 1]);
}

#[test]
fn a_gateway_that_is_away_again_and_again_gets_every_batch_once_and_in_order() {
    let exchange = Exchange::start().unwrap();
    let nsc = exchange.node("agency/NSC").unwrap();
    let line = Line::to(exchange.address()).unwrap();
    through(&nsc, &line);
    // Cut so often without a word in between, the node would wait for minutes at the end.
    nsc.set("retry", "longest_seconds", 2).unwrap();
    let process = nsc.run().unwrap();
    let rounds = rounds(200);
    let mut moments = Moments(2);
    for round in 0..rounds {
        let year = FIRST + round;
        let hand_in = || nsc.hand_in(&format!("{year}.csv"), figures(year).as_bytes());
        // Cut while a batch is under way, or before it comes.
        line.cut_after(moments.next(4_000) as u64);
        watch::changes(nsc.dir(), moments.next(8), hand_in, || false).unwrap();
        line.cut();
        line.mend();
    }
    // Each takes a checkpoint of its own.
    for count in (0..=rounds).step_by(rounds.min(25)) {
        nsc.wait_receipts(count).unwrap();
    }
    process.stop().unwrap().expect_code(0).unwrap();
    assert_eq!(periods(&exchange), (FIRST..FIRST + rounds).collect::<Vec<_>>());
    assert_eq!(watch::files_below(&nsc.rejected()), Vec::<std::path::PathBuf>::new());
}

/// Has a node go over a line.
fn through(node: &Node, line: &Line) {
    node.set("gateway", "url", format!("https://localhost:{}", line.port())).unwrap();
}

/// So many observations, as the node takes them.
fn bulk(first: u16, rows: usize) -> String {
    let text = batch::large_csv(first..first + 4, rows).unwrap();
    text.replacen("STRUCTURE_ID", "STRUCTURE,STRUCTURE_ID,ACTION", 1)
        .replace("\nBIRGE:MIG_STOCK(1.0.0),", "\ndataflow,BIRGE:MIG_STOCK(1.0.0),A,")
}

#[test]
fn what_came_over_a_line_that_broke_is_not_sent_again() {
    let exchange = Exchange::start().unwrap();
    let nsc = exchange.node("agency/NSC").unwrap();
    let line = Line::to(exchange.address()).unwrap();
    through(&nsc, &line);
    let process = nsc.run().unwrap();
    nsc.hand_in("whole.csv", bulk(2000, 100_000).as_bytes()).unwrap();
    nsc.wait_receipts(1).unwrap();
    let whole = line.sent();
    line.cut_after(whole * 3 / 4);
    nsc.hand_in("broken.csv", bulk(2010, 100_000).as_bytes()).unwrap();
    watch::until_within(Duration::from_secs(60), nsc.dir(), "the line to break", || {
        Ok(line.is_cut().then_some(()))
    })
    .unwrap();
    // That something is only asked meanwhile pushes nothing out.
    let direct = nsc.dir().join("direct.toml");
    let there = format!("localhost:{}", exchange.address().port());
    let config = std::fs::read_to_string(nsc.config()).unwrap();
    let config = config.replace(&format!("localhost:{}", line.port()), &there);
    std::fs::write(&direct, config).unwrap();
    let asked = nsc.dir().join("asked.csv");
    std::fs::write(&asked, figures(1990)).unwrap();
    let mut command = std::process::Command::new(nsc.program(&[]).unwrap().get_program());
    command.arg("submit").arg(&asked).args(["--dry-run", "--config"]).arg(&direct);
    Process::spawn("dry run", &mut command).unwrap().wait_end().unwrap().expect_code(0).unwrap();
    let before = line.sent();
    line.mend();
    nsc.wait_receipts(2).unwrap();
    let again = line.sent() - before;
    assert!(again < whole / 2, "{again} bytes were sent again of {whole}");
    process.stop().unwrap().expect_code(0).unwrap();
    let auditor = exchange.node("auditor/COA").unwrap();
    assert_eq!(accepted(&block_on(records(&exchange, &auditor)), "agency/NSC"), 2);
}

/// How long anything on a slow line may take.
const PATIENCE: Duration = Duration::from_secs(20 * 60);
/// Bytes on the line when about half of the batch has come.
const HALF: u64 = 80_000;

/// A line of 64 kbit/s on which a packet takes 1.5 s there and back, and every tenth is lost.
#[test]
fn a_large_batch_arrives_over_a_slow_line_though_its_node_is_killed_under_way() {
    let (name, rows) = ("a large batch over a slow line", 100_000);
    if !deep() {
        return not_tried(&format!("{name} (takes minutes: tests/run --deep)"));
    }
    let slow = match Slow::new(64_000, 0.75, 0.1) {
        Ok(slow) => slow,
        Err(error) => return not_tried(&format!("{name} ({error})")),
    };
    let mut exchange = Exchange::start_as(&["--server-name", Slow::FAR]).unwrap();
    let nsc = exchange.node("agency/NSC").unwrap();
    let auditor = exchange.node("auditor/COA").unwrap();
    exchange.stop().unwrap().expect_code(0).unwrap();
    let far = format!("{}:{}", Slow::FAR, exchange.address().port());
    exchange.listen(&far).unwrap();
    exchange.serve_by(|command| slow.far(&command)).unwrap();
    nsc.set("gateway", "url", format!("https://{far}")).unwrap();
    // Else the system would send all of it, though the node is gone.
    nsc.set("gateway", "upload_kbit_per_second", 48).unwrap();
    nsc.hand_in("large.csv", bulk(2000, rows).as_bytes()).unwrap();

    let run = || Process::spawn("agency-node", &mut slow.near(&nsc.program(&["run"]).unwrap()));
    let first = run().unwrap();
    watch::until_within(PATIENCE, nsc.dir(), "half of the batch to be sent", || {
        Ok((slow.sent().unwrap() > HALF).then_some(()))
    })
    .unwrap();
    first.kill().unwrap();
    let before = slow.sent().unwrap();
    let second = run().unwrap();
    watch::until_within(PATIENCE, nsc.dir(), "the receipt", || {
        Ok((!nsc.receipts().is_empty()).then_some(()))
    })
    .unwrap_or_else(|error| panic!("{error:#}\n{}", second.tail()));
    let again = slow.sent().unwrap() - before;
    assert!(second.tail().contains("going on with the others"), "{}", second.tail());
    println!("slow line: {before} bytes before the node was killed, {again} after");
    second.stop().unwrap().expect_code(0).unwrap();
    exchange.stop().unwrap().expect_code(0).unwrap();
    exchange.listen(&exchange.address().to_string()).unwrap();
    exchange.serve().unwrap();
    assert_eq!(accepted(&block_on(records(&exchange, &auditor)), "agency/NSC"), 1);
}
