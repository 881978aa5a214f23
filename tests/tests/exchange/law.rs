//! What a decree means is told before and after it is enacted: who sees what, and why one
//! request is decided as it is.

use std::{collections::BTreeMap, fs, path::PathBuf};

use birge_tests::{
    binaries::workspace, country, decree::Draft, exchange::Exchange, process::Output,
};
use serde_json::{Value, json};

use crate::enactment::{decree as on_draft, enact_soon, later};

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
        "TRAFFICKING, handed in by MIA: counts from 1 to 9, and zeros, are withheld",
        "  agency/MFA         by SEX (article 6(1))",
        "  observer/OBSERVER  nothing",
        "  public/ANYBODY     by INDICATOR and SEX and AGE and COUNTERPART_AREA, once public (article 6(6))",
        "  auditor/COA        nothing",
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
    let regional =
        ["TRAFFICKING", "MIA", "member/MLSSM", "REF_AREA", "true", "true", "false", "6(5)"];
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
    if country::model_only("a_decision_is_explained_with_what_its_articles_say") {
        return;
    }
    let exchange = Exchange::start().unwrap();
    let regional = ["explain", "agency/MFA", "REFUGEES", "--by", "REF_AREA,SEX"];
    let explained = |more: &[&str], code| decree(&exchange, &[&regional, more].concat(), code);
    let words = explained(&[], 0).stdout;
    for part in
        ["Permitted under article 6(4)", "MLSSM, MIA, MFA and NSC see", "from 1 to 4", "7(2)"]
    {
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

/// Takes regional figures on refugees from Foreign Affairs and gives them to the Border Service.
fn turn(draft: &mut Draft, from: &str, to: &str) {
    let rules = draft.files.get_mut("rules.cedar").unwrap();
    let four = format!("Agency::\"{from}\", Agency::\"NSC\"]");
    assert!(rules.contains(&four), "{rules}");
    *rules = rules.replacen(&four, &format!("Agency::\"{to}\", Agency::\"NSC\"]"), 1);
}

#[test]
fn a_statement_is_proved_or_what_speaks_against_it_is_told() {
    if country::model_only("a_statement_is_proved_or_what_speaks_against_it_is_told") {
        return;
    }
    let exchange = Exchange::start().unwrap();
    let prove = |arguments: &[&str], code| {
        let output = decree(&exchange, &[&["prove"], arguments].concat(), code);
        output.stdout + &output.stderr
    };
    let by_region = ["agency", "TRAFFICKING", "--by", "REF_AREA", "--except"];
    prove(&[&["never"], &by_region[..], &["MIA,MLSSM,NSC"]].concat(), 0);
    let told = prove(&[&["never"], &by_region[..], &["MIA,MLSSM"]].concat(), 1);
    assert!(told.contains("agency/NSC: TRAFFICKING by REF_AREA, under article 6(2)"), "{told}");
    prove(&["never", "anybody", "TRAFFICKING", "--by", "SEX,REF_AREA"], 0);
    prove(&["never", "operator", "REMITTANCES"], 0);
    prove(&["always", "agency/NSC", "REFUGEES", "--by", "REF_AREA"], 0);
    prove(&["always", "agency", "MIG_STOCK"], 0);
    prove(&["always", "agency", "REFUGEES", "--by", "REF_AREA"], 1);
    prove(&["never", "anybody", "MIG_STOCK", "--small-counts", "--except", "NSC"], 0);
    let nobody = prove(&["never", "agency/TYPO", "TRAFFICKING"], 1);
    assert!(nobody.contains("check the names"), "{nobody}");
    prove(&["never", "minister", "TRAFFICKING"], 2);

    let folder = tempfile::tempdir_in(exchange.dir()).unwrap();
    let mut draft = Draft::amendment("2099-01-01", later()).unwrap();
    turn(&mut draft, "MFA", "MIA");
    draft.write(folder.path()).unwrap();
    let narrower = folder.path().to_str().unwrap();
    prove(&["narrows", narrower], 0);
    prove(&["narrows", narrower, "--only-for", "MFA"], 0);
    prove(&["narrows", narrower, "--only-for", "MIA"], 1);
    let told = prove(&["widens", narrower], 1);
    assert!(told.contains("agency/MFA: REFUGEES by REF_AREA, under article 1"), "{told}");

    // What comes into force later counts as well.
    let never = ["never", "agency/SBS", "REFUGEES", "--by", "REF_AREA"];
    prove(&never, 0);
    let mut wider = Draft::amendment("2098-01-01", later()).unwrap();
    turn(&mut wider, "MFA", "SBS");
    on_draft(&exchange, "enact", &wider).expect_code(0).unwrap();
    let told = prove(&never, 1);
    assert!(told.contains("2024-01-01, 2098-01-01") && told.contains("6(4)"), "{told}");
}

/// Every article of the model decree has a test that is named after it.
#[test]
fn every_article_has_a_test_of_its_name() {
    let files = birge_schemas::decree::files(&birge_schemas::decree::model().unwrap()).unwrap();
    let articles: BTreeMap<String, String> =
        serde_json::from_str(&files["articles/en.json"]).unwrap();
    let packages = ["proto", "schemas", "gateway", "agency-node", "tests"];
    let sources: Vec<_> = packages
        .iter()
        .flat_map(|package| birge_tests::watch::files_below(&workspace().join(package)))
        .filter(|file| file.extension().is_some_and(|extension| extension == "rs"))
        .map(|file| fs::read_to_string(file).unwrap())
        .collect();
    for article in articles.keys() {
        let number = article.replace('(', "_").replace(')', "");
        let name = format!("fn article_{number}_");
        assert!(sources.iter().any(|source| source.contains(&name)), "article {article}");
    }
}
