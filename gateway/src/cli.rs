//! The commands of `gateway`: arguments in, words or JSON out, exit codes.

mod authority;
mod decree;
mod import;
mod log;
mod names;
mod people;
mod reminders;

use std::{fs, path::PathBuf, sync::Arc};

use anyhow::{Context, Result};
use birge_proto::{
    clock::{Clock, SystemClock},
    problem::Problem,
};
use clap::{Parser, Subcommand, ValueEnum};
use rustls_pki_types::ServerName;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use self::{
    authority::{AuthorityCommand, Ceremony, Countersign},
    decree::DecreeCommand,
    log::{LogCommand, LogKeyCommand},
    names::NamesCommand,
    people::PeopleCommand,
    reminders::RemindersCommand,
};
use crate::{
    Ready,
    config::{Config, ConfigError, Exchange, Listen},
    decree::DecreeError,
    init::{self, Plan},
    journal::JournalError,
    ledger::{Contradiction, LedgerError},
    maintenance,
    operator::{self, ActError},
    wrong::Wrong,
};

/// The gateway of the exchange.
#[derive(Debug, Parser)]
#[command(name = "gateway", version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    /// How results are printed.
    #[arg(long, value_enum, default_value = "text", global = true)]
    output: Output,
    /// The gateway's configuration.
    #[arg(long, default_value = "gateway.toml", global = true, value_name = "FILE")]
    config: PathBuf,
}

/// Words for people, and the same as JSON.
type Said = (String, Value);

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a new exchange: keys, certificates, configuration, the first records of its log.
    Init {
        /// Folder to make.
        #[arg(long)]
        dir: PathBuf,
        /// Trust domain of the identities in certificates.
        #[arg(long, default_value = "birge.example", value_parser = trust_domain)]
        trust_domain: String,
        /// Address for gRPC over mutual TLS.
        #[arg(long, default_value = "127.0.0.1:7443")]
        listen: std::net::SocketAddr,
        /// Address for the log's public tiles over HTTPS.
        #[arg(long, default_value = "127.0.0.1:7444")]
        public_listen: std::net::SocketAddr,
        /// Address for persons over HTTPS: accounts, figures and the log.
        #[arg(long, default_value = "127.0.0.1:7445")]
        people_listen: std::net::SocketAddr,
        /// Name under which nodes reach the gateway; may be given several times.
        #[arg(long = "server-name", default_value = "localhost", value_parser = server_name)]
        server_names: Vec<String>,
        /// Folder of the decree; the model decree when absent.
        #[arg(long)]
        decree: Option<PathBuf>,
        #[command(flatten)]
        ceremony: Ceremony,
    },
    /// Serve until SIGINT or SIGTERM.
    Serve {
        /// Write at once, though too few witnesses have said what they hold. It is recorded.
        /// Only when it is certain that no newer copy of the gateway's data exists.
        #[arg(long)]
        unwitnessed: bool,
    },
    /// A key of the authority that signs decrees.
    Authority {
        #[command(subcommand)]
        command: AuthorityCommand,
    },
    /// Sign, as the authority, that an enrolment's keys are whose it says they are, or what a
    /// request asks to be stated of the log.
    Countersign(Countersign),
    /// Turn a node's countersigned enrolment into a certificate, as a record. Needs a running
    /// gateway.
    Enrol {
        /// What `gateway countersign` wrote.
        enrolment: PathBuf,
        /// Where to write what goes back to the node; beside the enrolment when absent.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Revoke every certificate of an identity. Needs a running gateway.
    Revoke {
        /// Such as agency/NSC.
        identity: String,
        /// Why; for the operator's own log, free text never enters a record.
        #[arg(long)]
        reason: String,
    },
    /// Hand in batches that were carried here (`agency-node export`), each in the name of the agency
    /// that signed it. Needs a running gateway.
    Import {
        /// What `agency-node export` wrote.
        file: PathBuf,
        /// Where to write what is carried back to the agency. It holds reports on its figures.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Persons and their accounts. Needs a running gateway.
    People {
        #[command(subcommand)]
        command: PeopleCommand,
    },
    /// The decree.
    Decree {
        #[command(subcommand)]
        command: DecreeCommand,
    },
    /// The keys that sign the log's checkpoints. The gateway must be down.
    LogKey {
        #[command(subcommand)]
        command: LogKeyCommand,
    },
    /// The log as a whole. The gateway must be down.
    Log {
        #[command(subcommand)]
        command: LogCommand,
    },
    /// The names of persons in records. The gateway must be down.
    Names {
        #[command(subcommand)]
        command: NamesCommand,
    },
    /// The reminders that go out by mail to those who owe figures.
    Reminders {
        #[command(subcommand)]
        command: RemindersCommand,
    },
    /// Check journal, records, tiles and checkpoint; ends with 1 and the place of any damage.
    Verify {
        /// Instead, attack every release: ends with 1 and the cells of which too much can be told
        /// from what was given out.
        #[arg(long)]
        disclosure: bool,
    },
    /// Make tiles and index anew from the journal.
    Rebuild,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Refused, or found wrong.
    Refused = 1,
    /// Wrong arguments or configuration.
    Usage = 2,
    /// The gateway cannot be reached.
    Unreachable = 3,
    /// Anything else.
    Internal = 4,
}

impl Exit {
    /// The code for an error: what was refused or found wrong is told from what broke.
    #[must_use]
    pub fn of(error: &anyhow::Error) -> Self {
        let found = |kind: fn(&(dyn std::error::Error + 'static)) -> bool| error.chain().any(kind);
        if found(|cause| cause.is::<ConfigError>()) {
            return Self::Usage;
        }
        if found(|cause| matches!(cause.downcast_ref(), Some(ActError::Unreachable(_)))) {
            return Self::Unreachable;
        }
        let refused = found(|cause| cause.is::<ActError>() || cause.is::<Wrong>())
            || found(|cause| cause.is::<init::Exists>() || cause.is::<init::Unfit>())
            || found(|cause| cause.is::<DecreeError>())
            || found(|cause| {
                matches!(
                    cause.downcast_ref(),
                    Some(JournalError::Locked(_) | JournalError::Damaged(_))
                )
            })
            || found(|cause| {
                matches!(
                    cause.downcast_ref(),
                    Some(
                        LedgerError::Behind { .. }
                            | LedgerError::Rewritten { .. }
                            | LedgerError::Damaged(_)
                    )
                ) || cause.is::<Contradiction>()
            });
        if refused { Self::Refused } else { Self::Internal }
    }
}

/// As SPIFFE has it: lower-case letters, digits, `.`, `-` and `_`.
fn trust_domain(text: &str) -> Result<String, &'static str> {
    let taken = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '.' | '-' | '_');
    match !text.is_empty() && text.len() <= 255 && text.chars().all(taken) {
        true => Ok(text.to_owned()),
        false => Err("expected lower-case letters, digits, '.', '-' and '_': exchange.gov.example"),
    }
}

fn server_name(text: &str) -> Result<String, &'static str> {
    let name = ServerName::try_from(text).map(|_| text.to_owned());
    name.map_err(|_| "expected the name or address of a host: exchange.gov.example")
}

impl Cli {
    /// Runs the command and prints its result, or what was in its way.
    pub async fn run(self) -> Exit {
        let output = self.output;
        self.act().await.unwrap_or_else(|error| {
            match output {
                Output::Text => eprintln!("gateway: {}", in_words(&error)),
                Output::Json => println!("{}", in_json(&error)),
            }
            Exit::of(&error)
        })
    }

    async fn act(self) -> Result<Exit> {
        let clock = Arc::new(SystemClock);
        let (words, value) = match self.command {
            Command::Init {
                dir,
                trust_domain,
                listen,
                public_listen,
                people_listen,
                server_names,
                decree,
                ceremony,
            } => {
                let origin = format!("{trust_domain}/log");
                let exchange = Exchange { trust_domain, origin, server_names };
                let listen =
                    Listen { exchange: listen, public: public_listen, people: people_listen };
                let (authority, witnesses) = ceremony.read()?;
                let plan = Plan { dir, exchange, listen, decree, authority, witnesses };
                authority::init(plan, clock).await?
            }
            Command::Serve { unwitnessed } => return serve(&self.config, unwitnessed).await,
            Command::Enrol { enrolment, out } => {
                let config = Config::load(&self.config)?;
                let (enrolled, exchange) = operator::enrol(&config, &enrolment).await?;
                let out = out.unwrap_or_else(|| enrolment.with_file_name("enrolled.json"));
                fs::write(&out, serde_json::to_string_pretty(&enrolled)?)
                    .with_context(|| format!("cannot write {}", out.display()))?;
                (
                    format!(
                        "enrolled {} as exchange {exchange}; hand {} back to the node, beside its node.toml",
                        enrolled.identity,
                        out.display()
                    ),
                    json!({ "identity": enrolled.identity, "exchange": exchange, "file": out }),
                )
            }
            Command::Authority { command } => command.act()?,
            Command::Countersign(countersign) => countersign.act(&self.config, &*clock)?,
            Command::Revoke { identity, reason } => {
                let config = Config::load(&self.config)?;
                let (exchange, count) = operator::revoke(&config, &identity, &reason).await?;
                (
                    format!("revoked {count} certificate(s) of {identity} as exchange {exchange}"),
                    json!({ "identity": identity, "exchange": exchange, "certificates": count }),
                )
            }
            Command::Import { file, out } => {
                let config = Config::load(&self.config)?;
                let ((words, value), exit) =
                    import::import(self.output, &config, &file, &out).await?;
                print(self.output, &words, &value)?;
                return Ok(exit);
            }
            Command::People { command } => command.act(&Config::load(&self.config)?).await?,
            Command::Decree { command } => {
                let ((words, value), exit) = command.act(&self.config, clock.now()).await?;
                print(self.output, &words, &value)?;
                return Ok(exit);
            }
            Command::LogKey { command } => command.act(&self.config, clock).await?,
            Command::Log { command } => command.act(&self.config, clock).await?,
            Command::Names { command } => command.act(&self.config, clock).await?,
            Command::Reminders { command } => command.act(&self.config, clock.now())?,
            Command::Verify { disclosure } => {
                let config = Config::load(&self.config)?;
                let found = match disclosure {
                    true => maintenance::verify_disclosure(&config),
                    false => maintenance::verify(&config),
                };
                found?.report()
            }
            Command::Rebuild => maintenance::rebuild(&Config::load(&self.config)?)?.report(),
        };
        print(self.output, &words, &value)?;
        Ok(Exit::Done)
    }
}

async fn serve(file: &std::path::Path, unwitnessed: bool) -> Result<Exit> {
    let config = Config::load(file)?;
    let listeners = crate::Listeners::bind(&config.listen).await?;
    let stop = CancellationToken::new();
    let signalled = stop.clone();
    tokio::spawn(async move {
        if crate::signalled().await.is_ok() {
            signalled.cancel();
        }
    });
    let ready = |Ready { address, awaited, silent }| {
        if awaited > 0 {
            println!(
                "gateway waits: witnesses of {awaited} more participants must say what they hold \
                 (of {}); until then the log is read and nothing is written. If they cannot be \
                 brought back: gateway serve --unwitnessed",
                silent.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            );
        }
        println!("gateway ready on https://{address}");
    };
    crate::run(config, listeners, Arc::new(SystemClock), unwitnessed, stop, ready).await?;
    Ok(Exit::Done)
}

/// A refusal of the gateway's with its articles and hints; any other error with its causes.
fn in_words(error: &anyhow::Error) -> String {
    let Some(problem) = refusal(error) else { return cause(error) };
    let mut words = format!("refused [{}] {problem}", problem.kind.code());
    if !problem.articles.is_empty() {
        words += &format!("\nunder article {}", problem.articles.join(", "));
    }
    if let Some(exchange) = problem.exchange {
        words += &format!("\nrecorded as exchange {exchange}");
    }
    problem.hints.iter().fold(words, |words, hint| format!("{words}\nnext: {hint}"))
}

fn in_json(error: &anyhow::Error) -> Value {
    match refusal(error) {
        Some(problem) => json!({ "problem": problem.to_json() }),
        None => json!({ "problem": { "detail": cause(error) } }),
    }
}

/// The error with its causes, each once: an [`ActError`] tells its own.
fn cause(error: &anyhow::Error) -> String {
    if error.is::<ActError>() { error.to_string() } else { format!("{error:#}") }
}

fn refusal(error: &anyhow::Error) -> Option<&Problem> {
    match error.downcast_ref() {
        Some(ActError::Refused(problem)) => Some(problem),
        _ => None,
    }
}

fn print(output: Output, words: &str, value: &Value) -> Result<()> {
    match output {
        Output::Text => println!("{words}"),
        Output::Json => println!("{}", serde_json::to_string_pretty(value)?),
    }
    Ok(())
}
