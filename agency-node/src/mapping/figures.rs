//! The figures of a sheet, as a mapping reads them: numbers, and signs that have a meaning.

use std::collections::BTreeMap;

use super::{Measure, Part, Sign, Wide};
use crate::source::sheet::{Figures, Numerals, Sheet};

/// A column of figures, and what its name stands for.
pub(super) struct Figure<'a> {
    figures: &'a Figures,
    pub(super) stands_for: Option<&'a BTreeMap<String, String>>,
    /// The group that it belongs to.
    pub(super) group: Option<&'a Wide>,
    /// What each of its words means.
    words: Vec<Cell<'a>>,
    /// Numbers that are signs, such as 999 for what is not known.
    numbers: Vec<(f64, Cell<'a>)>,
    multiplier: f64,
}

/// What stands where a figure does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cell<'a> {
    Number(f64),
    /// There is no figure, and this status says why.
    Status(&'a str),
    /// There is no observation.
    LeftOut,
    Nothing,
    Unreadable(&'a str),
}

impl<'a> Figure<'a> {
    pub(super) fn new(
        part: &'a Part,
        sheet: &'a Sheet,
        name: &str,
        stands_for: Option<&'a BTreeMap<String, String>>,
        group: Option<&'a Wide>,
    ) -> Result<Self, String> {
        let figures = sheet.figures.iter().find(|column| column.words.id == name);
        let figures = figures.ok_or_else(|| format!("there is no column {name} of figures"))?;
        let word = |text: &'a String| match part.signs.get(text) {
            Some(sign) => Cell::of(sign),
            None if text.is_empty() => Cell::Nothing,
            None => Cell::Unreadable(text),
        };
        let signs = part.signs.iter();
        let numbers = signs.filter_map(|(text, sign)| {
            let number = [Numerals::Point, Numerals::Comma].iter().find_map(|it| it.read(text))?;
            Some((number, Cell::of(sign)))
        });
        Ok(Self {
            figures,
            stands_for,
            group,
            words: figures.words.dictionary.iter().map(word).collect(),
            numbers: numbers.collect(),
            multiplier: part
                .value
                .as_ref()
                .and_then(|value| value.figure()?.multiplier)
                .unwrap_or(1.0),
        })
    }

    pub(super) fn cell(&self, row: usize) -> Cell<'a> {
        match self.figures.value(row) {
            None => self.words[self.figures.words.entry(row)],
            Some(number) => match self.numbers.iter().find(|(sign, _)| *sign == number) {
                Some((_, meaning)) => *meaning,
                None => Cell::Number(product(number, self.multiplier)),
            },
        }
    }
}

impl<'a> Cell<'a> {
    fn of(sign: &'a Sign) -> Self {
        match sign {
            Sign::Status(status) => Self::Status(status),
            Sign::Zero(_) => Self::Number(0.0),
            Sign::LeftOut(()) => Self::LeftOut,
        }
    }

    /// Does it say of nobody that there is one?
    fn is_nothing(self) -> bool {
        matches!(self, Self::Nothing | Self::LeftOut) || self == Self::Number(0.0)
    }
}

/// The columns of figures that a part speaks of.
pub(super) fn figures<'a>(part: &'a Part, sheet: &'a Sheet) -> Result<Vec<Figure<'a>>, String> {
    match (&part.wide[..], &part.value) {
        ([_, ..], _) if part.counts() => {
            Err("it counts records, and has figures side by side: one of the two".to_owned())
        }
        ([], Some(Measure::Figure(of))) => {
            Ok(vec![Figure::new(part, sheet, &of.from, None, None)?])
        }
        ([], Some(_)) => Ok(vec![]),
        ([], None) => Err("it names no figure: `value`, or `wide`".to_owned()),
        (groups, _) => groups
            .iter()
            .flat_map(|group| group.columns.iter().map(move |(name, own)| (name, own, group)))
            .map(|(name, own, group)| Figure::new(part, sheet, name, Some(own), Some(group)))
            .collect(),
    }
}

/// Groups that divide another figure, each with that figure.
pub(super) fn divisions<'a>(
    part: &'a Part,
    sheet: &'a Sheet,
) -> Result<Vec<(&'a Wide, Figure<'a>)>, String> {
    let groups = part.wide.iter().filter_map(|group| Some((group, group.of.as_ref()?)));
    groups.map(|(group, of)| Ok((group, Figure::new(part, sheet, of, None, None)?))).collect()
}

/// Is the figure that a group divides more than 0 in a row, and all of the group 0 or nothing?
pub(super) fn is_undivided(
    group: &Wide,
    of: &Figure<'_>,
    figures: &[Figure<'_>],
    row: usize,
) -> bool {
    let mut own = figures.iter().filter(|it| it.group.is_some_and(|own| std::ptr::eq(own, group)));
    matches!(of.cell(row), Cell::Number(whole) if whole > 0.0)
        && own.all(|part| part.cell(row).is_nothing())
}

/// A figure in units of one. What the multiplication adds beyond the last digits that a figure can
/// have is no part of it: 1.001 thousand are 1,001.
fn product(figure: f64, multiplier: f64) -> f64 {
    const DECIMALS: f64 = 1e6;
    if multiplier == 1.0 {
        return figure;
    }
    let exact = figure * multiplier;
    let rounded = (exact * DECIMALS).round() / DECIMALS;
    let is_dust = (exact - rounded).abs() <= exact.abs() * 1e-12;
    if is_dust && rounded.is_finite() { rounded } else { exact }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_have_no_dust() {
        assert_eq!(product(1.001, 1_000.0), 1_001.0);
        assert_eq!(product(2.01, 1_000.0), 2_010.0);
        assert_eq!(product(0.1, 0.5), 0.05);
        assert_eq!(product(1e300, 1e6), 1e306);
        assert_eq!(product(313_250_258.311_300_04, 1.0), 313_250_258.311_300_04);
    }
}
