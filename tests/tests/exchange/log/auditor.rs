//! An auditor with Python's standard library and `tests/interop/README.md` needs no program
//! of ours: one exchange is proved from its receipt, one deleted record is found.

use std::{fs, path::PathBuf, process::Command};

use birge_proto::{
    clock::{Clock, SystemClock},
    envelope::SigningKey,
    record::{Opening, Record},
    tlog::{
        checkpoint::Checkpoint,
        cosignature::Cosigner,
        note::{NoteSigner, add_signature},
        writer::TileWriter,
    },
    wire::{RecordEntry, RecordsRequest},
};
use birge_tests::{
    answer::request,
    binaries::workspace,
    client::Client,
    exchange::{Exchange, copy},
    node::Node,
    template::{self, not_tried},
};
use futures::TryStreamExt;
use serde_json::json;

use super::{
    verifiers::run,
    written::{log_key, wait_size},
};
use crate::support::{block_on, submit, year};

/// Runs `prove.py` by an interpreter that sees no installed package and no environment.
fn prove(command: &str, files: &[PathBuf]) -> Result<String, String> {
    let script = workspace().join("tests/interop/prove.py");
    run(Command::new("python3").args(["-I", "-S"]).arg(script).arg(command).args(files))
}

/// Whether there is an interpreter; else it is named as not tried.
fn python() -> bool {
    let there = Command::new("python3").arg("--version").output().is_ok();
    if !there {
        not_tried("the auditor's script (there is no python3)");
    }
    there
}

/// An exchange of some hundred records, and beside it the auditor's folder: a policy, a mirror
/// of the log, and every record up to its checkpoint.
struct Scene {
    exchange: Exchange,
    mia: Node,
    key: NoteSigner,
    entries: Vec<RecordEntry>,
}

impl Scene {
    fn new() -> Self {
        let exchange = Exchange::start().unwrap();
        let nodes = ["agency/MIA", "agency/NSC", "auditor/COA"];
        let [mia, nsc, auditor] = nodes.map(|identity| exchange.node(identity).unwrap());
        let file = mia.dir().join("TRAFFICKING.csv");
        fs::write(&file, template::demonstration("mia/TRAFFICKING.csv").unwrap()).unwrap();
        mia.command(&["submit", file.to_str().unwrap()]).unwrap().expect_code(0).unwrap();
        block_on(submit(&exchange, &nsc, &year(2024, 100))).unwrap();
        let size = block_on(async {
            let client = Client::of(&nsc, exchange.address()).await.unwrap();
            let mut last = None;
            for _ in 0..300 {
                last = client.ask(request("MIG_STOCK", &[])).await.unwrap().provenance;
            }
            last.unwrap().exchange + 1
        });
        wait_size(&exchange, size);
        let key = log_key(&exchange);
        let mut scene = Self { exchange, mia, key, entries: vec![] };
        copy(&scene.exchange.ledger(), &scene.file("mirror")).unwrap();
        scene.entries = block_on(async {
            let client = Client::of(&auditor, scene.exchange.address()).await.unwrap();
            let request = RecordsRequest { from: 0, to: size, filter: None };
            let records = client.audit().records(request).await.unwrap().into_inner();
            records.try_collect().await.unwrap()
        });
        scene.write("policy", format!("log {}\nquorum none\n", scene.key.verifier()));
        scene
    }

    /// A file of the auditor's.
    fn file(&self, name: &str) -> PathBuf {
        self.exchange.dir().join("audit").join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let file = self.file(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
    }

    /// Writes records as `agency-node audit export` does, one a line.
    fn export(&self, name: &str, entries: &[RecordEntry]) {
        let line = |entry: &RecordEntry| {
            let record = std::str::from_utf8(&entry.record).unwrap();
            let opening = hex::encode(&entry.opening);
            format!("{}\n", json!({"index": entry.index, "record": record, "opening": opening}))
        };
        self.write(name, entries.iter().map(line).collect::<String>());
    }

    /// `prove.py` on files of the auditor's.
    fn prove(&self, command: &str, files: &[&str]) -> Result<String, String> {
        prove(command, &files.iter().map(|name| self.file(name)).collect::<Vec<_>>())
    }
}

#[test]
fn one_exchange_is_proved_from_its_receipt_and_a_quorum_of_witnesses() {
    if !python() {
        return;
    }
    let scene = Scene::new();
    let filed = scene.mia.receipts().remove(0);
    let receipt = fs::read_to_string(&filed).unwrap();
    let proof = fs::read(filed.with_extension("proof")).unwrap();
    scene.write("receipt.json", &receipt);
    scene.write("receipt.proof", &proof);
    let proved = || scene.prove("receipt", &["policy", "receipt.json"]);
    let said = proved().unwrap();
    assert!(said.contains("proved: exchange") && said.contains("submission-accepted"), "{said}");

    for place in (0..proof.len()).step_by(9).chain([proof.len() - 1]) {
        let mut spoilt = proof.clone();
        spoilt[place] ^= 1;
        scene.write("receipt.proof", spoilt);
        proved().expect_err(&format!("byte {place} of the proof"));
    }
    scene.write("receipt.proof", &proof);
    for (from, to) in [("MIA", "NSC"), ("\"opening\": \"", "\"opening\": \"00")] {
        assert!(receipt.contains(from), "{receipt}");
        scene.write("receipt.json", receipt.replace(from, to));
        proved().expect_err(from);
    }
    scene.write("receipt.json", &receipt);

    let witnesses = ["a", "b", "c"].map(|name| {
        Cosigner::new(&format!("{name}.example/witness"), SigningKey::generate().unwrap()).unwrap()
    });
    let mut policy = format!("# two of three\nlog {}\n", scene.key.verifier());
    for (name, witness) in ["A", "B", "C"].iter().zip(&witnesses) {
        policy += &format!("witness {name} {}\n", witness.verifier().vkey());
    }
    scene.write("policy", format!("{policy}group all 2 A B C\nquorum all\n"));
    let blank = proof.windows(2).position(|two| two == b"\n\n").unwrap() + 2;
    let (head, note) = proof.split_at(blank);
    let origin = scene.key.verifier().vkey().name().to_owned();
    let checkpoint = Checkpoint::open(note, &scene.key.verifier(), &origin).unwrap();
    let mut note = note.to_vec();
    for (cosigned, witness) in witnesses.iter().enumerate() {
        let verdict = proved();
        assert_eq!(verdict.is_ok(), cosigned >= 2, "{cosigned} cosigned: {verdict:?}");
        let line = witness.cosign(&checkpoint, SystemClock.now()).unwrap();
        note = add_signature(&note, &line).unwrap();
        scene.write("receipt.proof", [head, &note].concat());
    }
    assert!(proved().unwrap().contains("cosigned by: A, B, C"));
    scene.write("policy", format!("{policy}group twice 2 A A\nquorum twice\n"));
    proved().expect_err("a witness that counts twice");
    let last = note.len() - 10;
    note[last] ^= 1;
    scene.write("policy", format!("{policy}quorum C\n"));
    scene.write("receipt.proof", [head, &note].concat());
    proved().expect_err("a forged cosignature");
}

#[test]
fn one_deleted_record_is_found_by_its_place_and_by_the_counters() {
    if !python() {
        return;
    }
    let scene = Scene::new();
    let checked = |mirror: &str, older: &[&str]| {
        scene.prove("log", &[&["policy", mirror, "records.jsonl"], older].concat())
    };
    scene.export("records.jsonl", &scene.entries);
    let said = checked("mirror", &["mirror/checkpoint"]).unwrap();
    assert!(said.contains(&format!("{} records, none missing", scene.entries.len())), "{said}");

    // Left out of what the auditor was given.
    let mut kept = scene.entries.clone();
    let gone = kept.remove(100);
    let party = Record::parse(&gone.record).unwrap().actor.to_string();
    scene.export("records.jsonl", &kept);
    let said = checked("mirror", &[]).unwrap_err();
    for expected in ["record 100 is missing", "record 101 is number", &party] {
        assert!(said.contains(expected), "{said}");
    }

    // Left out of the log, by an operator who made the tree anew and signed it: the counters
    // have a gap, and a checkpoint kept from before is not continued.
    for (place, entry) in kept.iter_mut().enumerate() {
        entry.index = place as u64;
    }
    scene.export("records.jsonl", &kept);
    rewrite(&scene, &kept);
    let said = checked("rewritten", &[]).unwrap_err();
    assert!(said.contains("record 100 is number") && said.contains(&party), "{said}");
    assert!(!said.contains("missing") && !said.contains("committed"), "{said}");
    let said = checked("rewritten", &["mirror/checkpoint"]).unwrap_err();
    assert!(said.contains("do not have the root of"), "{said}");

    // One byte of the mirror, and of a record.
    scene.export("records.jsonl", &scene.entries);
    for file in ["mirror/checkpoint", "mirror/tile/entries/000"] {
        let sound = fs::read(scene.file(file)).unwrap();
        let mut spoilt = sound.clone();
        spoilt[sound.len() / 2] ^= 1;
        scene.write(file, spoilt);
        checked("mirror", &[]).expect_err(file);
        scene.write(file, sound);
    }
    let mut changed = scene.entries.clone();
    changed[7].opening[0] ^= 1;
    scene.export("records.jsonl", &changed);
    let said = checked("mirror", &[]).unwrap_err();
    assert!(said.contains("record 7 is not the one that the log committed to"), "{said}");
}

/// Writes the log of `entries` alone into the folder `rewritten`, signed as the gateway would.
fn rewrite(scene: &Scene, entries: &[RecordEntry]) {
    let mut writer = TileWriter::new();
    for entry in entries {
        let leaf = Opening::from_bytes(&entry.opening).unwrap().leaf(&entry.record);
        writer.push(&leaf).unwrap();
    }
    for (path, bytes) in writer.take() {
        scene.write(&format!("rewritten/{path}"), bytes);
    }
    let origin = scene.key.verifier().vkey().name().to_owned();
    let head = Checkpoint::new(&origin, writer.size(), writer.root()).unwrap();
    scene.write("rewritten/checkpoint", head.sign(&scene.key).unwrap());
}
