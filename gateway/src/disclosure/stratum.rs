//! Rules 2 to 6 on one stratum.

use std::collections::BTreeMap;

use birge_schemas::detail::{Breakdown, Detail};
use roaring::RoaringBitmap;

use super::{cells::Cells, past::PastOfStratum};
use crate::decree::Disclosure;

/// The rows of a stratum by what withholds them.
struct Groups {
    /// Rows at the top: one, unless the total is missing.
    top: Vec<u32>,
    /// The class by sex, if sex is linked.
    by_sex: Vec<u32>,
    /// Several breakdowns, or one that is linked and not sex.
    linked: Vec<u32>,
    /// The classes of unlinked dimensions.
    classes: Vec<Vec<u32>>,
}

impl Groups {
    fn new(cells: &Cells<'_>, rows: &[u32]) -> Self {
        let common = cells.common(rows);
        let further = |row: u32| -> Detail {
            cells.detail(row).iter().filter(|breakdown| !common.has(*breakdown)).collect()
        };
        let several = rows.iter().map(|row| further(*row)).filter(|detail| detail.count() > 1);
        let linked: Detail = several.flat_map(|detail| detail.iter().collect::<Vec<_>>()).collect();
        let mut groups = Self { top: vec![], by_sex: vec![], linked: vec![], classes: vec![] };
        let mut classes: BTreeMap<Detail, Vec<u32>> = BTreeMap::new();
        for &row in rows {
            let detail = further(row);
            if detail == Detail::TOTAL {
                groups.top.push(row);
            } else if !detail.within(linked) {
                classes.entry(detail).or_default().push(row);
            } else if detail == Detail::TOTAL.with(Breakdown::Sex) {
                groups.by_sex.push(row);
            } else {
                groups.linked.push(row);
            }
        }
        groups.classes = classes.into_values().collect();
        groups
    }
}

/// The rows of a stratum that are withheld.
#[allow(clippy::cast_precision_loss, reason = "thresholds and rows are far below 2^53")]
pub(super) fn withhold(
    cells: &Cells<'_>,
    rows: &[u32],
    suspects: &RoaringBitmap,
    past: &PastOfStratum,
    rule: Disclosure,
) -> Vec<u32> {
    let bad = |row: &u32| suspects.contains(*row);
    if past.closes() {
        return rows.to_vec();
    }
    if !rows.iter().any(bad) {
        return vec![];
    }
    let groups = Groups::new(cells, rows);
    let [top] = groups.top[..] else { return rows.to_vec() };
    let Some(total) = cells.count(top).filter(|_| !bad(&top)) else { return rows.to_vec() };
    let enough = |group: &[u32]| (rule.threshold as f64) - 1.0 + group.len() as f64;

    let everything_linked = [&groups.by_sex[..], &groups.linked[..]].concat();
    let sex_may_stay = || {
        let counts: Vec<_> = groups.by_sex.iter().filter_map(|row| cells.count(*row)).collect();
        !groups.by_sex.iter().any(bad)
            && counts.iter().sum::<f64>() == total
            && counts.iter().all(|count| *count == 0.0 || *count >= enough(&groups.linked))
    };
    let mut withheld: Vec<Vec<u32>> = vec![];
    if everything_linked.iter().any(bad) {
        withheld.push(if sex_may_stay() { groups.linked } else { everything_linked });
    }
    withheld.extend(groups.classes.into_iter().filter(|class| class.iter().any(bad)));

    if withheld.iter().any(|group| group.len() == 1) {
        withheld = vec![rows.iter().copied().filter(|row| *row != top).collect()];
    }
    let total_stays = withheld.iter().all(|group| total >= enough(group));
    let withheld = withheld.concat();
    let given_before = withheld.iter().any(|row| past.has_given(cells.detail(*row)));
    if total_stays && withheld.len() > 1 && !given_before { withheld } else { rows.to_vec() }
}
