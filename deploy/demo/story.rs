//! What the demonstration tells.

use std::fs;

use anyhow::{Context, Result, bail, ensure};
use birge_tests::{binaries, exchange::Exchange, node::Node, process::Process, watch, web};
use serde_json::Value;

use crate::narrator::Narrator;

/// Who hands in what; the figures lie in `deploy/demo/data/<agency>/<dataset>.csv`.
const DELIVERIES: [(&str, &str); 5] = [
    ("agency/NSC", "MIG_STOCK"),
    ("agency/MLSSM", "REFUGEES"),
    ("agency/MIA", "TRAFFICKING"),
    ("agency/MFA", "ASYLUM_ABROAD"),
    ("agency/NBKR", "REMITTANCES"),
];

/// Tells the story on a serving exchange and gives the nodes that run.
pub(crate) fn tell(narrator: &mut Narrator, exchange: &Exchange) -> Result<Vec<Process>> {
    narrator.chapter("Enrolling five agencies, a silent one and an auditor");
    let nodes = DELIVERIES
        .iter()
        .map(|(identity, _)| exchange.node(identity))
        .collect::<Result<Vec<_>>>()?;
    let (silent, auditor) = (exchange.node("agency/SBS")?, exchange.node("auditor/COA")?);
    for node in nodes.iter().chain([&silent, &auditor]) {
        narrator.say(&format!("{:13} {}", node.identity(), node.dir().display()));
    }
    let running = nodes.iter().chain([&silent, &auditor]).map(Node::run);
    let running = running.collect::<Result<Vec<_>>>()?;
    narrator.say("Every node runs, and witnesses the log with a key of its own.");

    narrator.chapter("Each agency drops its figures into its node's inbox");
    for (node, (_, dataset)) in nodes.iter().zip(DELIVERIES) {
        deliver(narrator, node, dataset)?;
    }

    let [nsc, _, _, mfa, _] = nodes.as_slice() else { bail!("five agencies were enrolled") };
    narrator.chapter("What the decree makes due, and what is missing");
    narrator.ask(&nodes[2], &["obligations"], 0, &["TRAFFICKING", "by sex", "lacks"])?;
    narrator.ask(&silent, &["obligations"], 0, &["BORDER", "missing"])?;

    narrator.chapter("Two ministries ask the same and are answered differently");
    let by_sex = ["query", "TRAFFICKING", "--where", "REF_AREA=KG", "--where", "AGE=_T"];
    let by_sex = [&by_sex[..], &["--where", "INDICATOR=VC_HTF_DETV", "--from", "2022"]].concat();
    narrator
        .say("Foreign Affairs: counts from 1 to 9, and what would give them away, are withheld.");
    narrator.ask(mfa, &by_sex, 0, &["··", "6(5)"])?;
    narrator.say("The Statistical Committee sees every figure as it was handed in.");
    let whole = narrator.ask(nsc, &by_sex, 0, &["17", "13", "6(2)"])?;
    ensure!(!whole.stdout.contains("··"), "something was withheld from the NSC");

    narrator.chapter("A refusal cites the law, and says what would be permitted");
    let regions = ["query", "TRAFFICKING", "--where", "REF_AREA=KG-C,KG-GB", "--from", "2022"];
    let refused = narrator.ask(mfa, &regions, 1, &["6(5)"])?;
    narrator.ask(nsc, &regions, 0, &["15"])?;

    narrator.chapter("Figures become public 30 days after they were due or came, and not before");
    narrator.say("Observers and the public are then given national figures of three datasets.");
    let explained = ["decree", "explain", "public/ANYBODY", "MIG_STOCK", "--by", "SEX"];
    narrator.ask_gateway(exchange, &explained, 0, &["8(1)"])?;
    narrator.ask(nsc, &["versions", "MIG_STOCK"], 0, &["current", "not public"])?;

    narrator.chapter("A receipt proves an exchange, offline, and who witnessed it");
    let receipt = witnessed(mfa)?;
    narrator.ask(mfa, &["audit", "prove", &receipt], 0, &["COA", "ASYLUM_ABROAD"])?;

    narrator.chapter("The Chamber of Accounts verifies the log from outside, and reads in it");
    covered(&auditor, exchange, number_after(&refused.stderr, "recorded as exchange ")?)?;
    narrator.ask(&auditor, &["audit", "verify"], 0, &[])?;
    narrator.ask(&auditor, &["audit", "records", "--outcome", "refused"], 0, &["6(5)", "MFA"])?;
    Ok(running)
}

/// Prints commands for a newcomer to try.
pub(crate) fn what_next(narrator: &mut Narrator, exchange: &Exchange) -> Result<()> {
    narrator.chapter("What to try next");
    let programs = binaries::binaries()?;
    let (gateway, node) = (programs.gateway.display(), programs.node.display());
    let (home, nodes) = (exchange.config(), exchange.dir().join("nodes"));
    let (home, nodes) = (home.display(), nodes.display());
    narrator.say(&format!(
        "ask as the National Bank\n  {node} query REFUGEES --config {nodes}/nbkr/node.toml\n\
         hand in the same figures again (nothing happens twice)\n  \
         {node} submit {data}/mia/TRAFFICKING.csv --config {nodes}/mia/node.toml\n\
         spoil a figure first, and read the report\n  \
         sed 's/VC_HTF_DETV,M,_T,_T,PS,2023,13/VC_HTF_DETV,M,_T,_T,PS,2023,31/' \
         {data}/mia/TRAFFICKING.csv > /tmp/spoilt.csv\n  \
         {node} validate /tmp/spoilt.csv --config {nodes}/mia/node.toml\n\
         see what every agency owes\n  {node} obligations --all --config {nodes}/sbs/node.toml\n\
         list the datasets as an SDMX client does, without signing in\n  \
         curl --cacert {authority} \
         'https://localhost:{port}/sdmx/v2/structure/dataflow?format=jsonstructure'\n\
         look at it in a browser, which must be told to trust that authority\n  \
         https://localhost:{port}/ and, with an account, https://localhost:{people}/\n\
         check the whole journal and log\n  {gateway} verify --config {home}",
        data = binaries::workspace().join("deploy/demo/data").display(),
        authority = exchange.home().join("keys/ca.crt").display(),
        port = web::public_address(exchange)?.port(),
        people = web::people_address(exchange)?.port(),
    ));
    if exchange.server().is_none() {
        narrator
            .say(&format!("the gateway is down; to start it\n  {gateway} serve --config {home}"));
    }
    Ok(())
}

/// Waits until the witnesses' quorum stands under the node's one receipt; gives the batch.
fn witnessed(node: &Node) -> Result<String> {
    let folder = node.dir().join("receipts");
    watch::until(&folder, "a witnessed receipt", || {
        let file = node.receipts().into_iter().next().context("no receipt is filed")?;
        let receipt: Value = serde_json::from_slice(&fs::read(file)?)?;
        let batch = receipt["batch"].as_str().context("the receipt names no batch")?;
        Ok((receipt["grade"] == "witnessed").then(|| batch.to_owned()))
    })
}

/// Waits until a checkpoint that is shown covers the log's entry `index`: no auditor reads
/// further than that.
fn covered(auditor: &Node, exchange: &Exchange, index: u64) -> Result<()> {
    watch::until(&exchange.ledger(), "a checkpoint over the refusal", || {
        let verified = auditor.command(&["audit", "verify"])?.expect_code(0)?;
        Ok((number_after(&verified.stdout, "holds: ")? > index).then_some(()))
    })
}

/// The number behind `words` in `text`.
fn number_after(text: &str, words: &str) -> Result<u64> {
    let (_, rest) = text.split_once(words).with_context(|| format!("no {words:?} in {text}"))?;
    let digits = rest.split(|character: char| !character.is_ascii_digit()).next();
    Ok(digits.unwrap_or_default().parse()?)
}

/// Hands in a dataset's figures and waits for the receipt. A second time changes nothing.
fn deliver(narrator: &Narrator, node: &Node, dataset: &str) -> Result<()> {
    let agency = node.identity().trim_start_matches("agency/").to_lowercase();
    let file = binaries::workspace().join(format!("deploy/demo/data/{agency}/{dataset}.csv"));
    let figures =
        fs::read(&file).with_context(|| format!("the figures {} are missing", file.display()))?;
    let before = node.receipts().len();
    node.hand_in(&format!("{dataset}.csv"), &figures)?;
    let receipts = node.wait_receipts(1)?;
    ensure!(receipts.len() == 1, "{} holds {} receipts", node.identity(), receipts.len());
    let receipt: Value = serde_json::from_slice(&fs::read(&receipts[0])?)?;
    let exchange = receipt["exchange"].as_u64().or_else(|| receipt["index"].as_u64());
    let number = exchange.map_or_else(|| "?".to_owned(), |number| number.to_string());
    let news = if before == 0 { "accepted" } else { "already accepted before" };
    narrator.say(&format!("{:13} {dataset:14} {news}, exchange {number}", node.identity()));
    Ok(())
}
