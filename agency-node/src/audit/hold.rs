//! `agency-node audit hold`: a legal hold on records. What may be erased of them after years,
//! the names of persons (article 9(4)), stays while the hold stands. For auditors.

use std::fmt;

use birge_proto::wire::HoldRequest;
use clap::Args;
use serde::Serialize;

use crate::{
    connect,
    node::Node,
    output::{Exit, Failure, Reply},
};

/// What is put on hold.
#[derive(Debug, Clone, Args)]
pub struct Hold {
    /// The hold's name: 1 to 64 of A–Z, a–z, 0–9, '-', '_' and '.'.
    pub name: String,
    /// First exchange number that it covers.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub from: u64,
    /// One past the last; all that come, too, when absent.
    #[arg(long, value_name = "N")]
    pub to: Option<u64>,
    /// Lift the hold of this name.
    #[arg(long, conflicts_with_all = ["from", "to"])]
    pub lift: bool,
}

#[derive(Serialize)]
struct Done {
    hold: String,
    lifted: bool,
    exchange: u64,
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hold, lifted, exchange } = self;
        let act = if *lifted { "lifted" } else { "placed" };
        write!(f, "the hold {hold} is {act}, as exchange {exchange}")
    }
}

/// Places or lifts a hold.
///
/// # Errors
/// When the gateway refuses or is away.
pub async fn hold(node: &Node, hold: Hold) -> Result<Reply, Failure> {
    let (link, _) = node.link()?;
    let Hold { name, from, to, lift } = hold;
    if to.is_some_and(|to| to <= from) {
        return Err(Failure::Usage(format!("--from {from}: expected less than what --to says")));
    }
    let request = HoldRequest { name: name.clone(), from, to: to.unwrap_or_default(), lift };
    let answer = link.audit().hold(request).await;
    let exchange = answer.map_err(|status| connect::problem(&status))?.into_inner().exchange;
    Reply::new(Exit::Done, &Done { hold: name, lifted: lift, exchange })
}
