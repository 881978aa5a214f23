//! What a decree means is told before and after it is enacted: who sees what, and why one
//! request is decided as it is.

use std::{fs, path::PathBuf};

use birge_tests::{binaries::workspace, decree::Draft, exchange::Exchange, process::Output};
use serde_json::{Value, json};

use crate::enactment::enact_soon;

fn folder(name: &str) -> String {
    let folder: PathBuf = workspace().join("schemas/decrees").join(name);
    folder.to_str().unwrap().to_owned()
}

/// `gateway decree`, of an exchange that need not serve.
fn decree(exchange: &Exchange, arguments: &[&str], code: i32) -> Output {
    let command = [&["decree"], arguments].concat();
    exchange.gateway(&command).unwrap().expect_code(code).unwrap()
}

#[test]
fn the_matrix_tells_every_decision_as_text_table_and_page() {
    let folders = tempfile::tempdir().unwrap();
    let exchange = Exchange::at(folders.path()).unwrap();
    let model = folder("model");
    let text = decree(&exchange, &["matrix", &model], 0).stdout;
    for line in [
        "TRAFFICKING, handed in by MIA: counts below 10, and zeros, are withheld",
        "  agency/MFA       by SEX (article 6(1))",
        "  auditor/COA      nothing",
    ] {
        assert!(text.lines().any(|each| each == line), "{line:?} is missing in {text}");
    }

    let table = decree(&exchange, &["matrix", &model, "--format", "csv"], 0).stdout;
    let mut rows = csv::Reader::from_reader(table.as_bytes());
    let rows: Vec<_> = rows.records().map(Result::unwrap).collect();
    let checked: Value =
        serde_json::from_str(&decree(&exchange, &["check", &model, "--output", "json"], 0).stdout)
            .unwrap();
    assert_eq!(checked["decisions"], rows.len());
    let regional = ["TRAFFICKING", "MIA", "agency/MLSSM", "REF_AREA", "true", "false", "6(5)"];
    assert!(rows.iter().any(|row| row == regional[..]), "{table}");

    let page = folders.path().join("matrix.html");
    let out = ["matrix", &model, "--format", "html", "--lang", "ru", "--out"];
    decree(&exchange, &[&out[..], &[page.to_str().unwrap()]].concat(), 0);
    let page = fs::read_to_string(page).unwrap();
    assert!(page.contains("<html lang=\"ru\">") && page.contains("Постановление № 1"), "{page}");
    assert_eq!(page.matches("<dd>").count(), 28, "every article");
    assert!(page.contains("<a href=\"#article-6(5)\">6(5)</a>"), "{page}");
}

#[test]
fn a_decision_is_explained_with_what_its_articles_say() {
    let exchange = Exchange::start().unwrap();
    let regional = ["explain", "agency/MFA", "REFUGEES", "--by", "REF_AREA,SEX"];
    let explained = |more: &[&str], code| decree(&exchange, &[&regional, more].concat(), code);
    let words = explained(&[], 0).stdout;
    for part in ["Permitted under article 6(4)", "MLSSM, MIA, MFA and NSC see", "below 5", "7(2)"] {
        assert!(words.contains(part), "{part:?} is missing in {words}");
    }
    enact_soon(&exchange, "2026-06-01", |draft: &mut Draft| {
        let rules = draft.files.get_mut("rules.cedar").unwrap();
        *rules = rules.replace("Agency::\"MFA\", Agency::\"NSC\"", "Agency::\"NSC\"");
    });
    let words = birge_tests::watch::until(exchange.dir(), "the amendment", || {
        let words = explained(&["--lang", "ru"], 0).stdout;
        Ok(words.contains("2026-06-01").then_some(words))
    })
    .unwrap();
    for part in ["Отказано по статье 1:", "в разбивке по SEX, по статье 6(1)"]
    {
        assert!(words.contains(part), "{part:?} is missing in {words}");
    }

    let second = folder("model-tj");
    let of = |arguments: &[&str]| {
        let more = ["--decree", &second, "--output", "json"];
        let output = decree(&exchange, &[&["explain"], arguments, &more].concat(), 0);
        serde_json::from_str::<Value>(&output.stdout).unwrap()
    };
    let told = of(&["agency/CWFA", "TRAFFICKING", "--by", "SEX,AGE"]);
    assert_eq!((&told["permitted"], &told["articles"]), (&json!(true), &json!(["7(1)"])));
    let told = of(&["agency/CWFA", "TRAFFICKING", "--by", "REF_AREA"]);
    assert_eq!((&told["permitted"], &told["articles"]), (&json!(false), &json!(["7(5)"])));
    assert_eq!(of(&["agency/BT", "BORDER", "--submit"])["permitted"], true);

    for (wrong, part) in [
        (&["agency/MFA", "NOTHING"][..], "expected one of"),
        (&["agency/MFA", "REFUGEES", "--by", "HEIGHT"], "REF_AREA, SEX, AGE"),
    ] {
        let output = decree(&exchange, &[&["explain"], wrong].concat(), 1);
        assert!(output.stderr.contains(part), "{output:?}");
    }
    decree(&exchange, &["explain", "MFA", "REFUGEES"], 2);
}
