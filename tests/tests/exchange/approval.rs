//! Four eyes (article 5(1)): nothing is signed that an approver's key has not approved; why a
//! warning is right goes with the batch.

use std::{collections::BTreeMap, fs, path::PathBuf};

use birge_proto::{
    envelope::{CHECK_TYPE, SigningKey},
    letter::{Approval, Letter},
    problem::Kind,
    record::Event,
};
use birge_tests::{
    client::{self, Client},
    exchange::Exchange,
    node::Node,
    watch,
};
use serde_json::Value;

use crate::support::{
    block_on, kind, name_approver, record, records, signed, stock_csv, types, year,
};

const PASSPHRASE: &str = "a passphrase of some length";
const JUSTIFIED: &str = "a census";

/// A node that signs nothing without its approver, and the approver's key file.
struct Guarded {
    node: Node,
    key: PathBuf,
    public_key: String,
}

impl Guarded {
    fn new(exchange: &Exchange) -> Self {
        let node = exchange.node("agency/NSC").unwrap();
        let key = node.dir().join("head.key");
        let public_key = name_approver(&node, &key, PASSPHRASE);
        Self { node, key, public_key }
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.node.command(&[arguments, &["--output", "json"]].concat()).unwrap();
        serde_json::from_str(&output.expect_code(0).unwrap().stdout).unwrap()
    }

    /// The batches that wait for approval.
    fn waiting(&self) -> Vec<String> {
        let list = self.json(&["approval", "list"]);
        let waiting = list["waiting"].as_array().unwrap().iter();
        waiting.map(|one| one["batch"].as_str().unwrap().to_owned()).collect()
    }

    /// Approves with what is typed in: exit code, answer.
    fn give(&self, batch: &str, passphrase: &str) -> (Option<i32>, String, String) {
        let (key, config) = (self.key.to_str().unwrap(), self.node.config());
        let give = ["approval", "give", batch, "--key", key, "--output", "json"];
        types(&[&give[..], &["--config", config.to_str().unwrap()]].concat(), &[passphrase])
    }
}

/// The statistics office's figures of 2023: women `women`, men 50.
fn csv(women: u32) -> String {
    stock_csv(2023, [women, 50, women + 50])
}

#[test]
fn article_5_1_what_an_officer_prepared_waits_for_the_head() {
    let exchange = Exchange::start().unwrap();
    let auditor = exchange.node("auditor/COA").unwrap();
    let guarded = Guarded::new(&exchange);
    let node = &guarded.node;
    let running = node.run().unwrap();
    fs::write(node.inbox().join("a.csv.batch.toml"), "[justify]\nCHANGE_LARGE = \"a census\"\n")
        .unwrap();
    node.hand_in("a.csv", csv(40).as_bytes()).unwrap();
    let batch = watch::until(node.dir(), "a batch that waits for approval", || {
        Ok(guarded.waiting().into_iter().next())
    })
    .unwrap();
    let shown = guarded.json(&["approval", "show", &batch]);
    assert_eq!(shown["manifest"]["observations"], 3, "{shown}");
    assert_eq!(shown["warnings"][0]["justified"], "a census", "{shown}");
    assert_eq!(shown["figures"][0]["figure"], "90", "{shown}");
    assert!(shown["changes"][0].as_str().unwrap().contains("3 new"), "{shown}");
    block_on(async {
        assert_eq!(crate::support::accepted(&records(&exchange, &auditor).await, "agency/NSC"), 0);
    });

    let (code, told, _) = guarded.give(&batch, "a mistyped one");
    assert_eq!((code, guarded.waiting().len()), (Some(1), 1), "{told}");
    assert!(told.contains("passphrase is another") && !told.contains("mistyped"), "{told}");
    let (code, told, why) = guarded.give(&batch[..8], PASSPHRASE);
    assert_eq!(code, Some(0), "{told}{why}");
    let told: Value = serde_json::from_str(&told).unwrap();
    node.wait_receipts(1).unwrap();
    block_on(async {
        let record = record(&exchange, &auditor, told["exchange"].as_u64().unwrap()).await;
        let Event::SubmissionAccepted { approved, justified, .. } = &record.event else {
            panic!("accepted")
        };
        let key = hex::decode(&guarded.public_key).unwrap();
        let key = birge_proto::envelope::VerifyingKey::from_bytes(&key).unwrap();
        assert_eq!(
            (approved.as_deref(), &justified[..]),
            (Some(&*key.id()), &["CHANGE_LARGE".into()][..])
        );
        let text = serde_json::to_string(&record).unwrap();
        assert!(!text.contains("a census"), "free text enters no record: {text}");
    });
    let kept = watch::files_below(&exchange.home()).into_iter().any(|file| {
        let bytes = fs::read(file).unwrap_or_default();
        bytes.windows(JUSTIFIED.len()).any(|window| window == JUSTIFIED.as_bytes())
    });
    assert!(kept, "what justifies a warning stays with the batch");
    let told = told["batch"].as_str().unwrap();
    // What takes figures back is approved, too; what is sent back tells why.
    guarded.json(&["withdraw", told, "--reason", "wrong", "--cause", "source-error"]);
    let [waits] = &guarded.waiting()[..] else { panic!("the withdrawal waits") };
    guarded.json(&["approval", "return", waits, "--reason", "it is right"]);
    assert!(guarded.waiting().is_empty());
    running.stop().unwrap();
    let file = node.dir().join("b.csv");
    fs::write(&file, csv(41)).unwrap();
    let ask = ["submit", file.to_str().unwrap(), "--ask-consent", "x.json"];
    let failure = node.command(&ask).unwrap();
    assert!(failure.expect_code(2).unwrap().stderr.contains("not approved"));
    auditor.command(&["audit", "verify"]).unwrap().expect_code(0).unwrap();
}

/// An approver's approval that does not hold, or is another batch's, is no approval.
#[test]
fn a_covering_letter_that_does_not_hold_is_refused() {
    let exchange = Exchange::start().unwrap();
    let (nsc, auditor) =
        (exchange.node("agency/NSC").unwrap(), exchange.node("auditor/COA").unwrap());
    let own = client::signing_key(&nsc).unwrap();
    let head = SigningKey::generate().unwrap();
    block_on(async {
        let client = Client::of(&nsc, exchange.address()).await.unwrap();
        let mut batch = signed(&year(2023, 40), &nsc);
        let office = "head of statistics";
        let letter = |of, office: &str, justifications| Letter {
            batch: of,
            approval: Some(Approval::sign(of, office, &head)),
            justifications,
        };
        let other = signed(&year(2022, 40), &nsc).id();
        let wrong = [
            letter(other, office, BTreeMap::new()).sign(&own).unwrap(),
            letter(batch.id(), "deputy", BTreeMap::new()).sign(&own).unwrap(),
            letter(batch.id(), office, BTreeMap::new()).sign(&head).unwrap(),
        ];
        for letter in wrong {
            batch.header.letter = Some(letter);
            assert_eq!(kind(client.submit(batch.clone().parts()).await), Kind::BadSignature);
        }
        let said = BTreeMap::from([
            ("CHANGE_LARGE".to_owned(), "a census".to_owned()),
            ("counted 40 women".to_owned(), "as a code".to_owned()),
        ]);
        batch.header.letter = Some(letter(batch.id(), office, said).sign(&own).unwrap());
        let answer = client.submit(batch.parts()).await.unwrap();
        let place = crate::support::place(&answer);
        let record = record(&exchange, &auditor, place).await;
        let Event::SubmissionAccepted { justified, approved, .. } = record.event else {
            panic!("accepted")
        };
        assert_eq!((justified, approved.is_some()), (vec!["CHANGE_LARGE".to_owned()], true));
    });
}

/// Who sees what a ministry has checked cannot hand it in for it.
#[test]
fn what_was_signed_for_a_check_is_handed_in_by_nobody() {
    let exchange = Exchange::start().unwrap();
    let nsc = exchange.node("agency/NSC").unwrap();
    let own = client::signing_key(&nsc).unwrap();
    block_on(async {
        let client = Client::of(&nsc, exchange.address()).await.unwrap();
        let mut batch = signed(&year(2023, 40), &nsc);
        batch.header.signature = own.sign(CHECK_TYPE, &batch.header.manifest);
        batch.header.dry_run = true;
        assert!(client.submit(batch.clone().parts()).await.unwrap().receipt.is_none());
        batch.header.dry_run = false;
        assert_eq!(kind(client.submit(batch.parts()).await), Kind::BadSignature);
    });
    // The node's own dry run is of this kind, also where nothing is signed without approval.
    let guarded = Guarded::new(&exchange);
    guarded.node.set("batch", "officer", "").unwrap();
    let file = nsc.dir().join("c.csv");
    fs::write(&file, csv(40)).unwrap();
    let told = guarded.json(&["submit", file.to_str().unwrap(), "--dry-run"]);
    assert_eq!(told["outcome"], "success", "{told}");
}
