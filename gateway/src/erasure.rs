//! Erasing names of persons from records, while the gateway is down.
//!
//! Records, their commitments and the log stay as they are; what opens the commitments goes.
//! The body of a batch is kept for good with the manifest that its agency signed, and a
//! manifest names the office that approved it: there nothing is erased.
//!
//! Source: decree, article 9(4).

use std::{collections::BTreeSet, str::FromStr};

use anyhow::{Result, anyhow};
use birge_proto::{
    clock::{SharedClock, Timestamp},
    record::{Event, Record},
};
use jiff::civil::Date;

use crate::{
    catalog::Catalog,
    config::Config,
    decree::Decree,
    journal::{Class, Opened, Reader},
    sequence::{Draft, Order, Reply},
    wrong::Wrong,
};

/// Up to when records lose their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// The first moment of this day, in the decree's time zone.
    Day(Date),
    /// This moment.
    Moment(Timestamp),
}

impl FromStr for Before {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let day = || text.parse().map(Self::Day);
        text.parse().map(Self::Moment).or_else(|_| day()).map_err(|_| {
            format!("{text:?} is no date; expected 2016-01-31 or 2016-01-31T00:00:00Z")
        })
    }
}

impl Before {
    fn moment(self, decree: &Decree) -> Result<Timestamp> {
        match self {
            Self::Moment(moment) => Ok(moment),
            Self::Day(day) => decree
                .midnight(day)
                .ok_or_else(|| Wrong(format!("the day {day} has no beginning")).into()),
        }
    }
}

/// What was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erased {
    /// In records before this moment.
    pub before: Timestamp,
    /// Records that lost their names.
    pub records: u64,
    /// Records that kept them because of a legal hold.
    pub held: u64,
    /// Number of the exchange that tells of it; none where nothing was to be erased.
    pub exchange: Option<u64>,
}

/// Erases the names in records before `before`, but for those on hold; first it is recorded.
/// After a crash in between, it may be done again.
///
/// # Errors
/// [`Wrong`] when `before` is too late or the log is frozen; any other error when the gateway
/// runs, the journal is damaged, or the disk fails.
pub async fn erase(config: &Config, before: Before, clock: SharedClock) -> Result<Erased> {
    let open = || Opened::open(&config.paths.journal, config.journal.clone());
    let opened = open()?;
    let (catalog, _) = Catalog::open(&config.paths.index, opened.reader())?;
    let now = clock.now();
    let decree = catalog.read(|state| state.decree_at(now)).map_err(|error| anyhow!("{error}"))?;
    let before = before.moment(&decree)?;
    let years = decree.names_erasable_after_years();
    match decree.names_erasable_before(now) {
        Some(latest) if before <= latest => {}
        latest => {
            let latest = latest.map_or_else(String::new, |latest| format!(": up to {latest}"));
            return Err(Wrong(format!(
                "names of persons in records before {before} may not be erased yet; the decree \
                 permits it after {years} years{latest}"
            ))
            .into());
        }
    }
    let registry = catalog.read(|state| state.registry.clone());
    let end = first_since(&opened.reader(), before)?;
    let named: BTreeSet<u64> = opened.reader().names(0..end)?.indices().collect();
    let (held, erased): (BTreeSet<u64>, BTreeSet<u64>) =
        named.into_iter().partition(|index| registry.holds().covers(*index));
    let (records, held) = (erased.len() as u64, held.len() as u64);
    if records == 0 {
        return Ok(Erased { before, records, held, exchange: None });
    }
    let journal = opened.start(clock, Order::new(registry))?;
    let draft = Draft::of("operator/BIRGE".parse()?, Event::NamesErased { before, records });
    let committed = journal.append(Class::Administration, draft).await?;
    journal.close().await;
    if let Reply::Refused(_, detail) = committed.reply {
        return Err(Wrong(detail).into());
    }
    open()?.erase_names(|index| erased.contains(&index))?;
    Ok(Erased { before, records, held, exchange: Some(committed.first) })
}

/// Index of the first record at `time` or later; one past the last where there is none. Their
/// time never runs backwards.
fn first_since(journal: &Reader, time: Timestamp) -> Result<u64> {
    let (mut low, mut high) = (0, journal.size());
    while low < high {
        let middle = low + (high - low) / 2;
        let Some(entry) = journal.entry(middle)? else { break };
        if Record::parse(&entry.record)?.time < time {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_or_a_moment_is_taken_and_nothing_else() {
        assert!(matches!("2016-01-31".parse(), Ok(Before::Day(_))));
        assert!(matches!("2016-01-31T00:00:00Z".parse(), Ok(Before::Moment(_))));
        for text in ["", "2016", "yesterday", "31.01.2016"] {
            assert!(text.parse::<Before>().unwrap_err().contains("expected"), "{text}");
        }
    }
}
