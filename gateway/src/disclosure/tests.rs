//! The rule on real figures and on each of the traps it was made for.

mod releases;
mod rounded;

use std::collections::BTreeMap;

use birge_schemas::{
    attack::{self, Axis, Effort, Figure, Rule},
    detail::{Breakdown, Detail},
};
use roaring::RoaringBitmap;

use super::{Cells, Column, Earlier, Pattern, ShapeError, Span, protect};
use crate::decree::{Dear, Disclosure};

const TRAFFICKING: Disclosure = Disclosure::new(10, true);
const PLAIN: Disclosure = Disclosure::new(5, false);
const DIMENSIONS: [Breakdown; 4] =
    [Breakdown::Sex, Breakdown::Age, Breakdown::Region, Breakdown::Indicator];

/// Rows as codes along [`DIMENSIONS`], 0 for the total, and their count.
struct Table {
    codes: Vec<Vec<u16>>,
    details: Vec<Detail>,
    counts: Vec<Option<f64>>,
}

impl Table {
    fn new(rows: &[([u16; 4], u32)]) -> Self {
        let detail = |codes: &[u16; 4]| {
            DIMENSIONS
                .into_iter()
                .zip(codes)
                .filter(|(_, code)| **code != 0)
                .map(|(b, _)| b)
                .collect()
        };
        Self {
            codes: (0..4).map(|each| rows.iter().map(|(codes, _)| codes[each]).collect()).collect(),
            details: rows.iter().map(|(codes, _)| detail(codes)).collect(),
            counts: rows.iter().map(|(_, count)| Some(f64::from(*count))).collect(),
        }
    }

    fn cells(&self) -> Cells<'_> {
        self.rounded_to(0.0)
    }

    fn rounded_to(&self, base: f64) -> Cells<'_> {
        let columns: Vec<_> = DIMENSIONS
            .into_iter()
            .zip(&self.codes)
            .map(|(breakdown, codes)| Column { breakdown: Some(breakdown), codes, spans: None })
            .collect();
        Cells::new(&self.details, &columns, &self.counts, base).unwrap()
    }

    fn protect(&self, rule: Disclosure) -> Pattern {
        protect(&self.cells(), rule, &[])
    }

    /// Counts that are given out.
    fn given(&self, rule: Disclosure) -> Vec<f64> {
        let withheld = self.protect(rule).withheld;
        let rows = (0..).zip(&self.counts).filter(|(row, _)| !withheld.contains(*row));
        rows.filter_map(|(_, count)| *count).collect()
    }
}

const T: [u16; 4] = [0; 4];
const fn sex(code: u16) -> [u16; 4] {
    [code, 0, 0, 0]
}
const fn age(code: u16) -> [u16; 4] {
    [0, code, 0, 0]
}
const fn region(code: u16) -> [u16; 4] {
    [0, 0, code, 0]
}
const fn form(code: u16) -> [u16; 4] {
    [0, 0, 0, code]
}

#[test]
fn victims_of_2023_by_sex_do_not_follow_from_the_total() {
    let table = Table::new(&[
        (T, 17),
        (sex(1), 4),
        (sex(2), 13),
        (age(1), 5),
        (age(2), 12),
        (region(1), 15),
        (region(2), 2),
        (form(1), 13),
    ]);
    assert_eq!(table.given(TRAFFICKING), [17.0]);
    let without_women = Table::new(&[(T, 17), (sex(2), 13), (age(1), 5), (age(2), 12)]);
    assert_eq!(without_women.given(TRAFFICKING), [17.0], "the rest by sex would be 4");
}

#[test]
fn victims_of_2018_are_all_withheld() {
    let rows = [(T, 7), (sex(1), 3), (sex(2), 1), (sex(3), 3), (age(1), 7), (region(1), 6)];
    assert_eq!(Table::new(&rows).given(TRAFFICKING), [0.0; 0]);
    let all_under_18 = Table::new(&[(T, 70), (age(1), 70), (sex(1), 35), (sex(2), 35)]);
    assert_eq!(all_under_18.given(TRAFFICKING), [70.0], "nobody over 18 would show");
}

#[test]
fn totals_stay_where_each_region_may_be_large_or_none() {
    let regions = [1, 3, 2, 5, 1, 6, 1].into_iter().zip(1..).map(|(n, code)| (region(code), n));
    let rows: Vec<_> = [(T, 19)].into_iter().chain(regions).collect();
    assert_eq!(Table::new(&rows).given(TRAFFICKING), [19.0]);
    let regions = [5, 2, 1, 2, 1].into_iter().zip(1..).map(|(n, code)| (region(code), n));
    let rows: Vec<_> = [(T, 11)].into_iter().chain(regions).collect();
    assert_eq!(Table::new(&rows).given(TRAFFICKING), [11.0]);
    let where_zeros_show = Disclosure { zeros_withheld: false, ..TRAFFICKING };
    assert_eq!(Table::new(&rows).given(where_zeros_show), [0.0; 0], "four count at least 1");
}

#[test]
fn what_the_decree_calls_dear_is_withheld_last() {
    let table = Table::new(&[(T, 50), (sex(1), 3), (sex(2), 47)]);
    assert_eq!(table.given(PLAIN), [50.0]);
    let women_and_men_first = Dear { total: 1, by_sex: 1000 };
    assert_eq!(table.given(Disclosure { dear: women_and_men_first, ..PLAIN }), [47.0]);
}

#[test]
fn of_the_series_on_trafficking_only_safe_totals_are_given_out() {
    let series = include_str!("../../../deploy/demo/data/mia/TRAFFICKING.csv");
    let mut years: BTreeMap<&str, Vec<([u16; 4], u32)>> = BTreeMap::new();
    let mut places: [Vec<&str>; 4] = [const { vec![] }; 4];
    for line in series.lines().skip(1) {
        let fields: Vec<_> = line.split(',').collect();
        let [area, indicator, sex, age] = fields[4..8] else { panic!("{line}") };
        let named = [sex, age, area, indicator];
        let codes: Vec<u16> = named
            .into_iter()
            .zip(&mut places)
            .map(|(code, seen)| {
                if ["_T", "KG", "VC_HTF_DETV"].contains(&code) {
                    return 0;
                }
                if !seen.contains(&code) {
                    seen.push(code);
                }
                1 + seen.iter().position(|each| *each == code).unwrap() as u16
            })
            .collect();
        let row = (codes.try_into().unwrap(), fields[11].parse().unwrap());
        years.entry(fields[10]).or_default().push(row);
    }
    let given = years.into_iter().map(|(year, rows)| (year, Table::new(&rows).given(TRAFFICKING)));
    let given: Vec<_> = given.filter(|(_, counts)| !counts.is_empty()).collect();
    assert_eq!(
        given,
        [("2010", vec![21.0]), ("2014", vec![19.0]), ("2016", vec![10.0]), ("2023", vec![17.0])]
    );
}

#[test]
fn nothing_small_nothing_withheld() {
    let table = Table::new(&[(T, 20), (sex(1), 10), (sex(2), 10), (age(1), 0), (age(2), 20)]);
    let pattern = table.protect(PLAIN);
    assert!(pattern.withheld.is_empty());
    assert_eq!((pattern.cells, pattern.small), (5, 0));
    assert_eq!(table.given(Disclosure::new(0, false)).len(), 5);
}

#[test]
fn sums_of_money_have_no_small_counts() {
    let money = Disclosure::new(0, false);
    assert_eq!(Table::new(&[(T, 3), (region(1), 1), (region(2), 2)]).given(money), [3.0, 1.0, 2.0]);
}

#[test]
fn a_class_goes_as_a_whole_and_leaves_the_others() {
    let rows = [(T, 50), (sex(1), 25), (sex(2), 25), (age(1), 3), (age(2), 47)];
    assert_eq!(Table::new(&rows).given(PLAIN), [50.0, 25.0, 25.0]);
}

#[test]
fn where_dimensions_are_linked_the_cross_goes_and_what_it_adds_up_to_stays() {
    let rows = [
        (T, 50),
        (sex(1), 25),
        (sex(2), 25),
        (age(1), 20),
        (age(2), 30),
        ([1, 1, 0, 0], 2),
        ([2, 1, 0, 0], 18),
        ([1, 2, 0, 0], 23),
        ([2, 2, 0, 0], 7),
    ];
    assert_eq!(Table::new(&rows).given(PLAIN), [50.0, 25.0, 25.0, 20.0, 30.0]);
    assert_eq!(Table::new(&rows).protect(PLAIN).small, 1);
}

#[test]
fn a_single_cell_beside_the_total_takes_the_total_along() {
    assert_eq!(Table::new(&[(T, 50), (sex(1), 3)]).given(PLAIN), [0.0; 0]);
}

#[test]
fn without_a_total_all_goes() {
    let rows = [(age(1), 20), (age(2), 30), (region(1), 3), (region(2), 47)];
    assert_eq!(Table::new(&rows).given(PLAIN), [0.0; 0]);
}

#[test]
fn sexes_without_a_total_are_strata_of_their_own() {
    let rows = [(sex(1), 50), ([1, 1, 0, 0], 2), ([1, 2, 0, 0], 48), (sex(2), 3)];
    assert_eq!(Table::new(&rows).given(PLAIN), [50.0]);
}

/// Of how many small cells too much can be told of what is given out.
fn told(table: &Table, rule: Disclosure) -> usize {
    let withheld = table.protect(rule).withheld;
    let axes = table.codes.iter().map(|codes| {
        let codes = 1..=u32::from(codes.iter().copied().max().unwrap_or_default());
        Axis::new(&codes.map(|code| Span { from: code, to: code + 1 }).collect::<Vec<_>>())
    });
    let cells = table.counts.iter().enumerate().map(|(row, count)| attack::Cell {
        codes: table.codes.iter().map(|codes| codes[row]).collect(),
        figure: match (withheld.contains(row as u32), count.unwrap() as u64) {
            (true, count) => Figure::Withheld(Some(count)),
            (false, count) => Figure::Given(count),
        },
    });
    let (axes, cells) = (axes.collect::<Vec<_>>(), [cells.collect()]);
    let Disclosure { threshold, zeros_withheld, .. } = rule;
    let rule = Rule { threshold, zeros_withheld };
    let found = attack::attack(&axes, &cells, rule, 0.0, &[], Effort::THOROUGH);
    assert_eq!(found.contradictory + found.unattacked, 0);
    found.leaks.len()
}

#[test]
fn totals_that_are_not_divided_beside_others_stay_as_they_are() {
    let rule = Disclosure::new(3, false);
    let of = |sex: u16, age: u16, region: u16| [sex, age, region, 0];
    // Of the first age it is not said how many are women.
    let ages = [(T, 101), (age(1), 49), (age(2), 2), (age(3), 50)];
    let women = [(sex(1), 69), (of(1, 2, 0), 0), (of(1, 3, 0), 20)];
    assert_eq!(told(&Table::new(&[&ages[..], &women].concat()), rule), 0);
    // One row that is divided along all three makes the circle of the others no tree.
    let margins = [(T, 49), (sex(1), 3), (age(1), 19), (age(2), 22), (age(3), 8)];
    let by_age = [(of(1, 1, 0), 0), (of(1, 2, 0), 3)];
    let one =
        [(region(1), 12), (of(1, 0, 1), 3), (of(0, 1, 1), 1), (of(0, 2, 1), 3), (of(0, 3, 1), 8)];
    let two = [(region(2), 37), (of(1, 0, 2), 0), (of(0, 1, 2), 18), (of(0, 2, 2), 19)];
    let rows = [&margins[..], &by_age, &one, &two, &[(of(1, 1, 2), 0)]].concat();
    assert_eq!(told(&Table::new(&rows), rule), 0);
}

/// By age alone, each group with its years; the total first.
fn by_age(groups: &[(u32, u32, u32)]) -> Pattern {
    let codes: Vec<u16> = (0..).take(groups.len()).collect();
    let spans: Vec<_> = groups.iter().map(|(from, to, _)| Span { from: *from, to: *to }).collect();
    let counts: Vec<_> = groups.iter().map(|(.., count)| Some(f64::from(*count))).collect();
    let age = Detail::TOTAL.with(Breakdown::Age);
    let details: Vec<_> =
        codes.iter().map(|code| if *code == 0 { Detail::TOTAL } else { age }).collect();
    let column = Column { breakdown: Some(Breakdown::Age), codes: &codes, spans: Some(&spans) };
    protect(&Cells::new(&details, &[column], &counts, 0.0).unwrap(), PLAIN, &[])
}

#[test]
fn what_nested_groups_leave_of_their_own_total_is_not_told() {
    let nested = [(0, 99, 100), (0, 18, 20), (18, 99, 80), (0, 5, 9), (5, 10, 9)];
    assert!(!by_age(&nested).withheld.is_empty(), "two are from 10 to 17");
    let crossing = [&nested[..], &[(60, 120, 40)]].concat();
    assert!(!by_age(&crossing).withheld.is_empty());
    let large = [(0, 99, 100), (0, 18, 30), (18, 99, 70), (0, 5, 9), (5, 10, 9)];
    assert!(by_age(&large).withheld.is_empty());
}

#[test]
fn what_is_missing_along_two_axes_is_no_part_of_a_proof() {
    let rows = [
        (T, 64),
        (region(1), 17),
        (region(2), 41),
        (age(1), 17),
        (age(2), 41),
        ([0, 1, 1, 0], 2),
        ([0, 2, 1, 0], 15),
        ([0, 1, 2, 0], 15),
        ([0, 2, 2, 0], 20),
    ];
    assert!(Table::new(&rows).protect(PLAIN).withheld.len() >= 4, "the cross goes as a whole");
}

#[test]
fn what_was_given_out_and_is_gone_is_known() {
    let first = Table::new(&[(T, 60), (sex(1), 30), (sex(2), 30)]);
    let second = Table::new(&[(T, 33), (sex(2), 3), (age(1), 3), (age(2), 30)]);
    let cells = first.cells();
    let withheld = first.protect(PLAIN).withheld;
    let earlier = Earlier { cells: &cells, withheld: &withheld, now: &[Some(0), None, Some(1)] };
    assert!(protect(&second.cells(), PLAIN, &[earlier]).withheld.contains(0));
}

#[test]
fn who_stands_alone_takes_others_along() {
    let rows = [(T, 100), (age(1), 3), (age(2), 50), (region(1), 2), (region(2), 60)];
    let withheld = Table::new(&rows).protect(PLAIN).withheld;
    assert!(withheld.contains(2) && withheld.contains(4), "{withheld:?}");
}

#[test]
fn what_its_sender_calls_confidential_goes_with_its_class() {
    let rows = [(T, 900), (region(1), 500), (region(2), 400), (sex(1), 450), (sex(2), 450)];
    let table = Table::new(&rows);
    let cells = || table.cells();
    let withheld = |row: u32, earlier: &[Earlier<'_>]| {
        let confidential = RoaringBitmap::from([row]);
        let cells = cells().with_confidential(&confidential);
        protect(&cells, PLAIN, earlier).withheld.iter().collect::<Vec<_>>()
    };
    assert_eq!(withheld(1, &[]), [1, 2]);
    assert_eq!(withheld(0, &[]), [0, 1, 2, 3, 4], "of a total that is confidential nothing stays");
    let (before, none) = (cells(), RoaringBitmap::new());
    let now: Vec<_> = (0..5).map(Some).collect();
    let earlier = Earlier { cells: &before, withheld: &none, now: &now };
    assert_eq!(withheld(1, &[earlier]), [0, 1, 2, 3, 4], "it was given out before");
    let dominant = Table::new(&[(T, 900), (region(1), 850), (region(2), 50)]);
    let confidential = RoaringBitmap::from([1]);
    let cells = dominant.cells().with_confidential(&confidential);
    assert_eq!(protect(&cells, PLAIN, &[]).withheld.len(), 3, "the total nearly tells it");
}

#[test]
fn what_was_confidential_and_is_gone_is_not_what_the_others_leave() {
    let first = Table::new(&[(T, 900), (region(1), 700), (region(2), 150), (region(3), 50)]);
    let second = Table::new(&[(T, 900), (region(1), 690), (region(3), 60)]);
    let confidential = RoaringBitmap::from([2]);
    let before = first.cells().with_confidential(&confidential);
    let withheld = protect(&before, PLAIN, &[]).withheld;
    assert_eq!(withheld.iter().collect::<Vec<_>>(), [1, 2, 3]);
    let now = [Some(0), Some(1), None, Some(2)];
    let earlier = Earlier { cells: &before, withheld: &withheld, now: &now };
    assert_eq!(protect(&second.cells(), PLAIN, &[earlier]).withheld.len(), 3);
}

#[test]
fn what_parts_along_two_axes_leave_of_a_total_is_not_told() {
    let cross = |counts: [u32; 3]| {
        let places = [[1, 1, 0, 0], [1, 2, 0, 0], [2, 1, 0, 0]];
        let rows: Vec<_> = [(T, 50)].into_iter().chain(places.into_iter().zip(counts)).collect();
        Table::new(&rows).given(PLAIN)
    };
    assert_eq!(cross([20, 12, 15]), [50.0], "three are left");
    assert_eq!(cross([20, 12, 10]), [50.0, 20.0, 12.0, 10.0]);
}

#[test]
fn columns_that_do_not_fit_are_refused() {
    let details = [Detail::TOTAL];
    let column = |codes| Column { breakdown: None, codes, spans: None };
    let wide = [column(&[u16::MAX][..]); 9];
    let refused = |columns: &[Column<'_>], counts| Cells::new(&details, columns, counts, 0.0).err();
    assert_eq!(refused(&wide, &[None]), Some(ShapeError::Width));
    assert_eq!(refused(&wide[..8], &[None]), None);
    assert_eq!(refused(&[], &[]), Some(ShapeError::Length(1, 0)));
}
