//! Proofs out of stored hashes. Source: RFC 6962, section 2.1.

use crate::tlog::{
    frontier::{join, subtrees},
    hash::{Hash, empty_root},
};

/// Where the hashes of complete subtrees are read.
pub trait Hashes {
    /// Why a hash cannot be read.
    type Error: std::error::Error + 'static;

    /// The hash of the subtree over the 2^`level` leaves from `index` × 2^`level` on.
    ///
    /// # Errors
    /// When it cannot be read.
    fn hash(&self, level: u8, index: u64) -> Result<Hash, Self::Error>;
}

/// Why a proof cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProveError<E: std::error::Error + 'static> {
    /// There is no such leaf.
    #[error("leaf {index} is not in a tree of {size} leaves: ask for one before {size}")]
    Outside {
        /// Leaf asked for.
        index: u64,
        /// Size of the tree.
        size: u64,
    },
    /// The trees are the wrong way round.
    #[error("a tree of {old} leaves cannot grow into one of {new}: name the smaller one first")]
    Shrinks {
        /// Size of the tree said to be older.
        old: u64,
        /// Size of the tree said to be newer.
        new: u64,
    },
    /// A stored hash cannot be read.
    #[error(transparent)]
    Hashes(#[from] E),
}

/// The root of the tree of `size` leaves.
///
/// # Errors
/// When a hash cannot be read.
pub fn root<H: Hashes>(size: u64, hashes: &H) -> Result<Hash, H::Error> {
    range(0, size, hashes)
}

/// Proof that leaf `index` stands in the tree of `size` leaves.
///
/// # Errors
/// When there is no such leaf, or a hash cannot be read.
pub fn inclusion<H: Hashes>(
    index: u64,
    size: u64,
    hashes: &H,
) -> Result<Vec<Hash>, ProveError<H::Error>> {
    if index >= size {
        return Err(ProveError::Outside { index, size });
    }
    let mut proof = Vec::new();
    let (mut start, mut end) = (0, size);
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            proof.push(range(middle, end, hashes)?);
            end = middle;
        } else {
            proof.push(range(start, middle, hashes)?);
            start = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// Proof that the tree of `old` leaves is the beginning of the tree of `new` leaves; empty where
/// there is nothing to prove (`old` is 0 or `new`).
///
/// # Errors
/// When `old` is larger than `new`, or a hash cannot be read.
pub fn consistency<H: Hashes>(
    old: u64,
    new: u64,
    hashes: &H,
) -> Result<Vec<Hash>, ProveError<H::Error>> {
    if old > new {
        return Err(ProveError::Shrinks { old, new });
    }
    let mut proof = Vec::new();
    if old == 0 || old == new {
        return Ok(proof);
    }
    let (mut start, mut end) = (0, new);
    while end != old {
        let middle = start + split(end - start);
        if old <= middle {
            proof.push(range(middle, end, hashes)?);
            end = middle;
        } else {
            proof.push(range(start, middle, hashes)?);
            start = middle;
        }
    }
    // A verifier who holds the old root needs no hash for what the old tree is a whole of.
    if start > 0 {
        proof.push(range(start, end, hashes)?);
    }
    proof.reverse();
    Ok(proof)
}

/// The largest power of two below `width`, which is at least 2: where a tree divides.
fn split(width: u64) -> u64 {
    1 << (width - 1).ilog2()
}

/// The hash over the leaves from `start` up to before `end`; `start` is a multiple of the largest
/// complete subtree there.
fn range<H: Hashes>(start: u64, end: u64, hashes: &H) -> Result<Hash, H::Error> {
    let row = subtrees(start, end)
        .map(|(level, index)| hashes.hash(level, index))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(join(&row).unwrap_or_else(empty_root))
}
