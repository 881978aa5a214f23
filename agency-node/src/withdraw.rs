//! `agency-node withdraw`: takes back a batch that was wrong. What it brought is given out no
//! more; who asks what was known before is told that it was withdrawn.

use std::path::PathBuf;

use birge_proto::manifest::{Action, BatchId};
use birge_schemas::{finding::Report, table::RawTable};
use clap::Args;

use crate::{
    batch::{self, Said, Unsigned},
    consent,
    mapping::Blanks,
    node::Node,
    output::{Failure, Reply},
    report,
    source::{Header, Input, Lines},
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
    /// Periods of it; all when absent.
    #[arg(long, value_delimiter = ',', value_name = "PERIODS")]
    pub periods: Vec<String>,
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
    let Withdraw { batch, reason, periods, ask_consent } = args;
    let unsigned = unsigned(node, batch, periods, reason)?;
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
    reason: String,
) -> Result<Unsigned, Failure> {
    let past = node.outbox.history()?.into_iter().find(|past| past.batch == batch);
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
        periods = past.periods;
    }
    periods.sort();
    periods.dedup();
    let structure = node.structures.get(&past.dataset).ok_or_else(|| {
        Failure::Wrong(format!("{} is no dataset that this version knows", past.dataset))
    })?;
    let header = Header {
        dataset: past.dataset,
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
    };
    let said = Said { revises: Some(batch), reason: Some(reason), removes: vec![] };
    let (agency, now) = (&node.identity().body, node.clock.now());
    let checked = batch::check(&node.structures, agency, Ok(input), said, now);
    checked.batch.ok_or_else(|| Failure::Wrong(report::text(&checked.report, &checked.lines)))
}
