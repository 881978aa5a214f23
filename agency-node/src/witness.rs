//! The node as a witness of the log (article 9(2)): it cosigns checkpoints that continue all it
//! has seen, so that the gateway cannot show one history here and another there; and it compares
//! what it holds with other witnesses and mirrors.
//!
//! | module | does |
//! |---|---|
//! | [`answer`] | `add-checkpoint`: decides, keeps, then cosigns |
//! | [`attend`] | answers over the connection that the node itself opens to the gateway |
//! | [`http`] | answers over HTTP, where the node can be reached |
//! | [`compare`] | compares with the gateway, other witnesses and mirrors |
//! | [`suspects`] | signed checkpoints that are still to be explained |
//! | [`fetch`] | fetches others' checkpoints |
//! | [`rounds`] | audits the whole log, asks who witnesses it, has receipts upgraded |
//!
//! Source: C2SP tlog-witness and tlog-cosignature.

pub mod answer;
pub mod attend;
pub mod compare;
pub mod fetch;
pub mod http;
pub mod rounds;
pub mod suspects;

use std::{pin::pin, sync::Arc};

use anyhow::Context;
use birge_proto::{clock::SharedClock, tlog::cosignature::Cosigner};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tracing::info;

use crate::{
    connect::Link,
    credentials::{self, Credentials},
    home::Home,
    memory::Memory,
    node::Node,
    output::{Exit, Failure, Reply},
    renewal,
};

/// A witness: its key, and what it has seen and cosigned.
pub struct Witness {
    home: Home,
    memory: Memory,
    cosigner: Cosigner,
    clock: SharedClock,
}

impl Witness {
    /// The witness in a node's folder; none where the node was made without a key to witness.
    ///
    /// # Errors
    /// When its key cannot be read.
    pub fn open(home: &Home, memory: Memory, clock: SharedClock) -> Result<Option<Self>, Failure> {
        let cosigner = credentials::cosigner(home)?;
        Ok(cosigner.map(|cosigner| Self { home: home.clone(), memory, cosigner, clock }))
    }
}

/// All that a node does as a witness, ready to run.
pub struct Duties {
    node: Node,
    link: Link,
    memory: Memory,
    credentials: Credentials,
    witness: Option<Arc<Witness>>,
    listener: Option<TcpListener>,
}

impl Duties {
    /// Takes them up: opens the key, binds the address.
    ///
    /// # Errors
    /// When the node is not enrolled, its key cannot be read, or nobody can listen at the address.
    pub async fn take_up(node: &Node) -> Result<Self, Failure> {
        let (link, memory) = node.link()?;
        let credentials = Credentials::load(&node.home, node.identity())?;
        let witness = Witness::open(&node.home, memory.clone(), Arc::clone(&node.clock))?;
        let listener = match (node.config.witness.listen.as_str(), &witness) {
            ("", _) => None,
            (_, None) => {
                return Err(Failure::Usage(
                    "[witness] listen is set, but this node has no keys/witness.key\nnext: make a \
                     new node with `agency-node init` and have it enrolled, or leave listen empty"
                        .into(),
                ));
            }
            (address, Some(_)) => {
                let bound = TcpListener::bind(address).await.map_err(|error| {
                    Failure::Usage(format!(
                        "cannot listen at {address:?}: {error}\nnext: correct [witness] listen in \
                         node.toml: an address of this machine and a free port"
                    ))
                })?;
                info!("the witness listens at {address}");
                Some(bound)
            }
        };
        let witness = witness.map(Arc::new);
        Ok(Self { node: node.clone(), link, memory, credentials, witness, listener })
    }

    /// Does them, for ever. Trouble of any of them is told and tried again.
    ///
    /// # Errors
    /// When what the node keeps cannot be used.
    pub async fn run(self) -> Result<(), Failure> {
        let Self { node, link, memory, credentials, witness, listener } = self;
        let sources = compare::Sources::new(&node.config.witness, &credentials)?;
        let comparisons = compare::Comparisons::new(&node, link.clone(), memory.clone(), sources);
        let attending = async {
            match &witness {
                Some(witness) => attend::attend(Arc::clone(witness), link.clone(), &node).await,
                None => std::future::pending().await,
            }
        };
        let listening = async {
            match (&witness, listener) {
                (Some(witness), Some(bound)) => http::serve(bound, Arc::clone(witness)).await,
                _ => std::future::pending().await,
            }
        };
        let audits = rounds::audits(&node);
        let upgrades = rounds::upgrades(&node, &link, &memory);
        tokio::select! {
            ended = comparisons.run() => ended,
            ended = audits => ended,
            ended = upgrades => ended,
            () = attending => Ok(()),
            () = listening => Ok(()),
            () = renewal::keep(&node) => Ok(()),
        }
    }
}

/// `agency-node witness`: witnesses and compares, and hands in nothing, until SIGINT or SIGTERM.
///
/// # Errors
/// When the node is not enrolled, has no key to witness, or runs already.
pub async fn run(node: Node) -> Result<Reply, Failure> {
    let _alone = node.alone()?;
    let duties = Duties::take_up(&node).await?;
    if duties.witness.is_none() {
        return Err(Failure::Wrong(
            "this node has no keys/witness.key\nnext: make a new node with `agency-node init` and \
             have it enrolled"
                .into(),
        ));
    }
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for signals")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for signals")?;
    let duties = pin!(duties.run());
    println!("witness ready");
    tokio::select! {
        ended = duties => ended?,
        _ = interrupt.recv() => info!("stopping: interrupted"),
        _ = terminate.recv() => info!("stopping: told to"),
    }
    Ok(Reply {
        exit: Exit::Done,
        text: "stopped; nothing is cosigned until the next start".into(),
        aside: String::new(),
        json: serde_json::json!({ "stopped": true }),
    })
}
