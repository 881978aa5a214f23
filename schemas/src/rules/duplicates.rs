//! Rule 6: each key stands once.

use super::{Shape, cells::Cells};
use crate::finding::{Code, Finding, Report};

/// Gives the rows by key, the first row of each key.
pub(super) fn check(shape: &Shape<'_>, report: &mut Report) -> Cells {
    let mut cells = Cells::of(shape);
    cells.deduplicate(|first, second| {
        report.add(Code::DuplicateKey, || {
            let value = |row| shape.raw.value(row).map_or("no value".into(), |v| v.to_string());
            let expected = format!("each key once; row {} has it with {}", first + 1, value(first));
            shape.at(second, Finding::new(Code::DuplicateKey, expected, value(second)))
        });
    });
    cells
}
