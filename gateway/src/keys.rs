//! The folder of keys: what lies in it and how it is written.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use birge_proto::envelope::SigningKey;

/// The folder of keys. Files: `ca.key`, `ca.crt`, `tls.key`, `tls.crt`, `operator.key`,
/// `operator.crt`, `log.key`, and `log-<id>.key` for each key that was added to the log. The key of the authority that signs decrees is not among them: it
/// is kept where the operator cannot use it.
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
        write_new(&self.path(name), text)
    }

    /// Reads an Ed25519 key: PKCS#8 in hex.
    ///
    /// # Errors
    /// When it cannot be read or is no such key.
    pub fn signing_key(&self, name: &str) -> Result<SigningKey> {
        read_signing_key(&self.path(name))
    }

    /// Makes and writes an Ed25519 key.
    ///
    /// # Errors
    /// When it exists or cannot be written.
    pub fn create_signing_key(&self, name: &str) -> Result<SigningKey> {
        create_signing_key(&self.path(name))
    }
}

/// Reads an Ed25519 key: PKCS#8 in hex.
///
/// # Errors
/// When it cannot be read or is no such key.
pub fn read_signing_key(path: &Path) -> Result<SigningKey> {
    let shown = path.display();
    let text = fs::read_to_string(path).with_context(|| format!("cannot read the key {shown}"))?;
    let der = hex::decode(text.trim()).with_context(|| format!("the key {shown} is not hex"))?;
    SigningKey::from_pkcs8(&der).with_context(|| format!("{shown} is no key"))
}

/// Makes and writes an Ed25519 key.
///
/// # Errors
/// When the file exists or cannot be written.
pub fn create_signing_key(path: &Path) -> Result<SigningKey> {
    let key = SigningKey::generate()?;
    write_new(path, &hex::encode(key.to_pkcs8()?))?;
    Ok(key)
}

/// Writes a file that only its owner may read, and that must not exist yet, so that it lasts.
fn write_new(path: &Path, text: &str) -> Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot create {}", path.display()))?;
    file.write_all(text.as_bytes())?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    file.sync_all()
        .and_then(|()| File::open(folder)?.sync_all())
        .with_context(|| format!("cannot write {}", path.display()))
}
