//! Bounds of time as requests write them: a period of any frequency, a day, a moment.

use birge_proto::problem::{Kind, Problem};
use birge_schemas::{
    period::{Frequency, first_day, last_day},
    structure::Structure,
};

/// Which bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    /// Nothing that ends before.
    From,
    /// Nothing that begins after.
    To,
    /// Nothing that does not begin after.
    After,
    /// Nothing that does not end before.
    Before,
}

/// The period of the dataset that a bound falls on. A bound that is coarser than the dataset's
/// periods takes in all that lie in it, one that is finer the period that it lies in.
///
/// # Errors
/// `MALFORMED` where the text is no time.
pub(super) fn of_bound(structure: &Structure, text: &str, bound: Bound) -> Result<String, Problem> {
    let day = text.split('T').next().unwrap_or_default();
    let days = first_day(day).zip(last_day(day));
    let (first, last) = days.ok_or_else(|| {
        Problem::new(Kind::Malformed, format!("{text:?} is no period"))
            .hint("expected one such as 2023, 2023-Q1, 2023-01 or 2023-01-31")
    })?;
    let finest = structure.frequencies().max().unwrap_or(Frequency::Annual);
    let coarsest = structure.frequencies().min().unwrap_or(Frequency::Annual);
    if finest != coarsest && Frequency::of_period(day) != Some(Frequency::Annual) {
        // Bounds compare as text: of a dataset of several frequencies they are whole years.
        let detail =
            format!("{} has periods of several kinds, and {text:?} is no year", structure.id);
        return Err(Problem::new(Kind::Malformed, detail).hint("expected a year, such as 2023"));
    }
    let frequency = if finest == coarsest { finest } else { Frequency::Annual };
    let beyond = || Problem::new(Kind::Malformed, format!("{text:?} is beyond any calendar"));
    let period = match bound {
        Bound::From => frequency.period_of(first),
        Bound::To => frequency.period_of(last),
        // The one after that, where it began before.
        Bound::After => {
            let period = frequency.period_of(last);
            let ends = last_day(&period).ok_or_else(beyond)?;
            frequency.period_of(ends.tomorrow().map_err(|_| beyond())?)
        }
        Bound::Before => {
            let period = frequency.period_of(first);
            let begins = first_day(&period).ok_or_else(beyond)?;
            frequency.period_of(begins.yesterday().map_err(|_| beyond())?)
        }
    };
    Ok(period)
}

#[cfg(test)]
mod tests {
    use birge_schemas::structure::Structures;

    use super::*;

    #[test]
    fn bounds_fall_on_the_datasets_periods() {
        let structures = Structures::bundled().unwrap();
        let yearly = structures.get("MIG_STOCK").unwrap();
        let of = |text, bound| of_bound(yearly, text, bound).unwrap();
        assert_eq!(of("2020", Bound::From), "2020");
        assert_eq!(of("2020-03", Bound::From), "2020");
        assert_eq!(of("2020-12-31T23:00:00Z", Bound::To), "2020");
        assert_eq!([of("2020", Bound::After), of("2020", Bound::Before)], ["2021", "2019"]);
        // A year that began before June does not begin after it.
        assert_eq!([of("2020-06", Bound::After), of("2020-06", Bound::Before)], ["2021", "2019"]);
        let monthly = structures.iter().find(|each| each.rules.frequency == "M");
        if let Some(monthly) = monthly {
            let of = |text, bound| of_bound(monthly, text, bound).unwrap();
            assert_eq!([of("2020", Bound::From), of("2020", Bound::To)], ["2020-01", "2020-12"]);
            assert_eq!(of("2020-Q2", Bound::After), "2020-07");
        }
        for wrong in ["", "20", "2020-13", "soon", "T"] {
            assert!(of_bound(yearly, wrong, Bound::From).is_err(), "{wrong}");
        }
    }
}
