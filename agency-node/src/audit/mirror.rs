//! `agency-node audit mirror`: a full copy of the log's public files in a folder that any web
//! server can serve. What the folder holds is hashed again from its first entry, what is new is
//! fetched and hashed on, and only when the root is the one that was signed do the new files
//! take their places, the checkpoint last.

use std::{
    fmt,
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::Context;
use birge_proto::tlog::{
    bundle,
    checkpoint::Checkpoint,
    proof,
    reader::TileReader,
    tile::{self, Kind, TILE_WIDTH, TilePath},
    writer::{File, TileWriter},
};
use serde::Serialize;

use super::{Frozen, Newest, newest, progress, tree::fetch_all, wrong};
use crate::{
    connect::Link,
    home,
    memory::Memory,
    node::Node,
    output::{Exit, Failure, Reply},
};

/// Bundles that are fetched before their files are written.
const AHEAD: usize = 64;
/// Where new files wait until all of them are verified.
const UNVERIFIED: &str = ".unverified";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Mirrored {
    folder: PathBuf,
    origin: String,
    held: u64,
    size: u64,
    root: String,
    files: usize,
}

impl fmt::Display for Mirrored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { folder, origin, held, size, root, files } = self;
        writeln!(f, "{} mirrors {origin}: {size} entries under root {root}", folder.display())?;
        write!(f, "  {held} entries were hashed again, {} fetched, {files} files new", size - held)
    }
}

/// Brings the mirror in `dir` up to the newest checkpoint.
///
/// # Errors
/// When what the folder holds is not what was signed, what the gateway gives does not follow,
/// or the disk refuses; the folder then stands as it did.
pub async fn mirror(node: &Node, dir: &Path) -> Result<Reply, Failure> {
    let (link, memory) = node.link()?;
    home::create_dir(dir)?;
    let held = held(dir, &memory)?;
    let Newest { note, frozen, .. } = newest(&link, &memory, held.as_ref()).await?;
    let head = memory.reconcile(&link, &note).await?;
    let size = held.as_ref().map_or(0, |(_, held)| held.size());
    let bar = progress(head.size());
    let mut writer = again(dir, held.as_ref().map(|(_, held)| held))?;
    bar.set_position(size);

    let unverified = dir.join(UNVERIFIED);
    remove(&unverified)?;
    let mut new = Vec::new();
    let bundles = tile::tiles(head.size()).take_while(|path| path.kind() == Kind::Entries);
    let bundles: Vec<_> = bundles.filter(|path| path.index() >= size / TILE_WIDTH).collect();
    for paths in bundles.chunks(AHEAD).filter(|_| head.size() > size) {
        take_in(&link, paths, &mut writer).await?;
        for file in writer.take() {
            store(&unverified, &file)?;
            new.push(file.0);
        }
        bar.set_position(writer.size());
    }
    if (writer.size(), writer.root()) != (head.size(), *head.root()) {
        return Err(wrong("the root", "the entries do not lead to the root that was signed"));
    }
    new.sort_unstable();
    new.dedup();
    settle(dir, &unverified, &new, &head)?;
    keep_frozen(dir, &head, &frozen)?;
    home::write(&dir.join("checkpoint"), &note)?;
    tidy(dir, &new, &head)?;
    publish(dir)?;
    bar.finish_and_clear();
    let mirrored = Mirrored {
        folder: dir.to_owned(),
        origin: head.origin().to_owned(),
        held: size,
        size: head.size(),
        root: hex::encode(head.root()),
        files: new.len(),
    };
    Reply::new(Exit::Done, &mirrored)
}

/// The checkpoint that the mirror holds.
fn held(dir: &Path, memory: &Memory) -> Result<Option<(Vec<u8>, Checkpoint)>, Failure> {
    let place = dir.join("checkpoint");
    let note = match fs::read(&place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.with_context(|| format!("cannot read {}", place.display()))?,
    };
    let judged = memory.known()?.judge(&note).map_err(|error| broken(&place, error))?;
    Ok(Some((note, judged.checkpoint)))
}

/// Hashes again what the mirror holds, and compares every tile.
fn again(dir: &Path, held: Option<&Checkpoint>) -> Result<TileWriter, Failure> {
    let mut writer = TileWriter::new();
    let Some(held) = held else { return Ok(writer) };
    let bundles = tile::tiles(held.size()).take_while(|path| path.kind() == Kind::Entries);
    for path in bundles {
        let place = dir.join(path.to_string());
        let bytes = fs::read(&place).map_err(|error| broken(&place, error))?;
        let entries =
            bundle::decode(&bytes, path.width()).map_err(|error| broken(&place, error))?;
        for entry in entries {
            writer.push(entry).map_err(|error| broken(&place, error))?;
        }
        if path.index().is_multiple_of(TILE_WIDTH) {
            compare(dir, writer.take(), held.size())?;
        }
    }
    compare(dir, writer.take(), held.size())?;
    if writer.root() != *held.root() {
        return Err(broken(dir, "its entries do not lead to the root that was signed"));
    }
    Ok(writer)
}

fn compare(dir: &Path, files: Vec<File>, size: u64) -> Result<(), Failure> {
    let kept: Vec<_> = tile::open(size).collect();
    for (path, bytes) in files {
        if path.is_partial() && !kept.contains(&path) {
            continue; // it grew since
        }
        let place = dir.join(path.to_string());
        if fs::read(&place).map_err(|error| broken(&place, error))? != bytes {
            return Err(broken(&place, "it does not follow from the entries"));
        }
    }
    Ok(())
}

/// Fetches bundles and appends the entries that are new.
async fn take_in(link: &Link, paths: &[TilePath], writer: &mut TileWriter) -> Result<(), Failure> {
    for (path, bytes) in fetch_all(link, paths.to_vec()).await? {
        let entries = bundle::decode(&bytes, path.width()).map_err(|error| wrong(path, error))?;
        let known = writer.size().saturating_sub(path.index() * TILE_WIDTH);
        for entry in entries.into_iter().skip(usize::try_from(known).unwrap_or(usize::MAX)) {
            writer.push(entry).map_err(|error| wrong(path, error))?;
        }
    }
    Ok(())
}

fn store(folder: &Path, (path, bytes): &File) -> Result<(), Failure> {
    let place = folder.join(path.to_string());
    if let Some(parent) = place.parent() {
        home::create_dir(parent)?;
    }
    home::write(&place, bytes)
}

/// Moves verified files to their places.
fn settle(dir: &Path, from: &Path, new: &[TilePath], head: &Checkpoint) -> Result<(), Failure> {
    let current: Vec<_> = tile::open(head.size()).collect();
    let lasting = |path: &&TilePath| !path.is_partial() || current.contains(path);
    for path in new.iter().filter(lasting) {
        let place = dir.join(path.to_string());
        if let Some(parent) = place.parent() {
            home::create_dir(parent)?;
        }
        home::rename(&from.join(path.to_string()), &place)?;
    }
    remove(from)
}

/// Lets every user of the machine read the mirror, the web server's among them.
fn publish(dir: &Path) -> Result<(), Failure> {
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, Permissions::from_mode(mode))
            .with_context(|| format!("cannot let {} be read", path.display()))
    };
    mode(&dir.join("checkpoint"), 0o644)?;
    mode(dir, 0o755)?;
    // Nothing else that may lie in the folder.
    let mut folders = vec![dir.join("tile"), dir.join("frozen")];
    folders.retain(|folder| folder.is_dir());
    while let Some(folder) = folders.pop() {
        mode(&folder, 0o755)?;
        let entries =
            fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                mode(&path, 0o644)?;
            }
        }
    }
    Ok(())
}

/// Keeps the last checkpoints of frozen logs, which must be of the beginning of the tree whose
/// files are in their places.
fn keep_frozen(dir: &Path, head: &Checkpoint, frozen: &[Frozen]) -> Result<(), Failure> {
    let read = |path: &TilePath| fs::read(dir.join(path.to_string()));
    let tiles = TileReader::new(head.size(), read);
    for (number, Frozen { note, checkpoint, .. }) in (1..).zip(frozen) {
        let root = proof::root(checkpoint.size(), &tiles).map_err(|error| broken(dir, error))?;
        if root != *checkpoint.root() {
            let place = format!("the log {}, frozen", checkpoint.origin());
            return Err(wrong(place, "the tree does not begin with what it held"));
        }
        let folder = dir.join(format!("frozen/{number}"));
        home::create_dir(&folder)?;
        home::write(&folder.join("checkpoint"), note)?;
    }
    Ok(())
}

/// Once the checkpoint is in its place: removes the partial files that are outgrown.
fn tidy(dir: &Path, new: &[TilePath], head: &Checkpoint) -> Result<(), Failure> {
    for path in tile::open(head.size()).filter(|path| new.contains(path)) {
        outgrown(&dir.join(path.to_string()))?;
    }
    for path in new.iter().filter(|path| !path.is_partial()) {
        remove(&dir.join(path.to_string()).with_extension("p"))?;
    }
    Ok(())
}

/// Removes the narrower forms of a file that is not full.
fn outgrown(newest: &Path) -> Result<(), Failure> {
    let folder = newest.parent().unwrap_or(newest);
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for path in entries.flatten().map(|entry| entry.path()).filter(|path| path != newest) {
        fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

fn remove(folder: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(anyhow::Error::from(error)
            .context(format!("cannot remove {}", folder.display()))
            .into()),
        _ => Ok(()),
    }
}

/// Says that the mirror's own files are not what was signed.
fn broken(place: &Path, what: impl fmt::Display) -> Failure {
    Failure::Wrong(format!(
        "the mirror is damaged: {}: {what}\nnext: find out who changed it, then mirror into an \
         empty folder",
        place.display()
    ))
}
