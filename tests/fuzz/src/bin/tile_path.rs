//! Paths of tiles and of bundles: those that would have been written, and no others.
#![no_main]

use birge_proto::tlog::tile::{Kind, TILE_WIDTH, TilePath};
use libfuzzer_sys::{
    arbitrary::{Arbitrary, Unstructured},
    fuzz_target,
};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        match text.parse::<TilePath>() {
            Ok(path) => {
                assert_eq!(path.to_string(), text);
                agree(&path, text);
            }
            Err(_) => assert!(text.len() > 40 || !theirs(text), "{text:?} is a path"),
        }
    }
    // The same bytes as numbers: every path that can be is read.
    if let Ok((level, index, width)) = <(u8, u64, u16)>::arbitrary(&mut Unstructured::new(bytes)) {
        let kind = if level == u8::MAX { Kind::Entries } else { Kind::Hashes(level % 7) };
        if let Ok(path) = TilePath::new(kind, index >> (level / 4), width % 300) {
            let text = path.to_string();
            assert_eq!(text.parse(), Ok(path));
            agree(&path, &text);
        }
    }
});

/// The oracle's own path of the file, in the folders of Go's module mirror.
fn agree(path: &TilePath, text: &str) {
    let (level, data) = match path.kind() {
        Kind::Entries => (0, true),
        Kind::Hashes(level) => (level, false),
    };
    let tile = tlog_tiles::Tile::new(8, level, path.index(), path.width().into(), data);
    assert_eq!(tile.path(), mirrored(text));
}

/// Whether the oracle takes `text` for a file that some tree has. It panics on the width 0 and
/// on levels from 64 on, and knows no end of the tree.
fn theirs(text: &str) -> bool {
    let level = text.strip_prefix("tile/").and_then(|rest| rest.split('/').next());
    let known = level.is_some_and(|level| {
        level == "entries" || matches!(level, "0" | "1" | "2" | "3" | "4" | "5")
    });
    let width = text.split_once(".p/").map(|(_, width)| width);
    let zero = width.is_some_and(|width| width.trim_start_matches(['+', '0']).is_empty());
    if !known || zero {
        return false;
    }
    tlog_tiles::Tile::from_path(&mirrored(text)).is_ok_and(|tile| {
        let last = (1u64 << 48).wrapping_sub(1) >> (8 * (u32::from(tile.level()) + 1));
        u64::from(tile.width()) <= TILE_WIDTH && tile.level_index() <= last
    })
}

fn mirrored(text: &str) -> String {
    text.replacen("tile/", "tile/8/", 1).replacen("/entries/", "/data/", 1)
}
