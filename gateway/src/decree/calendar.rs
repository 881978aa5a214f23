//! Periods, and until when their figures are in time (article 4(2)).

use birge_proto::{clock::Timestamp, identity::AgencyId};
use jiff::{ToSpan, civil::Date, tz::TimeZone};

use super::{
    days_off::DaysOff,
    error::DecreeError,
    parameters::{Deadline, Mandate, PARAMETERS, Parameters, PublicRelease},
};

/// What an agency owes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obligation {
    /// Dataset.
    pub dataset: String,
    /// Who hands it in.
    pub agency: AgencyId,
    /// For which period.
    pub period: String,
    /// First moment at which it is late.
    pub deadline: Timestamp,
}

/// Local time and the rules for deadlines.
#[derive(Debug)]
pub(super) struct Calendar {
    zone: TimeZone,
    rules: Vec<Rule>,
    off: DaysOff,
}

#[derive(Debug)]
struct Rule {
    frequency: Frequency,
    months_after: i32,
    day: i8,
}

impl Calendar {
    /// Checks time zone, frequencies and the periods of the mandates.
    pub(super) fn new(parameters: &Parameters) -> Result<Self, DecreeError> {
        let wrong = |what: String| DecreeError::new(PARAMETERS, None, what);
        let zone = TimeZone::get(&parameters.time_zone)
            .map_err(|error| wrong(format!("`timeZone`: {error}")))?;
        let rules = parameters.deadlines.iter().map(|deadline| {
            let Deadline { frequency, months_after, day, .. } = deadline;
            let frequency = Frequency::parse(frequency)
                .ok_or_else(|| wrong(format!("{frequency:?} is no frequency: A, Q or M")))?;
            Ok(Rule { frequency, months_after: *months_after, day: *day })
        });
        let rules = rules.collect::<Result<_, _>>()?;
        let calendar = Self { zone, rules, off: parameters.days_off.clone() };
        for mandate in &parameters.mandates {
            for period in mandate.first_period.iter().chain(&mandate.rounds) {
                if calendar.deadline(mandate, period).is_none() {
                    let Mandate { dataset, frequency, .. } = mandate;
                    return Err(wrong(format!(
                        "{dataset}: {period} is no period of frequency {frequency} with a deadline"
                    )));
                }
            }
        }
        Ok(calendar)
    }

    /// First moment at which figures of `period` are late.
    pub(super) fn deadline(&self, mandate: &Mandate, period: &str) -> Option<Timestamp> {
        let frequency = Frequency::parse(&mandate.frequency)?;
        let due = mandate.demands(period);
        let period = Period::parse(period).filter(|period| period.frequency == frequency && due)?;
        self.late_from(period)
    }

    fn late_from(&self, period: Period) -> Option<Timestamp> {
        let rule = self.rules.iter().find(|rule| rule.frequency == period.frequency)?;
        let month = period.after().checked_add((rule.months_after - 1).months()).ok()?;
        let last_day = month.with().day(rule.day.min(month.days_in_month())).build().ok()?;
        self.midnight(self.off.working_day_from(last_day)?.tomorrow().ok()?)
    }

    /// Everything owed under `mandate` whose deadline is not after `until`.
    pub(super) fn obligations(&self, mandate: &Mandate, until: Timestamp) -> Vec<Obligation> {
        let rounds = mandate.rounds.iter().filter_map(|round| Period::parse(round));
        let first = mandate.first_period.as_deref().and_then(Period::parse);
        let regular = std::iter::successors(first, |period| period.next());
        let due = |period: Period| {
            let deadline = self.late_from(period).filter(|deadline| *deadline <= until)?;
            Some(Obligation {
                dataset: mandate.dataset.clone(),
                agency: mandate.agency.clone(),
                period: period.to_string(),
                deadline,
            })
        };
        rounds.filter_map(due).chain(regular.map_while(due)).collect()
    }

    /// Did `period` end more than `years` before `at`?
    pub(super) fn frozen(&self, period: &str, at: Timestamp, years: i64) -> bool {
        Period::parse(period)
            .and_then(|period| period.after().checked_add(years.years()).ok())
            .and_then(|date| self.midnight(date))
            .is_some_and(|frozen_from| frozen_from < at)
    }

    /// First moment at which figures with this deadline, accepted then, are public.
    pub(super) fn public_from(
        &self,
        rule: &PublicRelease,
        deadline: Option<Timestamp>,
        accepted: Timestamp,
    ) -> Option<Timestamp> {
        // The deadline is the first moment after the last day in time.
        let last_day = deadline.and_then(|deadline| self.day(deadline).yesterday().ok());
        let later = last_day.into_iter().chain([self.day(accepted)]).max()?;
        let release = later.checked_add(rule.days.days()).ok()?.to_datetime(rule.time);
        Some(release.to_zoned(self.zone.clone()).ok()?.timestamp())
    }

    /// The same time of day `years` earlier.
    pub(super) fn years_before(&self, at: Timestamp, years: i64) -> Option<Timestamp> {
        let earlier = at.to_zoned(self.zone.clone()).checked_sub(years.years()).ok()?;
        Some(earlier.timestamp())
    }

    pub(super) fn day(&self, moment: Timestamp) -> Date {
        moment.to_zoned(self.zone.clone()).date()
    }

    pub(super) fn midnight(&self, date: Date) -> Option<Timestamp> {
        date.to_zoned(self.zone.clone()).ok().map(|moment| moment.timestamp())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Frequency {
    Year,
    Quarter,
    Month,
}

impl Frequency {
    fn parse(code: &str) -> Option<Self> {
        match code {
            "A" => Some(Self::Year),
            "Q" => Some(Self::Quarter),
            "M" => Some(Self::Month),
            _ => None,
        }
    }

    fn months(self) -> i32 {
        match self {
            Self::Year => 12,
            Self::Quarter => 3,
            Self::Month => 1,
        }
    }
}

/// `2024`, `2024-Q1` or `2024-01`, by its first day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Period {
    frequency: Frequency,
    first: Date,
    after: Date,
}

impl Period {
    fn parse(text: &str) -> Option<Self> {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let (year, rest) = text.split_at_checked(4).filter(|(year, _)| digits(year))?;
        let (frequency, month) = match rest.strip_prefix('-') {
            None if rest.is_empty() => (Frequency::Year, 1),
            None => return None,
            Some(rest) => match rest.strip_prefix('Q') {
                Some(quarter) if quarter.len() == 1 && digits(quarter) => {
                    let quarter = quarter.parse().ok().filter(|q| (1..=4).contains(q))?;
                    let quarter: i8 = quarter;
                    (Frequency::Quarter, 3 * quarter - 2)
                }
                None if rest.len() == 2 && digits(rest) => (Frequency::Month, rest.parse().ok()?),
                _ => return None,
            },
        };
        Self::starting(frequency, Date::new(year.parse().ok()?, month, 1).ok()?)
    }

    fn starting(frequency: Frequency, first: Date) -> Option<Self> {
        let after = first.checked_add(frequency.months().months()).ok()?;
        Some(Self { frequency, first, after })
    }

    /// First day after it.
    fn after(self) -> Date {
        self.after
    }

    fn next(&self) -> Option<Self> {
        Self::starting(self.frequency, self.after)
    }
}

impl std::fmt::Display for Period {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (year, month) = (self.first.year(), self.first.month());
        match self.frequency {
            Frequency::Year => write!(f, "{year:04}"),
            Frequency::Quarter => write!(f, "{year:04}-Q{}", (month + 2) / 3),
            Frequency::Month => write!(f, "{year:04}-{month:02}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn periods_survive_text_and_follow_each_other() {
        for (text, next) in
            [("2024", "2025"), ("2024-Q4", "2025-Q1"), ("2024-12", "2025-01"), ("0000", "0001")]
        {
            let period = Period::parse(text).unwrap();
            assert_eq!(period.to_string(), text);
            assert_eq!(period.next().unwrap().to_string(), next);
        }
        assert!(Period::parse("9999").is_none(), "its end is beyond the calendar");
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_parser(text in "[0-9Q+-]{0,8}|\\PC{0,6}") {
            if let Some(period) = Period::parse(&text) {
                prop_assert_eq!(period.to_string(), text);
            }
        }
    }
}
