//! Proofs checked with nothing but the roots. Source: RFC 9162, sections 2.1.3.2 and 2.1.4.2.

use crate::tlog::hash::{Hash, empty_root, node};

/// Why a proof does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// There is no such leaf.
    #[error("leaf {index} cannot be in a tree of {size} leaves")]
    Outside {
        /// Leaf spoken of.
        index: u64,
        /// Size of the tree.
        size: u64,
    },
    /// The log became smaller.
    #[error("the log shrank: it had {old} leaves and has {new}")]
    Shrinks {
        /// Leaves seen before.
        old: u64,
        /// Leaves seen now.
        new: u64,
    },
    /// Too few hashes, or too many.
    #[error("the proof has {found} hashes where trees of these sizes need {expected}")]
    Length {
        /// Hashes needed.
        expected: usize,
        /// Hashes there are.
        found: usize,
    },
    /// The proof leads elsewhere.
    #[error("the proof does not lead to the root that was signed")]
    Root,
    /// The proof does not begin at the tree known before.
    #[error("the proof does not lead to the root seen before: the log's past was changed")]
    OldRoot,
}

/// Checks that the leaf with hash `leaf` is number `index` of the tree of `size` leaves under
/// `root`.
///
/// # Errors
/// When it cannot be, when the proof has the wrong length, or leads to another root.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Outside { index, size });
    }
    let (inside, border) = path_lengths(index, size);
    expect_length(proof, inside + border)?;
    let (inside, border) = proof.split_at(inside);
    let found = climb_border(climb(*leaf, index, inside), border);
    if found == *root { Ok(()) } else { Err(ProofError::Root) }
}

/// Checks that the tree of `old` leaves under `old_root` is the beginning of the tree of `new`
/// leaves under `new_root`. The empty tree is the beginning of every tree, without a proof.
///
/// # Errors
/// When the log shrank, the proof has the wrong length, or leads to other roots.
pub fn verify_consistency(
    old: u64,
    old_root: &Hash,
    new: u64,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if old > new {
        return Err(ProofError::Shrinks { old, new });
    }
    if old == new || old == 0 {
        expect_length(proof, 0)?;
        let expected = if old == new { *new_root } else { empty_root() };
        return if *old_root == expected { Ok(()) } else { Err(ProofError::OldRoot) };
    }
    // The proof climbs from the last complete subtree of the old tree: 2^height leaves, number
    // `index` in its level. Where that is the whole old tree, its hash is the old root.
    let height = old.trailing_zeros();
    let index = (old - 1) >> height;
    let (inside, border) = path_lengths(old - 1, new);
    let inside = inside.saturating_sub(height as usize);
    let whole = index == 0;
    expect_length(proof, usize::from(!whole) + inside + border)?;
    let (seed, path) = match proof.split_first() {
        Some((seed, path)) if !whole => (seed, path),
        _ => (old_root, proof),
    };
    let (inside, border) = path.split_at(inside);
    let left = inside.iter().enumerate().filter(|(level, _)| is_right(index, *level));
    let found = left.fold(*seed, |hash, (_, sibling)| node(sibling, &hash));
    if climb_border(found, border) != *old_root {
        return Err(ProofError::OldRoot);
    }
    let found = climb_border(climb(*seed, index, inside), border);
    if found == *new_root { Ok(()) } else { Err(ProofError::Root) }
}

/// How many hashes the path from leaf `index` to the root has: those inside the smallest
/// complete subtree that holds both it and the last leaf, where siblings stand on either side,
/// and those along the right border above, where all stand on the left.
fn path_lengths(index: u64, size: u64) -> (usize, usize) {
    let inside = u64::BITS - (index ^ (size - 1)).leading_zeros();
    let border = index.checked_shr(inside).unwrap_or(0).count_ones();
    (inside as usize, border as usize)
}

fn expect_length(proof: &[Hash], expected: usize) -> Result<(), ProofError> {
    let found = proof.len();
    if found == expected { Ok(()) } else { Err(ProofError::Length { expected, found }) }
}

/// Whether the subtree over node `index`, `level` levels up, is a right child.
fn is_right(index: u64, level: usize) -> bool {
    (index >> level) & 1 == 1
}

fn climb(from: Hash, index: u64, path: &[Hash]) -> Hash {
    path.iter().enumerate().fold(from, |hash, (level, sibling)| {
        if is_right(index, level) { node(sibling, &hash) } else { node(&hash, sibling) }
    })
}

fn climb_border(from: Hash, path: &[Hash]) -> Hash {
    path.iter().fold(from, |hash, sibling| node(sibling, &hash))
}
