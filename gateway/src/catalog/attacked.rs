//! A release under attack before it takes effect (decree, article 7(2)).

use std::collections::BTreeSet;

use birge_proto::record::Protection;
use birge_schemas::{
    attack::{Attack, Effort, Release, Rule, attack_releases, stratum_of},
    slice::Slice,
};
use roaring::RoaringBitmap;

use crate::decree::Disclosure;

/// Attacks what `withheld` leaves of a slice, together with its earlier releases. Returns what
/// has to be withheld: where the attack finds something, all of the strata in which it does.
pub(super) fn close(
    slice: &Slice,
    earlier: &[(&Slice, &RoaringBitmap)],
    mut withheld: RoaringBitmap,
    rule: Disclosure,
    protection: &mut Protection,
) -> RoaringBitmap {
    let mut found = attack(slice, earlier, &withheld, rule, Effort::PROMPT);
    if !found.leaks.is_empty() {
        let table_of = |release: usize| {
            earlier.get(release).map_or(slice.table(), |(earlier, _)| earlier.table())
        };
        let told = found.leaks.iter().map(|leak| stratum_of(table_of(leak.release), leak.cell));
        let told: BTreeSet<Vec<u16>> = told.collect();
        let rows = (0..).take(slice.rows());
        let closed = rows.filter(|row| told.contains(&stratum_of(slice.table(), *row as usize)));
        let before = withheld.len();
        withheld.extend(closed);
        protection.closed += withheld.len() - before;
        found = attack(slice, earlier, &withheld, rule, Effort::PROMPT);
    }
    protection.attacked += found.attacked;
    protection.unattacked += found.unattacked + found.contradictory;
    protection.told += found.leaks.len() as u64;
    withheld
}

/// Attacks a slice and its earlier releases.
pub(super) fn attack(
    slice: &Slice,
    earlier: &[(&Slice, &RoaringBitmap)],
    withheld: &RoaringBitmap,
    rule: Disclosure,
    effort: Effort,
) -> Attack {
    let is_withheld =
        |rows: &RoaringBitmap, row: usize| u32::try_from(row).is_ok_and(|row| rows.contains(row));
    let all = earlier.iter().copied().chain([(slice, withheld)]);
    let hidden: Vec<_> = all
        .map(|(slice, withheld)| (slice, move |row: usize| is_withheld(withheld, row)))
        .collect();
    let releases: Vec<Release<'_>> =
        hidden.iter().map(|(slice, withheld)| Release { table: slice.table(), withheld }).collect();
    let Disclosure { threshold, zeros_withheld } = rule;
    attack_releases(&releases, Rule { threshold, zeros_withheld }, effort)
}
