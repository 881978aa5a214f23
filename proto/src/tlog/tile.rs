//! Names of the files that a tree is published as, and which of them a tree of some size has.
//!
//! A tile holds up to 256 neighbouring hashes of the tree's level 0, 8, 16, …; a bundle holds
//! the entries under one tile of level 0. A tile of fewer hashes is partial and says how many.
//!
//! Source: C2SP tlog-tiles, "Merkle Tree", "Partial Tiles", "Log entries".

use std::{fmt, str::FromStr};

/// Hashes in a full tile, entries in a full bundle.
pub const TILE_WIDTH: u64 = 256;
/// The most leaves that tiles of levels 0 to 5 can lay out.
pub const MAX_SIZE: u64 = (1 << 48) - 1;
/// The highest level of a tile.
pub const MAX_LEVEL: u8 = 5;

/// Every kind of file, from the leaves up.
const KINDS: [Kind; 7] = [
    Kind::Entries,
    Kind::Hashes(0),
    Kind::Hashes(1),
    Kind::Hashes(2),
    Kind::Hashes(3),
    Kind::Hashes(4),
    Kind::Hashes(MAX_LEVEL),
];

/// Levels of the tree between two levels of tiles.
pub(super) const LEVELS_PER_TILE: u8 = 8;

/// What a file of the log holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Entries, each with its length.
    Entries,
    /// Hashes of subtrees of 256^level leaves each; level 0 to 5.
    Hashes(u8),
}

impl Kind {
    /// The tile level that it stands at: bundles stand with the leaves.
    fn level(self) -> u8 {
        match self {
            Self::Entries => 0,
            Self::Hashes(level) => level,
        }
    }
}

/// The path of one tile or bundle: `tile/0/x001/x234/067`, `tile/1/000.p/17`,
/// `tile/entries/000.p/112`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TilePath {
    kind: Kind,
    index: u64,
    width: u16,
}

impl TilePath {
    /// The path of file number `index` of its kind, with `width` hashes or entries (1 to 256).
    ///
    /// # Errors
    /// When no tree has such a file.
    pub fn new(kind: Kind, index: u64, width: u16) -> Result<Self, TilePathError> {
        let level = kind.level();
        let fits = level <= MAX_LEVEL && index <= MAX_SIZE >> (8 * (u32::from(level) + 1));
        if fits && (1..=TILE_WIDTH).contains(&u64::from(width)) {
            Ok(Self { kind, index, width })
        } else {
            Err(TilePathError)
        }
    }

    /// What the file holds.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its number among those of its kind.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Hashes or entries in it, 1 to 256.
    #[must_use]
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Whether more may still come to it.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        u64::from(self.width) < TILE_WIDTH
    }

    /// The full file that this one grows into; itself where it is full.
    #[must_use]
    pub fn full(&self) -> Self {
        Self { width: TILE_WIDTH as u16, ..*self }
    }
}

/// The files of a tree of `size` leaves: bundles, then tiles from the leaves up.
/// What lies past [`MAX_SIZE`] has no files.
pub fn tiles(size: u64) -> impl Iterator<Item = TilePath> {
    changed(0, size)
}

/// The files of a tree of `new` leaves that the tree of `old` leaves lacks or has narrower, in
/// the order of [`tiles`]: what must be written when one grows into the other.
pub fn changed(old: u64, new: u64) -> impl Iterator<Item = TilePath> {
    KINDS.into_iter().flat_map(move |kind| {
        let (old, new) = (count(kind, old), count(kind, new));
        let grown = if old < new { old / TILE_WIDTH..new.div_ceil(TILE_WIDTH) } else { 0..0 };
        grown.map(move |index| {
            let width = (new - index * TILE_WIDTH).min(TILE_WIDTH) as u16;
            TilePath { kind, index, width }
        })
    })
}

/// The partial files of a tree of `size` leaves: those that grow with the next one, at most one
/// of each kind.
pub fn open(size: u64) -> impl Iterator<Item = TilePath> {
    KINDS.into_iter().filter_map(move |kind| {
        let count = count(kind, size);
        let width = (count % TILE_WIDTH) as u16;
        (width > 0).then_some(TilePath { kind, index: count / TILE_WIDTH, width })
    })
}

/// How many hashes or entries stand in all files of `kind` of a tree of `size` leaves.
pub(super) fn count(kind: Kind, size: u64) -> u64 {
    size.min(MAX_SIZE) >> (LEVELS_PER_TILE * kind.level())
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Entries => f.write_str("tile/entries/")?,
            Kind::Hashes(level) => write!(f, "tile/{level}/")?,
        }
        folders(f, self.index / 1000)?;
        write!(f, "{:03}", self.index % 1000)?;
        if self.is_partial() { write!(f, ".p/{}", self.width) } else { Ok(()) }
    }
}

/// Writes the groups of three digits before the last one.
fn folders(f: &mut fmt::Formatter<'_>, groups: u64) -> fmt::Result {
    if groups == 0 {
        return Ok(());
    }
    folders(f, groups / 1000)?;
    write!(f, "x{:03}/", groups % 1000)
}

impl FromStr for TilePath {
    type Err = TilePathError;

    /// Reads a path leniently, and takes it only if it is what would have been written.
    fn from_str(text: &str) -> Result<Self, TilePathError> {
        let path = read(text).ok_or(TilePathError)?;
        if path.to_string() == text { Ok(path) } else { Err(TilePathError) }
    }
}

fn read(text: &str) -> Option<TilePath> {
    let (kind, rest) = text.strip_prefix("tile/")?.split_once('/')?;
    let kind = match kind {
        "entries" => Kind::Entries,
        level => Kind::Hashes(level.parse().ok()?),
    };
    let (groups, width) = match rest.split_once(".p/") {
        Some((groups, width)) => (groups, width.parse().ok()?),
        None => (rest, TILE_WIDTH as u16),
    };
    let index = groups.split('/').try_fold(0u64, |index, group| {
        let digits: u64 = group.trim_start_matches('x').parse().ok()?;
        index.checked_mul(1000)?.checked_add(digits)
    })?;
    TilePath::new(kind, index, width).ok()
}

/// Not the path of a tile or bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not the path of a tile: expected tile/LEVEL/INDEX or tile/entries/INDEX with a level from 0 \
     to 5, the index in groups of three digits (x001/x234/067), and .p/WIDTH for 1 to 255 hashes"
)]
pub struct TilePathError;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::tlog::oracles::SIZES;

    /// The oracle writes the levels of Go's module mirror: `tile/8/L/…`, `tile/8/data/…`.
    fn oracle_paths(old: u64, new: u64) -> BTreeSet<String> {
        let tiles = tlog_tiles::Tile::new_tiles(8, old, new);
        let level_0 = tiles.iter().filter(|tile| tile.level() == 0).map(|tile| {
            let mut tile = *tile;
            tile.set_is_data();
            tile
        });
        let paths = tiles.iter().copied().chain(level_0).map(|tile| tile.path());
        paths.map(|path| path.replace("tile/8/", "tile/").replace("/data/", "/entries/")).collect()
    }

    #[test]
    fn the_example_of_the_specification() {
        let paths: Vec<_> = tiles(70_000).filter(TilePath::is_partial).collect();
        let texts: Vec<_> = paths.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            ["tile/entries/273.p/112", "tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]
        );
        assert_eq!(paths[0].full().to_string(), "tile/entries/273");
        let large = TilePath::new(Kind::Hashes(0), 1_234_067, 256).unwrap();
        assert_eq!(large.to_string(), "tile/0/x001/x234/067");
    }

    #[test]
    fn trees_have_the_files_that_the_oracle_says() {
        for old in SIZES {
            for new in SIZES.into_iter().filter(|new| *new >= old) {
                let ours: Vec<_> = changed(old, new).collect();
                let paths: BTreeSet<_> = ours.iter().map(ToString::to_string).collect();
                assert_eq!(ours.len(), paths.len());
                assert_eq!(paths, oracle_paths(old, new), "{old} to {new}");
            }
        }
        for size in SIZES {
            let partial: Vec<_> = tiles(size).filter(TilePath::is_partial).collect();
            assert_eq!(open(size).collect::<Vec<_>>(), partial);
        }
        assert_eq!(tiles(0).count(), 0);
        assert_eq!(changed(u64::MAX, u64::MAX).count() + changed(9, 3).count(), 0);
    }

    #[test]
    fn only_the_canonical_path_is_taken() {
        let refused = [
            "",
            "tile",
            "tile/",
            "tile//000",
            "tile/0",
            "tile/0/",
            "tile/6/000",
            "tile/00/000",
            "tile/+1/000",
            "tile/0/0",
            "tile/0/0000",
            "tile/0/x000",
            "tile/0/x000/000",
            "tile/0/001/000",
            "tile/0/xx001/000",
            "tile/0/x001/x000",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/000.p/",
            "tile/0/000.p/+1",
            "tile/0/000.p/1/",
            "tile/5/001",
            "tile/0/000 ",
            " tile/0/000",
            "/tile/0/000",
            "tile/entries/0",
            "tile/Entries/000",
            "tile/0/../000",
            "tile/8/200/000",
            "tile/0/x001/x099/x511/x627/776",
            "tile/0/x018/x446/x744/x073/x709/x551/616",
        ];
        for text in refused {
            assert_eq!(text.parse::<TilePath>(), Err(TilePathError), "{text}");
        }
        let last = "tile/0/x001/x099/x511/x627/775";
        assert_eq!(last.parse::<TilePath>().unwrap().index(), MAX_SIZE / TILE_WIDTH);
    }

    proptest! {
        #[test]
        fn paths_survive_their_text(
            level in 0u8..=5, index in any::<u64>(), width in 1u16..=256, entries in any::<bool>(),
        ) {
            let kind = if entries { Kind::Entries } else { Kind::Hashes(level) };
            let index = index % ((MAX_SIZE >> (8 * (u32::from(kind.level()) + 1))) + 1);
            let path = TilePath::new(kind, index, width).unwrap();
            prop_assert_eq!(path.to_string().parse(), Ok(path));
        }

        #[test]
        fn what_is_taken_is_written_the_same(text in "(tile/)?([0-9]{1,2}|entries)/[x/0-9.p]{0,24}") {
            if let Ok(path) = text.parse::<TilePath>() {
                prop_assert_eq!(path.to_string(), text);
            }
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = text.parse::<TilePath>();
        }

        #[test]
        fn growth_is_that_of_the_oracle(old in 0u64..200_000, more in 0u64..2_000) {
            let paths: BTreeSet<_> = changed(old, old + more).map(|p| p.to_string()).collect();
            prop_assert_eq!(paths, oracle_paths(old, old + more));
        }
    }
}
