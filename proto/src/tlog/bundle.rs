//! Entries in one file: each as its length, two bytes big-endian, and its bytes.
//!
//! Source: C2SP tlog-tiles, "Log entries".

use super::tile::TILE_WIDTH;

/// Bytes of the longest entry.
pub const ENTRY_BYTES: usize = u16::MAX as usize;

/// Appends `entry` to the bytes of a bundle.
///
/// # Errors
/// When the entry is longer than [`ENTRY_BYTES`].
pub fn append(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<(), BundleError> {
    let length = u16::try_from(entry.len()).map_err(|_| BundleError::TooLong(entry.len()))?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    Ok(())
}

/// The entries of a bundle that its path says to hold `width`.
///
/// # Errors
/// When the bytes do not hold exactly as many whole entries, or `width` is not 1 to 256.
pub fn decode(bundle: &[u8], width: u16) -> Result<Vec<&[u8]>, BundleError> {
    let mut entries = Vec::new();
    let mut rest = bundle;
    while !rest.is_empty() {
        let at = bundle.len() - rest.len();
        let (length, after) = rest.split_first_chunk().ok_or(BundleError::Cut { at })?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, after) = after.split_at_checked(length).ok_or(BundleError::Cut { at })?;
        if entries.len() as u64 == TILE_WIDTH {
            return Err(BundleError::TooMany);
        }
        entries.push(entry);
        rest = after;
    }
    if entries.len() == usize::from(width) && width > 0 {
        Ok(entries)
    } else {
        Err(BundleError::Width { expected: width, found: entries.len() })
    }
}

/// Why bytes are not a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// An entry does not fit its length field.
    #[error("an entry of {0} bytes is longer than the {ENTRY_BYTES} that a bundle can hold")]
    TooLong(usize),
    /// The bytes end inside an entry.
    #[error("the bundle ends inside the entry that begins at byte {at}: fetch it again")]
    Cut {
        /// Where the entry begins.
        at: usize,
    },
    /// More entries than a full bundle has.
    #[error("the bundle has more than {TILE_WIDTH} entries")]
    TooMany,
    /// Another number of entries than the path says.
    #[error("the bundle has {found} entries where its path says {expected}")]
    Width {
        /// Entries by the path.
        expected: u16,
        /// Entries there are.
        found: usize,
    },
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn encode(entries: &[Vec<u8>]) -> Vec<u8> {
        let mut bundle = Vec::new();
        entries.iter().for_each(|entry| append(&mut bundle, entry).unwrap());
        bundle
    }

    #[test]
    fn the_bytes_are_those_of_the_specification() {
        let bundle = encode(&[b"abc".to_vec(), vec![], vec![7; 256]]);
        assert_eq!(bundle[..7], *b"\0\x03abc\0\0");
        assert_eq!(bundle[7..10], [1, 0, 7]);
    }

    #[test]
    fn limits_hold() {
        let longest = vec![0; ENTRY_BYTES];
        assert_eq!(append(&mut Vec::new(), &longest), Ok(()));
        let mut bundle = Vec::new();
        let longer = vec![0; ENTRY_BYTES + 1];
        assert_eq!(append(&mut bundle, &longer), Err(BundleError::TooLong(65_536)));
        assert!(bundle.is_empty());
        assert_eq!(decode(&[0; 2 * 257], 256), Err(BundleError::TooMany));
        assert_eq!(decode(&[0; 2 * 256], 256).map(|entries| entries.len()), Ok(256));
        assert_eq!(decode(b"\0\x01a\0\x02b", 2), Err(BundleError::Cut { at: 3 }));
        assert_eq!(decode(b"\0\x01a\0", 1), Err(BundleError::Cut { at: 3 }));
        assert_eq!(decode(b"\0\x01a", 2), Err(BundleError::Width { expected: 2, found: 1 }));
        assert_eq!(decode(b"", 0), Err(BundleError::Width { expected: 0, found: 0 }));
    }

    proptest! {
        #[test]
        fn entries_survive(entries in vec(vec(any::<u8>(), 0..40), 1..=256)) {
            let bundle = encode(&entries);
            let width = entries.len() as u16;
            prop_assert_eq!(decode(&bundle, width).unwrap(), entries);
            prop_assert!(decode(&bundle, width - 1).is_err());
        }

        #[test]
        fn what_is_taken_is_written_the_same(bytes in vec(0u8..4, 0..60), width in 0u16..20) {
            if let Ok(entries) = decode(&bytes, width) {
                let entries: Vec<_> = entries.into_iter().map(<[u8]>::to_vec).collect();
                prop_assert_eq!(encode(&entries), bytes);
            }
        }
    }
}
