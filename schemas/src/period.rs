//! Reference periods as SDMX writes them: the format tells the frequency.

use std::fmt;

use jiff::civil::{Date, ISOWeekDate, Weekday};

/// How often a series has a value: a code of `CL_FREQ`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Frequency {
    /// `A`
    Annual,
    /// `S`
    HalfYearly,
    /// `Q`
    Quarterly,
    /// `M`
    Monthly,
    /// `W`
    Weekly,
    /// `D`
    Daily,
}

impl Frequency {
    /// Every frequency, the coarsest first.
    pub const ALL: [Self; 6] =
        [Self::Annual, Self::HalfYearly, Self::Quarterly, Self::Monthly, Self::Weekly, Self::Daily];

    /// The frequency of a code of `CL_FREQ`.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|frequency| frequency.code() == code)
    }

    /// Its code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Annual => "A",
            Self::HalfYearly => "S",
            Self::Quarterly => "Q",
            Self::Monthly => "M",
            Self::Weekly => "W",
            Self::Daily => "D",
        }
    }

    /// The format of its periods as a regular expression of JSON Schema, anchored.
    #[must_use]
    pub fn pattern(self) -> &'static str {
        match self {
            Self::Annual => "^[0-9]{4}$",
            Self::HalfYearly => "^[0-9]{4}-S[12]$",
            Self::Quarterly => "^[0-9]{4}-Q[1-4]$",
            Self::Monthly => "^[0-9]{4}-(0[1-9]|1[0-2])$",
            Self::Weekly => "^[0-9]{4}-W(0[1-9]|[1-4][0-9]|5[0-3])$",
            Self::Daily => "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$",
        }
    }

    /// A period of this frequency, as an example for people.
    #[must_use]
    pub fn example(self) -> &'static str {
        match self {
            Self::Annual => "2023",
            Self::HalfYearly => "2023-S1",
            Self::Quarterly => "2023-Q1",
            Self::Monthly => "2023-01",
            Self::Weekly => "2023-W01",
            Self::Daily => "2023-01-31",
        }
    }

    /// The frequency whose format `period` has: exactly the language of [`Frequency::pattern`].
    #[must_use]
    pub fn of_period(period: &str) -> Option<Self> {
        parts(period).map(|(frequency, ..)| frequency)
    }
}

impl Frequency {
    /// The period of this frequency that a day lies in.
    #[must_use]
    pub fn period_of(self, day: Date) -> String {
        let (year, month) = (day.year(), day.month());
        match self {
            Self::Annual => format!("{year:04}"),
            Self::HalfYearly => format!("{year:04}-S{}", (month + 5) / 6),
            Self::Quarterly => format!("{year:04}-Q{}", (month + 2) / 3),
            Self::Monthly => format!("{year:04}-{month:02}"),
            Self::Weekly => {
                let week = day.iso_week_date();
                format!("{:04}-W{:02}", week.year(), week.week())
            }
            Self::Daily => format!("{year:04}-{month:02}-{:02}", day.day()),
        }
    }
}

impl fmt::Display for Frequency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// The first day of a period; none where the text is no period, or names a day or week that
/// the calendar does not have.
#[must_use]
pub fn first_day(period: &str) -> Option<Date> {
    let (frequency, year, part, day) = parts(period)?;
    let month = match frequency {
        Frequency::Annual => 1,
        Frequency::HalfYearly => 6 * part - 5,
        Frequency::Quarterly => 3 * part - 2,
        Frequency::Monthly | Frequency::Daily => part,
        Frequency::Weekly => {
            let monday = ISOWeekDate::new(year, part, Weekday::Monday).ok()?;
            return Some(monday.date());
        }
    };
    Date::new(year, month, day).ok()
}

/// The last day of a period; none as for [`first_day`].
#[must_use]
pub fn last_day(period: &str) -> Option<Date> {
    let first = first_day(period)?;
    let months = match Frequency::of_period(period)? {
        Frequency::Annual => 12,
        Frequency::HalfYearly => 6,
        Frequency::Quarterly => 3,
        Frequency::Monthly => 1,
        Frequency::Weekly => return first.checked_add(jiff::Span::new().days(6)).ok(),
        Frequency::Daily => return Some(first),
    };
    match first.checked_add(jiff::Span::new().months(months)) {
        Ok(next) => next.yesterday().ok(),
        Err(_) => Some(Date::MAX),
    }
}

/// Frequency, year, the part of the year (0 for the whole), the day of the month (1 if none).
fn parts(period: &str) -> Option<(Frequency, i16, i8, i8)> {
    let bytes = period.as_bytes();
    let (year, rest) = (bytes.get(..4)?, bytes.get(4..)?);
    let year = i16::try_from(number(year)?).ok()?;
    let within = |digits: &[u8], most: u16| {
        number(digits).filter(|n| (1..=most).contains(n)).and_then(|n| i8::try_from(n).ok())
    };
    Some(match rest {
        [] => (Frequency::Annual, year, 0, 1),
        [b'-', b'S', half] => (Frequency::HalfYearly, year, within(&[*half], 2)?, 1),
        [b'-', b'Q', quarter] => (Frequency::Quarterly, year, within(&[*quarter], 4)?, 1),
        [b'-', month @ ..] if month.len() == 2 => (Frequency::Monthly, year, within(month, 12)?, 1),
        [b'-', b'W', week @ ..] if week.len() == 2 => {
            (Frequency::Weekly, year, within(week, 53)?, 1)
        }
        [b'-', m1, m2, b'-', day @ ..] if day.len() == 2 => {
            (Frequency::Daily, year, within(&[*m1, *m2], 12)?, within(day, 31)?)
        }
        _ => return None,
    })
}

fn number(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0_u16, |sum, digit| {
        digit.is_ascii_digit().then(|| sum * 10 + u16::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    #[test]
    fn the_example_of_each_frequency_has_its_format() {
        for frequency in Frequency::ALL {
            assert_eq!(Frequency::of_period(frequency.example()), Some(frequency));
            assert_eq!(Frequency::of_code(frequency.code()), Some(frequency));
        }
    }

    #[test]
    fn periods_begin_and_end_on_their_days() {
        assert_eq!(first_day("2023-S2"), Some(date(2023, 7, 1)));
        assert_eq!(last_day("2024-02"), Some(date(2024, 2, 29)));
        assert_eq!(last_day("2023-Q4"), Some(date(2023, 12, 31)));
        assert_eq!(first_day("2026-W01"), Some(date(2025, 12, 29)));
        assert_eq!(first_day("2023-02-30"), None);
        assert_eq!(first_day("2025-W53"), None);
        assert_eq!(last_day("9999"), Some(date(9999, 12, 31)));
    }

    #[test]
    fn every_day_of_a_period_lies_in_it() {
        for frequency in Frequency::ALL {
            let period = frequency.example();
            for day in [first_day(period).unwrap(), last_day(period).unwrap()] {
                assert_eq!(frequency.period_of(day), period);
            }
        }
        assert_eq!(Frequency::Weekly.period_of(date(2025, 12, 29)), "2026-W01");
    }

    proptest! {
        #[test]
        fn the_parser_and_the_patterns_are_one_language(text in "[0-9]{3,4}(-[SQWM]?[0-9]{1,2}){0,2}\n?") {
            let named: Vec<_> = Frequency::ALL.into_iter().filter(|frequency| {
                let schema = serde_json::json!({"pattern": frequency.pattern()});
                jsonschema::is_valid(&schema, &serde_json::json!(text))
            }).collect();
            prop_assert_eq!(Frequency::of_period(&text).into_iter().collect::<Vec<_>>(), named);
        }
    }
}
