//! The cells that are given, against a walk through what was handed in.

use std::sync::Arc;

use birge_proto::{
    clock::Timestamp,
    manifest::Action,
    wire::{self, AskRequest},
};
use birge_schemas::{
    slice::{Slice, split},
    structure::{Structure, Structures},
    table::{RawColumnBuilder, RawTable},
    validate,
};
use proptest::prelude::*;

use super::{
    cells::{Cells, Given},
    protected::ProtectedTable,
    selection::Selection,
};
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
}

/// Years that often have the same keys.
fn years() -> impl Strategy<Value = Vec<Year>> {
    let bits = || prop::collection::vec(any::<bool>(), AREAS.len() * INDICATORS.len());
    let year = (prop::option::weighted(0.4, bits()), bits(), any::<[bool; 3]>());
    (bits(), prop::collection::vec(year, 1..6)).prop_map(|(usual, years)| {
        let year = |(own, small, [comments, public, protects]): (
            Option<Vec<bool>>,
            Vec<bool>,
            [bool; 3],
        )| Year {
            has: own.unwrap_or_else(|| usual.clone()),
            withheld: small.into_iter().map(|own| own && protects).collect(),
            comments,
            public,
        };
        years.into_iter().map(year).collect()
    })
}

/// What one year hands in, by place: key, value, status, comment.
fn line(year: usize, place: usize, own: &Year) -> [String; 8] {
    let (indicator, area) = (INDICATORS[place / AREAS.len()], AREAS[place % AREAS.len()]);
    let comment = if own.comments { format!("of {area}") } else { String::new() };
    let (value, status) = ((10 * year + place).to_string(), if place == 3 { "P" } else { "A" });
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

proptest! {
    #[test]
    fn what_is_given_is_what_was_handed_in_but_for_what_is_withheld(
        years in years(),
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
        let permitted = |released, _| {
            (released || !only_public).then_some(Given { raw, early: !released })
        };

        let mut expected = vec![];
        for (place, year) in (0..AREAS.len() * INDICATORS.len())
            .flat_map(|place| (0..years.len()).map(move |year| (place, year)))
        {
            let own = &years[year];
            let [_, _, indicator, area, period, value, status, comment] = line(year, place, own);
            let wanted = |wanted: &[&str], own: &String| {
                wanted.is_empty() || wanted.contains(&own.as_str())
            };
            if !own.has[place]
                || !wanted(&areas, &area)
                || !wanted(&indicators, &indicator)
                || (only_public && !own.public)
            {
                continue;
            }
            let withheld = |place: usize| own.has[place] && own.withheld[place];
            let (none, any) = (String::new(), (0..own.has.len()).any(withheld));
            let key = [indicator, area, period];
            let shown = match (raw, withheld(place)) {
                (false, true) => [none.clone(), "Q".to_owned(), "C".to_owned(), none],
                (false, false) if any => [value, status, none.clone(), none],
                _ => [value, status, none, comment],
            };
            let [indicator, area, period] = key;
            let [value, status, confidential, comment] = shown;
            expected.push([indicator, area, period, value, status, confidential, comment]);
        }

        for shared in [false, true] {
            let mut versions: Vec<(String, Version)> = vec![];
            for (year, own) in years.iter().enumerate() {
                let mut slice = slice(structure, year, own);
                if let (true, Some((_, before))) = (shared, versions.last()) {
                    slice.share_keys(&before.slice);
                }
                let has = (0..own.has.len()).filter(|place| own.has[*place]);
                let withheld = (0..).zip(has).filter(|(_, place)| own.withheld[*place]);
                let withheld = withheld.map(|(row, _)| row).collect();
                let public = own.public.then(Timestamp::default);
                versions.push(((2001 + year).to_string(), Version::with(slice, withheld, public)));
            }
            let seen = || versions.iter().map(|(period, version)| (period.as_str(), version));
            let cells = |most| Cells::of(seen(), &selection, most, permitted);
            let all = cells(usize::MAX).unwrap();
            let given = ProtectedTable::of(structure, &all, selection.cut());
            prop_assert_eq!(rows(&given), expected.clone(), "shared: {}", shared);
            let is_withheld = |row: &&[String; 7]| row[5] == "C";
            let withheld = expected.iter().filter(is_withheld).count() as u64;
            prop_assert_eq!((given.withheld, given.answered), (withheld, expected.len() as u64 - withheld));
            let nothing: Vec<[String; 7]> = vec![];
            let (changed, gone) = cells(usize::MAX).unwrap().since(all);
            let left = [changed, gone].map(|own| ProtectedTable::of(structure, &own, selection.cut()));
            prop_assert_eq!(left.map(|own| rows(&own)), [nothing.clone(), nothing]);
            if !only_public && !expected.is_empty() {
                prop_assert!(cells(expected.len() - 1).is_none() && cells(expected.len()).is_some());
            }
        }
    }
}
