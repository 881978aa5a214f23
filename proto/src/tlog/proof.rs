//! Proofs that a leaf stands in a tree, and that one tree is the beginning of another. A proof
//! is a list of hashes, from the leaves up.

mod make;
mod verify;

pub use make::{Hashes, ProveError, consistency, inclusion, root};
pub use verify::{ProofError, verify_consistency, verify_inclusion};

/// The most hashes that any proof holds: one per level, and one more for consistency.
pub const MOST_HASHES: usize = 65;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tlog::{
        Hash, hash,
        oracles::{self, SIZES, Stored},
    };

    #[test]
    fn every_proof_between_awkward_sizes_is_the_oracles_and_holds() {
        let stored = Stored::of(70_000);
        for new in SIZES.into_iter().filter(|size| *size > 0) {
            let root = root(new, &stored).unwrap();
            assert_eq!(root, stored.oracle_root(new));
            for index in SIZES.into_iter().map(|size| size.saturating_sub(1)) {
                if index >= new {
                    let outside = ProveError::Outside { index, size: new };
                    assert_eq!(inclusion(index, new, &stored), Err(outside));
                    continue;
                }
                let proof = inclusion(index, new, &stored).unwrap();
                assert_eq!(proof, stored.oracle_inclusion(index, new), "{index} in {new}");
                assert_eq!(
                    verify_inclusion(&oracles::leaf(index), index, new, &proof, &root),
                    Ok(())
                );
            }
            for old in SIZES.into_iter().filter(|old| *old <= new) {
                let proof = consistency(old, new, &stored).unwrap();
                if old > 0 {
                    assert_eq!(proof, stored.oracle_consistency(old, new), "{old} in {new}");
                }
                let old_root = stored.oracle_root(old);
                assert_eq!(verify_consistency(old, &old_root, new, &root, &proof), Ok(()));
            }
        }
    }

    #[test]
    fn what_cannot_be_is_named() {
        let stored = Stored::of(9);
        let (five, nine) = (root(5, &stored).unwrap(), root(9, &stored).unwrap());
        assert_eq!(consistency(9, 5, &stored), Err(ProveError::Shrinks { old: 9, new: 5 }));
        assert_eq!(
            verify_consistency(9, &nine, 5, &five, &[]),
            Err(ProofError::Shrinks { old: 9, new: 5 })
        );
        assert_eq!(
            verify_inclusion(&five, 9, 9, &[], &nine),
            Err(ProofError::Outside { index: 9, size: 9 })
        );
        let proof = inclusion(2, 9, &stored).unwrap();
        assert_eq!(
            verify_inclusion(&oracles::leaf(2), 2, 9, &proof[1..], &nine),
            Err(ProofError::Length { expected: 4, found: 3 })
        );
        let proof = consistency(5, 9, &stored).unwrap();
        assert_eq!(verify_consistency(5, &nine, 9, &nine, &proof), Err(ProofError::OldRoot));
        assert_eq!(verify_consistency(5, &five, 9, &five, &proof), Err(ProofError::Root));
        assert_eq!(verify_consistency(5, &five, 5, &nine, &[]), Err(ProofError::OldRoot));
        assert_eq!(verify_consistency(0, &five, 9, &nine, &[]), Err(ProofError::OldRoot));
        assert_eq!(verify_consistency(0, &hash::empty_root(), 9, &nine, &[]), Ok(()));
    }

    fn hashes() -> impl Strategy<Value = Vec<Hash>> {
        proptest::collection::vec(any::<Hash>(), 0..70)
    }

    proptest! {
        #[test]
        fn proofs_hold_and_a_flipped_bit_breaks_them(
            new in 1u64..1500, part in 0.0f64..1.0, bit in any::<prop::sample::Index>(),
        ) {
            let stored = Stored::of(new);
            let root = root(new, &stored).unwrap();
            let index = (part * new as f64) as u64;

            let mut proof = inclusion(index, new, &stored).unwrap();
            let leaf = oracles::leaf(index);
            prop_assert!(oracles::ct_accepts_inclusion(index, new, &proof));
            prop_assert_eq!(verify_inclusion(&leaf, index, new, &proof, &root), Ok(()));
            prop_assert!(verify_inclusion(&leaf, index ^ 1, new, &proof, &root).is_err());
            if !proof.is_empty() {
                oracles::flip(proof.as_flattened_mut(), bit);
                let outcome = verify_inclusion(&leaf, index, new, &proof, &root);
                prop_assert_eq!(outcome, Err(ProofError::Root));
            }

            let old = index + 1;
            let old_root = super::root(old, &stored).unwrap();
            let mut proof = consistency(old, new, &stored).unwrap();
            prop_assert!(oracles::ct_accepts_consistency(old, new, &proof));
            prop_assert_eq!(verify_consistency(old, &old_root, new, &root, &proof), Ok(()));
            if !proof.is_empty() {
                oracles::flip(proof.as_flattened_mut(), bit);
                prop_assert!(verify_consistency(old, &old_root, new, &root, &proof).is_err());
            }
        }

        #[test]
        fn nothing_from_outside_panics_a_verifier(
            leaf in any::<Hash>(), a in any::<u64>(), b in any::<u64>(), proof in hashes(),
            shift in 0u32..64,
        ) {
            let (a, b) = (a >> shift, b >> shift);
            let root = hash::leaf(&leaf);
            prop_assert!(verify_inclusion(&leaf, a, b, &proof, &root).is_err());
            if a != b {
                prop_assert!(verify_consistency(a, &leaf, b, &leaf, &proof).is_err());
            }
            for (a, b) in [(0, u64::MAX), (u64::MAX - 1, u64::MAX), (1 << 63, u64::MAX)] {
                prop_assert!(verify_inclusion(&leaf, a, b, &proof, &root).is_err());
                prop_assert!(verify_consistency(a, &leaf, b, &leaf, &proof).is_err());
            }
        }
    }
}
