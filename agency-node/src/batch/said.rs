//! What is said of a batch beside its file.

use std::{collections::BTreeMap, fs, path::Path};

use birge_proto::manifest::{BatchId, Cause};
use birge_schemas::finding::{Code, Finding, Report};
use serde::Deserialize;

use crate::source::{folder, only};

/// What is said of a batch beside its file: on the command line or in a sidecar.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Said {
    /// The batch that it revises.
    pub revises: Option<BatchId>,
    /// Why it revises.
    pub reason: Option<String>,
    /// The same in a word, which everybody is told.
    pub cause: Option<Cause>,
    /// Keys that disappear by a replacement.
    pub removes: Vec<String>,
    /// Why what the rules warn of is right, by the finding's code.
    pub justify: BTreeMap<Code, String>,
}

impl Said {
    /// Reads the sidecar of `file`, `FILE.batch.toml`; nothing is said where there is none.
    ///
    /// # Errors
    /// The finding, when it cannot be read.
    pub fn beside(file: &Path) -> Result<Self, Report> {
        let path = folder::sidecar(file);
        if !path.exists() {
            return Ok(Self::default());
        }
        let text = fs::read_to_string(&path).map_err(|error| error.to_string());
        text.and_then(|text| toml::from_str(&text).map_err(|error| error.to_string())).map_err(
            |error| {
                let expected = "revises, reason, cause, removes and justify, as TOML";
                only(Finding::new(Code::Format, expected, error).column(path.to_string_lossy()))
            },
        )
    }

    /// What this says, and where it is silent, what `other` says.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            revises: self.revises.or(other.revises),
            reason: self.reason.or(other.reason),
            cause: self.cause.or(other.cause),
            removes: if self.removes.is_empty() { other.removes } else { self.removes },
            justify: other.justify.into_iter().chain(self.justify).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sidecar_says_what_the_command_line_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.csv");
        assert_eq!(Said::beside(&file).unwrap(), Said::default());
        let text = "reason = \"corrected\"\nremoves = [\"A.KG\"]\n";
        fs::write(folder.path().join("a.csv.batch.toml"), text).unwrap();
        let line = Said { reason: Some("mine".into()), ..Said::default() };
        let said = line.or(Said::beside(&file).unwrap());
        assert_eq!((said.reason.as_deref(), said.removes.len()), (Some("mine"), 1));
        fs::write(folder.path().join("a.csv.batch.toml"), "surprise = 1").unwrap();
        assert_eq!(Said::beside(&file).unwrap_err().count(Code::Format), 1);
    }
}
