//! The keys that sign the log's checkpoints, and the end of the log.

use std::path::Path;

use anyhow::Result;
use birge_proto::clock::SharedClock;
use clap::Subcommand;
use serde_json::{Value, json};

use super::authority::AuthorityFile;
use crate::{
    ceremony::authority_key,
    config::Config,
    log_key::{self, Changed, key_id},
    operator::ActError,
};

/// The keys that sign the log's checkpoints.
#[derive(Debug, Subcommand)]
pub(super) enum LogKeyCommand {
    /// Make a key; from then on it signs every checkpoint beside those that do already.
    Add {
        #[command(flatten)]
        key: AuthorityFile,
    },
    /// Have a key sign no more; the last one cannot be retired.
    Retire {
        /// The eight hex digits in the key's text.
        id: String,
        #[command(flatten)]
        key: AuthorityFile,
    },
}

impl LogKeyCommand {
    pub(super) async fn act(self, file: &Path, clock: SharedClock) -> Result<(String, Value)> {
        let config = Config::load(file)?;
        let (id, key) = match self {
            Self::Add { key } => (None, key),
            Self::Retire { id, key } => (Some(id), key),
        };
        let authority = authority_key(key.authority.as_deref(), file).map_err(ActError::Input)?;
        let changed = match &id {
            None => log_key::add(&config, &authority, clock).await?,
            Some(id) => log_key::retire(&config, id, &authority, clock).await?,
        };
        let Changed { key, file, active, exchange } = changed;
        let place = config.paths.keys.join(&file);
        let (what, next) = match id {
            None => (
                "added",
                "its file belongs to the backup of keys; leave the nodes time to learn of it \
                 before another is retired",
            ),
            Some(_) => ("retired", "its file is needed no more: destroy it"),
        };
        let signing: Vec<String> = active.iter().map(key_id).collect();
        Ok((
            format!(
                "{what} the log's key {key} as exchange {exchange}\n{place}: {next}\nFrom its \
                 next start the gateway signs with {signing}",
                place = place.display(),
                signing = signing.join(", ")
            ),
            json!({
                "key": key.to_string(), "keyId": key_id(&key), "file": place,
                "exchange": exchange, "active": signing,
            }),
        ))
    }
}

/// The log as a whole.
#[derive(Debug, Subcommand)]
pub(super) enum LogCommand {
    /// Write nothing more to this log, and name the one that goes on from it. It cannot be
    /// undone.
    Freeze {
        /// Origin of the log that goes on.
        #[arg(long, value_name = "ORIGIN")]
        successor: String,
        #[command(flatten)]
        key: AuthorityFile,
    },
}

impl LogCommand {
    pub(super) async fn act(self, file: &Path, clock: SharedClock) -> Result<(String, Value)> {
        let Self::Freeze { successor, key } = self;
        let config = Config::load(file)?;
        let authority = authority_key(key.authority.as_deref(), file).map_err(ActError::Input)?;
        let frozen = log_key::freeze(&config, &successor, &authority, clock).await?;
        let Changed { key, file, exchange, .. } = frozen;
        let place = config.paths.keys.join(&file);
        Ok((
            format!(
                "frozen as exchange {exchange}, the last of this log; {successor} goes on with \
                 the key {key}\n{place}: its file belongs to the backup of keys\nNext: gateway \
                 serve, which signs the last checkpoint and shows the log; whatever would be \
                 recorded is refused",
                place = place.display()
            ),
            json!({
                "successor": successor, "key": key.to_string(), "file": place,
                "exchange": exchange,
            }),
        ))
    }
}
