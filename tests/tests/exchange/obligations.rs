//! What the decree makes due is told: on time, late, missing, due next; whole or with gaps, as
//! the decree demands it and not as somebody says (articles 4(1) to 4(3)).

use birge_tests::{
    batch::Batch, country, exchange::Exchange, node::Node, process::Output, template,
};
use serde_json::{Value, json};

use crate::support::{block_on, submit};

fn obligations(node: &Node, more: &[&str], code: i32) -> Output {
    let command = [&["obligations"], more].concat();
    node.command(&command).unwrap().expect_code(code).unwrap()
}

/// Of a dataset, a period.
fn period(node: &Node, dataset: &str, period: &str) -> Value {
    let output = obligations(node, &["--output", "json"], 0);
    let told: Value = serde_json::from_str(&output.stdout).unwrap();
    let datasets = told["datasets"].as_array().unwrap();
    let found = datasets.iter().find(|each| each["dataset"] == dataset).unwrap();
    let periods = found["periods"].as_array().unwrap();
    periods.iter().find(|each| each["period"] == period).cloned().unwrap_or_default()
}

/// Victims of 2024 and 2025; the second year without the breakdown by age.
fn figures() -> Batch {
    let mut text = String::from(
        "STRUCTURE_ID,FREQ,REF_AREA,INDICATOR,SEX,AGE,CITIZENSHIP,UNIT_MEASURE,TIME_PERIOD,\
         OBS_VALUE,OBS_STATUS,COMMENT_OBS\n",
    );
    let mut row = |area: &str, sex: &str, age: &str, year: u16, value: u32| {
        let reason = if sex == "_T" && (area != "KG" || age != "_T") { "not known" } else { "" };
        text += &format!(
            "BIRGE:TRAFFICKING(1.0.0),A,{area},VC_HTF_DETV,{sex},{age},_T,PS,{year},{value},A,{reason}\n"
        );
    };
    for year in [2024, 2025] {
        for (sex, value) in [("F", 20), ("M", 30), ("_T", 50)] {
            row("KG", sex, "_T", year, value);
        }
        row("KG-C", "_T", "_T", year, 50);
    }
    row("KG", "_T", "Y0T17", 2024, 25);
    Batch::from_csv("MIA", &text, 100).unwrap()
}

#[test]
fn what_is_due_what_came_and_what_it_lacks_is_told() {
    if country::model_only("what_is_due_what_came_and_what_it_lacks_is_told") {
        return;
    }
    let exchange = Exchange::start().unwrap();
    let [mia, nsc, coa] = ["agency/MIA", "agency/NSC", "auditor/COA"]
        .map(|identity| exchange.node(identity).unwrap());
    assert_eq!(period(&mia, "TRAFFICKING", "2024")["state"], "missing");
    assert_eq!(period(&mia, "TRAFFICKING", "2026")["state"], "due");
    assert_eq!(period(&mia, "TRAFFICKING", "2027"), Value::Null, "only the next");
    obligations(&mia, &["--fail-on-missing"], 1);

    block_on(submit(&exchange, &mia, &figures())).unwrap();
    let whole = period(&mia, "TRAFFICKING", "2024");
    assert_eq!((&whole["state"], &whole["gaps"]), (&json!("late"), &json!([])), "{whole}");
    assert_eq!(whole["due"], "2025-03-31T18:00:00Z", "31 March is over in Bishkek");
    let gaps = period(&mia, "TRAFFICKING", "2025");
    assert_eq!(gaps["gaps"], json!([["AGE"]]), "{gaps}");
    let words = obligations(&mia, &[], 0).stdout;
    assert!(words.contains("lacks figures by AGE"), "{words}");
    assert!(words.contains("some figures by sex: 2 of 2 periods that MIA gave"), "{words}");
    obligations(&mia, &["--fail-on-missing"], 1);

    // A round without the country of birth is a gap of another kind; everybody's are seen.
    let stock = template::demonstration("nsc/MIG_STOCK.csv").unwrap();
    let batch = Batch::from_csv("NSC", &stock, 10_000).unwrap();
    block_on(submit(&exchange, &nsc, &batch)).unwrap();
    assert_eq!(period(&nsc, "MIG_STOCK", "2024")["gaps"], json!([]));
    let all = obligations(&nsc, &["--all"], 0).stdout;
    for part in ["TRAFFICKING, of MIA under article 4(1)", "BORDER, of SBS", "REMITTANCES"] {
        assert!(all.contains(part), "{part} is missing in {all}");
    }
    let nothing = obligations(&coa, &["--fail-on-missing"], 0).stdout;
    assert!(nothing.contains("demands nothing of this body"), "{nothing}");
}
