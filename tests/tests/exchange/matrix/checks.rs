//! What must hold of an exchange that runs again, whatever befell it.

use std::{collections::BTreeMap, fs};

use anyhow::{Context, Result, ensure};
use birge_proto::{
    receipt::Evidence,
    record::{Event, Record},
    tlog::{checkpoint::Checkpoint, proof::verify_consistency},
    wire::{CheckpointRequest, ConsistencyRequest, Outcome, StatusRequest, SubmitResponse},
};
use birge_tests::{answer::request, batch::Signed, client::Client, exchange::Exchange};
use tokio::time::timeout;

use super::scene::{Act, Ground, Held, INTERVAL, PATIENCE, Scene};
use crate::support::{accepted, block_on, index, place, records};

/// The origin of every log made here.
const ORIGIN: &str = "birge.example/log";

/// Starts the gateway again and checks that nothing that had a receipt is missing, and nothing
/// without one half there; then stops it and has it verify all it keeps.
pub(super) fn examine(
    scene: &Scene,
    ground: Ground,
    act: Act,
    twin: &mut Exchange,
    mut held: Held,
) -> Result<()> {
    held.notes.push(fs::read(twin.ledger().join("checkpoint"))?);
    twin.set("ledger", "interval_ms", INTERVAL)?;
    twin.serve()?;
    block_on(async {
        let looked = timeout(PATIENCE, look(scene, ground, act, twin, &held)).await;
        looked.context("the gateway that runs again does not answer in time")?
    })?;
    twin.stop()?.expect_code(0)?;
    twin.gateway(&["verify"])?.expect_code(0).map(drop)
}

async fn look(scene: &Scene, ground: Ground, act: Act, twin: &Exchange, held: &Held) -> Result<()> {
    let nsc = Client::of(&scene.nsc, twin.address()).await?;
    let mia = Client::of(&scene.mia, twin.address()).await?;
    continues(scene, &mia, held).await?;
    keeps(scene, &mia, &scene.earlier.0, &scene.earlier.1).await?;
    ensure!(mia.ask(request("TRAFFICKING", &[])).await?.cells == scene.cells, "other figures");

    let before = standing(&nsc, &scene.batch).await?;
    if ground == Ground::Torn {
        ensure!(before.is_some(), "the batch that was in the journal is gone");
    }
    if let Some(Ok(told)) = &held.submitted {
        ensure!(before == Some(place(told)), "a batch with a receipt stands at {before:?}");
        keeps(scene, &nsc, &scene.batch, told).await?;
    }
    let again = nsc.submit(scene.batch.parts()).await?;
    ensure!(before.is_none_or(|before| before == place(&again)), "accepted a second time");
    let third = nsc.submit(scene.batch.parts()).await?;
    ensure!(place(&again) == place(&third), "accepted once more");
    keeps(scene, &nsc, &scene.batch, &third).await?;
    if act == Act::Reject {
        let answer = nsc.submit(scene.broken()?.parts()).await?;
        ensure!(answer.outcome() == Outcome::Error, "a batch that breaks rules: {answer:?}");
    }
    whole(&records(twin, &scene.auditor).await, held)
}

/// Whether a batch was accepted, and where it stands.
async fn standing(client: &Client, batch: &Signed) -> Result<Option<u64>> {
    let request = StatusRequest { batch: batch.id().to_string() };
    match client.intake().status(request).await {
        Ok(status) => {
            let receipt = status.into_inner().receipt.context("a status without a receipt")?;
            Ok(Some(index(&receipt)))
        }
        Err(status) if status.code() == tonic::Code::NotFound => Ok(None),
        Err(status) => Err(status.into()),
    }
}

/// A receipt holds, and the batch stands where it says.
async fn keeps(
    scene: &Scene,
    client: &Client,
    batch: &Signed,
    told: &SubmitResponse,
) -> Result<()> {
    let receipt = told.receipt.clone().context("no receipt")?;
    let verified = Evidence::try_from(receipt)?.verify(&scene.log, ORIGIN)?;
    let Event::SubmissionAccepted { batch: recorded, .. } = verified.record.event else {
        anyhow::bail!("the receipt is for another record: {:?}", verified.record);
    };
    ensure!(recorded == batch.id(), "the receipt is for another batch");
    let stands = standing(client, batch).await?;
    ensure!(stands == Some(verified.index), "it stands at {stands:?}, not {}", verified.index);
    Ok(())
}

/// The checkpoint continues every one that was published before.
async fn continues(scene: &Scene, client: &Client, held: &Held) -> Result<()> {
    let receipt = held.submitted.iter().flatten().filter_map(|told| told.receipt.clone());
    let notes = receipt.map(|receipt| {
        let proof = birge_proto::receipt::Receipt::parse(&receipt.proof)?;
        anyhow::Ok(proof.checkpoint)
    });
    let notes = notes.chain(held.notes.iter().cloned().map(Ok)).collect::<Result<Vec<_>>>()?;
    for note in notes {
        let old = Checkpoint::open(&note, &scene.log, ORIGIN)?;
        let now = client.audit().checkpoint(CheckpointRequest { seen: note }).await?.into_inner();
        let now = Checkpoint::open(&now.note, &scene.log, ORIGIN)?;
        let sizes = ConsistencyRequest { old: old.size(), new: now.size() };
        let proof = client.audit().consistency(sizes).await?.into_inner().hashes;
        let proof: Vec<[u8; 32]> = proof
            .into_iter()
            .map(|hash| <[u8; 32]>::try_from(&hash[..]))
            .collect::<Result<_, _>>()?;
        verify_consistency(old.size(), old.root(), now.size(), now.root(), &proof)?;
    }
    Ok(())
}

/// Both batches were accepted once, each with its release after it; an answer that was given is
/// recorded under its number.
fn whole(records: &BTreeMap<u64, Record>, held: &Held) -> Result<()> {
    for agency in ["agency/NSC", "agency/MIA"] {
        let times = accepted(records, agency);
        ensure!(times == 1, "the batch of {agency} was accepted {times} times");
    }
    let releases = records.values().filter(|record| matches!(record.event, Event::Released { .. }));
    ensure!(releases.count() == 2, "not one release for each of two batches");
    for (place, record) in records {
        let Event::SubmissionAccepted { batch, .. } = &record.event else { continue };
        let next = records.get(&(place + 1)).map(|record| &record.event);
        let released = matches!(next, Some(Event::Released { batch: other, .. }) if other == batch);
        ensure!(released, "record {place}: accepted, and then {next:?}");
    }
    if let Some(number) = held.answered {
        let event = records.get(&number).map(|record| &record.event);
        let recorded = matches!(event, Some(Event::QueryAnswered { .. }));
        ensure!(recorded, "the answer {number} is recorded as {event:?}");
    }
    Ok(())
}
