//! Batches that wait for the approval of the head or the deputy (article 5(1)): described, and
//! signed by nobody yet. Files under `outbox/prepared`, named by the batch's name so far.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use birge_proto::{
    manifest::{BatchId, Manifest},
    wire::SubmitHeader,
};

use super::{
    Past,
    file::{self, BatchFile, Slip},
};
use crate::{
    batch::Draft,
    home::{self, Home},
    output::Failure,
};

const FOLDER: &str = "outbox/prepared";

/// A batch that waits for approval.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Its name so far.
    pub batch: BatchId,
    /// What the node noted.
    pub slip: Slip,
    /// What will be signed.
    pub manifest: Manifest,
    /// Its file.
    pub path: PathBuf,
}

impl Prepared {
    /// Opens the file of one.
    ///
    /// # Errors
    /// When it cannot be read or is damaged.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let BatchFile { slip, header, manifest, .. } = BatchFile::open(path)?;
        let batch = BatchId::of(&header.manifest);
        Ok(Self { batch, slip, manifest, path: path.to_owned() })
    }

    /// The whole of it.
    ///
    /// # Errors
    /// When its file is damaged.
    pub fn draft(&self) -> Result<Draft, Failure> {
        let mut file = BatchFile::open(&self.path)?;
        let blocks = file.blocks()?;
        let Slip { content, justified, .. } = self.slip.clone();
        Ok(Draft { manifest: self.manifest.clone(), blocks, content, justified })
    }

    /// What the node knows of it, as of one that was handed in.
    #[must_use]
    pub fn past(&self) -> Past {
        let Manifest { dataset, periods, action, .. } = self.manifest.clone();
        let content = self.slip.content.clone();
        Past { batch: self.batch, dataset, periods, action, content }
    }
}

/// Keeps a batch until it is approved; when this returns it survives a power cut. The caller
/// holds the lock `outbox`.
///
/// # Errors
/// When the disk refuses.
pub fn keep(
    home: &Home,
    draft: Draft,
    source: String,
    from_inbox: bool,
) -> Result<BatchId, Failure> {
    let batch = draft.id()?;
    home::create_dir(&home.join(FOLDER))?;
    write(&home.join(FOLDER).join(format!("{batch}.batch")), draft, source, from_inbox)?;
    Ok(batch)
}

/// Writes a batch that nobody signed.
///
/// # Errors
/// When the disk refuses.
pub fn write(path: &Path, draft: Draft, source: String, from_inbox: bool) -> Result<(), Failure> {
    let manifest = draft.manifest.to_bytes().map_err(anyhow::Error::from)?;
    let Draft { blocks, content, justified, .. } = draft;
    let slip = Slip { source, from_inbox, content, justified };
    file::write(path, &slip, SubmitHeader { manifest, ..SubmitHeader::default() }, blocks)
}

/// Those that wait for approval, as they were prepared.
///
/// # Errors
/// When a file cannot be read or is damaged.
pub fn all(home: &Home) -> Result<Vec<Prepared>, Failure> {
    let files = match fs::read_dir(home.join(FOLDER)) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        Err(error) => return Err(anyhow::Error::from(error).into()),
    };
    let paths = files.flatten().map(|file| file.path());
    let batches = paths.filter(|path| path.extension().is_some_and(|ending| ending == "batch"));
    let mut prepared =
        batches.map(|path| Prepared::open(&path)).collect::<Result<Vec<_>, Failure>>()?;
    prepared.sort_by_key(|one| (one.manifest.prepared, one.batch));
    Ok(prepared)
}

/// The one of this name, or whose name begins so.
///
/// # Errors
/// When none or several are.
pub fn named(home: &Home, name: &str) -> Result<Prepared, Failure> {
    let all = all(home)?;
    let mut found = all.into_iter().filter(|one| one.batch.to_string().starts_with(name));
    match (found.next(), found.next()) {
        (Some(one), None) if !name.is_empty() => Ok(one),
        (Some(_), _) => Err(Failure::Usage(format!(
            "several batches that wait for approval begin with {name:?}\nnext: give more of the name"
        ))),
        (None, _) => Err(Failure::Usage(format!(
            "no batch {name} waits for approval\nnext: see which do: agency-node approval list"
        ))),
    }
}
