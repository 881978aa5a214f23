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
    assert_eq!((crossing.table.rows, crossing.report.count(Code::TotalNotMade)), (2, 1));
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
    let is_mapping = |file: &&std::path::PathBuf| file.extension().is_some_and(|it| it == "json");
    assert!(files.iter().filter(is_mapping).count() >= 10);
    for file in files.iter().filter(is_mapping) {
        Mapping::load(file).unwrap();
    }
}

/// MIG_STOCK by country of birth and sex, with more said of it.
fn stock(more: &str) -> String {
    format!(
        r#"{{"name": "test", "dataset": "MIG_STOCK",
            "columns": {{"COUNTRY_BIRTH": {{"from": "b"}}, "SEX": {{"from": "s"}},
                "AGE": {{"constant": "_T"}}, "OBS_STATUS": {{"constant": "A"}}}},
            "value": {{"from": "n"}}, {more}}}"#
    )
}

#[test]
fn what_cannot_be_read_or_has_a_status_is_no_absence_of_a_split() {
    let wide = r#"{"name": "test", "dataset": "REFUGEES",
        "columns": {"CITIZENSHIP": {"from": "b"}, "AGE": {"constant": "_T"}},
        "wide": [{"columns": {"t": {"SEX": "_T"}}},
            {"of": "t", "columns": {"f": {"SEX": "F"}, "m": {"SEX": "M"}}}],
        "signs": {"x": "Q"},
        "unsplit": [{"along": "SEX", "with": {"COMMENT_OBS": "no split"}}]}"#;
    let made = input(wide, "b,t,f,m\nDE,3579,\"1,234\",\"2,345\"\nFR,10,x,x\n").unwrap();
    let mut found = rows(&made, &["CITIZENSHIP", "SEX", "OBS_STATUS", "COMMENT_OBS"]);
    found.sort();
    let known = ["DE F   -", "DE M   -", "DE _T   3579", "FR F Q  -", "FR M Q  -", "FR _T   10"];
    assert_eq!(found, known);
    assert_eq!(made.table.unreadable.len(), 2);
}

#[test]
fn numbers_may_be_signs() {
    let mapping = stock(r#""signs": {"999": "M", "0": "O", "-1": null}"#);
    let made = input(&mapping, "b,s,n\nDE,F,999\nDE,M,0\nFR,F,-1\nFR,M,5\n").unwrap();
    let found = rows(&made, &["COUNTRY_BIRTH", "SEX", "OBS_STATUS"]);
    assert_eq!(found, ["DE F M -", "DE M O -", "FR M A 5"]);
}

#[test]
fn a_mapping_that_cannot_be_followed_says_why() {
    let refused = |more: &str, text: &str| input(&stock(more), text).unwrap_err().to_string();
    let figure = r#""rows": [{"column": "n", "isNot": ["999"]}]"#;
    assert!(refused(figure, "b,s,n\nDE,F,1\n").contains("column of figures"));
    let mistyped = r#""totals": [{"along": ["SX"]}]"#;
    assert!(refused(mistyped, "b,s,n\nDE,F,1\n").contains("along SX"));
    let twice = input(&stock(r#""combine": false"#), "b,s,n,n\nDE,F,1,7\n").unwrap();
    assert_eq!(twice.report.count(Code::Format), 1);
}

#[test]
fn a_total_is_made_of_all_there_is_or_not_at_all() {
    let totals = r#""totals": [{"along": ["SEX"], "of": ["F", "M"]}, {"along": ["COUNTRY_BIRTH"]},
        {"along": ["SEX", "COUNTRY_BIRTH"]}]"#;
    let found = |text: &str| {
        let made = input(&stock(totals), text).unwrap();
        let of_all = rows(&made, &["COUNTRY_BIRTH", "SEX"]);
        let of_all: Vec<_> = of_all.into_iter().filter(|row| row.starts_with("_T")).collect();
        (of_all, made.report.count(Code::TotalNotMade))
    };
    let (both, not_made) = found("b,s,n\nDE,F,1\nDE,M,2\nFR,_T,10\n");
    assert_eq!((both, not_made), (vec!["_T F 1".into(), "_T M 2".into(), "_T _T 13".into()], 0));
    // France has women alone: the sum of what there is is no total by sex, but one of all persons.
    let (one, not_made) = found("b,s,n\nDE,F,1\nDE,M,2\nFR,F,10\n");
    assert_eq!((one, not_made), (vec!["_T F 11".into(), "_T M 2".into(), "_T _T 13".into()], 0));
    // Of France there is no split: what is divided is not all.
    let only = r#""totals": [{"along": ["SEX", "COUNTRY_BIRTH"]}]"#;
    let made = input(&stock(only), "b,s,n\nDE,F,1\nDE,M,2\nFR,_T,10\n").unwrap();
    assert_eq!((made.table.rows, made.report.count(Code::TotalNotMade)), (3, 1));
    let missing = stock(r#""signs": {"x": "Q"}, "totals": [{"along": ["SEX"]}]"#);
    let made = input(&missing, "b,s,n\nDE,F,1\nDE,M,x\n").unwrap();
    assert_eq!((made.table.rows, made.report.count(Code::TotalNotMade)), (2, 1));
}

#[test]
fn what_is_left_out_is_in_no_sum() {
    let mapping = r#"{"name": "test", "dataset": "REFUGEES",
        "columns": {"CITIZENSHIP": {"from": "b"}},
        "wide": [{"columns": {"t": {"SEX": "_T"}, "f": {"SEX": "F"}, "m": {"SEX": "M"}}}],
        "signs": {"": null}, "combine": true,
        "rests": [{"along": "SEX", "code": "_U"}], "totals": [{"along": ["CITIZENSHIP"]}]}"#;
    let made = input(mapping, "b,t,f,m\nDE,10,4,\nFR,5,2,3\nFR,1,1,\n").unwrap();
    let mut found = rows(&made, &["CITIZENSHIP", "SEX"]);
    found.sort();
    // The men of Germany are not known: no rest, and no total of men.
    assert_eq!(found, ["DE F 4", "DE _T 10", "FR F 3", "FR M 3", "FR _T 6", "_T F 7", "_T _T 16"]);
}

#[test]
fn sums_have_one_unit_and_the_closest_status() {
    let mapping = r#"{"name": "test", "dataset": "REMITTANCES",
        "columns": {"COUNTERPART_AREA": {"from": "c"}, "UNIT_MULT": {"from": "u"},
            "CONF_STATUS": {"from": "k"}, "OBS_STATUS": {"from": "o"}},
        "value": {"from": "n"}, "combine": true, "signs": {"": "O"}}"#;
    let text = "c,u,k,o,n\nRU,0,F,A,1500000\nRU,6,C,P,2\nUZ,0,F,A,1\nUZ,0,F,A,\n";
    let made = input(mapping, text).unwrap();
    let found = rows(&made, &["COUNTERPART_AREA", "UNIT_MULT", "CONF_STATUS", "OBS_STATUS"]);
    assert_eq!(found, ["RU 0 C P 3500000", "UZ 0 F O -"]);
}

#[test]
fn what_overlaps_in_one_year_is_added_up_in_another() {
    let mapping = r#"{"name": "test", "dataset": "MIG_STOCK",
        "columns": {"AGE": {"from": "a"}, "TIME_PERIOD": {"from": "y"}},
        "value": {"from": "n"}, "totals": [{"along": ["AGE"]}]}"#;
    let text = "y,a,n\n2019,Y0T4,1\n2019,Y5T9,2\n2020,Y0T14,3\n2020,Y0T4,4\n";
    let made = input(mapping, text).unwrap();
    let found = rows(&made, &["TIME_PERIOD", "AGE"]);
    assert_eq!(found[4..], ["2019 _T 3"]);
    assert_eq!(made.report.count(Code::TotalNotMade), 1);
    let told = made.report.to_string();
    assert!(told.contains("Y0T4 and Y0T14") || told.contains("Y0T14 and Y0T4"), "{told}");
}

#[test]
fn what_the_source_says_itself_of_a_total_stays() {
    let mapping = r#"{"name": "test", "dataset": "MIG_STOCK",
        "columns": {"SEX": {"from": "s"}, "COMMENT_OBS": {"from": "c"}},
        "value": {"from": "n"},
        "unsplit": [{"along": "SEX", "with": {"COMMENT_OBS": "no split"}}]}"#;
    let made = input(mapping, "s,c,n\n_T,revised census,1\n").unwrap();
    assert_eq!(rows(&made, &["COMMENT_OBS"]), ["revised census 1"]);
}

#[test]
fn a_name_that_is_a_city_and_an_oblast_is_found_through_names_too() {
    let mapping = r#"{"name": "test", "dataset": "TRAFFICKING",
        "columns": {"REF_AREA": {"from": "r", "codes": ["NAMES"]}}, "value": {"from": "n"}}"#;
    let made = input(mapping, "r,n\nOsh,1\nBishkek,2\n").unwrap();
    assert_eq!(rows(&made, &["REF_AREA"]), ["Osh 1", "KG-GB 2"]);
}

/// Records of persons: who, year, sex, age, region, and what nobody else is to read.
const RECORDS: &str = "person,date,sex,age,place,story\n\
    1,2023-01-05,f,17,Bishkek,secret one\n1,2023-02-09,f,17,Osh city,secret two\n\
    2,2023-03-01,m,35,Bishkek,secret three\n3,2022-12-31,f,60,Naryn,secret four\n\
    4,2023-07-07,,,Bishkek,secret five\n";

fn tabulation(value: &str, columns: &str) -> String {
    format!(
        r#"{{"name": "cases", "dataset": "TRAFFICKING", "ignore": ["story", "person"],
            "columns": {{
                "REF_AREA": {{"from": "place", "codes": ["AREA_KG_NAMES"]}},
                "SEX": {{"from": "sex", "codes": [{{"": "_U"}}, "SEX_WORDS"]}},
                "AGE": {{"from": "age", "codes": [{{"": "_U"}}],
                    "bands": [{{"from": 0, "below": 18, "code": "Y0T17"}}, {{"from": 18, "code": "Y_GE18"}}]}},
                "TIME_PERIOD": {{"from": "date", "replace": [{{"pattern": "^(\\d{{4}})-.*$", "with": "$1"}}]}}
                {columns}
            }},
            "value": {value}, "margins": [[], ["SEX"], ["AGE"], ["REF_AREA"]]}}"#
    )
}

#[test]
fn records_become_counts_by_each_margin_and_nothing_else() {
    let made = input(&tabulation(r#"{"count": "records"}"#, ""), RECORDS).unwrap();
    let mut found = rows(&made, &["TIME_PERIOD", "REF_AREA", "SEX", "AGE"]);
    found.retain(|row| row.starts_with("2023"));
    found.sort();
    assert_eq!(
        found,
        [
            "2023 KG F _T 2",
            "2023 KG M _T 1",
            "2023 KG _T Y0T17 2",
            "2023 KG _T Y_GE18 1",
            "2023 KG _T _T 4",
            "2023 KG _T _U 1",
            "2023 KG _U _T 1",
            "2023 KG-GB _T _T 3",
            "2023 KG-GO _T _T 1",
        ]
    );
    assert_eq!(made.report.count(Code::SmallCounts), 1);
    let all = format!("{:?} {}", made.table, made.report);
    assert!(!all.contains("secret"), "{all}");
}

#[test]
fn a_person_with_two_records_is_one_and_is_in_each_region() {
    let made = input(&tabulation(r#"{"distinct": "person"}"#, ""), RECORDS).unwrap();
    let found = rows(&made, &["TIME_PERIOD", "REF_AREA", "SEX", "AGE"]);
    for row in ["2023 KG _T _T 3", "2023 KG F _T 1", "2023 KG-GB _T _T 3", "2023 KG-GO _T _T 1"] {
        assert!(found.contains(&row.to_owned()), "{row}: {found:?}");
    }
}

#[test]
fn records_of_nobody_are_not_taken_for_one_person() {
    let records = RECORDS.replace("\n2,2023", "\n,2023");
    let report = input(&tabulation(r#"{"distinct": "person"}"#, ""), &records).unwrap_err();
    assert!(report.to_string().contains("1 records have nothing in person"), "{report}");
}

#[test]
fn no_text_of_a_record_becomes_an_attribute() {
    let columns = r#", "COMMENT_OBS": {"from": "story"}"#;
    let report = input(&tabulation(r#"{"count": "records"}"#, columns), RECORDS).unwrap_err();
    assert!(report.to_string().contains("COMMENT_OBS"), "{report}");
}

#[test]
fn a_tabulation_that_would_count_wrongly_is_refused() {
    let refused = |value: &str, more: &str| {
        let mapping =
            tabulation(value, "").replace(r#""margins""#, &format!(r#"{more}, "margins""#));
        input(&mapping, RECORDS).unwrap_err().to_string()
    };
    let totals = r#""totals": [{"along": ["AGE"]}]"#;
    assert!(refused(r#"{"distinct": "person"}"#, totals).contains("more than once"));
    let wide = r#""wide": [{"columns": {"age": {"SEX": "F"}}}]"#;
    assert!(refused(r#"{"count": "records"}"#, wide).contains("one of the two"));
    let strange = tabulation(r#"{"count": "records"}"#, "").replace(r#"["SEX"]"#, r#"["SEXX"]"#);
    assert!(input(&strange, RECORDS).unwrap_err().to_string().contains("SEXX"));
    let read = stock(r#""margins": [["SEX"]]"#);
    assert!(input(&read, "b,s,n\nDE,F,1\n").unwrap_err().to_string().contains("margins"));
}
