//! No line at all: batches go to the gateway on a stick, and their receipts come back on it.

use std::{fs, path::PathBuf};

use birge_proto::{
    carried::{self, Batches, read_frame},
    clock::{Clock, SystemClock},
    record::Event,
    wire::{SubmitRequest, submit_request::Part},
};
use birge_tests::{exchange::Exchange, node::Node, process::Output, template};
use jiff::tz::TimeZone;
use prost::Message;
use serde_json::Value;

use crate::support::{accepted, block_on, kind, record, records, signed, stock_csv, submit, year};

/// A ministry that no line reaches: its node knows an address at which nobody is.
struct Remote {
    exchange: Exchange,
    node: Node,
    auditor: Node,
}

impl Remote {
    fn new() -> Self {
        let exchange = Exchange::start().unwrap();
        let node = exchange.node("agency/NSC").unwrap();
        let auditor = exchange.node("auditor/COA").unwrap();
        node.set("gateway", "url", "https://localhost:1").unwrap();
        node.set("gateway", "connect_timeout_seconds", 1).unwrap();
        Self { exchange, node, auditor }
    }

    fn file(&self, name: &str) -> String {
        self.exchange.dir().join(name).to_str().unwrap().to_owned()
    }

    /// Signs a batch of one year; the gateway is away.
    fn queue(&self, year: u16, women: u32) {
        let file = self.file(&format!("{year}-{women}.csv"));
        fs::write(&file, csv(year, women)).unwrap();
        self.node.command(&["submit", &file]).unwrap().expect_code(3).unwrap();
    }

    fn export(&self, name: &str) -> String {
        let file = self.file(name);
        self.node.command(&["export", "--out", &file]).unwrap().expect_code(0).unwrap();
        file
    }

    fn import(&self, file: &str, answers: &str) -> Output {
        self.exchange.gateway(&["import", file, "--out", answers, "--output", "json"]).unwrap()
    }

    /// What the gateway says became of each batch.
    fn became(&self, output: &Output) -> Vec<String> {
        let told: Value = serde_json::from_str(&output.stdout).unwrap();
        let batches = told["batches"].as_array().unwrap_or_else(|| panic!("{told}"));
        batches.iter().map(|it| it["became"].as_str().unwrap().to_owned()).collect()
    }

    fn take(&self, answers: &str, code: i32) -> Value {
        let output = self.node.command(&["import", answers, "--output", "json"]).unwrap();
        serde_json::from_str(&output.expect_code(code).unwrap().stdout).unwrap()
    }

    /// The node's line comes.
    fn connect(&self) {
        let url = format!("https://localhost:{}", self.exchange.address().port());
        self.node.set("gateway", "url", url).unwrap();
    }

    fn waiting(&self) -> usize {
        let folders = ["outbox/queued", "outbox/sent"].map(|name| self.node.dir().join(name));
        folders.iter().map(|it| fs::read_dir(it).unwrap().count()).sum()
    }
}

/// The batches of several files as one.
fn joined(files: &[&str], out: &str) {
    let mut batches = Batches::begin(fs::File::create(out).unwrap()).unwrap();
    for file in files {
        let bytes = fs::read(file).unwrap();
        let places = carried::check(bytes.as_slice()).unwrap();
        for place in places {
            let mut from = &bytes[usize::try_from(place.offset).unwrap()..];
            loop {
                let request = SubmitRequest::decode(read_frame(&mut from).unwrap().as_slice());
                let part = request.unwrap().part.unwrap();
                let ends = matches!(part, Part::End(_));
                batches.part(part).unwrap();
                if ends {
                    break;
                }
            }
        }
    }
    batches.end().unwrap();
}

/// The statistics office's figures of one year: women `women`, men 50.
fn csv(year: u16, women: u32) -> String {
    stock_csv(year, [women, 50, women + 50])
}

#[test]
fn batches_and_receipts_are_carried_where_there_is_no_line() {
    let remote = Remote::new();
    remote.queue(2020, 40);
    // Of last year: nowhere is it frozen.
    let last = u16::try_from(SystemClock.now().to_zoned(TimeZone::UTC).year() - 1).unwrap();
    remote.queue(last, 40);
    let file = remote.export("batches");
    assert_eq!(remote.waiting(), 2, "what was exported goes on waiting");
    let refused = remote.node.command(&["export", "--out", &file]).unwrap().expect_code(2).unwrap();
    assert!(refused.stderr.contains("is there already"));

    let answers = remote.file("answers");
    let output = remote.import(&file, &answers).expect_code(0).unwrap();
    assert_eq!(remote.became(&output), ["accepted", "accepted"]);
    // What has not been carried back yet is not written over.
    let told = remote.import(&file, &answers).expect_code(1).unwrap();
    assert!(format!("{told:?}").contains("is there already"), "{told:?}");
    // Twice is once: the same records.
    let again = remote.file("answers-again");
    remote.import(&file, &again).expect_code(0).unwrap();
    block_on(async {
        assert_eq!(accepted(&records(&remote.exchange, &remote.auditor).await, "agency/NSC"), 2);
    });

    let took = remote.take(&answers, 0);
    assert_eq!((&took[0]["state"], &took[1]["state"]), (&"receipted".into(), &"receipted".into()));
    assert_eq!((remote.waiting(), remote.node.receipts().len()), (0, 2));
    assert_eq!(remote.take(&again, 0)[0]["state"], "already");
    for receipt in remote.node.receipts() {
        let prove = ["audit", "prove", receipt.to_str().unwrap()];
        remote.node.command(&prove).unwrap().expect_code(0).unwrap();
    }
    // What goes into the registry, and the letter that went with it.
    for what in ["receipt", "letter"] {
        let page = remote.file(&format!("{what}.html"));
        let batch = took[0]["batch"].as_str().unwrap();
        let print = [what, &batch[..10], "--out", &page, "--language", "ru"];
        remote.node.command(&print).unwrap().expect_code(0).unwrap();
        let page = fs::read_to_string(page).unwrap();
        assert!(page.contains(batch) && page.contains("lang=\"ru\""), "{page}");
        assert_eq!(page.contains("<svg"), what == "receipt", "the receipt bears a code");
        assert!(!page.contains("paper-"), "{page}");
        let checkpoint = page.contains("на контрольной точке");
        assert_eq!(checkpoint, what == "receipt", "{page}");
    }
    // When the line comes there is nothing left to send, and the next batch revises what was
    // carried.
    remote.connect();
    let file = remote.file("revision.csv");
    fs::write(&file, csv(last, 40).replace(",A,A,KG", ",R,A,KG").replace(",A\n", ",P\n")).unwrap();
    let submit = ["submit", &file, "--reason", "provisional", "--output", "json"];
    let told = remote.node.command(&submit).unwrap().expect_code(0).unwrap();
    let told: Value = serde_json::from_str(&told.stdout).unwrap();
    block_on(async {
        let place = told["exchange"].as_u64().unwrap();
        let record = record(&remote.exchange, &remote.auditor, place).await;
        let Event::SubmissionAccepted { revises, .. } = record.event else { panic!("accepted") };
        assert_eq!(revises.unwrap().to_string(), took[1]["batch"].as_str().unwrap());
    });
}

#[test]
fn a_line_that_comes_back_meanwhile_gives_the_same_receipt() {
    let remote = Remote::new();
    remote.queue(2020, 40);
    let file = remote.export("batches");
    remote.connect();
    let running = remote.node.run().unwrap();
    remote.node.wait_receipts(1).unwrap();
    running.stop().unwrap();
    let answers = remote.file("answers");
    remote.import(&file, &answers).expect_code(0).unwrap();
    assert_eq!(remote.take(&answers, 0)[0]["state"], "already");
    block_on(async {
        assert_eq!(accepted(&records(&remote.exchange, &remote.auditor).await, "agency/NSC"), 1);
    });
}

#[test]
fn what_is_refused_comes_back_and_what_comes_after_it_is_taken() {
    let remote = Remote::new();
    // The gateway knows of this year, and the node does not: its batch does not say what it revises.
    let online = remote.exchange.node("agency/NSC").unwrap();
    block_on(submit(&remote.exchange, &online, &year(2020, 40))).unwrap();
    remote.queue(2020, 41);
    remote.queue(2021, 40);
    let (file, answers) = (remote.export("batches"), remote.file("answers"));
    let output = remote.import(&file, &answers).expect_code(1).unwrap();
    assert_eq!(remote.became(&output), ["STALE", "accepted"]);
    let took = remote.take(&answers, 1);
    assert_eq!((&took[0]["state"], &took[1]["state"]), (&"refused".into(), &"receipted".into()));
    let report = fs::read_dir(remote.node.rejected()).unwrap().flatten().map(|it| it.path());
    let report = report.filter(|it| it.to_str().unwrap().ends_with(".report.txt"));
    let report = fs::read_to_string(report.last().unwrap()).unwrap();
    assert!(report.contains("STALE"), "{report}");
    assert_eq!(remote.waiting(), 0);
}

#[test]
fn nothing_of_a_file_that_is_not_whole_is_taken() {
    let remote = Remote::new();
    remote.queue(2020, 40);
    let file = remote.export("batches");
    let bytes = fs::read(&file).unwrap();
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;
    let answers = remote.file("answers");
    let damaged = remote.file("damaged");
    for wrong in [&bytes[..bytes.len() - 40], &flipped, b"birge-batch 1\nsomething else entirely"] {
        fs::write(&damaged, wrong).unwrap();
        let told = remote.import(&damaged, &answers);
        assert!(told.code != Some(0) && told.stdout.contains("nothing was handed in"), "{told:?}");
    }
    block_on(async {
        assert_eq!(accepted(&records(&remote.exchange, &remote.auditor).await, "agency/NSC"), 0);
    });
    remote.import(&file, &answers).expect_code(0).unwrap();
    // And back.
    let text = fs::read_to_string(&answers).unwrap();
    fs::write(&damaged, &text[..text.len() / 2]).unwrap();
    let told = remote.node.command(&["import", &damaged]).unwrap().expect_code(1).unwrap();
    assert!(told.stderr.contains("copy it again"), "{told:?}");
    // A receipt that was changed does not hold, and the batch goes on waiting.
    let changed = text.replacen("0a", "0b", 1);
    fs::write(&damaged, changed).unwrap();
    remote.node.command(&["import", &damaged]).unwrap().expect_code(1).unwrap();
    assert_eq!((remote.waiting(), remote.node.receipts().len()), (1, 0));
    remote.take(&answers, 0);
    assert_eq!((remote.waiting(), remote.node.receipts().len()), (0, 1));
}

/// Who carries a batch adds nothing to who signed it.
#[test]
fn a_batch_counts_as_its_signer_s_and_not_once_that_was_revoked() {
    let remote = Remote::new();
    remote.queue(2020, 40);
    let file = remote.export("batches");
    let answers = remote.file("answers");
    // Another node takes nothing from answers that are not its own.
    let other = remote.exchange.node("agency/MIA").unwrap();
    remote
        .exchange
        .gateway(&["revoke", "agency/NSC", "--reason", "lost"])
        .unwrap()
        .expect_code(0)
        .unwrap();
    let output = remote.import(&file, &answers).expect_code(1).unwrap();
    assert_eq!(remote.became(&output), ["NOT_ENROLLED"]);
    let took = remote.take(&answers, 1);
    assert_eq!(took[0]["state"], "open", "it goes on waiting: {took}");
    assert_eq!(remote.waiting(), 1);
    let told = other.command(&["import", &answers, "--output", "json"]).unwrap();
    let told: Value = serde_json::from_str(&told.expect_code(1).unwrap().stdout).unwrap();
    assert!(told[0]["told"].as_str().unwrap().contains("does not wait here"), "{told}");
    let carried: Value = serde_json::from_str(&fs::read_to_string(&answers).unwrap()).unwrap();
    let place = carried["answers"][0]["problem"]["exchange"].as_u64().unwrap();
    block_on(async {
        let refusal = record(&remote.exchange, &remote.auditor, place).await;
        assert_eq!(refusal.actor, "operator/BIRGE".parse().unwrap());
        assert!(matches!(refusal.event, Event::ActRefused { act, .. } if act == "admin/import"));
        assert_eq!(accepted(&records(&remote.exchange, &remote.auditor).await, "agency/NSC"), 0);
        // Nobody but the operator imports.
        let client =
            birge_tests::client::Client::of(&other, remote.exchange.address()).await.unwrap();
        let parts: Vec<birge_proto::wire::SubmitRequest> = vec![];
        let refused = client.admin().import(tokio_stream::iter(parts)).await;
        let refused = refused.map_err(|status| birge_proto::problem::Problem::from_status(&status));
        assert_eq!(kind(refused), birge_proto::problem::Kind::WrongRole);
    });
}

/// One carrier for two ministries, whose answers come back in another order, and not all of them.
#[test]
fn batches_of_several_agencies_and_answers_in_any_order_are_told_apart() {
    let remote = Remote::new();
    let other = remote.exchange.node("agency/MIA").unwrap();
    remote.queue(2020, 40);
    remote.queue(2021, 40);
    let (first, second) = (remote.export("batches"), remote.file("others"));
    other.set("gateway", "url", "https://localhost:1").unwrap();
    other.set("gateway", "connect_timeout_seconds", 1).unwrap();
    let trafficking = remote.file("trafficking.csv");
    fs::write(&trafficking, template::demonstration("mia/TRAFFICKING.csv").unwrap()).unwrap();
    other.command(&["submit", &trafficking]).unwrap().expect_code(3).unwrap();
    other.command(&["export", "--out", &second]).unwrap().expect_code(0).unwrap();

    let (both, answers) = (remote.file("both"), remote.file("answers"));
    joined(&[&first, &second], &both);
    let output = remote.import(&both, &answers).expect_code(0).unwrap();
    assert_eq!(remote.became(&output), ["accepted", "accepted", "accepted"]);
    block_on(async {
        let records = records(&remote.exchange, &remote.auditor).await;
        assert_eq!((accepted(&records, "agency/NSC"), accepted(&records, "agency/MIA")), (2, 1));
    });

    // The last of its own first, one of another, and the first of its own not yet.
    let mut carried: Value = serde_json::from_str(&fs::read_to_string(&answers).unwrap()).unwrap();
    let whole = carried["answers"].as_array().unwrap().clone();
    carried["answers"] = vec![whole[2].clone(), whole[1].clone()].into();
    let half = remote.file("half");
    fs::write(&half, carried.to_string()).unwrap();
    let took = remote.take(&half, 1);
    assert_eq!((&took[0]["state"], &took[1]["state"]), (&"open".into(), &"receipted".into()));
    assert_eq!((remote.waiting(), remote.node.receipts().len()), (1, 1));
    // An answer to one batch does not pass for one to another.
    let mut swapped = whole[1].clone();
    swapped["batch"] = whole[0]["batch"].clone();
    carried["answers"] = vec![swapped].into();
    fs::write(&half, carried.to_string()).unwrap();
    assert_eq!(remote.take(&half, 1)[0]["state"], "open");
    assert_eq!((remote.waiting(), remote.node.receipts().len()), (1, 1));

    let took = remote.take(&answers, 1);
    let states: Vec<_> = (0..3).map(|at| took[at]["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["receipted", "already", "open"]);
    assert_eq!((remote.waiting(), remote.node.receipts().len()), (0, 2));
    other.command(&["import", &answers]).unwrap().expect_code(1).unwrap();
    assert_eq!(other.receipts().len(), 1);
}

#[test]
fn only_what_is_named_is_exported() {
    let remote = Remote::new();
    remote.queue(2020, 40);
    remote.queue(2021, 40);
    let export = |args: &[&str]| remote.node.command(&[&["export"], args].concat()).unwrap();
    let all = export(&["--out", &remote.file("all"), "--output", "json"]).expect_code(0).unwrap();
    let all: Value = serde_json::from_str(&all.stdout).unwrap();
    let last = all["batches"][1].as_str().unwrap();
    let (one, answers) = (remote.file("one"), remote.file("answers"));
    for wrong in ["", "zz"] {
        let told = export(&[wrong, "--out", &one]).expect_code(2).unwrap();
        assert!(told.stderr.contains("names") && !PathBuf::from(&one).exists(), "{told:?}");
    }
    export(&[&last[..12], "--out", &one]).expect_code(0).unwrap();
    let output = remote.import(&one, &answers).expect_code(0).unwrap();
    assert_eq!(remote.became(&output), ["accepted"]);
    assert_eq!(remote.take(&answers, 0)[0]["batch"], last);
    assert_eq!(remote.waiting(), 1);
}

#[test]
fn what_is_exported_is_a_path_of_its_own() {
    let remote = Remote::new();
    let nothing: PathBuf = remote.exchange.dir().join("nothing");
    let told = remote.node.command(&["export", "--out", nothing.to_str().unwrap()]).unwrap();
    assert!(told.expect_code(2).unwrap().stderr.contains("no batch waits"));
    assert!(!nothing.exists());
}

/// What the rules find in a batch is for its agency; who carries it is told the code alone.
#[test]
fn who_carries_a_batch_learns_no_figure_of_it() {
    let remote = Remote::new();
    let mut batch = year(2020, 40);
    batch.change(0, |columns| columns.values[0] = 41.0).unwrap();
    let batch = signed(&batch, &remote.node);
    let file = remote.file("batches");
    let mut written = Batches::begin(fs::File::create(&file).unwrap()).unwrap();
    for request in batch.parts() {
        written.part(request.part.unwrap()).unwrap();
    }
    written.end().unwrap();
    let answers = remote.file("answers");
    for output in ["json", "text"] {
        let _ = fs::remove_file(&answers);
        let import = ["import", &file, "--out", &answers, "--output", output];
        let told = remote.exchange.gateway(&import).unwrap().expect_code(1).unwrap();
        let told = format!("{}{}", told.stdout, told.stderr);
        assert!(told.contains("INVALID_BATCH"), "{told}");
        assert!(!told.contains("SUM_SEX") && !told.contains(" 91"), "{told}");
    }
    let carried = carried::Answers::parse(&fs::read(&answers).unwrap()).unwrap();
    let report = carried.answers[0].given().unwrap().unwrap().report.unwrap();
    assert_eq!(report.findings[0].code, "SUM_SEX", "its agency is told");
}
