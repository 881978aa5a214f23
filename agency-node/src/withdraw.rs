//! `agency-node withdraw`: takes back what was wrong, by the batch that brought it and whole
//! periods. What stood for them is given out no more; a participant who asks what was known
//! before is told that it was withdrawn, the public is not shown it again.

use std::path::PathBuf;

use birge_proto::manifest::{Action, BatchId, Cause};
use birge_schemas::{finding::Report, table::RawTable};
use clap::Args;

use crate::{
    batch::{self, Said, Unsigned},
    consent,
    node::Node,
    outbox::Past,
    output::{Failure, Reply},
    report,
    source::{Blanks, Explained, Header, Input, Lines},
    submit,
};

/// What is withdrawn, and why.
#[derive(Debug, Args)]
pub struct Withdraw {
    /// The batch, as its receipt names it. It must be the newest of its periods.
    pub batch: BatchId,
    /// Why (article 5(2)).
    #[arg(long)]
    pub reason: String,
    /// The same in a word, which everybody is told: source-error, processing-error,
    /// misattributed, disclosure, late-data, method.
    #[arg(long)]
    pub cause: Cause,
    /// Periods of it; all when absent.
    #[arg(long, value_delimiter = ',', value_name = "PERIODS")]
    pub periods: Vec<String>,
    /// Take back what other batches brought for these periods, too.
    #[arg(long)]
    pub everything: bool,
    /// For periods that are frozen: hand nothing in, and write here what the working group's
    /// chair is to consent to.
    #[arg(long, value_name = "FILE")]
    pub ask_consent: Option<PathBuf>,
}

/// Withdraws a batch.
///
/// # Errors
/// When this node handed in no such batch, or as for [`submit::submit`].
pub async fn withdraw(node: &Node, args: Withdraw) -> Result<Reply, Failure> {
    let Withdraw { batch, reason, cause, periods, everything, ask_consent } = args;
    let unsigned = unsigned(node, batch, periods, (reason, cause), everything)?;
    let source = format!("withdrawal of {batch}");
    match ask_consent {
        Some(out) => consent::ask(node, unsigned, source, &out),
        None => submit::hand_over(node, &node.publisher()?, unsigned, source).await,
    }
}

fn unsigned(
    node: &Node,
    batch: BatchId,
    mut periods: Vec<String>,
    (reason, cause): (String, Cause),
    everything: bool,
) -> Result<Unsigned, Failure> {
    let history = node.outbox.history()?;
    let past = history.iter().find(|past| past.batch == batch).cloned();
    let past = past.ok_or_else(|| {
        Failure::Usage(format!(
            "this node handed in no batch {batch}\nnext: see which it did: agency-node status"
        ))
    })?;
    if let Some(other) = periods.iter().find(|period| !past.periods.contains(period)) {
        let own = past.periods.join(", ");
        return Err(Failure::Usage(format!("batch {batch} has no period {other}: it has {own}")));
    }
    if periods.is_empty() {
        periods.clone_from(&past.periods);
    }
    periods.sort();
    periods.dedup();
    let others = others(&history, &past, &periods);
    if !others.is_empty() && !everything {
        let others = others.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        return Err(Failure::Usage(format!(
            "for these periods other batches stand, too, and would be withdrawn with {batch}: \
             {others}\nnext: if all of it is wrong, say --everything; else take back single \
             observations with a file of the action D"
        )));
    }
    let structure = node.structures.get(&past.dataset).ok_or_else(|| {
        Failure::Wrong(format!("{} is no dataset that this version knows", past.dataset))
    })?;
    let header = Header {
        dataset: past.dataset.clone(),
        version: structure.version.clone(),
        agency: None,
        action: Action::Withdraw,
        periods: Some(periods),
        revises: None,
        reason: None,
        removes: vec![],
    };
    let input = Input {
        header,
        table: RawTable::default(),
        report: Report::default(),
        lines: Lines::default(),
        blanks: Blanks::default(),
        explained: Explained::default(),
    };
    let said =
        Said { revises: Some(batch), reason: Some(reason), cause: Some(cause), ..Said::default() };
    let (agency, now) = (&node.identity().body, node.clock.now());
    let checked = batch::check(&node.structures, agency, Ok(input), said, now);
    let language = node.config.language;
    let told = || report::text(&checked.report, &checked.lines, language);
    checked.batch.ok_or_else(|| Failure::Wrong(told()))
}

/// The other batches that stand for these periods: those handed in since everything was last
/// replaced or withdrawn.
fn others(history: &[Past], past: &Past, periods: &[String]) -> Vec<BatchId> {
    let touches = |other: &&Past| {
        other.dataset == past.dataset && other.periods.iter().any(|it| periods.contains(it))
    };
    let touching: Vec<_> = history.iter().filter(touches).collect();
    let anew = |other: &&Past| matches!(other.action, Action::Replace | Action::Withdraw);
    let since = touching.iter().rposition(anew).unwrap_or(0);
    let standing = touching[since..].iter().map(|other| other.batch);
    standing.filter(|other| *other != past.batch).collect()
}
