//! A file as it lies on the disk, read in pieces side by side where it is large.

use std::{
    fs::{self, File, Metadata},
    io,
    os::unix::fs::FileExt,
    path::Path,
};

use birge_schemas::side_by_side::{pieces_side_by_side, threads};

/// Below this a piece is not worth a thread of its own.
const LEAST: usize = 1 << 22;

/// All that a file of this size holds. One that changes while it is read is an error, or is read
/// as it was or as it is: whoever writes into the inbox renames.
///
/// # Errors
/// When it cannot be read.
pub(super) fn read(path: &Path, facts: &Metadata) -> io::Result<Vec<u8>> {
    let length = usize::try_from(facts.len()).map_err(io::Error::other)?;
    let piece = length.div_ceil(threads()).max(LEAST);
    if !facts.is_file() || length <= piece {
        return fs::read(path);
    }
    let file = File::open(path)?;
    let mut bytes = vec![0; length];
    let read = pieces_side_by_side(&mut bytes, piece, |from, piece| {
        file.read_exact_at(piece, from as u64)
    });
    read.into_iter().collect::<io::Result<()>>()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        for length in [0, 5, LEAST, 3 * LEAST + 7] {
            let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            fs::write(&path, &bytes).unwrap();
            assert!(read(&path, &fs::metadata(&path).unwrap()).unwrap() == bytes, "{length}");
        }
        let before = fs::metadata(&path).unwrap();
        fs::write(&path, "short").unwrap();
        assert!(read(&path, &before).is_err(), "it is not what it was");
    }
}
