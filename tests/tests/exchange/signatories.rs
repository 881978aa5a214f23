//! An authority of several keys: no decree is enacted that fewer of them signed than the log's
//! first record asks for, whoever has the others.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use birge_gateway::{
    ceremony::DecreeSignature,
    decree::Decree,
    journal::{Body, Class, JournalConfig, NewEntry, Opened, Sequencer},
    keys::read_signing_key,
    registry::Registry,
    serve::admin::enacted,
};
use birge_proto::{
    clock::{SystemClock, Timestamp},
    record::{Event, KeySignature, Record},
    signatories::Signatories,
};
use birge_tests::{country, decree::Draft, exchange::Exchange};
use serde_json::Value;

use crate::{
    authority::{elsewhere, text},
    enactment::{later, refusal},
    support::{block_on, records, stop_and_verify, wait_covered},
};

/// A holder of one of the authority's keys, on a machine of its own.
struct Holder {
    key: PathBuf,
    public: String,
}

impl Holder {
    fn new(dir: &Path, name: &str) -> Self {
        let key = dir.join(format!("{name}.key"));
        let made = elsewhere(&["authority", "new", "--out", text(&key)]).expect_code(0).unwrap();
        let made: Value = serde_json::from_str(&made.stdout).unwrap();
        Self { key, public: made["publicKey"].as_str().unwrap().to_owned() }
    }

    fn id(&self) -> String {
        read_signing_key(&self.key).unwrap().verifying_key().id()
    }

    /// Signs the decree in `folder`; answers with the file that the operator gets.
    fn sign(&self, folder: &Path) -> PathBuf {
        let name = folder.file_name().unwrap().to_str().unwrap();
        let out = self.key.with_extension(format!("{name}.json"));
        let (key, folder) = (text(&self.key), text(folder));
        let arguments = ["decree", "sign", folder, "--authority", key, "--out", text(&out)];
        elsewhere(&arguments).expect_code(0).unwrap();
        out
    }
}

fn three(dir: &Path) -> [Holder; 3] {
    ["a", "b", "c"].map(|name| Holder::new(dir, name))
}

/// The option `name`, once for each value.
fn each<'a>(name: &'a str, values: &[&'a str]) -> Vec<&'a str> {
    values.iter().flat_map(|value| [name, *value]).collect()
}

fn drafted(dir: &Path, draft: &Draft, name: &str) -> PathBuf {
    let folder = dir.join(name);
    draft.write(&folder).unwrap();
    folder
}

#[test]
fn article_3_4_an_exchange_is_founded_by_as_many_keys_as_its_decrees_will_need() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let model = drafted(dir, &Draft::model().unwrap(), "model");
    let (holders, stranger) = (three(dir), Holder::new(dir, "stranger"));
    let [a, b, c] = &holders;
    let signed = [a, b, c].map(|holder| holder.sign(&model));
    let [sa, sb, sc] = signed.each_ref().map(|file| text(file));
    let foreign = stranger.sign(&model);
    let all = [&*a.public, &*b.public, &*c.public];
    let found = |keys: &[&str], quorum: &[&str], signatures: &[&str]| {
        let keys = each("--authority-key", keys);
        let arguments = [&keys, quorum, &each("--decree-signature", signatures)].concat();
        Exchange::found(dir, &arguments).unwrap()
    };
    let two = ["--authority-quorum", "2"];
    for (what, keys, quorum, signatures, words) in [
        ("one of two", &all[..], &two[..], &[sb][..], "1 of 2"),
        ("two of three, and how many is not said", &all, &[], &[sa, sb], "2 of 3"),
        ("one signs twice", &all, &two, &[sa, sa], "two signatures"),
        ("a key twice", &[all[0], all[1], all[0]], &two, &[sa, sb], "named twice"),
        ("a stranger signs", &all, &two, &[sa, sb, text(&foreign)], "no --authority-key pins"),
        ("nobody must", &all, &["--authority-quorum", "0"], &[sa, sb], "from 1 to 3"),
        ("more than there are", &all, &["--authority-quorum", "4"], &[sa, sb, sc], "from 1 to 3"),
    ] {
        let said = found(keys, quorum, signatures).expect_code(1).expect(what).stderr;
        assert!(said.contains(words), "{what}: {said}");
    }
    assert!(!dir.join("gateway").exists(), "nothing is made of what does not fit together");
    let said = found(&all, &two, &[sc, sa]).expect_code(0).unwrap().stdout;
    assert!(said.contains("2 of the authority's keys"), "{said}");
}

/// An exchange that asks for two of three keys, serving. The operator has the first of them,
/// which it should not: it countersigns with it, and enacts nothing.
fn two_of_three(dir: &Path, holders: &[Holder; 3]) -> Exchange {
    let model = drafted(dir, &Draft::model().unwrap(), "model");
    let first = [&holders[0], &holders[1]].map(|holder| holder.sign(&model));
    let arguments = [
        each("--authority-key", &holders.each_ref().map(|holder| &*holder.public)),
        each("--decree-signature", &first.each_ref().map(|file| text(file))),
        vec!["--authority-quorum", "2"],
    ];
    Exchange::found(dir, &arguments.concat()).unwrap().expect_code(0).unwrap();
    let mut exchange = Exchange::at(dir).unwrap();
    exchange.serve().unwrap();
    fs::create_dir(exchange.home().join("authority")).unwrap();
    fs::copy(&holders[0].key, exchange.authority()).unwrap();
    exchange
}

#[test]
fn article_3_4_two_of_three_keys_enact_and_one_does_not() {
    if country::model_only("article_3_4_two_of_three_keys_enact_and_one_does_not") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let holders = three(dir);
    let [a, b, c] = &holders;
    let mut exchange = two_of_three(dir, &holders);
    let auditor = exchange.node("auditor/COA").unwrap();
    let told: Value = serde_json::from_slice(&fs::read(auditor.enrolled()).unwrap()).unwrap();
    assert_eq!(told["authorityQuorum"], 2, "{told}");

    let draft = |version| Draft::amendment(version, later()).unwrap();
    let amended = drafted(dir, &draft("2098-01-01"), "amended");
    let again = drafted(dir, &draft("2099-01-01"), "again");
    let enact = |folder: &Path, signatures: &[&Path]| {
        let signatures: Vec<_> = signatures.iter().map(|file| text(file)).collect();
        let signatures = each("--signature", &signatures);
        let command = ["decree", "enact", text(folder), "--output", "json"];
        exchange.gateway(&[&command[..], &signatures].concat()).unwrap()
    };
    let [sa, sb, sc] = [a, b, c].map(|holder| holder.sign(&amended));
    // In the name of b, what another key signed of another decree.
    let forged = dir.join("forged.json");
    let another = DecreeSignature::read(&c.sign(&again)).unwrap();
    let another = DecreeSignature { key_id: b.id(), ..another };
    fs::write(&forged, serde_json::to_string(&another).unwrap()).unwrap();
    let foreign = Holder::new(dir, "stranger").sign(&amended);

    let mut refused = vec![];
    for (what, signatures, words) in [
        ("the key at hand", &[][..], vec!["1 of 2", "pinned when the log began: 3", &a.id()]),
        ("one of two", &[&*sb], vec!["1 of 2", &b.id()]),
        ("one twice", &[&*sa, &*sa], vec!["two signatures", &a.id()]),
        ("one and a forged one", &[&*sa, &*forged], vec!["1 of 2", &a.id(), &b.id()]),
        ("one and a stranger", &[&*sc, &*foreign], vec!["1 of 2", "none of these keys", &c.id()]),
    ] {
        let problem = refusal(enact(&amended, signatures));
        assert_eq!(problem["code"], "BAD_SIGNATURE", "{what}: {problem}");
        assert!(problem["articles"].as_array().unwrap().contains(&"11".into()), "{problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(words.iter().all(|word| detail.contains(*word)), "{what}: {problem}");
        assert!(problem["hints"][0].as_str().unwrap().contains("--signature"), "{problem}");
        refused.push(problem["exchange"].as_u64().expect("the refusal has a number"));
    }
    let enacted = |folder: &Path, signatures: &[&Path]| {
        let said = enact(folder, signatures).expect_code(0).unwrap().stdout;
        let said: Value = serde_json::from_str(&said).unwrap();
        said["exchange"].as_u64().unwrap()
    };
    let plain = enacted(&amended, &[&sc, &sb]);
    let (sa, sc) = (a.sign(&again), c.sign(&again));
    let with_forged = enacted(&again, &[&sa, &forged, &sc]);

    wait_covered(&exchange, with_forged);
    let records = block_on(records(&exchange, &auditor));
    let Event::Genesis { authority_keys, authority_quorum, .. } = &records[&0].event else {
        panic!("{:?}", records[&0])
    };
    assert_eq!(authority_keys[..], [a, b, c].map(|holder| holder.public.clone()));
    let signatories = Signatories::pinned(authority_keys, *authority_quorum).unwrap();
    assert_eq!(signatories.quorum(), 2);
    for number in refused {
        let Event::ActRefused { act, problem } = &records[&number].event else {
            panic!("{:?}", records[&number])
        };
        assert_eq!((&**act, &**problem), ("admin/enact", "BAD_SIGNATURE"));
    }
    for (number, folder, by) in [(plain, &amended, [b, c]), (with_forged, &again, [a, c])] {
        let signatures = signatures(&records[&number].event);
        signatories.verify(&Draft::of(folder).unwrap().bundle().unwrap(), signatures).unwrap();
        let mut by = by.map(Holder::id);
        by.sort();
        let recorded: Vec<_> = signatures.iter().map(|signature| &signature.key_id).collect();
        assert_eq!(recorded, by.iter().collect::<Vec<_>>(), "ascending, and only what holds");
    }
    let decrees = records.values().filter(|it| matches!(it.event, Event::DecreeEnacted { .. }));
    assert_eq!(decrees.count(), 3, "the first, and the two that enough keys signed");

    auditor.command(&["audit", "verify"]).unwrap().expect_code(0).unwrap();
    let history = exchange.gateway(&["decree", "history"]).unwrap().expect_code(0).unwrap();
    assert!([a, b, c].iter().all(|holder| history.stdout.contains(&holder.id())), "{history:?}");
    stop_and_verify(&mut exchange);
}

fn signatures(event: &Event) -> &[KeySignature] {
    let Event::DecreeEnacted { signatures, .. } = event else { panic!("{event:?}") };
    signatures
}

/// Records whatever it is given: a gateway whose program was changed.
struct Changed(Registry);

impl Sequencer for Changed {
    type Draft = (Event, Body);
    type Reply = ();

    fn room(&self, (_, body): &(Event, Body)) -> u64 {
        NewEntry::room(body.length())
    }

    fn sequence(
        &mut self,
        (event, body): (Event, Body),
        _: u64,
        time: Timestamp,
    ) -> (Vec<NewEntry>, ()) {
        let actor = "operator/BIRGE".parse().unwrap();
        let parties = self.0.next_counters([&actor]);
        let record = Record { time, actor, parties, persons: BTreeMap::new(), event };
        (vec![NewEntry { record, body: Some(body), persons: BTreeMap::new() }], ())
    }
}

#[test]
fn article_3_4_an_auditor_finds_a_decree_that_one_of_two_keys_signed() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let holders = three(dir);
    let mut exchange = two_of_three(dir, &holders);
    let auditor = exchange.node("auditor/COA").unwrap();
    auditor.command(&["audit", "verify"]).unwrap().expect_code(0).unwrap();
    exchange.stop().unwrap().expect_code(0).unwrap();

    let bundle = Draft::amendment("2099-01-01", later()).unwrap().bundle().unwrap();
    let decree = Decree::from_bundle(&bundle).unwrap();
    let signature = DecreeSignature::make(&bundle, &read_signing_key(&holders[0].key).unwrap());
    let event = enacted(&decree, &bundle, vec![signature.unwrap().into()]);
    let opened = Opened::open(&exchange.journal(), JournalConfig::default()).unwrap();
    let mut registry = Registry::default();
    for entry in opened.reader().entries(0..opened.reader().size()) {
        let entry = entry.unwrap();
        registry.apply(entry.index, &Record::parse(&entry.record).unwrap());
    }
    let number = block_on(async {
        let journal = opened.start(Arc::new(SystemClock), Changed(registry)).unwrap();
        let draft = (event, bundle.into());
        let number = journal.append(Class::Administration, draft).await.unwrap().first;
        journal.close().await;
        number
    });

    let told = exchange.gateway(&["verify"]).unwrap().expect_code(1).unwrap().stderr;
    exchange.serve().unwrap();
    wait_covered(&exchange, number);
    let found = auditor.command(&["audit", "verify"]).unwrap().expect_code(1).unwrap();
    for words in [told, found.stdout + &found.stderr] {
        let place = format!("record {number}");
        assert!(words.contains(&place) && words.contains("1 of 2 signatures"), "{words}");
    }
}
