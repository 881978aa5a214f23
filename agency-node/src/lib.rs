//! A ministry's, a member's and an auditor's side of the exchange.
//!
//! A file's way, from the top down:
//!
//! | module | does |
//! |---|---|
//! | [`watch`] | `run`: takes files from the inbox, hands over what waits, until stopped |
//! | [`schedule`] | sources are asked at set times, each time once |
//! | [`pull`] | what a database or an address gives to the inbox, as a file |
//! | [`handin`] | a file to the outbox: read, checked, signed, queued |
//! | [`source`] | a file to a table: encodings, CSV, workbooks, JSON, SDMX-ML, the common template, the inbox |
//! | [`form`] | workbooks for offices to fill in, and those that come back |
//! | [`mapping`] | a table in a source's own codes to the common template |
//! | [`batch`] | columns to a signed batch, by the rules |
//! | [`outbox`] | batches on their way, as files that outlive a crash; filed receipts |
//! | [`publish`] | the outbox to the gateway, each batch until it has its receipt |
//! | [`receipt`] | a receipt is verified before it is filed |
//! | [`reject`], [`report`] | what is refused is put aside with its report |
//! | [`console`] | pages, the push API and metrics, for this machine alone |
//! | [`renewal`] | the node's certificate, renewed before it ends |
//! | [`witness`] | cosigns the log's checkpoints, compares them with others', keeps receipts up |
//!
//! What people ask of a node: [`submit`] (and validate), [`diff`], [`approval`] and [`approver`] (four
//! eyes), [`paper`] (letters and receipts to print), [`carry`] (without a line), [`withdraw`], [`consent`],
//! [`versions`], [`status`], [`doctor`], [`obligations`], [`query`],
//! [`audit`], [`alarms`], [`people`] (whom the body has named), [`init`]; and without one,
//! [`account`] (a person's own). What all of it stands on: [`cli`], [`config`], [`credentials`],
//! [`connect`], [`memory`] (the largest checkpoint seen), [`policy`] (who must have cosigned),
//! [`home`] (the folder), [`node`], [`asker`] (a node or a person), [`output`], [`i18n`] (texts
//! by language).

pub mod account;
pub mod alarms;
pub mod approval;
pub mod approver;
pub mod asker;
pub mod audit;
pub mod batch;
pub mod carry;
pub mod cli;
pub mod config;
pub mod connect;
pub mod consent;
pub mod console;
pub mod credentials;
pub mod diff;
pub mod doctor;
pub mod form;
pub mod handin;
pub mod home;
pub mod i18n;
pub mod init;
pub mod mapping;
pub mod memory;
pub mod node;
pub mod obligations;
pub mod outbox;
pub mod output;
pub mod paper;
pub mod people;
pub mod policy;
mod prompt;
pub mod publish;
pub mod pull;
pub mod query;
pub mod receipt;
pub mod reject;
pub mod renewal;
pub mod report;
pub mod schedule;
mod secret;
mod served;
pub mod source;
pub mod status;
pub mod submit;
#[cfg(test)]
mod testing;
pub mod versions;
pub mod watch;
pub mod withdraw;
pub mod witness;

use crate::{
    approval::Approval,
    approver::Approver,
    asker::{As, Asker},
    batch::Said,
    cli::{Alarms, Audit, Cli, Command, Revises},
    home::Home,
    node::Node,
    output::{Failure, Reply},
};

/// Does what the command line says.
///
/// # Errors
/// When it comes to no answer; the failure says why, and what to do next.
pub async fn run(cli: Cli) -> Result<Reply, Failure> {
    let node = || Node::open(&cli.config);
    let asker = |who: &As| Asker::new(who, &cli.config);
    match cli.command {
        Command::Init(cli::Init { dir, identity, gateway, contact, officer }) => {
            init::init(init::Request { dir, identity, gateway, contact, officer })
        }
        Command::Run => watch::run(node()?).await,
        Command::Validate(asked) => submit::validate(&node()?, &asked),
        Command::Form(asked) => form::command::form(&node()?, &asked).await,
        Command::Mapping { command } => mapping::command::mapping(&command),
        Command::Pull(asked) => pull::command::pull(&node()?, &asked).await,
        Command::Submit(cli::Submit {
            given,
            revises,
            reason,
            cause,
            dry_run,
            preview,
            ask_consent,
            justify,
        }) => {
            let current = revises == Some(Revises::Current);
            let revises = match revises {
                Some(Revises::Batch(batch)) => Some(batch),
                Some(Revises::Current) | None => None,
            };
            let justify = justify.into_iter().collect();
            let said = Said { revises, reason, cause, removes: vec![], justify };
            match ask_consent {
                Some(_) if current => Err(Failure::Usage(
                    "--revises current is not for --ask-consent, which works without the \
                     gateway\nnext: name the batch, and the keys that disappear in FILE.batch.toml"
                        .into(),
                )),
                Some(out) => submit::ask_consent(&node()?, &given, said, &out),
                None if dry_run => submit::dry_run(&node()?, &given, said, current, preview).await,
                None => submit::submit(&node()?, &given, said, current).await,
            }
        }
        Command::Diff(given) => diff::diff(&node()?, &given).await,
        Command::Letter(asked) => paper::letter(&node()?, &asked),
        Command::Receipt(asked) => paper::receipt(&node()?, &asked),
        Command::Export { batches, out } => carry::export(&node()?, &batches, &out),
        Command::Import { answers } => carry::import(&node()?, &answers),
        Command::Withdraw(args) => withdraw::withdraw(&node()?, args).await,
        Command::Consent { command } => consent::consent(&node()?, command).await,
        // Neither needs a node: an approver may sit elsewhere.
        Command::Approver { command: Approver::New { office, out } } => {
            approver::make(&office, &out)
        }
        Command::Approval { command: Approval::Sign { file, key, out } } => {
            approval::sign(&file, key.as_deref(), &out)
        }
        Command::Approver { command } => approver::approver(&node()?, command),
        Command::Approval { command } => approval::approval(&node()?, command).await,
        Command::Versions(args) => versions::versions(&asker(&args.who)?, args).await,
        Command::Status => status::status(&node()?).await,
        Command::Console => console::link(&node()?),
        Command::Doctor => doctor::doctor(&node()?).await,
        Command::Renew => renewal::renew(&node()?).await,
        Command::Obligations(args) => obligations::obligations(&asker(&args.who)?, &args).await,
        Command::Query(args) => query::query(&asker(&args.who)?, &args).await,
        Command::People { command } => people::people(&node()?, command).await,
        Command::Account(args) => account::account(args).await,
        Command::Witness => witness::run(node()?).await,
        Command::Alarms { command: Alarms::Settle { name, note } } => {
            alarms::settle(&node()?.home, &name, &note)
        }
        Command::Audit { command } => match command {
            Audit::Verify { all } => audit::verify::verify(&node()?, all).await,
            Audit::Records { asked, who } => audit::list::list(&asker(&who)?, &asked).await,
            Audit::Export { asked, format, out, who } => {
                audit::export::export(&asker(&who)?, &asked, format, &out).await
            }
            Audit::Mirror { dir } => audit::mirror::mirror(&node()?, &dir).await,
            Audit::Report(report) => audit::report::report(&node()?, report).await,
            Audit::CheckReport { file, key } => {
                audit::report::check(&node()?, &file, key.as_deref()).await
            }
            Audit::Hold(hold) => audit::hold::hold(&node()?, hold).await,
            Audit::Simulate(asked) => audit::simulate::simulate(&node()?, asked).await,
            Audit::Disclosure(asked) => audit::disclosure::disclosure(&asked),
            Audit::Prove(args) => audit::prove::prove(&args, &Home::of_config(&cli.config)),
        },
    }
}
