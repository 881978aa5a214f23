//! Names of persons in records may be erased without breaking the log (article 9(4)).

use std::{fs, path::Path};

use birge_proto::{
    clock::{Clock, SystemClock},
    record::{Event, Opening},
    wire::{PersonName, RecordEntry, RecordsRequest},
};
use birge_tests::{client::Client, country, decree::Draft, exchange::Exchange, node::Node};
use serde_json::json;
use tempfile::TempDir;

use crate::support::{block_on, place, records, stop_and_verify, submit, wait_covered, year};

const OLD: &str = "Zarema Asanova, deputy head";
const HELD: &str = "Бакыт Осмонов";
const YOUNG: &str = "Nurlan Toktogulov";

/// An exchange whose decree lets names be erased at once.
struct Scene {
    exchange: Exchange,
    nsc: Node,
    auditor: Node,
    _folder: TempDir,
}

impl Scene {
    fn new() -> Self {
        let folder = TempDir::with_prefix("birge-").unwrap();
        let mut draft = Draft::model().unwrap();
        draft.change(|parameters| parameters["namesErasableAfterYears"] = json!(0)).unwrap();
        let decree = folder.path().join("decree");
        draft.write(&decree).unwrap();
        let founded = Exchange::found(folder.path(), &["--decree", decree.to_str().unwrap()]);
        founded.unwrap().expect_code(0).unwrap();
        let mut exchange = Exchange::at(folder.path()).unwrap();
        exchange.serve().unwrap();
        let nsc = exchange.node("agency/NSC").unwrap();
        let auditor = exchange.node("auditor/COA").unwrap();
        Self { exchange, nsc, auditor, _folder: folder }
    }

    /// Submits a year that `officer` approved; the index of its record, once a checkpoint
    /// covers it.
    fn submit(&self, period: u16, officer: &str) -> u64 {
        let mut batch = year(period, 100);
        batch.manifest.approved_by = officer.to_owned();
        let index = place(&block_on(submit(&self.exchange, &self.nsc, &batch)).unwrap());
        wait_covered(&self.exchange, index);
        index
    }

    /// The entry at `index` as `reader` sees it.
    fn entry(&self, reader: &Node, index: u64) -> RecordEntry {
        block_on(async {
            let client = Client::of(reader, self.exchange.address()).await.unwrap();
            let request = RecordsRequest { from: index, to: index + 1, filter: None };
            let mut entries = client.audit().records(request).await.unwrap().into_inner();
            entries.message().await.unwrap().unwrap()
        })
    }

    /// The officer whom the auditor is shown at `index`, held against the record.
    fn officer(&self, index: u64) -> Option<String> {
        let RecordEntry { record, persons, .. } = self.entry(&self.auditor, index);
        let record = birge_proto::record::Record::parse(&record).unwrap();
        assert!(record.persons.contains_key("officer"), "the commitment stands");
        let PersonName { capacity, name, opening } = persons.into_iter().next()?;
        assert!(record.names(&capacity, &name, &Opening::from_bytes(&opening).unwrap()));
        Some(name)
    }

    /// Has names in records before `before` erased; what was said.
    fn erase(&self, before: &str, code: i32) -> String {
        let output = self.exchange.gateway(&["names", "erase", "--before", before]).unwrap();
        let output = output.expect_code(code).unwrap();
        output.stdout + &output.stderr
    }
}

/// Files below `folder` that hold `name`, but for segments: they keep the bodies of batches, in
/// which an agency's signed manifest names its officer.
fn holding(folder: &Path, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path, name));
        } else if path.extension().is_none_or(|extension| extension != "journal") {
            let bytes = fs::read(&path).unwrap();
            if bytes.windows(name.len()).any(|window| window == name.as_bytes()) {
                found.push(path.file_name().unwrap().to_string_lossy().into_owned());
            }
        }
    }
    found
}

#[test]
fn article_9_4_a_name_is_erased_and_the_log_holds() {
    let mut scene = Scene::new();
    let old = scene.submit(2020, OLD);
    let held = scene.submit(2021, HELD);
    let hold =
        ["audit", "hold", "case-7", "--from", &held.to_string(), "--to", &(held + 1).to_string()];
    scene.auditor.command(&hold).unwrap().expect_code(0).unwrap();
    let before = SystemClock.now().to_string();
    let young = scene.submit(2022, YOUNG);
    assert_eq!(scene.officer(old).as_deref(), Some(OLD));
    let proved = scene.entry(&scene.auditor, old);
    assert_eq!(holding(&scene.exchange.home(), OLD).len(), 1);

    let running = scene.erase(&before, 1);
    assert!(running.contains("in use"), "{running}");
    stop_and_verify(&mut scene.exchange);
    let said = scene.erase(&before, 0);
    assert!(said.contains("in 1 records") && said.contains("1 on hold"), "{said}");
    scene.exchange.gateway(&["verify"]).unwrap().expect_code(0).unwrap();
    assert_eq!(holding(&scene.exchange.home(), OLD), [""; 0]);
    for kept in [HELD, YOUNG] {
        assert_eq!(holding(&scene.exchange.home(), kept).len(), 1, "{kept}");
    }
    let again = scene.erase(&before, 0);
    assert!(again.contains("no names to erase"), "{again}");

    scene.exchange.serve().unwrap();
    assert_eq!(scene.officer(old), None);
    let after = scene.entry(&scene.auditor, old);
    assert_eq!((after.record, after.opening), (proved.record, proved.opening));
    assert_eq!(scene.officer(held).as_deref(), Some(HELD));
    assert_eq!(scene.officer(young).as_deref(), Some(YOUNG));
    let told = block_on(records(&scene.exchange, &scene.auditor));
    let told = told
        .values()
        .filter(|record| matches!(record.event, Event::NamesErased { records: 1, .. }));
    assert_eq!(told.count(), 1, "what was erased is told by one record");
    scene.auditor.command(&["audit", "verify"]).unwrap().expect_code(0).unwrap();
    stop_and_verify(&mut scene.exchange);
}

#[test]
fn a_name_that_no_record_says_was_erased_is_missed() {
    let mut scene = Scene::new();
    let index = scene.submit(2020, OLD);
    stop_and_verify(&mut scene.exchange);
    let journal =
        fs::read_dir(scene.exchange.journal()).unwrap().map(|entry| entry.unwrap().path());
    let names: Vec<_> =
        journal.filter(|path| path.extension().is_some_and(|e| e == "names")).collect();
    let [names] = &names[..] else { panic!("{names:?}") };
    let sound = fs::read_to_string(names).unwrap();
    for (changed, what) in [
        (String::new(), format!("a name in record {index} of the journal is gone")),
        (
            sound.replace("Zarema", "Zarina"),
            format!("a name in entry {index} is not what was written"),
        ),
    ] {
        fs::write(names, changed).unwrap();
        let output = scene.exchange.gateway(&["verify"]).unwrap().expect_code(1).unwrap();
        assert!(output.stderr.contains(&what), "{}", output.stderr);
    }
    fs::write(names, sound).unwrap();
    scene.exchange.gateway(&["verify"]).unwrap().expect_code(0).unwrap();
}

#[test]
fn names_younger_than_the_decree_says_are_kept() {
    if country::model_only("names_younger_than_the_decree_says_are_kept") {
        return;
    }
    let mut exchange = Exchange::start().unwrap();
    exchange.stop().unwrap().expect_code(0).unwrap();
    let erase = |before: &str| exchange.gateway(&["names", "erase", "--before", before]).unwrap();
    let young = erase("2020-01-01").expect_code(1).unwrap().stderr;
    assert!(young.contains("the decree permits it after 10 years"), "{young}");
    let old = erase("2010-01-01").expect_code(0).unwrap().stdout;
    assert!(old.contains("no names to erase"), "{old}");
    let wrong = erase("long ago").expect_code(2).unwrap().stderr;
    assert!(wrong.contains("expected 2016-01-31"), "{wrong}");
}
