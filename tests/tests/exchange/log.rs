//! Others' tools accept the log that a gateway wrote, and refuse it with one byte flipped.

mod auditor;
mod verifiers;
mod written;

use std::{collections::BTreeMap, fs, path::Path};

use birge_proto::tlog::tile;

use self::{
    verifiers::{Verifier, verifiers},
    written::{SIZES, Written},
};

#[test]
fn independent_verifiers_accept_the_log_at_every_size_and_refuse_one_flipped_byte() {
    let verifiers = verifiers();
    if verifiers.is_empty() {
        return;
    }
    let written = Written::by_a_gateway();
    for (place, size) in SIZES.into_iter().enumerate() {
        let mirror = written.mirror(size);
        let older = place.checked_sub(1).map(|before| written.mirror(SIZES[before]));
        let older = older.map(|older| older.join("checkpoint"));
        for verifier in &verifiers {
            let accepts = || verifier.accepts(&written.key, size, &mirror, older.as_deref());
            accepts().unwrap();
            for (file, place) in spoilable(verifier, size, &mirror) {
                let sound = fs::read(mirror.join(&file)).unwrap();
                let mut spoilt = sound.clone();
                spoilt[place] ^= 1;
                fs::write(mirror.join(&file), spoilt).unwrap();
                let verdict = accepts();
                fs::write(mirror.join(&file), sound).unwrap();
                let refused = verdict.expect_err(&format!("byte {place} of {file} at {size}"));
                assert!(!refused.contains("usage:"), "{refused}");
            }
        }
        if let Some(before) = place.checked_sub(1).map(|before| SIZES[before]) {
            let (grown, newer) = (written.mirror(before), mirror.join("checkpoint"));
            for verifier in &verifiers {
                let shrunk = verifier.accepts(&written.key, before, &grown, Some(&newer));
                shrunk.expect_err("a log that shrank");
            }
        }
    }
}

/// Where one byte is flipped: in the root that the checkpoint states and in its signature,
/// and in the middle of the last file of every kind, through which the last entry is proved.
fn spoilable(verifier: &Verifier, size: u64, mirror: &Path) -> Vec<(String, usize)> {
    let note = fs::read_to_string(mirror.join("checkpoint")).unwrap();
    let root = note.match_indices('\n').nth(1).unwrap().0 + 1;
    let mut places = vec![("checkpoint".to_owned(), root)];
    if verifier.checks_signatures() {
        places.push(("checkpoint".to_owned(), note.len() - 20));
    }
    let last: BTreeMap<_, _> = tile::tiles(size).map(|path| (path.kind(), path)).collect();
    places.extend(last.into_values().map(|path| {
        let path = path.to_string();
        let length = fs::metadata(mirror.join(&path)).unwrap().len();
        (path, length as usize / 2)
    }));
    places
}
