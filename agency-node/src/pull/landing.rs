//! Where a source's answer lands: a file that is there whole or not at all.

use std::{fs, io, path::PathBuf};

use birge_proto::limits;
use tokio::{
    sync::mpsc,
    task::{JoinHandle, spawn_blocking},
};

use crate::{home, output::Failure};

/// A file that is being written piece by piece. Dropped before [`Landing::finish`], nothing of it
/// stays.
pub(super) struct Landing {
    pieces: mpsc::Sender<Piece>,
    writer: JoinHandle<Result<(), Failure>>,
    path: PathBuf,
    bytes: u64,
}

enum Piece {
    More(Vec<u8>),
    Whole,
}

impl Landing {
    /// Begins the file `path`.
    pub(super) fn at(path: PathBuf) -> Self {
        let (pieces, mut coming) = mpsc::channel(4);
        let to = path.clone();
        let writer = spawn_blocking(move || {
            let written = home::write_with(&to, |out| {
                loop {
                    match coming.blocking_recv() {
                        Some(Piece::More(piece)) => out.write_all(&piece)?,
                        Some(Piece::Whole) => return Ok(()),
                        None => return Err(io::Error::other("the source broke off")),
                    }
                }
            });
            if written.is_err() {
                // What is half is nobody's, and may be about persons.
                let _ = fs::remove_file(home::with_ending(&to, ".tmp"));
            }
            written
        });
        Self { pieces, writer, path, bytes: 0 }
    }

    /// Adds to it.
    ///
    /// # Errors
    /// When it becomes too large, or the disk refuses.
    pub(super) async fn put(&mut self, piece: Vec<u8>) -> Result<(), Failure> {
        self.bytes = self.bytes.saturating_add(piece.len() as u64);
        if self.bytes > limits::FILE_BYTES {
            return Err(Failure::Wrong(format!(
                "the source gives more than {} bytes, expected at most that\nnext: ask it for one \
                 period, or for less of it",
                limits::FILE_BYTES
            )));
        }
        match self.pieces.send(Piece::More(piece)).await {
            Ok(()) => Ok(()),
            Err(_) => self.written().await,
        }
    }

    /// Ends it; where it lies, and its bytes.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) async fn finish(mut self) -> Result<(PathBuf, u64), Failure> {
        let _ = self.pieces.send(Piece::Whole).await; // who does not take it says why below
        self.written().await?;
        Ok((self.path, self.bytes))
    }

    /// Leaves nothing of it.
    pub(super) async fn abandon(self) {
        let Self { pieces, writer, .. } = self;
        drop(pieces);
        let _ = writer.await; // it says that it was abandoned
    }

    async fn written(&mut self) -> Result<(), Failure> {
        (&mut self.writer).await.map_err(anyhow::Error::from)?
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn a_file_lands_whole_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut landing = Landing::at(folder.path().join("a.csv"));
        landing.put(b"n\n".to_vec()).await.unwrap();
        landing.put(b"1\n".to_vec()).await.unwrap();
        assert!(!folder.path().join("a.csv").exists());
        let (path, bytes) = landing.finish().await.unwrap();
        assert_eq!((fs::read(&path).unwrap().as_slice(), bytes), (&b"n\n1\n"[..], 4));
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[tokio::test]
    async fn what_breaks_off_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut landing = Landing::at(folder.path().join("a.csv"));
        landing.put(b"n\n".to_vec()).await.unwrap();
        landing.abandon().await;
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_disk_that_refuses_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut landing = Landing::at(folder.path().join("missing/a.csv"));
        let told = loop {
            if let Err(failure) = landing.put(vec![b'x'; 1024]).await {
                break failure;
            }
        };
        assert!(told.to_string().contains("missing"), "{told}");
    }
}
