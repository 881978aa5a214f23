//! `agency-node audit prove`: what a filed receipt proves, in plain words, and what it does not.
//! It needs the receipt's files and a policy or the log's key; no gateway, and no node.

#[cfg(test)]
mod tests;

use std::{
    fmt::{self, Write as _},
    fs, io,
    path::{Path, PathBuf},
};

use birge_proto::{
    clock::Timestamp,
    manifest::BatchId,
    receipt::{Evidence, PROOF_BYTES, Receipt, ReceiptError},
    record::Opening,
    tlog::{note::NoteVerifier, policy::Policy},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    cli::Prove,
    home::Home,
    outbox::receipts::{self, Grade},
    output::{Exit, Failure, Reply},
    policy, receipt,
};

/// Bytes of the longest file with a record that is read.
const RECORD_BYTES: u64 = 16 << 20;

/// Of the file with the record, what proves anything.
#[derive(Deserialize)]
struct Shown {
    record: String,
    opening: String,
}

/// What was proved.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Proved {
    holds: bool,
    origin: String,
    exchange: u64,
    size: u64,
    grade: Grade,
    /// Whose word it is which keys count.
    by: String,
    /// The keys of the log that count.
    log_keys: Vec<String>,
    /// Whether the policy asks for witnesses at all.
    policy_asks_for_witnesses: bool,
    /// When each witness of the policy cosigned.
    cosigned: Vec<(String, Timestamp)>,
    /// Witnesses of the policy that did not.
    missing: Vec<String>,
    record: Value,
    not_proved: [&'static str; 3],
}

impl fmt::Display for Proved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let latest = self.cosigned.iter().map(|(_, time)| time).max();
        write!(f, "proved: the log {} committed ", self.origin)?;
        if let Some(latest) = latest {
            write!(f, "by {latest} ")?; // whole seconds
        }
        writeln!(f, "to this record as its number {}:", self.exchange)?;
        let text = |name: &str| self.record[name].as_str().unwrap_or("?");
        writeln!(f, "  who      {}", text("actor"))?;
        writeln!(f, "  what     {}", what(&self.record))?;
        writeln!(f, "  when     {} (the gateway's clock)", text("time"))?;
        if let Some(law) = law(&self.record) {
            writeln!(f, "  under    {law}")?;
        }
        writeln!(f, "signed by the log over {} entries", self.size)?;
        for (name, time) in &self.cosigned {
            writeln!(f, "cosigned by {name} at {time}")?;
        }
        if !self.missing.is_empty() {
            writeln!(f, "not cosigned by {}", self.missing.join(", "))?;
        }
        let why = match (self.grade, self.policy_asks_for_witnesses) {
            (Grade::Witnessed, _) => "the quorum of the policy cosigned",
            (Grade::Sequenced, true) => {
                "too few of the policy's witnesses cosigned: the log alone \
                 answers for it"
            }
            (Grade::Sequenced, false) => "the policy names no quorum: the log alone answers for it",
        };
        writeln!(f, "grade: {} ({why})", self.grade)?;
        writeln!(f, "by the keys of {}:", self.by)?;
        for key in &self.log_keys {
            writeln!(f, "  {key}")?;
        }
        write!(f, "not proved:")?;
        for what in self.not_proved {
            write!(f, "\n  {what}")?;
        }
        Ok(())
    }
}

/// Proves a receipt, offline.
///
/// # Errors
/// When a file is missing or unreadable; or the proof does not hold, saying which part.
pub fn prove(args: &Prove, home: &Home) -> Result<Reply, Failure> {
    let file = find(&args.receipt, home)?;
    let shown = read(&file.with_extension("json"), RECORD_BYTES)?;
    let shown: Shown = serde_json::from_slice(&shown)
        .map_err(|error| broken("the file with the record", error))?;
    let proof = read(&file.with_extension("proof"), PROOF_BYTES as u64)?;
    let (policy, by) = policy(args, &file, home)?;
    let opening = hex::decode(&shown.opening).ok();
    let opening = opening.and_then(|bytes| Opening::from_bytes(&bytes));
    let opening = opening.ok_or_else(|| broken("the opening", "expected 32 bytes in hex"))?;
    let evidence = Evidence { proof, record: shown.record.into_bytes(), opening };
    let (verified, judged, _) =
        receipt::judge(&evidence, &policy).map_err(|error| broken(part(&error), error))?;
    let record: Value =
        serde_json::from_slice(&evidence.record).map_err(|error| broken("the record", error))?;
    let missing = policy.witnesses().map(|(name, _)| name.to_owned());
    let proved = Proved {
        holds: true,
        origin: verified.checkpoint.origin().to_owned(),
        exchange: verified.index,
        size: verified.size,
        grade: Grade::of(&judged),
        by,
        log_keys: policy.logs().iter().map(ToString::to_string).collect(),
        policy_asks_for_witnesses: policy.asks_for_witnesses(),
        missing: missing.filter(|name| !judged.cosigned.contains_key(name)).collect(),
        cosigned: judged.cosigned.into_iter().collect(),
        record,
        not_proved: [
            "that the figures are true: the log commits to what was handed in",
            "that the time is right: the gateway's clock said it; the witnesses' clocks bound it",
            "what came later: the batch may have been revised or withdrawn since",
        ],
    };
    Reply::new(Exit::Done, &proved)
}

/// The files meant: a path as it is; else a batch or an exchange number among the receipts filed.
fn find(receipt: &str, home: &Home) -> Result<PathBuf, Failure> {
    let path = Path::new(receipt);
    if path.is_file() {
        return Ok(path.to_owned());
    }
    if let Ok(batch) = receipt.parse::<BatchId>() {
        let path = receipts::path(home, batch);
        if path.exists() {
            return Ok(path);
        }
    }
    let number = receipt.parse::<u64>().ok().filter(|_| home.join("receipts").is_dir());
    if let Some(number) = number {
        let filed = receipts::all(home)?.into_iter().find(|filed| filed.exchange == number);
        if let Some(filed) = filed {
            return Ok(receipts::path(home, filed.batch));
        }
    }
    Err(Failure::Usage(format!(
        "{receipt:?} is no receipt: expected a batch or an exchange number of which a receipt lies \
         in {}, or the path of a receipt's file\nnext: name the file, or the node with --config",
        home.join("receipts").display()
    )))
}

/// By what is judged, and whose word that is. Never a policy that merely lies beside files which
/// somebody handed over: whoever forged them would have chosen the keys too.
fn policy(args: &Prove, file: &Path, home: &Home) -> Result<(Policy, String), Failure> {
    let key = args.log_key.as_deref().map(|text| {
        NoteVerifier::from_vkey(text).map_err(|error| Failure::Usage(format!("--log-key: {error}")))
    });
    let key = key.transpose()?;
    if let Some(named) = &args.policy {
        let policy = parse(named)?;
        if key.is_some_and(|key| !policy.logs().contains(&key)) {
            return Err(broken("the policy", "it does not name the key given with --log-key"));
        }
        return Ok((policy, format!("{} (--policy)", named.display())));
    }
    if let Some(key) = key {
        return Ok((Policy::of_logs(vec![key]), String::from("--log-key alone")));
    }
    let filed = file.with_extension("policy");
    let folder = |path: &Path| path.parent().and_then(|folder| folder.canonicalize().ok());
    let own = folder(file) == home.join("receipts").canonicalize().ok();
    if own && filed.is_file() && home.join("enrolment.json").is_file() {
        return Ok((parse(&filed)?, format!("{}, filed here with the receipt", filed.display())));
    }
    let enrolled = fs::read(home.join("enrolled.json")).ok();
    let enrolled = enrolled.and_then(|text| serde_json::from_slice::<Value>(&text).ok());
    let log = enrolled.and_then(|value| NoteVerifier::from_vkey(value["logKey"].as_str()?).ok());
    let Some(log) = log else {
        return Err(Failure::Usage(
            "no policy says whose signature counts\nnext: name one that you trust with --policy, \
             or the log's key with --log-key; a policy beside the receipt is the word of whoever \
             gave you the receipt"
                .into(),
        ));
    };
    let (kept, known) = (policy::kept(home, &log)?, policy::known(home, &log)?);
    let signed = Receipt::parse(&read(&file.with_extension("proof"), PROOF_BYTES as u64)?);
    let now = signed.is_ok_and(|receipt| kept.judge(&receipt.checkpoint).is_ok());
    Ok((if now { kept } else { known }, String::from("this node's own")))
}

fn parse(path: &Path) -> Result<Policy, Failure> {
    let text = read(path, birge_proto::tlog::policy::POLICY_BYTES as u64)?;
    Policy::parse(&text).map_err(|error| broken("the policy", error))
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>, Failure> {
    let place = path.display();
    let file = fs::metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Failure::Usage(format!(
            "there is no {place}\nnext: name a receipt's file; .json, .proof and .policy of the same \
             name lie beside each other"
        )),
        _ => broken("the files", format!("cannot read {place}: {error}")),
    })?;
    if file.len() > most {
        return Err(broken("the files", format!("{place} has more than {most} bytes")));
    }
    fs::read(path).map_err(|error| broken("the files", format!("cannot read {place}: {error}")))
}

/// Which part of the evidence an error is of.
fn part(error: &ReceiptError) -> &'static str {
    match error {
        ReceiptError::Checkpoint(_) => "the checkpoint and the log's signature",
        ReceiptError::Proof(_) => "the record's place in the log",
        ReceiptError::Record(_) => "the record",
        ReceiptError::Opening { .. } => "the opening",
        ReceiptError::TooLarge
        | ReceiptError::Text
        | ReceiptError::Version
        | ReceiptError::Line { .. } => "the proof's form",
    }
}

/// What happened, from the record: its kind, and the fields that say of what.
fn what(record: &Value) -> String {
    let mut text = record["kind"].as_str().unwrap_or("?").replace('-', " ");
    for name in ["dataset", "periods", "action", "outcome", "batch", "revises", "identity", "late"]
    {
        match &record[name] {
            Value::Null | Value::Bool(false) => {}
            Value::String(value) => _ = write!(text, ", {name} {value}"),
            Value::Array(values) => {
                let values: Vec<_> = values.iter().filter_map(Value::as_str).collect();
                let _ = write!(text, ", {name} {}", values.join(" "));
            }
            other => _ = write!(text, ", {name} {other}"),
        }
    }
    for (name, count) in record["counts"].as_object().into_iter().flatten() {
        if count.as_u64() != Some(0) {
            let _ = write!(text, ", {count} {name}");
        }
    }
    text
}

/// The articles that decided, and the decree.
fn law(record: &Value) -> Option<String> {
    let ruling = record.get("ruling")?;
    let articles: Vec<_> =
        ruling["articles"].as_array()?.iter().filter_map(Value::as_str).collect();
    let decree = &ruling["decree"];
    let (number, version) = (decree["number"].as_str()?, decree["version"].as_str()?);
    Some(format!("article {} of decree {number} (version {version})", articles.join(", ")))
}

/// Says which part does not hold.
fn broken(part: &str, error: impl fmt::Display) -> Failure {
    Failure::Wrong(format!(
        "nothing is proved: {part}: {error}\nnext: take the files from your backup; if they are as \
         they were filed, tell the Chamber of Accounts"
    ))
}
