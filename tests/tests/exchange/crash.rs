//! No receipt before durability (promise 1); nothing lost, nothing twice, whenever a process
//! is killed.

use birge_proto::wire::{SubmitRequest, SubmitResponse};
use birge_tests::{
    batch::Signed, client::Client, exchange::Exchange, node::Node, process::Process, template,
    watch,
};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_stream::wrappers::ReceiverStream;

use crate::support::{
    accepted, block_on, bulky, deep, index, place, records, signed, stop_and_verify,
};

/// When the gateway is killed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Moment {
    /// After this share of the stream's parts was taken by the connection.
    Sent(f64),
    /// When the journal has grown by this share of the body.
    Written(f64),
    /// When the checkpoint that covers the batch is being published.
    Checkpoint,
    /// When the answer has come.
    Answered,
}

const MOMENTS: [Moment; 10] = [
    Moment::Sent(0.0),
    Moment::Sent(0.01),
    Moment::Sent(0.3),
    Moment::Sent(0.7),
    Moment::Sent(1.0),
    Moment::Written(0.0),
    Moment::Written(0.5),
    Moment::Written(1.0),
    Moment::Checkpoint,
    Moment::Answered,
];

pub(crate) type Answer = Result<SubmitResponse, birge_proto::problem::Problem>;

/// Begins a submission whose parts are handed over one by one.
pub(crate) async fn begin(
    exchange: &Exchange,
    node: &Node,
) -> (mpsc::Sender<SubmitRequest>, JoinHandle<Answer>) {
    let client = Client::of(node, exchange.address()).await.unwrap();
    let (sender, parts) = mpsc::channel(1);
    let answer = tokio::spawn(async move {
        let answer = client.intake().submit(ReceiverStream::new(parts)).await;
        answer
            .map(tonic::Response::into_inner)
            .map_err(|status| birge_proto::problem::Problem::from_status(&status))
    });
    (sender, answer)
}

/// Submits, and kills the gateway at the moment; the answer, if one came before.
async fn submit_and_kill(
    exchange: &mut Exchange,
    node: &Node,
    batch: &Signed,
    moment: Moment,
) -> Option<SubmitResponse> {
    let (sender, answer) = begin(exchange, node).await;
    let parts = batch.parts();
    let share = if let Moment::Sent(share) = moment { share } else { 1.0 };
    let count = (share * parts.len() as f64).ceil() as usize;
    let (journal, ledger) = (exchange.journal(), exchange.ledger());
    let before = watch::bytes_below(&journal);
    let checkpoint = std::fs::read(ledger.join("checkpoint")).unwrap();
    for part in parts.into_iter().take(count) {
        sender.send(part).await.unwrap();
    }
    let bytes = batch.bytes();
    let reached = tokio::task::spawn_blocking(move || match moment {
        Moment::Written(share) => watch::until(&journal, "the journal to grow", || {
            let grown = watch::bytes_below(&journal).saturating_sub(before);
            Ok((grown > 0 && grown as f64 >= share * bytes as f64).then_some(()))
        }),
        Moment::Checkpoint => watch::until(&ledger, "a new checkpoint", || {
            Ok((std::fs::read(ledger.join("checkpoint"))? != checkpoint).then_some(()))
        }),
        Moment::Sent(_) | Moment::Answered => Ok(()),
    });
    reached.await.unwrap().unwrap();
    if moment == Moment::Answered {
        drop(sender);
        let answer = answer.await.unwrap().unwrap();
        exchange.kill().unwrap();
        return Some(answer);
    }
    exchange.kill().unwrap();
    drop(sender);
    answer.await.unwrap().ok()
}

#[test]
fn a_gateway_killed_at_ten_moments_loses_nothing_and_does_nothing_twice() {
    let mut exchange = Exchange::start().unwrap();
    let nsc = exchange.node("agency/NSC").unwrap();
    let auditor = exchange.node("auditor/COA").unwrap();
    let rounds = if deep() { 5 } else { 1 };
    let moments = MOMENTS.iter().cycle().take(rounds * MOMENTS.len());
    for (round, moment) in moments.enumerate() {
        // Four years each, none of them delivered before.
        let batch = signed(&bulky(1000 + 4 * round as u16), &nsc);
        let before = block_on(submit_and_kill(&mut exchange, &nsc, &batch, *moment));
        exchange.gateway(&["verify"]).unwrap().expect_code(0).unwrap_or_else(|error| {
            panic!("{moment:?}: the journal does not verify after the kill: {error:#}")
        });
        exchange.serve().unwrap();
        block_on(async {
            let client = Client::of(&nsc, exchange.address()).await.unwrap();
            let again = client.submit(batch.parts()).await.unwrap();
            if let Some(before) = before {
                assert_eq!(place(&before), place(&again), "{moment:?}: another index");
            }
            let third = client.submit(batch.parts()).await.unwrap();
            assert_eq!(place(&again), place(&third), "{moment:?}");
            let accepted = accepted(&records(&exchange, &auditor).await, "agency/NSC");
            assert_eq!(accepted, round + 1, "{moment:?}");
        });
    }
    stop_and_verify(&mut exchange);
}

/// Starts the node with a batch in its inbox, kills it after some changes in its folder.
fn run_and_kill(node: &Node, after: usize) {
    let figures = template::demonstration("mia/TRAFFICKING.csv").unwrap();
    let mut process: Option<Process> = None;
    let start = || {
        node.hand_in("TRAFFICKING.csv", figures.as_bytes())?;
        process = Some(node.spawn(&["run"])?);
        Ok(())
    };
    // One delivery makes a few changes more than another.
    watch::changes(node.dir(), after, start, || !node.receipts().is_empty()).unwrap();
    process.unwrap().kill().unwrap();
}

/// How many changes in its folder a node makes until the receipt is filed.
fn changes_of_a_delivery() -> usize {
    let exchange = Exchange::start().unwrap();
    let mia = exchange.node("agency/MIA").unwrap();
    let figures = template::demonstration("mia/TRAFFICKING.csv").unwrap();
    let counted = watch::Counter::new(mia.dir()).unwrap();
    let process = mia.run().unwrap();
    mia.hand_in("TRAFFICKING.csv", figures.as_bytes()).unwrap();
    mia.wait_receipts(1).unwrap();
    process.stop().unwrap().expect_code(0).unwrap();
    counted.seen()
}

#[test]
fn a_node_killed_at_five_moments_hands_its_batch_in_once() {
    let all = changes_of_a_delivery();
    assert!(all >= 5, "only {all} changes were seen");
    let moments = if deep() { (all - 1).min(40) } else { 5 };
    for moment in 1..=moments {
        let exchange = Exchange::start().unwrap();
        let mia = exchange.node("agency/MIA").unwrap();
        let auditor = exchange.node("auditor/COA").unwrap();
        let after = (moment * all / (moments + 1)).max(1);
        run_and_kill(&mia, after);
        let process = mia.run().unwrap();
        let receipts = mia.wait_receipts(1).unwrap();
        assert_eq!(receipts.len(), 1, "killed after {after} of {all} changes");
        process.stop().unwrap().expect_code(0).unwrap();
        let records = block_on(records(&exchange, &auditor));
        assert_eq!(accepted(&records, "agency/MIA"), 1, "killed after {after} of {all} changes");
        assert_eq!(watch::files_below(&mia.rejected()), Vec::<std::path::PathBuf>::new());
    }
}

/// Promise 10: batches wait while the gateway is away, and go in order when it is back.
#[test]
fn a_node_whose_gateway_is_away_catches_up_in_order() {
    let mut exchange = Exchange::start().unwrap();
    let mia = exchange.node("agency/MIA").unwrap();
    let auditor = exchange.node("auditor/COA").unwrap();
    exchange.stop().unwrap().expect_code(0).unwrap();
    let figures = template::demonstration("mia/TRAFFICKING.csv").unwrap();
    let (head, rows) = figures.split_once('\n').unwrap();
    let years = ["2010", "2011", "2012", "2013"];
    for year in years {
        let rows: Vec<&str> =
            rows.lines().filter(|row| row.contains(&format!(",PS,{year},"))).collect();
        let file = mia.dir().join(format!("{year}.csv"));
        std::fs::write(&file, format!("{head}\n{}\n", rows.join("\n"))).unwrap();
        let output = mia.command(&["submit", file.to_str().unwrap()]).unwrap();
        output.expect_code(3).unwrap();
    }
    let process = mia.run().unwrap();
    exchange.serve().unwrap();
    mia.wait_receipts(years.len()).unwrap();
    process.stop().unwrap().expect_code(0).unwrap();
    let records = block_on(records(&exchange, &auditor));
    let periods: Vec<String> = records
        .values()
        .filter_map(|record| match &record.event {
            birge_proto::record::Event::SubmissionAccepted { periods, .. } => Some(periods),
            _ => None,
        })
        .flatten()
        .cloned()
        .collect();
    assert_eq!(periods, years);
}

/// A graceful stop finishes what was begun.
#[test]
fn a_gateway_that_is_stopped_finishes_the_submission_under_way() {
    let mut exchange = Exchange::start().unwrap();
    let nsc = exchange.node("agency/NSC").unwrap();
    let batch = signed(&bulky(2000), &nsc);
    block_on(async {
        let (sender, answer) = begin(&exchange, &nsc).await;
        let before = watch::bytes_below(&exchange.journal());
        for part in batch.parts() {
            sender.send(part).await.unwrap();
        }
        drop(sender);
        let journal = exchange.journal();
        watch::until(&journal, "the journal to grow", || {
            Ok((watch::bytes_below(&journal) > before).then_some(()))
        })
        .unwrap();
        exchange.stop().unwrap().expect_code(0).unwrap();
        let answer = answer.await.unwrap().unwrap();
        assert!(index(&answer.receipt.unwrap()) > 0);
    });
    exchange.gateway(&["verify"]).unwrap().expect_code(0).unwrap();
}
