//! Rules 13 and 14: parts that exclude each other are together not more than their whole: ages,
//! regions, citizenships, countries. That they are less is no error, as nobody need hand in all of
//! them; where they are all (ages from 0 on without a gap, every region of a country, others among
//! them) it is asked about. Forms of an indicator may overlap, and the sexes have a rule of their
//! own.

use std::collections::{BTreeMap, HashSet};

use super::{Shape, cells::Cells, whole::signed};
use crate::{
    detail::Breakdown,
    extent::{OLDEST, Span, spans},
    finding::{Code, Finding, Report},
    structure::Dimension,
};

/// What of a whole is told in a finding at most.
const SHOWN: usize = 8;

/// A part of a whole.
struct Part {
    /// The row of the whole.
    whole: usize,
    row: usize,
    /// Its code.
    code: u16,
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
    // Of wholes of which a part has no figure nobody knows what the others leave.
    let (mut block, mut parts, mut open) = (None, vec![], HashSet::new());
    for (key, row) in cells.iter() {
        let now = structure.keys.before(key, place);
        if block.replace(now) != Some(now) {
            judge(shape, breakdown, dimension, &mut parts, &open, report);
        }
        let code = structure.keys.code(key, place);
        let Some(whole) = coded.wholes[usize::from(code)] else { continue };
        if signed.as_ref().is_some_and(|(at, of)| of[usize::from(structure.keys.code(key, *at))]) {
            continue;
        }
        let whole = cursor.find(structure.keys.with(key, place, whole));
        match (whole, shape.raw.value(row)) {
            (Some(whole), Some(value)) => {
                parts.push(Part { whole, row, code, span: spans[usize::from(code)], value });
            }
            (Some(whole), None) => _ = open.insert(whole),
            (None, _) => {}
        }
    }
    judge(shape, breakdown, dimension, &mut parts, &open, report);
}

/// Compares wholes with their parts, and empties the list.
fn judge(
    shape: &Shape<'_>,
    breakdown: Breakdown,
    dimension: &Dimension,
    parts: &mut Vec<Part>,
    open: &HashSet<usize>,
    report: &mut Report,
) {
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
        let tolerance = tolerance + whole.abs() * 1e-9;
        let mut tell = |code: Code, how: &str, parts: &[&Part], sum: f64| {
            report.add(code, || {
                let within = rules.tolerance(parts.len() as u32);
                let within =
                    if within > 0.0 { format!(", within {within}") } else { String::new() };
                let expected = format!("parts that are together {how} {whole}{within}");
                let found = format!("{sum} = {}", shown(shape, dimension, parts));
                shape.at(row, Finding::new(code, expected, found).column(&dimension.id))
            });
        };
        if sum - whole > tolerance {
            tell(Code::PartsExceedWhole, "at most", &greatest, sum);
        } else if let Some(all) =
            all_of(breakdown, dimension, parts).filter(|_| !open.contains(&row))
        {
            let sum = all.iter().map(|part| part.value).sum::<f64>();
            let tolerance = rules.tolerance(all.len() as u32) + whole.abs() * 1e-9;
            if whole - sum > tolerance {
                tell(Code::SumParts, "all of", &all, sum);
            }
        }
    }
    parts.clear();
}

fn shown(shape: &Shape<'_>, dimension: &Dimension, parts: &[&Part]) -> String {
    let column = shape.raw.column(&dimension.id);
    let code = |part: &&Part| column.map_or("", |column| column.at(part.row));
    let first = parts.iter().take(SHOWN);
    let mut shown: Vec<_> = first.map(|part| format!("{} {}", code(part), part.value)).collect();
    if parts.len() > SHOWN {
        shown.push(format!("{} more", parts.len() - SHOWN));
    }
    shown.join(" + ")
}

/// Parts of a whole that are all there are of it, if they are.
fn all_of<'p>(
    breakdown: Breakdown,
    dimension: &Dimension,
    parts: &'p [Part],
) -> Option<Vec<&'p Part>> {
    let coded = dimension.codes()?;
    match breakdown {
        Breakdown::Age => every_age(parts),
        Breakdown::Region => {
            let whole = coded.wholes[usize::from(parts[0].code)];
            let regions = (0_u16..).zip(&coded.wholes);
            let allowed = regions.filter(|(code, of)| **of == whole && coded.allows(*code));
            (allowed.count() == parts.len()).then(|| parts.iter().collect())
        }
        _ => {
            let others = coded.list.position("_O")?;
            let apart = parts.windows(2).all(|pair| pair[0].span.to <= pair[1].span.from);
            (apart && parts.iter().any(|part| part.code == others)).then(|| parts.iter().collect())
        }
    }
}

/// Age groups that follow on each other from 0 to the oldest, and unknown age, where it is given.
fn every_age(parts: &[Part]) -> Option<Vec<&Part>> {
    // By the age up to which groups lead: the last of them.
    let mut leads: BTreeMap<u32, &Part> = BTreeMap::new();
    let mut by_start: Vec<&Part> = parts.iter().filter(|part| part.span.from < OLDEST).collect();
    by_start.sort_unstable_by_key(|part| (part.span.from, part.span.to));
    for part in by_start {
        if part.span.from == 0 || leads.contains_key(&part.span.from) {
            leads.entry(part.span.to).or_insert(part);
        }
    }
    let mut all: Vec<&Part> = parts.iter().filter(|part| part.span.from >= OLDEST).collect();
    let mut at = OLDEST;
    while at > 0 {
        let part = leads.get(&at)?;
        all.push(part);
        at = part.span.from;
    }
    all.reverse();
    Some(all)
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
                whole: 0, row: 0, code: 0, span: Span { from: *from, to: from + wide }, value: (*value).into(),
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
