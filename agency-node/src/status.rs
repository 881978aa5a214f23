//! `agency-node status`: what waits, what was accepted or refused, what is due.

use std::{collections::BTreeMap, fmt, fs};

use birge_proto::wire::ListDatasetsRequest;
use serde::Serialize;

use crate::{
    alarms::{self, Alarm},
    connect, home,
    memory::Memory,
    node::Node,
    obligations::word_of,
    outbox::{
        State, prepared,
        receipts::{self, Grade},
    },
    output::{Exit, Failure, Reply},
    schedule::told::{self, Standing},
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    identity: String,
    enrolled: bool,
    inbox: usize,
    /// Waiting for approval.
    prepared: usize,
    queued: usize,
    sent: usize,
    receipts: usize,
    /// Of these, by the policy that each was filed with.
    witnessed: usize,
    rejected: usize,
    checkpoint: Option<u64>,
    /// The largest checkpoint that this node cosigned.
    cosigned: Option<u64>,
    /// Peers and mirrors with which checkpoints are compared.
    compared: usize,
    /// Why nothing counts as witnessed; none where a quorum can.
    unwitnessed: Option<String>,
    /// Sources that are asked, or gave a file.
    sources: Vec<Standing>,
    alarms: Vec<Alarm>,
    gateway: Gateway,
    datasets: Vec<Owed>,
}

#[derive(Serialize)]
struct Gateway {
    url: String,
    reachable: bool,
    trouble: Option<String>,
}

/// What an agency must hand in of one dataset.
#[derive(Serialize)]
struct Owed {
    dataset: String,
    article: String,
    periods: BTreeMap<&'static str, Vec<String>>,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let enrolled = if self.enrolled { "enrolled" } else { "not enrolled yet" };
        writeln!(f, "{} ({enrolled})", self.identity)?;
        match &self.gateway.trouble {
            None => writeln!(f, "gateway    {} is reachable", self.gateway.url)?,
            Some(trouble) => writeln!(f, "gateway    {}: {trouble}", self.gateway.url)?,
        }
        writeln!(f, "inbox      {} files", self.inbox)?;
        if self.prepared > 0 {
            writeln!(f, "approval   {} wait for it: agency-node approval list", self.prepared)?;
        }
        writeln!(f, "outbox     {} queued, {} sent without a receipt yet", self.queued, self.sent)?;
        let sequenced = self.receipts - self.witnessed;
        writeln!(
            f,
            "receipts   {}: {} witnessed, {sequenced} sequenced",
            self.receipts, self.witnessed
        )?;
        writeln!(f, "rejected   {}", self.rejected)?;
        match self.checkpoint {
            Some(size) => write!(f, "checkpoint of {size} entries")?,
            None => write!(f, "no checkpoint seen yet")?,
        }
        match self.cosigned {
            Some(size) => write!(f, ", cosigned up to {size}")?,
            None => write!(f, ", none cosigned yet")?,
        }
        if let Some(why) = &self.unwitnessed {
            write!(f, "\nnothing counts as witnessed here: {why}")?;
        }
        if self.compared == 0 {
            write!(
                f,
                "\ncompared with nobody: a log shown to this node alone is not found out here\n  \
                 next: name peers or mirrors under [witness] in node.toml"
            )?;
        }
        for source in &self.sources {
            write!(f, "\n{source}")?;
        }
        for owed in &self.datasets {
            write!(f, "\n{} (article {})", owed.dataset, owed.article)?;
            for (state, periods) in &owed.periods {
                write!(f, "\n  {state:<8} {}", periods.join(", "))?;
            }
        }
        for alarm in &self.alarms {
            write!(f, "\n{alarm}")?;
        }
        Ok(())
    }
}

/// Tells how the node stands. A gateway that is away is told, and is no failure; an alarm that
/// stands is.
///
/// # Errors
/// When the node's own folder cannot be read.
pub async fn status(node: &Node) -> Result<Reply, Failure> {
    let url = node.config.gateway.url.clone();
    let (mut checkpoint, mut cosigned, mut datasets) = (None, None, vec![]);
    let (mut unwitnessed, mut trouble) = (Some(String::from("this node is not enrolled")), None);
    match node.link() {
        Ok((link, memory)) => {
            checkpoint = memory.seen()?.map(|(_, seen)| seen.size());
            cosigned = memory.held()?.map(|(_, held)| held.size());
            unwitnessed = why_unwitnessed(&memory)?;
            match link.query().list_datasets(ListDatasetsRequest {}).await {
                Ok(answer) => datasets = owed(node, answer.into_inner().datasets),
                Err(status) => trouble = Some(connect::problem(&status).to_string()),
            }
        }
        Err(failure) => trouble = Some(failure.to_string()),
    }
    let receipts = receipts::all(&node.home)?;
    let alarms = alarms::standing(&node.home)?;
    let exit = if alarms.is_empty() { Exit::Done } else { Exit::Refused };
    let status = Status {
        identity: node.identity().to_string(),
        enrolled: node.home.join("enrolled.json").exists(),
        inbox: waiting(node)?,
        prepared: prepared::all(&node.home)?.len(),
        queued: node.outbox.entries(State::Queued)?.len(),
        sent: node.outbox.entries(State::Sent)?.len(),
        witnessed: receipts.iter().filter(|filed| filed.grade == Grade::Witnessed).count(),
        receipts: receipts.len(),
        rejected: count(node, "rejected", |name| name.ends_with(home::REPORT))?,
        checkpoint,
        cosigned,
        compared: node.config.witness.peers.len() + node.config.witness.mirrors.len(),
        unwitnessed,
        sources: told::standing(node),
        alarms,
        gateway: Gateway { url, reachable: trouble.is_none(), trouble },
        datasets,
    };
    Reply::new(exit, &status)
}

/// Why no checkpoint counts as witnessed at this node.
fn why_unwitnessed(memory: &Memory) -> Result<Option<String>, Failure> {
    if memory.authority().keys().is_empty() {
        let why = "no key of the authority is known\n  next: name it in node.toml under [trust]";
        return Ok(Some(why.to_owned()));
    }
    let policy = memory.policy()?;
    let why = match (policy.asks_for_witnesses(), policy.witnesses().count()) {
        (true, _) => return Ok(None),
        (false, 0) => "the gateway has not told yet who witnesses the log (`agency-node run` asks)",
        (false, _) => "too few witnesses are enrolled for the decree's quorum",
    };
    Ok(Some(why.to_owned()))
}

/// What this agency must hand in, period by period.
fn owed(node: &Node, datasets: Vec<birge_proto::wire::Dataset>) -> Vec<Owed> {
    let agency = node.identity().body.as_str();
    let mine = datasets.into_iter().filter(|dataset| dataset.agency == agency);
    mine.map(|dataset| {
        let mut periods: BTreeMap<_, Vec<String>> = BTreeMap::new();
        for period in dataset.periods {
            periods.entry(word_of(&period)).or_default().push(period.period);
        }
        Owed { dataset: dataset.id, article: dataset.article, periods }
    })
    .collect()
}

/// Files in the inbox, and in its folders of sources.
fn waiting(node: &Node) -> Result<usize, Failure> {
    let sources = node.config.sources.iter().map(|source| node.inbox(source));
    let folders = std::iter::once(node.home.join("inbox")).chain(sources);
    let entries = folders.map(fs::read_dir).collect::<Result<Vec<_>, _>>();
    let entries = entries.map_err(anyhow::Error::from)?.into_iter().flatten().flatten();
    Ok(entries.filter(|entry| entry.file_type().is_ok_and(|it| it.is_file())).count())
}

fn count(node: &Node, folder: &str, counts: impl Fn(&str) -> bool) -> Result<usize, Failure> {
    let entries = fs::read_dir(node.home.join(folder)).map_err(anyhow::Error::from)?;
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    Ok(names.filter(|name| counts(name)).count())
}
