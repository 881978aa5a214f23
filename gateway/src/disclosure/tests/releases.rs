//! What earlier releases allow a new one to give out.

use super::*;

/// What the second of two releases withholds.
fn after(first: &Table, second: &Table) -> RoaringBitmap {
    let withheld = first.protect(PLAIN).withheld;
    let cells = first.cells();
    let now: Vec<_> = (0..cells.len() as u32).map(Some).collect();
    let earlier = Earlier { cells: &cells, withheld: &withheld, now: &now };
    protect(&second.cells(), PLAIN, &[earlier]).withheld
}

#[test]
fn what_was_withheld_stays_withheld_while_a_part_stands() {
    let first = Table::new(&[(T, 50), (sex(1), 3), (sex(2), 47)]);
    let other_sex_mended = Table::new(&[(T, 60), (sex(1), 13), (sex(2), 47)]);
    assert_eq!(after(&first, &other_sex_mended), RoaringBitmap::from([1, 2]));
    assert_eq!(after(&first, &first), first.protect(PLAIN).withheld);
    let both_mended = Table::new(&[(T, 61), (sex(1), 13), (sex(2), 48)]);
    assert!(after(&first, &both_mended).is_empty());
}

#[test]
fn what_was_given_out_and_turns_small_takes_its_total_along() {
    let first = Table::new(&[(T, 50), (sex(1), 20), (sex(2), 30)]);
    let second = Table::new(&[(T, 33), (sex(1), 3), (sex(2), 30)]);
    assert_eq!(after(&first, &second), RoaringBitmap::from([0, 1]));
}

#[test]
fn what_was_given_out_is_withheld_once_the_threshold_is_higher() {
    let rows = [(T, 50), (age(1), 4), (age(2), 20), (age(3), 26)];
    let table = Table::new(&rows);
    let (cells, now) = (table.cells(), [0, 1, 2, 3].map(Some));
    let before = Disclosure::new(3, false);
    let withheld = protect(&cells, before, &[]).withheld;
    assert!(withheld.is_empty());
    let earlier = [Earlier { cells: &cells, withheld: &withheld, now: &now }];
    assert!(protect(&cells, before, &earlier).withheld.is_empty());
    assert!(protect(&cells, PLAIN, &earlier).withheld.contains(1));
}
