use std::collections::BTreeMap;

use birge_proto::{manifest::Action, record::Counts};
use proptest::prelude::*;

use super::*;
use crate::testing::{batch, judge};

/// The slices of rows of REMITTANCES given as country, year, value, status.
fn slices(rows: &[(&str, &str, &str, &str)]) -> BTreeMap<String, Slice> {
    let line = |(area, year, value, status): &(&str, &str, &str, &str)| {
        format!("A.KG.REMIT_IN.{area}.USD.{year} = {value} {status}")
    };
    let lines: Vec<String> = rows.iter().map(line).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let raw = batch("REMITTANCES", &lines);
    let validation = judge("REMITTANCES", Action::Append, &raw);
    split(&validation.table.unwrap_or_else(|| panic!("{}", validation.report)))
}

fn slice(rows: &[(&str, &str)]) -> Slice {
    let rows: Vec<_> = rows.iter().map(|(area, value)| (*area, "2023", *value, "A")).collect();
    slices(&rows).remove("2023").unwrap()
}

fn contents(slice: &Slice) -> Vec<(String, Option<f64>)> {
    let table = slice.table();
    (0..slice.rows()).map(|row| (table.key(row), table.value(row))).collect()
}

fn key(area: &str) -> String {
    format!("A.KG.REMIT_IN.{area}.USD.2023")
}

fn standing(rows: &[(&str, f64)]) -> Vec<(String, Option<f64>)> {
    rows.iter().map(|(area, value)| (key(area), Some(*value))).collect()
}

#[test]
fn a_table_is_split_by_period_and_sorted_by_key() {
    let slices =
        slices(&[("RU", "2023", "2", "A"), ("KZ", "2022", "3", "P"), ("KZ", "2023", "1", "A")]);
    assert_eq!(slices.keys().collect::<Vec<_>>(), ["2022", "2023"]);
    assert_eq!(contents(&slices["2023"]), standing(&[("KZ", 1.0), ("RU", 2.0)]));
    assert_eq!(slices["2022"].table().attribute("OBS_STATUS", 0), Some("P"));
    let ru = slices["2023"].table().packed(1);
    assert_eq!(slices["2023"].find(ru), Some(1));
    assert_eq!(slices["2022"].find(ru), None);
}

#[test]
fn slices_hold_once_what_is_the_same_in_them_and_their_own_of_the_rest() {
    let mut slices = slices(&[
        ("KZ", "2022", "3", "P"),
        ("RU", "2022", "4", "A"),
        ("KZ", "2023", "1", "A"),
        ("RU", "2023", "2", "A"),
        ("RU", "2024", "5", "A"),
    ]);
    let first = slices["2022"].clone();
    for (period, same) in [("2023", true), ("2024", false)] {
        let slice = slices.get_mut(period).unwrap();
        let (before, bytes) = (contents(slice), slice.table().packed(0));
        assert!(!slice.shares_keys(&first));
        slice.share(&first);
        assert_eq!(slice.shares_keys(&first), same);
        assert_eq!((contents(slice), slice.table().packed(0)), (before, bytes));
    }
    let (own, other) = (slices["2023"].clone(), slices.get_mut("2024").unwrap());
    assert!(!other.table().shares_attributes(own.table()), "each has its own");
    other.share(&own);
    assert!(other.table().shares_attributes(own.table()));
    assert!(!other.table().shares_attributes(first.table()), "there is another status");
    assert_eq!(other.table().attribute("OBS_STATUS", 0), Some("A"));
    let empty = Slice::empty(first.table().structure(), "2025");
    assert!(!slices["2024"].shares_keys(&empty) && !empty.shares_keys(&slices["2024"]));
}

#[test]
fn append_adds_and_leaves_what_is_the_same() {
    let current = slice(&[("KZ", "1"), ("RU", "2")]);
    let more = slice(&[("RU", "2"), ("DE", "5")]);
    let applied = apply(Some(&current), &more, Action::Append, &[]).unwrap();
    assert_eq!(contents(&applied.slice), standing(&[("DE", 5.0), ("KZ", 1.0), ("RU", 2.0)]));
    let counts = Counts { imported: 1, unchanged: 1, ..Counts::default() };
    assert_eq!(applied.counts, counts);
    let first = apply(None, &more, Action::Append, &[]).unwrap();
    assert_eq!(first.counts.imported, 2);
}

#[test]
fn append_does_not_change_a_value_or_a_status() {
    let current = slice(&[("KZ", "1")]);
    let other = slice(&[("KZ", "2"), ("RU", "3")]);
    let conflict = apply(Some(&current), &other, Action::Append, &[]).unwrap_err();
    assert_eq!(conflict, Conflict { kind: ConflictKind::Differs, keys: vec![key("KZ")] });
    let provisional = slices(&[("KZ", "2023", "1", "P")]).remove("2023").unwrap();
    assert!(apply(Some(&current), &provisional, Action::Append, &[]).is_err());
}

#[test]
fn replace_announces_exactly_what_disappears() {
    let current = slice(&[("DE", "5"), ("KZ", "1"), ("RU", "2")]);
    let other = slice(&[("KZ", "1"), ("RU", "3"), ("TR", "4")]);
    let replace = |removes: &[String]| apply(Some(&current), &other, Action::Replace, removes);
    let unannounced = Conflict { kind: ConflictKind::Unannounced, keys: vec![key("DE")] };
    assert_eq!(replace(&[]).unwrap_err(), unannounced);
    let too_much = replace(&[key("DE"), key("KZ")]).unwrap_err();
    assert_eq!(too_much, Conflict { kind: ConflictKind::NotRemoved, keys: vec![key("KZ")] });

    let other_year = "A.KG.REMIT_IN.RU.USD.2022".to_owned();
    let applied = replace(&[key("DE"), other_year]).unwrap();
    assert_eq!(contents(&applied.slice), contents(&other));
    assert_eq!(applied.removed, [key("DE")]);
    let counts = Counts { imported: 1, updated: 1, unchanged: 1, deleted: 1, ignored: 0 };
    assert_eq!(applied.counts, counts);
}

#[test]
fn a_period_can_be_replaced_by_nothing() {
    let current = slice(&[("DE", "5")]);
    let nothing = Slice::empty(current.table().structure(), "2023");
    let applied = apply(Some(&current), &nothing, Action::Replace, &[key("DE")]).unwrap();
    assert_eq!((applied.slice.rows(), applied.counts.deleted), (0, 1));
}

#[test]
fn delete_takes_what_stands_and_nothing_else() {
    let current = slice(&[("DE", "5"), ("KZ", "1")]);
    let applied = apply(Some(&current), &slice(&[("DE", "9")]), Action::Delete, &[]).unwrap();
    assert_eq!(contents(&applied.slice), standing(&[("KZ", 1.0)]));
    assert_eq!(applied.removed, [key("DE")]);
    let conflict = apply(Some(&current), &slice(&[("RU", "2")]), Action::Delete, &[]).unwrap_err();
    assert_eq!(conflict, Conflict { kind: ConflictKind::NotStanding, keys: vec![key("RU")] });
    assert!(conflict.to_string().contains(&key("RU")));
}

#[test]
fn information_changes_nothing() {
    let current = slice(&[("DE", "5")]);
    let applied = apply(Some(&current), &slice(&[("DE", "9")]), Action::Information, &[]).unwrap();
    assert_eq!(contents(&applied.slice), contents(&current));
    assert_eq!(applied.counts, Counts { ignored: 1, ..Counts::default() });
}

#[test]
fn an_observation_takes_at_most_40_bytes() {
    let mut lines = vec![];
    for age in crate::testing::structure("TRAFFICKING").coded().nth(4).unwrap().allowed() {
        for sex in ["F", "M"] {
            for area in ["KG", "KG-B", "KG-C", "KG-J", "TJ"] {
                for (year, status) in [(2021, "A"), (2022, "P"), (2023, "E")] {
                    lines.push(format!(
                        "A.{area}.VC_HTF_DETV.{sex}.{age}._T.PS.{year} = 0 {status}"
                    ));
                }
            }
        }
    }
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let table = judge("TRAFFICKING", Action::Append, &batch("TRAFFICKING", &lines)).table.unwrap();
    let bytes = table.heap_bytes() as f64 / table.rows() as f64;
    assert!(bytes <= 40.0, "{bytes} bytes per observation");
}

const AREAS: [&str; 6] = ["DE", "KZ", "RU", "TR", "US", "UZ"];

fn some_rows() -> impl Strategy<Value = BTreeMap<&'static str, u8>> {
    prop::collection::btree_map(prop::sample::select(&AREAS[..]), 0..3_u8, 1..6)
}

fn slice_of(rows: &BTreeMap<&'static str, u8>) -> Slice {
    let rows: Vec<_> = rows.iter().map(|(area, value)| (*area, value.to_string())).collect();
    slice(&rows.iter().map(|(area, value)| (*area, value.as_str())).collect::<Vec<_>>())
}

proptest! {
    /// Append, Replace and Delete against plain maps.
    #[test]
    fn actions_do_what_they_do_to_maps(old in some_rows(), new in some_rows()) {
        let (current, other) = (slice_of(&old), slice_of(&new));
        let as_map = |slice: &Slice| -> BTreeMap<String, Option<f64>> { contents(slice).into_iter().collect() };
        let expected = |rows: &BTreeMap<&'static str, u8>| -> BTreeMap<String, Option<f64>> {
            rows.iter().map(|(area, value)| (key(area), Some(f64::from(*value)))).collect()
        };

        let differ = new.iter().any(|(area, value)| old.get(area).is_some_and(|old| old != value));
        match apply(Some(&current), &other, Action::Append, &[]) {
            Ok(applied) => {
                let mut both = old.clone();
                both.extend(&new);
                prop_assert!(!differ);
                prop_assert_eq!(as_map(&applied.slice), expected(&both));
            }
            Err(_) => prop_assert!(differ),
        }

        let gone: Vec<String> = old.keys().filter(|area| !new.contains_key(*area)).map(|area| key(area)).collect();
        let applied = apply(Some(&current), &other, Action::Replace, &gone).unwrap();
        prop_assert_eq!(as_map(&applied.slice), expected(&new));

        let all_stand = new.keys().all(|area| old.contains_key(area));
        match apply(Some(&current), &other, Action::Delete, &[]) {
            Ok(applied) => {
                let mut left = old;
                left.retain(|area, _| !new.contains_key(area));
                prop_assert!(all_stand);
                prop_assert_eq!(as_map(&applied.slice), expected(&left));
            }
            Err(_) => prop_assert!(!all_stand),
        }
    }
}
