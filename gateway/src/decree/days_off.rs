//! Days on which nobody works, where a decree knows of any.

use jiff::civil::{Date, Weekday};
use serde::Deserialize;

use super::article::Article;

/// A deadline on such a day moves to the next one that is none.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DaysOff {
    pub(super) article: Option<Article>,
    #[serde(default)]
    weekdays: Vec<Day>,
    #[serde(default)]
    holidays: Vec<Holiday>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// `03-21` of every year, or `2026-03-30`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
enum Holiday {
    Yearly { month: i8, day: i8 },
    Once(Date),
}

impl TryFrom<String> for Holiday {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no day: expected such as 03-21 or 2026-03-30");
        if let Ok(date) = text.parse() {
            return Ok(Self::Once(date));
        }
        // A leap year has every day that there is.
        let date: Date = format!("2024-{text}").parse().map_err(|_| wrong())?;
        Ok(Self::Yearly { month: date.month(), day: date.day() })
    }
}

impl DaysOff {
    /// `date`, or the next day after it on which people work.
    pub(super) fn working_day_from(&self, date: Date) -> Option<Date> {
        // Were a whole year off, there would be no such day.
        date.series(jiff::ToSpan::days(1)).take(366).find(|date| !self.includes(*date))
    }

    fn includes(&self, date: Date) -> bool {
        let weekday = match date.weekday() {
            Weekday::Monday => Day::Monday,
            Weekday::Tuesday => Day::Tuesday,
            Weekday::Wednesday => Day::Wednesday,
            Weekday::Thursday => Day::Thursday,
            Weekday::Friday => Day::Friday,
            Weekday::Saturday => Day::Saturday,
            Weekday::Sunday => Day::Sunday,
        };
        let falls = |holiday: &Holiday| match *holiday {
            Holiday::Yearly { month, day } => (date.month(), date.day()) == (month, day),
            Holiday::Once(once) => date == once,
        };
        self.weekdays.contains(&weekday) || self.holidays.iter().any(falls)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_moves_over_weekends_and_holidays() {
        let text = r#"{ "article": "4(2)", "weekdays": ["saturday", "sunday"],
            "holidays": ["03-21", "2026-03-23"] }"#;
        let off: DaysOff = serde_json::from_str(text).unwrap();
        let from = |text: &str| off.working_day_from(text.parse().unwrap()).unwrap().to_string();
        assert_eq!(from("2026-03-20"), "2026-03-20");
        assert_eq!(from("2026-03-21"), "2026-03-24", "Navruz, Sunday, and that Monday");
        assert_eq!(from("2025-03-21"), "2025-03-24", "Navruz, Saturday, Sunday");
        assert_eq!(
            DaysOff::default().working_day_from("2026-03-22".parse().unwrap()).unwrap().day(),
            22
        );
        for wrong in ["13-01", "02-30", "2026-02-29", "x", ""] {
            assert!(Holiday::try_from(wrong.to_owned()).is_err(), "{wrong:?}");
        }
        assert!(Holiday::try_from("02-29".to_owned()).is_ok());
    }
}
