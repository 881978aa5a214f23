//! Columns of a checked table, collapsed to one entry where all rows agree, and held once where
//! tables agree.

use std::sync::Arc;

/// A column of small integers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Codes {
    /// The same in every row.
    One(u16),
    /// One per row.
    Each(Arc<[u16]>),
}

impl Codes {
    /// A column of these codes; `One` where they all agree.
    #[must_use]
    pub fn new(codes: Vec<u16>) -> Self {
        match codes.first() {
            Some(first) if codes.iter().any(|code| code != first) => Self::Each(codes.into()),
            Some(first) => Self::One(*first),
            None => Self::One(0),
        }
    }

    /// The code at `row`.
    #[must_use]
    pub fn at(&self, row: usize) -> u16 {
        match self {
            Self::One(code) => *code,
            Self::Each(codes) => codes[row],
        }
    }

    /// Is it one column with `other`, without looking at each row?
    pub(crate) fn is_shared_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::One(own), Self::One(other)) => own == other,
            (Self::Each(own), Self::Each(other)) => Arc::ptr_eq(own, other),
            _ => false,
        }
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Self::One(_) => 0,
            Self::Each(codes) => codes.len() * size_of::<u16>(),
        }
    }
}

/// A column of texts: distinct ones, and for each row which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Texts {
    dictionary: Vec<Arc<str>>,
    /// Positions in the dictionary; empty where every row has entry 0.
    index: Vec<u32>,
}

impl Texts {
    /// A column; `index` empty where every row has entry 0. Entries must be in the dictionary.
    #[must_use]
    pub(crate) fn new(dictionary: Vec<Arc<str>>, mut index: Vec<u32>) -> Self {
        if let (Some(first), true) =
            (index.first().copied(), index.windows(2).all(|w| w[0] == w[1]))
        {
            index = vec![];
            return Self { dictionary: vec![dictionary[first as usize].clone()], index };
        }
        Self { dictionary, index }
    }

    /// The text at `row`; empty for "not given".
    #[must_use]
    pub fn at(&self, row: usize) -> &str {
        &self.dictionary[self.entry(row) as usize]
    }

    /// Which entry of the dictionary stands at `row`.
    #[must_use]
    pub fn entry(&self, row: usize) -> u32 {
        self.index.get(row).copied().unwrap_or_default()
    }

    /// The distinct texts.
    #[must_use]
    pub fn dictionary(&self) -> &[Arc<str>] {
        &self.dictionary
    }

    /// Is every entry empty?
    pub(crate) fn is_blank(&self) -> bool {
        self.dictionary.iter().all(|text| text.is_empty())
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let texts: usize = self.dictionary.iter().map(|text| text.len() + 32).sum();
        texts + self.index.capacity() * size_of::<u32>()
    }
}
