//! Who may approve, and who could when: a file to which lines are added and from which none is
//! taken. Each line names the digest of the one before it and is signed: by an approver of that
//! time, or by the node itself where a letter (an order, say) is all there is.

use std::{fs, io::ErrorKind, path::PathBuf};

use birge_proto::{
    clock::Timestamp,
    envelope::{APPROVER_TYPE, SigningKey, VerifyingKey, sha256},
};
use serde::{Deserialize, Serialize};

use super::key;
use crate::{
    credentials::Enrolment,
    home::{self, Home},
    output::Failure,
};

/// What a line does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Act {
    /// The key may approve from here on.
    Named,
    /// It may no longer.
    Ended,
}

/// One line's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Entry {
    /// SHA-256 of the line before, in hex; empty for the first.
    pub before: String,
    /// When.
    pub at: Timestamp,
    /// What.
    pub act: Act,
    /// The office held.
    pub office: String,
    /// The approver's public key, in hex.
    pub key: String,
    /// On what ground: the number of an order, say.
    pub ground: String,
    /// The public key that signed the line, in hex: an approver's or the node's.
    pub by: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    /// The entry, as the exact JSON that was signed.
    entry: String,
    /// In hex.
    signature: String,
}

/// Who may approve.
#[derive(Debug, Default)]
pub struct Register {
    /// Every line.
    pub entries: Vec<Entry>,
    last: String,
}

impl Register {
    /// Reads the register and checks every line of it.
    ///
    /// # Errors
    /// When it cannot be read, or a line was changed, taken out or signed by nobody who could.
    pub fn load(home: &Home) -> Result<Self, Failure> {
        let path = path(home);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => {
                let shown = path.display();
                return Err(Failure::Wrong(format!("cannot read {shown}: {error}")));
            }
        };
        let node = Enrolment::of(home)?.signing_key;
        let mut register = Self::default();
        for (place, line) in text.lines().enumerate() {
            register.take(line, &node).map_err(|what| {
                Failure::Wrong(format!(
                    "{}, line {}: {what}\nnext: restore it from your backup; until then nothing is \
                     approved",
                    path.display(),
                    place + 1
                ))
            })?;
        }
        Ok(register)
    }

    fn take(&mut self, text: &str, node: &str) -> Result<(), String> {
        let line: Line = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let entry: Entry = serde_json::from_str(&line.entry).map_err(|error| error.to_string())?;
        if entry.before != self.last {
            return Err("the line before it is missing or was changed".into());
        }
        if entry.by != node && self.current(&entry.by).is_none() {
            return Err("whoever signed it was no approver then".into());
        }
        let signature = hex::decode(&line.signature).unwrap_or_default();
        key::public(&entry.by)?
            .verify(APPROVER_TYPE, line.entry.as_bytes(), &signature)
            .map_err(|error| error.to_string())?;
        self.last = hex::encode(sha256(text.as_bytes()));
        self.entries.push(entry);
        Ok(())
    }

    /// The office of a key that may approve.
    #[must_use]
    pub fn current(&self, key: &str) -> Option<&str> {
        let last = self.entries.iter().rfind(|entry| entry.key == key)?;
        (last.act == Act::Named).then_some(last.office.as_str())
    }

    /// Those who may approve: office and key.
    #[must_use]
    pub fn approvers(&self) -> Vec<&Entry> {
        let named = self.entries.iter().enumerate().filter(|(place, entry)| {
            let later = &self.entries[place + 1..];
            entry.act == Act::Named && !later.iter().any(|other| other.key == entry.key)
        });
        named.map(|(_, entry)| entry).collect()
    }

    /// Adds a line; when this returns it is on disk. The caller holds the lock `approvers`.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn add(
        &mut self,
        home: &Home,
        act: Act,
        (office, key): (&str, &VerifyingKey),
        ground: &str,
        (signer, at): (&SigningKey, Timestamp),
    ) -> Result<(), Failure> {
        let entry = Entry {
            before: self.last.clone(),
            at,
            act,
            office: office.to_owned(),
            key: hex::encode(key.0),
            ground: ground.to_owned(),
            by: hex::encode(signer.verifying_key().0),
        };
        let signed = serde_json::to_string(&entry).map_err(anyhow::Error::from)?;
        let signature = hex::encode(signer.sign(APPROVER_TYPE, signed.as_bytes()));
        let line = Line { entry: signed, signature };
        let line = serde_json::to_string(&line).map_err(anyhow::Error::from)?;
        let path = path(home);
        let before = match fs::read(&path) {
            Ok(before) => before,
            Err(error) if error.kind() == ErrorKind::NotFound => vec![],
            Err(error) => return Err(anyhow::Error::from(error).into()),
        };
        home::write_with(&path, |out| {
            out.write_all(&before)?;
            writeln!(out, "{line}")
        })?;
        self.last = hex::encode(sha256(line.as_bytes()));
        self.entries.push(entry);
        Ok(())
    }
}

fn path(home: &Home) -> PathBuf {
    home.join("approvers.jsonl")
}
