//! Hashing leaves into the tree, against SHA-256 over as many messages of the same lengths.

use std::hint::black_box;

use anyhow::Result;
use birge_proto::{
    envelope::sha256,
    record::LEAF_BYTES,
    tlog::{frontier::Frontier, hash},
};

use crate::ratio;

const LEAVES: u64 = 1 << 20;

pub(crate) fn run() -> Result<()> {
    let real = || {
        let (mut frontier, mut leaf) = (Frontier::new(), [0; LEAF_BYTES]);
        for number in 0..LEAVES {
            leaf[..8].copy_from_slice(&number.to_be_bytes());
            frontier.push(hash::leaf(black_box(&leaf)));
        }
        black_box(frontier.root());
        Ok(())
    };
    let times = ratio::race(5, || bare(LEAVES), real)?;
    ratio::tell("tree of 1,048,576 leaves / SHA-256", "leaves/s", LEAVES, times, Some(0.8));
    Ok(())
}

/// As much SHA-256 as a tree of `leaves` needs, and nothing else.
pub(crate) fn bare(leaves: u64) -> Result<()> {
    // A leaf is hashed with one byte before it; two nodes, likewise.
    let (mut leaf, mut node) = ([0; LEAF_BYTES + 1], [1; 65]);
    for number in 0..leaves {
        leaf[1..9].copy_from_slice(&number.to_be_bytes());
        let digest = sha256(black_box(&leaf));
        node[1..33].copy_from_slice(&digest);
        black_box(sha256(black_box(&node)));
    }
    Ok(())
}
