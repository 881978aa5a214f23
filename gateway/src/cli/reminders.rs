//! The reminders that go out by mail.

use std::path::Path;

use anyhow::{Result, anyhow};
use birge_proto::clock::Timestamp;
use clap::Subcommand;
use serde_json::{Value, json};

use super::Said;
use crate::{
    catalog::Catalog,
    config::{Config, ConfigError},
    journal,
    reminder::{self, Reminder},
};

/// The reminders that go out by mail.
#[derive(Debug, Subcommand)]
pub(super) enum RemindersCommand {
    /// Show what would be sent today, and to whom, without sending it. Reads the journal beside
    /// a serving gateway.
    Preview,
}

impl RemindersCommand {
    pub(super) fn act(self, file: &Path, now: Timestamp) -> Result<Said> {
        let Self::Preview = self;
        let config = Config::load(file)?;
        let Some(mail) = &config.reminders else {
            let none = "there is none, so nobody is reminded: gateway.sample.toml shows one";
            return Err(ConfigError::Mail(none.to_owned()).into());
        };
        let (_, journal) = journal::inspect(&config.paths.journal, false, |_, _| {})?;
        let folder = &config.paths.reminders;
        let catalog = Catalog::beside(journal)?;
        let reminders = catalog.read(|state| reminder::preview(state, mail, folder, now));
        let reminders = reminders.map_err(|problem| anyhow!("{problem}"))?;
        Ok((words(&reminders), reminders.iter().map(value).collect()))
    }
}

fn words(reminders: &[Reminder]) -> String {
    if reminders.is_empty() {
        return "nobody is to be reminded today, or all have been".to_owned();
    }
    let letter = |reminder: &Reminder| {
        let Reminder { agency, capacity, to, letter, .. } = reminder;
        format!("To: {to} ({capacity} of {agency})\nSubject: {}\n\n{}", letter.subject, letter.body)
    };
    reminders.iter().map(letter).collect::<Vec<_>>().join("\n")
}

fn value(reminder: &Reminder) -> Value {
    let Reminder { agency, capacity, to, day, letter } = reminder;
    json!({
        "agency": agency, "capacity": capacity, "to": to.to_string(), "day": day,
        "subject": letter.subject, "body": letter.body,
    })
}
