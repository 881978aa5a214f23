//! The country whose decree the exchanges here are under: the model's own or, with
//! `BIRGE_COUNTRY=model-tj`, the second one's, in which the bodies that do the same are called
//! by the same short names, so that one suite runs on both.

use std::{env, path::PathBuf};

use anyhow::Result;
use birge_schemas::decree::{self, Files};

use crate::{binaries::workspace, template::not_tried};

/// Bodies of the second country by those of the model that do the same.
const SAME: [(&str, &str); 6] = [
    ("TAJSTAT", "NSC"),
    ("MLME", "MLSSM"),
    ("BT", "SBS"),
    ("NBT", "NBKR"),
    ("CAT", "COA"),
    ("CWFA", "CWFA"),
];

/// The folder of the country's decree; none for the model's own.
#[must_use]
pub fn folder() -> Option<PathBuf> {
    let country = env::var_os("BIRGE_COUNTRY")?;
    Some(workspace().join("schemas/decrees").join(country))
}

/// The files of the country's decree.
///
/// # Errors
/// When they cannot be read.
pub fn decree() -> Result<Files> {
    let Some(folder) = folder() else { return Ok(decree::files(&decree::model()?)?) };
    let mut files = decree::files(&decree::from_folder(&folder)?)?;
    for (path, text) in &mut files {
        for (theirs, ours) in SAME.iter().filter(|_| !path.starts_with("articles/")) {
            *text = text.replace(&format!("\"{theirs}\""), &format!("\"{ours}\""));
        }
    }
    Ok(files)
}

/// Is a test to be left out because it is about the model's own articles, thresholds, quorum or
/// dates? It is then told.
#[must_use]
pub fn model_only(test: &str) -> bool {
    let other = folder().is_some();
    if other {
        not_tried(&format!("{test} (it is about the model decree's own text)"));
    }
    other
}
