//! Keys of cells as integers that compare as their codes do.

/// A packed key: the codes of the dimensions in the structure's order, the period last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub(crate) u128);

/// Bits of a key, so that a row's number fits beside it in 128 bits.
const BITS: u32 = 96;
const PERIOD_BITS: u32 = 16;

/// Where each dimension stands in a packed key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyLayout {
    /// Shift and width in bits, one per coded dimension.
    fields: Vec<(u32, u32)>,
}

impl KeyLayout {
    /// Lays out coded dimensions whose code lists have so many codes.
    pub(crate) fn new(sizes: impl DoubleEndedIterator<Item = usize>) -> Result<Self, String> {
        let mut shift = PERIOD_BITS;
        let mut fields: Vec<_> = sizes
            .rev()
            .map(|size| {
                let width = size.ilog2() + 1;
                shift += width;
                (shift - width, width)
            })
            .collect();
        fields.reverse();
        if shift > BITS {
            return Err(format!("the keys need {shift} bits of at most {BITS}"));
        }
        Ok(Self { fields })
    }

    /// Packs codes, one per coded dimension, and the period's position.
    pub(crate) fn pack(&self, codes: impl Iterator<Item = u16>, period: u16) -> Key {
        let packed =
            |key: u128, ((shift, _), code): (&(u32, u32), u16)| key | u128::from(code) << shift;
        Key(self.fields.iter().zip(codes).fold(u128::from(period), packed))
    }

    /// The code of one coded dimension in a key.
    pub(crate) fn code(&self, key: Key, dimension: usize) -> u16 {
        let (shift, width) = self.fields[dimension];
        (key.0 >> shift & ((1 << width) - 1)) as u16
    }

    /// The key with another code in one coded dimension.
    pub(crate) fn with(&self, key: Key, dimension: usize, code: u16) -> Key {
        let (shift, width) = self.fields[dimension];
        let mask: u128 = ((1 << width) - 1) << shift;
        Key(key.0 & !mask | u128::from(code) << shift)
    }

    /// The key without its period: those of one series are the same.
    pub(crate) fn series(key: Key) -> Key {
        Key(key.0 >> PERIOD_BITS)
    }

    /// What of a key stands before one coded dimension: the codes of those that precede it.
    pub(crate) fn before(&self, key: Key, dimension: usize) -> Key {
        let (shift, width) = self.fields[dimension];
        Key(key.0 >> (shift + width))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_keys_compare_as_their_codes() {
        let layout = KeyLayout { fields: vec![(25, 3), (16, 9)] };
        let key = |a, b, period| layout.pack([a, b].into_iter(), period);
        assert!(key(1, 0, 0) > key(0, 511, 9) && key(1, 2, 0) < key(1, 2, 1));
        assert_eq!(layout.with(key(3, 400, 7), 1, 5), key(3, 5, 7));
        assert_eq!(layout.code(key(3, 400, 7), 1), 400);
    }
}
