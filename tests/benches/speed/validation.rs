//! All rules over a million observations as columns, against decoding the same bytes.

use std::hint::black_box;

use anyhow::{Context, Result, ensure};
use birge_proto::wire::Columns;
use birge_schemas::{structure::Structures, validate, wire};
use birge_tests::batch;
use jiff::civil::date;
use prost::Message;

use crate::ratio;

pub(crate) fn run() -> Result<()> {
    let batch = batch::million(65_536)?;
    let structures = Structures::bundled()?;
    let structure = structures.get("MIG_STOCK").context("MIG_STOCK is bundled")?;
    let rows = batch.manifest.observations;
    let context = validate::Context::of(&batch.manifest, date(2026, 1, 1));
    let bare = || {
        for block in &batch.blocks {
            black_box(Columns::decode(block.as_slice())?);
        }
        Ok(())
    };
    let real = || {
        let raw = wire::from_blocks(&batch.blocks)?;
        let validation = validate::validate(structure, &context, &raw);
        ensure!(validation.table.is_some(), "{}", validation.report);
        Ok(())
    };
    let times = ratio::race(5, bare, real)?;
    ratio::tell("validation with decoding / prost decoding", "observations/s", rows, times, None);
    let raw = wire::from_blocks(&batch.blocks)?;
    let table = validate::validate(structure, &context, &raw).table.context("a valid table")?;
    let each = table.heap_bytes() as f64 / rows as f64;
    let verdict = if each > 40.0 { "SHORT of" } else { "aim" };
    println!("memory: {each:.1} bytes per observation held, {verdict} 40");
    Ok(())
}
