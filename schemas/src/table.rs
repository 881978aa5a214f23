//! A batch as columns: [`RawTable`], what came in, unchecked; [`Table`], what passed the rules.

mod bitmap;
mod column;
mod gather;
mod raw;

use std::{collections::BTreeMap, sync::Arc};

pub use crate::key::{Key, KeyLayout};
use crate::{detail::Detail, structure::Structure};

pub use bitmap::Bitmap;
pub use column::{Codes, Texts};
pub use raw::{RawColumn, RawColumnBuilder, RawTable};

/// Checked observations: codes are positions in the structure's code lists.
#[derive(Debug, Clone)]
pub struct Table {
    pub(crate) structure: Arc<Structure>,
    /// One per coded dimension, in the structure's order.
    pub(crate) codes: Vec<Codes>,
    /// Ascending.
    pub(crate) periods: Vec<String>,
    /// Positions in `periods`.
    pub(crate) period: Codes,
    /// 0 where there is none.
    pub(crate) values: Vec<f64>,
    pub(crate) present: Bitmap,
    /// By id; an attribute that no row has is absent.
    pub(crate) attributes: Arc<BTreeMap<String, Arc<Texts>>>,
}

impl Table {
    /// No observations.
    #[must_use]
    pub fn empty(structure: &Arc<Structure>) -> Self {
        Self::gather(structure, &[], &[])
    }

    /// The dataset's structure.
    #[must_use]
    pub fn structure(&self) -> &Arc<Structure> {
        &self.structure
    }

    /// Number of observations.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.values.len()
    }

    /// The code in a coded dimension (its place in [`Structure::coded`]): its position in the list.
    #[must_use]
    pub fn code(&self, dimension: usize, row: usize) -> u16 {
        self.codes[dimension].at(row)
    }

    /// A coded dimension's column.
    #[must_use]
    pub fn codes(&self, dimension: usize) -> &Codes {
        &self.codes[dimension]
    }

    /// The reference periods that occur, ascending.
    #[must_use]
    pub fn periods(&self) -> &[String] {
        &self.periods
    }

    /// The reference period of a row.
    #[must_use]
    pub fn period(&self, row: usize) -> &str {
        &self.periods[usize::from(self.period.at(row))]
    }

    /// The value of a row, if it has one.
    #[must_use]
    pub fn value(&self, row: usize) -> Option<f64> {
        self.present.at(row).then(|| self.values[row])
    }

    /// An attribute of a row; none where it is not given.
    #[must_use]
    pub fn attribute(&self, id: &str, row: usize) -> Option<&str> {
        self.texts(id).map(|texts| texts.at(row)).filter(|text| !text.is_empty())
    }

    /// The column of an attribute; none where no row has it.
    #[must_use]
    pub fn texts(&self, id: &str) -> Option<&Texts> {
        self.attributes.get(id).map(Arc::as_ref)
    }

    /// Does its sender say that a row may not be given out, for whatever reason of
    /// `CL_CONF_STATUS`? Only what is free may, and what has no such status.
    #[must_use]
    pub fn is_confidential(&self, row: usize) -> bool {
        self.attribute("CONF_STATUS", row).is_some_and(|status| status != "F")
    }

    /// The attributes that occur, by id.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &Texts)> {
        self.attributes.iter().map(|(id, texts)| (id.as_str(), texts.as_ref()))
    }

    /// How finely a row is broken down.
    #[must_use]
    pub fn detail(&self, row: usize) -> Detail {
        let broken = self.structure.coded().zip(&self.codes);
        broken.filter_map(|(dimension, codes)| dimension.breaks_down(codes.at(row))).collect()
    }

    /// The key of a row as text: codes in the structure's order joined by `.`, the period last.
    #[must_use]
    pub fn key(&self, row: usize) -> String {
        let mut key = String::with_capacity(48);
        for (dimension, codes) in self.structure.coded().zip(&self.codes) {
            if let Some(coded) = dimension.codes() {
                key.push_str(&coded.list.code(codes.at(row)).id);
                key.push('.');
            }
        }
        key.push_str(self.period(row));
        key
    }

    /// The key of a row, packed: keys of one table compare as their codes do in the structure's
    /// order; keys of two tables compare only where both have the same periods.
    #[must_use]
    pub fn packed(&self, row: usize) -> Key {
        let codes = self.codes.iter().map(|codes| codes.at(row));
        self.structure.keys.pack(codes, self.period.at(row))
    }

    /// Holds once with another table what is the same in both: columns of codes and of attributes.
    pub(crate) fn share(&mut self, other: &Self) {
        for (own, other) in self.codes.iter_mut().zip(&other.codes) {
            if own == other {
                own.clone_from(other);
            }
        }
        let mut attributes = BTreeMap::clone(&self.attributes);
        for (id, own) in &mut attributes {
            if let Some(other) = other.attributes.get(id).filter(|other| *other == own) {
                own.clone_from(other);
            }
        }
        self.attributes = match attributes == *other.attributes {
            true => Arc::clone(&other.attributes),
            false => Arc::new(attributes),
        };
    }

    /// Does it hold all its attributes once with another table?
    #[must_use]
    pub fn shares_attributes(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.attributes, &other.attributes)
    }

    /// Bytes held on the heap, the structure not counted; what is held once with another table is
    /// counted in both.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let codes: usize = self.codes.iter().map(Codes::heap_bytes).sum();
        let texts: usize = self.attributes.values().map(|texts| texts.heap_bytes()).sum();
        let values = self.values.capacity() * size_of::<f64>();
        codes + self.period.heap_bytes() + values + self.present.heap_bytes() + texts
    }
}
