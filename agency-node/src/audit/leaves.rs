//! Hashes of single leaves, each proved to stand under the checkpoint: a tile at a time, so
//! that reading many records in a row costs one proof for 256 of them.

use birge_proto::{
    tlog::{
        Hash,
        checkpoint::Checkpoint,
        hash::{HASH_BYTES, node},
        proof::verify_inclusion,
        tile::{Kind, TILE_WIDTH, TilePath},
    },
    wire::{InclusionRequest, TileRequest},
};

use super::{fault, wrong};
use crate::{connect::Link, output::Failure};

/// Levels of the tree that one tile holds.
const LEVELS: usize = 8;

/// Leaves under one checkpoint.
pub(super) struct Leaves {
    link: Link,
    head: Checkpoint,
    /// The tile last proved, by its number.
    tile: Option<(u64, Vec<Hash>)>,
}

impl Leaves {
    pub(super) fn new(link: Link, head: Checkpoint) -> Self {
        Self { link, head, tile: None }
    }

    /// The hash of leaf `index`.
    pub(super) async fn hash(&mut self, index: u64) -> Result<Hash, Failure> {
        let (number, place) = (index / TILE_WIDTH, (index % TILE_WIDTH) as usize);
        if self.tile.as_ref().is_none_or(|(known, _)| *known != number) {
            self.tile = Some((number, self.prove(number).await?));
        }
        let hash = self.tile.as_ref().and_then(|(_, tile)| tile.get(place)).copied();
        hash.ok_or_else(|| wrong(format!("entry {index}"), "its tile does not hold it"))
    }

    /// Fetches the tile and has it proved that all of it stands in the log.
    async fn prove(&self, number: u64) -> Result<Vec<Hash>, Failure> {
        let (size, first) = (self.head.size(), number * TILE_WIDTH);
        let width = size.saturating_sub(first).min(TILE_WIDTH);
        let path = u16::try_from(width).ok();
        let path = path.and_then(|width| TilePath::new(Kind::Hashes(0), number, width).ok());
        let path = path.ok_or_else(|| wrong(format!("entry {first}"), "the log has no such"))?;
        let answer = self.link.audit().tile(TileRequest { path: path.to_string() }).await;
        let bytes = answer.map_err(|status| fault(&status))?.into_inner().data;
        let (tile, rest) = bytes.as_chunks::<HASH_BYTES>();
        if tile.len() as u64 != width || !rest.is_empty() {
            return Err(wrong(path, format!("expected {width} hashes")));
        }
        if width == TILE_WIDTH {
            // One proof holds for all: its first hashes are made of the others in the tile.
            let above = self.inclusion(first).await?.split_off(LEVELS);
            self.stands(path, tile[0], first, &[siblings(tile), above].concat())?;
        } else {
            for (index, leaf) in (first..).zip(tile) {
                self.stands(path, *leaf, index, &self.inclusion(index).await?)?;
            }
        }
        Ok(tile.to_vec())
    }

    fn stands(
        &self,
        path: TilePath,
        leaf: Hash,
        index: u64,
        proof: &[Hash],
    ) -> Result<(), Failure> {
        verify_inclusion(&leaf, index, self.head.size(), proof, self.head.root())
            .map_err(|error| wrong(path, error))
    }

    async fn inclusion(&self, index: u64) -> Result<Vec<Hash>, Failure> {
        let request = InclusionRequest { index, size: self.head.size() };
        let answer = self.link.audit().inclusion(request).await.map_err(|status| fault(&status))?;
        let hashes = answer.into_inner().hashes.into_iter().map(|hash| hash.try_into().ok());
        let hashes: Option<Vec<Hash>> = hashes.collect();
        let full = (index / TILE_WIDTH + 1) * TILE_WIDTH <= self.head.size();
        let least = if full { LEVELS } else { 0 };
        hashes
            .filter(|hashes| hashes.len() >= least)
            .ok_or_else(|| wrong(format!("entry {index}"), "the gateway gives no proof"))
    }
}

/// Beginning of the inclusion proof of a full tile's first leaf: what the others in the tile
/// come to.
fn siblings(tile: &[Hash]) -> Vec<Hash> {
    let mut level = tile.to_vec();
    let mut siblings = Vec::with_capacity(LEVELS);
    while let [_, sibling, ..] = level[..] {
        siblings.push(sibling);
        level = level.chunks(2).map(|pair| node(&pair[0], &pair[1])).collect();
    }
    siblings
}
