//! What is wrong with a decree, and where.

use std::fmt;

use birge_schemas::decree::Files;

/// Why a bundle is no decree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct DecreeError {
    /// Path inside the decree's folder.
    pub file: String,
    /// Line, from 1, where one can be named.
    pub line: Option<usize>,
    /// What is wrong, and what was expected.
    pub what: String,
}

impl DecreeError {
    pub(super) fn new(file: &str, line: Option<usize>, what: impl fmt::Display) -> Self {
        Self { file: file.to_owned(), line, what: what.to_string() }
    }

    /// For text that `serde_json` refused.
    #[allow(clippy::needless_pass_by_value, reason = "handed to map_err")]
    pub(super) fn json(file: &str, error: serde_json::Error) -> Self {
        Self::new(file, Some(error.line()), error)
    }
}

impl fmt::Display for DecreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.what),
            None => write!(f, "{}: {}", self.file, self.what),
        }
    }
}

/// The text of a file that every decree has.
pub(super) fn file<'a>(files: &'a Files, path: &str) -> Result<&'a str, DecreeError> {
    files
        .get(path)
        .map(String::as_str)
        .ok_or_else(|| DecreeError::new(path, None, "this file is missing from the decree"))
}

/// The line of the first occurrence of a JSON string in `text`.
pub(super) fn line_of(text: &str, string: &str) -> Option<usize> {
    let quoted = format!("\"{string}\"");
    text.find(&quoted).map(|offset| 1 + text[..offset].matches('\n').count())
}
