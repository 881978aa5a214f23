//! A ministry's, a member's and an auditor's side of the exchange.
//!
//! A file's way, from the top down:
//!
//! | module | does |
//! |---|---|
//! | [`watch`] | `run`: takes files from the inbox, hands over what waits, until stopped |
//! | [`handin`] | a file to the outbox: read, checked, signed, queued |
//! | [`source`] | a file to rows: encodings, CSV, JSON, the inbox |
//! | [`mapping`] | rows to columns |
//! | [`batch`] | columns to a signed batch, by the rules |
//! | [`outbox`] | batches on their way, as files that outlive a crash; filed receipts |
//! | [`publish`] | the outbox to the gateway, each batch until it has its receipt |
//! | [`receipt`] | a receipt is verified before it is filed |
//! | [`reject`], [`report`] | what is refused is put aside with its report |
//!
//! What people ask of a node: [`submit`] (and validate), [`status`], [`query`], [`audit`],
//! [`init`]. What all of it stands on: [`cli`], [`config`], [`credentials`], [`connect`],
//! [`memory`] (the largest checkpoint seen), [`home`] (the folder), [`node`], [`output`].

pub mod audit;
pub mod batch;
pub mod cli;
pub mod config;
pub mod connect;
pub mod credentials;
pub mod handin;
pub mod home;
pub mod init;
pub mod mapping;
pub mod memory;
pub mod node;
pub mod outbox;
pub mod output;
pub mod publish;
pub mod query;
pub mod receipt;
pub mod reject;
pub mod report;
pub mod source;
pub mod status;
pub mod submit;
#[cfg(test)]
mod testing;
pub mod watch;

use crate::{
    batch::Said,
    cli::{Audit, Cli, Command},
    node::Node,
    output::{Failure, Reply},
};

/// Does what the command line says.
///
/// # Errors
/// When it comes to no answer; the failure says why, and what to do next.
pub async fn run(cli: Cli) -> Result<Reply, Failure> {
    let command = match cli.command {
        Command::Init(cli::Init { dir, identity, gateway, contact, officer }) => {
            return init::init(init::Request { dir, identity, gateway, contact, officer });
        }
        command => command,
    };
    let node = Node::open(&cli.config)?;
    match command {
        Command::Init(_) => Err(Failure::Usage("init takes no configuration".into())),
        Command::Run => watch::run(node).await,
        Command::Validate { file } => submit::validate(&node, &file),
        Command::Submit(cli::Submit { file, revises, reason, dry_run }) => {
            let said = Said { revises, reason, removes: vec![] };
            match dry_run {
                true => submit::dry_run(&node, &file, said).await,
                false => submit::submit(&node, &file, said).await,
            }
        }
        Command::Status => status::status(&node).await,
        Command::Query(args) => query::query(&node, &args).await,
        Command::Audit { command: Audit::Verify } => audit::verify(&node).await,
    }
}
