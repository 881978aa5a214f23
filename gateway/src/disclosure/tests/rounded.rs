//! Counts that their source rounded.

use super::*;

#[test]
fn what_was_given_out_rounded_is_known_though_less_may_be_meant_by_it() {
    let before = Table::new(&[(T, 50), (sex(1), 10), (sex(2), 15), (sex(3), 25)]);
    let after = Table::new(&[(T, 50), (sex(1), 10), (sex(2), 15), (sex(3), 20), (sex(4), 5)]);
    let (before, after) = (before.rounded_to(5.0), after.rounded_to(5.0));
    let rule = Disclosure::new(10, false);
    let given = protect(&before, rule, &[]).withheld;
    assert!(given.is_empty(), "10 is not small, though 8 may be meant");
    assert!(protect(&after, rule, &[]).withheld.contains(2), "the cheapest that is enough");
    let now = [0, 1, 2, 3].map(Some);
    let earlier = [Earlier { cells: &before, withheld: &given, now: &now }];
    let withheld = protect(&after, rule, &earlier).withheld;
    assert!(withheld.contains(3) && withheld.contains(4), "{withheld:?}");
}

#[test]
fn rounded_figures_are_small_by_themselves() {
    let withheld = |rows: &[([u16; 4], u32)], threshold| {
        let rule = Disclosure::new(threshold, false);
        protect(&Table::new(rows).rounded_to(5.0), rule, &[]).withheld
    };
    // One that is no multiple of the base is no less small.
    assert!(withheld(&[(T, 50), (sex(1), 1), (sex(2), 24), (sex(3), 25)], 5).contains(1));
    // From 4 to 16 are neither; of 5 the difference may be nothing.
    assert!(!withheld(&[(T, 60), (sex(1), 25), (sex(2), 25)], 17).is_empty());
    assert!(withheld(&[(T, 60), (sex(1), 25), (sex(2), 30)], 17).is_empty());
}

#[test]
fn where_no_rounded_count_is_zero_none_is_thought_of() {
    let rule = Disclosure::new(10, false);
    let withheld =
        |rows: &[([u16; 4], u32)]| protect(&Table::new(rows).rounded_to(5.0), rule, &[]).withheld;
    let rows = [(T, 75), (sex(1), 5), (sex(2), 10), (sex(3), 60)];
    // 5 is at least 3 then, and must be able to be 12; 10 is at most 5 more than 3.
    assert!(withheld(&rows).contains(3));
    assert!(!withheld(&[&rows[..], &[(sex(4), 0)]].concat()).contains(3), "it may be 0 to 10");
}
