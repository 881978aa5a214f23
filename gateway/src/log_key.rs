//! The log's keys, as its records name them and as the folder of keys holds them; and how the
//! authority has one added or retired, or the log frozen, while the gateway is down.

use anyhow::{Context, Result, bail};
use birge_proto::{
    clock::SharedClock,
    envelope::SigningKey,
    record::{Authorised, Event, Record},
    statement::{Says, Statement},
    tlog::note::{NoteSigner, NoteVerifier},
};

use crate::{
    config::Config,
    journal::{Class, Opened, Reader},
    keys::Keys,
    ledger::Signers,
    maintenance::Wrong,
    registry::{Log, Registry},
    sequence::{Draft, Order, Reply},
};

/// Keys that sign at the same time, at most: each signs every checkpoint and every receipt.
const AT_ONCE: usize = 4;

/// A key that was added or retired, or is to go on.
#[derive(Debug, Clone)]
pub struct Changed {
    /// The key.
    pub key: NoteVerifier,
    /// File of its private half, in the folder of keys.
    pub file: String,
    /// The keys that sign from the next start on.
    pub active: Vec<NoteVerifier>,
    /// Number of the exchange.
    pub exchange: u64,
}

/// The private keys that the log's records name, from the folder of keys.
///
/// # Errors
/// [`Wrong`] when the records name none, or a file holds another key; any other error when one
/// cannot be read.
pub fn signers(keys: &Keys, log: &Log) -> Result<Signers> {
    let signer = |known: &NoteVerifier| {
        let file = file(log, known);
        let signer = NoteSigner::new(log.origin(), keys.signing_key(&file)?)?;
        if signer.verifier() != *known {
            let (place, found) = (keys.path(&file), signer.verifier());
            let place = place.display();
            return Err(Wrong(format!(
                "{place} holds the key {found}, but the log's records name {known}: restore the \
                 folder of keys that belongs to this journal"
            ))
            .into());
        }
        Ok(signer)
    };
    let active = log.active().iter().map(signer).collect::<Result<Vec<_>>>()?;
    if active.is_empty() {
        let nothing = "the journal names no key of the log: restore the newest copy of it";
        return Err(Wrong(nothing.to_owned()).into());
    }
    let former = log.keys().iter().filter(|key| !log.active().contains(key)).cloned().collect();
    Ok(Signers::new(log.origin(), active, former))
}

/// Makes a key that signs every checkpoint beside those that do. The gateway must be down.
///
/// # Errors
/// When the gateway runs, `authority` is not the authority's key, or a file cannot be written.
pub async fn add(config: &Config, authority: &SigningKey, clock: SharedClock) -> Result<Changed> {
    let (opened, registry) = open(config, authority)?;
    let log = registry.log();
    if log.active().len() >= AT_ONCE {
        return Err(refused(format!("{AT_ONCE} keys sign already: retire one first")));
    }
    let keys = Keys::in_folder(&config.paths.keys);
    signers(&keys, log)?; // nothing is begun with keys that are not whole
    let key = SigningKey::generate()?;
    let private = hex::encode(key.to_pkcs8()?);
    let key = NoteSigner::new(log.origin(), key)?.verifier();
    // The key is on the disk before the record that counts on it.
    keys.write(&file(log, &key), &private)?;
    change(opened, registry, Says::LogKey { log_key: key.to_string() }, authority, clock).await
}

/// Has the key that bears `id` (eight hex digits) sign no more checkpoints. The gateway must be
/// down.
///
/// # Errors
/// When the gateway runs, `authority` is not the authority's key, there is no such key, or it
/// is the last one.
pub async fn retire(
    config: &Config,
    id: &str,
    authority: &SigningKey,
    clock: SharedClock,
) -> Result<Changed> {
    let (opened, registry) = open(config, authority)?;
    let active = registry.log().active();
    let named = active.iter().find(|key| key_id(key) == id.to_lowercase());
    let Some(key) = named else {
        let known: Vec<_> = active.iter().map(key_id).collect();
        let known = known.join(", ");
        return Err(refused(format!("no key {id} signs; those that do: {known}")));
    };
    if active.len() == 1 {
        let last = "it is the only key that signs: add the next one first, and leave the nodes \
                    time to learn of it";
        return Err(refused(last.to_owned()));
    }
    let says = Says::LogKeyRetired { log_key: key.to_string() };
    change(opened, registry, says, authority, clock).await
}

/// Freezes the log: nothing is written to it after the record that names the log `successor`,
/// whose key is made here. The gateway must be down; it signs the last checkpoint at its next
/// start, and goes on showing the log.
///
/// # Errors
/// When the gateway runs, `authority` is not the authority's key, `successor` is no origin of
/// another log, or a file cannot be written.
pub async fn freeze(
    config: &Config,
    successor: &str,
    authority: &SigningKey,
    clock: SharedClock,
) -> Result<Changed> {
    let (opened, registry) = open(config, authority)?;
    let log = registry.log();
    if successor == log.origin() {
        return Err(refused(format!("{successor} is the origin of this very log")));
    }
    let keys = Keys::in_folder(&config.paths.keys);
    signers(&keys, log)?; // nothing is begun with keys that are not whole
    let key = SigningKey::generate()?;
    let private = hex::encode(key.to_pkcs8()?);
    let key = NoteSigner::new(successor, key)
        .map_err(|error| refused(format!("{successor:?} is no origin of a log: {error}")))?
        .verifier();
    // The key is on the disk before the record that counts on it.
    keys.write(&file(log, &key), &private)?;
    let successor = successor.to_owned();
    let says = Says::Successor { successor, log_key: key.to_string() };
    change(opened, registry, says, authority, clock).await
}

/// What the records say, and the journal, locked.
fn open(config: &Config, authority: &SigningKey) -> Result<(Opened, Registry)> {
    let opened = Opened::open(&config.paths.journal, config.journal.clone())?;
    let registry = registry(&opened.reader())?;
    if !registry.authority_keys().contains(&authority.verifying_key()) {
        let id = authority.verifying_key().id();
        let detail = format!("the key {id} is not the authority's that was pinned at genesis");
        return Err(refused(detail));
    }
    if let Some(successor) = registry.log().successor() {
        return Err(refused(format!("the log is frozen: {successor} goes on from it")));
    }
    Ok((opened, registry))
}

fn registry(journal: &Reader) -> Result<Registry> {
    let mut registry = Registry::default();
    for entry in journal.entries(0..journal.size()) {
        let entry = entry?;
        let record = Record::parse(&entry.record)
            .with_context(|| format!("entry {} of the journal", entry.index))?;
        registry.apply(entry.index, &record);
    }
    Ok(registry)
}

/// Has the authority state the change, and records it.
async fn change(
    opened: Opened,
    mut registry: Registry,
    says: Says,
    authority: &SigningKey,
    clock: SharedClock,
) -> Result<Changed> {
    let stated = registry.present(clock.now());
    let origin = registry.log().origin().to_owned();
    let signed = Statement { origin, stated, says: says.clone() }.sign(authority)?;
    let signature = hex::encode(signed.signature);
    let authorised = Authorised { request: None, stated, key_id: signed.key_id, signature };
    let (log_key, event) = match says {
        Says::LogKey { log_key } => (log_key.clone(), Event::LogKeyAdded { log_key, authorised }),
        Says::LogKeyRetired { log_key } => {
            (log_key.clone(), Event::LogKeyRetired { log_key, authorised })
        }
        Says::Successor { successor, log_key } => {
            (log_key.clone(), Event::LogFrozen { successor, log_key, authorised })
        }
        Says::Enrolment { identity, .. } => bail!("{identity} is no key of the log"),
    };
    let journal = opened.start(clock, Order::new(registry.clone()))?;
    let draft = Draft::of("operator/BIRGE".parse()?, event);
    let committed = journal.append(Class::Administration, draft).await?;
    journal.close().await;
    if let Reply::Refused(_, detail) = committed.reply {
        return Err(refused(detail));
    }
    for entry in &committed.entries {
        registry.apply(committed.first, &Record::parse(&entry.record)?);
    }
    let (log, key) = (registry.log(), NoteVerifier::from_vkey(&log_key)?);
    let (file, active) = (file(log, &key), log.active().to_vec());
    Ok(Changed { key, file, active, exchange: committed.first })
}

/// The name of the file that holds a key of the log.
fn file(log: &Log, key: &NoteVerifier) -> String {
    match log.keys().first() {
        Some(first) if first == key => String::from("log.key"),
        _ => format!("log-{}.key", key_id(key)),
    }
}

/// The id that stands in a key's text.
#[must_use]
pub fn key_id(key: &NoteVerifier) -> String {
    format!("{:08x}", key.vkey().id())
}

fn refused(detail: String) -> anyhow::Error {
    Wrong(detail).into()
}
