//! Mappings on small tables of each kind.

use std::path::Path;

use birge_schemas::{
    finding::{Code, Report},
    structure::Structures,
};

use super::*;
use crate::source::{Input, csv};

fn input(mapping: &str, text: &str) -> Result<Input, Report> {
    let mapping = Mapping::parse(mapping).unwrap();
    let mut report = Report::default();
    let is_figure = |name: &str| mapping.is_figure(name);
    let sheet = csv::sheet(text.as_bytes(), &mapping.format, is_figure, &mut report)?;
    mapping.apply(&Structures::bundled().unwrap(), sheet, Path::new("of_2023_q4.csv"), report)
}

/// Each observation as these columns and its figure.
fn rows(input: &Input, columns: &[&str]) -> Vec<String> {
    let row = |row: usize| {
        let text =
            |id: &&str| input.table.column(id).map_or("", |column| column.at(row)).to_owned();
        let value = input.table.value(row).map_or("-".to_owned(), |value| value.to_string());
        columns.iter().map(text).chain([value]).collect::<Vec<_>>().join(" ")
    };
    (0..input.table.rows).map(row).collect()
}

const LONG: &str = r#"{
    "name": "test", "dataset": "MIG_STOCK",
    "rows": [{"column": "to", "is": ["KGZ"]}],
    "ignore": ["note"],
    "columns": {
        "REF_AREA": {"from": "to", "codes": ["AREA_ISO3"]},
        "SEX": {"from": "sex", "codes": ["SEX_WORDS"]},
        "COUNTRY_BIRTH": {"from": "born", "codes": ["AREA_ISO3"]},
        "TIME_PERIOD": {"fileName": "_(\\d{4})_q(\\d)", "says": "$1"},
        "OBS_STATUS": {"constant": "A"}
    },
    "value": {"from": "n", "multiplier": 1000},
    "signs": {"–": 0, "…": "O", "x": null},
    "totals": [{"along": ["SEX"], "of": ["F", "M"]}]
}"#;

#[test]
fn columns_are_renamed_recoded_and_multiplied_and_signs_have_their_meaning() {
    let text = "to,born,sex,note,n\nKGZ,RUS,female,,1.5\nKGZ,RUS,male,,2\nUZB,RUS,male,,9\n\
                KGZ,UZB,female,,–\nKGZ,UZB,male,,…\nKGZ,DEU,male,,x\n";
    let input = input(LONG, text).unwrap();
    let found = rows(&input, &["REF_AREA", "COUNTRY_BIRTH", "SEX", "OBS_STATUS"]);
    assert_eq!(
        found,
        ["KG RU F A 1500", "KG RU M A 2000", "KG UZ F A 0", "KG UZ M O -", "KG RU _T A 3500",]
    );
    assert_eq!(rows(&input, &["TIME_PERIOD"])[0], "2023 1500");
    let counts = [Code::RowsLeftOut, Code::Derived].map(|code| input.report.count(code));
    assert_eq!((counts, input.report.errors), ([1, 1], 0));
    let lines: Vec<_> = (1..=5).map(|row| input.lines.of(row)).collect();
    assert_eq!(lines, [Some(2), Some(3), Some(5), Some(6), None]);
}

#[test]
fn nothing_is_dropped_in_silence() {
    let text = "to,born,sex,note,extra,n\nKGZ,Atlantis,female,,1,many\n";
    let made = input(LONG, text).unwrap();
    assert_eq!(made.report.count(Code::ColumnUnmapped), 1);
    assert_eq!(made.table.unreadable.get(&0).map(String::as_str), Some("many"));
    assert_eq!(rows(&made, &["COUNTRY_BIRTH"]), ["Atlantis -"]);
    let report = input(LONG, "to,sex,n\nKGZ,female,1\n").unwrap_err();
    assert_eq!(
        (report.count(Code::ColumnMissing), report.findings[0].column.as_str()),
        (1, "born")
    );
    let report = input(LONG, "to,born,sex,n\nUZB,RUS,male,1\n").unwrap_err();
    assert!(report.to_string().contains("1 that it does not"), "{report}");
}

const WIDE: &str = r#"{
    "name": "test", "dataset": "REFUGEES",
    "columns": {"CITIZENSHIP": {"from": "coo", "codes": ["AREA_ISO3"]}, "AGE": {"constant": "_T"}},
    "wide": [
        {"columns": {"total": {"SEX": "_T"}}},
        {"of": "total", "columns": {"f": {"SEX": "F"}, "m": {"SEX": "M"}}}
    ],
    "combine": true,
    "totals": [{"along": ["CITIZENSHIP"]}],
    "rests": [{"along": "SEX", "code": "_U"}],
    "unsplit": [{"along": "SEX", "with": {"COMMENT_OBS": "no split"}}]
}"#;

#[test]
fn figures_side_by_side_become_rows_and_a_split_that_is_not_there_is_none() {
    let text = "coo,f,m,total\nAFG,2,3,5\nAFG,0,0,10\nRUS,0,0,7\nCHN,0,0,0\n";
    let input = input(WIDE, text).unwrap();
    let mut found = rows(&input, &["CITIZENSHIP", "SEX", "COMMENT_OBS"]);
    found.sort();
    assert_eq!(
        found,
        [
            "AF F  2",
            "AF M  3",
            "AF _T  15",
            "AF _U  10",
            "CN F  0",
            "CN M  0",
            "CN _T  0",
            "RU _T no split 7",
            "_T F  2",
            "_T M  3",
            "_T _T  22",
            "_T _U  17",
        ]
    );
    assert_eq!(input.report.count(Code::SplitAbsent), 1);
    assert_eq!(input.report.count(Code::Combined), 1);
}

#[test]
fn parts_that_overlap_are_not_added_up() {
    let mapping = r#"{
        "name": "test", "dataset": "MIG_STOCK",
        "columns": {"AGE": {"from": "age"}, "SEX": {"constant": "_T"}},
        "value": {"from": "n"}, "totals": [{"along": ["AGE"]}]
    }"#;
    let both = input(mapping, "age,n\nY0T4,1\nY5T9,2\n").unwrap();
    assert_eq!(rows(&both, &["AGE"]), ["Y0T4 1", "Y5T9 2", "_T 3"]);
    let crossing = input(mapping, "age,n\nY0T4,1\nY0T14,2\n").unwrap();
    assert_eq!((crossing.table.rows, crossing.report.errors), (2, 1));
}

#[test]
fn tables_say_what_is_otherwise() {
    let mapping = r#"{
        "name": "test", "dataset": "REMITTANCES",
        "columns": {"REF_AREA": {"constant": "KG"}},
        "value": {"from": "n"},
        "tables": [
            {"rows": [{"column": "to", "is": ["A"]}], "columns": {"INDICATOR": {"constant": "REMIT_IN"}}},
            {"rows": [{"column": "to", "isNot": ["A"]}], "columns": {"INDICATOR": {"constant": "REMIT_OUT"}}}
        ]
    }"#;
    let input = input(mapping, "to,n\nA,1\nB,2\nC,3\n").unwrap();
    let found = rows(&input, &["REF_AREA", "INDICATOR"]);
    assert_eq!(found, ["KG REMIT_IN 1", "KG REMIT_OUT 2", "KG REMIT_OUT 3"]);
}

#[test]
fn a_mapping_that_is_none_is_refused_with_the_place() {
    for (text, place) in [
        ("{", "EOF"),
        (r#"{"name": "a"}"#, "dataset"),
        (r#"{"name": "a", "dataset": "B", "colums": {}}"#, "colums"),
        (r#"{"name": "a", "dataset": "B", "signs": {"-": 1}}"#, "/signs/-"),
    ] {
        let why = Mapping::parse(text).unwrap_err();
        assert!(why.contains(place), "{why}");
    }
    let none = r#"{"name": "a", "dataset": "NO_SUCH", "value": {"from": "n"}}"#;
    assert_eq!(input(none, "n\n1\n").unwrap_err().count(Code::Provider), 1);
}

#[test]
fn every_mapping_that_ships_is_one() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/mappings");
    let files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() >= 10);
    for file in files {
        Mapping::load(&file).unwrap();
    }
}
