//! What a query selects: codes of some dimensions, a span of periods; the rest is left open.

use birge_proto::{
    limits,
    problem::{Kind, Problem},
    wire::{self, AskRequest},
};
use birge_schemas::{
    detail::Breakdown,
    period::Frequency,
    structure::{Dimension, Structure},
};

use super::cut::Cut;
use crate::decree::Named;

/// A selection, checked against the structure.
#[derive(Debug, Clone)]
pub struct Selection {
    /// For each coded dimension in the structure's order the codes that are selected, by position
    /// in its code list, ascending. None: left open.
    codes: Vec<Option<Vec<u16>>>,
    periods: Vec<String>,
    from: String,
    to: String,
    named: Vec<NamedBreakdown>,
    cut: Cut,
}

/// A breakdown that is named explicitly, and how.
type NamedBreakdown = (Breakdown, Named);

impl Selection {
    /// Reads a request.
    ///
    /// # Errors
    /// `MALFORMED` for an unknown dimension or code, or one named twice.
    pub fn parse(structure: &Structure, request: &AskRequest) -> Result<Self, Problem> {
        let mut selection = Self {
            codes: vec![None; structure.coded().count()],
            periods: vec![],
            from: String::new(),
            to: String::new(),
            named: vec![],
            cut: Cut::of(request),
        };
        for wanted in &request.selections {
            if wanted.codes.len() > limits::SELECTION_CODES {
                let most = limits::SELECTION_CODES;
                let detail =
                    format!("{} codes of {} are named", wanted.codes.len(), wanted.dimension);
                return Err(Problem::new(Kind::TooLarge, detail).hint(format!("at most {most}")));
            }
            let dimension = dimension(structure, &wanted.dimension)?;
            match structure.position(&dimension.id) {
                Some(place) if selection.codes[place].is_some() => {
                    let detail = format!("{} is named twice", dimension.id);
                    return Err(Problem::new(Kind::Malformed, detail));
                }
                Some(_) if wanted.codes.is_empty() => {}
                Some(place) => {
                    let (codes, named) = codes(dimension, &wanted.codes)?;
                    selection.codes[place] = Some(codes);
                    selection.named.extend(named);
                }
                None if selection.spans() => {
                    let detail = format!("{} is named twice", dimension.id);
                    return Err(Problem::new(Kind::Malformed, detail)
                        .hint("name periods, or one span from a first to a last"));
                }
                None => {
                    periods(structure, wanted)?;
                    selection.periods.clone_from(&wanted.codes);
                    selection.from.clone_from(&wanted.from);
                    selection.to.clone_from(&wanted.to);
                }
            }
        }
        Ok(selection)
    }

    /// The breakdowns that are named explicitly, and how.
    #[must_use]
    pub fn named(&self) -> Vec<(Breakdown, Named)> {
        self.named.clone()
    }

    /// Which of the cells that are selected are given.
    #[must_use]
    pub fn cut(&self) -> Cut {
        self.cut
    }

    /// Are periods named one by one?
    #[must_use]
    pub fn names_periods(&self) -> bool {
        !self.periods.is_empty()
    }

    /// Is anything said of periods?
    fn spans(&self) -> bool {
        self.names_periods() || !self.from.is_empty() || !self.to.is_empty()
    }

    /// Is the period selected? The bounds compare as text, which a period's form allows.
    #[must_use]
    pub fn takes_period(&self, period: &str) -> bool {
        (self.periods.is_empty() || self.periods.iter().any(|each| each == period))
            && (self.from.is_empty() || self.from.as_str() <= period)
            && (self.to.is_empty() || period <= self.to.as_str() || period.starts_with(&self.to))
    }

    /// The coded dimensions that are not left open: place and selected codes.
    pub fn restricted(&self) -> impl Iterator<Item = (usize, &[u16])> {
        let places = self.codes.iter().enumerate();
        places.filter_map(|(place, codes)| codes.as_ref().map(|codes| (place, codes.as_slice())))
    }
}

/// Listed periods must be of the dataset's frequency; a bound may be a year as well.
fn periods(structure: &Structure, wanted: &wire::Selection) -> Result<(), Problem> {
    let frequencies: Vec<_> = structure.frequencies().collect();
    let of_dataset = |period: &str| {
        Frequency::of_period(period).is_some_and(|frequency| frequencies.contains(&frequency))
    };
    let a_year = |period: &str| Frequency::of_period(period) == Some(Frequency::Annual);
    let bounds = [&wanted.from, &wanted.to].into_iter().filter(|bound| !bound.is_empty());
    let wrong = wanted
        .codes
        .iter()
        .find(|period| !of_dataset(period))
        .or_else(|| bounds.into_iter().find(|bound| !of_dataset(bound) && !a_year(bound)));
    let examples = frequencies.iter().map(|frequency| frequency.example()).collect::<Vec<_>>();
    if let Some(period) = wrong {
        let detail = format!("{period:?} is no period of {}", structure.id);
        let hint = format!("expected one such as {}", examples.join(" or "));
        return Err(Problem::new(Kind::Malformed, detail).hint(hint));
    }
    if !wanted.to.is_empty() && wanted.from > wanted.to && !wanted.from.starts_with(&wanted.to) {
        let detail = format!("the span from {} to {} holds no period", wanted.from, wanted.to);
        return Err(Problem::new(Kind::Malformed, detail).hint("name the earlier bound first"));
    }
    Ok(())
}

fn dimension<'a>(structure: &'a Structure, id: &str) -> Result<&'a Dimension, Problem> {
    structure.dimensions.iter().find(|dimension| dimension.id == id).ok_or_else(|| {
        let ids: Vec<_> = structure.dimensions.iter().map(|each| each.id.as_str()).collect();
        Problem::new(Kind::Malformed, format!("{} has no dimension {id:?}", structure.id))
            .hint(format!("its dimensions are {}", ids.join(", ")))
    })
}

fn codes(
    dimension: &Dimension,
    wanted: &[String],
) -> Result<(Vec<u16>, Option<NamedBreakdown>), Problem> {
    let Some(coded) = dimension.codes() else { return Ok((vec![], None)) };
    let mut selected = Vec::with_capacity(wanted.len());
    let (mut total, mut parts) = (false, false);
    for id in wanted {
        let position = coded.list.position(id).ok_or_else(|| {
            let detail = format!("{} has no code {id:?}", dimension.id);
            Problem::new(Kind::Malformed, detail)
                .hint(format!("see the code list {}", coded.list.id))
        })?;
        selected.push(position);
        match dimension.breaks_down(position) {
            Some(_) => parts = true,
            None => total = true,
        }
    }
    selected.sort_unstable();
    selected.dedup();
    let named = match (total, parts) {
        (true, true) => Named::Both,
        (false, true) => Named::Parts,
        _ => Named::Total,
    };
    Ok((selected, coded.breakdown.map(|breakdown| (breakdown, named))))
}
