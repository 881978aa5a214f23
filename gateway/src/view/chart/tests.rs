//! Charts of any table are sound, and show what it holds.

use birge_schemas::table::RawColumnBuilder;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use quick_xml::{Reader, events::Event};

use super::*;
use crate::{
    i18n::Language,
    view::pivot::tests::{Row, cells, layout, stock},
    view::pivot::{Layout, TIME},
};

fn plot(kind: Kind, rows: &[Row<'_>], say: &Say) -> Plot {
    let along = kind.along().unwrap_or("AGE");
    let across: Vec<String> =
        [TIME, "AGE", SEX].into_iter().filter(|id| *id != along).map(str::to_owned).collect();
    let layout = Layout { gap: false, newest: kind.of_one_period(), ..layout(&across) };
    let (pivot, _) = Pivot::of_cells(&stock(), &cells(rows), layout);
    Plot::of(kind, &pivot, &stock(), "Stock <of> \"migrants\" & more".to_owned(), say)
}

/// The texts of a drawing; it must be sound XML, and take nothing from elsewhere.
fn texts(drawing: &str) -> Vec<String> {
    let mut reader = Reader::from_str(drawing);
    reader.config_mut().check_end_names = true;
    let mut texts = vec![];
    loop {
        match reader.read_event().unwrap() {
            Event::Text(text) => texts.push(text.decode().unwrap().trim().to_owned()),
            Event::Start(element) | Event::Empty(element) => {
                let name = element.name();
                let known: [&[u8]; 10] = [
                    b"svg",
                    b"g",
                    b"title",
                    b"desc",
                    b"rect",
                    b"text",
                    b"line",
                    b"circle",
                    b"polyline",
                    b"path",
                ];
                assert!(known.contains(&name.as_ref()), "{name:?}");
                for attribute in element.attributes() {
                    let attribute = attribute.unwrap();
                    let key = attribute.key.as_ref();
                    assert!(!key.starts_with(b"on") && key != b"style" && key != b"href");
                }
            }
            Event::Eof => return texts,
            _ => {}
        }
    }
}

#[test]
fn women_and_men_are_told_apart_and_what_is_withheld_is_marked() {
    let say = Say::new(Language::En, TimeZone::UTC);
    let rows = [
        ("F", "Y0T4", "2024", Some(120.0), "A"),
        ("M", "Y0T4", "2024", Some(80.0), "A"),
        ("F", "Y5T9", "2024", None, "Q"),
        ("M", "Y5T9", "2024", Some(7.0), "A"),
        ("F", "Y0T14", "2024", Some(999.0), "A"),
        ("_T", "Y0T4", "2024", Some(200.0), "A"),
    ];
    let pyramid = plot(Kind::Pyramid, &rows, &say);
    let ages: Vec<_> = pyramid.categories.iter().map(|it| it.code.as_str()).collect();
    assert_eq!(ages, ["Y0T4", "Y5T9"], "ages that hold others are left out");
    let sexes: Vec<_> = pyramid.series.iter().map(|it| it.sex.as_str()).collect();
    assert_eq!(sexes, ["M", "F"]);
    let drawing = draw(Kind::Pyramid, &pyramid, &say);
    assert!(texts(&drawing).iter().any(|text| text == "c"), "{drawing}");
    assert!(drawing.contains("5–9 years, Female: c"), "{drawing}");
    let told = pyramid.description(Kind::Pyramid, &say);
    assert!(told.contains("Female: largest 120 (0–4 years), smallest 120"), "{told}");

    let dots = plot(Kind::Dots, &rows, &say);
    let widest: Vec<_> = dots.categories.iter().map(|it| it.code.as_str()).collect();
    assert_eq!(widest[0], "Y0T4", "the widest gap first: {widest:?}");
    assert!(texts(&draw(Kind::Dots, &dots, &say)).contains(&"+40".to_owned()));

    let stacked = plot(Kind::Stacked, &rows, &say);
    assert!(stacked.series.iter().all(|it| it.sex != "_T"), "nobody is counted twice");
    let drawing = draw(Kind::Stacked, &stacked, &say);
    assert!(texts(&drawing).contains(&"+ c".to_owned()), "{drawing}");
}

#[test]
fn totals_stand_in_stacked_bars_where_nothing_is_known_of_women_and_men() {
    let say = Say::new(Language::En, TimeZone::UTC);
    let rows = [
        ("_T", "Y0T4", "2024", Some(9.0), "A"),
        ("_T", "Y5T9", "2024", Some(15.0), "A"),
        ("F", "Y5T9", "2024", Some(7.0), "A"),
        ("M", "Y5T9", "2024", None, "Q"),
    ];
    let stacked = plot(Kind::Stacked, &rows, &say);
    let alone = stacked.series.iter().find(|it| it.name == "sex not given").unwrap();
    let ages: Vec<_> = stacked.categories.iter().map(|it| it.code.as_str()).collect();
    let shown: Vec<_> = ages.into_iter().zip(&alone.values).collect();
    assert_eq!(shown, [("Y0T4", &Value::Given(9.0)), ("Y5T9", &Value::Absent)]);
    // Where no sex is known at all, totals are what they are.
    let totals = plot(Kind::Stacked, &rows[..2], &say);
    assert!(totals.series.len() == 1 && totals.series[0].name != "sex not given");
}

#[test]
fn what_has_different_multipliers_is_neither_subtracted_nor_drawn() {
    let say = Say::new(Language::En, TimeZone::UTC);
    let rows = [("F", "_T", "2024", Some(1.0), "A"), ("M", "_T", "2024", Some(1_000.0), "A")];
    let mut table = cells(&rows);
    let mut multiplier = RawColumnBuilder::new("UNIT_MULT");
    ["3", "0"].iter().for_each(|text| multiplier.push(text));
    table.columns.push(multiplier.finish());
    let across = [SEX.to_owned()];
    let (pivot, _) = Pivot::of_cells(&stock(), &table, layout(&across));
    assert!(pivot.mixed && pivot.columns.len() == 2, "no gap");
    let title = String::from("Stock");
    assert!(Plot::of(Kind::Grouped, &pivot, &stock(), title, &say).is_empty());
}

#[test]
fn years_that_were_left_out_leave_a_gap() {
    let say = Say::new(Language::En, TimeZone::UTC);
    let rows = ["2000", "2010", "2011"].map(|year| ("F", "_T", year, Some(1.0), "A"));
    let drawing = draw(Kind::Lines, &plot(Kind::Lines, &rows, &say), &say);
    let points = drawing.split("points=\"").nth(1).unwrap().split('"').next().unwrap();
    let places = points.split(' ').map(|point| point.split(',').next().unwrap().parse().unwrap());
    let places: Vec<f64> = places.collect();
    let (decade, year) = (places[1] - places[0], places[2] - places[1]);
    assert!((decade / year - 10.0).abs() < 0.1, "{places:?}");
}

proptest! {
    #[test]
    fn every_chart_of_any_table_is_sound(
        rows in prop::collection::btree_map(
            (prop::sample::select(vec!["F", "M", "_T", "_U"]),
             prop::sample::select(vec!["_T", "Y0T4", "Y0T14", "Y5T9", "Y_GE65", "_U"]),
             prop::sample::select(vec!["1990", "2023", "2024"])),
            prop::option::of(prop_oneof![Just(0.0), -1e9..1e12_f64, 0.0..10.0_f64]), 0..40),
        kind in prop::sample::select(Kind::ALL.to_vec()),
        language in prop::sample::select(Language::ALL.to_vec()),
    ) {
        let rows: Vec<_> = rows.iter().map(|((sex, age, period), value)| {
            (*sex, *age, *period, *value, if value.is_some() { "A" } else { "Q" })
        }).collect();
        let say = Say::new(language, TimeZone::UTC);
        let drawing = draw(kind, &plot(kind, &rows, &say), &say);
        prop_assert!(!texts(&drawing).is_empty());
        prop_assert!(!drawing.contains("NaN") && !drawing.contains("inf"), "{}", drawing);
        prop_assert!(drawing.len() < 60_000, "{} bytes", drawing.len());
    }
}
