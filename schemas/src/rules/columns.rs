//! Rule 3: every dimension has a column, and every column is known.

use super::Shape;
use crate::finding::{Code, Finding, Report};

pub(super) fn check(shape: &Shape<'_>, report: &mut Report) {
    let (structure, raw) = (shape.structure, shape.raw);
    for dimension in &structure.dimensions {
        if raw.rows > 0 && raw.column(&dimension.id).is_none() {
            let finding = Finding::new(Code::ColumnMissing, "a column for each dimension", "none");
            report.push(finding.column(&dimension.id));
        }
    }
    for (at, column) in raw.columns.iter().enumerate() {
        let known = structure.dimensions.iter().any(|dimension| dimension.id == column.id)
            || structure.attribute(&column.id).is_some();
        let twice = raw.columns[..at].iter().any(|earlier| earlier.id == column.id);
        if !known || twice {
            let expected = if known { "each column once" } else { "a dimension or an attribute" };
            let finding = Finding::new(Code::ColumnUnknown, expected, &column.id);
            report.push(finding.column(&column.id));
        }
    }
}
