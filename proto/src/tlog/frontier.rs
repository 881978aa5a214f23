//! The right edge of a growing tree: all that is needed to append a leaf and to know the root.
//!
//! A tree of `n` leaves is a row of complete subtrees, one per set bit of `n`, the largest
//! first (RFC 6962, section 2.1). The frontier keeps their hashes: at most 64.

use super::{
    hash::{Hash, empty_root, node},
    proof::Hashes,
};

/// The complete subtrees of a tree, from left to right.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    edge: Vec<Hash>,
}

impl Frontier {
    /// The frontier of the tree without leaves.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The frontier of the tree of `size` leaves whose hashes are stored.
    ///
    /// # Errors
    /// When a hash cannot be read.
    pub fn load<H: Hashes>(size: u64, hashes: &H) -> Result<Self, H::Error> {
        let edge = subtrees(0, size)
            .map(|(level, index)| hashes.hash(level, index))
            .collect::<Result<_, _>>()?;
        Ok(Self { size, edge })
    }

    /// Number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Root of the tree; log₂ n hashes.
    #[must_use]
    pub fn root(&self) -> Hash {
        join(&self.edge).unwrap_or_else(empty_root)
    }

    /// Appends the leaf with hash `leaf`.
    pub fn push(&mut self, leaf: Hash) {
        self.push_with(leaf, |_, _, _| {});
    }

    /// Appends the leaf with hash `leaf` and tells `completed` of every subtree that it makes
    /// complete, the leaf itself first: level (the subtree has 2^level leaves), index within
    /// the level, and hash.
    pub fn push_with(&mut self, leaf: Hash, mut completed: impl FnMut(u8, u64, &Hash)) {
        let mut hash = leaf;
        let mut level = 0;
        let mut index = self.size;
        completed(level, index, &hash);
        while index & 1 == 1 {
            let Some(left) = self.edge.pop() else { break };
            hash = node(&left, &hash);
            (level, index) = (level + 1, index >> 1);
            completed(level, index, &hash);
        }
        self.edge.push(hash);
        self.size += 1;
    }
}

/// The complete subtrees, from left to right, that make up the leaves from `start` up to before
/// `end`, as level and index. `start` must be a multiple of the largest of them.
pub(super) fn subtrees(start: u64, end: u64) -> impl Iterator<Item = (u8, u64)> {
    let width = end - start;
    (0..64).rev().filter(move |level| (width >> level) & 1 == 1).map(move |level| {
        let before = (width >> level) & !1;
        (level, (start >> level) + before)
    })
}

/// The hash over neighbouring complete subtrees, of which each is larger than the next.
pub(super) fn join(subtrees: &[Hash]) -> Option<Hash> {
    subtrees.iter().rev().copied().reduce(|right, left| node(&left, &right))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tlog::{
        hash,
        oracles::{self, SIZES, Stored},
    };

    #[test]
    fn roots_are_those_of_the_oracle_at_every_awkward_size() {
        let stored = Stored::of(70_000);
        let mut frontier = Frontier::new();
        for size in 0..=70_000 {
            if SIZES.contains(&size) {
                assert_eq!(frontier.root(), stored.oracle_root(size), "{size} leaves");
                assert_eq!(Frontier::load(size, &stored), Ok(frontier.clone()), "{size} leaves");
            }
            frontier.push(oracles::leaf(size));
        }
    }

    #[test]
    fn every_complete_subtree_is_told_once() {
        let mut told = Vec::new();
        let mut frontier = Frontier::new();
        for index in 0..4 {
            frontier.push_with(oracles::leaf(index), |level, index, _| told.push((level, index)));
        }
        assert_eq!(told, [(0, 0), (0, 1), (1, 0), (0, 2), (0, 3), (1, 1), (2, 0)]);
        assert_eq!(Frontier::new().root(), hash::empty_root());
    }

    proptest! {
        #[test]
        fn any_tree_loads_and_grows_like_the_oracle(size in 0u64..600, more in 0u64..300) {
            let stored = Stored::of(size + more);
            let mut frontier = Frontier::load(size, &stored).unwrap();
            prop_assert_eq!(frontier.root(), oracles::ct_root(size));
            for index in size..size + more {
                frontier.push(oracles::leaf(index));
            }
            prop_assert_eq!(frontier.size(), size + more);
            prop_assert_eq!(frontier.root(), oracles::ct_root(size + more));
        }
    }
}
