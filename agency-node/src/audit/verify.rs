//! `agency-node audit verify`: the whole log, verified from outside. The checkpoint must be
//! signed and continue what was seen; every tile must follow from the entries, and the root
//! from the tiles; every record shown must open its entry; no record of a party may be
//! missing; every receipt filed here must stand where it says.

use std::fmt;

use birge_proto::{
    identity::Role, problem::Kind, tlog::checkpoint::Checkpoint, wire::RecordsRequest,
};
use serde::Serialize;

use super::{
    Frozen, Newest, fault,
    leaves::Leaves,
    newest, own, progress,
    records::{Records, opened},
    tree::Tree,
    verified::Verified as Past,
    wrong,
};
use crate::{
    alarms,
    connect::Link,
    node::Node,
    outbox::receipts::{self, Filed},
    output::{Exit, Failure, Reply},
    policy, receipt,
};

/// What was verified.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Verified {
    origin: String,
    verified_before: u64,
    size: u64,
    root: String,
    seen_before: Option<u64>,
    frozen: Vec<String>,
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
        if self.verified_before > 0 {
            writeln!(
                f,
                "  the first {} were verified before; --all verifies them again",
                self.verified_before
            )?;
        }
        match self.seen_before {
            Some(seen) => writeln!(f, "  it continues the {seen} entries seen before")?,
            None => writeln!(f, "  it is the first checkpoint seen; the next must continue it")?,
        }
        for frozen in &self.frozen {
            writeln!(f, "  {frozen}")?;
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

/// Verifies the log up to its newest checkpoint: what came since it was verified last, or
/// `all` of it.
///
/// # Errors
/// When anything does not hold, saying where; or the gateway is away.
pub async fn verify(node: &Node, all: bool) -> Result<Reply, Failure> {
    let (link, memory) = node.link()?;
    let seen = memory.seen()?;
    let (known, filed) = (memory.known()?, receipts::all(&node.home)?);
    for filed in &filed {
        let proof = receipts::proof(&node.home, filed.batch)?;
        receipt::recheck(filed, proof, &known)
            .map_err(|error| wrong(format!("the receipt of batch {}", filed.batch), error))?;
    }
    let sees_all = node.identity().role == Role::Auditor;
    let mut asks = sees_all && !memory.authority().keys().is_empty();
    if asks {
        // Before the records that are to say the same.
        match memory.learn(&link).await {
            // No decree is in force yet.
            Err(Failure::Refused(problem)) if problem.kind == Kind::NotFound => asks = false,
            learnt => drop(learnt?),
        }
    }
    let Newest { note, head, frozen } = newest(&link, &memory, seen.as_ref()).await?;
    let seen = seen.map(|(_, seen)| seen);
    let size = head.size();
    let mut verified = match all {
        true => Past::default(),
        false => Past::load(&node.home, head.origin())?,
    };
    head.origin().clone_into(&mut verified.origin);
    let from = verified.size;
    let earlier = frozen.iter().map(|frozen| frozen.checkpoint.clone()).chain(seen.clone());
    let resumed = verified.resume(&link).await?;
    let mut tree = Tree::new(link.clone(), size, earlier.collect(), resumed);
    let (before, filed) = filed.into_iter().partition(|filed: &Filed| filed.exchange < from);
    let standing = stand(&link, &head, before).await?;
    let mut records =
        Records::new(own::Own::new(node)?, sees_all, filed, &verified, memory.authority());
    let bar = progress(size - from);
    if size > from {
        let request = RecordsRequest { from, to: size, filter: None };
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
    let (records, own) = records.finish(size, &mut verified)?;
    bar.finish_and_clear();
    if asks && !verified.in_force(&policy::Newest::load(&node.home)?.decree, node.clock.now()) {
        let what = "the gateway shows another than the records have in force";
        return Err(wrong("the decree that the authority signed", what));
    }
    memory.reconcile(&link, &note).await?;
    verified.up_to(size, head.root()).keep(&node.home)?;
    let verified = Verified {
        origin: head.origin().to_owned(),
        verified_before: from,
        size,
        root: hex::encode(head.root()),
        seen_before: seen.map(|seen| seen.size()),
        frozen: frozen.iter().map(Frozen::words).collect(),
        files,
        records_opened: records.opened,
        records_closed: records.closed,
        notices: records.notices,
        receipts: standing + records.receipts,
    };
    let mut reply = Reply::new(Exit::Done, &verified)?;
    own.raise(node, node.clock.now())?;
    let alarms: Vec<_> =
        alarms::standing(&node.home)?.into_iter().map(|alarm| alarm.what).collect();
    for alarm in &alarms {
        reply.text += &format!("\nALARM {alarm}\n  next: see `agency-node status`");
        reply.exit = Exit::Refused;
    }
    reply.json["alarms"] = alarms.into();
    Ok(reply)
}

/// Receipts of entries that were verified before must stand in them still; answers with how
/// many do.
async fn stand(link: &Link, head: &Checkpoint, filed: Vec<Filed>) -> Result<usize, Failure> {
    let mut leaves = Leaves::new(link.clone(), head.clone());
    for filed in &filed {
        let opening = hex::decode(&filed.opening).unwrap_or_default();
        if opened(filed.record.as_bytes(), &opening) != Some(leaves.hash(filed.exchange).await?) {
            let what = format!("the receipt of batch {} is of another entry", filed.batch);
            return Err(wrong(format!("record {}", filed.exchange), what));
        }
    }
    Ok(filed.len())
}
