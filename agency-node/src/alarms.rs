//! What must not go unseen: each alarm is a file in `alarms/` of the node's folder, with its
//! evidence beside it. An alarm stands until somebody settles it with a note.
//!
//! ```text
//! alarms/<name>.json            what happened, and what to do next
//! alarms/<name>.<evidence>      notes, proofs, records
//! alarms/settled/               what was dealt with, each with its note
//! ```
//! A name is the kind and the first half of a digest of the evidence, so that the same evidence
//! raises no second alarm.

use std::{fmt, fs, path::PathBuf};

use birge_proto::{clock::Timestamp, envelope::sha256};
use serde::{Deserialize, Serialize};
use tracing::error;

use crate::{
    home::{self, Home},
    output::{Exit, Failure, Reply},
};

const FOLDER: &str = "alarms";
const SETTLED: &str = "alarms/settled";
/// Alarms of one kind that stand at a time: whoever can cause one must not fill the disk.
const MOST_OF_A_KIND: usize = 32;

/// What an alarm is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The log signed two histories.
    Fork,
    /// The log became smaller.
    Shrank,
    /// A key was enrolled in this node's name that is not its own.
    UnknownKey,
    /// A batch was accepted in this node's name that it knows nothing of.
    UnknownSubmission,
    /// What the gateway keeps of the log is not what it signed.
    DamagedLog,
}

impl Kind {
    /// The kind as it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fork => "fork",
            Self::Shrank => "shrank",
            Self::UnknownKey => "unknown-key",
            Self::UnknownSubmission => "unknown-submission",
            Self::DamagedLog => "damaged-log",
        }
    }

    /// What whoever reads the alarm does next.
    fn next(self) -> &'static str {
        match self {
            Self::Fork | Self::Shrank | Self::DamagedLog => {
                "hand in nothing more; tell the Chamber of Accounts and send it these files; keep \
                 alarms/, state/ and receipts/ as they are"
            }
            Self::UnknownKey => {
                "if this node was made anew and this was its earlier key, settle the alarm with that \
                 note; if not, somebody was enrolled in its name: tell the Chamber of Accounts and \
                 the authority, and keep this folder"
            }
            Self::UnknownSubmission => {
                "if this node lost its folder, or the agency has another one, settle the alarm with \
                 that note; if not, somebody signed in its name: tell the Chamber of Accounts, have \
                 the signing key revoked, and keep this folder"
            }
        }
    }
}

/// An alarm that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Alarm {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub kind: Kind,
    /// When it was raised.
    pub time: Timestamp,
    /// What happened.
    pub what: String,
    /// What to do.
    pub next: String,
    /// Files of evidence, which lie beside it.
    pub evidence: Vec<String>,
    /// How it was settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ALARM {}: {}\n  next: {}", self.name, self.what, self.next)
    }
}

/// Raises an alarm, unless the same evidence raised one before; answers with its name if it is
/// new. The evidence, by the endings of its files, is on the disk before the alarm.
///
/// # Errors
/// When the disk refuses.
pub fn raise(
    home: &Home,
    now: Timestamp,
    kind: Kind,
    what: &str,
    evidence: &[(&str, &[u8])],
) -> Result<Option<String>, Failure> {
    let mut digested = kind.name().as_bytes().to_vec();
    for (ending, bytes) in evidence {
        digested.extend([ending.as_bytes(), b"\0", &sha256(bytes)].concat());
    }
    if evidence.is_empty() {
        digested.extend(what.as_bytes());
    }
    let name = format!("{}-{}", kind.name(), hex::encode(&sha256(&digested)[..16]));
    home::create_dir(&home.join(SETTLED))?;
    // Two processes of a node may meet the same evidence at once.
    let _lock = home.lock("alarms.lock")?;
    if path(home, FOLDER, &name).exists() || path(home, SETTLED, &name).exists() {
        return Ok(None);
    }
    if standing(home)?.iter().filter(|alarm| alarm.kind == kind).count() >= MOST_OF_A_KIND {
        error!("{MOST_OF_A_KIND} alarms of this kind stand; not kept: {what}");
        return Ok(None);
    }
    let mut files = vec![];
    for (ending, bytes) in evidence {
        let file = format!("{name}.{ending}");
        home::write(&home.join(FOLDER).join(&file), bytes)?;
        files.push(file);
    }
    let alarm = Alarm {
        name: name.clone(),
        kind,
        time: now,
        what: what.to_owned(),
        next: kind.next().to_owned(),
        evidence: files,
        note: None,
    };
    write(home, FOLDER, &alarm)?;
    error!("{alarm}");
    Ok(Some(name))
}

/// Every alarm that stands, by name.
///
/// # Errors
/// When the folder or an alarm cannot be read.
pub fn standing(home: &Home) -> Result<Vec<Alarm>, Failure> {
    let folder = home.join(FOLDER);
    let mut alarms = vec![];
    for entry in fs::read_dir(&folder).into_iter().flatten() {
        let path = entry.map_err(anyhow::Error::from)?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            alarms.push(read(&path)?);
        }
    }
    alarms.sort_by(|a: &Alarm, b| a.name.cmp(&b.name));
    Ok(alarms)
}

/// `agency-node alarms settle`: moves an alarm with its evidence to `alarms/settled/`, with a
/// note of how it was dealt with.
///
/// # Errors
/// When there is no such alarm, the note says nothing, or the disk refuses.
pub fn settle(home: &Home, name: &str, note: &str) -> Result<Reply, Failure> {
    let names = || standing(home).map(|all| all.into_iter().map(|alarm| alarm.name));
    if note.trim().is_empty() {
        return Err(Failure::Usage("say with --note how the alarm was dealt with".into()));
    }
    if !names()?.any(|known| known == name) {
        let all = names()?.collect::<Vec<_>>().join(", ");
        return Err(Failure::Usage(format!(
            "there is no alarm {name:?}; standing: {}",
            if all.is_empty() { "none" } else { &all }
        )));
    }
    home::create_dir(&home.join(SETTLED))?;
    let _lock = home.lock("alarms.lock")?;
    let alarm = Alarm { note: Some(note.trim().to_owned()), ..read(&path(home, FOLDER, name))? };
    // The settled alarm first: after a crash it stands still, and is settled once more.
    write(home, SETTLED, &alarm)?;
    for file in &alarm.evidence {
        let from = home.join(FOLDER).join(file);
        if from.exists() {
            home::rename(&from, &home.join(SETTLED).join(file))?;
        }
    }
    fs::remove_file(path(home, FOLDER, name)).map_err(anyhow::Error::from)?;
    let json = serde_json::to_value(&alarm).map_err(anyhow::Error::from)?;
    let text = format!("settled {name}; it lies in {}", home.join(SETTLED).display());
    Ok(Reply { exit: Exit::Done, text, aside: String::new(), json })
}

fn path(home: &Home, folder: &str, name: &str) -> PathBuf {
    home.join(folder).join(format!("{name}.json"))
}

fn write(home: &Home, folder: &str, alarm: &Alarm) -> Result<(), Failure> {
    let text = serde_json::to_vec_pretty(alarm).map_err(anyhow::Error::from)?;
    home::write(&path(home, folder, &alarm.name), &text)
}

fn read(path: &std::path::Path) -> Result<Alarm, Failure> {
    let damaged = |error: String| {
        Failure::Wrong(format!(
            "the alarm {} cannot be read: {error}\nnext: look at the files of that name; then move \
             them out of alarms/",
            path.display()
        ))
    };
    let bytes = fs::read(path).map_err(|error| damaged(error.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home() -> (tempfile::TempDir, Home) {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        home.create().unwrap();
        (folder, home)
    }

    fn now() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    #[test]
    fn the_same_evidence_raises_one_alarm_settled_or_not() {
        let (_folder, home) = home();
        let fork = |note: &[u8]| raise(&home, now(), Kind::Fork, "two", &[("note", note)]).unwrap();
        let name = fork(b"a").unwrap();
        assert_eq!(fork(b"a"), None);
        assert!(fork(b"b").is_some());
        assert!(raise(&home, now(), Kind::DamagedLog, "two", &[("note", b"a")]).unwrap().is_some());
        assert_eq!(standing(&home).unwrap().len(), 3);
        assert!(home.join(format!("alarms/{name}.note")).exists());
        settle(&home, &name, "").unwrap_err();
        settle(&home, "fork-0", "?").unwrap_err();
        settle(&home, &name, "the Chamber has it").unwrap();
        assert!(home.join(format!("alarms/settled/{name}.note")).exists());
        assert_eq!(standing(&home).unwrap().len(), 2);
        assert_eq!(fork(b"a"), None, "settled evidence raises it again");
    }

    #[test]
    fn alarms_of_a_kind_are_bounded() {
        let (_folder, home) = home();
        for number in 0..40_u8 {
            raise(&home, now(), Kind::Fork, "two", &[("note", &[number])]).unwrap();
        }
        assert_eq!(standing(&home).unwrap().len(), MOST_OF_A_KIND);
        assert!(raise(&home, now(), Kind::UnknownKey, "a key", &[]).unwrap().is_some());
    }

    #[test]
    fn every_kind_reads_as_it_is_written() {
        for kind in
            [Kind::Fork, Kind::Shrank, Kind::UnknownKey, Kind::UnknownSubmission, Kind::DamagedLog]
        {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }
}
