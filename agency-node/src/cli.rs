//! The command line.

use std::path::PathBuf;

use birge_proto::{identity::Identity, manifest::BatchId};
use clap::{Args, Parser, Subcommand};

use crate::{output::Output, query::Format};

/// A ministry's, a member's and an auditor's side of the exchange.
///
/// Exit codes: 0 done, 1 refused or found wrong, 2 usage, 3 unreachable, 4 internal.
#[derive(Debug, Parser)]
#[command(name = "agency-node", version)]
pub struct Cli {
    /// The node's configuration; everything else lies in its folder.
    #[arg(long, global = true, default_value = "node.toml", value_name = "FILE")]
    pub config: PathBuf,
    /// In which form the answer is printed.
    #[arg(long, global = true, value_enum, default_value_t)]
    pub output: Output,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a node: folder, keys, and the request that the operator enrols.
    Init(Init),
    /// Watch the inbox, hand in what comes, file receipts; until stopped.
    Run,
    /// Check a file against the rules, without the gateway.
    Validate {
        /// A batch in the common template: CSV or JSON.
        file: PathBuf,
    },
    /// Hand in a file now.
    Submit(Submit),
    /// Tell what waits, what was accepted or refused, what is due.
    Status,
    /// Ask for figures.
    Query(Query),
    /// Verify the log.
    Audit {
        /// What of it.
        #[command(subcommand)]
        command: Audit,
    },
}

/// What `init` is told.
#[derive(Debug, Args)]
pub struct Init {
    /// The node's folder; it must not hold a node yet.
    #[arg(long)]
    pub dir: PathBuf,
    /// Who it speaks for: agency/NSC, auditor/COA.
    #[arg(long, value_name = "ROLE/BODY")]
    pub identity: Identity,
    /// The gateway's address.
    #[arg(long, value_name = "URL", default_value = "https://localhost:7443")]
    pub gateway: String,
    /// Whom to ask about a batch: an office and its address.
    #[arg(long)]
    pub contact: Option<String>,
    /// Who approves what is handed in: the office held. Without one nothing can be handed in.
    #[arg(long)]
    pub officer: Option<String>,
}

/// What `submit` is told.
#[derive(Debug, Args)]
pub struct Submit {
    /// A batch in the common template: CSV or JSON.
    pub file: PathBuf,
    /// The batch that it revises; else the newest of its periods that was accepted.
    #[arg(long, value_name = "BATCH")]
    pub revises: Option<BatchId>,
    /// Why it revises (article 5(2)).
    #[arg(long)]
    pub reason: Option<String>,
    /// Let the gateway check everything and store nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// What `query` is told.
#[derive(Debug, Args)]
pub struct Query {
    /// The dataset; without one, the datasets that exist.
    pub dataset: Option<String>,
    /// Codes wanted of a dimension; dimensions not named are given as far as permitted.
    #[arg(long = "where", value_name = "DIM=A,B")]
    pub selections: Vec<String>,
    /// First reference period.
    #[arg(long, value_name = "PERIOD")]
    pub from: Option<String>,
    /// Last reference period.
    #[arg(long, value_name = "PERIOD")]
    pub to: Option<String>,
    /// How the cells are printed.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// What `audit` does.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Verify the whole log: checkpoint, tree, records, and the receipts filed here.
    Verify,
}
