//! What the codes of a dimension take in, so that it can be told which contain each other, which
//! exclude each other and which cross.

use crate::{detail::Breakdown, structure::Dimension};

/// What a code takes in of its axis, from the first to past the last: years of age, places in a
/// tree of areas. Codes that have nothing in common have spans that have nothing in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The first that it takes in.
    pub from: u32,
    /// The first after these that it does not take in.
    pub to: u32,
}

impl Span {
    /// Does it take in all that the other one does?
    pub fn contains(self, other: Self) -> bool {
        self.from <= other.from && other.to <= self.to
    }

    /// Have they something in common, though neither contains the other?
    #[must_use]
    pub fn crosses(self, other: Self) -> bool {
        self.meets(other) && !self.contains(other) && !other.contains(self)
    }

    /// Have they something in common?
    #[must_use]
    pub fn meets(self, other: Self) -> bool {
        self.from < other.to && other.from < self.to
    }
}

/// What each code of a dimension takes in: years of age, or of a tree of codes the leaves below
/// it.
#[must_use]
pub fn spans(dimension: &Dimension) -> Option<Vec<Span>> {
    let codes = dimension.codes()?.list.codes();
    if dimension.id == Breakdown::Age.dimension() {
        return Some((0..).zip(codes).map(|(place, code)| years(&code.id, place)).collect());
    }
    let mut parts: Vec<Vec<usize>> = vec![vec![]; codes.len()];
    let mut tops = vec![];
    for (place, code) in codes.iter().enumerate() {
        match code.parent {
            Some(parent) => parts[usize::from(parent)].push(place),
            None => tops.push(place),
        }
    }
    let mut spans = vec![Span { from: 0, to: 0 }; codes.len()];
    let mut next = 0;
    tops.into_iter().for_each(|top| next = lay_out(top, next, &parts, &mut spans));
    Some(spans)
}

/// Gives a code and those below it their spans, from `from` on.
fn lay_out(code: usize, from: u32, parts: &[Vec<usize>], spans: &mut [Span]) -> u32 {
    // A place of its own, so that it is not the same as its only part.
    let to = parts[code].iter().fold(from + 1, |from, part| lay_out(*part, from, parts, spans));
    spans[code] = Span { from, to };
    to
}

/// Years of age that nobody reaches; what is no age stands from there on.
pub(crate) const OLDEST: u32 = 1_000;

/// The years of an age group: `Y15T24`, `Y15`, `Y_GE60`, `Y_LT15`. Another code, such as that of
/// unknown age, takes in something of its own.
fn years(code: &str, place: u32) -> Span {
    let year = |text: &str| text.parse::<u32>().ok().filter(|year| *year < OLDEST);
    let ages = |code: &str| {
        let ages = code.strip_prefix('Y')?;
        if let Some(from) = ages.strip_prefix("_GE") {
            return Some(Span { from: year(from)?, to: OLDEST });
        }
        if let Some(to) = ages.strip_prefix("_LT") {
            return Some(Span { from: 0, to: year(to)? });
        }
        let (from, to) = ages.split_once('T').unwrap_or((ages, ages));
        Some(Span { from: year(from)?, to: year(to)? + 1 })
    };
    ages(code).unwrap_or(Span { from: OLDEST + place, to: OLDEST + place + 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_take_in_their_years() {
        let span = |code| years(code, 3);
        assert_eq!(span("Y15T24"), Span { from: 15, to: 25 });
        assert_eq!(span("Y15"), Span { from: 15, to: 16 });
        assert_eq!((span("Y_LT15").to, span("Y_GE60").from), (15, 60));
        assert!(!span("_U").meets(span("Y_GE60")));
        assert!(span("Y15T24").crosses(span("Y20T29")) && !span("Y15T24").crosses(span("Y20T24")));
    }
}
