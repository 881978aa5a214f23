use super::*;
use crate::detail::Breakdown;

fn structure(dataset: &str) -> Arc<Structure> {
    Structures::bundled().unwrap().get(dataset).unwrap().clone()
}

#[test]
fn the_seven_datasets_of_article_4_are_there() {
    let structures = Structures::bundled().unwrap();
    let ids: Vec<_> = structures.iter().map(|structure| structure.id.as_str()).collect();
    let expected = [
        "ASYLUM_ABROAD",
        "BORDER",
        "LABOUR_ABROAD",
        "MIG_STOCK",
        "REFUGEES",
        "REMITTANCES",
        "TRAFFICKING",
    ];
    assert_eq!(ids, expected);
    assert_eq!(structures.get("BORDER").unwrap().structure_id(), "BIRGE:BORDER(1.0.0)");
    assert_eq!(structures.concept("SEX").unwrap()["ru"], "Пол");
}

/// Agency, batch and release are the exchange's; what figures are, the structures say.
#[test]
fn article_2_every_dataset_can_say_what_the_decree_defines() {
    for structure in Structures::bundled().unwrap().iter() {
        let dimension = |id: &str| structure.dimensions.iter().find(|each| each.id == id);
        let codes = |id: &str| -> Vec<String> {
            let coded = dimension(id).and_then(Dimension::codes);
            coded.into_iter().flat_map(|it| it.list.codes()).map(|code| code.id.clone()).collect()
        };
        for id in ["FREQ", "INDICATOR", "UNIT_MEASURE", "TIME_PERIOD"] {
            assert!(dimension(id).is_some(), "{}: {id}", structure.id);
        }
        assert!(structure.attribute("OBS_STATUS").is_some(), "{}: missing and zero", structure.id);
        if structure.rules.persons {
            let sexes = codes("SEX");
            for sex in ["F", "M", "_U", "_T"] {
                assert!(sexes.iter().any(|code| code == sex), "{}: {sex}", structure.id);
            }
        }
    }
}

#[test]
fn dimensions_stand_in_order_with_time_last() {
    let trafficking = structure("TRAFFICKING");
    let ids: Vec<_> = trafficking.dimensions.iter().map(|d| d.id.as_str()).collect();
    let expected = [
        "FREQ",
        "REF_AREA",
        "INDICATOR",
        "SEX",
        "AGE",
        "CITIZENSHIP",
        "UNIT_MEASURE",
        "TIME_PERIOD",
    ];
    assert_eq!(ids, expected);
    assert_eq!(trafficking.position("AGE"), Some(4));
    assert_eq!(trafficking.coded().count(), 7);
    let status = trafficking.attribute("OBS_STATUS").unwrap();
    assert!(status.mandatory && status.level == Level::Observation);
}

/// The detail of a cell of TRAFFICKING: area, indicator, sex, age, citizenship.
fn detail(codes: [&str; 5]) -> Detail {
    let trafficking = structure("TRAFFICKING");
    let codes = ["A"].into_iter().chain(codes).chain(["PS"]);
    let position = |(dimension, code): (&Dimension, &str)| {
        dimension.codes().unwrap().list.position(code).unwrap()
    };
    let positions: Vec<u16> = trafficking.coded().zip(codes).map(position).collect();
    trafficking.detail_of(&positions)
}

#[test]
fn detail_names_what_a_cell_is_broken_down_by() {
    let by = |breakdowns: &[Breakdown]| breakdowns.iter().copied().collect::<Detail>();
    assert_eq!(detail(["KG", "VC_HTF_DETV", "_T", "_T", "_T"]), Detail::TOTAL);
    assert_eq!(detail(["KG", "VC_HTF_DETV", "F", "_T", "_T"]), by(&[Breakdown::Sex]));
    let region = [Breakdown::Region, Breakdown::Age];
    assert_eq!(detail(["KG-GB", "VC_HTF_DETV", "_T", "Y0T17", "_T"]), by(&region));
    let indicator = [Breakdown::Indicator, Breakdown::Citizenship];
    assert_eq!(detail(["KG", "VC_HTF_DETVSX", "_T", "_T", "UZ"]), by(&indicator));
}

#[test]
fn breakdowns_are_those_that_the_dataset_allows() {
    let of = |dataset: &str| structure(dataset).breakdowns().to_string();
    assert_eq!(of("REMITTANCES"), "by COUNTERPART_AREA");
    assert_eq!(of("MIG_STOCK"), "by SEX and AGE and COUNTRY_BIRTH");
    assert_eq!(of("TRAFFICKING"), "by INDICATOR and REF_AREA and SEX and AGE and CITIZENSHIP");
}

#[test]
fn constraints_narrow_the_lists() {
    let border = structure("BORDER");
    let area = border.coded().nth(1).unwrap();
    assert_eq!(area.allowed().collect::<Vec<_>>(), ["KG", "TJ"]);
    assert_eq!(border.frequencies().collect::<Vec<_>>(), [Frequency::Monthly]);
}

#[test]
fn totals_of_rounded_sources_may_miss() {
    assert!((structure("ASYLUM_ABROAD").rules.tolerance(2) - 7.5).abs() < f64::EPSILON);
    assert!(structure("REFUGEES").rules.tolerance(4) == 0.0);
}

#[test]
fn a_bundle_gives_the_same_structures_and_the_same_bytes() {
    let structures = Structures::bundled().unwrap();
    let bundle = structures.to_bundle();
    let read = Structures::from_bundle(&bundle).unwrap();
    assert_eq!(read.to_bundle(), bundle);
    assert_eq!(read.iter().count(), 7);
    assert!(Structures::from_bundle(b"[]").is_err());
    assert!(Structures::from_bundle(br#"{"datasets/X.json": "{}"}"#).is_err());
}

/// The bundled files with one text in one of them replaced.
fn changed(path: &str, from: &str, to: &str) -> Result<Structures, StructureError> {
    let structures = Structures::bundled().unwrap();
    let mut files: BTreeMap<String, String> =
        structures.files().map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
    let text = files.get_mut(path).unwrap();
    assert!(text.contains(from), "{path} does not hold {from}");
    *text = text.replace(from, to);
    Structures::from_bundle(&serde_json::to_vec(&files).unwrap())
}

#[test]
fn files_that_contradict_one_another_are_refused_by_name() {
    let cases = [
        ("datasets/BORDER.json", r#"{"value": "M"}"#, r#"{"value": "MM"}"#),
        ("datasets/BORDER.json", "CL_SEX(1.0.0)", "CL_GENDER(1.0.0)"),
        ("datasets/BORDER.json", "=BIRGE:DSD_BORDER(", "=BIRGE:DSD_OTHER("),
        ("rules/BORDER.json", r#""signed": []"#, r#""signed": ["REMIT_IN"]"#),
        (
            "rules/BORDER.json",
            r#""partOf": []"#,
            r#""partOf": [{"part": "BORDER_IN", "whole": "BORDER_OUT"}]"#,
        ),
        ("rules/BORDER.json", r#""frequency": "M""#, r#""frequency": "A""#),
        ("rules/BORDER.json", r#""dataset": "BORDER""#, r#""dataset": "BORDERS""#),
        ("rules/BORDER.json", r#""rounding": 0"#, r#""rounding": -5"#),
        ("codelists/CL_SEX.json", r#"{"id": "M","#, r#"{"id": "F","#),
    ];
    for (path, from, to) in cases {
        let error = changed(path, from, to).expect_err(path);
        let dataset = path.replace("rules/", "datasets/");
        assert!(error.file == path || error.file == dataset, "{error}");
    }
}
