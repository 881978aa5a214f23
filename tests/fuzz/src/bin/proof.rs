//! Proofs, made and verified, in trees of every size: what holds, holds for the oracle too.
#![no_main]

use birge_fuzz::tree::{ORACLE_SIZE, Tree};
use birge_proto::tlog::{
    Hash, hash,
    proof::{MOST_HASHES, consistency, inclusion, verify_consistency, verify_inclusion},
};
use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use tlog_tiles::{check_record, check_tree, prove_record, prove_tree, tree_hash};

#[derive(Debug, Arbitrary)]
struct Input {
    /// Takes sizes near every power of two within reach.
    shift: u8,
    new: u64,
    old: u64,
    index: u64,
    leaf: Hash,
    other: Hash,
    /// Which hash of a proof is replaced, and by how many.
    place: u8,
    put: Vec<Hash>,
}

fuzz_target!(|input: Input| {
    let Input { shift, new, old, index, leaf, other, place, put } = input;
    let (new, old, index) = (new >> (shift % 64), old >> (shift % 64), index >> (shift % 64));
    nothing_holds_by_chance(index, old, new, &leaf, &other, &put);
    if new == 0 {
        return;
    }
    let (old, index) = (old % new + 1, index % new);
    let tree = Tree::new(index, leaf);
    let root = tree.root(new);

    let proof = inclusion(index, new, &tree).expect("a leaf of the tree");
    assert!(proof.len() <= MOST_HASHES);
    if new <= ORACLE_SIZE {
        assert_eq!(tree_hash(new, &tree).expect("a root").0, root);
        assert_eq!(theirs(&proof), prove_record(new, index, &tree).expect("a proof"));
    }
    assert!(included(&leaf, index, new, &proof, &root));
    assert_eq!(included(&other, index, new, &proof, &root), other == leaf);
    assert_eq!(included(&leaf, index, new, &proof, &other), other == root);
    let changed = change(&proof, place, &put);
    assert_eq!(included(&leaf, index, new, &changed, &root), changed == proof);

    let old_root = tree.root(old);
    let proof = consistency(old, new, &tree).expect("sizes in order");
    assert!(proof.len() <= MOST_HASHES);
    if new <= ORACLE_SIZE {
        assert_eq!(theirs(&proof), prove_tree(new, old, &tree).expect("a proof"));
    }
    assert!(consistent(old, &old_root, new, &root, &proof));
    assert_eq!(consistent(old, &other, new, &root, &proof), other == old_root);
    assert_eq!(consistent(old, &old_root, new, &other, &proof), other == root);
    let changed = change(&proof, place, &put);
    assert_eq!(consistent(old, &old_root, new, &root, &changed), changed == proof);
});

/// Hashes that no tree was asked for: refused for every size, and nothing overflows.
fn nothing_holds_by_chance(
    index: u64,
    old: u64,
    new: u64,
    leaf: &Hash,
    root: &Hash,
    proof: &[Hash],
) {
    let alone = (index, new) == (0, 1) && leaf == root && proof.is_empty();
    assert_eq!(included(leaf, index, new, proof, root), alone);
    let same = match old {
        _ if old == new => leaf == root,
        0 => *leaf == hash::empty_root(),
        _ => false,
    };
    assert_eq!(consistent(old, leaf, new, root, proof), same && proof.is_empty());
}

fn included(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    let ours = verify_inclusion(leaf, index, size, proof, root).is_ok();
    let theirs = check_record(&theirs(proof), size, their(root), index, their(leaf)).is_ok();
    assert_eq!(ours, theirs, "leaf {index} of {size}");
    ours
}

fn consistent(old: u64, old_root: &Hash, new: u64, root: &Hash, proof: &[Hash]) -> bool {
    let ours = verify_consistency(old, old_root, new, root, proof).is_ok();
    // The oracle knows no proof for the empty tree.
    if old > 0 {
        let theirs = check_tree(&theirs(proof), new, their(root), old, their(old_root)).is_ok();
        assert_eq!(ours, theirs, "{old} to {new}");
    }
    ours
}

/// `proof` with one hash replaced by those of `put`.
fn change(proof: &[Hash], place: u8, put: &[Hash]) -> Vec<Hash> {
    let at = usize::from(place) % (proof.len() + 1);
    let mut changed = proof.to_vec();
    changed.splice(at..proof.len().min(at + 1), put.iter().copied());
    changed
}

fn their(hash: &Hash) -> tlog_tiles::Hash {
    tlog_tiles::Hash(*hash)
}

fn theirs(hashes: &[Hash]) -> Vec<tlog_tiles::Hash> {
    hashes.iter().map(their).collect()
}
