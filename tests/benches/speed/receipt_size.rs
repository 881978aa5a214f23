//! Bytes of a receipt, from a log of a million leaves, with no witness, three and five.

use std::{collections::HashMap, io};

use anyhow::Result;
use birge_proto::{
    clock::{Clock, SystemClock},
    envelope::SigningKey,
    receipt::Receipt,
    record::LEAF_BYTES,
    tlog::{
        checkpoint::Checkpoint,
        cosignature::Cosigner,
        note::{NoteSigner, add_signature},
        proof,
        reader::TileReader,
        tile::TilePath,
        writer::TileWriter,
    },
};

const LEAVES: u64 = 1_000_000;
const ORIGIN: &str = "exchange.gov.example/log";

pub(crate) fn run() -> Result<()> {
    let mut writer = TileWriter::new();
    for number in 0..LEAVES {
        let mut leaf = [1; LEAF_BYTES];
        leaf[1..9].copy_from_slice(&number.to_be_bytes());
        writer.push(&leaf)?;
    }
    let files = HashMap::<TilePath, Vec<u8>>::from_iter(writer.take());
    let read = |path: &TilePath| -> io::Result<Vec<u8>> {
        Ok(files.get(path).cloned().ok_or(io::ErrorKind::NotFound)?)
    };
    let index = LEAVES / 2;
    let hashes = proof::inclusion(index, LEAVES, &TileReader::new(LEAVES, read))?;
    let log = NoteSigner::new(ORIGIN, SigningKey::generate()?)?;
    let checkpoint = Checkpoint::new(ORIGIN, LEAVES, writer.root())?;
    let mut note = checkpoint.sign(&log)?;
    for witnesses in 0..=5 {
        if witnesses > 0 {
            let name = format!("ministry-{witnesses}.gov.example/witness");
            let witness = Cosigner::new(&name, SigningKey::generate()?)?;
            note = add_signature(&note, &witness.cosign(&checkpoint, SystemClock.now())?)?;
        }
        if matches!(witnesses, 0 | 3 | 5) {
            let receipt =
                Receipt { index, hashes: hashes.clone(), checkpoint: note.clone(), extra: None };
            println!(
                "receipt size: {} bytes at {LEAVES} leaves with {witnesses} witnesses",
                receipt.encode().len()
            );
        }
    }
    Ok(())
}
