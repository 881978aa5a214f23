//! Counts that their source rounded.

use super::*;

#[test]
fn what_was_given_out_rounded_is_known_though_less_may_be_meant_by_it() {
    let before = Table::new(&[(T, 40), (sex(1), 10), (sex(2), 30)]);
    let after = Table::new(&[(T, 40), (sex(1), 10), (sex(2), 25), (sex(3), 5)]);
    let (before, after) = (before.rounded_to(5.0), after.rounded_to(5.0));
    let rule = Disclosure { threshold: 10, zeros_withheld: false };
    let given = protect(&before, rule, &[]).withheld;
    assert!(given.is_empty(), "10 is not small, though 8 may be meant");
    assert!(protect(&after, rule, &[]).withheld.contains(1), "the cheapest to go along");
    let now = [0, 1, 2].map(Some);
    let earlier = [Earlier { cells: &before, withheld: &given, now: &now }];
    let withheld = protect(&after, rule, &earlier).withheld;
    assert!(withheld.contains(2) && withheld.contains(3), "{withheld:?}");
}

#[test]
fn rounded_figures_are_small_by_themselves() {
    let withheld = |rows: &[([u16; 4], u32)], threshold| {
        let rule = Disclosure { threshold, zeros_withheld: false };
        protect(&Table::new(rows).rounded_to(5.0), rule, &[]).withheld
    };
    // One that is no multiple of the base is no less small.
    assert!(withheld(&[(T, 50), (sex(1), 1), (sex(2), 24), (sex(3), 25)], 5).contains(1));
    // From 4 to 16 are neither; of 5 the difference may be nothing.
    assert!(!withheld(&[(T, 60), (sex(1), 25), (sex(2), 25)], 17).is_empty());
    assert!(withheld(&[(T, 60), (sex(1), 25), (sex(2), 30)], 17).is_empty());
}
