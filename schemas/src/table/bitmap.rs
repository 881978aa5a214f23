//! One bit per row, least significant first.

/// A growing row of bits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bitmap {
    bytes: Vec<u8>,
    len: usize,
}

impl Bitmap {
    /// `len` bits, all `bit`.
    #[must_use]
    pub fn filled(bit: bool, len: usize) -> Self {
        let mut bitmap = Self { bytes: vec![if bit { 0xff } else { 0 }; len.div_ceil(8)], len };
        bitmap.clear_tail();
        bitmap
    }

    /// Number of bits.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// No bits at all?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bit at `row`.
    #[must_use]
    pub fn at(&self, row: usize) -> bool {
        debug_assert!(row < self.len);
        self.bytes[row / 8] >> (row % 8) & 1 == 1
    }

    /// Sets the bit at `row`.
    pub fn set(&mut self, row: usize, bit: bool) {
        let mask = 1 << (row % 8);
        if bit {
            self.bytes[row / 8] |= mask;
        } else {
            self.bytes[row / 8] &= !mask;
        }
    }

    /// Adds a bit at the end.
    pub fn push(&mut self, bit: bool) {
        if self.len.is_multiple_of(8) {
            self.bytes.push(0);
        }
        self.len += 1;
        self.set(self.len - 1, bit);
    }

    /// Adds bits at the end.
    pub fn append(&mut self, other: &Self) {
        if self.len.is_multiple_of(8) {
            self.bytes.extend_from_slice(&other.bytes);
            self.len += other.len;
        } else {
            (0..other.len).for_each(|row| self.push(other.at(row)));
        }
    }

    /// Are all bits set?
    #[must_use]
    pub fn is_full(&self) -> bool {
        *self == Self::filled(true, self.len)
    }

    /// The bits of `rows` as bytes, the last one padded with zeros.
    #[must_use]
    pub fn bytes(&self, rows: std::ops::Range<usize>) -> Vec<u8> {
        rows.map(|row| self.at(row)).collect::<Self>().bytes
    }

    /// Reads `len` bits from bytes; none where there are too few or too many bytes, or a bit
    /// of the padding is set.
    #[must_use]
    pub fn from_bytes(bytes: &[u8], len: usize) -> Option<Self> {
        if bytes.len() != len.div_ceil(8) {
            return None;
        }
        let read = Self { bytes: bytes.to_vec(), len };
        let mut cleared = read.clone();
        cleared.clear_tail();
        (read == cleared).then_some(read)
    }

    /// Bytes held on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    fn clear_tail(&mut self) {
        if let (Some(last), 1..) = (self.bytes.last_mut(), self.len % 8) {
            *last &= (1 << (self.len % 8)) - 1;
        }
    }
}

impl FromIterator<bool> for Bitmap {
    fn from_iter<I: IntoIterator<Item = bool>>(bits: I) -> Self {
        let mut bitmap = Self::default();
        bits.into_iter().for_each(|bit| bitmap.push(bit));
        bitmap
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bits_survive(a in prop::collection::vec(any::<bool>(), 0..40), b in prop::collection::vec(any::<bool>(), 0..40)) {
            let mut joined: Bitmap = a.iter().copied().collect();
            joined.append(&b.iter().copied().collect());
            let expected: Vec<bool> = a.iter().chain(&b).copied().collect();
            prop_assert_eq!(joined.is_full(), expected.iter().all(|bit| *bit));
            prop_assert_eq!((0..joined.len()).map(|row| joined.at(row)).collect::<Vec<_>>(), expected);
            let bytes = joined.bytes(0..joined.len());
            prop_assert_eq!(Bitmap::from_bytes(&bytes, joined.len()), Some(joined));
        }
    }

    #[test]
    fn bytes_of_another_length_or_with_bits_past_the_end_are_refused() {
        assert!(Bitmap::from_bytes(&[0xff], 8).is_some());
        assert!(Bitmap::from_bytes(&[0xff], 7).is_none());
        assert!(Bitmap::from_bytes(&[0xff], 9).is_none());
        assert!(Bitmap::from_bytes(&[0, 0], 8).is_none());
    }
}
