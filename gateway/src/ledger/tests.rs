//! The ledger against the journal: the same tree whatever happens to its files, and nothing
//! signed that contradicts what was signed.

mod signing;

use std::{fs, path::PathBuf};

use birge_proto::{
    clock::ManualClock,
    envelope::SigningKey,
    receipt::Evidence,
    record::Record,
    tlog::{bundle, frontier::Frontier, hash::empty_root, note::NoteSigner},
};
use tempfile::TempDir;

use super::*;
use crate::journal::{
    Class, Journal, Opened, inspect,
    tests::{Draft, Scribe, config, start},
};

const ORIGIN: &str = "birge.example/log";

struct Exchange {
    dir: TempDir,
    key: Vec<u8>,
}

impl Exchange {
    fn new() -> Self {
        Self {
            dir: TempDir::new().unwrap(),
            key: SigningKey::generate().unwrap().to_pkcs8().unwrap(),
        }
    }

    fn signer(&self) -> NoteSigner {
        NoteSigner::new(ORIGIN, SigningKey::from_pkcs8(&self.key).unwrap()).unwrap()
    }

    fn ledger_dir(&self) -> PathBuf {
        self.dir.path().join("ledger")
    }

    fn journal_dir(&self) -> PathBuf {
        self.dir.path().join("journal")
    }

    fn journal(&self) -> Journal<Scribe> {
        start(&self.journal_dir(), config())
    }

    /// Makes the journal `size` entries long; closes it.
    async fn grow(&self, size: u64) {
        let journal = self.journal();
        while journal.reader().size() < size {
            let more = (size - journal.reader().size()).min(1_000) as usize;
            journal.append(Class::Reading, Draft::records(more)).await.unwrap();
        }
        journal.close().await;
    }

    fn reader(&self) -> Reader {
        inspect(&self.journal_dir(), false, |_, _| {}).unwrap().1
    }

    fn state(&self) -> Result<State, LedgerError> {
        State::open(Store::new(&self.ledger_dir()), self.signer(), self.reader())
    }

    fn advance(&self) -> Result<Arc<Published>, LedgerError> {
        self.state()?.advance()
    }

    fn verify(&self) -> Result<Verified, LedgerError> {
        let listed = list(&self.ledger_dir())?;
        verify(listed, &self.signer().into(), &self.reader(), |_, _| {})
    }

    /// Tiles, bundles and the checkpoint.
    fn files(&self) -> Vec<PathBuf> {
        let store = Store::new(&self.ledger_dir());
        let mut files: Vec<_> =
            store.list().unwrap().into_iter().map(|path| store.place(&path.unwrap())).collect();
        files.push(store.checkpoint_place());
        files.sort();
        files
    }

    fn contents(&self) -> Vec<(PathBuf, Vec<u8>)> {
        self.files().into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
    }
}

/// A ledger that signs, and settles without witnesses.
async fn open(
    dir: &Path,
    config: LedgerConfig,
    signer: NoteSigner,
    reader: Reader,
) -> Result<Ledger, LedgerError> {
    let (ledger, settler) = Ledger::open(dir, config, signer, reader)?;
    let mut newest = settler.newest();
    tokio::spawn(async move {
        newest.mark_changed();
        while newest.changed().await.is_ok() {
            let newest = newest.borrow_and_update().clone();
            settler.settle(newest).await.unwrap();
        }
    });
    ledger.begin().await.unwrap();
    Ok(ledger)
}

fn flaw<T: std::fmt::Debug>(verified: Result<T, LedgerError>) -> (PathBuf, Flaw) {
    match verified.unwrap_err() {
        LedgerError::Damaged(damage) => (damage.file, damage.what),
        other => panic!("not damage: {other}"),
    }
}

/// The root of all that the journal holds, without tiles.
fn root(reader: &Reader) -> Hash {
    let mut tree = Frontier::new();
    for entry in reader.entries(0..u64::MAX) {
        tree.push(leaf_hash(&state::leaf(&entry.unwrap())));
    }
    tree.root()
}

#[tokio::test]
async fn awkward_sizes_give_the_tree_of_the_journal_and_its_proofs() {
    let exchange = Exchange::new();
    let mut earlier: Vec<(u64, Hash)> = Vec::new();
    for size in [0, 1, 255, 256, 257, 70_000] {
        exchange.grow(size).await;
        let (signer, reader) = (exchange.signer(), exchange.reader());
        let ledger = open(&exchange.ledger_dir(), LedgerConfig::default(), signer, reader.clone())
            .await
            .unwrap();
        let published = ledger.checkpoint().borrow().clone();
        assert_eq!(ledger.recognise(&published.note).as_ref(), Some(&published.checkpoint));
        let now = *published.checkpoint.root();
        assert_eq!((published.checkpoint.size(), now), (size, root(&reader)));
        for (old, old_root) in &earlier {
            let proof = ledger.consistency(*old, size).unwrap();
            proof::verify_consistency(*old, old_root, size, &now, &proof).unwrap();
        }
        for index in [0, size / 2, size.saturating_sub(1)].into_iter().filter(|index| *index < size)
        {
            let entry = reader.entry(index).unwrap().unwrap();
            let leaf = leaf_hash(&state::leaf(&entry));
            let proof = ledger.inclusion(index, size).unwrap();
            proof::verify_inclusion(&leaf, index, size, &proof, &now).unwrap();
            let evidence = Evidence {
                proof: ledger.evidence(index).await.unwrap(),
                record: entry.record.to_vec(),
                opening: entry.opening,
            };
            let verified = evidence.verify(&exchange.signer().verifier(), ORIGIN).unwrap();
            assert_eq!((verified.index, verified.size), (index, size));
            assert_eq!(verified.record, Record::parse(&entry.record).unwrap());
        }
        assert_eq!(ledger.inclusion(size, size).unwrap_err().kind, Kind::Malformed);
        assert_eq!(ledger.consistency(0, size + 1).unwrap_err().kind, Kind::Malformed);
        let verified = exchange.verify().unwrap();
        assert_eq!((verified.entries, verified.root), (size, now));
        earlier.push((size, now));
    }
    assert_eq!(earlier[0].1, empty_root());
}

#[tokio::test]
async fn tiles_are_served_by_strict_paths_and_partial_ones_for_ever() {
    let exchange = Exchange::new();
    exchange.grow(40).await;
    exchange.advance().unwrap();
    exchange.grow(300).await;
    let (dir, signer, reader) = (exchange.ledger_dir(), exchange.signer(), exchange.reader());
    let ledger = open(&dir, LedgerConfig::default(), signer, reader).await.unwrap();
    assert!(!dir.join("tile/0/000.p").exists(), "replaced by the full one");
    assert_eq!(ledger.tile("tile/0/000").unwrap().len(), 8_192);
    assert_eq!(
        ledger.tile("tile/0/000.p/40").unwrap(),
        ledger.tile("tile/0/000").unwrap()[..1_280]
    );
    let bundle = ledger.tile("tile/entries/000.p/40").unwrap();
    assert_eq!(bundle::decode(&bundle, 40).unwrap().len(), 40);
    assert_eq!(ledger.tile("tile/0/002").unwrap_err().kind, Kind::NotFound);
    for path in ["../journal/lock", "tile/0/../../checkpoint", "/etc/passwd", "checkpoint", ""] {
        assert_eq!(ledger.tile(path).unwrap_err().kind, Kind::Malformed, "{path}");
    }
}

#[tokio::test]
async fn whatever_is_deleted_comes_back_the_same() {
    let exchange = Exchange::new();
    exchange.grow(600).await;
    let before = exchange.advance().unwrap();
    let contents = exchange.contents();
    for (path, _) in &contents {
        fs::remove_file(path).unwrap();
        if path.ends_with("checkpoint") {
            assert_eq!(flaw(exchange.verify()), (path.clone(), Flaw::Missing));
        }
        let after = exchange.advance().unwrap();
        assert_eq!(after, before, "Ed25519 signs the same bytes alike");
        assert_eq!(exchange.contents(), contents, "{}", path.display());
    }
    fs::remove_dir_all(exchange.ledger_dir()).unwrap();
    let after = rebuild(&exchange.ledger_dir(), exchange.signer(), exchange.reader()).unwrap();
    assert_eq!(after, (before.checkpoint.size(), *before.checkpoint.root()));
    let checkpoint = exchange.ledger_dir().join("checkpoint");
    assert!(!checkpoint.exists(), "it signs nothing");
    exchange.advance().unwrap();
    assert_eq!(exchange.contents(), contents);
}

#[tokio::test]
async fn a_crash_between_tiles_and_checkpoint_is_made_good() {
    let exchange = Exchange::new();
    exchange.grow(250).await;
    exchange.advance().unwrap();
    let early = fs::read(exchange.ledger_dir().join("checkpoint")).unwrap();
    exchange.grow(600).await;
    let late = exchange.advance().unwrap();
    let contents = exchange.contents();
    // Tiles were written, the checkpoint was not; one was being written.
    fs::write(exchange.ledger_dir().join("checkpoint"), &early).unwrap();
    fs::write(exchange.ledger_dir().join("tile/0/001.tmp"), b"half").unwrap();
    assert_eq!(exchange.verify().unwrap().checkpoint.size(), 250);
    assert_eq!(exchange.advance().unwrap(), late);
    assert_eq!(exchange.contents(), contents);
    // Not even all tiles were written.
    for (path, _) in contents.iter().filter(|(path, _)| !path.ends_with("checkpoint")) {
        fs::write(exchange.ledger_dir().join("checkpoint"), &early).unwrap();
        fs::remove_file(path).unwrap();
        assert_eq!(exchange.advance().unwrap(), late);
        assert_eq!(exchange.contents(), contents);
    }
}

#[tokio::test]
async fn tiles_that_do_not_fit_are_made_anew() {
    let exchange = Exchange::new();
    exchange.grow(300).await;
    let before = exchange.advance().unwrap();
    let contents = exchange.contents();
    // What is read on opening: the partial files.
    for path in exchange.files().into_iter().filter(|path| path.to_string_lossy().contains(".p/")) {
        let mut bytes = fs::read(&path).unwrap();
        bytes[5] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert_eq!(exchange.advance().unwrap(), before);
        assert_eq!(exchange.contents(), contents);
    }
}

#[tokio::test]
async fn every_flipped_byte_is_found_and_its_file_told() {
    let exchange = Exchange::new();
    exchange.grow(300).await;
    exchange.advance().unwrap();
    exchange.verify().unwrap();
    for (path, sound) in exchange.contents() {
        let step = if sound.len() > 500 { 61 } else { 1 };
        for at in (0..sound.len()).step_by(step) {
            let mut bytes = sound.clone();
            bytes[at] ^= 0x04;
            fs::write(&path, &bytes).unwrap();
            assert_eq!(flaw(exchange.verify()).0, path, "byte {at}");
        }
        fs::write(&path, &sound[..sound.len() - 1]).unwrap();
        assert_eq!(flaw(exchange.verify()).0, path, "cut short");
        fs::remove_file(&path).unwrap();
        assert_eq!(flaw(exchange.verify()), (path.clone(), Flaw::Missing));
        fs::write(&path, &sound).unwrap();
    }
    let strange = exchange.ledger_dir().join("tile/0/0000");
    fs::write(&strange, b"").unwrap();
    assert_eq!(flaw(exchange.verify()), (strange.clone(), Flaw::Unknown));
    fs::remove_file(strange).unwrap();
    let beyond = exchange.ledger_dir().join("tile/0/002.p/1");
    fs::create_dir(beyond.parent().unwrap()).unwrap();
    fs::write(&beyond, [0; 32]).unwrap();
    assert_eq!(flaw(exchange.verify()), (beyond, Flaw::Beyond));
}

#[tokio::test]
async fn nothing_is_signed_that_contradicts_what_was_signed() {
    let exchange = Exchange::new();
    exchange.grow(100).await;
    let old_copy = TempDir::new().unwrap();
    for file in fs::read_dir(exchange.journal_dir()).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), old_copy.path().join(file.file_name())).unwrap();
    }
    exchange.grow(300).await;
    exchange.advance().unwrap();
    let contents = exchange.contents();

    let (_, old) = inspect(old_copy.path(), false, |_, _| {}).unwrap();
    for opened in [State::open, State::rebuild] {
        let store = Store::new(&exchange.ledger_dir());
        let refused = opened(store, exchange.signer(), old.clone()).err();
        assert!(matches!(refused, Some(LedgerError::Behind { journal: 100, checkpoint: 300 })));
    }
    let other = Exchange::new();
    other.grow(400).await;
    for opened in [State::open, State::rebuild] {
        let store = Store::new(&exchange.ledger_dir());
        let refused = opened(store, exchange.signer(), other.reader()).err();
        assert!(matches!(refused, Some(LedgerError::Rewritten { size: 300 })));
    }
    let refused =
        State::open(Store::new(&exchange.ledger_dir()), other.signer(), exchange.reader());
    assert!(matches!(refused.err(), Some(LedgerError::Damaged(_))), "another log's key");
    assert_eq!(exchange.contents(), contents, "nothing was changed");
    exchange.verify().unwrap();
}

#[tokio::test]
async fn a_checkpoint_over_another_tree_is_found() {
    let exchange = Exchange::new();
    exchange.grow(300).await;
    exchange.advance().unwrap();
    let place = exchange.ledger_dir().join("checkpoint");
    for (size, root) in [(300, [7; 32]), (0, [0; 32])] {
        let forged = Checkpoint::new(ORIGIN, size, root).unwrap();
        fs::write(&place, forged.sign(&exchange.signer()).unwrap()).unwrap();
        assert_eq!(flaw(exchange.verify()), (place.clone(), Flaw::Root), "{size}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_follows_the_journal_and_ends_with_it() {
    let exchange = Exchange::new();
    let opened = Opened::open(&exchange.journal_dir(), config()).unwrap();
    let reader = opened.reader();
    let clock = ManualClock::new("2026-01-01T00:00:00Z".parse().unwrap());
    let journal = opened.start(Arc::new(clock), Scribe::default()).unwrap();
    let config = LedgerConfig { interval_ms: 5 };
    let ledger = open(&exchange.ledger_dir(), config, exchange.signer(), reader).await.unwrap();
    for index in 0..400 {
        let committed = journal.append(Class::Reading, Draft::records(1)).await.unwrap();
        assert_eq!(committed.first, index);
        if index % 50 == 0 {
            let proof = ledger.evidence(index).await.unwrap();
            let entry = &committed.entries[0];
            let (record, opening) = (entry.record.to_vec(), entry.opening);
            let evidence = Evidence { proof, record, opening };
            evidence.verify(&exchange.signer().verifier(), ORIGIN).unwrap();
            exchange.verify().unwrap();
        }
    }
    journal.close().await;
    ledger.finish().await;
    assert_eq!(ledger.checkpoint().borrow().checkpoint.size(), 400);
    assert_eq!(exchange.verify().unwrap().entries, 400);
    assert_eq!(ledger.evidence(400).await.unwrap_err().kind, Kind::Unavailable);
}

#[tokio::test]
async fn closing_does_not_wait_for_the_next_checkpoint() {
    let exchange = Exchange::new();
    let journal = exchange.journal();
    let config = LedgerConfig { interval_ms: 3_600_000 };
    let (dir, signer) = (exchange.ledger_dir(), exchange.signer());
    let ledger = open(&dir, config, signer, journal.reader()).await.unwrap();
    journal.append(Class::Reading, Draft::records(3)).await.unwrap();
    assert_eq!(ledger.checkpoint().borrow().checkpoint.size(), 0, "not due yet");
    journal.close().await;
    ledger.finish().await;
    assert_eq!(ledger.checkpoint().borrow().checkpoint.size(), 3);
}

#[tokio::test]
async fn when_its_files_cannot_be_written_it_says_so() {
    let exchange = Exchange::new();
    let journal = exchange.journal();
    let config = LedgerConfig { interval_ms: 0 };
    let (dir, signer) = (exchange.ledger_dir(), exchange.signer());
    let ledger = open(&dir, config, signer, journal.reader()).await.unwrap();
    fs::write(dir.join("tile"), b"in the way").unwrap();
    journal.append(Class::Reading, Draft::records(1)).await.unwrap();
    assert!(ledger.failed().await.contains("tile"));
    assert_eq!(ledger.evidence(0).await.unwrap_err().kind, Kind::Unavailable);
}
