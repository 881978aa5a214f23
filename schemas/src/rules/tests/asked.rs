//! What is asked about, and taken: sums that may lack something, and series that leap.

use super::*;

/// Migrants by age: each group and its figure.
fn by_age(groups: &[(&str, u32)]) -> Vec<Code> {
    let line = |(age, value): &(&str, u32)| {
        format!("A.KG.MIG_STOCK._T.{age}._T.PS.2020 = {value} A reason")
    };
    let lines: Vec<String> = groups.iter().map(line).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let mut found = codes("MIG_STOCK", &lines);
    found.retain(|code| *code != Code::SexSplitExplained);
    found
}

#[test]
fn rules_13_and_14_ask_where_all_parts_are_less_than_their_whole() {
    let all = [("_T", 100), ("Y0T14", 20), ("Y15T64", 60), ("Y_GE65", 19)];
    assert_eq!(by_age(&all), [Code::SumParts]);
    assert_eq!(by_age(&[&all[..], &[("_U", 1)]].concat()), [], "of unknown age");
    assert_eq!(by_age(&all[..3]), [], "nobody need give all");
    let finer = [("Y15T19", 10), ("Y20T24", 50), ("Y25T64", 1)];
    assert_eq!(
        by_age(&[&all[..2], &all[3..], &finer[..]].concat()),
        [],
        "10 + 50 + 1 are one more"
    );
    let gap = [("_T", 100), ("Y0T14", 20), ("Y20T24", 60), ("Y_GE65", 19)];
    assert_eq!(by_age(&gap), []);
    let born = |other: &str| {
        codes(
            "MIG_STOCK",
            &[
                "A.KG.MIG_STOCK._T._T._T.PS.2020 = 100 A reason",
                "A.KG.MIG_STOCK._T._T.RU.PS.2020 = 90 A reason",
                &format!("A.KG.MIG_STOCK._T._T.{other}.PS.2020 = 5 A reason"),
            ],
        )
    };
    assert!(born("_O").contains(&Code::SumParts), "others are among them");
    assert!(!born("UZ").contains(&Code::SumParts));
    let withheld = codes(
        "MIG_STOCK",
        &[
            "A.KG.MIG_STOCK._T._T._T.PS.2020 = 100 A reason",
            "A.KG.MIG_STOCK._T._T.RU.PS.2020 = - Q",
            "A.KG.MIG_STOCK._T._T._O.PS.2020 = 5 A reason",
        ],
    );
    assert!(!withheld.contains(&Code::SumParts), "a part has no figure");
}

#[test]
fn rule_17_asks_about_a_figure_that_is_many_times_what_it_was() {
    let step = |figures: [u32; 3]| {
        let line = |(year, figure): (u32, u32)| {
            format!("A.KG.MIG_STOCK._T.Y0T4._T.PS.{year} = {figure} A reason")
        };
        let lines: Vec<String> = (2020..).zip(figures).map(line).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let found = found("MIG_STOCK", &lines);
        let large = found.into_iter().filter(|(code, ..)| *code == Code::ChangeLarge);
        large.map(|(_, row, _)| row).collect::<Vec<_>>()
    };
    assert_eq!(step([17_350, 1_736, 17_352]), [2, 3]);
    assert!(step([17_350, 4_000, 17_352]).is_empty());
    assert!(step([2, 400, 2]).is_empty(), "small figures leap");
}

#[test]
fn rule_18_asks_about_women_and_men_who_changed_places() {
    let lines = |women: u32, men: u32| {
        let sum = women + men;
        [
            "A.KG.MIG_STOCK._T._T._T.PS.2020 = 2000 A".to_owned(),
            "A.KG.MIG_STOCK.F._T._T.PS.2020 = 1300 A".to_owned(),
            "A.KG.MIG_STOCK.M._T._T.PS.2020 = 700 A".to_owned(),
            format!("A.KG.MIG_STOCK._T._T._T.PS.2021 = {sum} A"),
            format!("A.KG.MIG_STOCK.F._T._T.PS.2021 = {women} A"),
            format!("A.KG.MIG_STOCK.M._T._T.PS.2021 = {men} A"),
        ]
    };
    let codes = |lines: [String; 6]| {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        codes("MIG_STOCK", &lines)
    };
    assert_eq!(codes(lines(710, 1_290)), [Code::SexSwapped]);
    assert_eq!(codes(lines(1_310, 690)), []);
    assert_eq!(codes(lines(1_000, 1_000)), []);
}
