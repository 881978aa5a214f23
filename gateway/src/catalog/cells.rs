//! A slice as the disclosure control sees it.

use birge_schemas::{
    detail::{Breakdown, Detail},
    slice::Slice,
    structure::Dimension,
};
use roaring::RoaringBitmap;

use crate::{
    decree::Disclosure,
    disclosure::{Cells, Column, Earlier, Pattern, ShapeError, Span, protect},
};

/// The columns of a slice, made once and lent out.
struct Columns {
    details: Vec<Detail>,
    codes: Vec<Coded>,
    counts: Vec<Option<f64>>,
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
                let roots = column.iter().map(|code| root(dimension, *code)).collect();
                codes.push(Coded { breakdown: None, codes: roots, spans: None });
            }
            codes.push(Coded { breakdown, codes: column, spans: spans(dimension) });
        }
        Self {
            details: rows.clone().map(|row| table.detail(row)).collect(),
            codes,
            counts: rows.map(|row| table.value(row)).collect(),
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
        Cells::new(&self.details, &columns, &self.counts, self.rounding)
    }
}

/// The code at the top above a code: the country of a region.
fn root(dimension: &Dimension, code: u16) -> u16 {
    let Some(coded) = dimension.codes() else { return code };
    let mut root = code;
    // A code list's parents were checked to have no circle when it was read.
    while let Some(parent) = coded.list.code(root).parent {
        root = parent;
    }
    root
}

/// What each code of a dimension takes in: years of age, or of a tree of codes the leaves below
/// it.
fn spans(dimension: &Dimension) -> Option<Vec<Span>> {
    let codes = dimension.codes()?.list.codes();
    if dimension.id == Breakdown::Age.dimension() {
        return Some((0..).zip(codes).map(|(place, code)| years(&code.id, place)).collect());
    }
    let mut parts: Vec<Vec<usize>> = vec![vec![]; codes.len()];
    let mut tops = vec![];
    for (place, code) in codes.iter().enumerate() {
        match code.parent {
            Some(parent) => parts[usize::from(parent)].push(place),
            None => tops.push(place),
        }
    }
    let mut spans = vec![Span { from: 0, to: 0 }; codes.len()];
    let mut next = 0;
    tops.into_iter().for_each(|top| next = lay_out(top, next, &parts, &mut spans));
    Some(spans)
}

/// Gives a code and those below it their spans, from `from` on.
fn lay_out(code: usize, from: u32, parts: &[Vec<usize>], spans: &mut [Span]) -> u32 {
    // A place of its own, so that it is not the same as its only part.
    let to = parts[code].iter().fold(from + 1, |from, part| lay_out(*part, from, parts, spans));
    spans[code] = Span { from, to };
    to
}

/// The years of an age group: `Y15T24`, `Y15`, `Y_GE60`, `Y_LT15`. Another code, such as that of
/// unknown age, takes in something of its own.
fn years(code: &str, place: u32) -> Span {
    const OLDEST: u32 = 1_000;
    let year = |text: &str| text.parse::<u32>().ok().filter(|year| *year < OLDEST);
    let ages = |code: &str| {
        let ages = code.strip_prefix('Y')?;
        if let Some(from) = ages.strip_prefix("_GE") {
            return Some(Span { from: year(from)?, to: OLDEST });
        }
        if let Some(to) = ages.strip_prefix("_LT") {
            return Some(Span { from: 0, to: year(to)? });
        }
        let (from, to) = ages.split_once('T').unwrap_or((ages, ages));
        Some(Span { from: year(from)?, to: year(to)? + 1 })
    };
    ages(code).unwrap_or(Span { from: OLDEST + place, to: OLDEST + place + 1 })
}
