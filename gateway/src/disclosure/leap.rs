//! Cells that are broken down along several axes at once while what lies between is missing: a
//! total, and its parts by sex and age, without totals by sex or by age.

use std::collections::{BTreeMap, HashSet};

use birge_schemas::{
    detail::{Breakdown, Detail},
    extent::Span,
};

use super::{cells::Cells, table::Codes};

/// The rows that leave a small rest of one above them, as `small` has it.
pub(super) fn leave_small_rest(
    cells: &Cells<'_>,
    rows: &[u32],
    small: impl Fn(f64) -> bool,
) -> Vec<u32> {
    let mut classes: BTreeMap<Detail, Vec<u32>> = BTreeMap::new();
    for row in rows {
        classes.entry(cells.detail(*row)).or_default().push(*row);
    }
    let mut found = vec![];
    for (fine, rows) in classes.iter().filter(|(fine, _)| has_no_margin(cells, &classes, **fine)) {
        let coarse = |detail: &&Detail| detail.within(*fine) && detail.count() + 1 < fine.count();
        for detail in classes.keys().filter(coarse) {
            let apart: Detail = fine.iter().filter(|axis| !detail.has(*axis)).collect();
            let both = [&classes[detail][..], rows].concat();
            for family in cells.families(&both, apart) {
                let (parts, totals): (Vec<_>, Vec<_>) =
                    family.into_iter().partition(|row| cells.detail(*row) == *fine);
                let Some(total) = totals.iter().find_map(|row| cells.count(*row)) else { continue };
                let outermost = outermost(cells, &parts, apart);
                if small(total - outermost.iter().filter_map(|row| cells.count(*row)).sum::<f64>())
                {
                    found.extend(parts);
                }
            }
        }
    }
    found
}

/// Is there no axis along which every cell of a class has its total?
fn has_no_margin(cells: &Cells<'_>, classes: &BTreeMap<Detail, Vec<u32>>, fine: Detail) -> bool {
    !fine.iter().any(|axis| {
        let margin: Detail = fine.iter().filter(|each| *each != axis).collect();
        let there: HashSet<Codes> =
            classes.get(&margin).into_iter().flatten().map(|row| cells.codes(*row)).collect();
        classes[&fine].iter().all(|row| there.contains(&with(cells.codes(*row), axis, 0)))
    })
}

/// The rows that no other one contains.
fn outermost(cells: &Cells<'_>, rows: &[u32], apart: Detail) -> Vec<u32> {
    let there: HashSet<Codes> = rows.iter().map(|row| cells.codes(*row)).collect();
    let mut above: BTreeMap<(Breakdown, u16), Vec<u16>> = BTreeMap::new();
    for axis in apart.iter() {
        let codes: HashSet<u16> = there.iter().map(|codes| codes[axis as usize]).collect();
        let span = |code: u16| cells.span(axis, code).unwrap_or(Span { from: 0, to: 0 });
        for code in &codes {
            let contains = |other: &&u16| *other != code && span(**other).contains(span(*code));
            above.insert((axis, *code), codes.iter().filter(contains).copied().collect());
        }
    }
    let contained = |row: &u32| {
        let own = cells.codes(*row);
        let mut places = vec![own];
        for axis in apart.iter() {
            for place in places.clone() {
                let codes = above.get(&(axis, own[axis as usize])).into_iter().flatten();
                places.extend(codes.map(|code| with(place, axis, *code)));
            }
        }
        places[1..].iter().any(|place| there.contains(place))
    };
    rows.iter().copied().filter(|row| !contained(row)).collect()
}

fn with(mut codes: Codes, axis: Breakdown, code: u16) -> Codes {
    codes[axis as usize] = code;
    codes
}
