//! The attack with a solver that is not ours: `tests/interop/attack.py`.

use std::{fs, process::Command};

use anyhow::{Context, Result, ensure};
use birge_gateway::decree::Disclosure;
use birge_schemas::attack::Alternative;
use roaring::RoaringBitmap;
use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    binaries::{python, workspace},
    instance::Instance,
};

/// What the solver finds.
#[derive(Debug, Deserialize)]
pub struct Found {
    /// Cells that are withheld.
    pub withheld: u64,
    /// Those of tables that no population explains.
    pub unexplained: u64,
    /// Those that have too few possible counts.
    pub narrow: u64,
    /// Those of which too much is known, each with its codes and the least and greatest that it
    /// may be.
    pub cells: Vec<Vec<Value>>,
}

/// Has it attack what is not withheld of a table; with `others` it is handed the table, too, and
/// populations that may be possible, which it checks before it looks for more of small cells.
///
/// # Errors
/// When it does not run, or what it is handed does not hold.
pub fn attack(
    instance: &Instance,
    withheld: &RoaringBitmap,
    rule: Disclosure,
    others: Option<&[Alternative]>,
) -> Result<Found> {
    let folder = TempDir::new()?;
    let file = |name: &str, text: String| {
        let file = folder.path().join(name);
        fs::write(&file, text).map(|()| file)
    };
    let mut command = Command::new(python());
    command.arg(workspace().join("tests/interop/attack.py"));
    command.arg(file("codes.csv", instance.hierarchies()?)?);
    command.arg(file("published.csv", instance.published(withheld)?)?);
    command.arg(rule.threshold.to_string());
    command.args(["--rounding", &instance.rounding().to_string()]);
    if rule.zeros_withheld {
        command.arg("--zeros-withheld");
    }
    if let Some(others) = others {
        command.arg("--population").arg(file("population.csv", instance.finest()?)?);
        command.arg("--others").arg(file("others.csv", instance.others(others)?)?);
    }
    let output = command.output().context("running attack.py")?;
    // The solver speaks first.
    let said = output.stdout.trim_ascii_end().rsplit(|byte| *byte == b'\n').next();
    let found: Found = serde_json::from_slice(said.unwrap_or_default())
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    ensure!(output.status.success() == found.cells.is_empty(), "it ends with {}", output.status);
    ensure!(found.withheld == withheld.len(), "it saw {} withheld", found.withheld);
    Ok(found)
}
