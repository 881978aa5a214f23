//! The demonstration: a whole exchange on this machine, with real figures.
//!
//! Every line of the story is a command of the two programs, shown before it is run, and every
//! answer is checked: the demonstration fails when the exchange does not keep its promises.

mod narrator;
mod story;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, Result};
use birge_tests::{binaries, exchange::Exchange};
use clap::Parser;
use narrator::Narrator;

/// Brings up a whole exchange with real figures on this machine.
#[derive(Debug, Parser)]
#[command(name = "demo", version)]
struct Arguments {
    /// End after the story instead of staying up until Ctrl-C.
    #[arg(long)]
    once: bool,
    /// Where the exchange keeps its state.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nThe demonstration failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let dir = arguments.dir.clone().unwrap_or_else(|| binaries::workspace().join("target/demo"));
    std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let dir = dir.canonicalize()?;
    let mut narrator = Narrator::default();
    narrator.chapter("Building the gateway and the agency node");
    let binaries = binaries::binaries()?;
    narrator.say(&format!("{}\n{}", binaries.gateway.display(), binaries.node.display()));

    narrator.chapter("Starting the gateway");
    let mut exchange = Exchange::at(&dir)?;
    exchange.serve()?;
    narrator.say(&format!("ready on {}, state in {}", exchange.address(), dir.display()));

    let running = story::tell(&mut narrator, &exchange)?;
    if arguments.once {
        narrator.chapter("Stopping");
    } else {
        story::what_next(&mut narrator, &exchange)?;
        narrator.chapter("Staying up until Ctrl-C");
        until_told_to_stop()?;
    }
    for node in running {
        node.stop()?.expect_code(0).context("a node did not stop cleanly")?;
    }
    exchange.stop()?.expect_code(0).context("the gateway did not stop cleanly")?;
    narrator.say("everything stopped; the exchange starts again from the same folder");
    if arguments.once {
        story::what_next(&mut narrator, &exchange)?;
    }
    Ok(())
}

fn until_told_to_stop() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(birge_gateway::signalled())?)
}
