//! `agency-node audit verify`: the whole log, verified from outside. The checkpoint must be
//! signed and continue what was seen; every tile must follow from the entries, and the root
//! from the tiles; every record shown must open its entry; no record of a party may be
//! missing; every receipt filed here must stand where it says.

mod earlier;
mod records;
mod tree;

use std::{fmt, io::IsTerminal};

use birge_proto::{
    identity::Role,
    problem::{Kind, Problem},
    tlog::checkpoint::Checkpoint,
    wire::{CheckpointRequest, RecordsRequest},
};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use tonic::Status;

use self::{records::Records, tree::Tree};
use crate::{
    connect::{self, Link},
    memory::Memory,
    node::Node,
    outbox::receipts,
    output::{Exit, Failure, Reply},
    receipt,
};

/// What was verified.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Verified {
    origin: String,
    size: u64,
    root: String,
    seen_before: Option<u64>,
    files: u64,
    records_opened: u64,
    records_closed: u64,
    notices: u64,
    receipts: usize,
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "the log {} holds: {} entries under root {}",
            self.origin, self.size, self.root
        )?;
        match self.seen_before {
            Some(seen) => writeln!(f, "  it continues the {seen} entries seen before")?,
            None => writeln!(f, "  it is the first checkpoint seen; the next must continue it")?,
        }
        writeln!(f, "  {} tiles and bundles follow from the entries", self.files)?;
        writeln!(
            f,
            "  {} records open their entries; {} are closed to this identity, of {} it has notice",
            self.records_opened, self.records_closed, self.notices
        )?;
        write!(f, "  {} receipts filed here stand in it", self.receipts)
    }
}

/// Verifies the log up to its newest checkpoint.
///
/// # Errors
/// When anything does not hold, saying where; or the gateway is away.
pub async fn verify(node: &Node) -> Result<Reply, Failure> {
    let (link, memory) = node.link()?;
    let seen = memory.seen()?;
    let filed = receipts::all(&node.home)?;
    for filed in &filed {
        let proof = receipts::proof(&node.home, filed.batch)?;
        receipt::recheck(filed, proof, memory.log())
            .map_err(|error| wrong(format!("the receipt of batch {}", filed.batch), error))?;
    }
    let (note, head) = newest(&link, &memory, seen.as_ref()).await?;
    let seen = seen.map(|(_, seen)| seen);
    let size = head.size();
    let mut tree = Tree::new(link.clone(), size, seen.clone());
    let sees_all = node.identity().role == Role::Auditor;
    let mut records = Records::new(node.identity().clone(), sees_all, filed);
    let bar = progress(size);
    if size > 0 {
        let request = RecordsRequest { from: 0, to: size };
        let mut shown = link.audit().records(request).await.map_err(|s| fault(&s))?.into_inner();
        while let Some(leaves) = tree.next().await? {
            for leaf in leaves {
                let entry = shown.message().await.map_err(|status| fault(&status))?;
                records.check(&leaf, entry)?;
                bar.inc(1);
            }
        }
    }
    let files = tree.finish(&head).await?;
    let records = records.finish(size)?;
    bar.finish_and_clear();
    memory.remember(&note, &head)?;
    let verified = Verified {
        origin: head.origin().to_owned(),
        size,
        root: hex::encode(head.root()),
        seen_before: seen.map(|seen| seen.size()),
        files,
        records_opened: records.opened,
        records_closed: records.closed,
        notices: records.notices,
        receipts: records.receipts,
    };
    Reply::new(Exit::Done, &verified)
}

/// The newest checkpoint; it may not be smaller than the largest seen. Whether it continues
/// that one, the tree tells.
async fn newest(
    link: &Link,
    memory: &Memory,
    seen: Option<&(Vec<u8>, Checkpoint)>,
) -> Result<(Vec<u8>, Checkpoint), Failure> {
    let request =
        CheckpointRequest { seen: seen.map(|(note, _)| note.clone()).unwrap_or_default() };
    let answer = link.audit().checkpoint(request).await.map_err(|status| fault(&status))?;
    let note = answer.into_inner().note;
    let head = Checkpoint::open(&note, memory.log(), memory.origin())
        .map_err(|error| wrong("the checkpoint", error))?;
    if let Some((_, seen)) = seen.filter(|(_, seen)| seen.size() > head.size()) {
        let found = format!("the log shrank from {} entries to {}", seen.size(), head.size());
        return Err(wrong("the checkpoint", found));
    }
    Ok((note, head))
}

fn progress(size: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(size);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} entries, {eta} left") {
        bar.set_style(style);
    }
    bar
}

/// What a call of the audit ended with. What the gateway itself finds damaged, or cannot find
/// though its checkpoint covers it, is found wrong.
fn fault(status: &Status) -> Failure {
    let problem: Problem = connect::problem(status);
    match problem.kind {
        Kind::Damaged | Kind::NotFound => wrong("what the gateway stores", problem.detail),
        _ => problem.into(),
    }
}

/// Says that something does not hold.
fn wrong(place: impl fmt::Display, what: impl fmt::Display) -> Failure {
    Failure::Wrong(format!(
        "the log does not hold: {place}: {what}\nnext: keep state/ and receipts/, and tell the \
         Chamber of Accounts and the operator"
    ))
}
