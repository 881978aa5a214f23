//! One flipped byte is found and placed, by the operator and from outside.

use std::{
    fs,
    path::{Path, PathBuf},
};

use birge_tests::{
    answer::request, client::Client, exchange::Exchange, node::Node, template, watch,
};
use futures::future::join_all;

use crate::support::{block_on, deep, submit, trafficking};

/// Flips a byte, looks, and puts it back.
fn with_flipped(file: &Path, place: usize, look: impl FnOnce()) {
    let sound = fs::read(file).unwrap();
    let mut spoilt = sound.clone();
    spoilt[place] ^= 0x40;
    fs::write(file, &spoilt).unwrap();
    look();
    fs::write(file, sound).unwrap();
}

/// Places to flip: the ends and some between; every one in deep runs.
fn places(file: &Path) -> Vec<usize> {
    let length = fs::metadata(file).unwrap().len() as usize;
    let step = if deep() { 1 } else { (length / 12).max(1) };
    (0..length).step_by(step).chain(length.checked_sub(1)).collect()
}

fn verify_names(exchange: &Exchange, file: &Path, place: usize) {
    let output = exchange.gateway(&["verify"]).unwrap();
    let name = file.file_name().unwrap().to_str().unwrap();
    let said = format!("{}{}", output.stdout, output.stderr);
    assert_eq!(output.code, Some(1), "byte {place} of {}: {said}", file.display());
    assert!(said.contains(name), "byte {place}: {said:?} does not name {name}");
}

fn scene() -> (Exchange, Node, Node) {
    let exchange = Exchange::start().unwrap();
    let mia = exchange.node("agency/MIA").unwrap();
    let auditor = exchange.node("auditor/COA").unwrap();
    block_on(submit(&exchange, &mia, &trafficking())).unwrap();
    (exchange, mia, auditor)
}

fn segments(exchange: &Exchange) -> Vec<PathBuf> {
    let mut files = watch::files_below(&exchange.journal());
    files.retain(|file| fs::metadata(file).unwrap().len() > 0);
    files
}

#[test]
fn a_flipped_byte_of_the_journal_is_found_and_placed() {
    let (mut exchange, ..) = scene();
    exchange.stop().unwrap().expect_code(0).unwrap();
    let files = segments(&exchange);
    assert!(!files.is_empty());
    for file in files {
        for place in places(&file) {
            with_flipped(&file, place, || verify_names(&exchange, &file, place));
        }
    }
    exchange.gateway(&["verify"]).unwrap().expect_code(0).unwrap();
}

#[test]
fn a_flipped_byte_of_the_ledger_is_found_and_placed() {
    let (mut exchange, ..) = scene();
    exchange.stop().unwrap().expect_code(0).unwrap();
    let files = watch::files_below(&exchange.ledger());
    assert!(files.len() >= 3, "checkpoint, tile, entries: {files:?}");
    for file in files {
        for place in places(&file) {
            with_flipped(&file, place, || verify_names(&exchange, &file, place));
        }
    }
    exchange.gateway(&["verify"]).unwrap().expect_code(0).unwrap();
}

#[test]
fn a_damaged_journal_is_not_served() {
    let (mut exchange, ..) = scene();
    exchange.stop().unwrap().expect_code(0).unwrap();
    let file = segments(&exchange).swap_remove(0);
    let middle = fs::metadata(&file).unwrap().len() as usize / 2;
    with_flipped(&file, middle, || {
        let error = format!("{:#}", exchange.serve().unwrap_err());
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(error.contains(name), "{error}");
    });
    exchange.serve().unwrap();
}

/// Damage that comes while the gateway runs is seen from outside: by the auditor, whose records
/// are read again from the disk, and who recomputes every tile.
#[test]
fn an_auditor_finds_a_flipped_byte_and_says_where() {
    let (exchange, mia, auditor) = scene();
    fill_a_tile(&exchange, &mia);
    let clean = auditor.command(&["audit", "verify"]).unwrap();
    clean.expect_code(0).unwrap();
    mia.command(&["audit", "verify"]).unwrap().expect_code(0).unwrap();
    let mut files = segments(&exchange);
    // Full ones, which do not change any more while the audits are recorded.
    let tiles = exchange.ledger().join("tile");
    files.extend([tiles.join("0/000"), tiles.join("entries/000")]);
    for file in files {
        let length = fs::metadata(&file).unwrap().len() as usize;
        for place in [length / 3, length * 2 / 3] {
            let sound = fs::read(&file).unwrap();
            let mut spoilt = sound.clone();
            spoilt[place] ^= 0x40;
            // In place, as a disk would do it: the gateway keeps the file open.
            overwrite(&file, &spoilt);
            let output = auditor.command(&["audit", "verify"]).unwrap();
            let said = format!("{}{}", output.stdout, output.stderr);
            assert_eq!(output.code, Some(1), "byte {place} of {}: {said}", file.display());
            assert!(said.len() > 20, "{said:?} says nothing");
            restore(&file, place, sound[place]);
        }
    }
}

#[test]
fn a_flipped_byte_of_a_receipt_is_found() {
    let (_exchange, mia, _) = scene();
    let figures = template::demonstration("mia/TRAFFICKING.csv").unwrap();
    let file = mia.dir().join("TRAFFICKING.csv");
    fs::write(&file, figures).unwrap();
    mia.command(&["submit", file.to_str().unwrap()]).unwrap();
    for receipt in mia.receipts() {
        let text = fs::read_to_string(&receipt).unwrap();
        let place = text.find("\"record\"").map_or(text.len() / 2, |place| place + 30);
        with_flipped(&receipt, place, || {
            let output = mia.command(&["audit", "verify"]).unwrap();
            assert_eq!(output.code, Some(1), "{}{}", output.stdout, output.stderr);
        });
    }
}

/// Asks until the first tile of the log is full, and waits until it is published.
fn fill_a_tile(exchange: &Exchange, node: &Node) {
    block_on(async {
        let client = Client::of(node, exchange.address()).await.unwrap();
        let asks = (0..256).map(|_| client.ask(request("TRAFFICKING", &[("TIME_PERIOD", "2023")])));
        for answer in join_all(asks).await {
            answer.unwrap();
        }
    });
    let tile = exchange.ledger().join("tile/0/000");
    watch::until(&exchange.ledger(), "a full tile", || Ok(tile.exists().then_some(()))).unwrap();
}

fn overwrite(file: &Path, content: &[u8]) {
    use std::{fs::OpenOptions, io::Write};
    OpenOptions::new().write(true).open(file).unwrap().write_all(content).unwrap();
}

/// Puts one byte back, without touching what was appended since.
fn restore(file: &Path, place: usize, byte: u8) {
    use std::{fs::OpenOptions, os::unix::fs::FileExt};
    OpenOptions::new().write(true).open(file).unwrap().write_all_at(&[byte], place as u64).unwrap();
}
