//! Keys of rows in the making: the entries of their dimensions, packed into one integer each.

use std::collections::HashSet;

use birge_schemas::table::Bitmap;

use super::rows::Rows;

/// A packed key.
pub(super) type Key = u128;

/// Bits of keys of which a set has a place for each that there can be: 16 MiB.
const DENSE: u32 = 27;

/// A set of keys.
pub(super) enum KeySet {
    Dense(Bitmap),
    Sparse(HashSet<Key>),
}

impl KeySet {
    pub(super) fn insert(&mut self, key: Key) {
        match self {
            Self::Dense(bits) => bits.set(key as usize, true),
            Self::Sparse(keys) => _ = keys.insert(key),
        }
    }

    pub(super) fn has(&self, key: Key) -> bool {
        match self {
            Self::Dense(bits) => bits.at(key as usize),
            Self::Sparse(keys) => keys.contains(&key),
        }
    }
}

/// Where each dimension stands in a key.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    /// Column, shift and mask.
    places: Vec<(usize, u32, u128)>,
}

impl Keys {
    /// Keys over some columns, whose dictionaries must not grow after this.
    ///
    /// # Errors
    /// When there are too many different texts.
    pub(super) fn new(rows: &Rows, columns: impl Iterator<Item = usize>) -> Result<Self, String> {
        let mut shift = 0;
        let places = columns.map(|column| {
            let width = rows.texts(column).max(1).ilog2() + 1;
            let place = (column, shift, (1_u128 << width) - 1);
            shift += width;
            place
        });
        let places = places.collect();
        match shift <= u128::BITS {
            true => Ok(Self { places }),
            false => Err("too many different codes to add rows up".to_owned()),
        }
    }

    /// The same keys without one of the columns, and nothing in its place.
    pub(super) fn without(&self, column: usize) -> Self {
        let mut next = 0;
        let others = self.places.iter().filter(|(own, ..)| *own != column);
        let places = others.map(|(own, _, mask)| {
            let shift = next;
            next += mask.count_ones();
            (*own, shift, *mask)
        });
        Self { places: places.collect() }
    }

    /// A set of such keys, empty.
    pub(super) fn set(&self) -> KeySet {
        let bits: u32 = self.places.iter().map(|(.., mask)| mask.count_ones()).sum();
        match bits {
            ..=DENSE => KeySet::Dense(Bitmap::filled(false, 1 << bits)),
            _ => KeySet::Sparse(HashSet::new()),
        }
    }

    /// The key of a row.
    pub(super) fn of(&self, rows: &Rows, row: usize) -> Key {
        let places = self.places.iter();
        places
            .fold(0, |key, (column, shift, _)| key | u128::from(rows.entry(*column, row)) << shift)
    }

    /// The columns, in the order of the key.
    pub(super) fn columns(&self) -> impl Iterator<Item = usize> + '_ {
        self.places.iter().map(|(column, ..)| *column)
    }

    /// The bits that some columns have in a key.
    pub(super) fn mask(&self, columns: &[usize]) -> Key {
        let of = self.places.iter().filter(|(column, ..)| columns.contains(column));
        of.fold(0, |mask, (_, shift, own)| mask | own << shift)
    }

    /// A key with other entries in some columns.
    pub(super) fn with(&self, key: Key, entries: &[(usize, u32)]) -> Key {
        entries.iter().fold(key, |key, (column, entry)| {
            let Some((_, shift, mask)) = self.places.iter().find(|(own, ..)| own == column) else {
                return key;
            };
            key & !(mask << shift) | u128::from(*entry) << shift
        })
    }
}
