//! Which reference period a source is asked for.

use birge_schemas::period::{Frequency, first_day, last_day};
use jiff::{ToSpan, civil::Date};

use crate::{config::Every, output::Failure};

/// What a source is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// A reference period as SDMX writes it; none where the source knows of none.
    pub period: Option<String>,
}

impl Asked {
    /// The period `lag` periods before the one that `day` lies in.
    #[must_use]
    pub fn before(day: Date, every: Every, lag: u16) -> Self {
        let parts = match every {
            Every::Year => 1,
            Every::HalfYear => 2,
            Every::Quarter => 4,
            Every::Month => 12,
        };
        let part = (i32::from(day.month()) - 1) * parts / 12;
        let place = i32::from(day.year()) * parts + part - i32::from(lag);
        let (year, part) = (place.div_euclid(parts), place.rem_euclid(parts) + 1);
        let period = match every {
            Every::Year => format!("{year:04}"),
            Every::HalfYear => format!("{year:04}-S{part}"),
            Every::Quarter => format!("{year:04}-Q{part}"),
            Every::Month => format!("{year:04}-{part:02}"),
        };
        Self { period: Some(period) }
    }

    /// The period that somebody names.
    ///
    /// # Errors
    /// When it is none.
    pub fn named(period: &str) -> Result<Self, Failure> {
        match first_day(period) {
            Some(_) => Ok(Self { period: Some(period.to_owned()) }),
            None => Err(Failure::Usage(format!(
                "{period} is no reference period\nnext: write it as SDMX does: {}",
                Frequency::ALL.map(Frequency::example).join(", ")
            ))),
        }
    }

    /// What a query is given: the period, its first day, and the day after its last.
    #[must_use]
    pub fn parameters(&self) -> Option<[String; 3]> {
        let period = self.period.clone()?;
        let (first, last) = (first_day(&period)?, last_day(&period)?);
        let after = last.checked_add(1.day()).unwrap_or(last);
        Some([period, first.to_string(), after.to_string()])
    }

    /// The first `count` of these.
    ///
    /// # Errors
    /// When the query has more, or no period is known for it.
    pub(super) fn first(&self, count: usize) -> Result<Vec<String>, Failure> {
        match (count, self.parameters()) {
            (0, _) => Ok(vec![]),
            (1..=3, Some(all)) => Ok(all.into_iter().take(count).collect()),
            (1..=3, None) => Err(Failure::Usage(
                "the query has a parameter, but no reference period is known\nnext: set period of \
                 the source in node.toml to year, half-year, quarter or month, or name one with \
                 --period"
                    .into(),
            )),
            _ => Err(Failure::Wrong(format!(
                "the query has {count} parameters, but a query is given three at most: the \
                 period, its first day, the day after its last\nnext: mend the query"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn the_period_before_is_told_from_the_day() {
        let day = date(2026, 3, 31);
        for (every, lag, expected) in [
            (Every::Year, 1, "2025"),
            (Every::HalfYear, 1, "2025-S2"),
            (Every::HalfYear, 0, "2026-S1"),
            (Every::Quarter, 1, "2025-Q4"),
            (Every::Quarter, 5, "2024-Q4"),
            (Every::Month, 1, "2026-02"),
            (Every::Month, 3, "2025-12"),
            (Every::Month, 0, "2026-03"),
        ] {
            let asked = Asked::before(day, every, lag);
            assert_eq!(asked.period.as_deref(), Some(expected));
            assert_eq!(Asked::named(expected).unwrap(), asked);
        }
    }

    #[test]
    fn a_query_is_given_the_period_and_its_days_and_nothing_that_is_no_period() {
        let asked = Asked::named("2024-Q1").unwrap();
        assert_eq!(asked.first(3).unwrap(), ["2024-Q1", "2024-01-01", "2024-04-01"]);
        assert_eq!(asked.first(1).unwrap(), ["2024-Q1"]);
        assert!(asked.first(4).is_err());
        assert!(Asked::default().first(0).unwrap().is_empty());
        assert!(
            Asked::default().first(1).unwrap_err().to_string().contains("period of the source")
        );
        for wrong in ["", "2024-Q5", "2024'; DROP TABLE arrivals; --", "2024-13"] {
            assert!(Asked::named(wrong).is_err(), "{wrong}");
        }
    }
}
