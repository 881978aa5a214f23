//! How a file is laid out, where it does not speak for itself.

use serde::Deserialize;

use super::sheet::Numerals;

/// How a file is laid out; what is not said is recognised.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Layout {
    /// Of text: a label of the Encoding Standard, such as `windows-1251`.
    pub encoding: Option<String>,
    /// Of CSV: what stands between cells.
    pub delimiter: Option<char>,
    /// What stands before decimals: `.` or `,`. Not said: a point, and where semicolons separate
    /// cells either.
    pub decimal: Option<char>,
    /// The line, or the row of a sheet (of its range, where there is one), that names the columns,
    /// from 1; not said: the first that is not empty.
    pub header: Option<u32>,
    /// Of a workbook: the sheet; not said: the first.
    pub sheet: Option<String>,
    /// Of a workbook: the cells, such as `B4:H200`; not said: all.
    pub range: Option<String>,
    /// Of JSON: where the list of rows is, as a JSON Pointer such as `/data/items`; not said: the
    /// file is that list, or has a row on each line.
    pub records: Option<String>,
}

impl Layout {
    /// How numbers are written; `unsaid` where the layout does not say.
    #[must_use]
    pub fn numerals(&self, unsaid: Numerals) -> Numerals {
        match self.decimal {
            Some(',') => Numerals::Comma,
            Some(_) => Numerals::Point,
            None => unsaid,
        }
    }
}
