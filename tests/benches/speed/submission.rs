//! A million observations from signing to receipt over mTLS, against the same bytes through a
//! bare tonic stream with the same mTLS.

use anyhow::{Result, ensure};
use birge_tests::{
    bare::Bare,
    batch,
    client::{self, Client},
    exchange::Exchange,
};
use tokio::runtime::Runtime;

use crate::ratio;

pub(crate) fn run() -> Result<()> {
    let batch = batch::million(65_536)?;
    let rows = batch.manifest.observations;
    let runtime = Runtime::new()?;
    let mut best = (std::time::Duration::MAX, std::time::Duration::MAX);
    for _ in 0..3 {
        let exchange = Exchange::start()?;
        let nsc = exchange.node("agency/NSC")?;
        let signed = batch.sign(&client::signing_key(&nsc)?)?;
        let times = runtime.block_on(async {
            let server = Bare::start(&exchange, vec![]).await?;
            let bare = Client::of(&nsc, server.address()).await?;
            let real = Client::of(&nsc, exchange.address()).await?;
            let (one, other) = (signed.parts(), signed.parts());
            let start = std::time::Instant::now();
            bare.submit(one).await?;
            let bare = start.elapsed();
            let start = std::time::Instant::now();
            let answer = real.submit(other).await?;
            ensure!(answer.receipt.is_some(), "no receipt");
            anyhow::Ok((bare, start.elapsed()))
        })?;
        best = (best.0.min(times.0), best.1.min(times.1));
    }
    let name = "submission of 1,000,000 observations, receipted / bare mTLS stream";
    ratio::tell(name, "observations/s", rows, best, None);
    Ok(())
}
