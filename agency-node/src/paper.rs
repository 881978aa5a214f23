//! `agency-node letter` and `receipt`: pages for the registries of ministries, which keep paper. They
//! hold no figure but counts of observations; the receipt's carries a code by which anybody with the
//! filed receipt can tell that the paper is of it.

mod code;

use std::path::PathBuf;

use askama::Template;
use birge_proto::{
    envelope::{fingerprint, sha256},
    letter::Letter,
    manifest::{BatchId, Manifest},
    receipt::Receipt,
    record::{Event, Record},
    tlog::checkpoint::Checkpoint,
};
use birge_schemas::structure::Structures;
use clap::Args;
use serde_json::json;

use self::code::Code;
use crate::{
    approver,
    credentials::Credentials,
    home,
    i18n::{self, Language, Texts},
    node::Node,
    outbox::{
        State,
        file::BatchFile,
        prepared,
        receipts::{self, Filed},
    },
    output::{Exit, Failure, Reply},
};

/// What `letter` and `receipt` are told.
#[derive(Debug, Clone, Args)]
pub struct Printed {
    /// The batch, or how its name begins.
    pub batch: String,
    /// Where to write the page.
    #[arg(long, value_name = "FILE.html")]
    pub out: PathBuf,
    /// In which language; the node's when absent.
    #[arg(long, value_name = "en|ru|ky|tg")]
    pub language: Option<Language>,
}

#[derive(Template)]
#[template(path = "paper.html")]
struct Page {
    lang: &'static str,
    from: String,
    to: String,
    say: Say,
    content: Content,
}

/// What one page says.
struct Content {
    title: String,
    lead: String,
    rows: Vec<(String, String)>,
    justified: Vec<(String, String)>,
    code: Option<Code>,
    office: String,
}

/// What both pages say.
struct Say {
    registry: String,
    date: String,
    justified: String,
    check: String,
    signature: String,
    stamp: String,
}

/// A batch as papers speak of it.
struct Told {
    batch: BatchId,
    manifest: Manifest,
    letter: Option<Letter>,
}

/// Writes the letter that goes with a batch, whether it waits or was accepted.
///
/// # Errors
/// When there is no such batch, or the disk refuses.
pub fn letter(node: &Node, asked: &Printed) -> Result<Reply, Failure> {
    let told = of_batch(node, &asked.batch)?;
    let language = asked.language.unwrap_or(node.config.language);
    write(asked, told.batch, &letter_page(node, &told, language)?)
}

/// Writes the receipt of a batch that was accepted.
///
/// # Errors
/// When there is no such receipt, or the disk refuses.
pub fn receipt(node: &Node, asked: &Printed) -> Result<Reply, Failure> {
    let all = receipts::all(&node.home)?;
    let mut found = all.iter().filter(|filed| filed.batch.to_string().starts_with(&asked.batch));
    let filed = match (found.next(), found.next()) {
        (Some(filed), None) if !asked.batch.is_empty() => filed,
        _ => return Err(no_batch(&asked.batch, "receipt")),
    };
    let language = asked.language.unwrap_or(node.config.language);
    write(asked, filed.batch, &receipt_page(node, filed, language)?)
}

fn write(asked: &Printed, batch: BatchId, page: &str) -> Result<Reply, Failure> {
    home::write(&asked.out, page.as_bytes())?;
    let text = format!("{}\nnext: open it in a browser and print it", asked.out.display());
    let json = json!({ "batch": batch, "file": asked.out });
    Ok(Reply { exit: Exit::Done, text, aside: String::new(), json })
}

/// The page of a batch's letter.
///
/// # Errors
/// When there is no such batch.
pub fn letter_of(node: &Node, batch: BatchId, language: Language) -> Result<String, Failure> {
    letter_page(node, &of_batch(node, &batch.to_string())?, language)
}

fn letter_page(node: &Node, told: &Told, language: Language) -> Result<String, Failure> {
    let texts = i18n::SOURCES.texts(language);
    let Told { batch, manifest, letter } = told;
    let mut rows = described(&node.structures, manifest, language, &texts);
    rows.push((texts.say("paper-batch"), batch.to_string()));
    if let Some(revises) = manifest.revises {
        rows.push((texts.say("paper-revises"), revises.to_string()));
    }
    if let Some(reason) = &manifest.reason {
        rows.push((texts.say("paper-reason"), reason.clone()));
    }
    rows.push((texts.say("paper-contact"), manifest.contact.clone()));
    if let Some(approval) = letter.as_ref().and_then(|letter| letter.approval.as_ref()) {
        let key = approver::key::public(&approval.key).map_err(Failure::Wrong)?;
        rows.push((texts.say("paper-approved"), approval.office.clone()));
        rows.push((texts.say("paper-key"), fingerprint(&key.0)));
    }
    let justified = letter.iter().flat_map(|letter| &letter.justifications).map(|(code, why)| {
        let id = format!("finding-{code}");
        let meaning = texts.say(&id);
        (if meaning == id { code.clone() } else { format!("{meaning} ({code})") }, why.clone())
    });
    let justified = justified.collect();
    page(
        node,
        language,
        Content {
            title: texts.say("paper-letter"),
            lead: texts.say("paper-letter-text"),
            rows,
            justified,
            code: None,
            office: manifest.approved_by.clone(),
        },
    )
}

/// The page of a receipt.
///
/// # Errors
/// When the receipt's record cannot be read.
pub fn receipt_page(node: &Node, filed: &Filed, language: Language) -> Result<String, Failure> {
    let texts = i18n::SOURCES.texts(language);
    let record = Record::parse(filed.record.as_bytes()).map_err(anyhow::Error::from)?;
    let Event::SubmissionAccepted { dataset, periods, counts, ruling, .. } = &record.event else {
        return Err(Failure::Wrong(format!(
            "the receipt of batch {} is of something else",
            filed.batch
        )));
    };
    // The record's: what else is filed grows as witnesses sign.
    let digest = hex::encode(sha256(filed.record.as_bytes()));
    let checkpoint = checkpoint(node, filed.batch)?;
    let origin = checkpoint.origin().to_owned();
    let named = name(&node.structures, dataset, language);
    let grade = texts.say(&format!("grade-{}", filed.grade));
    let cosigned = match filed.cosigned.as_slice() {
        [] => grade,
        names => texts.tell("submit-cosigned", &[("grade", &grade), ("names", &names.join(", "))]),
    };
    let decree = &ruling.decree;
    let mut rows = vec![
        (texts.say("paper-exchange"), filed.exchange.to_string()),
        (texts.say("paper-log"), origin.clone()),
        (texts.say("paper-checkpoint"), checkpoint.size().to_string()),
        (texts.say("paper-accepted"), record.time.to_string()),
        (texts.say("paper-dataset"), named),
        (texts.say("paper-periods"), periods.join(", ")),
        (texts.say("paper-grade"), cosigned),
        (texts.say("paper-decree"), format!("{} ({})", decree.number, decree.version)),
        (texts.say("paper-articles"), ruling.articles.join(", ")),
        (texts.say("paper-batch"), filed.batch.to_string()),
        (texts.say("paper-digest"), digest.clone()),
    ];
    let of = [
        ("paper-imported", counts.imported),
        ("paper-updated", counts.updated),
        ("paper-unchanged", counts.unchanged),
        ("paper-deleted", counts.deleted),
    ];
    let counted = of.into_iter().filter(|(_, count)| *count > 0);
    rows.extend(counted.map(|(id, count)| (texts.say(id), count.to_string())));
    let text = format!("birge-receipt 1 {origin} {} {} {digest}", filed.exchange, filed.batch);
    page(
        node,
        language,
        Content {
            title: texts.tell("paper-receipt", &[("exchange", &filed.exchange.to_string())]),
            lead: texts.say("paper-receipt-text"),
            rows,
            justified: vec![],
            code: Some(Code::of(text)?),
            office: node.config.batch.officer.clone(),
        },
    )
}

/// What the proof that was filed with a receipt says of the log; it was verified when it was filed.
fn checkpoint(node: &Node, batch: BatchId) -> Result<Checkpoint, Failure> {
    let damaged = |error: &dyn std::fmt::Display| {
        Failure::Wrong(format!(
            "the proof of batch {batch} is damaged: {error}\nnext: restore receipts/ from your backup"
        ))
    };
    let proof = Receipt::parse(&receipts::proof(&node.home, batch)?);
    let note = proof.map_err(|error| damaged(&error))?.checkpoint;
    Checkpoint::unverified(&note).map_err(|error| damaged(&error))
}

fn page(node: &Node, language: Language, content: Content) -> Result<String, Failure> {
    let texts = i18n::SOURCES.texts(language);
    let from = texts.tell("paper-from", &[("body", node.identity().body.as_str())]);
    let to = texts.tell("paper-to", &[("log", &origin(node))]);
    let page = Page { lang: language.code(), from, to, say: Say::of(&texts), content };
    Ok(page.render().map_err(anyhow::Error::from)?)
}

/// What a batch says of its figures, without one.
fn described(
    structures: &Structures,
    manifest: &Manifest,
    language: Language,
    texts: &Texts,
) -> Vec<(String, String)> {
    let action = texts.say(&format!("console-approval-{:?}", manifest.action));
    let rows = [
        ("paper-dataset", name(structures, &manifest.dataset, language)),
        ("paper-periods", manifest.periods.join(", ")),
        ("paper-action", action),
        ("paper-observations", manifest.observations.to_string()),
        ("paper-prepared", manifest.prepared.to_string()),
    ];
    rows.into_iter().map(|(id, value)| (texts.say(id), value)).collect()
}

/// A dataset's name and id.
fn name(structures: &Structures, dataset: &str, language: Language) -> String {
    let name = structures.get(dataset).map(|structure| structure.name(language.code()));
    name.map_or_else(|| dataset.to_owned(), |name| format!("{name} ({dataset})"))
}

/// The name of the log; the gateway's address where the node is not enrolled yet.
fn origin(node: &Node) -> String {
    let enrolled = Credentials::load(&node.home, node.identity()).map(|own| own.enrolled.log_key);
    let key = enrolled.ok().and_then(|key| key.split('+').next().map(str::to_owned));
    key.unwrap_or_else(|| node.config.gateway.url.clone())
}

impl Say {
    fn of(texts: &Texts) -> Self {
        let say = |id: &str| texts.say(&format!("paper-{id}"));
        Self {
            registry: say("registry"),
            date: say("date"),
            justified: say("justified"),
            check: say("check"),
            signature: say("signature"),
            stamp: say("stamp"),
        }
    }
}

/// The batch of this name, or whose name begins so: accepted, on its way, or waiting for approval.
fn of_batch(node: &Node, name: &str) -> Result<Told, Failure> {
    let begins = |batch: &BatchId| !name.is_empty() && batch.to_string().starts_with(name);
    let mut entries = node.outbox.waiting()?;
    entries.extend(node.outbox.entries(State::Receipted)?);
    let mut found = vec![];
    for entry in entries.iter().filter(|entry| begins(&entry.batch)) {
        let BatchFile { manifest, header, .. } = BatchFile::open(&entry.path)?;
        let letter = header.letter.and_then(|sent| serde_json::from_slice(&sent.content).ok());
        found.push(Told { batch: entry.batch, manifest, letter });
    }
    for waits in prepared::all(&node.home)?.into_iter().filter(|it| begins(&it.batch)) {
        let said = waits.slip.justified.into_iter().map(|(code, why)| (code.to_string(), why));
        let justifications = said.collect();
        let letter = Letter { batch: waits.batch, approval: None, justifications };
        found.push(Told { batch: waits.batch, manifest: waits.manifest, letter: Some(letter) });
    }
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        _ => Err(no_batch(name, "batch")),
    }
}

fn no_batch(name: &str, what: &str) -> Failure {
    Failure::Usage(format!(
        "{name:?} does not name one {what} here\nnext: see which there are: agency-node status, the \
         console, or receipts/"
    ))
}

/// Where the console looks for a receipt.
///
/// # Errors
/// When it cannot be read.
pub fn receipt_of(node: &Node, batch: BatchId, language: Language) -> Result<String, Failure> {
    receipt_page(node, &receipts::read(&receipts::path(&node.home, batch))?, language)
}

#[cfg(test)]
mod tests;
