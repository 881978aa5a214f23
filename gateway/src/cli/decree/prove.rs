//! `gateway decree prove`: a statement, tried over everything that can be asked.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use birge_proto::{
    clock::Timestamp,
    identity::{Identity, Role},
};
use birge_schemas::structure::Structures;
use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    super::{Exit, Said},
    Folder, dimensions,
    law::{Law, dataset, detail},
};
use crate::{
    decree::{Claim, Tried, Way, Who, changes_only},
    operator::ActError,
};

/// Decisions against a statement that are told.
const TOLD: usize = 20;

/// Proves a statement, or tells what speaks against it and ends with 1.
#[derive(Debug, Args)]
pub(in super::super) struct Prove {
    #[command(subcommand)]
    statement: Statement,
    #[command(flatten)]
    law: Law,
}

#[derive(Debug, Subcommand)]
enum Statement {
    /// They never see it, broken down so or more finely, at any date from now on.
    Never(Seen),
    /// They always see it, broken down just so, at every date from now on.
    Always(Seen),
    /// A draft takes nothing away, and gives more to nobody else.
    Widens(Amendment),
    /// A draft gives nothing more, and takes away from nobody else.
    Narrows(Amendment),
}

#[derive(Debug, Args)]
struct Seen {
    /// Who: anybody, agency, auditor, operator, or one, such as agency/NSC.
    who: Who,
    /// Dataset.
    dataset: String,
    /// Broken down by these at least: REF_AREA,SEX.
    #[arg(long, value_delimiter = ',', value_name = "DIMENSIONS")]
    by: Vec<String>,
    /// With every small count.
    #[arg(long)]
    small_counts: bool,
    /// But for these: NSC,MIA.
    #[arg(long, value_delimiter = ',', value_name = "BODIES")]
    except: Vec<String>,
}

#[derive(Debug, Args)]
struct Amendment {
    /// The draft's folder.
    draft: PathBuf,
    /// For whom alone: NSC,MIA. Everybody when absent.
    #[arg(long, value_delimiter = ',', value_name = "BODIES")]
    only_for: Vec<String>,
}

impl Prove {
    pub(super) fn act(self, config: &Path, now: Timestamp) -> Result<(Said, Exit)> {
        let (seen, never) = match &self.statement {
            Statement::Never(seen) => (seen, true),
            Statement::Always(seen) => (seen, false),
            Statement::Widens(amendment) => {
                return amendment.tried(Way::Wider, &self.law, config, now);
            }
            Statement::Narrows(amendment) => {
                return amendment.tried(Way::Narrower, &self.law, config, now);
            }
        };
        let (decrees, structures) = self.law.from(config, now)?;
        let claim = seen.claim(&structures)?;
        let each: Vec<_> = decrees.iter().map(|decree| &**decree).collect();
        if !claim.means_somebody(&each) {
            // Said of nobody, everything would be so.
            let nobody = anyhow!("nobody of whom a decree speaks is meant: check the names");
            return Err(ActError::Input(nobody).into());
        }
        let all = match never {
            true => claim.never(&each, &structures),
            false => claim.always(&each, &structures),
        };
        let versions = decrees.iter().map(|decree| decree.name().version).collect::<Vec<_>>();
        Ok(told(&all, &versions.join(", ")))
    }
}

impl Seen {
    fn claim(&self, structures: &Structures) -> Result<Claim> {
        let structure = dataset(structures, &self.dataset)?;
        Ok(Claim {
            who: self.who.clone(),
            except: bodies(&self.except)?,
            dataset: structure.id.clone(),
            detail: detail(structure, &self.by)?,
            small_counts: self.small_counts,
        })
    }
}

impl Amendment {
    /// Against the decree that the draft would follow.
    fn tried(&self, way: Way, law: &Law, config: &Path, now: Timestamp) -> Result<(Said, Exit)> {
        let (draft, _) = Folder { folder: self.draft.clone() }.read()?;
        let (before, structures) = law.at(config, draft.in_force_from().max(now))?;
        let only_for = bodies(&self.only_for)?;
        let tried = changes_only(way, &only_for, &before, &draft, &structures);
        Ok(told(&tried, &format!("{}, and the draft", before.name().version)))
    }
}

/// `NSC` is `agency/NSC`.
fn bodies(names: &[String]) -> Result<Vec<Identity>, ActError> {
    let body = |name: &String| {
        let bare = name.parse().map(|body| Identity::of(Role::Agency, body));
        bare.or_else(|_| name.parse()).map_err(|error| ActError::Input(anyhow!("{error}")))
    };
    names.iter().map(body).collect()
}

fn told(tried: &Tried, versions: &str) -> (Said, Exit) {
    let Tried { decisions, against } = tried;
    let mut words = match against.len() {
        0 => format!("proved: no decision of {decisions} speaks against it"),
        count => format!("not so: {count} decisions of {decisions} speak against it"),
    };
    words += &format!(", by the decree of {versions}");
    for found in against.iter().take(TOLD) {
        let (principal, dataset, detail) = (&found.principal, &found.dataset, found.detail);
        let articles = found.articles.join(", ");
        words += &format!("\n  {principal}: {dataset} {detail}, under article {articles}");
    }
    if against.len() > TOLD {
        words += &format!("\n  and {} more", against.len() - TOLD);
    }
    let value = json!({
        "proved": against.is_empty(),
        "decisions": decisions,
        "against": against.iter().take(TOLD).map(|found| json!({
            "principal": found.principal, "dataset": found.dataset,
            "detail": dimensions(found.detail), "articles": found.articles,
        })).collect::<Vec<_>>(),
    });
    let exit = if against.is_empty() { Exit::Done } else { Exit::Refused };
    ((words, value), exit)
}
