//! Where structures come from: the files in this crate, or a bundle that was adopted.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use include_dir::{Dir, DirEntry, include_dir};

use super::{StructureError, Structures, compile};

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/structures");

impl Structures {
    /// The structures that the product ships with; compiled once per process.
    ///
    /// # Errors
    /// When the files of this build contradict one another.
    pub fn bundled() -> Result<Arc<Self>, StructureError> {
        static COMPILED: OnceLock<Result<Arc<Structures>, StructureError>> = OnceLock::new();
        let compiled = || {
            let mut files = BTreeMap::new();
            collect(&FILES, &mut files);
            compile::structures(files).map(Arc::new)
        };
        COMPILED.get_or_init(compiled).clone()
    }

    /// Reads what [`Structures::to_bundle`] wrote.
    ///
    /// # Errors
    /// When the bytes are no bundle, or its files contradict one another.
    pub fn from_bundle(bytes: &[u8]) -> Result<Self, StructureError> {
        let files = serde_json::from_slice(bytes).map_err(|error| StructureError {
            file: "bundle".to_owned(),
            what: format!("expected a JSON object of texts by path: {error}"),
        })?;
        compile::structures(files)
    }

    /// All files as one JSON object, texts by path, in the order of the paths: the same
    /// structures always give the same bytes.
    #[must_use]
    pub fn to_bundle(&self) -> Vec<u8> {
        serde_json::to_vec(&self.files).unwrap_or_default()
    }
}

fn collect(folder: &Dir<'_>, files: &mut BTreeMap<String, String>) {
    for entry in folder.entries() {
        match entry {
            DirEntry::Dir(folder) => collect(folder, files),
            DirEntry::File(file) => {
                let path = file.path().to_string_lossy().replace('\\', "/");
                if let Some(text) = file.contents_utf8().filter(|_| path.ends_with(".json")) {
                    files.insert(path, text.to_owned());
                }
            }
        }
    }
}
