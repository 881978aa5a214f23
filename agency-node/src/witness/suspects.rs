//! Signed checkpoints that somebody showed and that were not yet found to fit with what this node
//! holds. They lie in `state/suspects/` until the gateway has explained them, or an alarm has.

use std::{fs, path::PathBuf};

use birge_proto::envelope::sha256;
use tracing::warn;

use crate::{
    home::{self, Home},
    output::Failure,
};

const FOLDER: &str = "state/suspects";
/// How many are kept at a time.
const MOST: usize = 64;

/// Keeps a note until it is explained.
///
/// # Errors
/// When the disk refuses.
pub fn keep(home: &Home, note: &[u8]) -> Result<(), Failure> {
    home::create_dir(&home.join(FOLDER))?;
    let path = path(home, note);
    if path.exists() {
        return Ok(());
    }
    if all(home)?.len() >= MOST {
        warn!("{MOST} checkpoints wait to be explained: one more is let go");
        return Ok(());
    }
    home::write(&path, note)
}

/// The notes that wait to be explained.
///
/// # Errors
/// When one cannot be read.
pub fn all(home: &Home) -> Result<Vec<Vec<u8>>, Failure> {
    let mut notes = vec![];
    for entry in fs::read_dir(home.join(FOLDER)).into_iter().flatten() {
        let path = entry.map_err(anyhow::Error::from)?.path();
        if path.extension().is_some_and(|extension| extension == "note") {
            notes.push(fs::read(&path).map_err(anyhow::Error::from)?);
        }
    }
    notes.sort();
    Ok(notes)
}

/// Lets go of a note that was explained.
///
/// # Errors
/// When the disk refuses.
pub fn forget(home: &Home, note: &[u8]) -> Result<(), Failure> {
    let path = path(home, note);
    if path.exists() {
        fs::remove_file(path).map_err(anyhow::Error::from)?;
    }
    Ok(())
}

fn path(home: &Home, note: &[u8]) -> PathBuf {
    home.join(FOLDER).join(format!("{}.note", hex::encode(sha256(note))))
}
