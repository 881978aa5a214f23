//! A release under attack before it takes effect (decree, article 7(2)).

use std::collections::BTreeSet;

use birge_proto::record::Protection;
use birge_schemas::{
    attack::{Alternative, Attack, Effort, Leak, Release, Rule, attack_releases, stratum_of},
    slice::Slice,
};
use roaring::RoaringBitmap;

use crate::{decree::Disclosure, disclosure::Pattern};

/// Attacks what a pattern leaves of a slice, together with its earlier releases. Where the attack
/// finds something, all of the stratum is withheld, if that is any help: what the earlier releases
/// tell by themselves stays told.
pub(super) fn close(
    slice: &Slice,
    earlier: &[(&Slice, &RoaringBitmap)],
    mut pattern: Pattern,
    rule: Disclosure,
    protection: &mut Protection,
) -> Pattern {
    let alternatives = std::mem::take(&mut pattern.alternatives);
    let found = attack(slice, earlier, &pattern.withheld, rule, &alternatives, Effort::PROMPT);
    protection.attacked += found.attacked;
    protection.unattacked += found.unattacked + found.contradictory;
    if found.leaks.is_empty() {
        return pattern;
    }
    let stratum = |leak: &Leak| {
        let earlier = earlier.get(leak.release).map(|(earlier, _)| earlier.table());
        stratum_of(earlier.unwrap_or(slice.table()), leak.cell)
    };
    let with_all_of = |strata: &BTreeSet<Vec<u16>>| {
        let rows = (0..).take(slice.rows());
        let closed = rows.filter(|row| strata.contains(&stratum_of(slice.table(), *row as usize)));
        &pattern.withheld | closed.collect::<RoaringBitmap>()
    };
    let closed = with_all_of(&found.leaks.iter().map(stratum).collect());
    let left = attack(slice, earlier, &closed, rule, &[], Effort::PROMPT).leaks;
    let helped = found.leaks.iter().filter(|leak| !left.contains(leak)).map(stratum).collect();
    let withheld = with_all_of(&helped);
    let closed = withheld.len() - pattern.withheld.len();
    if closed > 0 {
        tracing::warn!(
            dataset = slice.table().structure().id,
            period = slice.period(),
            cells = closed,
            "the attack on a release found what its protection had not: more is withheld"
        );
    }
    protection.closed += closed;
    Pattern { withheld, ..pattern }
}

/// Attacks a slice and its earlier releases.
pub(super) fn attack(
    slice: &Slice,
    earlier: &[(&Slice, &RoaringBitmap)],
    withheld: &RoaringBitmap,
    rule: Disclosure,
    alternatives: &[Alternative],
    effort: Effort,
) -> Attack {
    let is_withheld =
        |rows: &RoaringBitmap, row: usize| u32::try_from(row).is_ok_and(|row| rows.contains(row));
    let all = earlier.iter().copied().chain([(slice, withheld)]);
    let hidden: Vec<_> = all
        .map(|(slice, withheld)| (slice, move |row: usize| is_withheld(withheld, row)))
        .collect();
    let releases: Vec<Release<'_>> = hidden
        .iter()
        .map(|(slice, withheld)| Release { table: slice.table(), withheld, judged: true })
        .collect();
    let Disclosure { threshold, zeros_withheld, .. } = rule;
    attack_releases(&releases, Rule { threshold, zeros_withheld }, alternatives, effort)
}

#[cfg(test)]
mod tests {
    use birge_proto::manifest::Action;
    use birge_schemas::{
        slice::split,
        structure::Structures,
        table::{RawColumnBuilder, RawTable},
        validate,
    };

    use super::*;

    const RULE: Disclosure = Disclosure::new(10, true);

    /// Victims of 2024 by sex: all, women, men.
    fn by_sex(counts: [f64; 3]) -> Slice {
        let structures = Structures::bundled().unwrap();
        let structure = structures.get("TRAFFICKING").unwrap();
        let mut table = RawTable::default();
        let dimensions = structure.dimensions.iter().map(|dimension| dimension.id.as_str());
        let columns = dimensions.chain(["OBS_STATUS"]).map(|id| {
            let mut column = RawColumnBuilder::new(id);
            for sex in ["_T", "F", "M"] {
                column.push(match id {
                    "FREQ" | "OBS_STATUS" => "A",
                    "REF_AREA" => "KG",
                    "INDICATOR" => "VC_HTF_DETV",
                    "SEX" => sex,
                    "UNIT_MEASURE" => "PS",
                    "TIME_PERIOD" => "2024",
                    _ => "_T",
                });
            }
            column.finish()
        });
        table.columns = columns.collect();
        counts.into_iter().for_each(|count| table.push_value(Some(count)));
        let table = validate::accepted(structure, Action::Append, &table).unwrap();
        split(&table).remove("2024").unwrap()
    }

    /// The rows of these sexes.
    fn rows(slice: &Slice, sexes: &[&str]) -> RoaringBitmap {
        let sex = |row: u32| slice.table().key(row as usize).split('.').nth(3).map(str::to_owned);
        let rows = (0..3).filter(|row| sexes.contains(&sex(*row).unwrap().as_str()));
        rows.collect()
    }

    fn closed(slice: &Slice, earlier: &[(&Slice, &RoaringBitmap)], sexes: &[&str]) -> u64 {
        let withheld = rows(slice, sexes);
        let pattern = Pattern { withheld, cells: 3, small: 1, alternatives: vec![] };
        let mut protection = Protection::default();
        let pattern = close(slice, earlier, pattern, RULE, &mut protection);
        assert_eq!(pattern.withheld.len(), sexes.len() as u64 + protection.closed);
        protection.closed
    }

    #[test]
    fn where_the_attack_finds_something_the_stratum_is_withheld() {
        let slice = by_sex([40.0, 4.0, 36.0]);
        assert_eq!(closed(&slice, &[], &["F"]), 2, "four are told");
        assert_eq!(closed(&slice, &[], &["F", "M"]), 0, "nothing is");
    }

    #[test]
    fn what_was_told_before_closes_nothing_and_what_it_adds_to_does() {
        let before = by_sex([40.0, 4.0, 36.0]);
        let withheld = rows(&before, &["F"]);
        let earlier = [(&before, &withheld)];
        assert_eq!(closed(&by_sex([42.0, 5.0, 37.0]), &earlier, &["F", "M"]), 0);
        assert_eq!(closed(&by_sex([41.0, 5.0, 36.0]), &earlier, &["F", "M"]), 1, "36 is known");
    }
}
