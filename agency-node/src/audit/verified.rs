//! How far the log was verified, so that the next look goes on from there: the size and root
//! that all of it led to, and the counters of every party by then.

use std::{collections::BTreeMap, fs, io, path::PathBuf};

use anyhow::Context;
use birge_proto::{
    clock::Timestamp,
    identity::Identity,
    record::SigningKeys,
    signatories::Signatories,
    tlog::{
        Hash,
        tile::{self, TilePath},
        writer::TileWriter,
    },
};
use serde::{Deserialize, Serialize};

use super::{tree::fetch_all, wrong};
use crate::{
    connect::Link,
    home::{self, Home},
    output::Failure,
};

/// By how much clocks may differ when a decree comes into force.
const SHORTLY: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);

/// What was verified so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Verified {
    /// Origin of the log.
    pub(super) origin: String,
    /// Entries.
    pub(super) size: u64,
    /// The root that they led to, in hex.
    pub(super) root: String,
    /// Records counted so far of each party that this node sees all of.
    pub(super) counters: BTreeMap<Identity, u64>,
    /// Time of the last record that was shown.
    pub(super) time: Option<Timestamp>,
    /// The authority's keys that the log's first record pins, and how many of them must sign a
    /// decree; none where that record is closed to this node.
    pub(super) signatories: Option<Signatories>,
    /// Decrees that were enacted, as far as their records were shown.
    #[serde(default)]
    pub(super) decrees: Vec<Enacted>,
    /// Origin and key of the log that is to go on, where the log was found frozen.
    #[serde(default)]
    pub(super) successor: Option<(String, String)>,
    /// The signing keys of those who are enrolled, as far as their records were shown.
    #[serde(default)]
    pub(super) keys: SigningKeys,
}

/// A decree that a record enacted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Enacted {
    /// First moment in force.
    pub(super) from: Timestamp,
    /// SHA-256 of its bundle, in hex.
    pub(super) digest: String,
}

impl Verified {
    /// Is it a decree that the records have in force about now? The gateway may have shown it
    /// shortly before, by a clock of its own.
    pub(super) fn in_force(&self, digest: &str, now: Timestamp) -> bool {
        let at = |time: Timestamp| {
            let begun = self.decrees.iter().filter(|decree| decree.from <= time);
            begun.max_by_key(|decree| decree.from).map(|decree| &*decree.digest)
        };
        let recorded = self.time.unwrap_or(now);
        let shortly = recorded.checked_sub(SHORTLY).unwrap_or(recorded);
        [now, recorded, shortly].map(at).contains(&Some(digest))
    }

    /// What was kept; nothing where nothing was verified yet, or another log.
    pub(super) fn load(home: &Home, origin: &str) -> Result<Self, Failure> {
        let path = place(home);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            read => read.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let verified: Self = serde_json::from_slice(&bytes).map_err(|error| {
            Failure::Wrong(format!(
                "{} is damaged: {error}\nnext: verify everything, with --all",
                path.display()
            ))
        })?;
        Ok(if verified.origin == origin { verified } else { Self::default() })
    }

    /// Keeps it.
    pub(super) fn keep(&self, home: &Home) -> Result<(), Failure> {
        let json = serde_json::to_vec_pretty(self).map_err(anyhow::Error::from)?;
        home::write(&place(home), &json)
    }

    /// The tree as far as it was verified: its right edge is fetched, and must lead to the
    /// root that was verified.
    pub(super) async fn resume(&self, link: &Link) -> Result<TileWriter, Failure> {
        if self.size == 0 {
            return Ok(TileWriter::new());
        }
        let paths: Vec<_> = tile::open(self.size).collect();
        let files: BTreeMap<TilePath, Vec<u8>> =
            fetch_all(link, paths).await?.into_iter().collect();
        let fetch = |path: &TilePath| -> io::Result<Vec<u8>> {
            files.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
        };
        let writer = TileWriter::resume(self.size, fetch)
            .map_err(|error| wrong(format!("the first {} entries", self.size), error))?;
        if hex::encode(writer.root()) != self.root {
            let what = "they no longer lead to the root that was verified here: the log's past \
                        was changed";
            return Err(wrong(format!("the first {} entries", self.size), what));
        }
        Ok(writer)
    }

    /// The same after more was verified.
    pub(super) fn up_to(self, size: u64, root: &Hash) -> Self {
        Self { size, root: hex::encode(root), ..self }
    }
}

fn place(home: &Home) -> PathBuf {
    home.join("state/verified.json")
}
