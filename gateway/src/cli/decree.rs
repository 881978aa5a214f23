//! `gateway decree`: what a decree means, before and after it is enacted.

mod explain;
mod law;
mod matrix;
mod prove;
mod simulate;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result};
use birge_proto::clock::Timestamp;
use birge_schemas::structure::Structures;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use self::{explain::Explain, matrix::MatrixOf, prove::Prove, simulate::Simulate};
use super::{
    Exit, Said,
    authority::{EnactDecree, SignDecree},
};
use crate::{
    decree::{Coverage, Decree},
    operator::ActError,
};

#[derive(Debug, Subcommand)]
pub(super) enum DecreeCommand {
    /// Check a decree's folder without enacting it, and tell what it leaves open.
    Check(Folder),
    /// Tell who sees what: as text, as CSV with every decision, or as a page with the articles.
    Matrix(MatrixOf),
    /// Say why a request is decided as it is, with what the articles say.
    Explain(Explain),
    /// Try a statement over everything that can be asked: who never or always sees what, or
    /// what a draft changes. Ends with 1 and what speaks against it where it is not so.
    Prove(Prove),
    /// Ask a draft, and the decree that it would follow, everything that was ever decided, and
    /// tell in sums which decisions would change.
    Simulate(Simulate),
    /// List the decrees that were enacted.
    History,
    /// Sign a decree with one of the authority's keys, without enacting it.
    Sign(SignDecree),
    /// Enact a decree that enough of the authority's keys signed. Needs a running gateway.
    Enact(EnactDecree),
}

impl DecreeCommand {
    pub(super) async fn act(self, config: &Path, now: Timestamp) -> Result<(Said, Exit)> {
        let said = match self {
            Self::Check(folder) => check(&folder)?,
            Self::Matrix(matrix) => matrix.act()?,
            Self::Explain(explain) => explain.act(config, now)?,
            Self::Prove(prove) => return prove.act(config, now),
            Self::Simulate(simulate) => return simulate.act(config, now),
            Self::History => simulate::history(config)?,
            Self::Sign(sign) => sign.act(config)?,
            Self::Enact(enact) => enact.act(config).await?,
        };
        Ok((said, Exit::Done))
    }
}

/// The folder of a decree.
#[derive(Debug, Args)]
pub(super) struct Folder {
    /// The decree's folder.
    folder: PathBuf,
}

impl Folder {
    /// The decree, checked, and the datasets that this version knows.
    fn read(&self) -> Result<(Decree, Arc<Structures>)> {
        let place = self.folder.display();
        let bundle = birge_schemas::decree::from_folder(&self.folder)
            .map_err(|error| ActError::Input(error.into()))?;
        let decree = Decree::from_bundle(&bundle).with_context(|| format!("the decree in {place}"));
        Ok((decree?, Structures::bundled()?))
    }
}

fn check(folder: &Folder) -> Result<Said> {
    let (decree, structures) = folder.read()?;
    let (name, from) = (decree.name(), decree.in_force_from());
    let coverage = Coverage::of(&decree, &structures);
    let mut words = format!(
        "decree {} of {} is sound: in force from {from}\n{} decisions tried, of everybody on every \
         detail of every dataset",
        name.number, name.version, coverage.decisions
    );
    for dataset in &coverage.unmandated {
        words += &format!("\nnobody must hand in {dataset}: nothing of it is exchanged");
    }
    if !coverage.gaps.is_empty() {
        words += "\nno article speaks of, so that the residual one refuses:";
    }
    for gap in &coverage.gaps {
        let bodies = gap.bodies.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        words += &format!("\n  {} {}: {bodies}", gap.dataset, gap.detail);
    }
    if !coverage.overruled.is_empty() {
        words += "\na prohibition prevails over a permission:";
    }
    for overruled in &coverage.overruled {
        let (permitting, forbidding) =
            (overruled.permitting.join(", "), overruled.forbidding.join(", "));
        let (principal, detail) = &overruled.example;
        words += &format!(
            "\n  {}: {forbidding} over {permitting}, {} decisions, such as {principal} {detail}",
            overruled.dataset, overruled.decisions
        );
    }
    let value = json!({
        "decree": name,
        "inForceFrom": from,
        "decisions": coverage.decisions,
        "unmandated": coverage.unmandated,
        "gaps": coverage.gaps.iter().map(|gap| json!({
            "dataset": gap.dataset,
            "detail": dimensions(gap.detail),
            "bodies": gap.bodies,
        })).collect::<Vec<_>>(),
        "overruled": coverage.overruled.iter().map(|each| json!({
            "dataset": each.dataset,
            "permitting": each.permitting,
            "forbidding": each.forbidding,
            "decisions": each.decisions,
            "example": { "principal": each.example.0, "detail": dimensions(each.example.1) },
        })).collect::<Vec<_>>(),
    });
    Ok((words, value))
}

/// A detail as the list of its dimensions.
fn dimensions(detail: birge_schemas::detail::Detail) -> Value {
    detail.iter().map(|breakdown| breakdown.dimension()).collect()
}
