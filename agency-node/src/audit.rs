//! `agency-node audit …`: the log, verified and read from outside.
//!
//! | module | does |
//! |---|---|
//! | [`verify`] | the whole log, or what came since it was verified last |
//! | [`list`] | records that fit what is asked, as a table |
//! | [`export`] | the same into a file: JSON Lines or CSV |
//! | [`mirror`] | a full copy of the log's public files, each one checked |
//! | [`report`] | an auditor's signed working paper |
//! | [`hold`] | a legal hold on records |
//! | [`simulate`] | what the draft of a decree would change, decision by decision |
//! | [`disclosure`] | an attack on what was given out, offline |
//! | [`prove`] | what a receipt proves, offline |
//!
//! `asked` is what they ask for, `shown` what the gateway shows, each record held against the
//! log; `leaves`, `tree`, `records`, `law`, `own`, `verified`, `frozen` and `earlier` are what
//! that stands on.

mod asked;
pub mod disclosure;
mod earlier;
pub mod export;
mod frozen;
pub mod hold;
mod law;
mod leaves;
pub mod list;
pub mod mirror;
mod own;
pub mod prove;
mod records;
pub mod report;
mod row;
mod shown;
pub mod simulate;
mod tree;
mod verified;
pub mod verify;

use std::{fmt, io::IsTerminal};

use birge_proto::{
    problem::{Kind, Problem},
    tlog::checkpoint::Checkpoint,
    wire::{CheckpointRequest, CheckpointResponse},
};
use indicatif::{ProgressBar, ProgressStyle};
use tonic::Status;

pub use self::asked::Asked;
use self::frozen::Frozen;
use crate::{
    connect::{self, Link},
    memory::{Distrust, Memory},
    output::Failure,
};

/// What the gateway shows as the newest checkpoint.
struct Newest {
    /// As the signed note that it came in.
    note: Vec<u8>,
    /// What it says.
    head: Checkpoint,
    /// The last checkpoints of the logs that this one goes on from.
    frozen: Vec<Frozen>,
}

/// The newest checkpoint; it may not be smaller than the largest seen. Whether it continues
/// that one, and the frozen ones, the tree tells.
async fn newest(
    link: &Link,
    memory: &Memory,
    seen: Option<&(Vec<u8>, Checkpoint)>,
) -> Result<Newest, Failure> {
    let request =
        CheckpointRequest { seen: seen.map(|(note, _)| note.clone()).unwrap_or_default() };
    let answer = link.audit().checkpoint(request).await.map_err(|status| fault(&status))?;
    let CheckpointResponse { note, frozen } = answer.into_inner();
    let head = memory.recognise(link, &note).await.map_err(|distrust| match distrust {
        Distrust::Checkpoint(error) => wrong("the checkpoint", error),
        distrust => distrust.into(),
    })?;
    if let Some((_, seen)) = seen.filter(|(_, seen)| seen.size() > head.size()) {
        let found = format!("the log shrank from {} entries to {}", seen.size(), head.size());
        return Err(wrong("the checkpoint", found));
    }
    let frozen = frozen::of_answer(frozen, &memory.known()?, &head)?;
    Ok(Newest { note, head, frozen })
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
    Failure::Disproved(format!(
        "the log does not hold: {place}: {what}\nnext: keep state/ and receipts/, and tell the \
         Chamber of Accounts and the operator"
    ))
}
