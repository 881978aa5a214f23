//! Each rule against a batch that breaks it and one that just does not.

mod asked;

use birge_proto::manifest::Action;

use crate::{
    finding::Code,
    table::RawColumn,
    testing::{batch, found, judge},
    validate::Validation,
};

/// A key of TRAFFICKING: area, indicator, sex, age.
fn key(area: &str, indicator: &str, sex: &str, age: &str) -> String {
    format!("A.{area}.{indicator}.{sex}.{age}._T.PS.2023")
}

fn codes(dataset: &str, lines: &[&str]) -> Vec<Code> {
    found(dataset, lines).into_iter().map(|(code, ..)| code).collect()
}

/// One row of REMITTANCES with this value and status.
fn remittance(rest: &str) -> Vec<Code> {
    codes("REMITTANCES", &[&format!("A.KG.REMIT_IN.RU.USD.2023 = {rest}")])
}

/// One row of TRAFFICKING by sex with this value and status.
fn victims(rest: &str) -> Vec<Code> {
    codes("TRAFFICKING", &[&format!("{} = {rest}", key("KG", "VC_HTF_DETV", "F", "_T"))])
}

#[test]
fn a_good_batch_becomes_a_table() {
    let lines = [
        "A.KG.VC_HTF_DETV._T._T._T.PS.2018 = 7 A",
        "A.KG.VC_HTF_DETV.F._T._T.PS.2018 = 3 A",
        "A.KG.VC_HTF_DETV.M._T._T.PS.2018 = 1 A",
        "A.KG.VC_HTF_DETV._U._T._T.PS.2018 = 3 A",
    ];
    let raw = batch("TRAFFICKING", &lines);
    let Validation { report, table } = judge("TRAFFICKING", Action::Append, &raw);
    assert_eq!(report.findings, []);
    let table = table.unwrap();
    assert_eq!(table.key(3), "A.KG.VC_HTF_DETV._U._T._T.PS.2018");
    assert_eq!((table.value(0), table.period(0)), (Some(7.0), "2018"));
    assert_eq!(table.detail(1).to_string(), "by SEX");
    assert_eq!(table.attribute("OBS_STATUS", 2), Some("A"));
    assert_eq!(table.attribute("COMMENT_OBS", 2), None);
}

#[test]
fn rule_2_the_header_names_this_dataset_and_version() {
    let raw = batch("REMITTANCES", &["A.KG.REMIT_IN.RU.USD.2023 = 1 A"]);
    let report = judge("REMITTANCES", Action::Append, &raw).report;
    assert_eq!(report.errors, 0);
    let agency = "MIA".parse().unwrap();
    let context = crate::validate::Context {
        agency: &agency,
        dataset: "REMITTANCES",
        version: "2.0.0",
        periods: &["2023".to_owned()],
        action: Action::Append,
        today: jiff::civil::date(2025, 1, 1),
    };
    let validation =
        crate::validate::validate(&crate::testing::structure("REMITTANCES"), &context, &raw);
    assert_eq!(validation.report.findings[0].code, Code::Provider);
    assert!(validation.table.is_none());
}

#[test]
fn rule_1_columns_that_disagree_are_no_batch() {
    let mut raw = batch("REMITTANCES", &["A.KG.REMIT_IN.RU.USD.2023 = 1 A"]);
    raw.columns[0].index = vec![7];
    assert_eq!(judge("REMITTANCES", Action::Append, &raw).report.findings[0].code, Code::Format);
    let empty = batch("REMITTANCES", &[]);
    assert_eq!(judge("REMITTANCES", Action::Append, &empty).report.count(Code::Format), 1);
    assert!(judge("REMITTANCES", Action::Replace, &empty).table.is_some());
}

#[test]
fn rule_3_columns_are_all_there_and_known() {
    let mut raw = batch("REMITTANCES", &["A.KG.REMIT_IN.RU.USD.2023 = 1 A"]);
    raw.columns.remove(1);
    let extra = RawColumn { id: "NOTE".into(), dictionary: vec!["x".into()], index: vec![] };
    raw.columns.push(extra);
    let twice = raw.columns[0].clone();
    raw.columns.push(twice);
    let report = judge("REMITTANCES", Action::Append, &raw).report;
    let found: Vec<_> = report.findings.iter().map(|f| (f.code, f.column.as_str())).collect();
    let expected = [
        (Code::ColumnMissing, "REF_AREA"),
        (Code::ColumnUnknown, "NOTE"),
        (Code::ColumnUnknown, "FREQ"),
    ];
    assert_eq!(found, expected);
}

#[test]
fn rule_4_codes_are_known_and_allowed() {
    let lines = [
        "A.KG.REMIT_IN.RU.USD.2023 = 1 A",
        "A.417.REMIT_IN.RU.USD.2023 = 1 A",
        "A.RU.REMIT_IN.RU.USD.2023 = 1 A",
        "A.KG-GB.REMIT_IN..USD.2023 = 1 A",
    ];
    let expected = vec![
        (Code::CodeUnknown, 2, "REF_AREA".to_owned()),
        (Code::CodeConstraint, 3, "REF_AREA".to_owned()),
        (Code::CodeConstraint, 4, "REF_AREA".to_owned()),
        (Code::CodeUnknown, 4, "COUNTERPART_AREA".to_owned()),
    ];
    assert_eq!(found("REMITTANCES", &lines), expected);
}

#[test]
fn rule_5_periods_fit_the_frequency_the_calendar_and_the_header() {
    let at =
        |period: &str| codes("REMITTANCES", &[&format!("A.KG.REMIT_IN.RU.USD.{period} = 1 A")]);
    assert_eq!(at("2025"), []);
    assert_eq!(at("2026"), [Code::PeriodFuture]);
    assert_eq!(at("2017"), [Code::PeriodUndeclared]);
    assert_eq!(at("2023-01"), [Code::PeriodFormat]);
    assert_eq!(at("23"), [Code::PeriodFormat]);
}

#[test]
fn rule_6_each_key_stands_once() {
    let lines = [
        "A.KG.REMIT_IN.RU.USD.2023 = 1 A",
        "A.KG.REMIT_IN.KZ.USD.2023 = 1 A",
        "A.KG.REMIT_IN.RU.USD.2023 = 2 A",
    ];
    let raw = batch("REMITTANCES", &lines);
    let report = judge("REMITTANCES", Action::Append, &raw).report;
    let finding = &report.findings[0];
    assert_eq!((finding.code, finding.row, report.errors), (Code::DuplicateKey, 3, 1));
    assert_eq!(finding.expected, "each key once; row 1 has it with 1");
    assert_eq!(judge("REMITTANCES", Action::Delete, &raw).report.count(Code::DuplicateKey), 1);
}

#[test]
fn rule_7_mandatory_attributes_and_the_formats_of_the_others() {
    assert_eq!(remittance("1 -"), [Code::AttributeMissing]);
    assert_eq!(remittance("1 X"), [Code::CodeUnknown]);
    assert_eq!(remittance(&format!("1 A {}", "ы".repeat(1000))), []);
    assert_eq!(remittance(&format!("1 A {}", "ы".repeat(1001))), [Code::TextTooLong]);
    let mut raw = batch("REMITTANCES", &["A.KG.REMIT_IN.RU.USD.2023 = 1 A"]);
    for (id, good, bad) in [
        ("ROUNDING", "5", "five"),
        ("ROUNDING", "999999999", "1000000000"),
        ("LAST_UPDATE", "2026-01-31", "31.01.2026"),
    ] {
        for (text, errors) in [(good, 0), (bad, 1), ("", 0)] {
            let dictionary = vec![text.to_owned()];
            raw.columns.push(RawColumn { id: id.into(), dictionary, index: vec![] });
            let report = judge("REMITTANCES", Action::Append, &raw).report;
            assert_eq!(report.count(Code::ValueFormat), errors, "{id} {text}");
            raw.columns.pop();
        }
    }
    raw.columns.retain(|column| column.id != "OBS_STATUS");
    let missing = judge("REMITTANCES", Action::Append, &raw).report;
    assert_eq!(missing.count(Code::AttributeMissing), 1);
    assert!(judge("REMITTANCES", Action::Delete, &raw).table.is_some());
}

#[test]
fn rules_8_to_10_values_are_numbers_that_their_unit_allows() {
    assert_eq!(remittance("1.5 A"), []);
    assert_eq!(victims("1.5 A"), [Code::ValueFraction]);
    assert_eq!(remittance("-0.5 A"), [Code::ValueNegative]);
    assert_eq!(remittance("-0.0 A"), []);
    assert_eq!(remittance("NaN A"), [Code::ValueFormat]);
    assert_eq!(remittance("inf A"), [Code::ValueFormat]);
    assert_eq!(remittance("9007199254740991 A"), []);
    assert_eq!(remittance("9007199254740992 A"), [Code::ValueRange]);
    let mut raw = batch("REMITTANCES", &["A.KG.REMIT_IN.RU.USD.2023 = - A"]);
    raw.unreadable.insert(0, "38 891,0".into());
    let report = judge("REMITTANCES", Action::Append, &raw).report;
    assert_eq!(report.findings[0].code, Code::ValueFormat);
    assert_eq!(report.findings[0].found, "38 891,0");
}

#[test]
fn rule_11_blanks_and_statuses_agree() {
    for status in ["H", "K", "L"] {
        assert_eq!(remittance(&format!("- {status}")), []);
        assert_eq!(remittance(&format!("1 {status}")), []);
    }
    for status in ["M", "O", "Q"] {
        assert_eq!(remittance(&format!("- {status}")), []);
        assert_eq!(remittance(&format!("1 {status}")), [Code::ValueStatus]);
    }
    assert_eq!(remittance("- A"), [Code::ValueBlank]);
    assert_eq!(remittance("- -"), [Code::AttributeMissing]);
}

/// Findings of totals by sex in TRAFFICKING, which holds exactly, and ASYLUM_ABROAD, rounded to 5.
fn by_sex(values: &[(&str, &str)]) -> (Vec<Code>, Vec<Code>) {
    let lines = |key: &dyn Fn(&str) -> String| -> Vec<String> {
        values.iter().map(|(sex, rest)| format!("{} = {rest}", key(sex))).collect()
    };
    let run = |dataset: &str, lines: Vec<String>| {
        codes(dataset, &lines.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let exact = lines(&|sex| key("KG", "VC_HTF_DETV", sex, "_T"));
    let rounded = lines(&|sex| format!("A.KG.ASY_APP.{sex}._T.DE.PS.2023"));
    (run("TRAFFICKING", exact), run("ASYLUM_ABROAD", rounded))
}

#[test]
fn rule_12_sexes_add_up_within_the_rounding() {
    let sum = |total| by_sex(&[("F", "40 A"), ("M", "60 A"), ("_T", total)]);
    assert_eq!(sum("100 A"), (vec![], vec![]));
    assert_eq!(sum("101 A"), (vec![Code::SumSex], vec![]));
    // Three figures rounded to 5 may miss by 7.5.
    assert_eq!(sum("107 A").1, []);
    assert_eq!(sum("108 A").1, [Code::SumSex]);
    assert_eq!(sum("92 A").1, [Code::SumSex]);
    assert_eq!(sum("- L"), (vec![], vec![]));
    let unknown = by_sex(&[("_T", "7 A"), ("F", "3 A"), ("M", "1 A"), ("_U", "3 A")]);
    assert_eq!(unknown.0, []);
}

#[test]
fn rule_12_skips_where_a_part_is_missing_unless_the_parts_exceed() {
    let skipped = by_sex(&[("_T", "10 A"), ("F", "4 A")]);
    assert_eq!(skipped.0, [Code::SumSexSkipped]);
    assert_eq!(by_sex(&[("_T", "10 A"), ("F", "4 A"), ("M", "- L")]).0, [Code::SumSexSkipped]);
    let exceeding = by_sex(&[("_T", "10 A"), ("F", "6 A"), ("_U", "5 A")]);
    assert_eq!(exceeding.0, [Code::SumSex]);
}

#[test]
fn article_4_3_persons_are_given_by_sex() {
    assert_eq!(by_sex(&[("_T", "17 A")]).0, [Code::SexSplitMissing]);
    assert_eq!(by_sex(&[("_T", "17 A by region only")]).0, [Code::SexSplitExplained]);
    assert_eq!(by_sex(&[("_T", "17 A  ")]).0, [Code::SexSplitMissing]);
    assert_eq!(by_sex(&[("F", "17 A")]).0, []);
    let amounts = codes("REMITTANCES", &["A.KG.REMIT_IN._T.USD.2023 = 5 A"]);
    assert_eq!(amounts, []);
}

#[test]
fn totals_are_not_judged_where_a_part_has_no_key() {
    let total = format!("{} = 17 A", key("KG", "VC_HTF_DETV", "_T", "_T"));
    let part = format!("{} = 4 A", key("KG", "VC_HTF_DETV", "W", "_T"));
    assert_eq!(codes("TRAFFICKING", &[&total, &part]), [Code::CodeUnknown]);
}

#[test]
fn rule_15_parts_are_within_their_wholes() {
    let exceeding = |part: String, whole: String| {
        let (part, whole) = (format!("{part} = 12 A why"), format!("{whole} = 11 A why"));
        let mut found = found("TRAFFICKING", &[&part, &whole]);
        found.retain(|(code, ..)| *code == Code::PartExceedsWhole);
        found.into_iter().map(|(_, row, column)| (row, column)).collect::<Vec<_>>()
    };
    let all = || key("KG", "VC_HTF_DETV", "_T", "_T");
    let column = |id: &str| vec![(1, id.to_owned())];
    assert_eq!(exceeding(key("KG-GB", "VC_HTF_DETV", "_T", "_T"), all()), column("REF_AREA"));
    assert_eq!(exceeding(key("KG", "VC_HTF_DETVSX", "_T", "_T"), all()), column("INDICATOR"));
    assert_eq!(exceeding(key("KG", "VC_HTF_DETV", "_T", "Y0T17"), all()), column("AGE"));
    assert_eq!(exceeding(key("KG", "VC_HTF_DETV", "F", "_T"), all()), column("SEX"));
    // Another country, or two dimensions at once: nothing to compare with.
    assert_eq!(exceeding(key("TJ-DU", "VC_HTF_DETV", "_T", "_T"), all()), []);
    assert_eq!(exceeding(key("KG", "VC_HTF_DETV", "F", "Y0T17"), all()), []);
}

#[test]
fn rule_15_allows_for_rounding() {
    let run = |part: u32| {
        let lines = [
            format!("A.KG.ASY_FIRST.F._T.DE.PS.2023 = {part} A"),
            "A.KG.ASY_APP.F._T.DE.PS.2023 = 100 A".to_owned(),
        ];
        codes("ASYLUM_ABROAD", &[&lines[0], &lines[1]])
    };
    assert_eq!(run(105), []);
    assert_eq!(run(106), [Code::PartExceedsWhole]);
}

#[test]
fn rules_13_and_14_parts_that_exclude_each_other_are_no_more_than_their_whole() {
    let of = |cells: &[(&str, &str, u32)]| {
        let lines = cells.iter().map(|(area, age, count)| {
            format!("{} = {count} A Reason", key(area, "VC_HTF_DETV", "_T", age))
        });
        let lines: Vec<String> = lines.collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let raw = batch("TRAFFICKING", &lines);
        let found = judge("TRAFFICKING", Action::Append, &raw).report.findings;
        let ours = found.into_iter().filter(|each| each.code == Code::PartsExceedWhole);
        ours.map(|each| (each.row, each.column, each.found)).collect::<Vec<_>>()
    };
    let nation = ("KG", "_T", 100);
    assert_eq!(of(&[nation, ("KG-GB", "_T", 60), ("KG-O", "_T", 40)]), []);
    let told = of(&[("KG-GB", "_T", 60), nation, ("KG-O", "_T", 41)]);
    assert_eq!(told, [(2, "REF_AREA".to_owned(), "101 = KG-GB 60 + KG-O 41".to_owned())]);
    // Ages that contain or cross each other count once: 60 + 41, not 60 + 30 + 41.
    let ages = |last| {
        [
            nation,
            ("KG", "Y0T17", 60),
            ("KG", "Y0T4", 30),
            ("KG", "Y15T24", 50),
            ("KG", "Y_GE18", last),
        ]
    };
    assert_eq!(of(&ages(40)), []);
    assert_eq!(of(&ages(41))[0].2, "101 = Y0T17 60 + Y_GE18 41");
    // In one region they have nothing to do with those of another.
    assert_eq!(of(&[("KG-O", "_T", 50), ("KG-O", "Y0T17", 50), ("KG", "Y_GE18", 50)]), []);
    // One that is more by itself is a matter of rule 15.
    assert_eq!(of(&[nation, ("KG-GB", "_T", 101), ("KG-O", "_T", 1)]), []);
}

#[test]
fn rule_14_allows_for_rounding() {
    let run = |part: u32| {
        let of =
            |country: &str, count: u32| format!("A.KG.ASY_APP.F._T.{country}.PS.2023 = {count} A");
        let lines = [of("_T", 100), of("DE", 50), of("FR", part)];
        codes("ASYLUM_ABROAD", &lines.each_ref().map(String::as_str))
    };
    assert_eq!(run(55), []);
    assert_eq!(run(60), [Code::PartsExceedWhole], "three figures are off by 7.5 at most");
}

#[test]
fn a_deletion_needs_keys_only() {
    let raw = batch("TRAFFICKING", &[&format!("{} = - -", key("KG", "VC_HTF_DETV", "_T", "_T"))]);
    assert!(judge("TRAFFICKING", Action::Delete, &raw).table.is_some());
    let raw = batch("TRAFFICKING", &[&format!("{} = - -", key("XX", "VC_HTF_DETV", "_T", "_T"))]);
    assert_eq!(judge("TRAFFICKING", Action::Delete, &raw).report.errors, 1);
}

/// Decree, article 2: a figure that is missing says so; zero is a figure.
#[test]
fn article_2_missing_is_told_from_zero() {
    let found = |value: &str| {
        let line = format!("A.KG.VC_HTF_DETV._T._T._T.PS.2023 = {value} no split");
        found("TRAFFICKING", &[&line]).into_iter().map(|(code, ..)| code).collect::<Vec<_>>()
    };
    assert!(!found("0 A").contains(&Code::ValueBlank));
    assert!(found("- A").contains(&Code::ValueBlank), "no value, and nothing says why");
    assert!(!found("- M").contains(&Code::ValueBlank));
    assert!(found("0 M").contains(&Code::ValueStatus), "a value that is said to be missing");
}

/// Decree, article 7(4): the template has no place for a person, a case or a free column.
#[test]
fn article_7_4_records_about_single_persons_have_no_place_in_a_batch() {
    for column in ["CASE_ID", "NAME", "PASSPORT", "DATE_OF_BIRTH"] {
        let mut raw = batch("TRAFFICKING", &["A.KG.VC_HTF_DETV._T._T._T.PS.2023 = 17 A no split"]);
        let mut more = crate::table::RawColumnBuilder::new(column);
        more.push("1987-03-01");
        raw.columns.push(more.finish());
        let report = judge("TRAFFICKING", Action::Append, &raw).report;
        assert_eq!(report.count(Code::ColumnUnknown), 1, "{column}: {report}");
    }
}
