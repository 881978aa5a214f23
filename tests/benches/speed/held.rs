//! Ten million observations held by one gateway: resident memory for each, and how long it takes to
//! start on them, against reading and hashing the same journal.

use std::{
    fs,
    io::Read as _,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use aws_lc_rs::digest::{Context as Digest, SHA256};
use birge_tests::{
    batch,
    client::{self, Client},
    exchange::Exchange,
};
use tokio::runtime::Runtime;

use crate::ratio;

const BATCHES: u16 = 10;
/// Years of a batch: as many as a million observations need.
const YEARS: u16 = 32;
const FIRST: u16 = 1700;
/// Bytes of memory that an observation may take.
const AIM_BYTES: f64 = 40.0;
/// Seconds that a start may take.
const AIM_START: f64 = 15.0;

pub(crate) fn run() -> Result<()> {
    let mut exchange = Exchange::start()?;
    let nsc = exchange.node("agency/NSC")?;
    let (key, runtime) = (client::signing_key(&nsc)?, Runtime::new()?);
    let empty = resident(&exchange)?;
    let mut observations = 0;
    for number in 0..BATCHES {
        let from = FIRST + number * YEARS;
        let batch = batch::large(from..from + YEARS, 1_000_000, 65_536)?;
        observations += batch.manifest.observations;
        let parts = batch.sign(&key)?.parts();
        runtime.block_on(async {
            let client = Client::of(&nsc, exchange.address()).await?;
            let answer = client.submit(parts).await?;
            ensure!(answer.receipt.is_some(), "no receipt");
            anyhow::Ok(())
        })?;
    }
    let after = resident(&exchange)?;
    let best = (0..2).try_fold((Duration::MAX, Duration::MAX), |best, _| {
        exchange.stop()?.expect_code(0)?;
        let bare = ratio::time(|| hash(&exchange.journal()))?;
        let start = Instant::now();
        exchange.serve()?;
        anyhow::Ok((best.0.min(bare), best.1.min(start.elapsed())))
    })?;
    let name = "start on 10,000,000 observations / reading and hashing the journal";
    ratio::tell(name, "observations/s", observations, best, None);
    let (held, anew) = (after.saturating_sub(empty), resident(&exchange)?.saturating_sub(empty));
    let each = |bytes: u64| bytes as f64 / observations as f64;
    let seconds = best.1.as_secs_f64();
    for (what, value, aim) in [
        ("bytes of memory for each, after they came", each(held), AIM_BYTES),
        ("bytes of memory for each, after a start on them", each(anew), AIM_BYTES),
        ("seconds to start on them", seconds, AIM_START),
    ] {
        let verdict = if value > aim { "SHORT of" } else { "aim" };
        println!("10,000,000 observations held, {what}: {value:.1}, {verdict} {aim}");
    }
    Ok(())
}

/// Bytes of the gateway that lie in memory.
fn resident(exchange: &Exchange) -> Result<u64> {
    let process = exchange.server().context("no gateway")?.id();
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").trim().parse()?;
    Ok(kilobytes << 10)
}

/// Reads and hashes every file of a folder.
fn hash(folder: &Path) -> Result<()> {
    let (mut digest, mut buffer) = (Digest::new(&SHA256), vec![0; 1 << 20]);
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if !path.is_file() {
            continue;
        }
        let mut file = fs::File::open(path)?;
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                bytes => digest.update(&buffer[..bytes]),
            }
        }
    }
    std::hint::black_box(digest.finish());
    Ok(())
}
