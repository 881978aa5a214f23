//! The node's folder, and how it is written so that neither `kill -9` nor a power cut loses
//! or halves a file.
//!
//! ```text
//! node.toml  enrolment.json  enrolled.json
//! keys/      tls.key, signing.key, witness.key, console.key: never leave this folder
//! inbox/     files to hand in            outbox/    batches, by state
//! sent/      files that became a batch   receipts/  proof of what was accepted
//! rejected/  files and batches that were refused, each with its report
//! state/     the largest checkpoint seen, and cosigned; who witnesses the log; what was
//!            pushed (jobs/); what is due; locks
//! approvers.jsonl  who may approve, and who could when
//! alarms/    what must not go unseen, with its evidence
//! ```

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::Context;

use crate::output::Failure;

/// Ending of the report, for people, that lies beside a refused file.
pub const REPORT: &str = ".report.txt";

/// The folder of a node.
#[derive(Debug, Clone)]
pub struct Home(PathBuf);

impl Home {
    /// The folder `root`; nothing is touched.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    /// The folder that the configuration `file` lies in.
    #[must_use]
    pub fn of_config(file: &Path) -> Self {
        match file.parent() {
            Some(folder) if folder != Path::new("") => Self::new(folder),
            _ => Self::new("."),
        }
    }

    /// Makes the folders that are missing.
    ///
    /// # Errors
    /// When one cannot be made.
    pub fn create(&self) -> Result<(), Failure> {
        for name in ["inbox", "sent", "rejected", "receipts", "state", "outbox"] {
            create_dir(&self.0.join(name))?;
        }
        Ok(())
    }

    /// A file or folder in it.
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }

    /// Takes the lock `name` for this process, waiting while another holds it. It is given
    /// back when the file is dropped, also by a process that dies.
    ///
    /// # Errors
    /// When the lock's file cannot be opened.
    pub fn lock(&self, name: &str) -> Result<File, Failure> {
        let file = self.open_lock(name)?;
        file.lock().with_context(|| format!("cannot take the lock {name}"))?;
        Ok(file)
    }

    /// As [`Self::lock`], but answers with `None` at once where another process holds it.
    ///
    /// # Errors
    /// When the lock's file cannot be opened.
    pub fn try_lock(&self, name: &str) -> Result<Option<File>, Failure> {
        let file = self.open_lock(name)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => {
                let context = format!("cannot take the lock {name}");
                Err(anyhow::Error::from(error).context(context).into())
            }
        }
    }

    fn open_lock(&self, name: &str) -> Result<File, Failure> {
        let path = self.0.join("state").join(name);
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(false).write(true).open(&path);
        Ok(file.with_context(|| format!("cannot open the lock {}", path.display()))?)
    }
}

/// Makes a folder and those above it, open to its owner alone.
///
/// # Errors
/// When it cannot be made.
pub fn create_dir(path: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("cannot make the folder {}", path.display()))?;
    Ok(())
}

/// Writes a file whole or not at all: under another name, synced, then renamed, and the
/// folder synced. `fill` writes the content.
///
/// # Errors
/// When the disk refuses; what stood at `path` before still stands.
pub fn write_with(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Failure> {
    let temporary = with_ending(path, ".tmp");
    let write = || -> io::Result<()> {
        let file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        let mut buffer = io::BufWriter::with_capacity(1 << 16, file);
        fill(&mut buffer)?;
        buffer.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&temporary, path)?;
        sync_folder_of(path)
    };
    write().with_context(|| format!("cannot write {}", path.display())).map_err(Failure::from)
}

/// [`write_with`] of bytes at hand.
///
/// # Errors
/// As for [`write_with`].
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    write_with(path, |out| out.write_all(bytes))
}

/// Writes a new file that only its owner can read; never overwrites.
///
/// # Errors
/// When there is such a file, or the disk refuses.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().with_context(|| format!("cannot write {}", path.display())).map_err(Failure::from)
}

/// Moves a file so that the move outlives a power cut.
///
/// # Errors
/// When the disk refuses.
pub fn rename(from: &Path, to: &Path) -> Result<(), Failure> {
    let rename = || -> io::Result<()> {
        fs::rename(from, to)?;
        sync_folder_of(to)?;
        sync_folder_of(from)
    };
    rename()
        .with_context(|| format!("cannot move {} to {}", from.display(), to.display()))
        .map_err(Failure::from)
}

/// Deletes a file so that it stays deleted after a power cut.
///
/// # Errors
/// When the disk refuses.
pub fn remove(path: &Path) -> Result<(), Failure> {
    fs::remove_file(path)
        .and_then(|()| sync_folder_of(path))
        .with_context(|| format!("cannot delete {}", path.display()))
        .map_err(Failure::from)
}

/// The path in `folder` under which nothing of this name lies yet, not even a report of it:
/// the name itself, or the name with `mark` before its extension.
#[must_use]
pub fn free_path(folder: &Path, from: &Path, mark: &str) -> PathBuf {
    let name = from.file_name().unwrap_or_default();
    let plain = folder.join(name);
    if !plain.exists() && !with_ending(&plain, REPORT).exists() {
        return plain;
    }
    let stem = from.file_stem().unwrap_or_default().to_string_lossy();
    let extension = from.extension().map(|e| format!(".{}", e.to_string_lossy()));
    folder.join(format!("{stem}-{mark}{}", extension.unwrap_or_default()))
}

/// The path with `ending` behind its name: `a.csv` and `.report.txt` give `a.csv.report.txt`.
#[must_use]
pub fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_what_stood() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write(&path, b"before").unwrap();
        let failed = write_with(&path, |out| {
            out.write_all(b"half")?;
            Err(io::Error::other("the disk is full"))
        });
        assert!(failed.unwrap_err().to_string().contains("disk is full"));
        assert_eq!(fs::read(&path).unwrap(), b"before");
    }

    #[test]
    fn nothing_is_overwritten_by_a_move() {
        let folder = tempfile::tempdir().unwrap();
        let (inbox, sent) = (folder.path().join("inbox"), folder.path().join("sent"));
        create_dir(&inbox).unwrap();
        create_dir(&sent).unwrap();
        for (content, expected) in [("a", "x.csv"), ("b", "x-0b.csv")] {
            fs::write(inbox.join("x.csv"), content).unwrap();
            let to = free_path(&sent, &inbox.join("x.csv"), "0b");
            rename(&inbox.join("x.csv"), &to).unwrap();
            assert_eq!(to, sent.join(expected));
            assert_eq!(fs::read_to_string(to).unwrap(), content);
        }
    }

    #[test]
    fn a_lock_keeps_others_out() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        home.create().unwrap();
        let held = home.lock("publish").unwrap();
        assert!(home.try_lock("publish").unwrap().is_none());
        drop(held);
        assert!(home.try_lock("publish").unwrap().is_some());
    }
}
