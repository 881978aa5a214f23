//! Waits for what happens to files: told by the system, not by sleeping.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{RecvTimeoutError, channel},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};

use crate::PATIENCE;

/// How often a condition is looked at when no event comes: file systems do not promise one.
const GLANCE: Duration = Duration::from_millis(500);

/// Waits until `condition` gives a value; it is looked at now and whenever a file below
/// `folder` changes. `what` names it in the error.
///
/// # Errors
/// When patience ends first, or the condition itself fails.
pub fn until<T>(
    folder: &Path,
    what: &str,
    condition: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    until_within(PATIENCE, folder, what, condition)
}

/// As [`until`], with a patience of one's own.
///
/// # Errors
/// As [`until`].
pub fn until_within<T>(
    patience: Duration,
    folder: &Path,
    what: &str,
    mut condition: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let (sender, events) = channel::<notify::Result<Event>>();
    let mut watcher = notify::recommended_watcher(sender)?;
    watcher
        .watch(folder, RecursiveMode::Recursive)
        .with_context(|| format!("{} cannot be watched", folder.display()))?;
    let end = Instant::now() + patience;
    loop {
        if let Some(value) = condition()? {
            return Ok(value);
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            bail!(
                "after {} s still waiting for {what} in {}",
                patience.as_secs(),
                folder.display()
            );
        }
        match events.recv_timeout(left.min(GLANCE)) {
            Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => bail!("the watcher of {what} ended"),
        }
    }
}

/// Waits until `count` changes have been seen below `folder` since before `start`, or `done` says
/// that no more will come. That a file was read is no change.
///
/// # Errors
/// When patience ends first.
pub fn changes(
    folder: &Path,
    count: usize,
    start: impl FnOnce() -> Result<()>,
    done: impl Fn() -> bool,
) -> Result<()> {
    let (sender, events) = channel::<notify::Result<Event>>();
    let mut watcher = notify::recommended_watcher(sender)?;
    watcher.watch(folder, RecursiveMode::Recursive)?;
    start()?;
    let mut seen = 0;
    while seen < count && !done() {
        let event = events
            .recv_timeout(PATIENCE)
            .with_context(|| format!("{seen} changes in {}, not {count}", folder.display()))??;
        seen += usize::from(!event.kind.is_access());
    }
    Ok(())
}

/// Counts the changes below a folder.
#[derive(Debug)]
pub struct Counter {
    seen: Arc<AtomicUsize>,
    _watcher: RecommendedWatcher,
}

impl Counter {
    /// Counts from now on.
    ///
    /// # Errors
    /// When the folder cannot be watched.
    pub fn new(folder: &Path) -> Result<Self> {
        let seen = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&seen);
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if !event.is_ok_and(|event| event.kind.is_access()) {
                counted.fetch_add(1, Ordering::Relaxed);
            }
        })?;
        watcher.watch(folder, RecursiveMode::Recursive)?;
        Ok(Self { seen, _watcher: watcher })
    }

    /// Changes so far.
    #[must_use]
    pub fn seen(&self) -> usize {
        self.seen.load(Ordering::Relaxed)
    }
}

/// Bytes of all files below `folder`; 0 when it does not exist.
#[must_use]
pub fn bytes_below(folder: &Path) -> u64 {
    files_below(folder)
        .iter()
        .filter_map(|file| file.metadata().ok())
        .map(|metadata| metadata.len())
        .sum()
}

/// Every file below `folder`, sorted; none when it does not exist.
#[must_use]
pub fn files_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use std::{fs, thread};

    use super::*;

    #[test]
    fn a_file_that_comes_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        let writer = thread::spawn({
            let path = path.clone();
            move || {
                fs::create_dir(path.parent().unwrap()).unwrap();
                fs::write(path, "12345").unwrap();
            }
        });
        until(folder.path(), "a file", || Ok((bytes_below(folder.path()) == 5).then_some(())))
            .unwrap();
        writer.join().unwrap();
        assert_eq!(files_below(folder.path()), [path]);
    }

    #[test]
    fn patience_ends() {
        let folder = tempfile::tempdir().unwrap();
        let never = until_within(Duration::ZERO, folder.path(), "nothing", || Ok(None::<()>));
        assert!(never.unwrap_err().to_string().contains("nothing"));
    }
}
