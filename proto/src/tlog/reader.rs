//! Hashes of the tree, read out of its tiles.

use std::{cell::RefCell, collections::HashMap};

use super::{
    hash::{HASH_BYTES, Hash, node},
    proof::Hashes,
    tile::{Kind, LEVELS_PER_TILE, MAX_LEVEL, TILE_WIDTH, TilePath, count},
};

/// Tiles that a reader keeps: 8 MiB; past that it forgets all and begins anew.
const KEPT: usize = 1_024;

/// Reads the hashes of a tree of a known size out of tiles that a function fetches.
///
/// The tiles' lengths are checked, their truth is not: compare [`super::proof::root`] with a
/// signed checkpoint, or verify the proofs that are made from them.
pub struct TileReader<F> {
    size: u64,
    fetch: F,
    kept: RefCell<HashMap<TilePath, Vec<u8>>>,
}

impl<F, E> TileReader<F>
where
    F: Fn(&TilePath) -> Result<Vec<u8>, E>,
    E: std::error::Error + 'static,
{
    /// A reader of the tree of `size` leaves, whose tiles `fetch` brings. Of partial tiles it
    /// asks for exactly those that a tree of this size has; `fetch` may bring the full tile
    /// that one grew into instead.
    pub fn new(size: u64, fetch: F) -> Self {
        Self { size, fetch, kept: RefCell::default() }
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Fetches a tile, cut to the hashes that its path says.
    pub(super) fn tile(&self, path: &TilePath) -> Result<Vec<u8>, ReadError<E>> {
        let mut tile = (self.fetch)(path).map_err(ReadError::Fetch)?;
        let expected = usize::from(path.width()) * HASH_BYTES;
        let full = TILE_WIDTH as usize * HASH_BYTES;
        if tile.len() != expected && tile.len() != full {
            return Err(ReadError::Length { path: *path, expected, found: tile.len() });
        }
        tile.truncate(expected);
        Ok(tile)
    }
}

impl<F, E> Hashes for TileReader<F>
where
    F: Fn(&TilePath) -> Result<Vec<u8>, E>,
    E: std::error::Error + 'static,
{
    type Error = ReadError<E>;

    fn hash(&self, level: u8, index: u64) -> Result<Hash, ReadError<E>> {
        let (path, first, hashes) = place(level, index, self.size).ok_or(ReadError::Outside {
            level,
            index,
            size: self.size,
        })?;
        let mut kept = self.kept.borrow_mut();
        if !kept.contains_key(&path) {
            let tile = self.tile(&path)?;
            if kept.len() >= KEPT {
                kept.clear();
            }
            kept.insert(path, tile);
        }
        let tile = kept.get(&path).map_or(&[][..], |tile| tile.as_slice());
        let (tile, _) = tile.as_chunks::<HASH_BYTES>();
        let outside = ReadError::Outside { level, index, size: self.size };
        tile.get(first..first + hashes).map(fold).ok_or(outside)
    }
}

/// The tile that holds a subtree, the number of the subtree's first hash in it, and how many
/// hashes the subtree has there.
fn place(level: u8, index: u64, size: u64) -> Option<(TilePath, usize, usize)> {
    let kind = Kind::Hashes(level / LEVELS_PER_TILE);
    if level / LEVELS_PER_TILE > MAX_LEVEL {
        return None;
    }
    let hashes = 1u64 << (level % LEVELS_PER_TILE);
    let first = index.checked_mul(hashes)?;
    let stored = count(kind, size);
    if first.checked_add(hashes)? > stored {
        return None;
    }
    let tile = first / TILE_WIDTH;
    let width = (stored - tile * TILE_WIDTH).min(TILE_WIDTH);
    let path = TilePath::new(kind, tile, u16::try_from(width).ok()?).ok()?;
    Some((path, (first % TILE_WIDTH) as usize, hashes as usize))
}

/// The hash over 2^k neighbouring hashes.
fn fold(hashes: &[Hash]) -> Hash {
    match hashes {
        [hash] => *hash,
        _ => {
            let (left, right) = hashes.split_at(hashes.len() / 2);
            node(&fold(left), &fold(right))
        }
    }
}

/// Why a hash cannot be read out of tiles.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError<E: std::error::Error + 'static> {
    /// No such subtree is complete in the tree.
    #[error("a tree of {size} leaves has no complete subtree {index} at level {level}")]
    Outside {
        /// Level of the subtree.
        level: u8,
        /// Its number within the level.
        index: u64,
        /// Size of the tree.
        size: u64,
    },
    /// A tile is too short or too long.
    #[error("{path} has {found} bytes where a tile of its width has {expected}")]
    Length {
        /// Which tile.
        path: TilePath,
        /// Bytes by its path.
        expected: usize,
        /// Bytes there are.
        found: usize,
    },
    /// A tile cannot be fetched.
    #[error(transparent)]
    Fetch(E),
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, convert::Infallible};

    use proptest::prelude::*;

    use super::*;
    use crate::tlog::{
        oracles::{SIZES, Stored},
        proof,
    };

    fn read<'a>(stored: &'a Stored) -> impl Fn(&TilePath) -> Result<Vec<u8>, Infallible> + 'a {
        |path| Ok(stored.tile(path))
    }

    #[test]
    fn tiles_give_the_roots_and_proofs_of_the_whole_tree() {
        let stored = Stored::of(70_000);
        for size in SIZES {
            let reader = TileReader::new(size, read(&stored));
            assert_eq!(proof::root(size, &reader), Ok(stored.oracle_root(size)), "{size} leaves");
            for index in [0, size / 2, size.saturating_sub(1)].into_iter().filter(|i| *i < size) {
                let found = proof::inclusion(index, size, &reader).unwrap();
                assert_eq!(found, stored.oracle_inclusion(index, size), "{index} in {size}");
            }
        }
    }

    #[test]
    fn each_tile_is_fetched_once() {
        let stored = Stored::of(70_000);
        let fetched = Cell::new(0);
        let reader = TileReader::new(70_000, |path: &TilePath| {
            fetched.set(fetched.get() + 1);
            read(&stored)(path)
        });
        (0..256).for_each(|index| drop(proof::inclusion(index, 70_000, &reader).unwrap()));
        assert_eq!(fetched.get(), 4, "tile/0/000, tile/0/273, both of tile/1");
    }

    #[test]
    fn a_tile_of_another_length_is_refused_but_for_the_full_one() {
        let tile = |bytes: usize| {
            TileReader::new(3, move |_: &TilePath| Ok::<_, Infallible>(vec![7; bytes]))
        };
        assert!(tile(96).hash(0, 2).is_ok());
        assert_eq!(tile(8_192).hash(0, 2), Ok([7; 32]));
        for bytes in [0, 32, 95, 97, 128, 8_191, 8_224] {
            let path = "tile/0/000.p/3".parse().unwrap();
            let refused = ReadError::Length { path, expected: 96, found: bytes };
            assert_eq!(tile(bytes).hash(0, 2), Err(refused));
        }
    }

    proptest! {
        #[test]
        fn no_place_panics(level in any::<u8>(), index in any::<u64>(), size in any::<u64>()) {
            let shift = u32::from(level % 64);
            for (index, size) in [(index, size), (index >> shift, size), (index, size >> shift)] {
                let _ = TileReader::new(size, |path: &TilePath| {
                    Ok::<_, Infallible>(vec![0; usize::from(path.width()) * HASH_BYTES])
                }).hash(level, index);
            }
        }

        #[test]
        fn subtrees_past_the_end_are_refused(size in 0u64..2_000, level in 0u8..12) {
            let stored = Stored::of(size);
            let reader = TileReader::new(size, read(&stored));
            let complete = size >> level;
            prop_assert!(reader.hash(level, complete).is_err());
            if complete > 0 {
                prop_assert_eq!(reader.hash(level, complete - 1), Ok(stored.hash(level, complete - 1).unwrap()));
            }
        }
    }
}
