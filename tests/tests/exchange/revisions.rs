//! What stands is changed by a revision that names it and says why (article 5(2)), and by
//! nothing else.

use std::fs;

use birge_proto::{
    clock::{Clock, SystemClock},
    manifest::{Action, BatchId},
    problem::{Kind, Problem},
    record::Event,
    wire::{ListDatasetsRequest, PeriodState, SubmitResponse},
};
use birge_tests::{
    batch::Batch, client::Client, country, exchange::Exchange, node::Node, process::Output, watch,
};
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::support::{self, STOCK, block_on, place, records, signed, stock_rows};

const REASON: &str = "a register was counted twice";

/// Migrant stock in the common template: women by year, men always 50.
pub(crate) fn stock(action: char, years: &[(i16, u32)]) -> String {
    let rows = |(year, women): &(i16, u32)| stock_rows(action, year, [*women, 50, women + 50]);
    STOCK.to_owned() + &years.iter().map(rows).collect::<String>()
}

/// The year that it is where the decree is in force.
fn this_year() -> i16 {
    let zone = TimeZone::get("Asia/Bishkek").unwrap();
    SystemClock.now().to_zoned(zone).year()
}

struct Scene {
    exchange: Exchange,
    nsc: Node,
    auditor: Node,
}

impl Scene {
    fn new() -> Self {
        let exchange = Exchange::start().unwrap();
        let nsc = exchange.node("agency/NSC").unwrap();
        let auditor = exchange.node("auditor/COA").unwrap();
        Self { exchange, nsc, auditor }
    }

    /// Runs `agency-node submit` on a text; the exit code and the answer.
    fn submit(&self, name: &str, text: &str, more: &[&str]) -> (Output, Value) {
        let file = self.nsc.dir().join(name);
        fs::write(&file, text).unwrap();
        let arguments = [&["submit", file.to_str().unwrap(), "--output", "json"], more].concat();
        let output = self.nsc.command(&arguments).unwrap();
        let answer = serde_json::from_str(&output.stdout);
        let answer = answer.unwrap_or_else(|error| panic!("{error}: {output:?}"));
        (output, answer)
    }

    /// Hands in a batch past the node's software; its name and what came of it.
    fn hand_in(
        &self,
        action: Action,
        years: &[(i16, u32)],
        revises: Option<BatchId>,
    ) -> (BatchId, Result<SubmitResponse, Problem>) {
        let mut batch = Batch::from_csv("NSC", &stock('A', years), 100).unwrap();
        batch.manifest.action = action;
        batch.manifest.revises = revises;
        batch.manifest.reason = revises.map(|_| REASON.to_owned());
        let id = signed(&batch, &self.nsc).id();
        (id, block_on(support::submit(&self.exchange, &self.nsc, &batch)))
    }

    /// As [`Self::hand_in`], of what is to be accepted.
    fn accepted(
        &self,
        action: Action,
        years: &[(i16, u32)],
        revises: Option<BatchId>,
    ) -> (BatchId, u64) {
        let (id, answer) = self.hand_in(action, years, revises);
        (id, place(&answer.unwrap_or_else(|problem| panic!("{years:?}: {problem:?}"))))
    }

    /// What was accepted, in order: batch, what it revises, whether it was late.
    fn history(&self) -> Vec<(BatchId, Option<BatchId>, bool)> {
        let records = block_on(records(&self.exchange, &self.auditor));
        let accepted = records.into_values().filter_map(|record| match record.event {
            Event::SubmissionAccepted { batch, revises, late, .. } => Some((batch, revises, late)),
            _ => None,
        });
        accepted.collect()
    }
}

/// A refusal under article 5(2).
fn under_5_2(problem: &Problem) {
    assert_eq!(problem.kind, Kind::NotPermitted, "{problem:?}");
    assert!(problem.articles.contains(&"5(2)".to_owned()), "{problem:?}");
}

/// A release that doubles what stood, one that leaves years out, and one that moves the figures to
/// another country: none goes in by mistake, and the message has the numbers.
#[test]
fn a_release_that_changes_much_is_caught_with_its_numbers() {
    let scene = Scene::new();
    let (year, last) = (this_year() - 1, this_year() - 2);
    let years = [(last, 300), (year, 310)];
    let (output, answer) = scene.submit("first.csv", &stock('A', &years), &[]);
    assert_eq!(output.code, Some(0), "{answer}");

    let doubled = stock('R', &[(last, 600), (year, 620)]);
    let (output, answer) = scene.submit("doubled.csv", &doubled, &[]);
    assert_eq!(output.code, Some(1), "{answer}");
    let detail = answer["problem"]["detail"].as_str().unwrap();
    for part in [
        "does not say why",
        &format!("{last}: 2 of 3 figures changed (together 650 before, 1250 now), 0 gone, 0 new"),
        &format!("{year}: 2 of 3 figures changed (together 670 before, 1290 now), 0 gone, 0 new"),
    ] {
        assert!(detail.contains(part), "{detail}");
    }
    // Who looks before sees each figure.
    let (output, answer) =
        scene.submit("doubled.csv", &doubled, &["--reason", REASON, "--dry-run"]);
    assert_eq!((output.code, &answer["outcome"]), (Some(0), &"warning".into()), "{answer}");
    assert_eq!(answer["report"]["byCode"]["FIGURE_CHANGED"], 4, "{answer}");
    let told = answer["report"]["findings"].as_array().unwrap();
    let women = told.iter().find(|finding| finding["found"] == "600").unwrap();
    assert_eq!((&women["code"], &women["expected"]), (&"FIGURE_CHANGED".into(), &"300".into()));

    let moved = stock('R', &years).replace(",KG,", ",TJ,");
    let (output, answer) = scene.submit("moved.csv", &moved, &["--reason", REASON]);
    assert_eq!(output.code, Some(1), "{answer}");
    let detail = answer["problem"]["detail"].as_str().unwrap();
    assert!(detail.contains("would disappear") && detail.contains("A.KG.MIG_STOCK.F"), "{detail}");

    let observation = |sex: &str, value: u32| {
        serde_json::json!({
            "FREQ": "A", "REF_AREA": "KG", "INDICATOR": "MIG_STOCK", "SEX": sex, "AGE": "_T",
            "COUNTRY_BIRTH": "_T", "UNIT_MEASURE": "PS", "TIME_PERIOD": year.to_string(),
            "OBS_VALUE": value, "OBS_STATUS": "A",
        })
    };
    let only_the_last = serde_json::json!({
        "dataset": "MIG_STOCK", "version": "1.0.0", "agency": "NSC", "action": "Replace",
        "periods": [last.to_string(), year.to_string()], "reason": REASON,
        "observations": [observation("F", 310), observation("M", 50), observation("_T", 360)],
    });
    let (output, answer) = scene.submit("last.json", &only_the_last.to_string(), &[]);
    assert_eq!(output.code, Some(1), "{answer}");
    let detail = answer["problem"]["detail"].as_str().unwrap();
    assert!(detail.contains("would disappear") && detail.contains(&last.to_string()), "{detail}");

    // What leaps against the year before, and whose sexes changed places, is taken and asked about.
    let (output, answer) = scene.submit("next.csv", &stock('A', &[(year - 2, 9_000)]), &[]);
    assert_eq!(output.code, Some(0), "{answer}");
    let (_, answer) = scene.submit("leap.csv", &stock('R', &[(last, 10)]), &["--reason", REASON]);
    assert_eq!(answer["report"]["byCode"]["CHANGE_LARGE"], 2, "{answer}");
}

/// The message to whoever handed it in has the figures; what the system keeps of it has none.
#[test]
fn a_refusal_of_a_revision_puts_no_figure_into_the_nodes_log() {
    let scene = Scene::new();
    let process = scene.nsc.run().unwrap();
    let year = this_year() - 1;
    scene.nsc.hand_in("first.csv", stock('A', &[(year, 31_337)]).as_bytes()).unwrap();
    scene.nsc.wait_receipts(1).unwrap();
    scene.nsc.hand_in("second.csv", stock('R', &[(year, 41_347)]).as_bytes()).unwrap();
    let report = scene.nsc.rejected().join("second.csv.report.txt");
    let told = watch::until(scene.nsc.dir(), "the refusal is filed", || {
        Ok(fs::read_to_string(&report).ok())
    });
    assert!(told.unwrap().contains("together 62724 before, 82744 now"));
    let said = process.stop().unwrap();
    let said = said.stdout + &said.stderr;
    assert!(said.contains("NOT_PERMITTED"), "{said}");
    for figure in ["31337", "41347", "62724", "82744"] {
        assert!(!said.contains(figure), "{said}");
    }
}

#[test]
fn what_would_change_is_shown_and_then_done_in_one_step() {
    let scene = Scene::new();
    let (year, last) = (this_year() - 1, this_year() - 2);
    let (output, answer) = scene.submit("first.csv", &stock('A', &[(last, 300), (year, 310)]), &[]);
    assert_eq!(output.code, Some(0), "{answer}");
    // The men of the last year are not in it any more.
    let text = stock('A', &[(last, 300), (year, 400)]);
    let men = format!("KG,MIG_STOCK,M,_T,_T,PS,{year}");
    let text: Vec<&str> = text.lines().filter(|line| !line.contains(&men)).collect();
    let text = text.join("\n");
    let file = scene.nsc.dir().join("next.csv");
    fs::write(&file, &text).unwrap();
    let arguments = ["diff", file.to_str().unwrap(), "--output", "json"];
    let output = scene.nsc.command(&arguments).unwrap().expect_code(0).unwrap();
    let shown: Value = serde_json::from_str(&output.stdout).unwrap();
    let of = |period: usize, what: &str| shown["periods"][period][what].as_u64();
    assert_eq!(
        (of(0, "changed"), of(0, "removed"), of(0, "unchanged")),
        (Some(0), Some(0), Some(3))
    );
    assert_eq!((of(1, "changed"), of(1, "removed"), of(1, "added")), (Some(2), Some(1), Some(0)));
    let women = &shown["periods"][1]["figures"];
    let women = women.as_array().unwrap().iter().find(|figure| figure["was"] == "310").unwrap();
    assert_eq!(women["is"], "400", "{shown}");

    let more = ["--revises", "current", "--reason", REASON];
    // A file that only adds makes nothing disappear.
    let arguments_of = ["submit", file.to_str().unwrap()];
    let output = scene.nsc.command(&[&arguments_of[..], &more[..]].concat()).unwrap();
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stderr.contains("1 figures that stand are not in the file"), "{output:?}");
    let text = text.replace("(1.0.0),A,", "(1.0.0),R,");
    let (output, answer) = scene.submit("next.csv", &text, &more);
    assert_eq!(output.code, Some(0), "{answer}");
    let counts = &answer["counts"];
    assert_eq!((&counts["updated"], &counts["deleted"]), (&2.into(), &1.into()), "{answer}");
    let output = scene.nsc.command(&arguments).unwrap().expect_code(0).unwrap();
    let shown: Value = serde_json::from_str(&output.stdout).unwrap();
    for period in 0..2 {
        let changed = &shown["periods"][period];
        assert_eq!((&changed["changed"], &changed["removed"]), (&0.into(), &0.into()), "{shown}");
    }
}

#[test]
fn the_sidecar_of_a_file_in_the_inbox_says_why_it_revises() {
    let scene = Scene::new();
    let process = scene.nsc.run().unwrap();
    scene.nsc.hand_in("first.csv", stock('A', &[(2024, 100)]).as_bytes()).unwrap();
    scene.nsc.wait_receipts(1).unwrap();
    let [(first, None, _)] = scene.history()[..] else { panic!("{:?}", scene.history()) };

    let sidecar = format!("revises = \"{first}\"\nreason = \"{REASON}\"\n");
    scene.nsc.hand_in("second.csv.batch.toml", sidecar.as_bytes()).unwrap();
    scene.nsc.hand_in("second.csv", stock('R', &[(2024, 110)]).as_bytes()).unwrap();
    scene.nsc.wait_receipts(2).unwrap();
    let [_, (second, revised, _)] = scene.history()[..] else { panic!("{:?}", scene.history()) };
    assert_eq!(revised, Some(first));

    // Without its name: the newest of its periods.
    let sidecar = format!("reason = \"{REASON}\"\n");
    scene.nsc.hand_in("third.csv.batch.toml", sidecar.as_bytes()).unwrap();
    scene.nsc.hand_in("third.csv", stock('R', &[(2024, 120)]).as_bytes()).unwrap();
    scene.nsc.wait_receipts(3).unwrap();
    let [_, _, (_, revised, _)] = scene.history()[..] else { panic!("{:?}", scene.history()) };
    assert_eq!(revised, Some(second));
    process.stop().unwrap().expect_code(0).unwrap();
}

#[test]
fn a_revision_on_the_command_line_names_what_it_replaces_and_why() {
    let scene = Scene::new();
    let (output, first) = scene.submit("first.csv", &stock('A', &[(2024, 100)]), &[]);
    assert_eq!(output.code, Some(0), "{first}");
    let first = first["batch"].as_str().unwrap();

    let changed = stock('R', &[(2024, 110)]);
    let (output, silent) = scene.submit("silent.csv", &changed, &["--revises", first]);
    assert_eq!(output.code, Some(1), "{silent}");
    let problem = &silent["problem"];
    assert_eq!(problem["code"], "NOT_PERMITTED", "{silent}");
    assert!(problem["articles"].as_array().unwrap().contains(&"5(2)".into()), "{silent}");
    assert!(problem["exchange"].as_u64().is_some(), "{silent}");

    let other = "0".repeat(64);
    let stale = ["--revises", &other, "--reason", REASON];
    let (output, stale) = scene.submit("stale.csv", &changed, &stale);
    assert_eq!((output.code, &stale["problem"]["code"]), (Some(1), &"STALE".into()), "{stale}");

    let appended = stock('A', &[(2024, 110)]);
    let reasoned = ["--revises", first, "--reason", REASON];
    let (output, conflict) = scene.submit("conflict.csv", &appended, &reasoned);
    let code = &conflict["problem"]["code"];
    assert_eq!((output.code, code), (Some(1), &"CONFLICT".into()), "{conflict}");
    assert_eq!(conflict["problem"]["status"], 409, "{conflict}");

    let (output, second) = scene.submit("second.csv", &changed, &reasoned);
    assert_eq!(output.code, Some(0), "{second}");
    // The total and women changed, men did not.
    let counts = &second["counts"];
    assert_eq!((&counts["updated"], &counts["unchanged"]), (&2.into(), &1.into()), "{second}");
    let history = scene.history();
    let revised: Vec<_> = history.iter().map(|(_, revises, _)| *revises).collect();
    assert_eq!(revised, [None, Some(first.parse().unwrap())]);
}

#[test]
fn a_reason_of_blanks_is_no_reason() {
    let scene = Scene::new();
    let (first, _) = scene.accepted(Action::Append, &[(2024, 100)], None);
    for reason in [None, Some(""), Some(" \t")] {
        let mut batch = Batch::from_csv("NSC", &stock('R', &[(2024, 110)]), 100).unwrap();
        batch.manifest.action = Action::Replace;
        batch.manifest.revises = Some(first);
        batch.manifest.reason = reason.map(str::to_owned);
        let answer = block_on(support::submit(&scene.exchange, &scene.nsc, &batch));
        under_5_2(&answer.unwrap_err());
    }
}

#[test]
fn a_period_long_over_is_delivered_once_and_never_revised_by_the_agency_alone() {
    if country::model_only(
        "a_period_long_over_is_delivered_once_and_never_revised_by_the_agency_alone",
    ) {
        return;
    }
    let scene = Scene::new();
    let (frozen, open) = (this_year() - 6, this_year() - 5);
    let (old, _) = scene.accepted(Action::Append, &[(frozen, 100)], None);
    for action in [Action::Replace, Action::Append, Action::Delete] {
        under_5_2(&scene.hand_in(action, &[(frozen, 110)], Some(old)).1.unwrap_err());
    }
    let (recent, _) = scene.accepted(Action::Append, &[(open, 100)], None);
    let (recent, _) = scene.accepted(Action::Replace, &[(open, 110)], Some(recent));

    // A first delivery of another old period, in a batch that revises an open one.
    let mixed = [(frozen - 1, 100), (open, 120)];
    let (recent, _) = scene.accepted(Action::Replace, &mixed, Some(recent));
    // The same once more, now that the old period stands too.
    let mixed = [(frozen - 1, 110), (open, 130)];
    under_5_2(&scene.hand_in(Action::Replace, &mixed, Some(recent)).1.unwrap_err());
    scene.accepted(Action::Replace, &[(open, 130)], Some(recent));
}

#[test]
fn what_comes_after_its_deadline_is_taken_and_marked_late() {
    let scene = Scene::new();
    let in_time = this_year();
    let (late, _) = scene.accepted(Action::Append, &[(2024, 100)], None);
    scene.accepted(Action::Append, &[(in_time, 100)], None);
    scene.accepted(Action::Replace, &[(2024, 110)], Some(late));
    let marks: Vec<_> = scene.history().into_iter().map(|(.., late)| late).collect();
    assert_eq!(marks, [true, false, false], "late, in time, a revision of what was late");

    let datasets = block_on(async {
        let client = Client::of(&scene.nsc, scene.exchange.address()).await.unwrap();
        client.query().list_datasets(ListDatasetsRequest {}).await.unwrap().into_inner().datasets
    });
    let stock = datasets.iter().find(|dataset| dataset.id == "MIG_STOCK").unwrap();
    let round = stock.periods.iter().find(|period| period.period == "2024").unwrap();
    assert_eq!(round.state(), PeriodState::Late, "{round:?}");
    let border = datasets.iter().find(|dataset| dataset.id == "BORDER").unwrap();
    let missing = |period: &&birge_proto::wire::Period| period.state() == PeriodState::Missing;
    assert!(border.periods.iter().any(|period| missing(&period)), "{border:?}");
}

#[test]
fn what_does_not_fit_what_stands_is_told_from_what_is_not_current() {
    let scene = Scene::new();
    let (first, _) = scene.accepted(Action::Append, &[(2024, 100)], None);
    let refused = |action, years: &[(i16, u32)], revises| {
        let problem = scene.hand_in(action, years, revises).1.unwrap_err();
        assert!(problem.exchange.is_some(), "{problem:?}");
        problem.kind
    };
    assert_eq!(refused(Action::Append, &[(2024, 110)], None), Kind::Stale, "names nothing");
    let another = Some(BatchId([7; 32]));
    assert_eq!(refused(Action::Replace, &[(2024, 110)], another), Kind::Stale);
    assert_eq!(refused(Action::Append, &[(2023, 110)], another), Kind::Stale, "nothing stands");

    assert_eq!(refused(Action::Append, &[(2024, 110)], Some(first)), Kind::Conflict);
    let (second, _) = scene.accepted(Action::Delete, &[(2024, 100)], Some(first));
    assert_eq!(refused(Action::Delete, &[(2024, 100)], Some(second)), Kind::Conflict, "is gone");
    assert_eq!(Kind::Conflict.http(), 409);
    assert_ne!(Kind::Conflict.code(), Kind::Stale.code());
    assert_eq!(scene.history().len(), 2, "what was refused changed nothing");
}
