use std::sync::Arc;

use birge_proto::{
    envelope::{MANIFEST_TYPE, SigningKey},
    letter::Letter,
};

use super::*;
use crate::{outbox::Past, source::csv};

const HEAD: &str = "STRUCTURE,STRUCTURE_ID,ACTION,FREQ,REF_AREA,INDICATOR,SEX,AGE,CITIZENSHIP,\
                    UNIT_MEASURE,TIME_PERIOD,OBS_VALUE,OBS_STATUS\n";

fn rows(action: &str, period: &str, female: &str) -> String {
    [("_T", "17"), ("F", female), ("M", "13")]
        .map(|(sex, value)| {
            format!(
                "dataflow,BIRGE:TRAFFICKING(1.0.0),{action},A,KG,VC_HTF_DETV,{sex},_T,_T,PS,\
                 {period},{value},A\n"
            )
        })
        .concat()
}

fn structures() -> Arc<Structures> {
    Structures::bundled().unwrap()
}

fn checked(rows: &str) -> Checked {
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    let input = csv::template(format!("{HEAD}{rows}").as_bytes());
    check(&structures(), &"MIA".parse().unwrap(), input, Said::default(), now)
}

fn unsigned(rows: &str) -> Unsigned {
    let Checked { report, batch, .. } = checked(rows);
    batch.unwrap_or_else(|| panic!("{report}"))
}

fn draft(rows: &str) -> Draft {
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    unsigned(rows).draft(&"MIA".parse().unwrap(), &config::Batch::default(), now).unwrap()
}

fn past(rows: &str, id: u8) -> Past {
    let draft = draft(rows);
    Past {
        batch: BatchId([id; 32]),
        dataset: draft.manifest.dataset,
        periods: draft.manifest.periods,
        action: draft.manifest.action,
        content: draft.content,
    }
}

#[test]
fn every_finding_of_reading_and_of_the_rules_is_in_one_report() {
    let wrong = format!("{}dataflow,short\n", rows("A", "2023", "F"));
    let report = checked(&wrong).report;
    let counts = [Code::Format, Code::ValueFormat].map(|code| report.count(code));
    assert_eq!(counts, [1, 1], "{report}");
    assert!(checked(&rows("A", "2023", "5")).batch.is_none());
}

#[test]
fn a_blank_is_told_as_it_was_written() {
    for (written, told) in
        [("NaN", "NaN with"), ("#N/A", "#N/A with"), ("", "no value with"), ("4", "")]
    {
        let report = checked(&rows("A", "2023", written)).report;
        let blank = report.findings.iter().find(|finding| finding.code == Code::ValueBlank);
        assert!(blank.map_or("", |finding| &finding.found).starts_with(told), "{report}");
        assert_eq!(blank.is_none(), told.is_empty());
    }
}

#[test]
fn a_signed_batch_says_what_was_read_and_what_it_revises() {
    let key = SigningKey::generate().unwrap();
    let both = rows("A", "2023", "4") + &rows("A", "2022", "4");
    let mut elsewhere = past(&both, 3);
    elsewhere.periods = vec!["2019".into()];
    let history = [past(&rows("A", "2022", "4"), 1), past(&both, 2), elsewhere];
    let draft = draft(&both).revising(&history).approved("head of statistics").unwrap();
    let signed = draft.sign(&key, None).unwrap();
    let header = &signed.header;
    key.verifying_key().verify(MANIFEST_TYPE, &header.manifest, &header.signature).unwrap();
    let manifest = Manifest::parse(&header.manifest).unwrap();
    assert_eq!(manifest.periods, ["2022", "2023"]);
    assert_eq!(manifest.approved_by, "head of statistics");
    assert_eq!(manifest.revises, Some(BatchId([2; 32])));
    assert_eq!((manifest.observations, manifest.blocks.len()), (6, 1));
    assert_eq!(manifest.blocks[0], BatchId::of(&signed.blocks[0]));
    assert_eq!(header.letter, None, "nothing accompanies it");
}

#[test]
fn why_a_warning_is_right_goes_with_the_batch() {
    let key = SigningKey::generate().unwrap();
    let mut draft = draft(&rows("A", "2023", "4")).approved("head of statistics").unwrap();
    draft.justified.insert(Code::ChangeLarge, "a census".into());
    let header = draft.sign(&key, None).unwrap().header;
    let (batch, manifest) =
        (BatchId::of(&header.manifest), Manifest::parse(&header.manifest).unwrap());
    let letter = header.letter.unwrap();
    let letter = Letter::verify(&letter, batch, &manifest, &key.verifying_key()).unwrap();
    assert_eq!(letter.justifications["CHANGE_LARGE"], "a census");
}

#[test]
fn what_nobody_approved_is_not_signed() {
    for officer in ["", " "] {
        let failure = draft(&rows("A", "2023", "4")).approved(officer).unwrap_err();
        let reply = failure.reply();
        assert_eq!(reply.exit, crate::output::Exit::Refused);
        for part in ["nobody approved", "name the responsible officer in node.toml"] {
            assert!(reply.aside.contains(part), "{}", reply.aside);
        }
    }
}

#[test]
fn what_changes_nothing_revises_nothing_and_is_not_revised() {
    let (informs, adds) = (rows("I", "2023", "4"), rows("A", "2023", "4"));
    let history = [past(&adds, 1), past(&informs, 2)];
    let revises = |rows: &str| draft(rows).revising(&history).manifest.revises;
    assert_eq!(revises(&adds), Some(BatchId([1; 32])));
    assert_eq!(revises(&informs), None);
}

#[test]
fn the_same_content_is_known_again_until_it_was_undone() {
    let (adds, replaces) = (rows("A", "2023", "4"), rows("R", "2023", "4"));
    let (same, replaced) = (past(&adds, 1), past(&replaces, 2));
    let already = |history: &[Past]| draft(&adds).already(history);
    assert_eq!(already(&[]), None);
    assert_eq!(already(std::slice::from_ref(&same)), Some(same.batch));
    let mut more = past(&adds, 3);
    more.content = "another".into();
    assert_eq!(already(&[same.clone(), more.clone()]), Some(same.batch));
    assert_eq!(already(&[same, replaced.clone()]), None);
    assert_eq!(draft(&replaces).already(&[replaced, more]), None);
}

#[test]
fn a_file_of_another_agency_or_dataset_is_refused() {
    let report = checked(&rows("A", "2023", "4").replace("TRAFFICKING", "NOTHING")).report;
    assert_eq!(report.count(Code::Provider), 1);
    let mut input = csv::template(format!("{HEAD}{}", rows("A", "2023", "4")).as_bytes()).unwrap();
    input.header.agency = Some("NSC".parse().unwrap());
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    let agency = "MIA".parse().unwrap();
    let checked = check(&structures(), &agency, Ok(input), Said::default(), now);
    assert_eq!(checked.report.count(Code::Provider), 1);
}
