//! How fast the exchange is, always as a ratio in one run on one machine.
//!
//! `cargo bench -p birge-tests` runs all; `cargo bench -p birge-tests -- journal` runs one.
//! Every line says what was measured against what; a ratio of 1 is the speed of the bare thing.

mod database;
mod decision;
mod disclosure;
mod harmonisation;
mod held;
mod journal;
mod query;
mod ratio;
mod receipt;
mod receipt_size;
mod submission;
mod tree;
mod validation;
mod verification;

use std::process::ExitCode;

use anyhow::Result;

/// Measures and prints.
type Bench = fn() -> Result<()>;

fn main() -> ExitCode {
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let benches: [(&str, Bench); 13] = [
        ("tree", tree::run),
        ("verification", verification::run),
        ("receipt size", receipt_size::run),
        ("journal", journal::run),
        ("decision", decision::run),
        ("disclosure", disclosure::run),
        ("validation", validation::run),
        ("harmonisation", harmonisation::run),
        ("submission", submission::run),
        ("query", query::run),
        ("database", database::run),
        ("held", held::run),
        ("receipt time", receipt::run),
    ];
    for (name, run) in benches {
        if !wanted.is_empty() && !wanted.iter().any(|wanted| name.contains(wanted.as_str())) {
            continue;
        }
        if let Err(error) = run() {
            eprintln!("{name}: {error:#}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
