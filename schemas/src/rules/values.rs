//! Rules 8 to 11: values are numbers that their unit allows, and are there or not as their
//! status says.

use birge_proto::manifest::Action;

use super::Shape;
use crate::{
    finding::{Code, Finding, Report},
    structure::Structure,
    table::Codes,
};

/// The largest whole number below which every whole number has a double of its own.
pub(crate) const LARGEST: f64 = 9_007_199_254_740_991.0;
/// Statuses with which an observation may have no value.
pub(crate) const BLANK: [&str; 6] = ["H", "K", "L", "M", "O", "Q"];
/// Statuses with which an observation has no value.
pub(crate) const NO_VALUE: [&str; 3] = ["M", "O", "Q"];

pub(super) fn check(shape: &Shape<'_>, report: &mut Report) {
    let judge = Judge::of(shape);
    for row in 0..shape.raw.rows {
        if let Some((code, expected)) = judge.judge(row) {
            report.add(code, || {
                let unreadable = shape.raw.unreadable.get(&row).cloned();
                let value = shape.raw.value(row).map(|value| value.to_string());
                let found = unreadable.or(value).unwrap_or_else(|| "no value".to_owned());
                let found = match (code, judge.status(row)) {
                    (Code::ValueBlank | Code::ValueStatus, status) => {
                        format!("{found} with status {status}")
                    }
                    _ => found,
                };
                shape.at(row, Finding::new(code, expected, found).column("OBS_VALUE"))
            });
        }
    }
}

/// What each row's codes ask of its value.
struct Judge<'a> {
    shape: &'a Shape<'a>,
    persons: Column<'a>,
    percent: Column<'a>,
    signed: Column<'a>,
    /// Per entry of the status column: may the value be absent, may it be there?
    statuses: Vec<(bool, bool)>,
}

impl<'a> Judge<'a> {
    fn of(shape: &'a Shape<'a>) -> Self {
        let structure = shape.structure;
        let is =
            |dimension, codes: &[String]| Column::of(structure, &shape.codes, dimension, codes);
        let status = shape.raw.column("OBS_STATUS");
        let known = |text: &String| {
            // A status that is missing or unknown is a finding of its own.
            let known = structure.attribute("OBS_STATUS").is_some_and(|attribute| {
                matches!(&attribute.kind, crate::structure::AttributeKind::Coded(list)
                    if list.position(text).is_some())
            });
            let text = text.as_str();
            (!known || BLANK.contains(&text), !NO_VALUE.contains(&text))
        };
        Self {
            shape,
            persons: is("UNIT_MEASURE", &["PS".to_owned()]),
            percent: is("UNIT_MEASURE", &["PT".to_owned()]),
            signed: is("INDICATOR", &structure.rules.signed),
            statuses: status.iter().flat_map(|column| &column.dictionary).map(known).collect(),
        }
    }

    fn status(&self, row: usize) -> &str {
        self.shape.raw.column("OBS_STATUS").map_or("", |column| column.at(row))
    }

    fn judge(&self, row: usize) -> Option<(Code, &'static str)> {
        let raw = self.shape.raw;
        if !raw.unreadable.is_empty() && raw.unreadable.contains_key(&row) {
            return Some((Code::ValueFormat, "a number with a point, such as 12 or 3.5"));
        }
        let value = raw.value(row);
        if value.is_some_and(|value| !value.is_finite()) {
            return Some((Code::ValueFormat, "a finite number"));
        }
        if value.is_some_and(|value| value.abs() > LARGEST) {
            return Some((Code::ValueRange, "a number within ±9007199254740991"));
        }
        if self.shape.action == Action::Delete {
            return None;
        }
        let entry = raw.column("OBS_STATUS").map_or(0, |column| column.entry(row));
        let (blank, given) = self.statuses.get(entry).copied().unwrap_or((true, true));
        let Some(value) = value else {
            return (!blank)
                .then_some((Code::ValueBlank, "a value, or one of the statuses H K L M O Q"));
        };
        if !given {
            return Some((Code::ValueStatus, "no value with the statuses M O Q"));
        }
        if self.persons.at(row) && value.fract() != 0.0 {
            return Some((Code::ValueFraction, "a whole number of persons"));
        }
        if value < 0.0 && !self.signed.at(row) {
            return Some((Code::ValueNegative, "0 or more"));
        }
        (self.percent.at(row) && !(0.0..=100.0).contains(&value))
            .then_some((Code::ValueRange, "0 to 100 percent"))
    }
}

/// Is a row's code one of a few?
struct Column<'a> {
    codes: Option<&'a Codes>,
    one_of: Vec<bool>,
}

impl<'a> Column<'a> {
    fn of(structure: &Structure, codes: &'a [Codes], dimension: &str, ids: &[String]) -> Self {
        let place = structure.position(dimension);
        let coded = place.and_then(|place| structure.coded().nth(place)?.codes());
        let list = coded.map(|coded| coded.list.codes()).unwrap_or_default();
        let one_of: Vec<_> = list.iter().map(|code| ids.contains(&code.id)).collect();
        let codes = place.map(|place| &codes[place]).filter(|_| one_of.contains(&true));
        Self { codes, one_of }
    }

    fn at(&self, row: usize) -> bool {
        self.codes.is_some_and(|codes| self.one_of[usize::from(codes.at(row))])
    }
}
