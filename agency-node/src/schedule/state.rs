//! What a source was asked, and what came of it: a file under `state/schedules`.

use std::{collections::BTreeSet, fs, io, path::PathBuf};

use birge_proto::clock::Timestamp;
use serde::{Deserialize, Serialize};

use super::plan::delay;
use crate::{
    home::{self, Home},
    output::Failure,
    pull::Pulled,
};

/// Times that were met of which each is kept; older ones are in sum.
const KEPT: usize = 200;

/// What a source was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct State {
    /// The times in words; other times begin anew.
    times: String,
    /// Since when the source has these: what was due before is not asked.
    since: Timestamp,
    /// Times until here are met, or were passed over.
    until: Timestamp,
    /// Times after that which are met. One of them may lie ahead, where the clock was put back.
    met: BTreeSet<Timestamp>,
    /// The time that is being met, or was not met yet.
    pub open: Option<Open>,
    /// What came of the newest time that was met.
    pub last: Option<Last>,
}

/// A time that is not met yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Open {
    /// When it was due.
    pub due: Timestamp,
    /// How often the source was asked.
    pub attempts: u32,
    /// When it was asked last.
    pub began: Timestamp,
    /// When it is asked again.
    pub again: Timestamp,
    /// Why it failed; none while it is being asked.
    pub trouble: Option<String>,
}

/// What came of a time that was met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Last {
    /// When it was due.
    pub due: Timestamp,
    /// When it was met.
    pub at: Timestamp,
    /// The period that was asked for.
    pub period: Option<String>,
    /// What came; none where that was what came before, or the node ended before it was noted.
    pub pulled: Option<Pulled>,
}

impl State {
    /// What is kept of a source; the beginning where nothing is.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn load(home: &Home, name: &str) -> Result<Self, Failure> {
        let path = path(home, name);
        let wrong = |error: &dyn std::error::Error| {
            Failure::Wrong(format!(
                "cannot read {}: {error}\nnext: restore it from your backup, or delete it; the \
                 source is asked again from its next time on then",
                path.display()
            ))
        };
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| wrong(&error)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(wrong(&error)),
        }
    }

    /// Keeps it so that neither `kill -9` nor a power cut loses it.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn save(&self, home: &Home, name: &str) -> Result<(), Failure> {
        home::create_dir(&home.join("state/schedules"))?;
        let json = serde_json::to_vec_pretty(self).map_err(anyhow::Error::from)?;
        home::write(&path(home, name), &json)
    }

    /// The state of a source whose times are these at `now`: times that it did not have before
    /// count from now on.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn seen(
        mut self,
        home: &Home,
        name: &str,
        times: &str,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        if self.times != times {
            self = Self { times: times.into(), since: now, open: None, ..self };
        } else if now < self.since {
            // The clock was wrong then, or is now: what is due from now on is asked.
            self.since = now;
        } else {
            return Ok(self);
        }
        self.save(home, name)?;
        Ok(self)
    }

    /// Is a time to be met still?
    #[must_use]
    pub fn is_open(&self, due: Timestamp) -> bool {
        due > self.since && due > self.until && !self.met.contains(&due)
    }

    /// When a time that was not met is tried again; none where it was not tried yet.
    #[must_use]
    pub fn again(&self, due: Timestamp) -> Option<Timestamp> {
        self.open.as_ref().filter(|open| open.due == due).map(|open| open.again)
    }

    /// Notes that the source is being asked; whether it was for this time before, without that
    /// its end was noted.
    pub fn begin(&mut self, due: Timestamp, now: Timestamp) -> bool {
        let before = self.open.take().filter(|open| open.due == due);
        let attempts = before.as_ref().map_or(0, |open| open.attempts).saturating_add(1);
        let again = now.checked_add(delay(attempts)).unwrap_or(now);
        self.open = Some(Open { due, attempts, began: now, again, trouble: None });
        before.is_some_and(|open| open.trouble.is_none())
    }

    /// Notes that a time was met.
    pub fn met(
        &mut self,
        due: Timestamp,
        at: Timestamp,
        period: Option<String>,
        pulled: Option<Pulled>,
    ) {
        self.met.insert(due);
        while self.met.len() > KEPT {
            self.until = self.met.pop_first().map_or(self.until, |first| first.max(self.until));
        }
        self.open = None;
        self.last = Some(Last { due, at, period, pulled });
    }

    /// Notes that the source failed; when it is asked again.
    pub fn failed(&mut self, now: Timestamp, failure: &Failure) -> Timestamp {
        let Some(open) = &mut self.open else { return now };
        open.again = now.checked_add(delay(open.attempts)).unwrap_or(now);
        open.trouble = Some(failure.to_string());
        open.again
    }
}

fn path(home: &Home, name: &str) -> PathBuf {
    home.join("state/schedules").join(name)
}
