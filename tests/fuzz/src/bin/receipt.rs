//! Receipts: read only as they would have been written, and good for one leaf at one place.
#![no_main]

use birge_fuzz::{
    keys::{LOG, ORIGIN, OTHER_LOG},
    tree::Tree,
};
use birge_proto::{
    receipt::{PROOF_BYTES, Receipt},
    tlog::{checkpoint::Checkpoint, hash, proof},
};
use libfuzzer_sys::fuzz_target;

const LEAF: &[u8] = b"leaf";

fuzz_target!(|text: &[u8]| {
    let Ok(receipt) = Receipt::parse(text) else { return };
    assert!(text.len() <= PROOF_BYTES);
    assert_eq!(receipt.encode(), text);
    assert!(receipt.verify(LEAF, &LOG.verifier(), ORIGIN).is_err());

    // Under a checkpoint of a tree as large as its hashes suggest, it holds if they are right.
    let index = receipt.index;
    let size = 1u64.checked_shl(receipt.hashes.len() as u32).unwrap_or(u64::MAX);
    let Some(size) = size.checked_add(index / 2).filter(|size| index < *size) else { return };
    let tree = Tree::new(index, hash::leaf(LEAF));
    let hashes = proof::inclusion(index, size, &tree).expect("a leaf of the tree");
    let head = Checkpoint::new(ORIGIN, size, tree.root(size)).expect("a checkpoint");
    let checkpoint = head.sign(&LOG).expect("a note");

    let signed = Receipt { checkpoint, ..receipt };
    let holds = signed.verify(LEAF, &LOG.verifier(), ORIGIN).is_ok();
    assert_eq!(holds, signed.hashes == hashes);
    let honest = Receipt { hashes, ..signed };
    assert_eq!(Receipt::parse(&honest.encode()), Ok(honest.clone()));
    assert_eq!(honest.verify(LEAF, &LOG.verifier(), ORIGIN), Ok(head));
    assert!(honest.verify(b"other", &LOG.verifier(), ORIGIN).is_err());
    assert!(honest.verify(LEAF, &OTHER_LOG.verifier(), ORIGIN).is_err());
    let elsewhere = Receipt { index: index ^ 1, ..honest };
    assert!(elsewhere.verify(LEAF, &LOG.verifier(), ORIGIN).is_err());
});
