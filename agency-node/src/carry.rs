//! `agency-node export` and `import`: where there is no line, batches go to the gateway on a stick,
//! and what became of them comes back on it. A batch that was exported goes on waiting until its
//! receipt is here; should the line come back, the gateway gives the same receipt for it.

use std::{fs, io::BufWriter, path::Path};

use birge_proto::{
    carried::{Answer, Answers, Batches},
    wire::submit_request::Part,
};
use serde_json::{Value, json};

use crate::{
    home,
    node::Node,
    outbox::{Entry, file::BatchFile, receipts},
    output::{Exit, Failure, Reply},
    publish::{Delivery, Publisher},
};

/// Bytes of the largest file of answers.
const ANSWERS: u64 = 256 << 20;

/// Writes batches that wait into one file, in their order: those that `names` name, each by how its
/// name begins, or all.
///
/// # Errors
/// When none waits or one that is named does not, there is such a file already, or the disk refuses.
pub fn export(node: &Node, names: &[String], out: &Path) -> Result<Reply, Failure> {
    let shown = out.display();
    if out.exists() {
        return Err(Failure::Usage(format!(
            "{shown} is there already, and its batches may not have been taken yet\nnext: name \
             another file"
        )));
    }
    let _lock = node.home.lock("publish.lock")?;
    let waiting = node.outbox.waiting()?;
    if waiting.is_empty() {
        return Err(Failure::Usage(
            "no batch waits\nnext: hand one in; what waits for approval is not signed yet".into(),
        ));
    }
    let waiting = chosen(waiting, names)?;
    let mut failed = None;
    let written = home::write_with(out, |file| {
        let mut batches = Batches::begin(BufWriter::new(file))?;
        for entry in &waiting {
            let copied = BatchFile::open(&entry.path).and_then(|batch| copy(batch, &mut batches));
            if let Err(failure) = copied {
                let told = std::io::Error::other(failure.to_string());
                failed = Some(failure);
                return Err(told);
            }
        }
        batches.end()
    });
    if let Some(failure) = failed {
        return Err(failure);
    }
    written?;
    let count = waiting.len();
    let text = format!(
        "wrote {count} batches to {shown}; they wait here until their receipts come\nnext, at the \
         gateway's: gateway import {shown} --out ANSWERS; then here: agency-node import ANSWERS"
    );
    let batches: Vec<_> = waiting.iter().map(|entry| entry.batch).collect();
    let json = json!({ "file": out, "batches": batches });
    Ok(Reply { exit: Exit::Done, text, aside: String::new(), json })
}

/// Those of the batches that wait which are named, in the order of the outbox.
fn chosen(waiting: Vec<Entry>, names: &[String]) -> Result<Vec<Entry>, Failure> {
    let named = |entry: &Entry, name: &String| entry.batch.to_string().starts_with(name.as_str());
    for name in names {
        let found = waiting.iter().filter(|entry| named(entry, name)).count();
        if found != 1 || name.is_empty() {
            return Err(Failure::Usage(format!(
                "{name:?} names {found} of the batches that wait, expected one\nnext: see which wait: \
                 agency-node status; without a name all are written"
            )));
        }
    }
    let wanted = |entry: &Entry| names.is_empty() || names.iter().any(|name| named(entry, name));
    Ok(waiting.into_iter().filter(wanted).collect())
}

fn copy(mut batch: BatchFile, out: &mut Batches<impl std::io::Write>) -> Result<(), Failure> {
    let header = Part::Header(batch.header.clone());
    let mut next = Some(header);
    while let Some(part) = next {
        out.part(part).map_err(anyhow::Error::from)?;
        next = batch.next_part()?;
    }
    Ok(())
}

/// Takes what was carried back: receipts are verified and filed, what was refused goes aside with
/// its report.
///
/// # Errors
/// When the file cannot be read. What is wrong with one answer is told, and the others are taken.
pub fn import(node: &Node, file: &Path) -> Result<Reply, Failure> {
    let answers = read(file)?;
    let publisher = node.publisher()?;
    let _lock = node.home.lock("publish.lock")?;
    let (mut lines, mut json, mut exit) = (vec![], vec![], Exit::Done);
    for answer in answers.answers {
        let took = take(node, &publisher, &answer);
        let (state, told) = took.unwrap_or_else(|failure| ("open", failure.to_string()));
        if state == "open" || state == "refused" {
            exit = Exit::Refused;
        }
        lines.push(format!("batch {}: {told}", answer.batch));
        json.push(json!({ "batch": answer.batch, "state": state, "told": told }));
    }
    let text = match lines.is_empty() {
        true => "the file holds no answer".to_owned(),
        false => lines.join("\n"),
    };
    Ok(Reply { exit, text, aside: String::new(), json: Value::Array(json) })
}

/// What became of one batch, in a word and in words.
fn take(
    node: &Node,
    publisher: &Publisher,
    answer: &Answer,
) -> Result<(&'static str, String), Failure> {
    let batch = answer.batch;
    let mut waiting = node.outbox.waiting()?.into_iter();
    let Some(entry) = waiting.find(|entry| entry.batch == batch) else {
        return Ok(match receipts::path(&node.home, batch).exists() {
            true => ("already", "its receipt is filed already".into()),
            false => {
                ("open", "it does not wait here: another node's, or it was refused before".into())
            }
        });
    };
    let given = answer.given().map_err(|what| {
        Failure::Wrong(format!("its answer cannot be read: {what}; it goes on waiting"))
    })?;
    Ok(match publisher.carried(entry, given)? {
        Delivery::Accepted { filed, .. } => {
            let grade = filed.grade;
            (
                "receipted",
                format!("accepted as exchange {}; receipt filed, {grade}", filed.exchange),
            )
        }
        Delivery::Refused(refusal) => {
            let (code, title) = (refusal.problem.kind.code(), refusal.problem.kind.title());
            ("refused", format!("refused: {code}, {title}; see rejected/"))
        }
    })
}

fn read(file: &Path) -> Result<Answers, Failure> {
    let shown = file.display();
    let unreadable = |error| Failure::Usage(format!("cannot read {shown}: {error}"));
    let wrong = |what: String| {
        Failure::Wrong(format!(
            "{shown} is not what `gateway import` writes, or not whole: {what}\nnext: copy it \
             again; until then nothing is changed here"
        ))
    };
    let length = fs::metadata(file).map_err(unreadable)?.len();
    if length > ANSWERS {
        return Err(wrong(format!("{length} bytes, expected at most {ANSWERS}")));
    }
    Answers::parse(&fs::read(file).map_err(unreadable)?).map_err(wrong)
}
