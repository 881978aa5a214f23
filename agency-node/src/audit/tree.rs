//! The tree, rebuilt from its entries: every tile that the gateway serves must be the one that
//! follows from the bundles, and the root the one that was signed.

use std::collections::BTreeMap;

use birge_proto::{
    tlog::{
        Hash, bundle,
        checkpoint::Checkpoint,
        hash,
        tile::{self, Kind, TILE_WIDTH, TilePath},
        writer::TileWriter,
    },
    wire::TileRequest,
};
use futures::{StreamExt, TryStreamExt, stream};

use super::{earlier, fault, wrong};
use crate::{connect::Link, output::Failure};

/// Bundles whose entries are held at a time.
const AHEAD: usize = 64;
/// Requests under way at a time.
const AT_ONCE: usize = 16;

/// A leaf of the log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leaf {
    /// Its place.
    pub(super) index: u64,
    /// Its hash.
    pub(super) hash: Hash,
}

/// The tree while it is rebuilt.
pub(super) struct Tree {
    link: Link,
    /// Checkpoints of its beginnings: the largest seen before, the last ones of frozen logs.
    earlier: Vec<Checkpoint>,
    bundles: Vec<TilePath>,
    next: usize,
    writer: TileWriter,
    /// Of each kind the newest file that is not full: compared at the end.
    partial: BTreeMap<Kind, (TilePath, Vec<u8>)>,
    files: u64,
}

impl Tree {
    /// The tree of `size` entries, of which `writer` has the first already, and which must
    /// continue the `earlier` ones.
    pub(super) fn new(link: Link, size: u64, earlier: Vec<Checkpoint>, writer: TileWriter) -> Self {
        let bundles = tile::tiles(size).take_while(|path| path.kind() == Kind::Entries);
        let new =
            |path: &TilePath| size > writer.size() && path.index() >= writer.size() / TILE_WIDTH;
        let bundles = bundles.filter(new).collect();
        let partial = BTreeMap::new();
        Self { link, earlier, bundles, next: 0, writer, partial, files: 0 }
    }

    /// The next leaves, after every tile that they complete was compared; none at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Leaf>>, Failure> {
        let rest = &self.bundles[self.next..];
        let paths: Vec<_> = rest.iter().take(AHEAD).copied().collect();
        if paths.is_empty() {
            return Ok(None);
        }
        self.next += paths.len();
        self.files += paths.len() as u64;
        let mut leaves = vec![];
        for (path, bytes) in fetch_all(&self.link, paths).await? {
            let entries =
                bundle::decode(&bytes, path.width()).map_err(|error| wrong(path, error))?;
            let known = self.writer.size().saturating_sub(path.index() * TILE_WIDTH);
            for entry in entries.into_iter().skip(usize::try_from(known).unwrap_or(usize::MAX)) {
                leaves.push(Leaf { index: self.writer.size(), hash: hash::leaf(entry) });
                self.writer.push(entry).map_err(|error| wrong(path, error))?;
                self.continues(path)?;
            }
        }
        let (full, partial): (Vec<_>, Vec<_>) =
            self.writer.take().into_iter().partition(|(path, _)| !path.is_partial());
        self.partial.extend(partial.into_iter().map(|file| (file.0.kind(), file)));
        self.compare(full).await?;
        Ok(Some(leaves))
    }

    /// Where the tree has the size of an earlier checkpoint, it must have its root.
    fn continues(&self, path: TilePath) -> Result<(), Failure> {
        let size = self.writer.size();
        for earlier in self.earlier.iter().filter(|earlier| earlier.size() == size) {
            if *earlier.root() != self.writer.root() {
                let what = format!(
                    "up to here or before, the log's past was changed: its first {size} entries \
                     are not those of a checkpoint that {} signed before",
                    earlier.origin()
                );
                return Err(wrong(path, what));
            }
        }
        Ok(())
    }

    /// Compares what is left and the root; answers with the number of files compared.
    pub(super) async fn finish(mut self, head: &Checkpoint) -> Result<u64, Failure> {
        let open: Vec<_> = tile::open(head.size()).collect();
        let last = std::mem::take(&mut self.partial).into_values();
        let last: Vec<_> = last.filter(|(path, _)| open.contains(path)).collect();
        self.files += earlier::compare(&self.link, &last).await?;
        self.compare(last).await?;
        let (size, root) = (self.writer.size(), self.writer.root());
        if (size, &root) != (head.size(), head.root()) {
            let what = format!(
                "the entries lead to the root {} of {size} entries, signed is {} of {}",
                hex::encode(root),
                hex::encode(head.root()),
                head.size()
            );
            return Err(wrong("the root", what));
        }
        Ok(self.files)
    }

    /// Fetches each tile and compares it with what follows from the entries.
    async fn compare(&mut self, computed: Vec<(TilePath, Vec<u8>)>) -> Result<(), Failure> {
        let mut computed: BTreeMap<_, _> =
            computed.into_iter().filter(|(path, _)| path.kind() != Kind::Entries).collect();
        let paths: Vec<_> = computed.keys().copied().collect();
        self.files += paths.len() as u64;
        for (path, served) in fetch_all(&self.link, paths).await? {
            if computed.remove(&path).as_ref() != Some(&served) {
                return Err(wrong(path, "the tile does not follow from the entries below it"));
            }
        }
        Ok(())
    }
}

/// Fetches files, in order, several at a time.
pub(super) async fn fetch_all(
    link: &Link,
    paths: Vec<TilePath>,
) -> Result<Vec<(TilePath, Vec<u8>)>, Failure> {
    stream::iter(paths)
        .map(|path| {
            let mut audit = link.audit();
            async move {
                let request = TileRequest { path: path.to_string() };
                let answer = audit.tile(request).await.map_err(|status| fault(&status))?;
                Ok((path, answer.into_inner().data))
            }
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::{handin::tests::node, receipt::tests::signer, testing::Authority};

    /// A log of `size` entries: its head, and the files that a verifier asks for.
    fn log(size: u64) -> (Checkpoint, HashMap<String, Vec<u8>>) {
        let mut writer = TileWriter::new();
        (0..size).for_each(|entry| writer.push(&entry.to_be_bytes()).unwrap());
        let files = writer.take().into_iter().map(|(path, bytes)| (path.to_string(), bytes));
        let files: HashMap<_, _> = files.collect();
        let asked: Vec<_> = tile::tiles(size).map(|path| path.to_string()).collect();
        assert!(asked.iter().all(|path| files.contains_key(path)) && asked.len() == files.len());
        (Checkpoint::new("birge.example/log", size, writer.root()).unwrap(), files)
    }

    async fn verify(
        head: &Checkpoint,
        seen: Option<Checkpoint>,
        files: HashMap<String, Vec<u8>>,
    ) -> Result<u64, String> {
        let folder = tempfile::tempdir().unwrap();
        let mut node = node(&folder.path().join("mia"));
        let authority = Authority::new();
        let port = authority.serve_log(files).await;
        authority.enrol(&mut node, &signer().verifier().to_string(), port);
        let (link, _) = node.link().unwrap();
        let mut tree = Tree::new(link, head.size(), seen.into_iter().collect(), TileWriter::new());
        let mut index = 0;
        while let Some(leaves) = tree.next().await.map_err(|failure| failure.to_string())? {
            for leaf in leaves {
                assert_eq!(leaf.index, index);
                index += 1;
            }
        }
        tree.finish(head).await.map_err(|failure| failure.to_string())
    }

    #[tokio::test]
    async fn every_file_of_a_sound_log_is_compared() {
        for size in [0, 1, 255, 256, 257, 70_000] {
            let (head, files) = log(size);
            let count = files.len() as u64;
            let (seen, _) = log(size / 2);
            assert_eq!(verify(&head, Some(seen), files).await, Ok(count), "{size}");
        }
    }

    #[tokio::test]
    async fn a_changed_or_missing_file_is_named() {
        let (head, files) = log(300);
        for path in files.keys() {
            let mut changed = files.clone();
            *changed.get_mut(path).unwrap().last_mut().unwrap() ^= 1;
            assert!(verify(&head, None, changed).await.is_err(), "{path}");
            let mut missing = files.clone();
            missing.remove(path);
            assert!(verify(&head, None, missing).await.is_err(), "{path}");
        }
        let mut changed = files.clone();
        changed.get_mut("tile/0/000").unwrap()[9] ^= 1;
        assert!(verify(&head, None, changed).await.unwrap_err().contains("tile/0/000"));
    }

    #[tokio::test]
    async fn a_log_that_does_not_continue_what_was_seen_is_found() {
        let (head, files) = log(300);
        let seen = Checkpoint::new("birge.example/log", 270, [7; 32]).unwrap();
        let error = verify(&head, Some(seen), files).await.unwrap_err();
        assert!(error.contains("past was changed") && error.contains("270"), "{error}");
    }
}
