//! Where the matrix is played: exchanges to start from, and what is done to them.

use std::{fs, io::Write as _, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use birge_proto::{
    problem::Problem,
    tlog::note::NoteVerifier,
    wire::{Outcome, SubmitResponse},
};
use birge_tests::{
    answer::{Cell, request},
    batch::Signed,
    client::Client,
    exchange::Exchange,
    node::Node,
    process::{Output, Process},
    trace::{Blow, Call, Trace},
};
use futures::future::join_all;
use tokio::time::timeout;

use crate::support::{block_on, signed, trafficking, year};

/// How long an answer may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// Milliseconds between two checkpoints.
pub(super) const INTERVAL: i64 = 20;

/// What the gateway starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ground {
    /// A young log in one segment.
    Plain,
    /// 255 entries: the next fills the first tile. Every group begins a segment.
    Brim,
    /// Killed when a batch was in the journal and in nothing else; half a group after it.
    Torn,
}

/// What the gateway does meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Act {
    /// It starts.
    Start,
    /// It takes a batch.
    Submit,
    /// It refuses a batch that breaks rules.
    Reject,
    /// It answers a query.
    Ask,
    /// It refuses a query.
    Refuse,
    /// It stops: an answer was given whose checkpoint is still to be made.
    Stop,
}

/// What outsiders hold when the blow has fallen.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// What came of the batch.
    pub(super) submitted: Option<Result<SubmitResponse, Problem>>,
    /// Under which number the query was answered.
    pub(super) answered: Option<u64>,
    /// The findings came in the batch that breaks rules.
    pub(super) found: bool,
    /// What else was said to that batch, or to the query.
    pub(super) refused: Option<Problem>,
    /// Checkpoints that were published.
    pub(super) notes: Vec<Vec<u8>>,
}

impl Held {
    /// Whether all was done that was asked for.
    pub(super) fn served(&self, act: Act) -> bool {
        match act {
            Act::Start => true,
            Act::Submit => matches!(self.submitted, Some(Ok(_))),
            Act::Ask | Act::Stop => self.answered.is_some(),
            Act::Reject => self.found,
            Act::Refuse => self.refused.as_ref().is_some_and(|problem| problem.exchange.is_some()),
        }
    }

    /// Why it was not done.
    pub(super) fn problem(&self) -> Option<&Problem> {
        let refusal = self.submitted.as_ref().and_then(|answer| answer.as_ref().err());
        refusal.or(self.refused.as_ref())
    }
}

/// An act under way in a copy of its ground.
pub(super) struct Play {
    pub(super) twin: Exchange,
    pub(super) held: Held,
    trace: Trace,
    tracer: Option<Process>,
}

impl Play {
    /// Waits until the gateway has ended, and says how; `stop` asks it to.
    pub(super) fn end(&mut self, stop: bool) -> Result<Output> {
        if let Some(server) = self.twin.server().filter(|_| stop) {
            // It may have ended by itself.
            let _ = server.signal("TERM");
        }
        let output = self.twin.wait_end()?;
        if let Some(tracer) = self.tracer.take() {
            tracer.wait_end()?;
        }
        Ok(output)
    }

    /// Was the blow dealt?
    pub(super) fn struck(&self) -> bool {
        self.trace.struck()
    }
}

/// The exchanges to start from, stopped.
pub(super) struct Scene {
    plain: Exchange,
    brim: Exchange,
    torn: Exchange,
    pub(super) nsc: Node,
    pub(super) mia: Node,
    pub(super) auditor: Node,
    pub(super) log: NoteVerifier,
    /// Accepted before, with its receipt.
    pub(super) earlier: (Signed, SubmitResponse),
    /// What is answered from it.
    pub(super) cells: Vec<Cell>,
    /// To be handed in.
    pub(super) batch: Signed,
}

impl Scene {
    /// Makes the grounds.
    pub(super) fn new() -> Result<Self> {
        let mut plain = Exchange::start()?;
        let nsc = plain.node("agency/NSC")?;
        let mia = plain.node("agency/MIA")?;
        let auditor = plain.node("auditor/COA")?;
        let earlier = signed(&trafficking(), &mia);
        let (receipt, answer) = block_on(async {
            let client = Client::of(&mia, plain.address()).await?;
            let receipt = client.submit(earlier.parts()).await?;
            anyhow::Ok((receipt, client.ask(request("TRAFFICKING", &[])).await?))
        })?;
        plain.stop()?.expect_code(0)?;
        plain.set("ledger", "interval_ms", INTERVAL)?;

        let mut brim = plain.twin()?;
        brim.serve()?;
        block_on(fill(&brim, &mia, 255))?;
        brim.stop()?.expect_code(0)?;
        brim.set("journal", "segment_bytes", 1)?;

        let enrolled: serde_json::Value = serde_json::from_slice(&fs::read(mia.enrolled())?)?;
        let log = NoteVerifier::from_vkey(enrolled["logKey"].as_str().context("no log key")?)?;
        let batch = signed(&year(2024, 100), &nsc);
        let torn = plain.twin()?;
        let (earlier, cells) = ((earlier, receipt), answer.cells);
        let mut scene = Self { plain, brim, torn, nsc, mia, auditor, log, earlier, cells, batch };
        scene.torn = scene.tear()?;
        Ok(scene)
    }

    /// Leaves a batch in the journal alone, and the beginning of a group after it.
    fn tear(&self) -> Result<Exchange> {
        let calls = self.rehearse(Ground::Plain, Act::Submit)?;
        let mut calls = calls.iter().map(|(call, _)| call);
        let first = calls.find(|call| call.path.starts_with("ledger") && !call.reads);
        let first = first.context("a submission changes nothing in the ledger")?;
        let mut play = self.play(Ground::Plain, Act::Submit, Some((first, Blow::Kill)))?;
        ensure!(play.end(false)?.code.is_none(), "the gateway was not killed at {first:?}");
        let segment = play.twin.journal().join("00000000000000000000.journal");
        let head = fs::read(&segment)?[..60].to_vec();
        fs::OpenOptions::new().append(true).open(segment)?.write_all(&head)?;
        Ok(play.twin)
    }

    /// The calls that `act`, and the stop after it, make on the gateway's data, in order, and
    /// whether they are made before the act is answered.
    pub(super) fn rehearse(&self, ground: Ground, act: Act) -> Result<Vec<(Call, bool)>> {
        let mut play = self.play(ground, act, None)?;
        ensure!(play.held.served(act), "{act:?} is not done: {:?}", play.held);
        let home = play.twin.home();
        let early = play.trace.calls(&home)?.len();
        play.end(true)?.expect_code(0)?;
        let calls = play.trace.calls(&home)?.into_iter().enumerate();
        let calls = calls.map(|(place, call)| {
            // Only a receipt waits for the ledger, and a start.
            let waits = match act {
                Act::Start | Act::Submit => true,
                Act::Stop => false,
                Act::Reject | Act::Ask | Act::Refuse => call.path.starts_with("journal"),
            };
            (call, waits && place < early)
        });
        let calls = calls.filter(|(call, _)| {
            let within = |folder| call.path.starts_with(folder);
            // Several threads read, and sled writes in several: only the first is told apart.
            let told = call.nth == 1 || (!call.reads && !within("index"));
            told && (within("journal") || within("ledger") || within("index"))
        });
        Ok(calls.collect())
    }

    /// Has the gateway do `act` in a copy of `ground`, while it is traced or one of its calls is
    /// spoilt.
    pub(super) fn play(
        &self,
        ground: Ground,
        act: Act,
        spoilt: Option<(&Call, Blow)>,
    ) -> Result<Play> {
        let ground = match ground {
            Ground::Plain => &self.plain,
            Ground::Brim => &self.brim,
            Ground::Torn => &self.torn,
        };
        let mut twin = ground.twin()?;
        if act == Act::Stop {
            twin.set("ledger", "interval_ms", 3_600_000)?;
        }
        let log = twin.dir().join("trace");
        let trace = match spoilt {
            Some((call, blow)) => Trace::spoiling(&log, &twin.home(), call, blow),
            None => Trace::watching(&log),
        };
        let mut held =
            Held { notes: vec![fs::read(twin.ledger().join("checkpoint"))?], ..Held::default() };
        let tracer = if act == Act::Start {
            // When it does not become ready it ends, and is asked how.
            let _ = twin.serve_by(|command| trace.around(&command));
            None
        } else {
            twin.serve()?;
            Some(trace.attach(twin.server().context("it serves")?)?)
        };
        block_on(async {
            let acted = timeout(PATIENCE, self.act(&twin, act, &mut held)).await;
            acted.unwrap_or_else(|_| bail!("no answer after {} s", PATIENCE.as_secs()))
        })?;
        Ok(Play { twin, held, trace, tracer })
    }

    async fn act(&self, twin: &Exchange, act: Act, held: &mut Held) -> Result<()> {
        let of = async |node: &Node| Client::of(node, twin.address()).await;
        match act {
            Act::Start => {}
            Act::Submit => {
                held.submitted = Some(of(&self.nsc).await?.submit(self.batch.parts()).await);
            }
            Act::Reject => match of(&self.nsc).await?.submit(self.broken()?.parts()).await {
                Ok(answer) => held.found = answer.outcome() == Outcome::Error,
                Err(problem) => held.refused = Some(problem),
            },
            Act::Ask | Act::Stop => {
                match of(&self.mia).await?.ask(request("TRAFFICKING", &[])).await {
                    Ok(answer) => held.answered = answer.provenance.map(|told| told.exchange),
                    Err(problem) => held.refused = Some(problem),
                }
                if act == Act::Stop {
                    twin.server().context("it serves")?.signal("TERM")?;
                }
            }
            Act::Refuse => {
                let answer = of(&self.auditor).await?.ask(request("TRAFFICKING", &[])).await;
                held.refused = answer.err();
            }
        }
        Ok(())
    }

    /// A batch that breaks a rule.
    pub(super) fn broken(&self) -> Result<Signed> {
        let mut batch = year(2023, 100);
        batch.change(0, |columns| columns.values[0] = -1.0)?;
        Ok(signed(&batch, &self.nsc))
    }
}

/// Asks until the log has `size` entries.
async fn fill(exchange: &Exchange, node: &Node, size: u64) -> Result<()> {
    let client = Client::of(node, exchange.address()).await?;
    let ask = || client.ask(request("TRAFFICKING", &[("TIME_PERIOD", "2023")]));
    let number = ask().await?.provenance.context("no provenance")?.exchange;
    for answer in join_all((number + 1..size).map(|_| ask())).await {
        answer?;
    }
    Ok(())
}
