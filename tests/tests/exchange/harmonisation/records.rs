//! Records of persons become counts, and never leave their holder (decree, article 7(4)).

use super::*;

#[test]
fn records_of_persons_are_counted_and_never_leave() {
    let exchange = Exchange::start().unwrap();
    let mia = exchange.node("agency/MIA").unwrap();
    let mut records = String::from("case,name,date,sex,age,place,story\n");
    for case in 0..40 {
        let sex = if case % 3 == 0 { "ж" } else { "м" };
        records += &format!(
            "CASE-{case},NAME-{case},2023-0{}-11,{sex},{},Бишкек,STORY-{case}\n",
            case % 9 + 1,
            15 + case
        );
    }
    let file = mia.dir().join("records.csv");
    fs::write(&file, records).unwrap();
    let mapping = serde_json::json!({
        "name": "cases", "dataset": "TRAFFICKING", "ignore": ["case", "name", "story"],
        "columns": {
            "FREQ": {"constant": "A"}, "INDICATOR": {"constant": "VC_HTF_DETV"},
            "CITIZENSHIP": {"constant": "_T"}, "UNIT_MEASURE": {"constant": "PS"},
            "OBS_STATUS": {"constant": "A"},
            "REF_AREA": {"from": "place", "codes": ["AREA_KG_NAMES"]},
            "SEX": {"from": "sex", "codes": ["SEX_WORDS"]},
            "AGE": {"from": "age", "bands": [
                {"from": 0, "below": 18, "code": "Y0T17"}, {"from": 18, "code": "Y_GE18"},
            ]},
            "TIME_PERIOD": {"from": "date", "replace": [{"pattern": "^(\\d{4})-.*$", "with": "$1"}]},
        },
        "value": {"distinct": "case"},
        "margins": [[], ["SEX"], ["AGE"], ["AGE", "SEX"]],
    });
    let path = mia.dir().join("tabulation.json");
    fs::write(&path, mapping.to_string()).unwrap();
    let arguments = ["submit", file.to_str().unwrap(), "--mapping", path.to_str().unwrap()];
    let (code, json) = answer(&mia, &arguments);
    assert_eq!(code, Some(0), "{json}");
    assert_eq!(json["counts"]["imported"], 9, "{json}");
    let kept: Vec<PathBuf> = watch::files_below(&exchange.home());
    let mut bytes = 0;
    for file in kept.iter().chain(&watch::files_below(&mia.dir().join("outbox"))) {
        let content = fs::read(file).unwrap();
        bytes += content.len();
        for secret in ["CASE-", "NAME-", "STORY-"] {
            let found = content.windows(secret.len()).any(|it| it == secret.as_bytes());
            assert!(!found, "{secret} in {}", file.display());
        }
    }
    assert!(bytes > 10_000, "{bytes}");
}

/// Victims of trafficking, each a record of the Counter-Trafficking Data Collaborative's: counted
/// again here, row by row.
#[test]
fn published_records_become_counts() {
    let Some(file) = published("ctdc/ctdc_six_countries.csv") else { return };
    let exchange = Exchange::start().unwrap();
    let mia = exchange.node("agency/MIA").unwrap();
    let out = mia.dir().join("made.csv");
    let mapping = mapping("ctdc_victims");
    let arguments = ["mapping", "apply", file.to_str().unwrap(), "--mapping"];
    let more = [mapping.to_str().unwrap(), "--out", out.to_str().unwrap()];
    mia.command(&[&arguments[..], &more[..]].concat()).unwrap().expect_code(0).unwrap();
    let mut counted: BTreeMap<[String; 2], u64> = BTreeMap::new();
    for row in csv::Reader::from_path(file).unwrap().into_deserialize() {
        let row: BTreeMap<String, String> = row.unwrap();
        let year = row["yearOfRegistration"].clone();
        if row["citizenship"] == "KGZ" && !year.is_empty() {
            let sex = match row["gender"].as_str() {
                "Female" => "F",
                "Male" => "M",
                _ => "_U",
            };
            for sex in [sex, "_T"] {
                *counted.entry([year.clone(), sex.to_owned()]).or_default() += 1;
            }
        }
    }
    let mut found: BTreeMap<[String; 2], u64> = BTreeMap::new();
    for (cell, value) in cells(&out).into_iter().filter(|(cell, _)| of(cell, "AGE") == "_T") {
        let value: f64 = value.parse().unwrap();
        found.insert([of(&cell, "TIME_PERIOD"), of(&cell, "SEX")], value as u64);
    }
    assert!(counted.len() > 10);
    assert_eq!(found, counted);
}
