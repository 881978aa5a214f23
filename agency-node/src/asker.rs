//! Who asks: a node, by its certificate, or a person who is signed in.

use std::path::{Path, PathBuf};

use birge_proto::identity::Identity;
use clap::Args;

use crate::{account::Folder, connect::Link, memory::Memory, node::Node, output::Failure};

/// As whom a command asks.
#[derive(Debug, Clone, Default, Args)]
pub struct As {
    /// Ask as the person who is signed in there, not as this node.
    #[arg(long, value_name = "FOLDER")]
    account: Option<PathBuf>,
}

/// Who asks.
pub struct Asker {
    /// Its name.
    pub identity: Identity,
    /// The way to the gateway.
    pub link: Link,
    /// The log that the gateway is held to.
    pub memory: Memory,
}

impl Asker {
    /// The person whom `who` names; without one, the node whose configuration is `config`.
    ///
    /// # Errors
    /// When nobody is signed in, or the node is not enrolled.
    pub fn new(who: &As, config: &Path) -> Result<Self, Failure> {
        match &who.account {
            Some(folder) => Self::of_person(&Folder::open(folder)?),
            None => Self::of_node(&Node::open(config)?),
        }
    }

    /// A node.
    ///
    /// # Errors
    /// When it is not enrolled.
    pub fn of_node(node: &Node) -> Result<Self, Failure> {
        let (link, memory) = node.link()?;
        Ok(Self { identity: node.identity().clone(), link, memory })
    }

    fn of_person(folder: &Folder) -> Result<Self, Failure> {
        let (link, memory) = folder.link()?;
        Ok(Self { identity: folder.person()?, link, memory })
    }
}
