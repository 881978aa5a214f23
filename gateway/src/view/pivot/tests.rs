//! Cells in rows and columns.

use std::{collections::BTreeMap, sync::Arc};

use birge_schemas::{structure::Structures, table::RawColumnBuilder};
use proptest::prelude::*;

use super::*;

pub(in crate::view) fn stock() -> Arc<Structure> {
    Arc::clone(Structures::bundled().unwrap().get("MIG_STOCK").unwrap())
}

/// A row: sex, age, period; its value, and its status.
pub(in crate::view) type Row<'a> = (&'a str, &'a str, &'a str, Option<f64>, &'a str);

pub(in crate::view) fn cells(rows: &[Row<'_>]) -> RawTable {
    let ids = ["FREQ", "REF_AREA", "INDICATOR", SEX, "AGE", "COUNTRY_BIRTH", "UNIT_MEASURE", TIME];
    let mut columns: Vec<_> =
        ids.into_iter().chain(["OBS_STATUS"]).map(RawColumnBuilder::new).collect();
    let mut table = RawTable::default();
    for (sex, age, period, value, status) in rows {
        let texts = ["A", "KG", "MIG_STOCK", sex, age, "_T", "PS", period, status];
        columns.iter_mut().zip(texts).for_each(|(column, text)| column.push(text));
        table.push_value(*value);
    }
    table.columns = columns.into_iter().map(RawColumnBuilder::finish).collect();
    table
}

pub(in crate::view) fn layout(across: &[String]) -> Layout<'_> {
    Layout { across, gap: true, only: None, newest: false, most: 1_000 }
}

fn names(heading: &Heading<'_>) -> (String, usize) {
    let name = heading.of.map_or_else(|| format!("{:?}", heading.measure), |(_, code)| code.into());
    (name, heading.span)
}

#[test]
fn women_and_men_stand_side_by_side_with_their_gap() {
    let across = [SEX.to_owned(), TIME.to_owned()];
    let table = cells(&[
        ("M", "_T", "2024", Some(50.0), "A"),
        ("F", "_T", "2024", Some(75.0), "P"),
        ("F", "_T", "2023", None, "Q"),
        ("M", "_T", "2023", Some(50.0), "A"),
        ("F", "Y0T4", "2024", Some(3.0), "A"),
        ("M", "Y0T4", "2024", Some(0.0), "A"),
    ]);
    let (pivot, cut) = Pivot::of_cells(&stock(), &table, layout(&across));
    assert!(!cut && pivot.down == ["AGE"] && pivot.across == [TIME, SEX]);
    let headings = pivot.headings();
    let told: Vec<Vec<_>> = headings.iter().map(|line| line.iter().map(names).collect()).collect();
    assert_eq!(told[0], [("2023".to_owned(), 4), ("2024".to_owned(), 4)]);
    assert_eq!(told[1][..4], ["F", "M", "Gap", "Ratio"].map(|name| (name.to_owned(), 1)));
    let row =
        |row: usize| -> Vec<Value> { (0..8).map(|column| pivot.cell(row, column).value).collect() };
    use Value::{Absent, Given, Withheld};
    // Nothing is computed from what is withheld, nor divided by nothing.
    let total = [
        Withheld,
        Given(50.0),
        Absent,
        Absent,
        Given(75.0),
        Given(50.0),
        Given(25.0),
        Given(150.0),
    ];
    assert_eq!(row(0), total);
    assert_eq!(row(1)[4..], [Given(3.0), Given(0.0), Given(3.0), Absent]);
    assert_eq!(pivot.cell(0, 4).key, "A.KG.MIG_STOCK.F._T._T.PS.2024");
    assert_eq!(pivot.cell(0, 4).status, "P");
    assert_eq!(pivot.cell(0, 6).key, "", "what is computed comes from nowhere");
    assert!(pivot.withholds() && pivot.statuses() == ["P"].into());
    let fixed: BTreeMap<_, _> = pivot.fixed.iter().cloned().collect();
    assert_eq!((&*fixed["REF_AREA"], fixed.len()), ("KG", 5));
}

#[test]
fn rows_beyond_the_most_are_left_out_and_that_is_told() {
    let ages = ["Y0T4", "Y5T9", "Y10T14"];
    let rows: Vec<Row<'_>> = ages.iter().map(|age| ("F", *age, "2024", Some(1.0), "A")).collect();
    let table = cells(&rows);
    let (pivot, cut) = Pivot::of_cells(&stock(), &table, Layout { most: 2, ..layout(&[]) });
    assert!(cut && pivot.rows == [["Y0T4"], ["Y5T9"]]);
    let (whole, cut) = Pivot::of_cells(&stock(), &table, Layout { most: 3, ..layout(&[]) });
    assert!(!cut && whole.rows.len() == 3);
    let (nothing, cut) = Pivot::of_cells(&stock(), &cells(&[]), layout(&[]));
    assert!(nothing.is_empty() && !cut && nothing.headings().is_empty());
}

#[test]
fn columns_beyond_the_most_are_left_out_too() {
    let years: Vec<String> = (1_800..2_000).map(|year| year.to_string()).collect();
    let rows: Vec<Row<'_>> = years.iter().map(|year| ("F", "_T", &**year, None, "A")).collect();
    let across = [TIME.to_owned()];
    let (pivot, cut) = Pivot::of_cells(&stock(), &cells(&rows), layout(&across));
    assert!(cut && pivot.columns.len() == COLUMNS && pivot.rows.len() == 1);
}

#[test]
fn the_newest_is_that_of_the_codes_that_are_shown() {
    let table = cells(&[
        ("F", "_T", "2024", Some(1.0), "A"),
        ("F", "Y0T4", "2020", Some(2.0), "A"),
        ("F", "Y0T4", "2019", Some(3.0), "A"),
    ]);
    let only = Some(Only { dimension: "AGE", takes: |code| code != "_T" });
    let (pivot, _) =
        Pivot::of_cells(&stock(), &table, Layout { only, newest: true, ..layout(&[]) });
    assert_eq!(pivot.cell(0, 0).value, Value::Given(2.0));
    assert!(pivot.fixed.contains(&(TIME.to_owned(), "2020".to_owned())));
}

proptest! {
    /// However it is turned round, each cell stands once, and headings cover what they head.
    #[test]
    fn every_cell_stands_once(
        rows in prop::collection::btree_map(
            (prop::sample::select(vec!["F", "M", "_T"]), prop::sample::select(vec!["_T", "Y0T4", "Y5T9"]),
             prop::sample::select(vec!["2022", "2023", "2024"])),
            prop::option::of(0..100_u32), 1..20),
        across in prop::sample::subsequence(vec![SEX, "AGE", TIME], 0..=3),
        gap: bool,
    ) {
        let rows: Vec<_> = rows.iter().map(|((sex, age, period), value)| {
            (*sex, *age, *period, value.map(f64::from), if value.is_some() { "A" } else { "Q" })
        }).collect();
        let across: Vec<String> = across.into_iter().map(str::to_owned).collect();
        let (pivot, cut) =
            Pivot::of_cells(&stock(), &cells(&rows), Layout { gap, ..layout(&across) });
        prop_assert!(!cut);
        let places = (0..pivot.rows.len()).flat_map(|row| (0..pivot.columns.len()).map(move |it| (row, it)));
        let shown: BTreeMap<String, Value> = places
            .map(|(row, column)| pivot.cell(row, column))
            .filter(|cell| !cell.key.is_empty())
            .map(|cell| (cell.key, cell.value))
            .collect();
        let expected: BTreeMap<String, Value> = rows.iter().map(|(sex, age, period, value, _)| {
            let key = format!("A.KG.MIG_STOCK.{sex}.{age}._T.PS.{period}");
            (key, value.map_or(Value::Withheld, Value::Given))
        }).collect();
        prop_assert_eq!(shown, expected);
        for line in pivot.headings() {
            prop_assert_eq!(line.iter().map(|heading| heading.span).sum::<usize>(), pivot.columns.len());
        }
        for level in 0..pivot.down.len() {
            let covered: usize = (0..pivot.rows.len())
                .flat_map(|row| pivot.stubs(row).into_iter().map(|it| (it.of, it.span)).collect::<Vec<_>>())
                .filter(|(of, _)| of.is_some_and(|(id, _)| id == pivot.down[level]))
                .map(|(_, span)| span)
                .sum();
            prop_assert_eq!(covered, pivot.rows.len());
        }
    }
}
