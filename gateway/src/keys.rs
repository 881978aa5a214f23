//! The folder of keys: what lies in it and how it is written.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use birge_proto::envelope::SigningKey;

/// The folder of keys. Files: `ca.key`, `ca.crt`, `tls.key`, `tls.crt`, `operator.key`,
/// `operator.crt`, `log.key`, `authority.key`.
pub struct Keys(PathBuf);

impl Keys {
    /// The keys in `folder`.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// Path of one file.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Reads a text file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&self, name: &str) -> Result<String> {
        let path = self.path(name);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    /// Writes a file that only its owner may read, and that must not exist yet.
    ///
    /// # Errors
    /// When it exists or cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.path(name);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("cannot create {}", path.display()))?;
        file.write_all(text.as_bytes())?;
        file.sync_all().with_context(|| format!("cannot write {}", path.display()))
    }

    /// Reads an Ed25519 key: PKCS#8 in hex.
    ///
    /// # Errors
    /// When it cannot be read or is no such key.
    pub fn signing_key(&self, name: &str) -> Result<SigningKey> {
        let der =
            hex::decode(self.read(name)?.trim()).with_context(|| format!("{name} is not hex"))?;
        SigningKey::from_pkcs8(&der).with_context(|| format!("{name} is no key"))
    }

    /// Makes and writes an Ed25519 key.
    ///
    /// # Errors
    /// When it exists or cannot be written.
    pub fn create_signing_key(&self, name: &str) -> Result<SigningKey> {
        let key = SigningKey::generate()?;
        self.write(name, &hex::encode(key.to_pkcs8()?))?;
        Ok(key)
    }
}
