//! How long a batch waits for its receipt while others ask: with five participants' nodes and
//! the Chamber of Accounts' as witnesses, processes on loopback, against the same gateway while
//! nobody witnesses.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use birge_proto::receipt::Receipt;
use birge_tests::{
    answer::request,
    batch::Batch,
    client::{self, Client},
    exchange::Exchange,
    node::Node,
};
use tokio::{runtime::Runtime, task::JoinSet};

/// Batches whose receipts are waited for.
const BATCHES: u16 = 200;
/// Of these at the same time.
const AT_ONCE: u16 = 4;
/// Requests for figures at the same time, all the while.
const ASKERS: usize = 16;
/// Seconds that the receipt of one in a hundred may take longer than.
const AIM: f64 = 2.5;

const WITNESSES: [&str; 6] =
    ["agency/NSC", "agency/MLSSM", "agency/MIA", "agency/MFA", "agency/SBS", "auditor/COA"];

/// Cosignatures for which a checkpoint waits: the Chamber's and those of four participants.
const QUORUM: usize = 5;

pub(crate) fn run() -> Result<()> {
    let mut exchange = Exchange::start()?;
    exchange.set("quota", "records_per_minute", 10_000_000)?;
    exchange.stop()?.expect_code(0)?;
    exchange.serve()?;
    let nodes = WITNESSES.map(|identity| exchange.node(identity));
    let nodes = nodes.into_iter().collect::<Result<Vec<_>>>()?;
    let runtime = Runtime::new()?;
    let bare = runtime.block_on(measure(&exchange, &nodes, 1_000, 0))?;
    let running = nodes.iter().map(Node::run).collect::<Result<Vec<_>>>()?;
    let real = runtime.block_on(measure(&exchange, &nodes, 1_400, QUORUM))?;
    for node in running {
        node.stop()?.expect_code(0)?;
    }
    exchange.stop()?.expect_code(0)?;
    for (name, place) in [("p50", 50), ("p99", 99)] {
        let at = |times: &[Duration]| times[times.len() * place / 100].as_secs_f64();
        let (bare, real) = (at(&bare), at(&real));
        let verdict = match place {
            99 if real > AIM => format!(", SHORT of {AIM} s"),
            99 => format!(", aim {AIM} s"),
            _ => String::new(),
        };
        println!(
            "receipt under load, five witnesses and the Chamber / nobody witnesses, {name}: \
             {real:.3} s / {bare:.3} s, ratio {:.2}{verdict}",
            real / bare
        );
    }
    Ok(())
}

/// How long each batch waited, ascending. Every receipt must bear `witnesses` cosignatures or
/// more.
async fn measure(
    exchange: &Exchange,
    nodes: &[Node],
    first: u16,
    witnesses: usize,
) -> Result<Vec<Duration>> {
    let [nsc, _, _, mfa, ..] = nodes else { anyhow::bail!("four nodes at least") };
    let client = Client::of(nsc, exchange.address()).await?;
    let key = client::signing_key(nsc)?;
    // Witnesses arrive as they start: what they do not yet sign is not measured.
    let mut year = first;
    while cosignatures(&submit(&client, &key, year).await?)? < witnesses {
        year += 1;
        ensure!(year < first + 100, "the witnesses do not sign");
    }
    let mut asking = JoinSet::new();
    for _ in 0..ASKERS {
        let asker = Client::of(mfa, exchange.address()).await?;
        asking.spawn(async move {
            while asker.ask(request("MIG_STOCK", &[("TIME_PERIOD", "1000")])).await.is_ok() {}
        });
    }
    let mut times = Vec::with_capacity(BATCHES.into());
    let years: Vec<u16> = (first + 100..first + 100 + BATCHES).collect();
    for years in years.chunks(AT_ONCE.into()) {
        let waits = years.iter().map(|year| async {
            let begun = Instant::now();
            let proof = submit(&client, &key, *year).await?;
            anyhow::Ok((begun.elapsed(), cosignatures(&proof)?))
        });
        for (time, signed) in futures::future::try_join_all(waits).await? {
            ensure!(signed >= witnesses, "{signed} of {witnesses} witnesses signed");
            times.push(time);
        }
    }
    asking.shutdown().await;
    times.sort_unstable();
    Ok(times)
}

async fn submit(
    client: &Client,
    key: &birge_proto::envelope::SigningKey,
    year: u16,
) -> Result<Vec<u8>> {
    let text = format!(
        "STRUCTURE_ID,FREQ,REF_AREA,INDICATOR,SEX,AGE,COUNTRY_BIRTH,UNIT_MEASURE,TIME_PERIOD,\
         OBS_VALUE,OBS_STATUS\n\
         BIRGE:MIG_STOCK(1.0.0),A,KG,MIG_STOCK,F,_T,_T,PS,{year},60,A\n\
         BIRGE:MIG_STOCK(1.0.0),A,KG,MIG_STOCK,M,_T,_T,PS,{year},50,A\n\
         BIRGE:MIG_STOCK(1.0.0),A,KG,MIG_STOCK,_T,_T,_T,PS,{year},110,A\n"
    );
    let answer = client.submit(Batch::from_csv("NSC", &text, 100)?.sign(key)?.parts()).await?;
    Ok(answer.receipt.context("no receipt")?.proof)
}

/// How many signatures the receipt's checkpoint bears beside the log's.
fn cosignatures(proof: &[u8]) -> Result<usize> {
    let note = String::from_utf8(Receipt::parse(proof)?.checkpoint)?;
    Ok(note.lines().filter(|line| line.starts_with("— ")).count().saturating_sub(1))
}
