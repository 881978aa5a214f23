//! Checkpoints: their three lines, and that they open for the log's key and origin alone.
#![no_main]

use birge_fuzz::keys::{LOG, ORIGIN, OTHER_LOG};
use birge_proto::tlog::checkpoint::{Checkpoint, CheckpointError};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &str| {
    let theirs = tlog_tiles::Checkpoint::from_bytes(body.as_bytes());
    let Ok(head) = Checkpoint::parse(body) else {
        // The oracle takes more lines and more origins.
        let same = theirs.is_ok_and(|theirs| {
            theirs.extension().is_empty()
                && theirs.origin().len() <= 255
                && !theirs.origin().contains(char::is_control)
                && theirs.to_bytes() == body.as_bytes()
        });
        assert!(!same, "the oracle reads a checkpoint here");
        return;
    };
    assert_eq!(head.to_body(), body);
    let theirs = theirs.expect("a checkpoint for the oracle too");
    assert_eq!((theirs.origin(), theirs.size()), (head.origin(), head.size()));
    assert_eq!((theirs.hash().0, theirs.extension()), (*head.root(), ""));

    // Signed by the log, with any origin in it: opened as what it is, for nothing else.
    let note = head.sign(&LOG).expect("a note");
    let (log, other) = (LOG.verifier(), OTHER_LOG.verifier());
    assert_eq!(Checkpoint::open(&note, &log, head.origin()), Ok(head.clone()));
    assert_eq!(Checkpoint::open(&note, &log, ORIGIN).is_ok(), head.origin() == ORIGIN);
    let refused = Checkpoint::open(&note, &other, head.origin());
    assert!(matches!(refused, Err(CheckpointError::Note(_))));
});
