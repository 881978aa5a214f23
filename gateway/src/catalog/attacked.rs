//! A release under attack before it takes effect (decree, article 7(2)).

use std::collections::BTreeSet;

use birge_proto::record::Protection;
use birge_schemas::{
    attack::{Alternative, Attack, Effort, Release, Rule, attack_releases, stratum_of},
    slice::Slice,
};
use roaring::RoaringBitmap;

use crate::{decree::Disclosure, disclosure::Pattern};

/// Attacks what a pattern leaves of a slice, together with its earlier releases. Returns what
/// has to be withheld: where the attack finds what the earlier releases do not tell by
/// themselves, all of the strata in which it does.
pub(super) fn close(
    slice: &Slice,
    earlier: &[(&Slice, &RoaringBitmap)],
    pattern: Pattern,
    rule: Disclosure,
    protection: &mut Protection,
) -> Pattern {
    let Pattern { mut withheld, alternatives, .. } = pattern;
    let found = attack(slice, earlier, &withheld, rule, &alternatives, Effort::PROMPT);
    protection.attacked += found.attacked;
    protection.unattacked += found.unattacked + found.contradictory;
    if found.leaks.is_empty() {
        return Pattern { withheld, alternatives, ..pattern };
    }
    let before = earlier.split_last().map(|((last, withheld), earlier)| {
        attack(last, earlier, withheld, rule, &[], Effort::PROMPT).leaks
    });
    let before = before.unwrap_or_default();
    let table_of =
        |release: usize| earlier.get(release).map_or(slice.table(), |(earlier, _)| earlier.table());
    let new = found.leaks.iter().filter(|leak| !before.contains(leak));
    let told: BTreeSet<Vec<u16>> =
        new.map(|leak| stratum_of(table_of(leak.release), leak.cell)).collect();
    let rows = (0..).take(slice.rows());
    let closed = rows.filter(|row| told.contains(&stratum_of(slice.table(), *row as usize)));
    let before = withheld.len();
    withheld.extend(closed);
    let closed = withheld.len() - before;
    if closed > 0 {
        tracing::warn!(
            dataset = slice.table().structure().id,
            period = slice.period(),
            cells = closed,
            "the attack on a release found what its protection had not: more is withheld"
        );
    }
    protection.closed += closed;
    Pattern { withheld, alternatives, ..pattern }
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
    let Disclosure { threshold, zeros_withheld } = rule;
    attack_releases(&releases, Rule { threshold, zeros_withheld }, alternatives, effort)
}
