//! Which decree a command speaks of, and what of its datasets.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Result, anyhow};
use birge_proto::clock::Timestamp;
use birge_schemas::{
    detail::{Breakdown, Detail},
    structure::{Structure, Structures},
};
use clap::Args;

use super::Folder;
use crate::{config::Config, decree::Decree, history::History, operator::ActError};

/// A decree of a folder, or of the log.
#[derive(Debug, Args)]
pub(super) struct Law {
    /// Folder of a decree; what the gateway's log tells of when absent.
    #[arg(long, value_name = "FOLDER", global = true)]
    decree: Option<PathBuf>,
}

impl Law {
    /// The decree in force at `time`.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub(super) fn at(
        &self,
        config: &Path,
        time: Timestamp,
    ) -> Result<(Arc<Decree>, Arc<Structures>)> {
        let (mut decrees, structures) = self.from(config, time)?;
        Ok((decrees.swap_remove(0), structures))
    }

    /// The decree in force at `time`, and those that come into force later.
    ///
    /// # Errors
    /// As for [`Self::at`].
    pub(super) fn from(
        &self,
        config: &Path,
        time: Timestamp,
    ) -> Result<(Vec<Arc<Decree>>, Arc<Structures>)> {
        if let Some(folder) = &self.decree {
            let (decree, structures) = Folder { folder: folder.clone() }.read()?;
            return Ok((vec![Arc::new(decree)], structures));
        }
        let history = History::read(&Config::load(config)?)?;
        let none = || ActError::Input(anyhow!("no decree is in force: name one with --decree"));
        let in_force = history.in_force(time).ok_or_else(none)?;
        let later = history.decrees.iter().filter(|each| {
            let from = each.decree.in_force_from();
            // Of several for the same moment the last one holds.
            from > time
                && history.in_force(from).is_some_and(|holds| holds.exchange == each.exchange)
        });
        let all = std::iter::once(in_force).chain(later);
        Ok((all.map(|enacted| Arc::clone(&enacted.decree)).collect(), history.structures))
    }
}

/// A dataset by its name.
///
/// # Errors
/// When there is none of that name, with those that there are.
pub(super) fn dataset<'a>(
    structures: &'a Structures,
    name: &str,
) -> Result<&'a Arc<Structure>, ActError> {
    structures.get(name).ok_or_else(|| {
        let known: Vec<_> = structures.iter().map(|each| each.id.as_str()).collect();
        let known = known.join(", ");
        ActError::Input(anyhow!("there is no dataset {name:?}: expected one of {known}"))
    })
}

/// A detail by the names of its dimensions.
///
/// # Errors
/// When the dataset is not broken down by one, with those by which it is.
pub(super) fn detail(structure: &Structure, by: &[String]) -> Result<Detail, ActError> {
    let possible = structure.breakdowns();
    let breakdown = |id: &String| {
        let found = Breakdown::of_dimension(id).filter(|breakdown| possible.has(*breakdown));
        found.ok_or_else(|| {
            let known: Vec<_> = possible.iter().map(Breakdown::dimension).collect();
            let (dataset, known) = (&structure.id, known.join(", "));
            let what = anyhow!("{dataset} is not broken down by {id:?}: expected {known}");
            ActError::Input(what)
        })
    };
    by.iter().map(breakdown).collect()
}
