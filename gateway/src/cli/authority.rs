//! What needs a key of the authority that signs decrees, wherever that key is.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use birge_proto::{
    clock::{Clock, SharedClock},
    envelope::{SigningKey, fingerprint},
    signatories::Signatories,
    wire::EnactResponse,
};
use birge_schemas::decree;
use clap::{Args, Subcommand};
use serde_json::json;

use super::Said;
use crate::{
    ceremony::{DecreeSignature, Enrolment, LogRequest, authority_key},
    config::Config,
    init::{self, Authority, Plan},
    keys,
    operator::{self, ActError},
};

/// Whose signatures decrees of a new exchange need, and whose keys are pinned from its start.
#[derive(Debug, Args)]
pub(super) struct Ceremony {
    /// Public key, in hex, of the authority, whose private key is elsewhere; may be given several
    /// times. A single key is made when absent.
    #[arg(long = "authority-key", value_name = "HEX", requires = "decree_signatures")]
    authority_keys: Vec<String>,
    /// How many of these keys must sign a decree. When absent all of them: none that was named
    /// can be passed over unless it is said here, but when one is lost, no decree can be enacted
    /// any more.
    #[arg(long, value_name = "K", requires = "authority_keys")]
    authority_quorum: Option<u64>,
    /// What one of these keys signed of the decree, as `gateway decree sign` wrote it; given once
    /// for each of them that signed.
    #[arg(long = "decree-signature", value_name = "FILE", requires = "authority_keys")]
    decree_signatures: Vec<PathBuf>,
    /// Enrolment of a node whose key to witness the log is pinned from the start; may be given
    /// several times. With --authority-key one of these keys must have countersigned it.
    #[arg(long = "witness", value_name = "ENROLMENT")]
    witnesses: Vec<PathBuf>,
}

impl Ceremony {
    pub(super) fn read(self) -> Result<(Authority, Vec<PathBuf>), ActError> {
        let Self { authority_keys: keys, authority_quorum, decree_signatures, witnesses } = self;
        if keys.is_empty() {
            return Ok((Authority::Here, witnesses));
        }
        let quorum = authority_quorum.unwrap_or(keys.len() as u64);
        let signatories = Signatories::pinned(&keys, quorum)
            .context("--authority-key, with --authority-quorum")?;
        let signatures = signatures(&decree_signatures)?;
        Ok((Authority::Elsewhere { signatories, signatures }, witnesses))
    }
}

/// Makes an exchange.
pub(super) async fn init(plan: Plan, clock: SharedClock) -> Result<Said> {
    let here = matches!(plan.authority, Authority::Here);
    let (quorum, count) = match &plan.authority {
        Authority::Here => (1, 1),
        Authority::Elsewhere { signatories, .. } => {
            (signatories.quorum(), signatories.keys().len())
        }
    };
    let rule = rule(quorum, count);
    let file = init::init(plan, clock).await?;
    let (keys, authority) = (file.with_file_name("keys"), file.with_file_name("authority"));
    let carry = if here {
        format!(
            "\nCarry {} away to the authority, and leave no copy: its key signs decrees and \
             enrolments, and whoever has it beside the operator's keys acts for both.",
            authority.display()
        )
    } else {
        String::new()
    };
    let (made, keys) = (file.display(), keys.display());
    let words = format!(
        "made {made}\nBack up {keys} apart from everything else: it holds the keys of the log \
         and of the certificates.{carry}\n{rule}\nNext: gateway serve --config {made}"
    );
    let value = json!({
        "config": file, "authority": here.then_some(authority),
        "authorityQuorum": quorum,
    });
    Ok((words, value))
}

/// A key of the authority.
#[derive(Debug, Subcommand)]
pub(super) enum AuthorityCommand {
    /// Make a key, on the authority's own machine, and print its public half.
    New {
        /// File to write the private key to.
        #[arg(long)]
        out: PathBuf,
    },
}

impl AuthorityCommand {
    pub(super) fn act(self) -> Result<Said> {
        let Self::New { out } = self;
        let key = keys::create_signing_key(&out).map_err(ActError::Input)?.verifying_key();
        let public = hex::encode(key.0);
        let (file, print) = (out.display(), fingerprint(&key.0));
        Ok((
            format!(
                "made {file}: it never leaves the authority\npublic key  {public}\nfingerprint \
                 {print}\nNext: gateway decree sign FOLDER --authority {file}, and give the \
                 operator what it writes and the public key"
            ),
            json!({ "file": out, "publicKey": public, "fingerprint": print }),
        ))
    }
}

/// Where a key of the authority is.
#[derive(Debug, Args)]
pub(super) struct AuthorityFile {
    /// File with a key of the authority; authority/authority.key beside the configuration when
    /// absent.
    #[arg(long, value_name = "KEYFILE")]
    pub(super) authority: Option<PathBuf>,
}

/// Countersigns an enrolment, or a request about the log.
#[derive(Debug, Args)]
pub(super) struct Countersign {
    /// What `agency-node init` wrote; or `gateway log-key` or `gateway log freeze`, with
    /// --request.
    file: PathBuf,
    #[command(flatten)]
    key: AuthorityFile,
    /// Origin of the exchange's log; the configuration's when absent.
    #[arg(long)]
    origin: Option<String>,
    /// Where to write it; NAME.authorised.json beside the file when absent.
    #[arg(long)]
    out: Option<PathBuf>,
}

impl Countersign {
    pub(super) fn act(self, config: &Path, clock: &dyn Clock) -> Result<Said> {
        let Self { file, key, origin, out } = self;
        let origin = match origin {
            Some(origin) => origin,
            None => {
                Config::load(config)
                    .context("the log's origin is needed: name it with --origin")?
                    .exchange
                    .origin
            }
        };
        let authority = authority_key(key.authority.as_deref(), config).map_err(ActError::Input)?;
        let out = out.unwrap_or_else(|| file.with_extension("authorised.json"));
        if LogRequest::is_in(&file) {
            return countersign_log(&file, &origin, &authority, &out, clock);
        }
        let sign = || {
            let mut enrolment = Enrolment::read(&file)?;
            enrolment.countersign(&origin, clock.now(), &authority)?;
            anyhow::Ok(enrolment)
        };
        let enrolment = sign().map_err(ActError::Input)?;
        let prints = enrolment.fingerprints()?;
        write(&out, &serde_json::to_string_pretty(&enrolment)?)?;
        let Enrolment { identity, .. } = enrolment;
        Ok((
            format!(
                "countersigned the enrolment of {identity} for {origin}: {file}\n{prints}\nBefore \
                 you hand it on, have {identity} read these to you over another channel: \
                 `agency-node init` showed them. If one differs, destroy the file.\nNext, at the \
                 operator's: gateway enrol {file}",
                file = out.display()
            ),
            json!({
                "identity": identity, "origin": origin, "file": out, "fingerprints": prints,
            }),
        ))
    }
}

fn countersign_log(
    file: &Path,
    origin: &str,
    authority: &SigningKey,
    out: &Path,
    clock: &dyn Clock,
) -> Result<Said> {
    let sign = || {
        let mut request = LogRequest::read(file)?;
        if request.origin != origin {
            bail!("the request is of the log {}, not of {origin}", request.origin);
        }
        request.countersign(clock.now(), authority)?;
        anyhow::Ok(request)
    };
    let request = sign().map_err(ActError::Input)?;
    write(out, &serde_json::to_string_pretty(&request)?)?;
    let (file, key) = (out.display(), request.key()?.to_string());
    Ok((
        format!(
            "countersigned: {file}\n{words}\nBefore you hand it on, have the operator read the \
             fingerprint to you over another channel. If it differs, destroy the file.\nNext, at \
             the operator's, with the gateway down: gateway log apply {file}",
            words = request.words()?
        ),
        json!({ "origin": origin, "key": key, "file": out }),
    ))
}

/// Signs a decree.
#[derive(Debug, Args)]
pub(super) struct SignDecree {
    /// The decree's folder.
    folder: PathBuf,
    #[command(flatten)]
    key: AuthorityFile,
    /// Where to write the signature.
    #[arg(long)]
    out: PathBuf,
}

impl SignDecree {
    pub(super) fn act(self, config: &Path) -> Result<Said> {
        let sign = || {
            let authority = authority_key(self.key.authority.as_deref(), config)?;
            DecreeSignature::make(&bundle(&self.folder)?, &authority)
        };
        let signature = sign().map_err(ActError::Input)?;
        write(&self.out, &serde_json::to_string_pretty(&signature)?)?;
        let DecreeSignature { decree, key_id, .. } = signature;
        Ok((
            format!(
                "signed decree {} of {} with the key {key_id}: {}",
                decree.number,
                decree.version,
                self.out.display()
            ),
            json!({ "decree": decree, "keyId": key_id, "file": self.out }),
        ))
    }
}

/// Enacts a decree.
#[derive(Debug, Args)]
pub(super) struct EnactDecree {
    /// The decree's folder.
    folder: PathBuf,
    #[command(flatten)]
    key: AuthorityFile,
    /// What `gateway decree sign` wrote, where the authority's keys are elsewhere; given once for
    /// each key that signed.
    #[arg(long = "signature", value_name = "FILE", conflicts_with = "authority")]
    signatures: Vec<PathBuf>,
}

impl EnactDecree {
    pub(super) async fn act(self, file: &Path) -> Result<Said> {
        let config = Config::load(file)?;
        let sign = || {
            let bundle = bundle(&self.folder)?;
            if !self.signatures.is_empty() {
                return Ok((bundle, signatures(&self.signatures)?));
            }
            let key = authority_key(self.key.authority.as_deref(), file)
                .context("a decree is enacted with the authority's key, or with --signature FILE for what each of its keys signed");
            let signature = DecreeSignature::make(&bundle, &key?)?;
            anyhow::Ok((bundle, vec![signature]))
        };
        let (bundle, signatures) = sign().map_err(ActError::Input)?;
        let enacted = operator::enact(&config, bundle, signatures).await?;
        let EnactResponse { exchange, in_force_from: from, key_ids, .. } = enacted;
        let signed = keys(&key_ids);
        Ok((
            format!("enacted as exchange {exchange}, in force from {from}, signed with {signed}"),
            json!({ "exchange": exchange, "inForceFrom": from, "keyIds": key_ids }),
        ))
    }
}

fn signatures(files: &[PathBuf]) -> Result<Vec<DecreeSignature>> {
    files.iter().map(|file| DecreeSignature::read(file)).collect()
}

/// Keys of the authority, as words name them.
pub(super) fn keys(ids: &[String]) -> String {
    let word = if ids.len() == 1 { "the key" } else { "the keys" };
    format!("{word} {}", ids.join(", "))
}

/// How many keys must sign a decree, and what follows from it.
fn rule(quorum: u64, keys: usize) -> String {
    let lost = match (keys as u64).saturating_sub(quorum) {
        0 => String::from("if one is lost, no decree can be enacted any more"),
        spare => format!("as long as no more than {spare} are lost, decrees can be enacted"),
    };
    format!("Decrees need the signatures of {quorum} of the authority's keys, of {keys}: {lost}.")
}

fn bundle(folder: &Path) -> Result<Vec<u8>> {
    decree::from_folder(folder).with_context(|| format!("the decree in {}", folder.display()))
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
