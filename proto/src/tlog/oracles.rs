//! For tests: a tree held in memory, and what two other implementations say of it.

use std::{collections::HashMap, convert::Infallible};

use ct_merkle::{
    ConsistencyProof, InclusionProof, RootHash,
    digest::{FixedOutput, HashMarker, Output, OutputSizeUser, Update, array::Array, consts::U32},
    mem_backed_tree::MemoryBackedTree,
};
use proptest::sample::Index;

use super::{
    Hash,
    frontier::Frontier,
    hash,
    proof::Hashes,
    tile::{Kind, TILE_WIDTH, TilePath},
};
use crate::envelope::sha256;

/// Sizes around the edges of tiles and of levels.
pub(crate) const SIZES: [u64; 10] = [0, 1, 2, 255, 256, 257, 65_535, 65_536, 65_537, 70_000];

/// The entry of leaf `index`.
pub(crate) fn entry(index: u64) -> [u8; 8] {
    index.to_be_bytes()
}

/// The hash of leaf `index`.
pub(crate) fn leaf(index: u64) -> Hash {
    hash::leaf(&entry(index))
}

/// Flips one bit of `bytes`.
pub(crate) fn flip(bytes: &mut [u8], bit: Index) {
    let bit = bit.index(bytes.len() * 8);
    bytes[bit / 8] ^= 1 << (bit % 8);
}

/// Every complete subtree of a tree.
pub(crate) struct Stored(HashMap<(u8, u64), Hash>);

impl Stored {
    pub(crate) fn of(size: u64) -> Self {
        Self::with(size, size, leaf(size))
    }

    /// The tree in which `special` stands at `place`.
    pub(crate) fn with(size: u64, place: u64, special: Hash) -> Self {
        let mut hashes = HashMap::new();
        let mut frontier = Frontier::new();
        for index in 0..size {
            let leaf = if index == place { special } else { leaf(index) };
            frontier.push_with(leaf, |level, index, hash| {
                hashes.insert((level, index), *hash);
            });
        }
        Self(hashes)
    }

    pub(crate) fn oracle_root(&self, size: u64) -> Hash {
        tlog_tiles::tree_hash(size, self).unwrap().0
    }

    pub(crate) fn oracle_inclusion(&self, index: u64, size: u64) -> Vec<Hash> {
        let proof = tlog_tiles::prove_record(size, index, self).unwrap();
        proof.into_iter().map(|hash| hash.0).collect()
    }

    pub(crate) fn oracle_consistency(&self, old: u64, new: u64) -> Vec<Hash> {
        let proof = tlog_tiles::prove_tree(new, old, self).unwrap();
        proof.into_iter().map(|hash| hash.0).collect()
    }

    /// The bytes of a tile, put together hash by hash.
    pub(crate) fn tile(&self, path: &TilePath) -> Vec<u8> {
        let Kind::Hashes(level) = path.kind() else { panic!("{path} is a bundle") };
        let first = path.index() * TILE_WIDTH;
        let indices = first..first + u64::from(path.width());
        indices.flat_map(|index| self.0[&(8 * level, index)]).collect()
    }
}

impl Hashes for Stored {
    type Error = Infallible;

    fn hash(&self, level: u8, index: u64) -> Result<Hash, Infallible> {
        Ok(self.0[&(level, index)])
    }
}

impl tlog_tiles::HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        let places = indexes.iter().map(|index| tlog_tiles::split_stored_hash_index(*index));
        Ok(places.map(|place| tlog_tiles::Hash(self.0[&place])).collect())
    }
}

/// The SHA-256 that the oracle is given: ours, so that no second one is compiled.
#[derive(Clone, Default)]
pub(crate) struct Sha256(Vec<u8>);

impl HashMarker for Sha256 {}

impl Update for Sha256 {
    fn update(&mut self, data: &[u8]) {
        self.0.extend_from_slice(data);
    }
}

impl OutputSizeUser for Sha256 {
    type OutputSize = U32;
}

impl FixedOutput for Sha256 {
    fn finalize_into(self, out: &mut Output<Self>) {
        *out = Array(sha256(&self.0));
    }
}

fn ct_tree(size: u64) -> MemoryBackedTree<Sha256, [u8; 8]> {
    let mut tree = MemoryBackedTree::new();
    (0..size).for_each(|index| tree.push(entry(index)));
    tree
}

pub(crate) fn ct_root(size: u64) -> Hash {
    ct_tree(size).root().as_bytes().0
}

pub(crate) fn ct_accepts_inclusion(index: u64, size: u64, proof: &[Hash]) -> bool {
    let proof = InclusionProof::from_bytes(proof.as_flattened().to_vec());
    ct_tree(size).root().verify_inclusion(&entry(index), index, &proof).is_ok()
}

pub(crate) fn ct_accepts_consistency(old: u64, new: u64, proof: &[Hash]) -> bool {
    let (old, new): (RootHash<Sha256>, RootHash<Sha256>) =
        (ct_tree(old).root(), ct_tree(new).root());
    let proof = ConsistencyProof::try_from_bytes(proof.as_flattened().to_vec()).unwrap();
    new.verify_consistency(&old, &proof).is_ok()
}
