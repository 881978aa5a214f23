//! `[reminders]` of the configuration: which mail server, and whom to write to.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv6Addr},
    path::PathBuf,
};

use birge_proto::identity::AgencyId;
use birge_schemas::i18n::Language;
use lettre::message::Mailbox;
use serde::{Deserialize, Serialize};

/// Most days before a deadline, or between two mails.
const DAYS: u16 = 366;

/// Reminders by mail. Without this section there are none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReminderConfig {
    /// The mail server.
    pub host: String,
    /// Its port; by `tls` when absent: 587, 465, 25.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// How what is said to it is kept secret.
    #[serde(default)]
    pub tls: Tls,
    /// Name to sign in with, where the server wants one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// File whose first line is the password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// Whom the mails are from.
    pub from: Mailbox,
    /// So many days before the last day on which figures are in time.
    #[serde(default = "days_before")]
    pub days_before: Vec<u16>,
    /// So many days after a mail on missing figures comes the next.
    #[serde(default = "days_between")]
    pub days_between: u16,
    /// Whom to write to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contact: Vec<Contact>,
}

/// How what is said to the mail server is kept secret.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// By TLS after STARTTLS (RFC 3207); a server that does not offer it is sent nothing.
    #[default]
    Starttls,
    /// By TLS from the first byte (RFC 8314).
    Tls,
    /// Not at all: for a server on this machine.
    None,
}

/// Whom to write to at one participant (decree, article 3(1)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// The participant.
    pub agency: AgencyId,
    /// Its responsible officer.
    pub officer: Mailbox,
    /// The officer's deputy.
    pub deputy: Mailbox,
    /// The language in which both are written to.
    #[serde(default)]
    pub language: Language,
}

fn days_before() -> Vec<u16> {
    vec![14, 3]
}

const fn days_between() -> u16 {
    7
}

impl ReminderConfig {
    /// The server's port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            Tls::Starttls => 587,
            Tls::Tls => 465,
            Tls::None => 25,
        })
    }

    /// The days that a mail looks ahead.
    #[must_use]
    pub fn ahead(&self) -> u16 {
        self.days_before.iter().copied().max().unwrap_or_default()
    }

    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// What is wrong, and what to write instead.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.tls == Tls::None && !on_this_machine(&self.host) {
            return Err(format!(
                "mail to {} would go out in the clear: tls = \"none\" is for a server on this \
                 machine (localhost, 127.0.0.1, ::1); set tls to \"starttls\" or \"tls\"",
                self.host
            ));
        }
        if self.username.is_some() != self.password_file.is_some() {
            return Err("username and password_file go together: give both or neither".to_owned());
        }
        if let Some(days) = self.days_before.iter().find(|days| **days > DAYS) {
            return Err(format!("days_before = {days}: expected 0 to {DAYS}"));
        }
        if !(1..=DAYS).contains(&self.days_between) {
            return Err(format!("days_between = {}: expected 1 to {DAYS}", self.days_between));
        }
        let mut agencies = BTreeSet::new();
        match self.contact.iter().find(|contact| !agencies.insert(&contact.agency)) {
            Some(twice) => Err(format!("{} has two contacts: leave one", twice.agency)),
            None => Ok(()),
        }
    }
}

fn on_this_machine(host: &str) -> bool {
    let loopback = |address: IpAddr| match address {
        IpAddr::V4(address) => address.is_loopback(),
        IpAddr::V6(address) => address == Ipv6Addr::LOCALHOST,
    };
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(loopback)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(more: &str) -> ReminderConfig {
        let text = format!("from = \"exchange@birge.example\"\n{more}");
        toml::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn without_tls_mail_stays_on_this_machine() {
        for host in ["localhost", "LOCALHOST", "127.0.0.1", "127.1.2.3", "::1"] {
            let config = config(&format!("host = \"{host}\"\ntls = \"none\""));
            assert_eq!((config.check(), config.port()), (Ok(()), 25), "{host}");
        }
        let elsewhere = ["mail.birge.example", "localhost.example", "10.0.0.1", "::ffff:127.0.0.1"];
        for host in elsewhere.into_iter().chain(["0.0.0.0", ""]) {
            let bare = config(&format!("host = \"{host}\"\ntls = \"none\"")).check();
            assert!(bare.unwrap_err().contains("set tls to \"starttls\""), "{host}");
            for (tls, port) in [("starttls", 587), ("tls", 465)] {
                let config = config(&format!("host = \"{host}\"\ntls = \"{tls}\""));
                assert_eq!((config.check(), config.port()), (Ok(()), port), "{host} by {tls}");
            }
        }
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        let contact = "[[contact]]\nagency = \"NSC\"\nofficer = \"officer@nsc.example\"\n\
                       deputy = \"deputy@nsc.example\"\n";
        for (more, says) in [
            ("username = \"birge\"", "give both or neither"),
            ("password_file = \"secret\"", "give both or neither"),
            ("days_before = [3, 400]", "days_before = 400"),
            ("days_between = 0", "days_between = 0"),
            (&*contact.repeat(2), "NSC has two contacts"),
        ] {
            let wrong = config(&format!("host = \"mail.birge.example\"\n{more}")).check();
            assert!(wrong.clone().unwrap_err().contains(says), "{more}: {wrong:?}");
        }
        let bad = "host = \"mail.birge.example\"\nfrom = \"nobody\"";
        assert!(toml::from_str::<ReminderConfig>(bad).is_err(), "no address");
    }
}
