//! The auditor's commands: what is listed, exported, mirrored and reported is proved, and
//! reading is itself recorded.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt, path::Path, process::Stdio};

use birge_proto::{
    problem::Kind,
    record::{Event, Opening, Record},
    wire::{HoldRequest, RecordFilter, RecordsRequest},
};
use birge_tests::{
    answer::request, client::Client, country, exchange::Exchange, node::Node, process::Output,
};
use serde_json::Value;

use crate::support::{block_on, records, submit, trafficking, wait_covered};

/// An exchange with some history: a batch, an answer, refusals.
struct Scene {
    exchange: Exchange,
    mia: Node,
    mfa: Node,
    auditor: Node,
}

impl Scene {
    fn new() -> Self {
        let exchange = Exchange::start().unwrap();
        let [mia, mfa, auditor] = ["agency/MIA", "agency/MFA", "auditor/COA"]
            .map(|identity| exchange.node(identity).unwrap());
        let scene = Self { exchange, mia, mfa, auditor };
        block_on(async {
            submit(&scene.exchange, &scene.mia, &trafficking()).await.unwrap();
            scene.ask().await;
            let client = scene.client(&scene.mfa).await;
            let region = request("TRAFFICKING", &[("REF_AREA", "KG-C")]);
            let refused = client.ask(region).await.unwrap_err();
            assert_eq!(refused.kind, Kind::NotPermitted);
            scene.covered(refused.exchange.unwrap());
        });
        scene
    }

    async fn client(&self, node: &Node) -> Client {
        Client::of(node, self.exchange.address()).await.unwrap()
    }

    async fn ask(&self) {
        let client = self.client(&self.mfa).await;
        let answer = client.ask(request("TRAFFICKING", &[("TIME_PERIOD", "2023")])).await.unwrap();
        self.covered(answer.provenance.unwrap().exchange);
    }

    /// Waits until a checkpoint covers the exchange.
    fn covered(&self, exchange: u64) {
        tokio::task::block_in_place(|| wait_covered(&self.exchange, exchange));
    }

    fn audit(&self, arguments: &[&str], code: i32) -> Output {
        let output = self.auditor.command(&[&["audit"], arguments].concat()).unwrap();
        output.expect_code(code).unwrap()
    }

    /// Places or lifts a hold, and waits until a checkpoint covers that.
    fn hold(&self, arguments: &[&str]) {
        let done = self.audit(&[&["hold", "--output", "json"], arguments].concat(), 0);
        let json: Value = serde_json::from_str(&done.stdout).unwrap();
        self.covered(json["exchange"].as_u64().unwrap());
    }

    fn listed(&self, arguments: &[&str]) -> Vec<Value> {
        let arguments = [&["records", "--output", "json"], arguments].concat();
        let json: Value = serde_json::from_str(&self.audit(&arguments, 0).stdout).unwrap();
        json["records"].as_array().unwrap().clone()
    }
}

/// Does a row fit?
type Fits<'a> = &'a dyn Fn(&Value) -> bool;

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_filter_gives_what_filtering_everything_would() {
    if country::model_only("a_filter_gives_what_filtering_everything_would") {
        return;
    }
    let scene = Scene::new();
    let everything = scene.listed(&[]);
    let to = (everything.last().unwrap()["exchange"].as_u64().unwrap() + 1).to_string();
    let bound = ["--to", &to];
    let time = everything[everything.len() / 2]["time"].as_str().unwrap().to_owned();
    let cases: [(&[&str], Fits<'_>); 7] = [
        (&["--dataset", "TRAFFICKING"], &|row| row["dataset"] == "TRAFFICKING"),
        (&["--kind", "query-refused"], &|row| row["kind"] == "query-refused"),
        (&["--outcome", "refused"], &|row| row["outcome"] == "refused"),
        (&["--outcome", "permitted"], &|row| row["outcome"] == "permitted"),
        (&["--article", "6(5)"], &|row| row["articles"].to_string().contains("\"6(5)\"")),
        (&["--since", &time], &|row| row["time"].as_str().unwrap() >= time.as_str()),
        (&["--before", &time], &|row| row["time"].as_str().unwrap() < time.as_str()),
    ];
    for (filter, fits) in cases {
        let expected: Vec<_> = everything.iter().filter(|row| fits(row)).cloned().collect();
        assert!(!expected.is_empty() || filter[0] == "--before", "{filter:?} is a fair question");
        assert_eq!(scene.listed(&[filter, &bound].concat()), expected, "{filter:?}");
    }
    let concerned = scene.listed(&["--agency", "MFA"]);
    assert!(concerned.iter().any(|row| row["kind"] == "participant-enrolled"));
    assert!(concerned.iter().all(|row| row["kind"] != "submission-accepted"));
    let wrong = scene.audit(&["records", "--since", "yesterday"], 2);
    assert!(wrong.stderr.contains("--since"), "{}", wrong.stderr);
}

/// Article 9(3).
#[test]
fn reading_is_recorded_and_closed_to_those_under_audit() {
    let scene = Scene::new();
    scene.audit(&["records", "--agency", "MIA"], 0);
    // The next reading sees the one before, once a checkpoint covers it.
    let last = block_on(records(&scene.exchange, &scene.auditor)).len() as u64;
    scene.covered(last);
    let all = block_on(records(&scene.exchange, &scene.auditor));
    let read = |record: &&Record| matches!(record.event, Event::RecordsRead { .. });
    assert!(all.values().filter(read).any(|record| record.actor.to_string() == "auditor/COA"));
    let seen = scene.mia.command(&["audit", "records", "--kind", "records-read"]).unwrap();
    let seen = seen.expect_code(0).unwrap().stdout;
    assert!(!seen.contains("auditor/COA"), "{seen}");
    // A notice does not name who asked, and is not found by that name.
    block_on(async {
        let client = scene.client(&scene.mia).await;
        for (party, expected) in [("agency/MFA", 0), ("agency/MIA", 1), ("", 1)] {
            let filter = RecordFilter {
                party: party.into(),
                kinds: vec!["query-answered".into()],
                ..RecordFilter::default()
            };
            let request = RecordsRequest { from: 0, to: 0, filter: Some(filter) };
            let mut stream = client.audit().records(request).await.unwrap().into_inner();
            let mut found = 0;
            while let Some(entry) = stream.message().await.unwrap() {
                assert!(entry.record.is_empty() && !entry.notice.is_empty());
                found += 1;
            }
            assert_eq!(found, expected, "{party:?}");
        }
    });
}

#[test]
fn an_export_can_be_proved_without_the_gateway() {
    let scene = Scene::new();
    let folder = tempfile::tempdir().unwrap();
    let (lines, table) = (folder.path().join("records.jsonl"), folder.path().join("records.csv"));
    scene.audit(&["export", "--out", path(&lines)], 0);
    scene.audit(&["export", "--format", "csv", "--out", path(&table)], 0);
    let mirror = folder.path().join("mirror");
    scene.audit(&["mirror", path(&mirror)], 0);

    let bundle = fs::read(newest_bundle(&mirror)).unwrap();
    let (mut leaves, mut rest) = (Vec::new(), &bundle[..]);
    while let [high, low, after @ ..] = rest {
        let (leaf, after) = after.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        leaves.push(leaf);
        rest = after;
    }
    let text = fs::read_to_string(&lines).unwrap();
    let mut indexes = BTreeSet::new();
    for line in text.lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        let index = entry["index"].as_u64().unwrap();
        let opening = hex::decode(entry["opening"].as_str().unwrap()).unwrap();
        let record = entry["record"].as_str().unwrap();
        let leaf = Opening::from_bytes(&opening).unwrap().leaf(record.as_bytes());
        assert_eq!(leaves[usize::try_from(index).unwrap()], leaf, "record {index}");
        indexes.insert(index);
    }
    assert_eq!(indexes.len() as u64, indexes.last().unwrap() + 1, "none is left out");
    let rows = fs::read_to_string(&table).unwrap();
    assert!(rows.starts_with("exchange,time,actor,kind,dataset,outcome,articles,detail\n"));
    assert!(rows.lines().count() > text.lines().count(), "the second export saw the first too");
    assert!(!folder.path().join("records.jsonl.tmp").exists());
    // Records are for the auditor; what the log shows to everybody is for whoever serves it.
    for (file, expected) in [(&lines, 0o600), (&table, 0o600), (&mirror, 0o755)] {
        assert_eq!(mode(file), expected, "{}", file.display());
    }
    assert_eq!(mode(&newest_bundle(&mirror)), 0o644);
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn whoever_reads_only_a_part_of_an_answer_may_close_the_pipe() {
    let scene = Scene::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = scene.auditor.program(&["audit", "records"]).unwrap();
    let ended = command.stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
}

fn newest_bundle(mirror: &Path) -> std::path::PathBuf {
    let files = birge_tests::watch::files_below(&mirror.join("tile/entries"));
    files.into_iter().max().unwrap()
}

#[test]
fn a_mirror_is_hashed_again_and_a_changed_byte_is_named() {
    let scene = Scene::new();
    let folder = tempfile::tempdir().unwrap();
    let mirror = folder.path().join("mirror");
    scene.audit(&["mirror", path(&mirror)], 0);
    block_on(scene.ask());
    let again = scene.audit(&["mirror", path(&mirror)], 0);
    assert!(again.stdout.contains("hashed again"), "{}", again.stdout);
    assert_eq!(birge_tests::watch::files_below(&mirror.join("tile/entries")).len(), 1);
    for file in birge_tests::watch::files_below(&mirror) {
        let sound = fs::read(&file).unwrap();
        let mut changed = sound.clone();
        *changed.last_mut().unwrap() ^= 1;
        fs::write(&file, changed).unwrap();
        let refused = scene.audit(&["mirror", path(&mirror)], 1);
        assert!(refused.stderr.contains("damaged"), "{}: {}", file.display(), refused.stderr);
        fs::write(&file, sound).unwrap();
    }
    scene.audit(&["mirror", path(&mirror)], 0);
}

#[test]
fn verification_goes_on_from_where_it_ended() {
    let mut scene = Scene::new();
    let size = |output: &Output| -> (u64, u64) {
        let json: Value = serde_json::from_str(&output.stdout).unwrap();
        (json["verifiedBefore"].as_u64().unwrap(), json["size"].as_u64().unwrap())
    };
    let verify = |scene: &Scene, more: &[&str]| {
        size(&scene.audit(&[&["verify", "--output", "json"], more].concat(), 0))
    };
    let (before, first) = verify(&scene, &[]);
    assert_eq!(before, 0);
    block_on(scene.ask());
    let (before, second) = verify(&scene, &[]);
    assert_eq!(before, first);
    assert!(second > first);
    assert_eq!(verify(&scene, &["--all"]).0, 0);
    // What was verified is bound to its root.
    let state = scene.auditor.dir().join("state/verified.json");
    let mut json: Value = serde_json::from_slice(&fs::read(&state).unwrap()).unwrap();
    json["root"] = "00".repeat(32).into();
    fs::write(&state, json.to_string()).unwrap();
    let refused = scene.audit(&["verify"], 1);
    assert!(refused.stderr.contains("past was changed"), "{}", refused.stderr);
    scene.audit(&["verify", "--all"], 0);
    scene.exchange.stop().unwrap().expect_code(0).unwrap();
    scene.audit(&["verify"], 3);
}

#[test]
fn a_report_is_signed_in_english_and_russian() {
    if country::model_only("a_report_is_signed_in_english_and_russian") {
        return;
    }
    let scene = Scene::new();
    scene.hold(&["case-7", "--from", "0", "--to", "3"]);
    let folder = tempfile::tempdir().unwrap();
    for (language, words) in
        [("en", "What the log cannot prove"), ("ru", "Чего журнал не доказывает")]
    {
        let paper = folder.path().join(format!("paper.{language}.md"));
        scene.audit(&["report", "--lang", language, "--out", path(&paper)], 0);
        let text = fs::read_to_string(&paper).unwrap();
        for word in [words, "6(5)", "NOT_PERMITTED", "TRAFFICKING", "case-7", "agency/MFA"] {
            assert!(text.contains(word), "{word} is missing in {text}");
        }
        // Who saw figures before they were public, and how many (article 8(1)).
        let seen = text.split("## ").find(|section| {
            section.starts_with("Figures seen before") || section.starts_with("Показатели, увид")
        });
        assert!(seen.unwrap().contains("| agency/MFA | "), "{text}");
        let checked = scene.audit(&["check-report", path(&paper)], 0);
        assert!(checked.stdout.contains("enrolled for it"), "{}", checked.stdout);
        let beside = folder.path().join(format!("paper.{language}.md.sig.json"));
        let signature = fs::read_to_string(&beside).unwrap();
        for (member, value) in [("payloadType", "text/plain"), ("sha256", &"0".repeat(64))] {
            let mut changed: Value = serde_json::from_str(&signature).unwrap();
            changed[member] = value.into();
            fs::write(&beside, changed.to_string()).unwrap();
            let refused = scene.audit(&["check-report", path(&paper)], 1);
            assert!(refused.stderr.contains(member), "{}", refused.stderr);
        }
        fs::write(&beside, signature).unwrap();
        fs::write(&paper, text.replacen("6(5)", "6(1)", 1)).unwrap();
        scene.audit(&["check-report", path(&paper)], 1);
    }
    let refused = scene.mia.command(&["audit", "report", "--out", "x.md"]).unwrap();
    refused.expect_code(1).unwrap();
}

#[test]
fn a_hold_is_recorded_once_and_is_for_auditors() {
    let scene = Scene::new();
    scene.audit(&["hold", "case-7", "--from", "3"], 0);
    let twice = scene.audit(&["hold", "case-7"], 1);
    assert!(twice.stderr.contains("stands already"), "{}", twice.stderr);
    scene.audit(&["hold", "case 7"], 1);
    scene.audit(&["hold", "case-8", "--lift"], 1);
    scene.hold(&["case-7", "--lift"]);
    block_on(async {
        let client = scene.client(&scene.mia).await;
        let request = HoldRequest { name: "mine".into(), from: 0, to: 0, lift: false };
        let refused = client.audit().hold(request).await.unwrap_err();
        let problem = birge_proto::problem::Problem::from_status(&refused);
        assert_eq!(problem.kind, Kind::WrongRole);
        scene.covered(problem.exchange.unwrap());
    });
    let kinds: Vec<_> = scene.listed(&[]).iter().map(|row| row["kind"].clone()).collect();
    let count = |kind: &str| kinds.iter().filter(|other| *other == kind).count();
    assert_eq!((count("hold-placed"), count("hold-lifted")), (1, 1));
    assert!(count("act-refused") >= 4, "{kinds:?}");
}
