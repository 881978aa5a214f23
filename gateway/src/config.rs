//! The gateway's configuration: one TOML file of sections, each handed to one component.
//!
//! Relative paths are taken from the folder that the file lies in.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    account::AccountConfig,
    journal::JournalConfig,
    ledger::LedgerConfig,
    reminder::config::ReminderConfig,
    witness::{HttpWitness, WitnessConfig},
};

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Names of this exchange.
    pub exchange: Exchange,
    /// Where it listens.
    #[serde(default)]
    pub listen: Listen,
    /// Where its state lies.
    #[serde(default)]
    pub paths: Paths,
    /// The journal.
    #[serde(default)]
    pub journal: JournalConfig,
    /// The ledger.
    #[serde(default)]
    pub ledger: LedgerConfig,
    /// What one principal may ask for.
    #[serde(default)]
    pub quota: Quota,
    /// The accounts of persons.
    #[serde(default)]
    pub accounts: AccountConfig,
    /// How cosignatures are gathered.
    #[serde(default)]
    pub witnesses: WitnessConfig,
    /// Witnesses that the gateway can reach; the others come by themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub witness: Vec<HttpWitness>,
    /// How browsers come to the portal.
    #[serde(default, skip_serializing_if = "Portal::is_default")]
    pub portal: Portal,
    /// Reminders by mail; none when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminders: Option<ReminderConfig>,
}

/// Names of this exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// Trust domain of the SAN URIs: `birge.example`.
    pub trust_domain: String,
    /// Origin line of the log's checkpoints: `birge.example/log`.
    pub origin: String,
    /// Names under which nodes reach the gateway; they stand in its TLS certificate.
    pub server_names: Vec<String>,
}

/// Where it listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// gRPC and SDMX REST over mutual TLS, for everybody who is enrolled.
    pub exchange: SocketAddr,
    /// HTTPS without client certificates, for anybody: the portal, the log's checkpoint and tiles,
    /// and over gRPC and SDMX REST figures that are public.
    pub public: SocketAddr,
    /// HTTPS without client certificates, for persons: the portal, accounts, and with a session or
    /// token the gRPC services for figures and for the log, and SDMX REST.
    pub people: SocketAddr,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            exchange: (Ipv4Addr::LOCALHOST, 7443).into(),
            public: (Ipv4Addr::LOCALHOST, 7444).into(),
            people: (Ipv4Addr::LOCALHOST, 7445).into(),
        }
    }
}

/// How browsers come to the portal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Portal {
    /// A certificate that browsers know, as PEM: whoever asks for one of its names is shown it. By
    /// `server_names` nodes ask, which know the exchange's own alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// Its key, as PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// Where persons sign in, as the pages for anybody tell it; they tell nothing when it is empty.
    pub people: String,
}

impl Portal {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Where its state lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Paths {
    /// Private keys and certificates; to be backed up apart from the journal.
    pub keys: PathBuf,
    /// The journal: the only durable truth.
    pub journal: PathBuf,
    /// Tiles and checkpoint; can be rebuilt from the journal.
    pub ledger: PathBuf,
    /// Index of submissions; can be rebuilt from the journal.
    pub index: PathBuf,
    /// What persons sign in with; to be backed up with the keys.
    pub accounts: PathBuf,
    /// Who was reminded when; can be lost without harm.
    pub reminders: PathBuf,
}

impl Default for Paths {
    fn default() -> Self {
        Self {
            keys: "keys".into(),
            journal: "journal".into(),
            ledger: "ledger".into(),
            index: "index".into(),
            accounts: "accounts".into(),
            reminders: "reminders".into(),
        }
    }
}

/// What one principal may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quota {
    /// Records that one principal may cause each minute; further requests are refused and
    /// recorded in sums.
    pub records_per_minute: u32,
    /// Records that all who do not say who they are may cause together each minute.
    pub public_records_per_minute: u32,
    /// Batches of one principal received at the same time.
    pub submissions_at_once: usize,
    /// Bytes of batches of one principal held in memory at the same time.
    pub intake_bytes: usize,
}

impl Default for Quota {
    fn default() -> Self {
        Self {
            records_per_minute: 6_000,
            public_records_per_minute: 600,
            submissions_at_once: 4,
            intake_bytes: 1 << 30,
        }
    }
}

impl Config {
    /// Reads a configuration file and makes its paths absolute.
    ///
    /// # Errors
    /// When the file cannot be read, does not parse, holds an unknown key, or what does not go
    /// together.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(file)
            .map_err(|error| ConfigError::Unreadable(file.to_owned(), error))?;
        let mut config: Self =
            toml::from_str(&text).map_err(|error| ConfigError::Wrong(file.to_owned(), error))?;
        let folder = file.parent().unwrap_or_else(|| Path::new("."));
        let Paths { keys, journal, ledger, index, accounts, reminders } = &mut config.paths;
        let password = config.reminders.as_mut().and_then(|mail| mail.password_file.as_mut());
        let paths = [keys, journal, ledger, index, accounts, reminders];
        let Portal { certificate, key, people } = &mut config.portal;
        if certificate.is_some() != key.is_some() {
            return Err(ConfigError::Portal("certificate and key go together".into()));
        }
        if !people.is_empty() && !people.starts_with("https://") {
            return Err(ConfigError::Portal(format!("people = {people:?} is no https:// address")));
        }
        let portal = certificate.iter_mut().chain(key);
        for path in paths.into_iter().chain(password).chain(portal) {
            *path = folder.join(&*path);
        }
        if let Some(Err(unfit)) = config.reminders.as_ref().map(ReminderConfig::check) {
            return Err(ConfigError::Mail(unfit));
        }
        Ok(config)
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}: {error}; name it with --config", path = .0.display(), error = .1)]
    Unreadable(PathBuf, std::io::Error),
    /// It does not parse, or holds an unknown key.
    #[error("the configuration {path} is wrong: {error}", path = .0.display(), error = .1)]
    Wrong(PathBuf, toml::de::Error),
    /// The portal cannot be reached as the configuration says.
    #[error("[portal] of the configuration is wrong: {0}")]
    Portal(String),
    /// The mail server cannot be used as the configuration says.
    #[error("[reminders] of the configuration is wrong: {0}")]
    Mail(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_the_defaults() {
        let sample = include_str!("../../deploy/gateway.sample.toml");
        let config: Config = toml::from_str(sample).unwrap();
        assert_eq!(config.listen, Listen::default());
        assert_eq!(config.paths, Paths::default());
        assert_eq!(config.journal, JournalConfig::default());
        assert_eq!(config.ledger, LedgerConfig::default());
        assert_eq!(config.quota, Quota::default());
        assert_eq!(config.accounts, AccountConfig::default());
        assert_eq!(config.witnesses, WitnessConfig::default());
        assert_eq!(config.witness, []);
        assert_eq!(config.reminders, None);
        assert_eq!(config.portal, Portal::default());
    }

    #[test]
    fn the_sample_shows_how_browsers_come() {
        let sample = include_str!("../../deploy/gateway.sample.toml");
        let (_, shown) = sample.split_once("# [portal]").unwrap();
        let (shown, _) = shown.split_once("\n\n").unwrap();
        let shown = shown.replace("\n# ", "\n");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gateway.toml");
        let load = |portal: &str| {
            fs::write(&file, format!("{sample}\n[portal]{portal}")).unwrap();
            Config::load(&file).map(|config| config.portal).map_err(|error| error.to_string())
        };
        let portal = load(&shown).unwrap();
        assert_eq!(portal.key, Some(folder.path().join("keys/portal.key")));
        assert!(portal.people.starts_with("https://"));
        assert!(load("\ncertificate = \"a\"").unwrap_err().contains("go together"));
        assert!(load("\npeople = \"http://a\"").unwrap_err().contains("no https://"));
    }

    #[test]
    fn the_sample_shows_how_to_remind_with_the_defaults() {
        let sample = include_str!("../../deploy/gateway.sample.toml");
        let (_, shown) = sample.split_once("# [reminders]").unwrap();
        let shown = format!("[reminders]{}", shown.replace("\n# ", "\n"));
        let bare = "[reminders]\nhost = \"mail.birge.example\"\nfrom = \"birge@birge.example\"";
        let [shown, bare] = [&shown, bare].map(|reminders| {
            let config: Config = toml::from_str(&format!("{sample}\n{reminders}")).unwrap();
            config.reminders.unwrap()
        });
        assert_eq!(shown.check(), Ok(()));
        assert_eq!(shown.contact[0].agency.as_str(), "NSC");
        assert_eq!(shown.port, Some(bare.port()));
        let without = ReminderConfig {
            port: None,
            username: None,
            password_file: None,
            contact: vec![],
            ..shown
        };
        assert_eq!(without, bare);
    }

    #[test]
    fn the_sample_shows_how_a_witness_is_reached() {
        let sample = include_str!("../../deploy/gateway.sample.toml");
        let (_, shown) = sample.split_once("# [[witness]]").unwrap();
        let (shown, _) = shown.split_once("\n\n").unwrap();
        let shown = shown.replace("\n# ", "\n");
        let config: Config = toml::from_str(&format!("{sample}\n[[witness]]{shown}")).unwrap();
        assert_eq!(config.witness[0].identity, "agency/NSC".parse().unwrap());
        assert!(config.witness[0].url.starts_with("http://"));
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let sample = include_str!("../../deploy/gateway.sample.toml");
        assert!(toml::from_str::<Config>(&format!("surprise = 1\n{sample}")).is_err());
    }
}
