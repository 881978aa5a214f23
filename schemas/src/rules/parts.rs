//! Rules 13 and 14: parts that exclude each other are together not more than their whole: ages,
//! regions, citizenships, countries. That they are less is no error, as nobody need hand in all of
//! them. Forms of an indicator may overlap, and the sexes have a rule of their own.

use super::{Shape, cells::Cells, whole::signed};
use crate::{
    detail::Breakdown,
    extent::{Span, spans},
    finding::{Code, Finding, Report},
};

/// What of a whole is told in a finding at most.
const SHOWN: usize = 8;

/// A part of a whole.
struct Part {
    /// The row of the whole.
    whole: usize,
    row: usize,
    /// What it takes in.
    span: Span,
    value: f64,
}

pub(super) fn check(shape: &Shape<'_>, cells: &Cells, report: &mut Report) {
    let exclusive = Breakdown::ALL
        .into_iter()
        .filter(|each| !matches!(each, Breakdown::Indicator | Breakdown::Sex));
    for breakdown in exclusive {
        along(breakdown, shape, cells, report);
    }
}

fn along(breakdown: Breakdown, shape: &Shape<'_>, cells: &Cells, report: &mut Report) {
    let structure = shape.structure;
    let Some(place) = structure.position(breakdown.dimension()) else { return };
    let Some(dimension) = structure.coded().nth(place) else { return };
    let (Some(coded), Some(spans)) = (dimension.codes(), spans(dimension)) else { return };
    let signed = signed(structure);
    let mut cursor = cells.cursor();
    // Parts of one whole stand together with all that has the same codes before this dimension.
    let (mut block, mut parts) = (None, vec![]);
    for (key, row) in cells.iter() {
        let now = structure.keys.before(key, place);
        if block.replace(now) != Some(now) {
            judge(shape, breakdown, &mut parts, report);
        }
        let code = structure.keys.code(key, place);
        let (Some(whole), Some(value)) = (coded.wholes[usize::from(code)], shape.raw.value(row))
        else {
            continue;
        };
        if signed.as_ref().is_some_and(|(at, of)| of[usize::from(structure.keys.code(key, *at))]) {
            continue;
        }
        if let Some(whole) = cursor.find(structure.keys.with(key, place, whole)) {
            parts.push(Part { whole, row, span: spans[usize::from(code)], value });
        }
    }
    judge(shape, breakdown, &mut parts, report);
}

/// Compares wholes with their parts, and empties the list.
fn judge(shape: &Shape<'_>, breakdown: Breakdown, parts: &mut Vec<Part>, report: &mut Report) {
    parts.sort_unstable_by_key(|part| (part.whole, part.span.to, part.span.from));
    for parts in parts.chunk_by(|one, next| one.whole == next.whole) {
        let row = parts[0].whole;
        let Some(whole) = shape.raw.value(row) else { continue };
        let (sum, greatest) = greatest(parts);
        let rules = &shape.structure.rules;
        let tolerance = rules.tolerance(greatest.len() as u32);
        // One that is more by itself is told by rule 15.
        if greatest.iter().any(|part| part.value - whole > rules.tolerance(1)) {
            continue;
        }
        // Amounts are sums of doubles: allow for their last bits.
        if sum - whole > tolerance + whole.abs() * 1e-9 {
            let dimension = breakdown.dimension();
            report.add(Code::PartsExceedWhole, || {
                let column = shape.raw.column(dimension);
                let code = |part: &&Part| column.map_or("", |column| column.at(part.row));
                let shown = greatest.iter().take(SHOWN);
                let mut shown: Vec<_> =
                    shown.map(|part| format!("{} {}", code(part), part.value)).collect();
                if greatest.len() > SHOWN {
                    shown.push(format!("{} more", greatest.len() - SHOWN));
                }
                let within =
                    if tolerance > 0.0 { format!(", within {tolerance}") } else { String::new() };
                let expected = format!("parts that are together at most {whole}{within}");
                let found = format!("{} = {sum}", shown.join(" + "));
                shape.at(
                    row,
                    Finding::new(Code::PartsExceedWhole, expected, found).column(dimension),
                )
            });
        }
    }
    parts.clear();
}

/// The most that parts which exclude each other are together, and which they are. `parts` are in
/// the order in which they end.
fn greatest(parts: &[Part]) -> (f64, Vec<&Part>) {
    // Of the first so many parts, the most; and whether the last of them is in it.
    let mut most = vec![(0.0, false)];
    let ends_by = |from: u32| parts.partition_point(|part| part.span.to <= from);
    for (at, part) in parts.iter().enumerate() {
        let with = part.value + most[ends_by(part.span.from).min(at)].0;
        let without = most[at].0;
        most.push(if with > without { (with, true) } else { (without, false) });
    }
    let (mut at, mut taken) = (parts.len(), vec![]);
    while at > 0 {
        at = match most[at].1 {
            true => {
                taken.push(&parts[at - 1]);
                ends_by(parts[at - 1].span.from).min(at - 1)
            }
            false => at - 1,
        };
    }
    taken.reverse();
    (most[parts.len()].0, taken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_greatest_of_all_choices_is_found(
            spans in prop::collection::vec((0..9_u32, 1..5_u32, 0..50_u32), 1..9),
        ) {
            let part = |(from, wide, value): &(u32, u32, u32)| Part {
                whole: 0, row: 0, span: Span { from: *from, to: from + wide }, value: (*value).into(),
            };
            let mut parts: Vec<Part> = spans.iter().map(part).collect();
            parts.sort_unstable_by_key(|part| (part.span.to, part.span.from));
            let choices = (0..1_u32 << parts.len()).filter_map(|choice| {
                let chosen = (0..).zip(&parts).filter(|(at, _)| choice >> at & 1 == 1);
                let chosen: Vec<&Part> = chosen.map(|(_, part)| part).collect();
                let apart = chosen.windows(2).all(|pair| pair[0].span.to <= pair[1].span.from);
                apart.then(|| chosen.iter().map(|part| part.value).sum::<f64>())
            });
            let (sum, taken) = greatest(&parts);
            prop_assert_eq!(choices.fold(0.0, f64::max), sum);
            prop_assert_eq!(taken.iter().map(|part| part.value).sum::<f64>(), sum);
            prop_assert!(taken.windows(2).all(|pair| pair[0].span.to <= pair[1].span.from));
        }
    }
}
