//! The cells that are given, against a walk through what was handed in.

use std::sync::Arc;

use birge_proto::{
    clock::Timestamp,
    manifest::Action,
    wire::{self, AskRequest},
};
use birge_schemas::{
    detail::Detail,
    slice::{Slice, split},
    structure::{Structure, Structures},
    table::{RawColumnBuilder, RawTable},
    validate,
};
use proptest::prelude::*;

use super::{cells::Cells, protected::ProtectedTable, selection::Selection, shown::Given};
use crate::catalog::Version;

const DATASET: &str = "REMITTANCES";
const AREAS: [&str; 6] = ["DE", "KZ", "RU", "TR", "US", "UZ"];
const INDICATORS: [&str; 2] = ["REMIT_IN", "REMIT_OUT"];

/// A year: which areas and indicators it has, which of these are withheld, whether anything is
/// said of them, and whether it is public.
#[derive(Debug, Clone)]
struct Year {
    has: Vec<bool>,
    withheld: Vec<bool>,
    comments: bool,
    public: bool,
    /// Its figures are higher by so much than those of another version.
    revised: bool,
}

/// Years that often have the same keys.
fn years() -> impl Strategy<Value = Vec<Year>> {
    let bits = || prop::collection::vec(any::<bool>(), AREAS.len() * INDICATORS.len());
    let year = (prop::option::weighted(0.4, bits()), bits(), any::<[bool; 4]>());
    (bits(), prop::collection::vec(year, 1..6)).prop_map(|(usual, years)| {
        let year = |(own, small, [comments, public, protects, revised]): (
            Option<Vec<bool>>,
            Vec<bool>,
            [bool; 4],
        )| Year {
            has: own.unwrap_or_else(|| usual.clone()),
            withheld: small.into_iter().map(|own| own && protects).collect(),
            comments,
            public,
            revised,
        };
        years.into_iter().map(year).collect()
    })
}

/// What one year hands in, by place: key, value, status, comment.
fn line(year: usize, place: usize, own: &Year) -> [String; 8] {
    let (indicator, area) = (INDICATORS[place / AREAS.len()], AREAS[place % AREAS.len()]);
    let comment = if own.comments { format!("of {area}") } else { String::new() };
    let (value, status) = (
        (100 * year + place + 50 * usize::from(own.revised)).to_string(),
        if place == 3 { "P" } else { "A" },
    );
    let period = (2001 + year).to_string();
    ["A", "KG", indicator, area, &period, &value, status, &comment].map(str::to_owned)
}

fn slice(structure: &Arc<Structure>, year: usize, own: &Year) -> Slice {
    let ids = ["FREQ", "REF_AREA", "INDICATOR", "COUNTERPART_AREA", "TIME_PERIOD"];
    let mut columns: Vec<_> = ids
        .into_iter()
        .chain(["OBS_STATUS", "COMMENT_OBS", "UNIT_MEASURE"])
        .map(RawColumnBuilder::new)
        .collect();
    let mut table = RawTable::default();
    for (place, _) in own.has.iter().enumerate().filter(|(_, has)| **has) {
        let [freq, area, indicator, other, period, value, status, comment] = line(year, place, own);
        let texts = [freq, area, indicator, other, period, status, comment, "USD".to_owned()];
        columns.iter_mut().zip(&texts).for_each(|(column, text)| column.push(text));
        table.push_value(value.parse().ok());
    }
    table.columns = columns.into_iter().map(RawColumnBuilder::finish).collect();
    let period = (2001 + year).to_string();
    let table = validate::accepted(structure, Action::Append, &table)
        .unwrap_or_else(|report| panic!("{report}"));
    split(&table).remove(&period).unwrap_or_else(|| Slice::empty(structure, period))
}

/// The rows of what is given: indicator, area, period, value, status, confidentiality, comment.
fn rows(table: &ProtectedTable) -> Vec<[String; 7]> {
    let table = table.table();
    let text = |id: &str, row| table.column(id).unwrap().at(row).to_owned();
    let value = |row| table.value(row).map(|value| value.to_string()).unwrap_or_default();
    let row = |row| {
        let [indicator, area, period] =
            ["INDICATOR", "COUNTERPART_AREA", "TIME_PERIOD"].map(|id| text(id, row));
        let [status, confidential, comment] =
            ["OBS_STATUS", "CONF_STATUS", "COMMENT_OBS"].map(|id| text(id, row));
        [indicator, area, period, value(row), status, confidential, comment]
    };
    (0..table.rows).map(row).collect()
}

/// Who asks for what: areas, indicators, small counts, public figures alone.
type Asked<'a> = (&'a [&'static str], &'a [&'static str], bool, bool);

/// What is to be given of these years.
fn expected(years: &[Year], (areas, indicators, raw, only_public): Asked<'_>) -> Vec<[String; 7]> {
    let mut expected = vec![];
    for (place, year) in (0..AREAS.len() * INDICATORS.len())
        .flat_map(|place| (0..years.len()).map(move |year| (place, year)))
    {
        let own = &years[year];
        let [_, _, indicator, area, period, value, status, comment] = line(year, place, own);
        let wanted =
            |wanted: &[&str], own: &String| wanted.is_empty() || wanted.contains(&own.as_str());
        if !own.has[place]
            || !wanted(areas, &area)
            || !wanted(indicators, &indicator)
            || (only_public && !own.public)
        {
            continue;
        }
        let withheld = |place: usize| own.has[place] && own.withheld[place];
        let (none, any) = (String::new(), (0..own.has.len()).any(withheld));
        let [value, status, confidential, comment] = match (raw, withheld(place)) {
            (false, true) => [none.clone(), "Q".to_owned(), "C".to_owned(), none],
            (false, false) if any => [value, status, none.clone(), none],
            _ => [value, status, none, comment],
        };
        expected.push([indicator, area, period, value, status, confidential, comment]);
    }
    expected
}

/// The versions of these years, holding their keys once or not.
fn versions(structure: &Arc<Structure>, years: &[Year], shared: bool) -> Vec<(String, Version)> {
    let mut versions: Vec<(String, Version)> = vec![];
    for (year, own) in years.iter().enumerate() {
        let mut slice = slice(structure, year, own);
        if let (true, Some((_, before))) = (shared, versions.last()) {
            slice.share(&before.slice);
        }
        let has = (0..own.has.len()).filter(|place| own.has[*place]);
        let withheld = (0..).zip(has).filter(|(_, place)| own.withheld[*place]);
        let withheld = withheld.map(|(row, _)| row).collect();
        let public = own.public.then(Timestamp::default);
        versions.push(((2001 + year).to_string(), Version::with(slice, withheld, public)));
    }
    versions
}

fn cells<'a>(
    versions: &'a [(String, Version)],
    selection: &Selection,
    most: usize,
    permitted: impl Fn(bool, Detail) -> Option<Given>,
) -> Option<Cells<'a>> {
    let seen = versions.iter().map(|(period, version)| (period.as_str(), version));
    Cells::of(seen, selection, most, permitted)
}

proptest! {
    #[test]
    fn what_is_given_is_what_was_handed_in_but_for_what_is_withheld(
        (years, earlier) in (years(), years()),
        areas in prop::sample::subsequence(AREAS.to_vec(), 0..=AREAS.len()),
        indicators in prop::sample::subsequence(INDICATORS.to_vec(), 0..=1),
        (raw, only_public) in any::<(bool, bool)>(),
    ) {
        let structures = Structures::bundled().unwrap();
        let structure = structures.get(DATASET).unwrap();
        let selected = |dimension: &str, codes: &[&str]| wire::Selection {
            dimension: dimension.to_owned(),
            codes: codes.iter().map(|code| (*code).to_owned()).collect(),
            ..wire::Selection::default()
        };
        let selections =
            vec![selected("COUNTERPART_AREA", &areas), selected("INDICATOR", &indicators)];
        let request = AskRequest { selections, ..AskRequest::default() };
        let selection = Selection::parse(structure, &request).unwrap();
        let permitted = |released, _: Detail| {
            (released || !only_public).then_some(Given { raw, early: !released })
        };
        let asked = (areas.as_slice(), indicators.as_slice(), raw, only_public);
        let now = expected(&years, asked);
        let then = expected(&earlier, asked);
        let is_in = |rows: &[[String; 7]], row: &[String; 7]| rows.contains(row);
        let has_key = |rows: &[[String; 7]], row: &[String; 7]| {
            rows.iter().any(|other| other[..3] == row[..3])
        };
        let changed: Vec<_> = now.iter().filter(|row| !is_in(&then, row)).cloned().collect();
        let gone: Vec<_> = then.iter().filter(|row| !has_key(&now, row)).cloned().collect();

        for shared in [false, true] {
            let [years, earlier] =
                [&years, &earlier].map(|years| versions(structure, years, shared));
            let cells = |versions, most| cells(versions, &selection, most, permitted);
            let table = |cells: &Cells<'_>| ProtectedTable::of(structure, cells, selection.cut());
            let given = table(&cells(&years, usize::MAX).unwrap());
            prop_assert_eq!(rows(&given), now.clone(), "shared: {}", shared);
            let withheld = now.iter().filter(|row| row[5] == "C").count() as u64;
            let answered = now.len() as u64 - withheld;
            prop_assert_eq!((given.withheld, given.answered), (withheld, answered));
            if !only_public && !now.is_empty() {
                prop_assert!(cells(&years, now.len() - 1).is_none());
                prop_assert!(cells(&years, now.len()).is_some());
            }
            let then = cells(&earlier, usize::MAX).unwrap();
            let (differ, lacks) = cells(&years, usize::MAX).unwrap().since(then);
            prop_assert_eq!(rows(&table(&differ)), changed.clone());
            prop_assert_eq!(rows(&table(&lacks)), gone.clone());
        }
    }
}
