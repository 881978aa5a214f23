//! The newest that the authority was seen to state. A gateway that shows an older decree, an
//! older statement on a witness, or a log's key that was retired, rightly signed as they once
//! were, would bring back what counts no more: none of it is taken.

use std::{collections::BTreeMap, fs, io};

use birge_proto::{clock::Timestamp, identity::Identity, tlog::note::NoteVerifier};
use serde::{Deserialize, Serialize};

use super::wrong;
use crate::{
    home::{self, Home},
    output::Failure,
};

/// Where it is kept.
const FILE: &str = "state/stated.json";

/// What was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Newest {
    /// First moment in force of the decree shown last.
    pub(crate) in_force_from: Option<Timestamp>,
    /// SHA-256 of its bundle, in hex.
    pub(crate) decree: String,
    /// When the keys of each witness were stated.
    pub(crate) witnesses: BTreeMap<Identity, Timestamp>,
    /// Keys of the log that were retired, or of logs that were frozen.
    pub(crate) retired: Vec<String>,
}

impl Newest {
    /// What was seen so far.
    ///
    /// # Errors
    /// When the file is damaged.
    pub(crate) fn load(home: &Home) -> Result<Self, Failure> {
        let path = home.join(FILE);
        let damaged = |error: &dyn std::fmt::Display| {
            Failure::Wrong(format!(
                "{} is damaged: {error}\nnext: restore it from your backup; without one, remove \
                 it: the node believes what the authority stated last, as the gateway shows it",
                path.display()
            ))
        };
        match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(damaged(&error)),
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| damaged(&error)),
        }
    }

    /// Keeps it.
    pub(super) fn keep(&self, home: &Home) -> Result<(), Failure> {
        let json = serde_json::to_vec_pretty(self).map_err(anyhow::Error::from)?;
        home::write(&home.join(FILE), &json)
    }

    /// What was seen when also `shown` was.
    ///
    /// # Errors
    /// When anything in `shown` is older than what was seen.
    pub(super) fn and(mut self, shown: Self, now: &[NoteVerifier]) -> Result<Self, Failure> {
        if let (Some(seen), Some(from)) = (self.in_force_from, shown.in_force_from)
            && from < seen
        {
            let what =
                format!("it is in force from {from}, and one in force from {seen} was shown");
            return Err(wrong("the decree", what));
        }
        for (identity, stated) in shown.witnesses {
            let seen = self.witnesses.entry(identity).or_insert(stated);
            if stated < *seen {
                let what = format!("it was stated at {stated}, and another at {seen} was shown");
                return Err(wrong("the keys of a witness", what));
            }
            *seen = stated;
        }
        if let Some(back) = now.iter().find(|key| self.retired.contains(&key.to_string())) {
            return Err(wrong("the log's keys", format!("{back} was retired, and is shown again")));
        }
        for key in shown.retired {
            if !self.retired.contains(&key) {
                self.retired.push(key);
            }
        }
        Ok(Self { in_force_from: shown.in_force_from, decree: shown.decree, ..self })
    }
}
