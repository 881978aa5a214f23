//! `agency-node pull`: a source is asked now, by hand.

use std::{fmt, path::PathBuf};

use birge_proto::{clock::Timestamp, manifest::BatchId};
use clap::Args;
use jiff::tz::TimeZone;
use serde::Serialize;
use tokio::task::spawn_blocking;

use super::{Asked, Place, Pulled};
use crate::{
    config::Source,
    handin::{self, Given, Taken},
    home,
    node::Node,
    output::{Exit, Failure, Reply},
    schedule::missed,
    submit::{self, Validate},
};

/// What `pull` is told.
#[derive(Debug, Clone, Args)]
pub struct Pull {
    /// Name of the source in node.toml.
    pub name: String,
    /// The reference period: 2024, 2024-S1, 2024-Q1, 2024-03; else the one that the source's
    /// `period` and `lag` lead to today.
    #[arg(long)]
    pub period: Option<String>,
    /// Write what the source gives into this file, and hand nothing in.
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    pub out: Option<PathBuf>,
    /// Check what the source gives as `validate` does; keep and hand in nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// What came of it.
#[derive(Serialize)]
struct Told {
    source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<String>,
    pulled: Pulled,
    /// What became of the file; none where another process takes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    batch: Option<BatchId>,
    #[serde(skip)]
    then: String,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.source)?;
        if let Some(period) = &self.period {
            write!(f, " for {period}")?;
        }
        if let Some(rows) = self.pulled.rows {
            write!(f, ": {rows} rows")?;
        }
        write!(f, ", {} bytes\n{}", self.pulled.bytes, self.then)
    }
}

/// Asks a source, and hands on what it gives.
///
/// # Errors
/// When there is no such source, or as for [`super::pull`].
pub async fn pull(node: &Node, asked: &Pull) -> Result<Reply, Failure> {
    let source = named(node, &asked.name)?;
    let period = match &asked.period {
        Some(period) => Asked::named(period)?,
        None => today(node, source)?,
    };
    if asked.dry_run {
        return dry_run(node, source, &period).await;
    }
    let stem = stem(source, &period, &mark(node.clock.now()));
    let place = match &asked.out {
        Some(file) => Place::File(file.clone()),
        None => Place::Folder(node.inbox(source), stem),
    };
    let pulled = whole(node, source, &period, place).await?;
    let (exit, batch, then) = match asked.out {
        Some(_) => (Exit::Done, None, format!("written to {}", pulled.file.display())),
        None => take(node, pulled.file.clone()).await?,
    };
    if let Some(period) = period.period.as_ref().filter(|_| asked.out.is_none()) {
        missed::settle(&node.home, &source.name, period)?;
    }
    let told = Told { source: source.name.clone(), period: period.period, pulled, batch, then };
    Reply::new(exit, &told)
}

/// All that a source gives, whether it gave that before or not.
async fn whole(
    node: &Node,
    source: &Source,
    asked: &Asked,
    place: Place,
) -> Result<Pulled, Failure> {
    let pulled = super::pull(node, source, asked, place, false).await?;
    pulled.ok_or_else(|| Failure::Wrong(format!("{} gives nothing", source.name)))
}

/// The name of a file that was pulled, without its ending.
#[must_use]
pub(crate) fn stem(source: &Source, asked: &Asked, mark: &str) -> String {
    match &asked.period {
        Some(period) => format!("{}_{period}_{mark}", source.name),
        None => format!("{}_{mark}", source.name),
    }
}

/// A moment in the name of a file.
#[must_use]
pub(crate) fn mark(moment: Timestamp) -> String {
    moment.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// What a source is asked for today.
pub(super) fn today(node: &Node, source: &Source) -> Result<Asked, Failure> {
    let Some(every) = source.period else { return Ok(Asked::default()) };
    let day = node.clock.now().to_zoned(time_zone(source)?).date();
    Ok(Asked::before(day, every, source.lag))
}

/// The time zone that a source's days and hours are counted in.
///
/// # Errors
/// When there is none of that name.
pub(crate) fn time_zone(source: &Source) -> Result<TimeZone, Failure> {
    TimeZone::get(&source.time_zone).map_err(|error| {
        Failure::Usage(format!(
            "the time_zone of {} is none: {error}\nnext: name one of the IANA's in node.toml, such \
             as \"Asia/Bishkek\"",
            source.name
        ))
    })
}

fn named<'a>(node: &'a Node, name: &str) -> Result<&'a Source, Failure> {
    let sources = &node.config.sources;
    sources.iter().find(|source| source.name == name).ok_or_else(|| {
        let names: Vec<_> = sources.iter().map(|source| source.name.as_str()).collect();
        let known = if names.is_empty() { "there is none".into() } else { names.join(", ") };
        Failure::Usage(format!(
            "node.toml has no source {name}: {known}\nnext: name one of these, or add a [[source]]"
        ))
    })
}

/// Takes what was pulled, as `run` would; where `run` runs, that does.
async fn take(node: &Node, file: PathBuf) -> Result<(Exit, Option<BatchId>, String), Failure> {
    let node = node.clone();
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let taken = spawn_blocking(move || match node.home.try_lock("run.lock")? {
        None => Ok::<_, Failure>(None),
        Some(_alone) => {
            let taken = handin::take(&node, &file)?;
            super::taken::note(&node, &file, &taken)?;
            Ok(Some(taken))
        }
    });
    Ok(match taken.await.map_err(anyhow::Error::from)?? {
        None => {
            (Exit::Done, None, format!("{name} is in the inbox, and `agency-node run` takes it"))
        }
        Some(Taken::Queued(batch)) => {
            let then = format!("queued as batch {batch}, which `agency-node run` hands in");
            (Exit::Done, Some(batch), then)
        }
        Some(Taken::Prepared(batch)) => {
            let then = format!(
                "batch {batch} waits for approval\nnext, the approver: agency-node approval show {batch}"
            );
            (Exit::Done, Some(batch), then)
        }
        Some(Taken::Already(batch)) => {
            let then = format!("the same as batch {batch} said: nothing to do");
            (Exit::Done, Some(batch), then)
        }
        Some(Taken::Rejected { errors }) => {
            let then = format!(
                "{errors} errors: nothing is handed in\nnext: read rejected/{name}.report.txt"
            );
            (Exit::Refused, None, then)
        }
    })
}

/// Checks what a source gives; nothing of it stays.
async fn dry_run(node: &Node, source: &Source, asked: &Asked) -> Result<Reply, Failure> {
    let folder = node.home.join("state").join(format!("pull-{}", source.name));
    home::create_dir(&folder)?;
    let pulled =
        whole(node, source, asked, Place::Folder(folder.clone(), source.name.clone())).await;
    let (node, mapping) = (node.clone(), source.mapping.as_ref().map(|it| node.home.join(it)));
    let checked = spawn_blocking(move || {
        let checked = pulled.and_then(|pulled| {
            let given = Given { file: pulled.file, mapping };
            let asked = Validate { given, report: vec![], annotated: None, language: None };
            submit::validate(&node, &asked)
        });
        let removed = std::fs::remove_dir_all(&folder).map_err(anyhow::Error::from);
        checked.and_then(|reply| removed.map(|()| reply).map_err(Failure::from))
    });
    checked.await.map_err(anyhow::Error::from)?
}
