//! A tree of any size in no memory: one leaf is special, all others are the same, so that there
//! is one hash per level, and one more on the path of the special leaf.

use std::convert::Infallible;

use birge_proto::tlog::{
    Hash, hash,
    proof::{self, Hashes},
};

/// The most leaves of a tree that the oracles can number the hashes of.
pub const ORACLE_SIZE: u64 = 1 << 61;

/// A tree in which `leaf` stands at `index`, as large as one wants.
#[derive(Debug, Clone)]
pub struct Tree {
    index: u64,
    plain: Vec<Hash>,
    special: Vec<Hash>,
}

impl Tree {
    /// The tree in which `leaf` is the hash of leaf number `index`.
    #[must_use]
    pub fn new(index: u64, leaf: Hash) -> Self {
        let (mut plain, mut special) = (vec![hash::leaf(b"")], vec![leaf]);
        for level in 0..63 {
            let (sibling, own) = (plain[level], special[level]);
            special.push(match (index >> level) & 1 {
                0 => hash::node(&own, &sibling),
                _ => hash::node(&sibling, &own),
            });
            plain.push(hash::node(&sibling, &sibling));
        }
        Self { index, plain, special }
    }

    /// The root of its first `size` leaves.
    #[must_use]
    pub fn root(&self, size: u64) -> Hash {
        proof::root(size, self).unwrap_or_else(|never| match never {})
    }
}

impl Hashes for Tree {
    type Error = Infallible;

    fn hash(&self, level: u8, index: u64) -> Result<Hash, Infallible> {
        let path = self.index >> level == index;
        let hashes = if path { &self.special } else { &self.plain };
        Ok(hashes[usize::from(level)])
    }
}

impl tlog_tiles::HashReader for Tree {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        let places = indexes.iter().map(|index| tlog_tiles::split_stored_hash_index(*index));
        let hashes = places.map(|(level, index)| self.hash(level, index));
        Ok(hashes
            .map(|hash| tlog_tiles::Hash(hash.unwrap_or_else(|never| match never {})))
            .collect())
    }
}
