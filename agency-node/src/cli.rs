//! The command line.

use std::{path::PathBuf, str::FromStr};

use birge_proto::{
    identity::Identity,
    manifest::{BatchId, Cause},
};
use birge_schemas::finding::{Code, UnknownCode};
use clap::{Args, Parser, Subcommand};

use crate::{
    account::Account,
    approval::Approval,
    approver::Approver,
    asker::As,
    audit::{
        Asked, disclosure::Disclosure, export::Form, hold::Hold, report::Report, simulate::Simulate,
    },
    consent::Consent,
    form,
    handin::Given,
    mapping,
    obligations::Obligations,
    output::Output,
    paper::Printed,
    people::People,
    pull::command::Pull,
    query::Query,
    submit::Validate,
    versions::Versions,
    withdraw::Withdraw,
};

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
    Validate(Validate),
    /// Make a form: a workbook for an office to fill in, which needs no mapping.
    Form(form::command::Asked),
    /// What a source's own columns and codes mean in the common template. It needs no node.
    Mapping {
        /// What about it.
        #[command(subcommand)]
        command: mapping::command::Command,
    },
    /// Show what a file would add, change and take away of what stands; nothing is handed in.
    Diff(Given),
    /// Ask a source of node.toml for its figures now.
    Pull(Pull),
    /// Hand in a file now.
    Submit(Submit),
    /// Write a batch's covering letter as a page to print, sign and stamp.
    Letter(Printed),
    /// Write a batch's receipt as a page to print, with a code that tells which it is.
    Receipt(Printed),
    /// Write batches that wait into one file, to be carried to the gateway where there is no line.
    Export {
        /// Which, by how their names begin; all when absent.
        batches: Vec<String>,
        /// Where: on a stick, say.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Take what was carried back: receipts, and what was refused.
    Import {
        /// What `gateway import` wrote.
        answers: PathBuf,
    },
    /// Take back a batch that was wrong.
    Withdraw(Withdraw),
    /// The chair's consent to revise frozen periods.
    Consent {
        /// What about it.
        #[command(subcommand)]
        command: Consent,
    },
    /// Approve what an officer prepared, or send it back (article 5(1)).
    Approval {
        /// What about it.
        #[command(subcommand)]
        command: Approval,
    },
    /// Whose key approves, and how one hands over to the next.
    Approver {
        /// What about them.
        #[command(subcommand)]
        command: Approver,
    },
    /// Tell what waits, what was accepted or refused, what is due.
    Status,
    /// Look at everything that the node needs (folder, keys, disk, clock, certificate, gateway), and
    /// tell what to do where something is wrong.
    Doctor,
    /// Print the link that opens the node's pages in a browser on this machine; it is good once, for
    /// five minutes. `run` serves them where node.toml says, by `listen` of the console.
    Console,
    /// Renew the node's certificate now; `run` and `witness` do it by themselves before it ends.
    Renew,
    /// Tell what the decree makes due, what came of it, and what it lacks.
    Obligations(Obligations),
    /// Ask for figures.
    Query(Query),
    /// Tell what ever stood for a dataset's periods, and what became of it.
    Versions(Versions),
    /// Witness the log and compare it with others', without handing in anything; until stopped.
    Witness,
    /// Deal with alarms; `status` shows those that stand.
    Alarms {
        /// How.
        #[command(subcommand)]
        command: Alarms,
    },
    /// Whom this body has named: members, observers, auditors.
    People {
        /// What about them.
        #[command(subcommand)]
        command: People,
    },
    /// A person's own account: sign in, choose a password, make tokens. It needs no node.
    Account(Account),
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
    /// Which file.
    #[command(flatten)]
    pub given: Given,
    /// The batch that it revises; else the newest of its periods that this node handed in.
    /// `current`: that one, and all that stands of its periods is replaced; what a file with R in
    /// ACTION does not have disappears. `diff` shows beforehand what that is.
    #[arg(long, value_name = "BATCH|current")]
    pub revises: Option<Revises>,
    /// Why it revises (article 5(2)).
    #[arg(long)]
    pub reason: Option<String>,
    /// The same in a word, which everybody is told: source-error, processing-error,
    /// misattributed, disclosure, late-data, method.
    #[arg(long)]
    pub cause: Option<Cause>,
    /// Let the gateway check everything and store nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// With a dry run: also tell how much would be withheld under the decree's threshold for small
    /// counts, and under others.
    #[arg(long, requires = "dry_run")]
    pub preview: bool,
    /// For periods that are frozen: hand nothing in, and write here what the working group's
    /// chair is to consent to.
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    pub ask_consent: Option<PathBuf>,
    /// Why what the rules warn of is right: CHANGE_LARGE="the census of 2022". It goes with the
    /// batch, signed, and is recorded by its code alone. As often as needed.
    #[arg(long, value_name = "CODE=TEXT", value_parser = justification)]
    pub justify: Vec<(Code, String)>,
}

fn justification(text: &str) -> Result<(Code, String), String> {
    let (code, why) = text.split_once('=').ok_or("expected CODE=TEXT")?;
    match why.trim() {
        "" => Err("expected a text behind the =".into()),
        why => Ok((code.parse().map_err(|error: UnknownCode| error.to_string())?, why.to_owned())),
    }
}

/// What a batch revises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revises {
    /// All that stands of its periods.
    Current,
    /// One batch.
    Batch(BatchId),
}

impl FromStr for Revises {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "current" => Ok(Self::Current),
            batch => batch.parse().map(Self::Batch).map_err(|error| format!("{error}, or current")),
        }
    }
}

/// What `audit prove` is told.
#[derive(Debug, Args)]
pub struct Prove {
    /// A batch, an exchange number, or the path of a receipt's file.
    pub receipt: String,
    /// The policy that says whose signatures count (C2SP tlog-policy); else the one filed beside
    /// the receipt.
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// The log's key, where there is no policy; with one, a key that it must name.
    #[arg(long, value_name = "VKEY")]
    pub log_key: Option<String>,
}

/// What `audit` does.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Verify the log: checkpoint, tree, records, and the receipts filed here. Goes on from
    /// where it was verified last.
    Verify {
        /// From the log's first entry on.
        #[arg(long)]
        all: bool,
    },
    /// List records, each proved to stand in the log. The reading is recorded.
    Records {
        /// Which records.
        #[command(flatten)]
        asked: Asked,
        /// As whom it asks.
        #[command(flatten)]
        who: As,
    },
    /// Write records into a file, each proved. The reading is recorded.
    Export {
        /// Which records.
        #[command(flatten)]
        asked: Asked,
        /// In which form.
        #[arg(long, value_enum, default_value_t)]
        format: Form,
        /// The file; '-' for standard output.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// As whom it asks.
        #[command(flatten)]
        who: As,
    },
    /// Keep a full copy of the log's public files, all of it hashed again.
    Mirror {
        /// The copy's folder.
        dir: PathBuf,
    },
    /// Write a signed working paper on the exchanges of a span. For auditors.
    Report(Report),
    /// Check that a working paper is as its auditor signed it.
    CheckReport {
        /// The paper; its signature lies beside it.
        file: PathBuf,
        /// The auditor's public key in hex, where the log is not to be asked for it.
        #[arg(long, value_name = "HEX")]
        key: Option<String>,
    },
    /// Put a legal hold on records, or lift it. For auditors.
    Hold(Hold),
    /// Ask the draft of a decree everything that was ever decided, and list each decision that
    /// would change. For auditors; the look is recorded.
    Simulate(Simulate),
    /// Attack what was given out: which withheld cells can be told from the others? Offline; it
    /// needs no node.
    Disclosure(Disclosure),
    /// Say what a receipt proves, offline; it needs no node.
    Prove(Prove),
}

/// What `alarms` does.
#[derive(Debug, Subcommand)]
pub enum Alarms {
    /// Put an alarm away that was dealt with; its evidence is kept.
    Settle {
        /// Its name, as `status` shows it.
        name: String,
        /// How it was dealt with.
        #[arg(long, value_name = "TEXT")]
        note: String,
    },
}
