//! One flipped byte is found and placed, by the operator and from outside.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use birge_tests::{
    answer::request, client::Client, exchange::Exchange, node::Node, template, watch,
};
use futures::future::join_all;

use crate::support::{block_on, deep, submit, trafficking};

/// How long it may take to find damage in a log as small as these.
const LIMIT: Duration = Duration::from_secs(20);

/// Flips a byte, looks, and puts it back.
fn with_flipped(file: &Path, place: usize, look: impl FnOnce()) {
    let sound = fs::read(file).unwrap();
    let mut spoilt = sound.clone();
    spoilt[place] ^= 0x40;
    fs::write(file, &spoilt).unwrap();
    look();
    fs::write(file, sound).unwrap();
}

/// Places to flip: the ends and some between, more of them in deep runs.
fn places(file: &Path) -> Vec<usize> {
    let length = fs::metadata(file).unwrap().len() as usize;
    let step = (length / if deep() { 300 } else { 12 }).max(1);
    (0..length).step_by(step).chain(length.checked_sub(1)).collect()
}

fn verify_names(exchange: &Exchange, file: &Path, place: usize) {
    let begun = Instant::now();
    let output = exchange.gateway(&["verify"]).unwrap();
    let taken = begun.elapsed();
    assert!(taken < LIMIT, "byte {place} of {}: found after {taken:?}", file.display());
    let name = file.file_name().unwrap().to_str().unwrap();
    let said = format!("{}{}", output.stdout, output.stderr);
    assert_eq!(output.code, Some(1), "byte {place} of {}: {said}", file.display());
    // A name that is lost is told by its record: the file holds nothing else.
    let lost = name.ends_with(".names") && said.contains("a name in record");
    assert!(said.contains(name) || lost, "byte {place}: {said:?} does not name {name}");
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

/// Where the parts of a group with a body stand in a segment; the format is told in
/// `gateway/src/journal/format.rs`.
fn parts_of_a_group(segment: &[u8]) -> Vec<usize> {
    let number = |at: usize, bytes: usize| {
        let digits = &segment[at..at + bytes];
        digits.iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
    };
    let mut start = 0;
    loop {
        let (entries, bodies) = (number(start + 20, 4), number(start + 24, 8));
        let (body, trailer) = (start + 96 + entries, start + 96 + entries + bodies);
        // The batch: a group that is not the first, with bodies.
        if start > 0 && bodies > 0 {
            let header = [0, 8, 16, 20, 24, 32, 64].map(|part| start + part);
            let entry = [96, 128, 132, 140, 172].map(|part| start + part);
            return [&header[..], &entry, &[body, trailer - 1, trailer, trailer + 31]].concat();
        }
        start = trailer + 32;
    }
}

/// Header, opening, record, body and trailer of a group; tiles of each level and bundles, full
/// and partial; every line of the checkpoint.
#[test]
fn a_flipped_bit_in_any_part_of_any_class_of_file_is_found_in_time() {
    let (mut exchange, mia, _) = scene();
    fill_a_tile(&exchange, &mia);
    exchange.stop().unwrap().expect_code(0).unwrap();
    let journal = segments(&exchange).swap_remove(0);
    let mut places: Vec<_> = parts_of_a_group(&fs::read(&journal).unwrap())
        .into_iter()
        .map(|place| (journal.clone(), place))
        .collect();
    let ledger = exchange.ledger();
    let files = watch::files_below(&ledger);
    for class in ["checkpoint", "tile/0/000", "tile/0/001.p", "tile/1/000.p", "tile/entries/000"] {
        let found = files.iter().any(|file| file.starts_with(ledger.join(class)));
        assert!(found, "no {class} among {files:?}");
    }
    for file in files {
        let bytes = fs::read(&file).unwrap();
        let lines = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let mut spots = vec![0, bytes.len() / 2, bytes.len() - 1];
        if file == ledger.join("checkpoint") {
            spots.extend(lines.flat_map(|(end, _)| [end - 1, end]));
        }
        places.extend(spots.into_iter().map(|place| (file.clone(), place)));
    }
    for (file, place) in places {
        with_flipped(&file, place, || verify_names(&exchange, &file, place));
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

/// Whoever cannot follow the journal must not go on answering from what it knows.
#[test]
fn a_gateway_whose_catalogue_cannot_follow_ends_with_an_error() {
    let (mut exchange, mia, _) = scene();
    exchange.stop().unwrap().expect_code(0).unwrap();
    // The ledger follows too, but not within the time of this test.
    exchange.set("ledger", "interval_ms", 3_600_000).unwrap();
    exchange.serve().unwrap();
    let files = segments(&exchange);
    let aside = |file: &PathBuf| exchange.dir().join(file.file_name().unwrap());
    block_on(async {
        let client = Client::of(&mia, exchange.address()).await.unwrap();
        client.ask(request("TRAFFICKING", &[])).await.unwrap();
        // The writer holds the file open and goes on; who reads opens it anew.
        files.iter().for_each(|file| fs::rename(file, aside(file)).unwrap());
        // Recorded; whether the answer comes before the end is open.
        drop(client.ask(request("TRAFFICKING", &[])).await);
    });
    let moved: Vec<PathBuf> = files.iter().map(aside).collect();
    let output = exchange.wait_end().unwrap().expect_code(4).unwrap();
    assert!(output.stderr.contains("the catalogue failed"), "{}", output.stderr);
    let name = files[0].file_name().unwrap().to_str().unwrap();
    assert!(output.stderr.contains(name), "it does not say where: {}", output.stderr);

    // Nothing was lost by it.
    moved.iter().zip(&files).for_each(|(from, to)| fs::rename(from, to).unwrap());
    exchange.set("ledger", "interval_ms", 1_000).unwrap();
    exchange.serve().unwrap();
    exchange.stop().unwrap().expect_code(0).unwrap();
    exchange.gateway(&["verify"]).unwrap().expect_code(0).unwrap();
}

/// Damage that comes while the gateway runs is seen from outside: by the auditor, whose records
/// are read again from the disk, and who recomputes every tile.
#[test]
fn an_auditor_finds_a_flipped_byte_and_says_where() {
    let (exchange, mia, auditor) = scene();
    fill_a_tile(&exchange, &mia);
    let clean = auditor.command(&["audit", "verify"]).unwrap();
    clean.expect_code(0).unwrap();
    // What was handed in here did not go through the node: it says so, and that the log holds.
    let own = mia.command(&["audit", "verify"]).unwrap().expect_code(1).unwrap();
    assert!(own.stdout.starts_with("the log"), "{}{}", own.stdout, own.stderr);
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
            let output = auditor.command(&["audit", "verify", "--all"]).unwrap();
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
            assert_eq!(output.stdout, "", "the log was found to hold");
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
