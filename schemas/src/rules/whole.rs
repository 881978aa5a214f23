//! Rule 15: a part is not larger than its whole, along each dimension: the country of a region,
//! the indicator that another is part of, `_T` of every other breakdown.

use super::{Shape, cells::Cells};
use crate::{
    finding::{Code, Finding, Report},
    structure::Structure,
};

pub(super) fn check(shape: &Shape<'_>, cells: &Cells, report: &mut Report) {
    let structure = shape.structure;
    let tolerance = structure.rules.tolerance(1);
    let signed = signed(structure);
    for ladder in ladders(structure) {
        let mut cursor = cells.cursor();
        for (key, row) in cells.iter() {
            let keys = &structure.keys;
            let code = usize::from(keys.code(key, ladder.place));
            if ladder.wholes[code].is_empty() {
                continue;
            }
            let Some(part) = shape.raw.value(row) else { continue };
            if signed.as_ref().is_some_and(|(place, of)| of[usize::from(keys.code(key, *place))]) {
                continue;
            }
            for whole in &ladder.wholes[code] {
                let Some(other) = cursor.find(keys.with(key, ladder.place, *whole)) else {
                    continue;
                };
                let Some(value) = shape.raw.value(other) else { continue };
                // Amounts are sums of doubles: allow for their last bits.
                if part - value > tolerance + value.abs() * 1e-12 {
                    report.add(Code::PartExceedsWhole, || {
                        let whole = &ladder.ids[usize::from(*whole)];
                        let expected = format!("at most {value}, as {whole} in row {}", other + 1);
                        let finding =
                            Finding::new(Code::PartExceedsWhole, expected, part.to_string());
                        shape.at(row, finding.column(ladder.dimension))
                    });
                }
            }
        }
    }
}

/// Which codes of a dimension are part of which.
struct Ladder<'a> {
    place: usize,
    dimension: &'a str,
    ids: Vec<&'a str>,
    /// Per code: what it is part of.
    wholes: Vec<Vec<u16>>,
}

fn ladders(structure: &Structure) -> Vec<Ladder<'_>> {
    let mut ladders = vec![];
    for (place, dimension) in structure.coded().enumerate() {
        let Some(coded) = dimension.codes() else { continue };
        let mut wholes: Vec<Vec<u16>> =
            coded.wholes.iter().map(|whole| whole.iter().copied().collect()).collect();
        let pairs = structure.rules.part_of.iter().filter(|_| dimension.id == "INDICATOR");
        for pair in pairs {
            let position = |id: &str| coded.list.position(id);
            if let (Some(part), Some(whole)) = (position(&pair.part), position(&pair.whole)) {
                let wholes = &mut wholes[usize::from(part)];
                if !wholes.contains(&whole) {
                    wholes.push(whole);
                }
            }
        }
        if wholes.iter().any(|wholes| !wholes.is_empty()) {
            let ids = coded.list.codes().iter().map(|code| code.id.as_str()).collect();
            ladders.push(Ladder { place, dimension: &dimension.id, ids, wholes });
        }
    }
    ladders
}

/// Where INDICATOR stands and which of its codes may be below zero, if any may: of such figures
/// a part can be larger than the whole.
pub(super) fn signed(structure: &Structure) -> Option<(usize, Vec<bool>)> {
    let place = structure.position("INDICATOR").filter(|_| !structure.rules.signed.is_empty())?;
    let coded = structure.coded().nth(place)?.codes()?;
    let of = coded.list.codes().iter().map(|code| structure.rules.signed.contains(&code.id));
    Some((place, of.collect()))
}
