//! The log's keys, as its records name them and as the folder of keys holds them.

use anyhow::Result;
use birge_proto::{
    envelope::SigningKey,
    tlog::note::{NoteSigner, NoteVerifier},
};

use crate::{
    keys::Keys,
    ledger::{Former, Signers},
    registry::Log,
    wrong::Wrong,
};

/// The private keys that the log's records name, from the folder of keys.
///
/// # Errors
/// [`Wrong`] when the records name none, or a file holds another key; any other error when one
/// cannot be read.
pub fn signers(keys: &Keys, log: &Log) -> Result<Signers> {
    let signer = |known: &NoteVerifier| signer(keys, log, known);
    let active = log.active().iter().map(signer).collect::<Result<Vec<_>>>()?;
    if active.is_empty() {
        let nothing = "the journal names no key of the log: restore the newest copy of it";
        return Err(Wrong(nothing.to_owned()).into());
    }
    let former = |key: &NoteVerifier| Some(Former { key: key.clone(), size: log.ended(key)? });
    let former = log.keys().iter().filter_map(former).collect();
    let signers = Signers::new(log.origin(), active, former).going_on_from(log.frozen());
    signers.map_err(|error| Wrong(format!("a frozen log's last checkpoint: {error}")).into())
}

/// The private half of a key that the records name.
///
/// # Errors
/// As for [`signers`].
pub fn signer(keys: &Keys, log: &Log, known: &NoteVerifier) -> Result<NoteSigner> {
    let file = file(log, known);
    let signer = NoteSigner::new(known.vkey().name(), keys.signing_key(&file)?)?;
    if signer.verifier() == *known {
        return Ok(signer);
    }
    let (place, found) = (keys.path(&file), signer.verifier());
    let place = place.display();
    Err(Wrong(format!(
        "{place} holds the key {found}, but the log's records name {known}: restore the folder of \
         keys that belongs to this journal"
    ))
    .into())
}

/// Makes a key for the log `origin`, as a file that lasts.
///
/// # Errors
/// When `origin` is none, or the file cannot be written.
pub fn create(keys: &Keys, log: &Log, origin: &str) -> Result<NoteVerifier> {
    let key = SigningKey::generate()?;
    let private = hex::encode(key.to_pkcs8()?);
    let key = NoteSigner::new(origin, key)
        .map_err(|error| Wrong(format!("{origin:?} is no origin of a log: {error}")))?
        .verifier();
    keys.write(&file(log, &key), &private)?;
    Ok(key)
}

/// The name of the file that holds a key of the log.
#[must_use]
pub fn file(log: &Log, key: &NoteVerifier) -> String {
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
