//! How a file is laid out, where it does not speak for itself.

use serde::Deserialize;

/// How a file is laid out; what is not said is recognised.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Layout {
    /// Of text: a label of the Encoding Standard, such as `windows-1251`.
    pub encoding: Option<String>,
    /// Of CSV: what stands between cells.
    pub delimiter: Option<char>,
    /// What stands before decimals: `.` or `,`. Not said: a comma may where semicolons separate
    /// cells.
    pub decimal: Option<char>,
    /// The line, or the row of a sheet (of its range, where there is one), that names the columns,
    /// from 1; not said: the first that is not empty.
    pub header: Option<u32>,
    /// Of a workbook: the sheet; not said: the first.
    pub sheet: Option<String>,
    /// Of a workbook: the cells, such as `B4:H200`; not said: all.
    pub range: Option<String>,
}
