//! What became of the newest file of a source: a file under `state/schedules`.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use birge_proto::{clock::Timestamp, manifest::BatchId};
use serde::{Deserialize, Serialize};

use crate::{
    handin::Taken,
    home::{self, Home},
    node::Node,
    output::Failure,
};

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Became {
    /// Its name.
    pub file: String,
    /// When it was taken.
    pub at: Timestamp,
    /// The batch that it became, or that said the same before.
    pub batch: Option<BatchId>,
    /// Errors that were found in it.
    pub errors: u64,
    /// Did a batch say the same before?
    pub already: bool,
}

impl fmt::Display for Became {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.batch, self.already) {
            (None, _) => write!(
                f,
                "{} breaks rules ({} errors): see rejected/{}{}",
                self.file,
                self.errors,
                self.file,
                home::REPORT
            ),
            (Some(batch), true) => write!(f, "{} says what batch {batch} said", self.file),
            (Some(batch), false) => write!(f, "{} became batch {batch}", self.file),
        }
    }
}

/// Notes what became of a file, where it is a source's.
///
/// # Errors
/// When the disk refuses.
pub fn note(node: &Node, file: &Path, taken: &Taken) -> Result<(), Failure> {
    let mut sources = node.config.sources.iter();
    let Some(source) = sources.find(|it| file.parent() == Some(&node.inbox(it))) else {
        return Ok(());
    };
    let (batch, errors, already) = match taken {
        Taken::Queued(batch) | Taken::Prepared(batch) => (Some(*batch), 0, false),
        Taken::Already(batch) => (Some(*batch), 0, true),
        Taken::Rejected { errors } => (None, *errors, false),
    };
    let file = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let became = Became { file, at: node.clock.now(), batch, errors, already };
    home::create_dir(&node.home.join("state/schedules"))?;
    let json = serde_json::to_vec_pretty(&became).map_err(anyhow::Error::from)?;
    home::write(&path(&node.home, &source.name), &json)
}

/// What became of the newest file of a source; none where none was taken yet.
///
/// # Errors
/// When that cannot be read.
pub fn of(home: &Home, name: &str) -> Result<Option<Became>, Failure> {
    let path = path(home, name);
    let wrong = |error: &dyn std::error::Error| {
        Failure::Wrong(format!("cannot read {}: {error}\nnext: delete it", path.display()))
    };
    match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| wrong(&error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(wrong(&error)),
    }
}

fn path(home: &Home, name: &str) -> PathBuf {
    home.join("state/schedules").join(format!("{name}.taken"))
}
