//! A withheld cell stays withheld (promise 4), and the decree's article 6 decides who sees what.
//!
//! The attacker of these tests is a ministry that asks everything it may, keeps every answer,
//! knows all additive relations and the thresholds, and solves for each cell by linear
//! programming.

use std::collections::BTreeMap;

use birge_proto::{
    manifest::Action,
    problem::{Kind, Problem},
    record::{Event, keyed_digest},
};
use birge_tests::{
    answer::{Answer, Key, request},
    binaries::workspace,
    bounds::{Constraint, Relation, bounds},
    client::Client,
    country,
    exchange::Exchange,
    node::Node,
};
use serde_json::Value;

use crate::support::{block_on, record, signed, submit, trafficking};

const SEXES: [&str; 5] = ["F", "M", "_O", "_U", "_N"];

struct Scene {
    exchange: Exchange,
    mia: Node,
}

impl Scene {
    fn new() -> Self {
        let exchange = Exchange::start().unwrap();
        let mia = exchange.node("agency/MIA").unwrap();
        block_on(submit(&exchange, &mia, &trafficking())).unwrap();
        Self { exchange, mia }
    }

    async fn ask(&self, identity: &str, codes: &[(&str, &str)]) -> Result<Answer, Problem> {
        let node = self.exchange.node(identity).unwrap();
        let client = Client::of(&node, self.exchange.address()).await.unwrap();
        client.ask(request("TRAFFICKING", codes)).await
    }

    /// Everything that a ministry gets by asking in every way it can think of.
    async fn everything(&self, identity: &str) -> Given {
        let whole = ("INDICATOR", "VC_HTF_DETV");
        let asks: &[&[(&str, &str)]] = &[
            &[],
            &[("REF_AREA", "KG")],
            &[whole],
            &[whole, ("REF_AREA", "KG"), ("AGE", "_T")],
            &[whole, ("REF_AREA", "KG"), ("SEX", "_T")],
            &[("SEX", "F,M,_U,_T"), ("REF_AREA", "KG")],
            &[("AGE", "Y0T17,Y18T29,Y30T39"), ("REF_AREA", "KG"), ("SEX", "_T")],
            &[("REF_AREA", "KG-C,KG-GB,KG-GO,KG-O,KG-J,KG-B,KG-N,KG-Y")],
            &[("INDICATOR", "VC_HTF_DETVFL,VC_HTF_DETVSX,VC_HTF_DETVOP")],
        ];
        let mut given = Given::default();
        for codes in asks {
            for year in [None, Some("2018"), Some("2019"), Some("2020:2021"), Some("2022:2023")] {
                let time = year.map(|year| ("TIME_PERIOD", year));
                let codes: Vec<_> = codes.iter().copied().chain(time).collect();
                match self.ask(identity, &codes).await {
                    Ok(answer) => given.take(&answer),
                    Err(problem) => assert_eq!(problem.kind, Kind::NotPermitted, "{problem}"),
                }
            }
        }
        given
    }
}

/// All that was ever given out, by key.
#[derive(Debug, Default)]
struct Given(BTreeMap<Key, Vec<f64>>);

impl Given {
    fn take(&mut self, answer: &Answer) {
        for cell in &answer.cells {
            if let Some(value) = cell.value {
                self.0.entry(dimensions(&cell.key)).or_default().push(value);
            }
        }
    }
}

fn dimensions(key: &Key) -> Key {
    let wanted = ["REF_AREA", "INDICATOR", "SEX", "AGE", "CITIZENSHIP", "TIME_PERIOD"];
    key.iter()
        .filter(|(dimension, _)| wanted.contains(&dimension.as_str()))
        .map(|(dimension, code)| (dimension.clone(), code.clone()))
        .collect()
}

/// The true table, from the file: what the attacker wants to know.
fn truth(batch: &birge_tests::batch::Batch) -> BTreeMap<Key, f64> {
    let mut answer = Answer::default();
    for block in &batch.blocks {
        answer.take_block(block).unwrap();
    }
    answer.cells.iter().map(|cell| (dimensions(&cell.key), cell.value.unwrap())).collect()
}

/// The relations between the cells of one year that everybody knows.
fn relations(cells: &[Key]) -> Vec<Constraint> {
    let place = |key: &Key| cells.iter().position(|other| other == key);
    let mut relations = Vec::new();
    let mut relate = |whole: usize, parts: Vec<usize>, relation| {
        if !parts.is_empty() {
            let mut terms: Vec<_> = parts.into_iter().map(|part| (part, 1.0)).collect();
            terms.push((whole, -1.0));
            relations.push(Constraint { terms, relation, constant: 0.0 });
        }
    };
    for (whole, key) in cells.iter().enumerate() {
        let with = |dimension: &str, code: &str| {
            let mut part = key.clone();
            part.insert(dimension.to_owned(), code.to_owned());
            place(&part).filter(|part| *part != whole)
        };
        if key["SEX"] == "_T" {
            let parts: Vec<_> = SEXES.iter().filter_map(|sex| with("SEX", sex)).collect();
            relate(whole, parts, Relation::Equal);
        }
        let others = |dimension: &str| -> Vec<usize> {
            let same = |other: &&Key| {
                key.iter().all(|(name, code)| name == dimension || other[name] == *code)
            };
            cells.iter().filter(same).filter_map(place).filter(|part| *part != whole).collect()
        };
        if key["REF_AREA"] == "KG" {
            // The oblasts and cities of this source give the country in every year.
            relate(whole, others("REF_AREA"), Relation::Equal);
        }
        if key["AGE"] == "_T" {
            relate(whole, others("AGE"), Relation::AtMost);
        }
        if key["INDICATOR"] == "VC_HTF_DETV" {
            for part in others("INDICATOR") {
                relate(whole, vec![part], Relation::AtMost);
            }
        }
    }
    relations
}

/// Below which count of victims the country's decree calls a count small.
fn threshold() -> f64 {
    let decree: Value = serde_json::from_str(&country::decree().unwrap()["decree.json"]).unwrap();
    let rules = decree["disclosure"].as_array().unwrap();
    let rule = rules.iter().find(|rule| rule["dataset"] == "TRAFFICKING").unwrap();
    rule["threshold"].as_f64().unwrap()
}

/// No cell that was not given out can be shown to be small.
fn assert_nothing_pinned(truth: &BTreeMap<Key, f64>, given: &Given) {
    let years: std::collections::BTreeSet<&str> =
        truth.keys().map(|key| key["TIME_PERIOD"].as_str()).collect();
    let (threshold, mut solved) = (threshold(), 0);
    for year in years {
        let cells: Vec<Key> =
            truth.keys().filter(|key| key["TIME_PERIOD"] == year).cloned().collect();
        let mut constraints = relations(&cells);
        for (place, key) in cells.iter().enumerate() {
            for value in given.0.get(key).into_iter().flatten() {
                let terms = vec![(place, 1.0)];
                constraints.push(Constraint { terms, relation: Relation::Equal, constant: *value });
            }
        }
        for (place, key) in cells.iter().enumerate() {
            if given.0.contains_key(key) {
                continue;
            }
            let found = bounds(place, cells.len(), &constraints);
            let found = found.expect("what was given out contradicts itself").whole();
            let count = truth[key];
            assert!(found.least <= count && count <= found.greatest, "{key:?}: {found:?}");
            assert!(
                found.greatest >= threshold,
                "{key:?} is shown to be between {} and {}",
                found.least,
                found.greatest
            );
            solved += 1;
        }
    }
    assert!(solved > 20, "only {solved} cells were withheld: the test tests nothing");
}

#[test]
fn regions_of_trafficking_are_refused_to_mfa_and_given_to_nsc() {
    if country::model_only("regions_of_trafficking_are_refused_to_mfa_and_given_to_nsc") {
        return;
    }
    let scene = Scene::new();
    let regions = [("REF_AREA", "KG-C,KG-GB"), ("TIME_PERIOD", "2023")];
    block_on(async {
        let refusal = scene.ask("agency/MFA", &regions).await.unwrap_err();
        assert_eq!(refusal.kind, Kind::NotPermitted);
        assert!(refusal.articles.contains(&"6(5)".to_owned()), "{refusal:?}");
        assert!(!refusal.hints.is_empty(), "the refusal does not say what would be permitted");
        assert!(refusal.exchange.is_some(), "the refusal is not recorded");
        let answer = scene.ask("agency/NSC", &regions).await.unwrap();
        let values: Vec<Option<f64>> = answer.cells.iter().map(|cell| cell.value).collect();
        assert!(values.contains(&Some(15.0)) && values.contains(&Some(2.0)), "{values:?}");
        let provenance = answer.provenance.unwrap();
        assert!(provenance.articles.contains(&"6(2)".to_owned()), "{provenance:?}");
        assert_eq!(provenance.batches.len(), 1);
    });
}

#[test]
fn region_never_goes_with_sex_not_even_for_those_who_see_regions() {
    if country::model_only("region_never_goes_with_sex_not_even_for_those_who_see_regions") {
        return;
    }
    let scene = Scene::new();
    let both = [("REF_AREA", "KG-C"), ("SEX", "F,M"), ("TIME_PERIOD", "2023")];
    block_on(async {
        for identity in ["agency/MLSSM", "agency/MFA", "agency/NBKR"] {
            let refusal = scene.ask(identity, &both).await.unwrap_err();
            assert!(refusal.articles.contains(&"6(5)".to_owned()), "{identity}: {refusal:?}");
        }
    });
}

#[test]
fn article_7_2_no_cell_of_trafficking_can_be_shown_to_be_small() {
    let scene = Scene::new();
    let truth = truth(&trafficking());
    block_on(async {
        for identity in ["agency/MFA", "agency/NBKR", "agency/SBS", "agency/MLSSM"] {
            assert_nothing_pinned(&truth, &scene.everything(identity).await);
        }
    });
}

#[test]
fn a_coalition_of_ministries_learns_no_more() {
    let scene = Scene::new();
    let truth = truth(&trafficking());
    block_on(async {
        let mut together = Given::default();
        for identity in ["agency/MFA", "agency/NBKR", "agency/SBS", "agency/MLSSM"] {
            let Given(cells) = scene.everything(identity).await;
            for (key, values) in cells {
                together.0.entry(key).or_default().extend(values);
            }
        }
        assert_nothing_pinned(&truth, &together);
    });
}

/// Every release is attacked before it takes effect, and can be attacked anew: by the operator,
/// who has the withheld figures to judge by, and by anybody, from files of what was given out.
#[test]
fn article_7_2_releases_are_attacked_and_anybody_can_attack_them() {
    let scene = Scene::new();
    let auditor = scene.exchange.node("auditor/COA").unwrap();
    let mfa = scene.exchange.node("agency/MFA").unwrap();
    let released = block_on(async {
        let answer = scene.ask("agency/MFA", &[]).await.unwrap();
        let asked = answer.provenance.unwrap().exchange;
        let mut released = None;
        for index in 0..asked {
            if let Event::Released { withheld, protection, .. } =
                record(&scene.exchange, &auditor, index).await.event
            {
                released = Some((withheld, protection.unwrap()));
            }
        }
        released.unwrap()
    });
    let (withheld, protection) = released;
    assert_eq!((protection.threshold as f64, protection.closed), (threshold(), 0));
    assert_eq!(protection.attacked + protection.unattacked, withheld);
    let verified = scene.exchange.gateway(&["verify", "--disclosure"]).unwrap();
    let verified = verified.expect_code(0).unwrap();
    assert!(verified.stdout.contains("of 0 too much can be told"), "{}", verified.stdout);

    let folder = tempfile::tempdir().unwrap();
    let published = folder.path().join("published.csv");
    let query = mfa.command(&["query", "TRAFFICKING", "--format", "csv"]).unwrap();
    let text = query.expect_code(0).unwrap().stdout;
    std::fs::write(&published, &text).unwrap();
    let (file, least) = (published.to_str().unwrap(), protection.threshold.to_string());
    let attack = |file: &str, code| {
        let zeros = protection.zeros_withheld.then_some("--zeros-withheld");
        let words = ["audit", "disclosure", file, "--threshold", &least].into_iter().chain(zeros);
        let attacked = auditor.command(&words.collect::<Vec<_>>()).unwrap();
        attacked.expect_code(code).unwrap().stdout
    };
    let holds = attack(file, 0);
    assert!(holds.contains("of 0 too much can be told"), "{holds}");
    // Where only what is small itself is withheld, much can be told.
    let own = std::fs::read(workspace().join("deploy/demo/data/mia/TRAFFICKING.csv")).unwrap();
    std::fs::write(&published, without_small(&own, threshold())).unwrap();
    let told = attack(file, 1);
    assert!(told.contains("A.KG.VC_HTF_DETV.F._T._T.PS.2023 is 4"), "{told}");
}

/// Who makes up how much of an amount is known to its sender alone (dominance): what it flags as
/// confidential is withheld with its class, and looks as every withheld cell does.
#[test]
fn what_a_sender_flags_as_confidential_is_given_to_nobody() {
    if country::model_only("what_a_sender_flags_as_confidential_is_given_to_nobody") {
        return;
    }
    let exchange = Exchange::start().unwrap();
    let nbkr = exchange.node("agency/NBKR").unwrap();
    let line = |(to, amount, status): (&str, u32, &str)| {
        format!(
            "dataflow,BIRGE:REMITTANCES(1.0.0),A,A,KG,REMIT_IN,{to},USD,2024,{amount},A,{status},0,NBKR\n"
        )
    };
    let head = "STRUCTURE,STRUCTURE_ID,ACTION,FREQ,REF_AREA,INDICATOR,COUNTERPART_AREA,UNIT_MEASURE,\
                TIME_PERIOD,OBS_VALUE,OBS_STATUS,CONF_STATUS,UNIT_MULT,DATA_SOURCE\n";
    let lines = [("_T", 900, "F"), ("RU", 700, "F"), ("KZ", 150, "O"), ("TR", 50, "")];
    let file = exchange.dir().join("remittances.csv");
    std::fs::write(&file, head.to_owned() + &lines.map(line).concat()).unwrap();
    nbkr.command(&["submit", file.to_str().unwrap()]).unwrap().expect_code(0).unwrap();
    block_on(async {
        let ask = async |identity| {
            let node = exchange.node(identity).unwrap();
            let client = Client::of(&node, exchange.address()).await.unwrap();
            client.ask(request("REMITTANCES", &[])).await.unwrap()
        };
        let answer = ask("agency/MFA").await;
        for cell in &answer.cells {
            let given = (cell.key["COUNTERPART_AREA"] == "_T").then_some(900.0);
            assert_eq!(cell.value, given, "{cell:?}");
            let status = if given.is_some() { ("A", "F") } else { ("Q", "C") };
            assert_eq!((cell.code("OBS_STATUS"), cell.code("CONF_STATUS")), status);
        }
        assert_eq!(answer.cells.len(), 4);
        let own = ask("agency/NBKR").await;
        assert!(own.cells.iter().all(|cell| cell.value.is_some()), "its own figures");
    });
}

/// Before a batch is handed in, its officer sees what the decree will withhold of it, and what
/// other thresholds would.
#[test]
fn an_officer_sees_beforehand_what_would_be_withheld() {
    let exchange = Exchange::start().unwrap();
    let mia = exchange.node("agency/MIA").unwrap();
    let file = workspace().join("deploy/demo/data/mia/TRAFFICKING.csv");
    let words = ["submit", file.to_str().unwrap(), "--dry-run", "--preview"];
    let told = mia.command(&words).unwrap().expect_code(0).unwrap().stdout;
    assert!(told.contains("(the decree)"), "{told}");
    let json = mia.command(&[&words[..], &["--output", "json"]].concat()).unwrap();
    let json: Value = serde_json::from_str(&json.expect_code(0).unwrap().stdout).unwrap();
    let previews = json["previews"].as_array().unwrap();
    let number = |preview: &Value, name: &str| preview[name].as_u64().unwrap();
    let thresholds: Vec<u64> = previews.iter().map(|each| number(each, "threshold")).collect();
    assert!([3, 5, 10].iter().all(|usual| thresholds.contains(usual)), "{thresholds:?}");
    let decreed = previews.iter().find(|each| each["decreed"] == true).unwrap();
    assert_eq!(number(decreed, "threshold") as f64, threshold());
    for (less, more) in previews.iter().zip(&previews[1..]) {
        assert!(number(less, "small") < number(more, "small"), "{previews:?}");
        assert!(number(more, "withheld") > number(more, "small"), "{previews:?}");
    }
    assert!(mia.receipts().is_empty(), "nothing was handed in");
}

/// A file of the common template without the counts that are below `threshold`.
fn without_small(file: &[u8], threshold: f64) -> Vec<u8> {
    let mut reader = csv::Reader::from_reader(file);
    let head = reader.headers().unwrap().clone();
    let place = |name| head.iter().position(|column| column == name).unwrap();
    let (value, status) = (place("OBS_VALUE"), place("OBS_STATUS"));
    let mut writer = csv::Writer::from_writer(vec![]);
    writer.write_record(&head).unwrap();
    for row in reader.records().map(Result::unwrap) {
        let small = row[value].parse::<f64>().unwrap() < threshold;
        let field = |(column, text)| match column {
            column if small && column == value => "",
            column if small && column == status => "Q",
            _ => text,
        };
        writer.write_record(row.iter().enumerate().map(field)).unwrap();
    }
    writer.into_inner().unwrap()
}

/// A revision that changes one figure must not give away another that did not change.
#[test]
fn a_revision_gives_nothing_away() {
    let scene = Scene::new();
    block_on(async {
        let mut given = scene.everything("agency/MFA").await;
        let mut revised = trafficking();
        revised.manifest.action = Action::Replace;
        revised.manifest.revises = Some(signed(&trafficking(), &scene.mia).id());
        revised.manifest.reason = Some("one more case".to_owned());
        // 2023: men 14 and 18 in all.
        let last = revised.blocks.len();
        for block in 0..last {
            revised
                .change(block, |columns| {
                    for value in &mut columns.values {
                        *value += if *value == 13.0 || *value == 17.0 { 1.0 } else { 0.0 };
                    }
                })
                .unwrap();
        }
        // Periods that ended more than five years ago are frozen (article 5(2)): not touched.
        match submit(&scene.exchange, &scene.mia, &revised).await {
            Ok(_) => {}
            Err(problem) => return assert!(problem.articles.contains(&"5(2)".into()), "{problem}"),
        }
        let after = scene.everything("agency/MFA").await;
        let truth_after = truth(&revised);
        for (key, value) in &truth_after {
            if truth(&trafficking()).get(key) == Some(value) {
                given.0.entry(key.clone()).or_default();
            }
        }
        given.0.retain(|key, values| {
            !values.is_empty() && truth(&trafficking()).get(key) == truth_after.get(key)
        });
        for (key, values) in after.0 {
            given.0.entry(key).or_default().extend(values);
        }
        assert_nothing_pinned(&truth_after, &given);
    });
}

#[test]
fn withheld_cells_look_all_alike_and_the_submitter_sees_its_own() {
    let scene = Scene::new();
    let national = [("REF_AREA", "KG"), ("AGE", "_T"), ("INDICATOR", "VC_HTF_DETV")];
    block_on(async {
        let masked = scene.ask("agency/MFA", &national).await.unwrap();
        let withheld: Vec<_> = masked.cells.iter().filter(|cell| cell.value.is_none()).collect();
        assert!(!withheld.is_empty());
        for cell in &withheld {
            assert_eq!((cell.code("OBS_STATUS"), cell.code("CONF_STATUS")), ("Q", "C"));
            assert_eq!(cell.code("COMMENT_OBS"), "", "free text beside a withheld cell");
        }
        let provenance = masked.provenance.unwrap();
        assert_eq!(provenance.withheld, withheld.len() as u64);
        let own = scene.ask("agency/MIA", &national).await.unwrap();
        assert!(own.cells.iter().all(|cell| cell.value.is_some()));
    });
}

/// What left and what is recorded are the same: the record's digest covers the answer's bytes.
#[test]
fn the_record_of_an_answer_digests_exactly_what_was_given() {
    let scene = Scene::new();
    let auditor = scene.exchange.node("auditor/COA").unwrap();
    block_on(async {
        let answer = scene.ask("agency/MFA", &[("TIME_PERIOD", "2023")]).await.unwrap();
        let provenance = answer.provenance.unwrap();
        let record = record(&scene.exchange, &auditor, provenance.exchange).await;
        let Event::QueryAnswered { digest, answered, withheld, ruling, .. } = &record.event else {
            panic!("exchange {} is no answer", provenance.exchange)
        };
        let key: [u8; 32] = provenance.digest_key[..].try_into().unwrap();
        assert_eq!(*digest, hex::encode(keyed_digest(&key, &answer.bytes)));
        assert_eq!((*answered, *withheld), (provenance.answered, provenance.withheld));
        assert_eq!(ruling.articles, provenance.articles);
        let text = serde_json::to_string(&record).unwrap();
        assert!(!text.contains("17.0"), "a value in the log: {text}");
    });
}
