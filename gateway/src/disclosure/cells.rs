//! The cells of a slice, by columns, and their division into strata.

use std::collections::BTreeMap;

use birge_schemas::{
    detail::{Breakdown, Detail},
    extent::Span,
};
use roaring::RoaringBitmap;

use super::table::{AXES, Codes};

/// One column of codes.
#[derive(Debug, Clone, Copy)]
pub struct Column<'a> {
    /// What the column breaks down; none for the others. `INDICATOR` and `REF_AREA` come as two
    /// columns: the codes, and without a breakdown the root above each code.
    pub breakdown: Option<Breakdown>,
    /// A code per row, as its place in the code list.
    pub codes: &'a [u16],
    /// What each code takes in, by its place in the code list; none where no two codes have
    /// anything in common but with the total.
    pub spans: Option<&'a [Span]>,
}

/// The cells of one dataset and period. Rows are told apart by their codes.
#[derive(Debug, Clone)]
pub struct Cells<'a> {
    details: &'a [Detail],
    counts: &'a [Option<f64>],
    columns: Vec<Packed<'a>>,
    keys: Vec<u128>,
    rounding: f64,
    confidential: Option<&'a RoaringBitmap>,
}

/// Where a column stands in the keys.
#[derive(Debug, Clone, Copy)]
struct Packed<'a> {
    breakdown: Option<Breakdown>,
    mask: u128,
    shift: u32,
    spans: Option<&'a [Span]>,
}

impl<'a> Cells<'a> {
    /// `details`, `counts` and each column hold one item per row; a count is absent where a
    /// figure is missing. Every count was rounded to a multiple of `rounding`; 0 if it was not.
    ///
    /// # Errors
    /// When lengths differ, or the codes of a row take more than 128 bits.
    pub fn new(
        details: &'a [Detail],
        columns: &[Column<'a>],
        counts: &'a [Option<f64>],
        rounding: f64,
    ) -> Result<Self, ShapeError> {
        let rows = details.len();
        let lengths = columns.iter().map(|column| column.codes.len());
        if let Some(length) = lengths.chain([counts.len()]).find(|length| *length != rows) {
            return Err(ShapeError::Length(rows, length));
        }
        let mut keys = vec![0; rows];
        let mut packed = vec![];
        let mut shift = 0;
        for Column { breakdown, codes, spans } in columns {
            let width = 16 - codes.iter().fold(0, |all, code| all | code).leading_zeros();
            if shift + width > u128::BITS {
                return Err(ShapeError::Width);
            }
            for (key, code) in keys.iter_mut().zip(*codes) {
                *key |= u128::from(*code).checked_shl(shift).unwrap_or(0);
            }
            let mask = ((1_u128 << width) - 1).checked_shl(shift).unwrap_or(0);
            packed.push(Packed { breakdown: *breakdown, mask, shift, spans: *spans });
            shift += width;
        }
        Ok(Self { details, counts, columns: packed, keys, rounding, confidential: None })
    }

    /// The same, of which the sender says that these rows are confidential, for whatever reason:
    /// one enterprise may make up most of an amount.
    #[must_use]
    pub fn with_confidential(self, rows: &'a RoaringBitmap) -> Self {
        Self { confidential: Some(rows), ..self }
    }

    pub(super) fn is_confidential(&self, row: u32) -> bool {
        self.confidential.is_some_and(|rows| rows.contains(row))
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.details.len()
    }

    /// Are there none?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.details.is_empty()
    }

    pub(super) fn counts(&self) -> &[Option<f64>] {
        self.counts
    }

    pub(super) fn count(&self, row: u32) -> Option<f64> {
        self.counts[row as usize]
    }

    pub(super) fn detail(&self, row: u32) -> Detail {
        self.details[row as usize]
    }

    /// Where a row stands along each axis: one more than its code, or 0 where it is not broken
    /// down.
    #[allow(clippy::cast_possible_truncation, reason = "a column's codes have 16 bits")]
    pub(super) fn codes(&self, row: u32) -> Codes {
        let mut codes = [0; AXES];
        for Packed { breakdown, mask, shift, .. } in &self.columns {
            if let Some(breakdown) = breakdown.filter(|each| self.detail(row).has(*each)) {
                let code = (self.keys[row as usize] & mask).checked_shr(*shift).unwrap_or(0);
                codes[breakdown as usize] = code as u16 + 1;
            }
        }
        codes
    }

    /// What a code of [`Self::codes`] takes in of its axis.
    pub(super) fn span(&self, breakdown: Breakdown, code: u16) -> Option<Span> {
        let code = code.checked_sub(1)?;
        let column = self.columns.iter().find(|column| column.breakdown == Some(breakdown))?;
        match column.spans {
            Some(spans) => spans.get(usize::from(code)).copied(),
            None => Some(Span { from: code.into(), to: u32::from(code) + 1 }),
        }
    }

    /// Do totals add up exactly?
    pub(super) fn is_exact(&self) -> bool {
        self.off() == 0
    }

    /// How much less than its figure a count may be.
    pub(super) fn off(&self) -> u64 {
        self.base() / 2
    }

    /// To what counts were rounded; 0 if they were not.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a base of rounding is small"
    )]
    pub(super) fn base(&self) -> u64 {
        self.rounding as u64
    }

    /// The breakdowns that all `rows` have: what is broken down further starts from there.
    pub(super) fn common(&self, rows: &[u32]) -> Detail {
        let everywhere = |each: &Breakdown| rows.iter().all(|row| self.detail(*row).has(*each));
        Breakdown::ALL.into_iter().filter(everywhere).collect()
    }

    /// The rows of each stratum: equal codes in every column that breaks nothing down, and in
    /// every dimension of which the slice has no total, provided that its codes exclude each
    /// other, so that no sum can tie them.
    pub(super) fn strata(&self) -> Vec<Vec<u32>> {
        let rows: Vec<u32> = (0..).take(self.len()).collect();
        let common = self.common(&rows);
        let apart = |column: &&Packed| match column.breakdown {
            None => true,
            Some(breakdown) => {
                let exclusive =
                    matches!(breakdown, Breakdown::Sex | Breakdown::Status | Breakdown::Reason);
                common.has(breakdown) && exclusive
            }
        };
        let mask = self.columns.iter().filter(apart).fold(0, |mask, column| mask | column.mask);
        let mut strata: BTreeMap<u128, Vec<u32>> = BTreeMap::new();
        for (row, key) in (0..).zip(&self.keys) {
            strata.entry(key & mask).or_default().push(row);
        }
        strata.into_values().collect()
    }

    /// The rows of a stratum in families: those that differ along the axes of `apart` alone.
    pub(super) fn families(&self, rows: &[u32], apart: Detail) -> Vec<Vec<u32>> {
        let own = |column: &&Packed| column.breakdown.is_some_and(|each| apart.has(each));
        let mask = self.columns.iter().filter(own).fold(0, |mask, column| mask | column.mask);
        let family = |row: u32| self.keys[row as usize] & !mask;
        let mut rows = rows.to_vec();
        rows.sort_unstable_by_key(|row| (family(*row), *row));
        rows.chunk_by(|one, next| family(*one) == family(*next)).map(<[u32]>::to_vec).collect()
    }
}

/// Why columns are no slice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// Columns of different length.
    #[error("the slice has {0} rows, and a column of {1}")]
    Length(usize, usize),
    /// Too many dimensions with too many codes.
    #[error("the codes of a row take more than 128 bits")]
    Width,
}
