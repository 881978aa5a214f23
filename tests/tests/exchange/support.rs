//! What several modules use.

use std::{
    collections::BTreeMap,
    fmt::Display,
    io::Write as _,
    path::Path,
    process::{Child, Command, Stdio},
};

use birge_proto::{
    identity::Identity,
    problem::{Kind, Problem},
    record::{Event, Record},
    wire::{CheckpointRequest, Receipt, RecordsRequest, SubmitResponse},
};
use birge_tests::{
    batch::{self, Batch, Signed},
    binaries::binaries,
    client::{self, Client, Credentials},
    exchange::Exchange,
    node::Node,
    template, watch,
};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
use serde_json::Value;

/// Long tests too?
pub(crate) fn deep() -> bool {
    std::env::var_os("BIRGE_DEEP").is_some()
}

/// Runs `work` to its end.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(work)
}

/// The figures on trafficking, in blocks of ten rows.
pub(crate) fn trafficking() -> Batch {
    let text = template::demonstration("mia/TRAFFICKING.csv").unwrap();
    Batch::from_csv("MIA", &text, 10).unwrap()
}

/// A batch of one year: women `women`, men 50.
pub(crate) fn year(period: u16, women: u32) -> Batch {
    let mut text = String::from(
        "STRUCTURE_ID,FREQ,REF_AREA,INDICATOR,SEX,AGE,COUNTRY_BIRTH,UNIT_MEASURE,TIME_PERIOD,\
         OBS_VALUE,OBS_STATUS\n",
    );
    for (sex, value) in [("F", women), ("M", 50), ("_T", women + 50)] {
        text +=
            &format!("BIRGE:MIG_STOCK(1.0.0),A,KG,MIG_STOCK,{sex},_T,_T,PS,{period},{value},A\n");
    }
    Batch::from_csv("NSC", &text, 100).unwrap()
}

/// The columns of figures on stocks in the common template.
pub(crate) const STOCK: &str = "STRUCTURE,STRUCTURE_ID,ACTION,FREQ,REF_AREA,INDICATOR,SEX,AGE,\
                                COUNTRY_BIRTH,UNIT_MEASURE,TIME_PERIOD,OBS_VALUE,OBS_STATUS\n";

/// The rows of one year: women, men, both.
pub(crate) fn stock_rows(action: char, year: impl Display, values: [impl Display; 3]) -> String {
    let row = |(sex, value)| {
        format!(
            "dataflow,BIRGE:MIG_STOCK(1.0.0),{action},A,KG,MIG_STOCK,{sex},_T,_T,PS,{year},{value},\
             A\n"
        )
    };
    ["F", "M", "_T"].iter().zip(values).map(row).collect()
}

/// A file of one year: women, men, both.
pub(crate) fn stock_csv(year: impl Display, values: [impl Display; 3]) -> String {
    STOCK.to_owned() + &stock_rows('A', year, values)
}

/// Names an approver at a node, which from then on signs nothing without; the key goes to `file`.
/// Gives the public key in hex.
pub(crate) fn name_approver(node: &Node, file: &Path, passphrase: &str) -> String {
    let file = file.to_str().unwrap();
    let new = ["approver", "new", "--office", "head", "--out", file, "--output", "json"];
    let (code, said, _) = types(&new, &[passphrase]);
    assert_eq!(code, Some(0));
    let made: Value = serde_json::from_str(&said).unwrap();
    let key = made["publicKey"].as_str().unwrap();
    let name = ["approver", "name", "--office", "head", "--public-key", key];
    let ground = ["--ground", "order 12"];
    node.command(&[&name[..], &ground].concat()).unwrap().expect_code(0).unwrap();
    node.set("approval", "required", true).unwrap();
    key.to_owned()
}

/// 90,000 observations of four years in blocks of 4,096: large enough that a kill meets it
/// under way.
pub(crate) fn bulky(first: u16) -> Batch {
    batch::large(first..first + 4, 90_000, 4_096).unwrap()
}

/// A command of a person, who types in lines: how it ended, and what it said.
pub(crate) fn types(arguments: &[&str], lines: &[&str]) -> (Option<i32>, String, String) {
    let mut child = start(arguments);
    let mut input = child.stdin.take().unwrap();
    input.write_all((lines.join("\n") + "\n").as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Begins a command of a person, who may type.
pub(crate) fn start(arguments: &[&str]) -> Child {
    let mut command = Command::new(&binaries().unwrap().node);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Signs with the key that the node keeps.
pub(crate) fn signed(batch: &Batch, node: &Node) -> Signed {
    batch.sign(&client::signing_key(node).unwrap()).unwrap()
}

/// Submits as a node's own software would.
pub(crate) async fn submit(
    exchange: &Exchange,
    node: &Node,
    batch: &Batch,
) -> Result<SubmitResponse, Problem> {
    let client = Client::of(node, exchange.address()).await.unwrap();
    client.submit(signed(batch, node).parts()).await
}

/// The kind of a refusal.
pub(crate) fn kind<T: std::fmt::Debug>(result: Result<T, Problem>) -> Kind {
    result.expect_err("this is to be refused").kind
}

/// The index of the record that a receipt proves.
pub(crate) fn index(receipt: &Receipt) -> u64 {
    let text = String::from_utf8(receipt.proof.to_vec()).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("index ")).unwrap();
    line.parse().unwrap()
}

/// The index in an answer's receipt.
pub(crate) fn place(response: &SubmitResponse) -> u64 {
    index(response.receipt.as_ref().expect("a receipt"))
}

/// Every record, as the auditor sees them.
pub(crate) async fn records(exchange: &Exchange, auditor: &Node) -> BTreeMap<u64, Record> {
    let client = Client::of(auditor, exchange.address()).await.unwrap();
    let request = RecordsRequest { from: 0, to: 0, filter: None };
    let mut stream = client.audit().records(request).await.unwrap().into_inner();
    let mut records = BTreeMap::new();
    while let Some(entry) = stream.message().await.unwrap() {
        records.insert(entry.index, Record::parse(&entry.record).unwrap());
    }
    records
}

/// One record, as the auditor sees it, once the gateway serves a checkpoint that covers it.
pub(crate) async fn record(exchange: &Exchange, auditor: &Node, index: u64) -> Record {
    tokio::task::block_in_place(|| wait_covered(exchange, index));
    records(exchange, auditor).await.remove(&index).expect("the checkpoint covers it")
}

/// How many batches were accepted from an agency.
pub(crate) fn accepted(records: &BTreeMap<u64, Record>, agency: &str) -> usize {
    let agency: Identity = agency.parse().unwrap();
    records
        .values()
        .filter(|record| record.actor == agency)
        .filter(|record| matches!(record.event, Event::SubmissionAccepted { .. }))
        .count()
}

/// Stops the gateway and has it verify all it keeps.
pub(crate) fn stop_and_verify(exchange: &mut Exchange) {
    exchange.stop().unwrap().expect_code(0).unwrap();
    exchange.gateway(&["verify"]).unwrap().expect_code(0).unwrap();
}

/// The records that a node sees whole; the others are left out.
pub(crate) async fn own_records(exchange: &Exchange, node: &Node) -> BTreeMap<u64, Record> {
    let client = Client::of(node, exchange.address()).await.unwrap();
    let request = RecordsRequest { from: 0, to: 0, filter: None };
    let mut stream = client.audit().records(request).await.unwrap().into_inner();
    let mut records = BTreeMap::new();
    while let Some(entry) = stream.message().await.unwrap() {
        if !entry.record.is_empty() {
            records.insert(entry.index, Record::parse(&entry.record).unwrap());
        }
    }
    records
}

/// A connection with the technical operator's certificate.
pub(crate) async fn operator(exchange: &Exchange) -> Client {
    let keys = exchange.home().join("keys");
    let read = |name: &str| std::fs::read_to_string(keys.join(name)).unwrap();
    let credentials = Credentials {
        roots: client::roots(&read("ca.crt")).unwrap(),
        certificate: Some((
            client::chain(&read("operator.crt")).unwrap(),
            PrivateKeyDer::from_pem_slice(read("operator.key").as_bytes()).unwrap(),
        )),
    };
    Client::connect(exchange.address(), &credentials).await.unwrap()
}

/// Waits until the checkpoint that the gateway gives covers the record at `index`, so that it
/// can be read.
pub(crate) fn wait_covered(exchange: &Exchange, index: u64) {
    let size = async || {
        let request = CheckpointRequest { seen: vec![] };
        let note = operator(exchange).await.audit().checkpoint(request).await?.into_inner().note;
        let note = String::from_utf8(note)?;
        anyhow::Ok(note.lines().nth(1).unwrap_or_default().parse::<u64>()?)
    };
    watch::until(&exchange.ledger(), "a checkpoint", || {
        Ok((block_on(size())? > index).then_some(()))
    })
    .unwrap();
}
