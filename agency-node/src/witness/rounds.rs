//! What the node does every so often beside witnessing: it audits the whole log, asks who
//! witnesses it, and has receipts upgraded that were given before the witnesses had signed.

use std::time::Duration;

use birge_proto::{problem::Kind as Trouble, tlog::policy::Policy, wire::StatusRequest};
use tracing::{info, warn};

use crate::{
    alarms::{self, Kind},
    audit,
    connect::{self, Link},
    memory::Memory,
    node::Node,
    outbox::receipts::{self, Filed, Grade},
    output::Failure,
    receipt,
};

/// Time between two looks at receipts that are not witnessed yet, at most.
const UPGRADES: Duration = Duration::from_secs(60);
/// Receipts asked for again in one round.
const AT_A_TIME: usize = 100;

/// Audits the log now and every so many hours, for ever. What is found wrong is an alarm.
pub(super) async fn audits(node: &Node) -> Result<(), Failure> {
    let Some(every) = node.config.witness.audit() else { return std::future::pending().await };
    loop {
        match audit::verify::verify(node, false).await {
            Ok(reply) => info!("{}", reply.text),
            Err(Failure::Disproved(what)) => {
                alarms::raise(&node.home, node.clock.now(), Kind::DamagedLog, &what, &[])?;
            }
            Err(failure) => warn!("the log was not audited: {}", failure.reply().aside),
        }
        tokio::time::sleep(every).await;
    }
}

/// Asks who witnesses the log and has receipts upgraded, now and every so often, for ever.
pub(super) async fn upgrades(node: &Node, link: &Link, memory: &Memory) -> Result<(), Failure> {
    let every = node.config.witness.compare().min(UPGRADES);
    let mut told = String::new();
    loop {
        let round = async {
            let policy = memory.learn(link).await?;
            upgrade(node, link, &policy).await
        };
        match round.await {
            Ok(0) => told.clear(),
            Ok(upgraded) => info!("{upgraded} receipts are now witnessed"),
            Err(failure) => {
                let text = failure.reply().aside;
                if text != told {
                    warn!("receipts are not upgraded at the moment: {text}");
                    told = text;
                }
            }
        }
        tokio::time::sleep(every).await;
    }
}

/// Asks for a newer proof of each receipt that is not witnessed, the oldest first, and files it
/// where it is better; answers with how many were.
///
/// # Errors
/// When the gateway is away, or a receipt that it gives does not hold.
pub async fn upgrade(node: &Node, link: &Link, policy: &Policy) -> Result<usize, Failure> {
    if !policy.asks_for_witnesses() {
        return Ok(0);
    }
    let waiting = receipts::all(&node.home)?.into_iter();
    let waiting = waiting.filter(|filed| filed.grade < Grade::Witnessed);
    let mut upgraded = 0;
    for filed in waiting.take(AT_A_TIME) {
        let request = StatusRequest { batch: filed.batch.to_string() };
        let answer = match link.intake().status(request).await.map_err(|s| connect::problem(&s)) {
            Ok(answer) => answer.into_inner(),
            Err(problem) if problem.kind == Trouble::NotFound => {
                return Err(wrong(&filed, "the gateway knows nothing of it any more"));
            }
            Err(problem) => return Err(problem.into()),
        };
        let Some(newer) = answer.receipt else { continue };
        let better = receipt::improve(&filed, newer, policy, node.clock.now());
        if let Some((better, proof)) = better.map_err(|error| wrong(&filed, error))? {
            receipts::file(&node.home, &better, &proof, &policy.to_string())?;
            upgraded += 1;
        }
    }
    Ok(upgraded)
}

fn wrong(filed: &Filed, error: impl std::fmt::Display) -> Failure {
    Failure::Wrong(format!(
        "the newer receipt of batch {} does not hold: {error}\nnext: the filed one stands; tell \
         the Chamber of Accounts and the operator",
        filed.batch
    ))
}
