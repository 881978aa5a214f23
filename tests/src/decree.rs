//! Decrees as an authority drafts them: the model decree, changed, in a folder.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use birge_proto::clock::Timestamp;
use birge_schemas::decree::{self, Files};
use serde_json::{Value, json};

use crate::country;

/// A decree before it is signed. Every file may be spoilt.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Texts by path.
    pub files: Files,
}

impl Draft {
    /// The country's decree as it ships.
    ///
    /// # Errors
    /// When it is no decree.
    pub fn model() -> Result<Self> {
        Ok(Self { files: country::decree()? })
    }

    /// The decree in a folder.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of(folder: &Path) -> Result<Self> {
        Ok(Self { files: decree::files(&decree::from_folder(folder)?)? })
    }

    /// The model decree as an amendment: another version, in force from `from`.
    ///
    /// # Errors
    /// As [`Self::model`].
    pub fn amendment(version: &str, from: Timestamp) -> Result<Self> {
        let mut draft = Self::model()?;
        draft.amend(version, from)?;
        Ok(draft)
    }

    /// Makes it an amendment: another version, in force from `from`.
    ///
    /// # Errors
    /// When its parameters do not parse.
    pub fn amend(&mut self, version: &str, from: Timestamp) -> Result<()> {
        self.change(|parameters| {
            parameters["version"] = json!(version);
            parameters["inForceFrom"] = json!(from.to_string());
        })
    }

    /// Changes the parameters, `decree.json`.
    ///
    /// # Errors
    /// When they do not parse.
    pub fn change(&mut self, change: impl FnOnce(&mut Value)) -> Result<()> {
        let text = self.files.get_mut("decree.json").context("no decree.json")?;
        let mut parameters = serde_json::from_str(text)?;
        change(&mut parameters);
        *text = serde_json::to_string_pretty(&parameters)?;
        Ok(())
    }

    /// Suspends a participant (article 10).
    ///
    /// # Errors
    /// When there is no such participant.
    pub fn suspend(&mut self, body: &str) -> Result<()> {
        let mut found = false;
        self.change(|parameters| {
            for participant in parameters["participants"].as_array_mut().into_iter().flatten() {
                if participant["id"] == body {
                    participant["suspended"] = json!(true);
                    found = true;
                }
            }
        })?;
        found.then_some(()).with_context(|| format!("{body} is no participant"))
    }

    /// The bytes that the authority signs.
    ///
    /// # Errors
    /// When they are too many.
    pub fn bundle(&self) -> Result<Vec<u8>> {
        Ok(decree::to_bundle(&self.files)?)
    }

    /// Writes the files below `folder`.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn write(&self, folder: &Path) -> Result<()> {
        for (path, text) in &self.files {
            let file = folder.join(path);
            fs::create_dir_all(file.parent().context("a file lies in a folder")?)?;
            fs::write(file, text)?;
        }
        Ok(())
    }
}
