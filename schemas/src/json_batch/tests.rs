use birge_proto::manifest::Action;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{finding::Severity, validate};

fn door() -> JsonDoor {
    JsonDoor::new(&Structures::bundled().unwrap()).unwrap()
}

fn remittances(observations: &Value) -> Value {
    json!({
        "dataset": "REMITTANCES", "version": "1.0.0", "agency": "NBKR", "action": "Append",
        "observations": observations,
    })
}

fn observation() -> Value {
    json!({
        "FREQ": "A", "REF_AREA": "KG", "INDICATOR": "REMIT_IN", "COUNTERPART_AREA": "RU",
        "UNIT_MEASURE": "USD", "TIME_PERIOD": "2023", "OBS_VALUE": 12.5, "OBS_STATUS": "A",
    })
}

fn findings(batch: &Value) -> Vec<(Code, u64, String)> {
    match door().parse(batch.to_string().as_bytes()) {
        Ok(_) => vec![],
        Err(report) => report.findings.into_iter().map(|f| (f.code, f.row, f.column)).collect(),
    }
}

#[test]
fn a_good_batch_is_read() {
    let text = format!("\u{feff}{}", remittances(&json!([observation()])));
    let (header, table) = door().parse(text.as_bytes()).unwrap();
    assert_eq!((header.agency.as_str(), header.action), ("NBKR", Action::Append));
    assert_eq!((table.rows, table.value(0)), (1, Some(12.5)));
    assert_eq!(table.column("COUNTERPART_AREA").unwrap().at(0), "RU");
    assert!(table.column("COMMENT_OBS").is_none());
}

#[test]
fn findings_carry_row_column_and_key() {
    let mut wrong = observation();
    wrong["REF_AREA"] = json!("417");
    let batch = remittances(&json!([observation(), wrong]));
    let report = door().parse(batch.to_string().as_bytes()).unwrap_err();
    let finding = &report.findings[0];
    assert_eq!((finding.code, finding.severity), (Code::CodeUnknown, Severity::Error));
    assert_eq!((finding.row, finding.column.as_str()), (2, "REF_AREA"));
    assert_eq!(finding.key, "A.417.REMIT_IN.RU.USD.2023");
    assert_eq!(report.errors, 1);
}

#[test]
fn each_kind_of_error_has_its_code() {
    let cases = [
        ("REF_AREA", json!("RU"), Code::CodeConstraint),
        ("REF_AREA", json!(417), Code::CodeUnknown),
        ("TIME_PERIOD", json!("2023-01"), Code::PeriodFormat),
        ("OBS_VALUE", json!("12"), Code::ValueFormat),
        ("OBS_VALUE", json!(-1), Code::ValueNegative),
        ("OBS_VALUE", json!(1e300), Code::ValueRange),
        ("OBS_VALUE", json!(null), Code::ValueBlank),
        ("OBS_STATUS", json!(""), Code::AttributeMissing),
        ("COMMENT_OBS", json!("x".repeat(1001)), Code::TextTooLong),
        ("ROUNDING", json!("five"), Code::ValueFormat),
        ("NOTE", json!("x"), Code::ColumnUnknown),
    ];
    for (column, value, code) in cases {
        let mut wrong = observation();
        wrong[column] = value.clone();
        let found = findings(&remittances(&json!([wrong])));
        let expected = (code, 1, column.to_owned());
        assert!(found.contains(&expected), "{column} {value}: {found:?}");
    }
    let mut without = observation();
    without.as_object_mut().unwrap().remove("FREQ");
    let found = findings(&remittances(&json!([without])));
    assert_eq!(found, [(Code::ColumnMissing, 1, "FREQ".to_owned())]);
    let mut status = observation();
    status["OBS_STATUS"] = json!("M");
    let found = findings(&remittances(&json!([status])));
    assert_eq!(found, [(Code::ValueStatus, 1, "OBS_VALUE".to_owned())]);
}

#[test]
fn findings_say_what_was_expected_and_what_stands_there() {
    let told = |text: &str| {
        let report = door().parse(text.as_bytes()).unwrap_err();
        let finding = report.findings[0].clone();
        (finding.expected, finding.found)
    };
    for (text, found) in [
        ("[]", "an array of 0"),
        ("{}", "an object without it"),
        ("7", "7"),
        (r#"{"dataset":""}"#, "an empty text"),
        (r#"{"dataset":["X"]}"#, "an array of 1"),
        (r#"{"dataset":"X"}"#, "X"),
    ] {
        assert_eq!(told(text).1, found, "{text}");
    }
    let mut wrong = observation();
    wrong["OBS_VALUE"] = json!("12");
    let (expected, found) = told(&remittances(&json!([wrong])).to_string());
    assert!(expected.contains("a number"), "{expected}");
    assert_eq!(found, "the text \"12\"");
}

#[test]
fn what_is_no_batch_is_refused() {
    for text in ["", "{", "[]", "null", "{}", r#"{"dataset":"X"}"#, r#"{"dataset":7}"#] {
        let report = door().parse(text.as_bytes()).unwrap_err();
        assert_eq!(report.errors, 1, "{text}");
    }
    let mut other = remittances(&json!([]));
    assert_eq!(findings(&other)[0].0, Code::Format);
    other["action"] = json!("Replace");
    assert_eq!(findings(&other), []);
    other["version"] = json!("9");
    other["extra"] = json!(1);
    let codes: Vec<_> = findings(&other).into_iter().map(|(code, ..)| code).collect();
    assert!(codes.contains(&Code::Provider) && codes.contains(&Code::Format));
}

/// Texts that meet a dimension or an attribute: right, of another dimension, misspelt.
fn text_of(structure: &Structure, id: &str) -> BoxedStrategy<String> {
    let dimension = structure.dimensions.iter().find(|dimension| dimension.id == id);
    let mut right: Vec<String> =
        dimension.into_iter().flat_map(|d| d.allowed()).map(str::to_owned).collect();
    if right.is_empty() {
        right = ["A", "F", "M", "2023", "2023-Q1", "2023-02", "5", "2026-01-31", ""]
            .map(str::to_owned)
            .to_vec();
    }
    let strange = [
        "_T",
        "_Z",
        "PT",
        "USD",
        "W",
        "a",
        "KG-GB",
        "2023-13",
        "2023-02-30",
        " ",
        "5.0",
        "1000000000",
    ];
    prop_oneof![
        12 => prop::sample::select(right),
        1 => prop::sample::select(strange.map(str::to_owned).to_vec()),
        1 => "[A-Z_]{0,3}",
    ]
    .boxed()
}

fn value() -> impl Strategy<Value = Option<Value>> {
    prop_oneof![
        6 => (0_u32..1000).prop_map(|value| Some(json!(value))),
        1 => Just(None),
        1 => Just(Some(Value::Null)),
        1 => Just(Some(json!("12"))),
        1 => Just(Some(json!(2.5))),
        1 => Just(Some(json!(3.0))),
        1 => Just(Some(json!(-1))),
        1 => Just(Some(json!(-0.0))),
        1 => Just(Some(json!(9_007_199_254_740_991_i64))),
        1 => Just(Some(json!(9_007_199_254_740_993_i64))),
        1 => Just(Some(json!(u64::MAX))),
    ]
}

/// A good observation with some of its entries changed, dropped or added.
fn mutated(structure: Arc<Structure>) -> impl Strategy<Value = Value> {
    let mut good = Map::new();
    for dimension in &structure.dimensions {
        let code = dimension.allowed().next().map(str::to_owned);
        let period = structure.frequencies().next().map(|f| f.example().to_owned());
        good.insert(dimension.id.clone(), json!(code.or(period)));
    }
    good.insert("OBS_STATUS".into(), json!("A"));
    let ids = structure.dimensions.iter().map(|dimension| dimension.id.clone());
    let ids = ids.chain(structure.attributes.iter().map(|attribute| attribute.id.clone()));
    let ids: Vec<String> = ids.chain(["NOTE".to_owned()]).collect();
    let change = prop::sample::select(ids).prop_flat_map(move |id| {
        let text = prop::option::weighted(0.9, text_of(&structure, &id));
        text.prop_map(move |text| (id.clone(), text))
    });
    let status = prop::sample::select(vec!["A", "L", "M", "Q", "H", "P"]);
    (prop::collection::vec(change, 0..3), value(), prop::option::of(status)).prop_map(
        move |(changes, value, status)| {
            let mut observation = good.clone();
            if let Some(status) = status {
                observation.insert("OBS_STATUS".into(), json!(status));
            }
            for (id, text) in changes {
                match text {
                    Some(text) => observation.insert(id, json!(text)),
                    None => observation.remove(&id),
                };
            }
            value.map(|value| observation.insert("OBS_VALUE".into(), value));
            Value::Object(observation)
        },
    )
}

fn batches() -> impl Strategy<Value = (Arc<Structure>, Action, Vec<Value>)> {
    let structures: Vec<_> = Structures::bundled().unwrap().iter().cloned().collect();
    let actions = vec![Action::Append, Action::Replace, Action::Delete, Action::Information];
    (prop::sample::select(structures), prop::sample::select(actions)).prop_flat_map(
        |(structure, action)| {
            let rows = prop::collection::vec(mutated(structure.clone()), 0..3);
            (Just(structure), Just(action), rows)
        },
    )
}

thread_local! {
    static DOOR: JsonDoor = door();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_schema_and_the_compiled_structure_are_of_one_verdict((structure, action, rows) in batches()) {
        let batch = json!({
            "dataset": structure.id, "version": structure.version, "agency": "NSC",
            "action": action, "observations": rows,
        });
        let by_schema = DOOR.with(|door| door.datasets[&structure.id].1.is_valid(&batch));
        let mut raw = table(&structure, &rows);
        if rows.iter().any(|row| row.get("NOTE").is_some()) {
            let mut note = RawColumnBuilder::new("NOTE");
            note.pad(rows.len());
            raw.columns.push(note.finish());
        }
        let report = validate::shape(&structure, action, &raw);
        prop_assert_eq!(by_schema, report.errors == 0, "{}\n{}", batch, report);
        let by_door = DOOR.with(|door| door.parse(batch.to_string().as_bytes()).is_ok());
        prop_assert_eq!(by_door, by_schema);
    }
}
