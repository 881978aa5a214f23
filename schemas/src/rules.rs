//! The rules, one file per group. Shape rules look at one row at a time and are decided once per
//! entry of a column's dictionary; content rules look across rows.

mod attributes;
mod cells;
mod codes;
mod columns;
mod duplicates;
pub(crate) mod header;
mod parts;
mod periods;
mod progress;
mod sex;
#[cfg(test)]
mod tests;
pub(crate) mod values;
mod whole;

use std::{collections::BTreeMap, sync::Arc};

use birge_proto::manifest::Action;

use self::cells::Cells;
use crate::{
    context::Context,
    finding::{Finding, Report},
    side_by_side::side_by_side,
    structure::Structure,
    table::{Bitmap, Codes, RawTable, Table, Texts},
};

/// A batch after the shape rules: translated to codes where it could be.
pub(crate) struct Shape<'a> {
    structure: &'a Arc<Structure>,
    raw: &'a RawTable,
    action: Action,
    /// One per coded dimension. 0 in rows that have no key.
    codes: Vec<Codes>,
    /// Ascending.
    periods: Vec<String>,
    /// Positions in `periods`.
    period: Codes,
    /// Rows whose codes and period are all known, so that they have a key.
    keyed: Bitmap,
}

/// Runs the shape rules.
pub(crate) fn shape<'a>(
    structure: &'a Arc<Structure>,
    action: Action,
    raw: &'a RawTable,
    report: &mut Report,
) -> Shape<'a> {
    let mut shape = Shape {
        structure,
        raw,
        action,
        codes: vec![],
        periods: vec![],
        period: Codes::One(0),
        keyed: Bitmap::filled(true, raw.rows),
    };
    columns::check(&shape, report);
    shape.codes = codes::check(&mut shape, report);
    (shape.periods, shape.period) = periods::check(&mut shape, report);
    attributes::check(&shape, report);
    values::check(&shape, report);
    shape
}

/// Runs the content rules. Totals are compared only where no row was left out for want of a
/// key, for it might be the part that is missed.
pub(crate) fn content(context: &Context<'_>, shape: &Shape<'_>, report: &mut Report) {
    periods::context(context, shape, report);
    let cells = duplicates::check(shape, report);
    if context.action == Action::Delete {
        return;
    }
    type Check = fn(&Shape<'_>, &Cells, &mut Report);
    let sexes: Check = if shape.keyed.is_full() { sex::check } else { |_, _, _| () };
    // In shares of about the same work.
    let checks: [&[Check]; 2] = [&[sexes, whole::check], &[parts::check, progress::check]];
    let found = side_by_side(&checks, |checks| {
        let mut found = Report::default();
        checks.iter().for_each(|check| check(shape, &cells, &mut found));
        found
    });
    for found in found {
        *report = std::mem::take(report).joined(found);
    }
}

impl Shape<'_> {
    /// The key of a row as it came.
    fn key(&self, row: usize) -> String {
        let text = |id: &str| self.raw.column(id).map_or("", |column| column.at(row));
        let codes: Vec<_> = self.structure.dimensions.iter().map(|d| text(&d.id)).collect();
        codes.join(".")
    }

    /// A finding's place: the row and its key.
    fn at(&self, row: usize, finding: Finding) -> Finding {
        finding.at(row, self.key(row))
    }

    /// The table, once no rule is broken.
    pub(crate) fn into_table(self) -> Table {
        let mut attributes = BTreeMap::new();
        for attribute in &self.structure.attributes {
            let Some(column) = self.raw.column(&attribute.id) else { continue };
            let dictionary = column.dictionary.iter().map(|text| text.as_str().into()).collect();
            let texts = Texts::new(dictionary, column.index.clone());
            if !texts.is_blank() {
                attributes.insert(attribute.id.clone(), Arc::new(texts));
            }
        }
        Table {
            structure: self.structure.clone(),
            codes: self.codes,
            periods: self.periods,
            period: self.period,
            // Adding 0 turns -0 into 0, so that equal values have equal bits.
            values: self.raw.values.iter().map(|value| value + 0.0).collect(),
            present: self.raw.present.clone(),
            attributes: Arc::new(attributes),
        }
    }
}
