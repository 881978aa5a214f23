//! `agency-node`: a ministry's, a member's and an auditor's side of the exchange.

use std::{
    io::{self, IsTerminal},
    process::ExitCode,
};

use birge_agency_node::{cli::Cli, output::Failure, run};
use clap::Parser;
use rustix::{fs::Mode, process::umask};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Figures, names and keys are for their owner alone, whatever folder they are put into.
    umask(Mode::from_raw_mode(0o077));
    let filter = EnvFilter::try_from_env("BIRGE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .init();
    let output = cli.output;
    let reply = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(run(cli)).unwrap_or_else(|failure| failure.reply()),
        Err(error) => Failure::from(anyhow::Error::from(error)).reply(),
    };
    reply.print(output).into()
}
