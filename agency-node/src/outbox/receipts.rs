//! Filed receipts. Of each accepted batch three files, which together convince anybody, offline:
//!
//! ```text
//! receipts/<batch>.json     the record ("record", canonical JSON as text) and what opens its
//!                           commitment in the log ("opening", hex); what the node noted of it
//! receipts/<batch>.proof    c2sp.org/tlog-proof@v1: its place in the log, and the checkpoint with
//!                           the signatures of the log and of the witnesses
//! receipts/<batch>.policy   C2SP tlog-policy: the log's keys, and which witnesses must have
//!                           signed, as the authority stated it by then
//! ```
//! `agency-node audit prove` reads them; so does any tool for these formats.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use birge_proto::{
    clock::Timestamp,
    manifest::BatchId,
    record::{Counts, Event, Outcome, Record},
    tlog::policy::Judged,
};
use serde::{Deserialize, Serialize};

use super::{Past, files};
use crate::{
    home::{self, Home},
    output::Failure,
};

/// How far a receipt can be trusted (decree, article 9).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// The log alone signed.
    #[default]
    Sequenced,
    /// So many witnesses cosigned as the policy asks for.
    Witnessed,
}

impl Grade {
    /// The grade of a checkpoint that a policy judged.
    #[must_use]
    pub fn of(judged: &Judged) -> Self {
        if judged.witnessed { Self::Witnessed } else { Self::Sequenced }
    }
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sequenced => "sequenced",
            Self::Witnessed => "witnessed",
        })
    }
}

/// A filed receipt: the JSON file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Filed {
    /// The batch.
    pub batch: BatchId,
    /// Its place in the log: the number to cite.
    pub exchange: u64,
    /// Success or warning.
    pub outcome: Outcome,
    /// What happened to observations.
    pub counts: Counts,
    /// The file that it was made from.
    pub source: String,
    /// Digest of what it says; see [`super::file::Slip::content`].
    pub content: String,
    /// When the receipt was verified and filed.
    pub filed: Timestamp,
    /// The record, as the exact canonical JSON that the log commits to.
    pub record: String,
    /// Opening of the commitment: 32 bytes in hex.
    pub opening: String,
    /// By the policy filed with it.
    #[serde(default)]
    pub grade: Grade,
    /// Witnesses of that policy that cosigned the checkpoint, by their names there.
    #[serde(default)]
    pub cosigned: Vec<String>,
}

impl Filed {
    /// What the node needs to know of the batch later; `None` for a record that is none of an
    /// accepted batch, which is never filed.
    #[must_use]
    pub fn past(&self) -> Option<Past> {
        let record = Record::parse(self.record.as_bytes()).ok()?;
        let Event::SubmissionAccepted { batch, dataset, periods, action, .. } = record.event else {
            return None;
        };
        Some(Past { batch, dataset, periods, action, content: self.content.clone() })
    }
}

/// Where the receipt of a batch is filed.
#[must_use]
pub fn path(home: &Home, batch: BatchId) -> PathBuf {
    home.join("receipts").join(format!("{batch}.json"))
}

/// Files a receipt: the proof and the policy first, so that a receipt never lacks them. One that
/// is filed already is replaced file by file, each at once: proofs of one record go with any of
/// its other files.
///
/// # Errors
/// When the disk refuses.
pub fn file(home: &Home, filed: &Filed, proof: &[u8], policy: &str) -> Result<PathBuf, Failure> {
    let path = path(home, filed.batch);
    home::write(&path.with_extension("proof"), proof)?;
    home::write(&path.with_extension("policy"), policy.as_bytes())?;
    home::write(&path, &serde_json::to_vec_pretty(filed).map_err(anyhow::Error::from)?)?;
    Ok(path)
}

/// The proof that was filed with a receipt.
///
/// # Errors
/// When it cannot be read.
pub fn proof(home: &Home, batch: BatchId) -> Result<Vec<u8>, Failure> {
    let path = path(home, batch).with_extension("proof");
    fs::read(&path).map_err(|error| {
        Failure::Wrong(format!(
            "the proof {} cannot be read: {error}\nnext: restore it from your backup",
            path.display()
        ))
    })
}

/// Every filed receipt, by place in the log.
///
/// # Errors
/// When one cannot be read or is damaged.
pub fn all(home: &Home) -> Result<Vec<Filed>, Failure> {
    let mut filed = vec![];
    for path in files(&home.join("receipts"))? {
        if path.extension().is_some_and(|extension| extension == "json") {
            filed.push(read(&path)?);
        }
    }
    filed.sort_by_key(|filed: &Filed| filed.exchange);
    Ok(filed)
}

/// Reads one receipt.
///
/// # Errors
/// When it cannot be read or is damaged.
pub fn read(path: &Path) -> Result<Filed, Failure> {
    let damaged = |error: String| {
        Failure::Wrong(format!(
            "the receipt {} cannot be read: {error}\nnext: restore it from your backup, or remove \
             it and hand the batch in again: the gateway gives the same receipt",
            path.display()
        ))
    };
    let bytes = fs::read(path).map_err(|error| damaged(error.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))
}
