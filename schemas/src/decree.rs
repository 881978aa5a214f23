//! Decrees as they are kept: a folder of text files, and the same files as one bundle of
//! bytes, which is what the authority signs and the journal holds.
//!
//! A bundle is a JSON object from each file's path, with `/` between folders, to its text;
//! paths ascending, no white space: the same folder always gives the same bytes.

use std::{collections::BTreeMap, fs, io, path::Path};

use birge_proto::clock::Timestamp;
use include_dir::{Dir, DirEntry, include_dir};
use serde::Deserialize;

/// JSON Schema (2020-12) of a decree's `decree.json`.
pub const PARAMETERS_SCHEMA: &str = include_str!("../json/decree.json");

/// Bytes of all files of a decree together.
pub const DECREE_BYTES: usize = 4 << 20;

static MODEL: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/decrees/model");

/// The files of a decree by path.
pub type Files = BTreeMap<String, String>;

/// The first moment in which the decree in a bundle is in force.
///
/// # Errors
/// When the bundle does not say.
pub fn in_force_from(bundle: &[u8]) -> Result<Timestamp, FolderError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Parameters {
        in_force_from: Timestamp,
    }
    let files = files(bundle)?;
    let text = files.get("decree.json").map_or("", String::as_str);
    let parameters: Parameters =
        serde_json::from_str(text).map_err(|error| FolderError::Bundle(error.into()))?;
    Ok(parameters.in_force_from)
}

/// The model decree that ships with Birge, as a bundle.
///
/// # Errors
/// Never for the folder that was compiled in: it is text and within [`DECREE_BYTES`].
pub fn model() -> Result<Vec<u8>, FolderError> {
    let mut files = Files::new();
    embedded(&MODEL, &mut files);
    to_bundle(&files)
}

/// The decree in `folder`, as a bundle. Hidden files are left out.
///
/// # Errors
/// When the folder cannot be read, a file is not UTF-8, or all of it is too large.
pub fn from_folder(folder: &Path) -> Result<Vec<u8>, FolderError> {
    let mut files = Files::new();
    read(folder, "", &mut files)?;
    to_bundle(&files)
}

/// One bundle of all files.
///
/// # Errors
/// When they are larger than [`DECREE_BYTES`].
pub fn to_bundle(files: &Files) -> Result<Vec<u8>, FolderError> {
    let bundle = serde_json::to_vec(files).map_err(|error| FolderError::Bundle(error.into()))?;
    if bundle.len() > DECREE_BYTES { Err(FolderError::TooLarge) } else { Ok(bundle) }
}

/// The files of a bundle.
///
/// # Errors
/// When the bytes are no bundle, or larger than [`DECREE_BYTES`].
pub fn files(bundle: &[u8]) -> Result<Files, FolderError> {
    if bundle.len() > DECREE_BYTES {
        return Err(FolderError::TooLarge);
    }
    serde_json::from_slice(bundle).map_err(|error| FolderError::Bundle(error.into()))
}

fn embedded(folder: &Dir<'_>, files: &mut Files) {
    for entry in folder.entries() {
        match entry {
            DirEntry::Dir(inner) => embedded(inner, files),
            DirEntry::File(file) => {
                let path = file.path().to_string_lossy().replace('\\', "/");
                files.insert(path, String::from_utf8_lossy(file.contents()).into_owned());
            }
        }
    }
}

fn read(folder: &Path, prefix: &str, files: &mut Files) -> Result<(), FolderError> {
    let in_folder = |error| FolderError::Read(folder.display().to_string(), error);
    for entry in fs::read_dir(folder).map_err(in_folder)? {
        let entry = entry.map_err(in_folder)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let path = format!("{prefix}{name}");
        let in_file = |error| FolderError::Read(path.clone(), error);
        let facts = fs::metadata(entry.path()).map_err(in_file)?;
        if facts.is_dir() {
            read(&entry.path(), &format!("{path}/"), files)?;
        } else if facts.len() > DECREE_BYTES as u64 {
            return Err(FolderError::TooLarge);
        } else {
            let text = fs::read_to_string(entry.path()).map_err(in_file)?;
            files.insert(path, text);
        }
    }
    Ok(())
}

/// Why a folder or a bundle is no decree's.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A file or folder cannot be read.
    #[error("cannot read {0} of the decree: {1}")]
    Read(String, io::Error),
    /// Not a bundle.
    #[error("not a bundle of a decree's files: {0}")]
    Bundle(io::Error),
    /// Over the limit.
    #[error("the decree is larger than the {DECREE_BYTES} bytes allowed")]
    TooLarge,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_its_folder() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("decrees/model");
        let bundle = model().unwrap();
        assert_eq!(bundle, from_folder(&folder).unwrap());
        assert!(in_force_from(&bundle).unwrap() < "2026-01-01T00:00:00Z".parse().unwrap());
        assert!(in_force_from(b"{}").is_err());
        let files = files(&bundle).unwrap();
        for path in ["decree.json", "rules.cedar", "schema.cedarschema", "articles/en.json"] {
            assert!(files.contains_key(path), "{path}");
        }
        assert_eq!(to_bundle(&files).unwrap(), bundle);
    }

    #[test]
    fn what_is_no_bundle_is_refused() {
        assert!(matches!(files(b"[1]"), Err(FolderError::Bundle(_))));
        assert!(matches!(files(&vec![b' '; DECREE_BYTES + 1]), Err(FolderError::TooLarge)));
        assert!(from_folder(Path::new("/no/such/folder")).is_err());
    }
}
