//! Hashes of the tree: SHA-256, with one prefix for leaves and another for nodes, so that
//! neither can pass for the other.
//!
//! Source: RFC 6962, section 2.1.

use crate::envelope::sha256;

/// A hash of the tree: 32 bytes of SHA-256.
pub type Hash = [u8; HASH_BYTES];

/// Bytes of a hash.
pub const HASH_BYTES: usize = 32;

const LEAF: u8 = 0;
const NODE: u8 = 1;

/// Entries up to this length, as the log's own are, are hashed without an allocation.
const SHORT: usize = 64;

/// The root of the tree without leaves: SHA-256 of nothing.
#[must_use]
pub fn empty_root() -> Hash {
    sha256(&[])
}

/// The hash of the leaf that carries `entry`: SHA-256(00 ‖ entry).
#[must_use]
pub fn leaf(entry: &[u8]) -> Hash {
    if entry.len() <= SHORT {
        let mut bytes = [LEAF; 1 + SHORT];
        bytes[1..=entry.len()].copy_from_slice(entry);
        sha256(&bytes[..=entry.len()])
    } else {
        sha256(&[&[LEAF], entry].concat())
    }
}

/// The hash of the node over `left` and `right`: SHA-256(01 ‖ left ‖ right).
#[must_use]
pub fn node(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [NODE; 1 + 2 * HASH_BYTES];
    bytes[1..=HASH_BYTES].copy_from_slice(left);
    bytes[1 + HASH_BYTES..].copy_from_slice(right);
    sha256(&bytes)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn the_empty_root_is_that_of_the_rfc() {
        assert_eq!(
            hex::encode(empty_root()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }

    proptest! {
        #[test]
        fn hashes_are_those_of_the_oracle(entry in vec(any::<u8>(), 0..200)) {
            let (one, other) = (leaf(&entry), leaf(b"other"));
            prop_assert_eq!(one, tlog_tiles::record_hash(&entry).0);
            prop_assert_eq!(
                node(&one, &other),
                tlog_tiles::node_hash(tlog_tiles::Hash(one), tlog_tiles::Hash(other)).0
            );
        }
    }
}
