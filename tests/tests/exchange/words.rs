//! What the programs say: exit codes that scripts rely on, and failures as JSON.

use birge_proto::{problem::Kind, wire::AskRequest};
use birge_tests::{
    answer::request, client::Client, country, decree::Draft, exchange::Exchange, node::Node,
    process::Output, template,
};
use serde_json::Value;

use crate::support::{block_on, submit, trafficking, year};

/// The problem that a failed command printed as JSON.
fn problem(output: &Output, code: i32) -> Value {
    assert_eq!(output.code, Some(code), "{output:?}");
    let answer: Value =
        serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let detail = answer["problem"]["detail"].as_str();
    assert!(detail.is_some_and(|detail| !detail.is_empty()), "{answer}");
    answer["problem"].clone()
}

/// A refusal by the gateway: everything that a script needs.
fn refusal(output: &Output, code: &str) -> Value {
    let problem = problem(output, 1);
    assert_eq!(problem["code"], code, "{problem}");
    assert!(problem["articles"].is_array() && problem["hints"].is_array(), "{problem}");
    assert!(problem["exchange"].as_u64().is_some(), "{problem}");
    problem
}

fn json(node: &Node, arguments: &[&str]) -> Output {
    node.command(&[arguments, &["--output", "json"]].concat()).unwrap()
}

#[test]
fn the_node_ends_with_the_code_that_tells_how() {
    if country::model_only("the_node_ends_with_the_code_that_tells_how") {
        return;
    }
    let mut exchange = Exchange::start().unwrap();
    let mfa = exchange.node("agency/MFA").unwrap();
    let listed = json(&mfa, &["query"]).expect_code(0).unwrap();
    let listed: Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!(listed["datasets"].as_array().unwrap().len(), 7);
    json(&mfa, &["status"]).expect_code(0).unwrap();

    let region = ["query", "TRAFFICKING", "--where", "REF_AREA=KG-O"];
    let refused = refusal(&json(&mfa, &region), "NOT_PERMITTED");
    assert!(refused["articles"].as_array().unwrap().contains(&"6(5)".into()), "{refused}");
    assert!(!refused["hints"].as_array().unwrap().is_empty(), "{refused}");
    let words = mfa.command(&region).unwrap().expect_code(1).unwrap();
    for part in ["NOT_PERMITTED", "6(5)", "recorded as exchange", "next: "] {
        assert!(words.stderr.contains(part), "{part}: {words:?}");
    }
    refusal(&json(&mfa, &["query", "NOTHING"]), "NOT_FOUND");
    let file = mfa.dir().join("wrong.csv");
    std::fs::write(&file, "no batch").unwrap();
    let wrong = json(&mfa, &["submit", file.to_str().unwrap()]).expect_code(1).unwrap();
    let wrong: Value = serde_json::from_str(&wrong.stdout).unwrap();
    assert_eq!(wrong["valid"], false, "{wrong}");

    for usage in [&["fly"][..], &[], &["query", "--format", "clay"], &["submit"]] {
        mfa.command(usage).unwrap().expect_code(2).unwrap();
    }
    problem(&json(&mfa, &["query", "TRAFFICKING", "--where", "SEX"]), 2);
    std::fs::rename(mfa.config(), mfa.dir().join("kept.toml")).unwrap();
    problem(&json(&mfa, &["status"]), 2);
    std::fs::rename(mfa.dir().join("kept.toml"), mfa.config()).unwrap();

    exchange.stop().unwrap().expect_code(0).unwrap();
    problem(&json(&mfa, &["query"]), 3);

    let state = mfa.dir().join("state");
    std::fs::remove_dir_all(&state).unwrap();
    std::fs::write(&state, "no folder").unwrap();
    problem(&json(&mfa, &["status"]), 4);
}

#[test]
fn the_gateway_ends_with_the_code_that_tells_how() {
    let mut exchange = Exchange::start().unwrap();
    let json = |exchange: &Exchange, arguments: &[&str]| {
        exchange.gateway(&[arguments, &["--output", "json"]].concat()).unwrap()
    };
    let folder = exchange.dir().join("decree");
    let mut draft = Draft::model().unwrap();
    draft.write(&folder).unwrap();
    let folder = folder.to_str().unwrap().to_owned();
    let check = ["decree", "check", &folder];
    let sound = json(&exchange, &check).expect_code(0).unwrap();
    assert!(serde_json::from_str::<Value>(&sound.stdout).is_ok(), "{sound:?}");

    let stranger = ["revoke", "agency/SBS", "--reason", "a test"];
    let refused = refusal(&json(&exchange, &stranger), "NOT_FOUND");
    let words = exchange.gateway(&stranger).unwrap().expect_code(1).unwrap();
    for part in ["NOT_FOUND", "recorded as exchange", refused["detail"].as_str().unwrap()] {
        assert!(words.stderr.contains(part), "{part}: {words:?}");
    }
    draft.files.insert("decree.json".to_owned(), "{".to_owned());
    draft.write(folder.as_ref()).unwrap();
    let broken = problem(&json(&exchange, &check), 1);
    assert!(broken["detail"].as_str().unwrap().contains("decree.json:1"), "{broken}");
    problem(&json(&exchange, &["enrol", "no-such-file.json"]), 1);

    for usage in [&["fly"][..], &[], &["revoke", "agency/SBS"], &["decree"]] {
        exchange.gateway(usage).unwrap().expect_code(2).unwrap();
    }
    // The address is taken by the gateway that runs.
    let twice = json(&exchange, &["serve"]);
    problem(&twice, 4);

    exchange.stop().unwrap().expect_code(0).unwrap();
    problem(&json(&exchange, &stranger), 3);
    json(&exchange, &["verify"]).expect_code(0).unwrap();
    let segment = birge_tests::watch::files_below(&exchange.journal());
    let segment = segment.iter().max_by_key(|file| file.metadata().unwrap().len()).unwrap();
    let mut bytes = std::fs::read(segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(segment, bytes).unwrap();
    problem(&json(&exchange, &["verify"]), 1);
}

/// The articles cited, and how many cells were withheld.
fn provenance(exchange: &Exchange, node: &Node, asked: AskRequest) -> (Vec<String>, u64) {
    let answer = block_on(async {
        let client = Client::of(node, exchange.address()).await.unwrap();
        client.ask(asked).await.unwrap()
    });
    let provenance = answer.provenance.unwrap();
    (provenance.articles, provenance.withheld)
}

#[test]
fn an_answer_with_withheld_cells_says_by_which_article() {
    if country::model_only("an_answer_with_withheld_cells_says_by_which_article") {
        return;
    }
    let exchange = Exchange::start().unwrap();
    let nodes = ["agency/MIA", "agency/MFA", "agency/NSC"];
    let [mia, mfa, nsc] = nodes.map(|identity| exchange.node(identity).unwrap());
    block_on(async {
        submit(&exchange, &mia, &trafficking()).await.unwrap();
        submit(&exchange, &nsc, &year(2024, 100)).await.unwrap();
    });
    let cited = "7(1)".to_owned();
    let (articles, withheld) = provenance(&exchange, &mfa, request("TRAFFICKING", &[]));
    assert!(withheld > 0 && articles.contains(&cited), "{withheld}: {articles:?}");
    for (node, dataset) in [(&mfa, "MIG_STOCK"), (&nsc, "TRAFFICKING"), (&mia, "TRAFFICKING")] {
        let (articles, withheld) = provenance(&exchange, node, request(dataset, &[]));
        assert_eq!(withheld, 0, "{dataset} for {}", node.identity());
        assert!(!articles.contains(&cited), "{dataset} for {}: {articles:?}", node.identity());
    }
    let asked = mfa.command(&["query", "TRAFFICKING"]).unwrap().expect_code(0).unwrap();
    assert!(asked.stdout.contains("7(1)"), "{asked:?}");
}

#[test]
fn periods_that_are_none_are_malformed() {
    let exchange = Exchange::start().unwrap();
    let mfa = exchange.node("agency/MFA").unwrap();
    let ask = |more: &[&str]| json(&mfa, &[&["query", "TRAFFICKING"], more].concat());
    for wrong in [
        &["--from", "garbage"][..],
        &["--to", "garbage"],
        &["--from", "2024-13"],
        &["--from", "2024-W01"],
        &["--to", "24"],
        &["--from", "2024", "--to", "2020"],
        &["--where", "TIME_PERIOD=soon"],
        &["--where", "TIME_PERIOD=2020,2021x"],
    ] {
        let refused = refusal(&ask(wrong), Kind::Malformed.code());
        assert!(!refused["hints"].as_array().unwrap().is_empty(), "{wrong:?}: {refused}");
    }
    for sound in [
        &["--from", "2020", "--to", "2020"][..],
        &["--to", "1066"],
        &["--where", "TIME_PERIOD=2020,2021"],
    ] {
        ask(sound).expect_code(0).unwrap();
    }
}

/// The demonstration's own figures, asked by name: nothing that is said holds a withheld value.
#[test]
fn the_words_of_an_answer_hold_no_withheld_value() {
    let exchange = Exchange::start().unwrap();
    let (mia, mfa) = (exchange.node("agency/MIA").unwrap(), exchange.node("agency/MFA").unwrap());
    block_on(submit(&exchange, &mia, &trafficking())).unwrap();
    let figures = template::demonstration("mia/TRAFFICKING.csv").unwrap();
    assert!(figures.contains(",F,_T,_T,PS,2023,4,"), "the small count of the decree's example");
    let asked = ["query", "TRAFFICKING", "--from", "2023", "--to", "2023", "--where", "SEX=F"];
    for format in ["table", "csv", "json"] {
        let output = mfa.command(&[&asked[..], &["--format", format]].concat()).unwrap();
        let output = output.expect_code(0).unwrap();
        let lines = output.stdout.lines().filter(|line| line.contains("2023"));
        for line in lines {
            let values = line.split([',', ' ', '│', '|', ':', '"']).map(str::trim);
            assert!(values.into_iter().all(|value| value != "4"), "{format}: {line}");
        }
    }
}
