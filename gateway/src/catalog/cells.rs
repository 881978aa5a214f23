//! A slice as the disclosure control sees it.

use birge_schemas::{
    detail::{Breakdown, Detail},
    extent::{Span, spans},
    slice::Slice,
};
use roaring::RoaringBitmap;

use crate::{
    decree::Disclosure,
    disclosure::{Cells, Column, Earlier, Pattern, ShapeError, protect},
};

/// The columns of a slice, made once and lent out.
struct Columns {
    details: Vec<Detail>,
    codes: Vec<Coded>,
    counts: Vec<Option<f64>>,
    confidential: RoaringBitmap,
    rounding: f64,
}

/// One column of codes.
struct Coded {
    breakdown: Option<Breakdown>,
    codes: Vec<u16>,
    spans: Option<Vec<Span>>,
}

/// Computes the pattern of a slice, given the earlier releases of the same period.
///
/// # Errors
/// When the dataset has more dimensions than the control can tell apart.
pub(super) fn pattern<'a>(
    slice: &Slice,
    earlier: impl Iterator<Item = (&'a Slice, &'a RoaringBitmap)>,
    rule: Disclosure,
) -> Result<Pattern, ShapeError> {
    let columns = Columns::of(slice);
    let earlier: Vec<_> = earlier
        .map(|(then, withheld)| (Columns::of(then), withheld, rows_now(then, slice)))
        .collect();
    let then: Vec<Cells<'_>> =
        earlier.iter().map(|(columns, ..)| columns.cells()).collect::<Result<_, _>>()?;
    let earlier: Vec<_> = earlier
        .iter()
        .zip(&then)
        .map(|((_, withheld, now), cells)| Earlier { cells, withheld, now })
        .collect();
    Ok(protect(&columns.cells()?, rule, &earlier))
}

fn rows_now(then: &Slice, now: &Slice) -> Vec<Option<u32>> {
    let table = then.table();
    (0..table.rows()).map(|row| now.find(table.packed(row)).map(|row| row as u32)).collect()
}

impl Columns {
    fn of(slice: &Slice) -> Self {
        let table = slice.table();
        let rows = 0..table.rows();
        let mut codes = vec![];
        for (place, dimension) in table.structure().coded().enumerate() {
            let column: Vec<u16> = rows.clone().map(|row| table.code(place, row)).collect();
            let breakdown = Breakdown::of_dimension(&dimension.id);
            if matches!(breakdown, Some(Breakdown::Indicator | Breakdown::Region)) {
                let list = dimension.codes().map(|coded| &coded.list);
                let root = |code: &u16| list.map_or(*code, |list| list.root(*code));
                let roots = column.iter().map(root).collect();
                codes.push(Coded { breakdown: None, codes: roots, spans: None });
            }
            codes.push(Coded { breakdown, codes: column, spans: spans(dimension) });
        }
        Self {
            details: rows.clone().map(|row| table.detail(row)).collect(),
            codes,
            counts: rows.clone().map(|row| table.value(row)).collect(),
            confidential: rows
                .filter(|row| table.is_confidential(*row))
                .map(|row| row as u32)
                .collect(),
            rounding: table.structure().rules.totals.rounding,
        }
    }

    fn cells(&self) -> Result<Cells<'_>, ShapeError> {
        let columns: Vec<_> = self
            .codes
            .iter()
            .map(|Coded { breakdown, codes, spans }| Column {
                breakdown: *breakdown,
                codes,
                spans: spans.as_deref(),
            })
            .collect();
        let cells = Cells::new(&self.details, &columns, &self.counts, self.rounding)?;
        Ok(cells.with_confidential(&self.confidential))
    }
}
