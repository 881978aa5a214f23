//! A log of a million leaves verified from its files, held in memory: bundles decoded, every
//! tile made again and compared, the root recomputed. Against SHA-256 over as many messages of
//! the same lengths.

use std::{collections::HashMap, hint::black_box};

use anyhow::{Context, Result, ensure};
use birge_proto::{
    record::LEAF_BYTES,
    tlog::{
        Hash, bundle,
        tile::{Kind, TilePath, tiles},
        writer::TileWriter,
    },
};

use crate::{ratio, tree};

const LEAVES: u64 = 1_000_000;
/// Entries after which an auditor compares files.
const CHUNK: u64 = 1 << 14;

type Files = HashMap<TilePath, Vec<u8>>;

pub(crate) fn run() -> Result<()> {
    let (files, root) = log()?;
    let real = || verify(&files, &root);
    let times = ratio::race(5, || tree::bare(LEAVES), real)?;
    let name = "verification of 1,000,000 leaves from bundles and tiles / SHA-256";
    ratio::tell(name, "leaves/s", LEAVES, times, Some(0.8));
    let rate = LEAVES as f64 / times.1.as_secs_f64();
    let verdict = if rate < 1e6 { "SHORT of" } else { "aim" };
    println!("verification: {rate:.0} leaves/s, {verdict} 1000000");
    Ok(())
}

/// The files of a log, and its root.
fn log() -> Result<(Files, Hash)> {
    let (mut writer, mut files, mut leaf) = (TileWriter::new(), Files::new(), [1; LEAF_BYTES]);
    for number in 0..LEAVES {
        leaf[1..9].copy_from_slice(&number.to_be_bytes());
        writer.push(&leaf)?;
    }
    files.extend(writer.take());
    Ok((files, writer.root()))
}

fn verify(files: &Files, root: &Hash) -> Result<()> {
    let (mut writer, mut compared) = (TileWriter::new(), 0);
    let mut compare = |made: Vec<(TilePath, Vec<u8>)>| {
        for (path, bytes) in made.into_iter().filter(|(path, _)| files.contains_key(path)) {
            ensure!(files.get(&path) == Some(&bytes), "{path} does not follow from the entries");
            compared += 1;
        }
        Ok(())
    };
    for path in tiles(LEAVES).filter(|path| path.kind() == Kind::Entries) {
        let bundle = files.get(&path).context("a bundle is missing")?;
        for entry in bundle::decode(black_box(bundle), path.width())? {
            writer.push(entry)?;
        }
        if writer.size().is_multiple_of(CHUNK) {
            compare(writer.take())?;
        }
    }
    compare(writer.take())?;
    ensure!(writer.root() == *root, "the root does not follow from the entries");
    ensure!(compared == files.len(), "{compared} of {} files were compared", files.len());
    Ok(())
}
