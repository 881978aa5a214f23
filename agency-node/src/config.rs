//! The node's configuration: one TOML file of sections, each handed to one component.
//!
//! Everything else the node keeps lies in the folder of this file; see [`crate::home`].

mod source;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use birge_proto::identity::Identity;
use serde::{Deserialize, Serialize};

pub use self::source::{Every, Http, Source, Sql, Tls};
use crate::{i18n::Language, output::Failure};

/// The whole file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Who the node speaks for: `agency/NSC`, `auditor/COA`.
    pub identity: Identity,
    /// In which language the node writes to people.
    #[serde(default)]
    pub language: Language,
    /// Where the gateway is.
    pub gateway: Gateway,
    /// What every batch says of its sender.
    #[serde(default)]
    pub batch: Batch,
    /// Who must approve a batch before it is signed.
    #[serde(default)]
    pub approval: Approval,
    /// How the inbox is watched.
    #[serde(default)]
    pub inbox: Inbox,
    /// What the ministry already has.
    #[serde(default, rename = "source", skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
    /// How a gateway that is away is tried again.
    #[serde(default)]
    pub retry: Retry,
    /// How the node witnesses the log.
    #[serde(default)]
    pub witness: Witness,
    /// Whose statements are believed.
    #[serde(default)]
    pub trust: Trust,
    /// The node's own window and door.
    #[serde(default)]
    pub console: Console,
}

/// Where the gateway is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gateway {
    /// Its address: `https://localhost:7443`. The name must stand in its certificate.
    pub url: String,
    /// Seconds after which an attempt to connect counts as failed.
    #[serde(default = "patience")]
    pub connect_timeout_seconds: u64,
    /// Thousands of bits a second that are sent at most; 0: as fast as the line allows.
    #[serde(default)]
    pub upload_kbit_per_second: u64,
    /// A proxy through which the gateway is reached (HTTP CONNECT): `http://NAME:PORT`; empty: none.
    #[serde(default)]
    pub proxy: String,
    /// A file with what the proxy asks for, `USER:PASSWORD`, which its owner alone may read; empty:
    /// it asks for nothing.
    #[serde(default)]
    pub proxy_credentials_file: PathBuf,
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            url: "https://localhost:7443".into(),
            connect_timeout_seconds: patience(),
            upload_kbit_per_second: 0,
            proxy: String::new(),
            proxy_credentials_file: PathBuf::new(),
        }
    }
}

/// What every batch says of its sender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Batch {
    /// Whom to ask about a batch: an office and its address.
    pub contact: String,
    /// Who approves what is handed in (article 5(1)): the office held. Nobody does unless the
    /// file says so, and then nothing can be handed in.
    pub officer: String,
}

impl Default for Batch {
    fn default() -> Self {
        Self { contact: "statistics unit".into(), officer: String::new() }
    }
}

/// Four eyes (article 5(1)); see [`crate::approval`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Approval {
    /// Is a batch signed only once an approver's key has approved it?
    pub required: bool,
}

/// How the inbox is watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Inbox {
    /// Seconds between two full looks into the inbox, should the system report no change.
    pub scan_seconds: u64,
    /// Seconds for which a file must not have changed before it is taken.
    pub settle_seconds: u64,
}

impl Default for Inbox {
    fn default() -> Self {
        Self { scan_seconds: 60, settle_seconds: 2 }
    }
}

impl Inbox {
    /// Time between two full looks.
    #[must_use]
    pub fn scan(&self) -> Duration {
        Duration::from_secs(self.scan_seconds.max(1))
    }

    /// Time without a change.
    #[must_use]
    pub fn settle(&self) -> Duration {
        Duration::from_secs(self.settle_seconds)
    }
}

/// How a gateway that is away is tried again: after waits that double, with jitter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// Seconds before the second attempt.
    pub first_seconds: u64,
    /// Seconds beyond which the wait grows no more.
    pub longest_seconds: u64,
}

impl Default for Retry {
    fn default() -> Self {
        Self { first_seconds: 1, longest_seconds: 300 }
    }
}

/// How the node witnesses the log (article 9(2)), and with whom it compares what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Witness {
    /// Address for C2SP's witness protocol over plain HTTP, such as `127.0.0.1:7461`; empty for
    /// none. What is said there is signed, so that nobody needs to trust the connection.
    pub listen: String,
    /// Other witnesses: `http://host:port`.
    pub peers: Vec<String>,
    /// Whatever else serves the log's `/checkpoint`, such as a mirror: `https://host`.
    pub mirrors: Vec<String>,
    /// Seconds between two comparisons with peers and mirrors.
    pub compare_seconds: u64,
    /// Hours between two audits of the whole log; 0 for none.
    pub audit_hours: u64,
}

impl Default for Witness {
    fn default() -> Self {
        Self {
            listen: String::new(),
            peers: vec![],
            mirrors: vec![],
            compare_seconds: 300,
            audit_hours: 24,
        }
    }
}

impl Witness {
    /// Time between two comparisons.
    #[must_use]
    pub fn compare(&self) -> Duration {
        Duration::from_secs(self.compare_seconds.max(1))
    }

    /// Time between two audits, where there are any.
    #[must_use]
    pub fn audit(&self) -> Option<Duration> {
        (self.audit_hours > 0).then(|| Duration::from_secs(self.audit_hours.saturating_mul(3600)))
    }
}

/// Whose statements are believed of keys and decrees (articles 3(1) and 3(4)).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Trust {
    /// Public keys of the authority, 32 bytes in hex each. Where any is named here, `enrolled.json`
    /// may name no other.
    pub authority_keys: Vec<String>,
    /// How many of these keys must have signed a decree; 0: all of them. `enrolled.json` must say
    /// the same.
    pub authority_quorum: u64,
}

/// The node's own window and door, for this machine alone; see [`crate::console`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Console {
    /// Where `run` serves pages, the push API and metrics: `127.0.0.1:7480`; empty: nowhere. An
    /// address that others could reach is refused.
    pub listen: String,
}

/// A line of 64 kbit/s with seconds of delay takes so long to open a connection.
fn patience() -> u64 {
    30
}

impl Config {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// When the file cannot be read, does not parse, or holds an unknown key.
    pub fn load(file: &Path) -> Result<Self, Failure> {
        let text = fs::read_to_string(file).map_err(|error| {
            Failure::Usage(format!(
                "cannot read the configuration {}: {error}\nnext: name it with --config, or make a \
                 node with `agency-node init`",
                file.display()
            ))
        })?;
        toml::from_str(&text).map_err(|error| {
            Failure::Usage(format!(
                "the configuration {} is wrong: {error}\nnext: correct that line; \
                 deploy/node.sample.toml shows every key",
                file.display()
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = include_str!("../../deploy/node.sample.toml");

    #[test]
    fn the_sample_is_the_defaults() {
        let config: Config = toml::from_str(SAMPLE).unwrap();
        assert_eq!(config.gateway, Gateway::default());
        assert_eq!(config.batch.contact, Batch::default().contact);
        assert!(Batch::default().officer.is_empty() && !config.batch.officer.is_empty());
        assert_eq!(config.approval, Approval::default());
        assert_eq!(config.inbox, Inbox::default());
        assert_eq!(config.retry, Retry::default());
        assert_eq!(config.witness, Witness::default());
        assert_eq!(config.trust, Trust::default());
        assert_eq!(config.console, Console::default());
    }

    /// What the sample says of sources stands behind `#`, so that it is tried here.
    #[test]
    fn the_sources_of_the_sample_are_read() {
        let from = SAMPLE.find("# [[source]]").unwrap();
        let to = SAMPLE.find("[retry]").unwrap();
        let lines = SAMPLE[from..to].lines().filter_map(|line| line.strip_prefix("# "));
        let is_toml = |line: &&str| line.starts_with(['[', ' ']) || line.contains('=');
        let sources = lines.filter(|line| !line.starts_with('#')).filter(is_toml);
        let sources = sources.collect::<Vec<_>>().join("\n");
        let config: Config = toml::from_str(&format!("{SAMPLE}\n{sources}")).unwrap();
        let [files, registry, portal] = &config.sources[..] else { panic!("{sources}") };
        assert!(files.sql.is_none() && files.keep && files.lag == 1 && files.time_zone == "UTC");
        let sql = registry.sql.as_ref().unwrap();
        assert_eq!(
            (sql.tls, sql.timeout_seconds, sql.max_rows),
            (Tls::VerifyFull, 600, 10_000_000)
        );
        assert_eq!(registry.period, Some(Every::Quarter));
        let http = portal.http.as_ref().unwrap();
        assert_eq!((http.timeout_seconds, http.retry_seconds, http.plain), (600, 2, false));
    }

    #[test]
    fn an_unknown_key_is_refused() {
        assert!(toml::from_str::<Config>(&format!("surprise = 1\n{SAMPLE}")).is_err());
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("node.toml");
        assert_eq!(Config::load(&file).unwrap_err().exit(), crate::output::Exit::Usage);
        fs::write(&file, "identity = \"agency/nsc\"").unwrap();
        assert!(Config::load(&file).unwrap_err().to_string().contains("agency/nsc"));
    }
}
