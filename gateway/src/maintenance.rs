//! `gateway verify` and `gateway rebuild`.

use std::{collections::BTreeMap, fs};

use anyhow::{Context, Result, bail};
use birge_proto::{
    clock::Timestamp,
    identity::Identity,
    record::{Event, Record},
    tlog::note::NoteSigner,
};
use serde_json::{Value, json};

use crate::{
    catalog::Catalog,
    config::Config,
    journal::{self, Entry, Opened},
    keys::Keys,
    ledger,
};

/// What is stored is not what was written.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Wrong(pub String);

/// What was found or made.
pub struct Finding {
    words: String,
    value: Value,
}

impl Finding {
    /// Words for people, and the same as JSON.
    #[must_use]
    pub fn report(self) -> (String, Value) {
        (self.words, self.value)
    }
}

/// Checks everything that is stored: the journal's bytes and chain, every record and body,
/// every tile against the records, the checkpoint against the tiles. Changes nothing and may
/// run beside a serving gateway.
///
/// # Errors
/// [`Wrong`], saying where; any other error when something could not be read.
pub fn verify(config: &Config) -> Result<Finding> {
    let wrong = |error: &dyn std::fmt::Display| Wrong(error.to_string());
    let log_key = signer(config)?.verifier();
    let mut inspected = None;
    let inspect = || {
        let (verified, reader) = journal::inspect(&config.paths.journal, true, |_, _| {})?;
        inspected = Some((verified, reader.clone()));
        Ok(reader)
    };
    let log = ledger::verify(&config.paths.ledger, &log_key, inspect, |_, _| {})
        .map_err(|error| wrong(&error))?
        .checkpoint;
    let Some((verified, reader)) = inspected else { bail!("the journal was not read") };
    let mut sequence = Sequence::default();
    for entry in reader.entries(0..verified.entries) {
        let entry = entry.map_err(|error| wrong(&error))?;
        sequence
            .check(&entry)
            .map_err(|error| Wrong(format!("record {} of the journal: {error:#}", entry.index)))?;
    }
    Ok(Finding {
        words: format!(
            "sound: {} records in {} groups; checkpoint of {} with root {}",
            verified.entries,
            verified.groups,
            log.size(),
            hex::encode(log.root())
        ),
        value: json!({
            "records": verified.entries, "groups": verified.groups,
            "checkpoint": { "size": log.size(), "root": hex::encode(log.root()) },
        }),
    })
}

/// Makes the tiles and the index anew from the journal, and checks that the tree made so is
/// the one whose checkpoint was signed.
///
/// # Errors
/// When the gateway runs, the journal is damaged, or the roots differ.
pub fn rebuild(config: &Config) -> Result<Finding> {
    let opened = Opened::open(&config.paths.journal, config.journal.clone())?;
    if config.paths.index.exists() {
        fs::remove_dir_all(&config.paths.index)
            .with_context(|| format!("cannot remove {}", config.paths.index.display()))?;
    }
    let reader = opened.reader();
    let (catalog, _) = Catalog::open(&config.paths.index, reader.clone())?;
    catalog.flush();
    let published = ledger::rebuild(&config.paths.ledger, signer(config)?, reader)?;
    let checkpoint = &published.checkpoint;
    Ok(Finding {
        words: format!(
            "rebuilt from {} records: root {}",
            checkpoint.size(),
            hex::encode(checkpoint.root())
        ),
        value: json!({ "records": checkpoint.size(), "root": hex::encode(checkpoint.root()) }),
    })
}

fn signer(config: &Config) -> Result<NoteSigner> {
    let key = Keys::in_folder(&config.paths.keys).signing_key("log.key")?;
    Ok(NoteSigner::new(&config.exchange.origin, key)?)
}

/// What must hold from one record to the next.
#[derive(Default)]
struct Sequence {
    time: Option<Timestamp>,
    counters: BTreeMap<Identity, u64>,
}

impl Sequence {
    fn check(&mut self, entry: &Entry) -> Result<()> {
        let record = Record::parse(&entry.record)?;
        if record.to_canonical()? != entry.record {
            bail!("it is not canonical JSON");
        }
        if self.time.is_some_and(|before| record.time < before) {
            bail!("it is earlier than the record before it");
        }
        self.time = Some(record.time);
        for (party, count) in &record.parties {
            let last = self.counters.insert(party.clone(), *count).unwrap_or_default();
            if *count != last + 1 {
                bail!("{party} has number {count} after {last}");
            }
        }
        let body = entry.body.as_ref().map(|body| body.read()).transpose()?;
        let digest = body.map(|body| hex::encode(body.digest()));
        if digest.as_deref() != digest_of(&record.event) {
            bail!("its body is not the one it digests");
        }
        Ok(())
    }
}

fn digest_of(event: &Event) -> Option<&str> {
    match event {
        Event::StructuresAdopted { digest }
        | Event::DecreeEnacted { digest, .. }
        | Event::SubmissionAccepted { digest, .. }
        | Event::Released { digest, .. } => Some(digest),
        _ => None,
    }
}
