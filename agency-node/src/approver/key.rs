//! An approver's key: Ed25519 as PKCS#8, encrypted with a passphrase that only the approver knows
//! (RFC 8018: PBES2 with scrypt and AES-256), in a file that the approver keeps.

use std::{fs, path::Path};

use birge_proto::envelope::{SigningKey, VerifyingKey};
use pkcs8::{
    EncryptedPrivateKeyInfo, LineEnding, PrivateKeyInfo, SecretDocument, der::pem::PemLabel,
    rand_core::OsRng,
};
use serde::{Deserialize, Serialize};

use crate::{home, output::Failure};

/// Bytes of the longest key file.
const LONGEST: usize = 1 << 14;

/// A key file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct KeyFile {
    /// The office held: it is what a batch says of its approval.
    pub office: String,
    /// The public key, 32 bytes in hex.
    pub public_key: String,
    /// PEM: the private key, encrypted.
    pub private_key: String,
}

impl KeyFile {
    /// Makes a key and encrypts it.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn make(office: &str, passphrase: &str) -> Result<Self, Failure> {
        let key = SigningKey::generate().map_err(anyhow::Error::from)?;
        let plain = SecretDocument::try_from(key.to_pkcs8().map_err(anyhow::Error::from)?);
        let sealed = plain.map_err(pkcs8::Error::from).and_then(|plain| {
            let key = PrivateKeyInfo::try_from(plain.as_bytes())?;
            let sealed = key.encrypt(OsRng, passphrase)?;
            Ok(sealed.to_pem(EncryptedPrivateKeyInfo::PEM_LABEL, LineEnding::LF)?)
        });
        let sealed = sealed.map_err(|error| anyhow::anyhow!("cannot encrypt the key: {error}"))?;
        Ok(Self {
            office: office.to_owned(),
            public_key: hex::encode(key.verifying_key().0),
            private_key: sealed.to_string(),
        })
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// When it cannot be read, or is none.
    pub fn load(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        let bytes = fs::read(path)
            .map_err(|error| Failure::Usage(format!("cannot read the key {shown}: {error}")))?;
        Self::parse(&bytes).map_err(|what| {
            Failure::Wrong(format!(
                "{shown} is no approver's key: {what}\nnext: name the file that `agency-node \
                 approver new` wrote"
            ))
        })
    }

    /// As [`Self::load`], of a file's bytes.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > LONGEST {
            return Err(format!("it has {} bytes, expected at most {LONGEST}", bytes.len()));
        }
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }

    /// Writes it where there is no file yet, for its owner alone.
    ///
    /// # Errors
    /// When there is one, or the disk refuses.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let mut text = serde_json::to_vec_pretty(self).map_err(anyhow::Error::from)?;
        text.push(b'\n');
        home::write_new(path, &text)
    }

    /// The private key.
    ///
    /// # Errors
    /// When the passphrase is another, or the file was changed.
    pub fn open(&self, passphrase: &str) -> Result<SigningKey, Failure> {
        let wrong = || {
            Failure::Wrong(
                "the key does not open: the passphrase is another, or the file was changed\nnext: \
                 try again; a lost key is replaced with `agency-node approver`"
                    .into(),
            )
        };
        let opened = SecretDocument::from_pem(&self.private_key).ok().and_then(|(_, sealed)| {
            let sealed = EncryptedPrivateKeyInfo::try_from(sealed.as_bytes()).ok()?;
            let plain = sealed.decrypt(passphrase).ok()?;
            SigningKey::from_pkcs8(plain.as_bytes()).ok()
        });
        let key = opened.ok_or_else(wrong)?;
        match hex::encode(key.verifying_key().0) == self.public_key {
            true => Ok(key),
            false => Err(wrong()),
        }
    }
}

/// Reads a public key in hex.
///
/// # Errors
/// When it is none.
pub fn public(text: &str) -> Result<VerifyingKey, String> {
    let expected = || String::from("expected a public key: 64 hexadecimal digits");
    let bytes = hex::decode(text.trim()).map_err(|_| expected())?;
    VerifyingKey::from_bytes(&bytes).map_err(|_| expected())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_opens_with_its_passphrase_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("head.key");
        let made = KeyFile::make("head of statistics", "correct horse battery").unwrap();
        made.write(&path).unwrap();
        let read = KeyFile::load(&path).unwrap();
        assert_eq!(read, made);
        let key = read.open("correct horse battery").unwrap();
        assert_eq!(public(&made.public_key).unwrap(), key.verifying_key());
        assert!(read.open("correct horse batterie").is_err());
        let mut other = read.clone();
        other.public_key = hex::encode([7; 32]);
        assert!(other.open("correct horse battery").is_err(), "of another key");
        assert!(made.write(&path).is_err(), "a key is never written over");
        assert!(read.private_key.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
        fs::write(&path, "{}").unwrap();
        assert!(KeyFile::load(&path).unwrap_err().to_string().contains("no approver's key"));
    }
}
