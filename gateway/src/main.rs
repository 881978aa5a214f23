//! `gateway`: the centre of the exchange. Arguments, tracing, exit codes; the rest is in the
//! library.

use std::{
    io::{self, IsTerminal},
    process::ExitCode,
};

use birge_gateway::cli::Cli;
use clap::Parser;
use mimalloc::MiMalloc;
use rustix::{fs::Mode, process::umask};
use tracing_subscriber::EnvFilter;

/// Answers are made of many small pieces, on several threads at once.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse(); // ends with 2 on a usage error
    // Figures, names and keys are for their owner alone, whatever folder they are put into.
    umask(Mode::from_raw_mode(0o077));
    let filter = EnvFilter::try_from_env("BIRGE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
    ExitCode::from(cli.run().await as u8)
}
