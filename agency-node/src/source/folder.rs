//! The inbox: a file is taken once nobody writes to it any more.

use std::{
    collections::{BTreeMap, HashSet},
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

/// Ending of the file that says more of a batch: `figures.csv.batch.toml`.
pub const SIDECAR: &str = ".batch.toml";
/// Endings under which programs write what is not yet whole.
const UNFINISHED: [&str; 4] = ["tmp", "part", "partial", "crdownload"];

/// What a look into the folder found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Files to take, in the order of their names.
    pub ready: Vec<PathBuf>,
    /// Are there others, that have not stood still for long enough?
    pub unsettled: bool,
}

/// A folder that is looked into again and again.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    settle: Duration,
    seen: BTreeMap<PathBuf, (Stamp, Instant)>,
}

/// What changes when a file is written to.
type Stamp = (u64, Option<SystemTime>);

impl Folder {
    /// A folder whose files are taken when they have stood still for `settle`.
    #[must_use]
    pub fn new(path: PathBuf, settle: Duration) -> Self {
        Self { path, settle, seen: BTreeMap::new() }
    }

    /// Looks into the folder at the moment `now`. Files in `renamed` came in whole, by a
    /// rename, and are taken at once.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn look(&mut self, now: Instant, renamed: &HashSet<PathBuf>) -> io::Result<Found> {
        let mut found = Found::default();
        let mut standing = BTreeMap::new();
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            let Some(stamp) = stamp(&path) else { continue };
            let since = match self.seen.get(&path) {
                Some((before, since)) if *before == stamp => *since,
                _ => now,
            };
            let still = self.seen.contains_key(&path) && now.duration_since(since) >= self.settle;
            if still || renamed.contains(&path) {
                found.ready.push(path.clone());
            } else {
                found.unsettled = true;
            }
            standing.insert(path, (stamp, since));
        }
        self.seen = standing;
        found.ready.sort();
        Ok(found)
    }
}

/// Length and time of change of a file that may be a batch; `None` for all else.
fn stamp(path: &Path) -> Option<Stamp> {
    if !takes(path) {
        return None;
    }
    let facts = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    Some((facts.len(), facts.modified().ok()))
}

/// May a file of this name be a batch? One that is hidden, unfinished, or says more of another is
/// none.
#[must_use]
pub fn takes(path: &Path) -> bool {
    let Some(name) = path.file_name() else { return false };
    let name = name.to_string_lossy();
    let unfinished = path.extension().and_then(OsStr::to_str).is_some_and(|extension| {
        UNFINISHED.iter().any(|ending| extension.eq_ignore_ascii_case(ending))
    });
    !(name.starts_with(['.', '~']) || name.ends_with(SIDECAR) || unfinished)
}

/// The sidecar of a file.
#[must_use]
pub fn sidecar(path: &Path) -> PathBuf {
    crate::home::with_ending(path, SIDECAR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_taken_when_it_stands_still() {
        let folder = tempfile::tempdir().unwrap();
        let settle = Duration::from_secs(2);
        let mut inbox = Folder::new(folder.path().to_owned(), settle);
        let (start, none) = (Instant::now(), HashSet::new());
        let path = folder.path().join("a.csv");
        fs::write(&path, "one").unwrap();
        let mut look = |seconds| inbox.look(start + Duration::from_secs(seconds), &none).unwrap();

        assert_eq!(look(0), Found { ready: vec![], unsettled: true });
        assert!(look(1).ready.is_empty());
        fs::write(&path, "one and two").unwrap();
        assert!(look(3).ready.is_empty());
        assert_eq!(look(5), Found { ready: vec![path], unsettled: false });
    }

    #[test]
    fn a_file_that_was_renamed_in_is_taken_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut inbox = Folder::new(folder.path().to_owned(), Duration::from_secs(60));
        let path = folder.path().join("a.csv");
        fs::write(&path, "one").unwrap();
        let found = inbox.look(Instant::now(), &HashSet::from([path.clone()])).unwrap();
        assert_eq!(found.ready, [path]);
    }

    #[test]
    fn what_is_no_batch_stays() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("folder.csv")).unwrap();
        for name in [".hidden.csv", "a.csv.batch.toml", "b.csv.part", "~$c.csv"] {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        let mut inbox = Folder::new(folder.path().to_owned(), Duration::ZERO);
        let now = Instant::now();
        inbox.look(now, &HashSet::new()).unwrap();
        assert_eq!(inbox.look(now, &HashSet::new()).unwrap(), Found::default());
    }
}
