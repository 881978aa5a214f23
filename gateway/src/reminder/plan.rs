//! What somebody is told on which day (decree, article 4(2)). Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use birge_proto::{
    clock::Timestamp,
    identity::AgencyId,
    problem::{Kind, Problem},
};
use birge_schemas::structure::Structures;
use jiff::{SignedDuration, ToSpan, civil::Date};

use super::config::{Contact, ReminderConfig};
use crate::{catalog::State, decree::Decree};

/// Figures that are owed and have not come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Open {
    /// The last day on which they are in time.
    pub(super) last_day: Date,
    /// Dataset.
    pub(super) dataset: String,
    /// Period.
    pub(super) period: String,
}

/// All that is open on one day.
pub(super) struct Owed {
    /// The day, where the decree is in force.
    pub(super) today: Date,
    /// The decree in force.
    pub(super) decree: Arc<Decree>,
    /// The datasets.
    pub(super) structures: Arc<Structures>,
    /// By who owes it, by last day. Nothing is asked of who is suspended (article 10), nor of
    /// anybody once the log is frozen: it would not be taken.
    by_agency: BTreeMap<AgencyId, Vec<Open>>,
}

impl Owed {
    /// What is missing at `now`, and what falls due within `ahead` days.
    ///
    /// # Errors
    /// When no decree is in force.
    pub(super) fn at(state: &State, now: Timestamp, ahead: u16) -> Result<Self, Problem> {
        let now = state.registry.present(now);
        let decree = state.decree_at(now)?;
        let today = decree.day(now);
        let beyond = |_| Problem::new(Kind::Internal, "the calendar ends");
        let horizon = today.checked_add(i64::from(ahead).days()).map_err(beyond)?;
        // A deadline is the first moment of the day after the last.
        let hours = 24 * (i64::from(ahead) + 2);
        let until = now.checked_add(SignedDuration::from_hours(hours)).map_err(beyond)?;
        let ended = state.registry.log().successor().is_some();
        let obligations = if ended { vec![] } else { decree.obligations(until) };
        let mut by_agency: BTreeMap<AgencyId, Vec<Open>> = BTreeMap::new();
        let mut standing: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for owed in obligations {
            let came = standing.entry(owed.dataset.clone()).or_insert_with_key(|dataset| {
                let holding = state.holding(dataset);
                holding.periods().map(|(period, _)| period.to_owned()).collect()
            });
            let last_day = decree.day(owed.deadline).yesterday().map_err(beyond)?;
            if last_day > horizon || came.contains(&owed.period) || decree.suspends(&owed.agency) {
                continue;
            }
            let open = Open { last_day, dataset: owed.dataset, period: owed.period };
            by_agency.entry(owed.agency).or_default().push(open);
        }
        for open in by_agency.values_mut() {
            open.sort_by(|one, other| {
                let key = |open: &Open| (open.last_day, open.dataset.clone(), open.period.clone());
                key(one).cmp(&key(other))
            });
        }
        Ok(Self { today, decree, structures: Arc::clone(&state.structures), by_agency })
    }

    /// What is open at `agency`, if somebody there who was told last on the day `told` is to be
    /// told today.
    pub(super) fn tell(
        &self,
        agency: &AgencyId,
        told: Option<Date>,
        config: &ReminderConfig,
    ) -> Option<&[Open]> {
        let open = self.by_agency.get(agency)?;
        is_told(open, self.today, told, config).then_some(open)
    }
}

/// Whether somebody who was told last on the day `told` is told of `open` today: when a day was
/// reached since then that stands so many days before a last day, or is the first day after
/// one; and of what is missing, again and again. A day on which nothing could be sent is made
/// up for.
fn is_told(open: &[Open], today: Date, told: Option<Date>, config: &ReminderConfig) -> bool {
    let reached = |day: Date| day <= today && told.is_none_or(|told| told < day);
    let after = |told: Date| told.saturating_add(i64::from(config.days_between).days());
    open.iter().any(|open| match open.last_day < today {
        true => {
            let first = open.last_day.saturating_add(1.day());
            reached(first) || told.is_none_or(|told| after(told) <= today)
        }
        false => {
            let mut before = config.days_before.iter();
            before.any(|days| reached(open.last_day.saturating_sub(i64::from(*days).days())))
        }
    })
}

/// What is odd about the contacts, by the decree: it is no reason not to start.
pub(super) fn oddities(contacts: &[Contact], decree: &Decree) -> Vec<String> {
    let takes_part = |agency: &AgencyId| decree.participants().iter().any(|is| is.id == *agency);
    let unknown = contacts.iter().filter(|contact| !takes_part(&contact.agency));
    let unknown = unknown.map(|contact| {
        format!(
            "{} has a contact and is no participant by the decree: nobody there is written to; \
             take it out of [[reminders.contact]], or write its short name as the decree does",
            contact.agency
        )
    });
    let known = |agency: &AgencyId| contacts.iter().any(|contact| contact.agency == *agency);
    let silent = decree.participants().iter().filter(|body| !known(&body.id));
    let silent = silent.map(|body| {
        format!(
            "{} takes part and has no contact: nobody there is reminded; \
             name officer and deputy in [[reminders.contact]]",
            body.id
        )
    });
    unknown.chain(silent).collect()
}

#[cfg(test)]
mod tests;
