//! When a source is due, and for which period it is asked then.

use std::str::FromStr;

use birge_proto::clock::Timestamp;
use croner::Cron;
use jiff::tz::TimeZone;

use crate::{
    config::{Every, Source},
    output::Failure,
    pull::{self, Asked},
};

/// Times before the one that is met that are looked at.
const LOOKED_AT: usize = 400;

/// The times of a source.
#[derive(Debug, Clone)]
pub struct Times {
    cron: Cron,
    zone: TimeZone,
    text: String,
    every: Option<(Every, u16)>,
}

impl Times {
    /// Those that node.toml gives a source; none where it is asked by hand alone.
    ///
    /// # Errors
    /// When they cannot be read, or there is nothing to ask.
    pub fn of(source: &Source) -> Result<Option<Self>, Failure> {
        let Some(schedule) = &source.schedule else { return Ok(None) };
        let wrong = |why: String| {
            Failure::Usage(format!(
                "the schedule {schedule:?} of {} is wrong: {why}\nnext: write minute, hour, day of \
                 the month, month, day of the week in node.toml: \"0 6 5 * *\" is six o'clock on \
                 each fifth",
                source.name
            ))
        };
        if schedule.split_whitespace().count() != 5 {
            return Err(wrong("it has five fields".into()));
        }
        if !pull::can_be_asked(source) {
            return Err(wrong("node.toml does not say where the figures are".into()));
        }
        let cron = Cron::from_str(schedule).map_err(|error| wrong(error.to_string()))?;
        let zone = pull::command::time_zone(source)?;
        let text = format!("{schedule} {}", source.time_zone);
        let every = source.period.map(|every| (every, source.lag));
        Ok(Some(Self { cron, zone, text, every }))
    }

    /// The times in words, to tell whether they were changed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The newest time until `now`; none where there is none.
    #[must_use]
    pub fn newest(&self, now: Timestamp) -> Option<Timestamp> {
        let now = now.to_zoned(self.zone.clone());
        Some(self.cron.find_previous_occurrence(&now, true).ok()?.timestamp())
    }

    /// The first time after `now`; none where there is none.
    #[must_use]
    pub fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let now = now.to_zoned(self.zone.clone());
        Some(self.cron.find_next_occurrence(&now, false).ok()?.timestamp())
    }

    /// Periods of the times before `due` that are `open`, newest first, but for the one that is asked
    /// for at `due`. They are looked for among the last times that there were.
    #[must_use]
    pub fn passed(&self, due: Timestamp, open: impl Fn(Timestamp) -> bool) -> Vec<String> {
        let mut periods = vec![self.asked(due).period];
        let mut time = due.to_zoned(self.zone.clone());
        for _ in 0..LOOKED_AT {
            let Ok(before) = self.cron.find_previous_occurrence(&time, false) else { break };
            if !open(before.timestamp()) {
                break;
            }
            let period = self.asked(before.timestamp()).period;
            if !periods.contains(&period) {
                periods.push(period);
            }
            time = before;
        }
        periods.into_iter().skip(1).flatten().collect()
    }

    /// What is asked for at a time.
    #[must_use]
    pub fn asked(&self, due: Timestamp) -> Asked {
        let day = due.to_zoned(self.zone.clone()).date();
        self.every.map(|(every, lag)| Asked::before(day, every, lag)).unwrap_or_default()
    }

    /// A time as the source's clocks show it.
    #[must_use]
    pub fn shown(&self, time: Timestamp) -> String {
        time.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M %Z").to_string()
    }
}
