//! Reminders by mail, to the officers of those who owe figures (decree, articles 3(1), 4(2)):
//! some days before a deadline, and when it has passed, again and again until the figures come.
//!
//! [`config`] says to whom, `plan` what is told on which day, `letter` in which words; `mail`
//! is the way to the server, and `told` remembers. Nothing of it is an exchange of figures, so
//! nothing of it is a record; and whatever fails here stops nothing else.

pub mod config;
mod letter;
mod mail;
mod plan;
mod told;

use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use birge_proto::{
    clock::{SharedClock, Timestamp},
    identity::AgencyId,
    problem::Problem,
};
use jiff::civil::Date;
use lettre::message::Mailbox;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use self::{config::ReminderConfig, mail::Unsent, plan::Owed, told::Told};
pub use self::{letter::Letter, mail::Mailer};
use crate::catalog::{Catalog, State};

/// Between two looks at what is due.
const LOOK: Duration = Duration::from_secs(60);
/// Between the first two tries when the mail server is away.
const SOON: Duration = Duration::from_secs(1);
/// Between two tries when it stays away.
const LATER: Duration = Duration::from_secs(600);

/// A mail that is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reminder {
    /// Who owes figures.
    pub agency: AgencyId,
    /// `officer` or `deputy`.
    pub capacity: &'static str,
    /// To whom.
    pub to: Mailbox,
    /// The day, where the decree is in force.
    pub day: Date,
    /// Its words.
    pub letter: Letter,
}

/// Sends reminders.
pub struct Reminders {
    config: ReminderConfig,
    mailer: Mailer,
    catalog: Arc<Catalog>,
    clock: SharedClock,
    told: Told,
    /// Mails sent since the start.
    sent: u64,
    /// Is it known, and logged, that the server is away?
    away: bool,
    /// Whom the server would not take a mail to, on a day: they are not tried again on it.
    refused: BTreeSet<(Date, String)>,
    /// Those that it put off: told of once.
    put_off: BTreeSet<(Date, String)>,
}

/// What would be sent at `now`, by what is remembered in `folder`.
///
/// # Errors
/// When no decree is in force.
pub fn preview(
    state: &State,
    config: &ReminderConfig,
    folder: &Path,
    now: Timestamp,
) -> Result<Vec<Reminder>, Problem> {
    let owed = Owed::at(state, now, config.ahead())?;
    Ok(reminders(&owed, config, &Told::read(folder)))
}

/// One mail for each who is to be told, in the order of the contacts; who is officer and deputy
/// in one gets one.
fn reminders(owed: &Owed, config: &ReminderConfig, told: &Told) -> Vec<Reminder> {
    let mut reminders: Vec<Reminder> = vec![];
    for contact in &config.contact {
        let agency = &contact.agency;
        for (capacity, to) in [("officer", &contact.officer), ("deputy", &contact.deputy)] {
            let once = |sent: &Reminder| sent.agency != *agency || sent.to.email != to.email;
            let last = told.last(agency, to.email.as_ref());
            let Some(open) = owed.tell(agency, last, config) else { continue };
            if reminders.iter().all(once) {
                let letter = Letter::on(open, agency, owed, contact.language);
                let (agency, to, day) = (agency.clone(), to.clone(), owed.today);
                reminders.push(Reminder { agency, capacity, to, day, letter });
            }
        }
    }
    reminders
}

impl Reminders {
    /// Reminds as `config` says, and remembers in `folder` who was told.
    #[must_use]
    pub fn new(
        config: ReminderConfig,
        mailer: Mailer,
        folder: &Path,
        catalog: Arc<Catalog>,
        clock: SharedClock,
    ) -> Self {
        let (told, refused, put_off) = (Told::read(folder), BTreeSet::new(), BTreeSet::new());
        Self { config, mailer, catalog, clock, told, sent: 0, away: false, refused, put_off }
    }

    /// Reminds until `stop`, once nothing is `barred`: on an old copy of its data the gateway
    /// would call missing what came long ago. A mail that is under way is finished.
    pub async fn run(
        mut self,
        mut barred: watch::Receiver<Option<Problem>>,
        stop: CancellationToken,
    ) {
        let free = async { barred.wait_for(Option::is_none).await.is_ok() };
        let free = stop.run_until_cancelled(free).await;
        if free != Some(true) {
            return;
        }
        self.warn_of_contacts();
        let mut tries = None;
        while !stop.is_cancelled() {
            let reached = self.round(&stop).await;
            let wait = match reached {
                true => {
                    tries = None;
                    LOOK
                }
                false => tries.get_or_insert_with(backoff).next().unwrap_or(LATER),
            };
            if stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
                return;
            }
        }
    }

    /// Sends what is to be sent now; whether the server could be reached, where it had to be.
    async fn round(&mut self, stop: &CancellationToken) -> bool {
        let now = self.clock.now();
        let owed = self.catalog.read(|state| Owed::at(state, now, self.config.ahead()));
        let Ok(owed) = owed else { return true }; // no decree: nothing is owed
        self.refused.retain(|(day, _)| *day == owed.today);
        self.put_off.retain(|(day, _)| *day == owed.today);
        for reminder in reminders(&owed, &self.config, &self.told) {
            if stop.is_cancelled() {
                return true;
            }
            if !self.send(reminder, now).await {
                return false;
            }
        }
        true
    }

    /// Sends one mail and remembers it; false where the server is away.
    async fn send(&mut self, reminder: Reminder, now: Timestamp) -> bool {
        let Reminder { agency, capacity, to, day, letter } = reminder;
        let address = to.email.to_string();
        let key = (day, address.clone());
        if self.refused.contains(&key) {
            return true;
        }
        let id = format!("reminder.{agency}.{capacity}.{day}");
        match self.mailer.send(&to, &letter, &id, now).await {
            Ok(()) => {}
            Err(Unsent::Refused(error)) => {
                tracing::warn!(
                    %agency, capacity, error,
                    "the mail server refuses a reminder: it is tried again tomorrow"
                );
                self.refused.insert(key);
                return true;
            }
            Err(Unsent::PutOff(error)) => {
                if self.put_off.insert(key) {
                    tracing::warn!(%agency, capacity, error, "the mail server puts a reminder off");
                }
                return true; // the next look tries again; the others are told now
            }
            Err(Unsent::Away(error)) => {
                if !std::mem::replace(&mut self.away, true) {
                    let server = &self.config.host;
                    tracing::warn!(server, error, "reminders wait: the mail server is away");
                }
                return false;
            }
        }
        if std::mem::take(&mut self.away) {
            tracing::info!("the mail server is there again");
        }
        self.sent += 1;
        tracing::info!(%agency, capacity, sent = self.sent, "a reminder was sent");
        if let Err(error) = self.told.note(&agency, &address, day) {
            tracing::warn!(%error, "who was reminded is not on the disk: a restart reminds again");
        }
        true
    }

    fn warn_of_contacts(&self) {
        let decree = self.catalog.read(|state| state.decree_at(self.clock.now()));
        for odd in decree.iter().flat_map(|decree| plan::oddities(&self.config.contact, decree)) {
            tracing::warn!("reminders: {odd}");
        }
    }
}

fn backoff() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(SOON)
        .with_max_delay(LATER)
        .with_jitter()
        .without_max_times()
        .build()
}
