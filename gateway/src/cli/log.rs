//! The keys that sign the log's checkpoints, the end of the log, and the log that goes on.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use birge_proto::{clock::SharedClock, statement::Says};
use clap::{Args, Subcommand};
use serde_json::json;

use super::Said;
use super::authority::AuthorityFile;
use crate::{
    ceremony::{LogRequest, authority_key},
    config::Config,
    log_key::key_id,
    operator::ActError,
    succession::{self, Change, Changed, Wish},
};

/// How the authority comes to state it.
#[derive(Debug, Args)]
pub(super) struct Stating {
    #[command(flatten)]
    key: AuthorityFile,
    /// Change nothing yet: write here what the authority is to countersign, where its key is
    /// elsewhere.
    #[arg(long, value_name = "FILE", conflicts_with = "authority")]
    request: Option<PathBuf>,
}

/// The keys that sign the log's checkpoints.
#[derive(Debug, Subcommand)]
pub(super) enum LogKeyCommand {
    /// Make a key; from then on it signs every checkpoint beside those that do already.
    Add {
        #[command(flatten)]
        stating: Stating,
    },
    /// Have a key sign no more; the last one cannot be retired.
    Retire {
        /// The eight hex digits in the key's text.
        id: String,
        #[command(flatten)]
        stating: Stating,
    },
}

impl LogKeyCommand {
    pub(super) async fn act(self, file: &Path, clock: SharedClock) -> Result<Said> {
        match self {
            Self::Add { stating } => stating.change(Wish::AddKey, file, clock).await,
            Self::Retire { id, stating } => stating.change(Wish::RetireKey(&id), file, clock).await,
        }
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
        stating: Stating,
    },
    /// Carry out what a request asked for, once the authority countersigned it.
    Apply {
        /// What `gateway countersign` wrote.
        request: PathBuf,
    },
    /// Go on from the frozen log in the one that it names.
    Continue,
}

impl LogCommand {
    pub(super) async fn act(self, file: &Path, clock: SharedClock) -> Result<Said> {
        match self {
            Self::Freeze { successor, stating } => {
                stating.change(Wish::Freeze(&successor), file, clock).await
            }
            Self::Apply { request } => {
                let config = Config::load(file)?;
                let request = LogRequest::read(&request).map_err(ActError::Input)?;
                let change = Change::open(&config, clock)?;
                Ok(changed(&config, change.carry_out(request).await?))
            }
            Self::Continue => go_on(&Config::load(file)?, clock).await,
        }
    }
}

impl Stating {
    async fn change(self, wish: Wish<'_>, file: &Path, clock: SharedClock) -> Result<Said> {
        let config = Config::load(file)?;
        if let Some(out) = self.request {
            let request = Change::open(&config, clock)?.request(wish)?;
            return write(&out, &request);
        }
        let authority = authority_key(self.key.authority.as_deref(), file)
            .context("or have it state a request, with --request")
            .map_err(ActError::Input)?;
        let change = Change::open(&config, clock)?;
        change.pinned(&authority)?; // before a key is made
        let mut request = change.request(wish)?;
        change.countersign(&mut request, &authority)?;
        Ok(changed(&config, change.carry_out(request).await?))
    }
}

fn write(out: &Path, request: &LogRequest) -> Result<Said> {
    let place = out.display();
    fs::write(out, serde_json::to_string_pretty(request)?)
        .with_context(|| format!("cannot write {place}"))?;
    Ok((
        format!(
            "wrote {place}, and changed nothing yet. It asks the authority to state:\n{words}\n\
             Next, at the authority's: gateway countersign {place} --origin {origin}; then here: \
             gateway log apply, with what that writes",
            words = request.words()?,
            origin = request.origin,
        ),
        json!({ "request": out, "origin": request.origin, "key": request.key()?.to_string() }),
    ))
}

fn changed(config: &Config, changed: Changed) -> Said {
    let Changed { says, key, file, active, exchange } = changed;
    let place = config.paths.keys.join(&file);
    let shown = place.display();
    let signing: Vec<String> = active.iter().map(key_id).collect();
    let signs = format!("From its next start the gateway signs with {}", signing.join(", "));
    let backup = "its file belongs to the backup of keys";
    let words = match &says {
        Says::LogKeyRetired { .. } => format!(
            "retired the log's key {key} as exchange {exchange}\n{shown}: its file is needed no \
             more: destroy it\n{signs}"
        ),
        Says::Successor { successor, .. } => format!(
            "frozen as exchange {exchange}, the last of this log; {successor} goes on with the \
             key {key}\n{shown}: {backup}\nNext: gateway serve, until the witnesses have signed \
             the last checkpoint (whatever would be recorded is refused meanwhile); then, with \
             the gateway down: gateway log continue"
        ),
        _ => format!(
            "added the log's key {key} as exchange {exchange}\n{shown}: {backup}; leave the nodes \
             time to learn of it before another is retired\n{signs}"
        ),
    };
    let mut value = json!({
        "key": key.to_string(), "keyId": key_id(&key), "file": place, "exchange": exchange,
        "active": signing,
    });
    if let Says::Successor { successor, .. } = says {
        value["successor"] = successor.into();
    }
    (words, value)
}

async fn go_on(config: &Config, clock: SharedClock) -> Result<Said> {
    let (key, exchange, last) = succession::go_on(config, clock).await?;
    let (origin, frozen) = (key.vkey().name().to_owned(), last.checkpoint.origin().to_owned());
    let cosigned = String::from_utf8_lossy(&last.note);
    let own = format!("— {frozen} ");
    let cosignature = |line: &&str| line.starts_with("— ") && !line.starts_with(&own);
    let cosigned = cosigned.lines().filter(cosignature).count();
    Ok((
        format!(
            "{origin} goes on from {frozen} of {size} records, whose last checkpoint bears \
             {cosigned} cosignatures, as exchange {exchange}\nNext: set [exchange] origin in the \
             configuration to {origin:?}; then gateway serve, which signs with the key {key}. \
             Nodes follow by themselves; no receipt is lost",
            size = last.checkpoint.size(),
        ),
        json!({
            "origin": origin, "key": key.to_string(), "frozen": frozen,
            "size": last.checkpoint.size(), "exchange": exchange, "cosignatures": cosigned,
        }),
    ))
}
