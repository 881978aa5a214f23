//! One slice of some 75 cells, decided, protected and recorded, over mTLS, against a bare tonic
//! unary call whose answer has as many bytes over the same mTLS.

use std::{fs::File, io::Write, time::Instant};

use anyhow::{Context, Result};
use birge_proto::wire::StatusRequest;
use birge_tests::{
    answer::request,
    bare::Bare,
    batch::Batch,
    client::{self, Client},
    exchange::Exchange,
    template,
};
use futures::future::try_join_all;
use tokio::runtime::Runtime;

use crate::ratio;

const CALLS: usize = 2_000;
const AT_ONCE: usize = 32;

pub(crate) fn run() -> Result<()> {
    let mut exchange = Exchange::start()?;
    let nsc = exchange.node("agency/NSC")?;
    let mfa = exchange.node("agency/MFA")?;
    exchange.stop()?.expect_code(0)?;
    exchange.set("quota", "records_per_minute", 100_000_000)?;
    exchange.serve()?;
    let figures = template::demonstration("nsc/MIG_STOCK.csv")?;
    let batch = Batch::from_csv("NSC", &figures, 65_536)?;
    let runtime = Runtime::new()?;
    runtime.block_on(async {
        let submitter = Client::of(&nsc, exchange.address()).await?;
        submitter.submit(batch.sign(&client::signing_key(&nsc)?)?.parts()).await?;
        let real = Client::of(&mfa, exchange.address()).await?;
        let slice = request("MIG_STOCK", &[("TIME_PERIOD", "2024")]);
        let answer = real.ask(slice.clone()).await?;
        let server = Bare::start(&exchange, answer.bytes.clone()).await?;
        let bare = Client::of(&mfa, server.address()).await?;
        let unary = StatusRequest { batch: String::new() };
        for at_once in [1, AT_ONCE] {
            let calls = CALLS * at_once.min(4) / 4;
            let each = calls / at_once;
            let start = Instant::now();
            try_join_all((0..at_once).map(|_| async {
                for _ in 0..each {
                    bare.intake().status(unary.clone()).await.context("bare")?;
                }
                anyhow::Ok(())
            }))
            .await?;
            let bare_time = start.elapsed();
            let start = Instant::now();
            try_join_all((0..at_once).map(|_| async {
                for _ in 0..each {
                    real.ask(slice.clone()).await?;
                }
                anyhow::Ok(())
            }))
            .await?;
            let times = (bare_time, start.elapsed());
            let name =
                format!("query of {} cells, {at_once} at once / bare unary", answer.cells.len());
            ratio::tell(&name, "requests/s", (each * at_once) as u64, times, None);
        }
        anyhow::Ok(())
    })?;
    tell_sync(&exchange)
}

/// What one durable append alone costs: no answer leaves without it.
fn tell_sync(exchange: &Exchange) -> Result<()> {
    let mut file = File::create(exchange.dir().join("bare"))?;
    let time = ratio::time(|| {
        for _ in 0..200 {
            file.write_all(&[0x5a; 1024])?;
            file.sync_data()?;
        }
        Ok(())
    })?;
    println!("query: the record alone costs an append + fdatasync of {:?}", time / 200);
    Ok(())
}
