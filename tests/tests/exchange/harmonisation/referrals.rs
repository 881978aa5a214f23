//! Another country's counts, by quarter: a structure is data, and a mapping does the rest.

use birge_agency_node::{
    batch::{self, Said},
    mapping::Mapping,
};
use birge_proto::clock::{Clock, SystemClock};
use birge_schemas::{finding::Code, structure::Structures, wire::from_blocks};

use super::*;

/// The bundled structures, but that TRAFFICKING may be given by quarter, and for the United Kingdom.
fn structures() -> std::sync::Arc<Structures> {
    let bundle = Structures::bundled().unwrap().to_bundle();
    let mut files: Value = serde_json::from_slice(&bundle).unwrap();
    let file = &mut files["datasets/TRAFFICKING.json"];
    let mut dataset: Value = serde_json::from_str(file.as_str().unwrap()).unwrap();
    let region = &mut dataset["data"]["dataConstraints"][0]["cubeRegions"][0]["keyValues"];
    for (dimension, code) in [("FREQ", "Q"), ("REF_AREA", "GB")] {
        let mut values = region.as_array_mut().unwrap().iter_mut();
        let of = values.rfind(|value| value["id"] == dimension).unwrap();
        of["values"].as_array_mut().unwrap().push(serde_json::json!({ "value": code }));
    }
    *file = dataset.to_string().into();
    std::sync::Arc::new(Structures::from_bundle(&serde_json::to_vec(&files).unwrap()).unwrap())
}

/// The figures of a file by sex and age, which break no rule.
fn referred(structures: &Structures, file: &Path) -> BTreeMap<(String, String), f64> {
    let mapping = Mapping::load(&mapping("uk_nrm_referrals")).unwrap();
    let input = mapping.read(structures, file).unwrap();
    let agency = "MIA".parse().unwrap();
    let checked = batch::check(structures, &agency, input, Said::default(), SystemClock.now());
    assert_eq!((checked.report.errors, checked.report.warnings), (0, 0), "{}", checked.report);
    for told in [Code::Combined, Code::RowsLeftOut, Code::Derived] {
        assert_eq!(checked.report.count(told), 1, "{told}: {}", checked.report);
    }
    let table = from_blocks(checked.batch.unwrap().blocks()).unwrap();
    let at = |id: &str, row| table.column(id).unwrap().at(row).to_owned();
    (0..table.rows)
        .map(|row| ((at("SEX", row), at("AGE", row)), table.value(row).unwrap()))
        .collect()
}

#[test]
fn referrals_of_several_agencies_add_up_to_what_was_published() {
    let structures = structures();
    // The totals that the files give themselves, which the mapping leaves out.
    let published_totals = [
        ("2022_q2", 2104.0),
        ("2022_q3", 2394.0),
        ("2022_q4", 2140.0),
        ("2023_q1", 2374.0),
        ("2023_q2", 1967.0),
    ];
    let extract = workspace().join("tests/data/sources/uk_nrm_2023_q1.csv");
    let whole = published_totals.into_iter().filter_map(|(quarter, total)| {
        Some((published(&format!("uk/nrm_referrals_government_{quarter}.csv"))?, total))
    });
    for (file, total) in std::iter::once((extract, 2374.0)).chain(whole) {
        let figures = referred(&structures, &file);
        let of = |sex: &str, age: &str| {
            figures.get(&(sex.to_owned(), age.to_owned())).copied().unwrap_or_default()
        };
        assert_eq!(of("_T", "_T"), total, "{}", file.display());
        for age in ["_T", "Y0T17", "Y_GE18", "_U"] {
            assert_eq!(of("F", age) + of("M", age) + of("_O", age), of("_T", age), "{age}");
        }
        for sex in ["F", "M", "_T"] {
            let parts = of(sex, "Y0T17") + of(sex, "Y_GE18") + of(sex, "_U");
            assert_eq!(parts, of(sex, "_T"), "{sex}");
        }
    }
}
