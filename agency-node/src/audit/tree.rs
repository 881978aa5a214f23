//! The tree, rebuilt from its entries: every tile that the gateway serves must be the one that
//! follows from the bundles, and the root the one that was signed.

use std::collections::BTreeMap;

use birge_proto::{
    tlog::{
        Hash, bundle,
        checkpoint::Checkpoint,
        hash,
        tile::{self, Kind, TilePath},
        writer::TileWriter,
    },
    wire::TileRequest,
};
use futures::{StreamExt, TryStreamExt, stream};

use super::{fault, wrong};
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
    bundles: Vec<TilePath>,
    next: usize,
    writer: TileWriter,
    /// Of each kind the newest file that is not full: compared at the end.
    partial: BTreeMap<Kind, (TilePath, Vec<u8>)>,
    files: u64,
}

impl Tree {
    pub(super) fn new(link: Link, size: u64) -> Self {
        let bundles = tile::tiles(size).take_while(|path| path.kind() == Kind::Entries).collect();
        let (writer, partial) = (TileWriter::new(), BTreeMap::new());
        Self { link, bundles, next: 0, writer, partial, files: 0 }
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
            for entry in entries {
                leaves.push(Leaf { index: self.writer.size(), hash: hash::leaf(entry) });
                self.writer.push(entry).map_err(|error| wrong(path, error))?;
            }
        }
        let (full, partial): (Vec<_>, Vec<_>) =
            self.writer.take().into_iter().partition(|(path, _)| !path.is_partial());
        self.partial.extend(partial.into_iter().map(|file| (file.0.kind(), file)));
        self.compare(full).await?;
        Ok(Some(leaves))
    }

    /// Compares what is left and the root; answers with the number of files compared.
    pub(super) async fn finish(mut self, head: &Checkpoint) -> Result<u64, Failure> {
        let open: Vec<_> = tile::open(head.size()).collect();
        let last = std::mem::take(&mut self.partial).into_values();
        let last = last.filter(|(path, _)| open.contains(path)).collect();
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
async fn fetch_all(link: &Link, paths: Vec<TilePath>) -> Result<Vec<(TilePath, Vec<u8>)>, Failure> {
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
