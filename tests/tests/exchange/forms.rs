//! Excel as it is used: a form is made, filled in by an office, dropped into the inbox, and given
//! back with what is wrong in it.

use std::{fs, path::Path, process::Command};

use birge_tests::{
    binaries::{has_package, python, workspace},
    exchange::Exchange,
    node::Node,
    template::not_tried,
    watch,
};
use serde_json::{Value, json};

/// Runs the script that works on workbooks as an office does.
fn office(arguments: &[&str]) -> Value {
    let mut command = Command::new(python());
    let output = command
        .arg(workspace().join("tests/interop/fill_form.py"))
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

fn fill(form: &str, to: &Path, values: &Value) {
    office(&[form, to.to_str().unwrap(), &values.to_string()]);
}

fn make(node: &Node, period: &str, more: &[&str]) -> String {
    let form = node.dir().join(format!("form-{period}.xlsx"));
    let form = form.to_str().unwrap().to_owned();
    let command = ["form", "MIG_STOCK", "--period", period, "--out", &form];
    node.command(&[&command[..], more].concat()).unwrap().expect_code(0).unwrap();
    form
}

/// Drops a filled form into the inbox, whole at once.
fn drop_in(node: &Node, form: &Path) {
    let name = form.file_name().unwrap().to_str().unwrap();
    node.hand_in(name, &fs::read(form).unwrap()).unwrap();
}

/// The figures that stand of a year, by sex.
fn figures(node: &Node, year: &str) -> Vec<(String, String)> {
    let period = format!("TIME_PERIOD={year}");
    let ask = ["query", "MIG_STOCK", "--where", &period, "--output", "json"];
    let output = node.command(&ask).unwrap().expect_code(0).unwrap();
    let answer: Value = serde_json::from_str(&output.stdout).unwrap();
    let cells = answer["cells"].as_array().unwrap_or_else(|| panic!("{answer}"));
    let cell =
        |cell: &Value| (cell["SEX"].as_str().unwrap().to_owned(), cell["OBS_VALUE"].to_string());
    let mut cells: Vec<_> = cells.iter().map(cell).collect();
    cells.sort();
    cells
}

#[test]
fn a_form_goes_to_an_office_and_back_until_it_is_right() {
    if !has_package("openpyxl") {
        not_tried("forms filled in as an office does (tests/run installs openpyxl)");
        return;
    }
    let exchange = Exchange::start().unwrap();
    let node = exchange.node("agency/NSC").unwrap();
    let running = node.run().unwrap();
    let files = tempfile::tempdir().unwrap();
    let codes = ["--where", "REF_AREA=KG", "--where", "COUNTRY_BIRTH=_T", "--where", "AGE=_T"];

    // Nothing stood before: women, men and the total of what was asked for.
    let form = make(&node, "2022", &codes);
    let shown = office(&[&form, "shown"]);
    let sexes: Vec<_> = shown["rows"].as_array().unwrap().iter().map(|row| &row["SEX"]).collect();
    assert_eq!(sexes, ["F", "M", "_T"]);
    assert_eq!(shown["protected"], true);
    for open in ["OBS_VALUE", "OBS_STATUS", "COMMENT_OBS"] {
        assert!(!shown["locked"].as_array().unwrap().contains(&open.into()), "{open}: {shown}");
    }
    assert!(shown["locked"].as_array().unwrap().contains(&"SEX".into()));
    assert!(!shown["rules"].as_array().unwrap().is_empty());
    assert_eq!(shown["sheets"], json!(["visible", "visible", "hidden", "veryHidden"]));
    let filled = files.path().join("stock-2022.xlsx");
    // As offices write numbers: with a blank, as text, as a number.
    let values = json!({
        "0": {"OBS_VALUE": "1 200"}, "1": {"OBS_VALUE": 1300}, "2": {"OBS_VALUE": "2500,0"},
    });
    fill(&form, &filled, &values);
    drop_in(&node, &filled);
    node.wait_receipts(1).unwrap();
    let expected = [("F", "1200.0"), ("M", "1300.0"), ("_T", "2500.0")];
    assert_eq!(figures(&node, "2022"), expected.map(|(sex, n)| (sex.to_owned(), n.to_owned())));

    // The next one has these beside its empty cells. A sum is wrong, a row is left out, and a
    // figure is not to be had.
    let form = make(&node, "2023", &["--language", "ru"]);
    let shown = office(&[&form, "shown"]);
    let last: Vec<_> =
        shown["rows"].as_array().unwrap().iter().map(|row| &row["LAST_VALUE"]).collect();
    assert_eq!(last, [2500, 1200, 1300], "in the order of the code list");
    let wrong = files.path().join("stock-2023.xlsx");
    let values = json!({
        "0": {"OBS_VALUE": 2600}, "1": {"OBS_VALUE": 1250}, "2": {"OBS_VALUE": "many"},
    });
    fill(&form, &wrong, &values);
    drop_in(&node, &wrong);
    let marked = node.rejected().join("stock-2023.xlsx.findings.xlsx");
    watch::until(node.dir(), "the marked form", || Ok(marked.exists().then_some(()))).unwrap();
    let marked = marked.to_str().unwrap();
    let found = office(&[marked, "marked"]);
    assert_eq!(found["rows"]["2"]["OBS_VALUE"], "many", "{found}");
    assert!(found["rows"]["0"].is_null() && found["rows"]["1"].is_null(), "{found}");
    let said = found["rows"]["2"]["FINDINGS"].as_str().unwrap();
    assert!(said.contains("VALUE_FORMAT") && said.contains("число"), "{said}");

    // The marked form is mended and handed in as it is.
    let mended = files.path().join("stock-2023-mended.xlsx");
    fill(marked, &mended, &json!({ "2": {"OBS_VALUE": 1350} }));
    drop_in(&node, &mended);
    node.wait_receipts(2).unwrap();
    assert_eq!(figures(&node, "2023")[1], ("M".to_owned(), "1350.0".to_owned()));

    // Signs and rows that were left empty.
    let form = make(&node, "2024", &[]);
    let partly = files.path().join("stock-2024.xlsx");
    fill(&form, &partly, &json!({ "0": {"OBS_VALUE": 2700}, "2": {"OBS_VALUE": "…"} }));
    let validated = node.command(&["validate", partly.to_str().unwrap()]).unwrap();
    let told = validated.stdout;
    assert!(told.contains("NOT_FILLED") && told.contains("lines 6"), "{told}");
    running.stop().unwrap();
}

#[test]
fn a_form_of_somebody_else_or_of_another_structure_is_told() {
    if !has_package("openpyxl") {
        not_tried("forms of others (tests/run installs openpyxl)");
        return;
    }
    let exchange = Exchange::start().unwrap();
    let (nsc, mia) = (exchange.node("agency/NSC").unwrap(), exchange.node("agency/MIA").unwrap());
    let codes = ["--where", "REF_AREA=KG", "--where", "COUNTRY_BIRTH=_T", "--where", "AGE=_T"];
    let form = make(&nsc, "2022", &codes);
    let filled = nsc.dir().join("filled.xlsx");
    fill(&form, &filled, &json!({ "2": {"OBS_VALUE": 7} }));
    let filled = filled.to_str().unwrap();
    let copy = nsc.dir().join("marked.xlsx");
    let check = ["validate", filled, "--annotated", copy.to_str().unwrap()];
    let told = mia.command(&check).unwrap().expect_code(1).unwrap().stdout;
    assert!(told.contains("PROVIDER") && told.contains("NSC"), "{told}");
    let above = office(&[copy.to_str().unwrap(), "marked"])["above"].to_string();
    assert!(above.contains("PROVIDER"), "what is on no row stands above: {above}");
    for (wrong, part) in [
        (&["form", "NOTHING", "--period", "2022", "--out", "x.xlsx"][..], "no dataset NOTHING"),
        (&["form", "MIG_STOCK", "--period", "soon", "--out", "x.xlsx"], "no period"),
        (&["form", "MIG_STOCK", "--period", "2022", "--out", "x.csv"], "ends in .xlsx"),
        (&["form", "MIG_STOCK", "--period", "2022", "--out", filled], "is there already"),
    ] {
        let told = nsc.command(wrong).unwrap().expect_code(2).unwrap().stderr;
        assert!(told.contains(part), "{told}");
    }
}
