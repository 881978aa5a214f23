//! `gateway verify` and `gateway rebuild`.

mod disclosure;

use std::{collections::BTreeMap, fs};

use anyhow::{Context, Result, anyhow, bail};
use birge_proto::{
    clock::Timestamp,
    identity::Identity,
    record::{Event, Record, SigningKeys},
    signatories::Signatories,
    tlog::policy::Policy,
};
use serde_json::{Value, json};

use crate::{
    catalog::Catalog,
    config::Config,
    journal::{self, Entry, Names, Opened},
    keys::Keys,
    ledger, log_key,
    registry::Log,
    wrong::Wrong,
};

pub use self::disclosure::verify_disclosure;

/// Entries whose names are read at a time.
const CHUNK: u64 = 1 << 16;

/// What was found or made.
#[derive(Debug)]
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

/// Checks everything that is stored: the journal's bytes and chain, every record and body, the
/// authority's signatures over every decree,
/// every tile against the records, the checkpoint against the tiles. Changes nothing and may
/// run beside a serving gateway.
///
/// # Errors
/// [`Wrong`], saying where; any other error when something could not be read.
pub fn verify(config: &Config) -> Result<Finding> {
    let wrong = |error: &dyn std::fmt::Display| Wrong(error.to_string());
    let listed = ledger::list(&config.paths.ledger).map_err(|error| wrong(&error))?;
    let (verified, reader) =
        journal::inspect(&config.paths.journal, true, |_, _| {}).map_err(|error| wrong(&error))?;
    let (mut sequence, mut names) = (Sequence::default(), Names::default());
    for entry in reader.entries(0..verified.entries) {
        let entry = entry.map_err(|error| wrong(&error))?;
        if entry.index.is_multiple_of(CHUNK) {
            let range = entry.index..entry.index + CHUNK;
            names = reader.names(range).map_err(|error| wrong(&error))?;
        }
        sequence
            .check(&entry, &names)
            .map_err(|error| Wrong(format!("record {} of the journal: {error:#}", entry.index)))?;
    }
    sequence.persons.finish()?;
    let signers = log_key::signers(&Keys::in_folder(&config.paths.keys), &sequence.log)?;
    let log = ledger::verify(listed, &signers, &reader, |_, _| {})
        .map_err(|error| wrong(&error))?
        .checkpoint;
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
/// the one whose checkpoint was signed. Signs nothing itself.
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
    let keys = Keys::in_folder(&config.paths.keys);
    let signers = catalog.read(|state| log_key::signers(&keys, state.registry.log()))?;
    let (records, root) = ledger::rebuild(&config.paths.ledger, signers, reader)?;
    let root = hex::encode(root);
    Ok(Finding {
        words: format!(
            "rebuilt from {records} records: root {root}\nNothing was signed: gateway serve does, \
             once the witnesses have said what they hold"
        ),
        value: json!({ "records": records, "root": root }),
    })
}

/// What must hold from one record to the next.
#[derive(Default)]
struct Sequence {
    time: Option<Timestamp>,
    counters: BTreeMap<Identity, u64>,
    log: Log,
    signatories: Signatories,
    keys: SigningKeys,
    persons: Persons,
}

/// Names of persons: those that are gone must have been erased, and that is told by a record.
#[derive(Default)]
struct Persons {
    /// The last record whose names are gone, and its time.
    gone: Option<(u64, Timestamp)>,
    /// Up to when names were erased.
    erased: Option<Timestamp>,
}

impl Persons {
    fn check(&mut self, index: u64, record: &Record, names: &Names) -> Result<()> {
        if names.of(index, record)?.len() < record.persons.len() {
            self.gone = Some((index, record.time));
        }
        if let Event::NamesErased { before, .. } = record.event {
            self.erased = self.erased.max(Some(before));
        }
        Ok(())
    }

    fn finish(&self) -> Result<(), Wrong> {
        match self.gone {
            Some((index, time)) if self.erased.is_none_or(|erased| erased <= time) => {
                Err(Wrong(format!(
                    "a name in record {index} of the journal is gone, and no record tells that \
                     it was erased"
                )))
            }
            _ => Ok(()),
        }
    }
}

impl Sequence {
    fn check(&mut self, entry: &Entry, names: &Names) -> Result<()> {
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
        self.persons.check(entry.index, &record, names)?;
        if let Event::LogContinued { origin, log_key, last } = &record.event {
            self.goes_on(entry.index, (origin, log_key), last)?;
        }
        self.log.apply(entry.index, &record.event);
        self.keys.check(&record, true).map_err(|what| anyhow!(what))?;
        let body = entry.body.as_ref().map(|body| body.read()).transpose()?;
        let digest = body.as_ref().map(|body| hex::encode(body.digest()));
        if digest.as_deref() != digest_of(&record.event) {
            bail!("its body is not the one it digests");
        }
        let bytes = body.map(|body| body.into_bytes()).unwrap_or_default();
        self.signed(&record.event, &bytes)
    }

    /// A decree's bundle must bear the signatures of as many of the authority's keys as the log's
    /// first record asks for.
    fn signed(&mut self, event: &Event, body: &[u8]) -> Result<()> {
        match event {
            Event::Genesis { authority_keys, authority_quorum, .. } => {
                self.signatories = Signatories::pinned(authority_keys, *authority_quorum)?;
            }
            Event::DecreeEnacted { signatures, .. } => self.signatories.verify(body, signatures)?,
            _ => {}
        }
        Ok(())
    }

    /// Another log goes on only from one that was frozen for it, and from all of that one.
    fn goes_on(&self, index: u64, log: (&String, &String), last: &str) -> Result<()> {
        let named = self.log.successor().map(|next| (&next.origin, &next.key));
        if named != Some(log) {
            bail!("the log {} goes on, which the log before does not name", log.0);
        }
        let known = Policy::of_logs(self.log.keys().to_vec());
        let covered = known.judge(last.as_bytes()).context("its last checkpoint")?.checkpoint;
        if covered.size() != index {
            bail!("it goes on from {} records, not from those before it", covered.size());
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

#[cfg(test)]
mod tests {
    use birge_proto::{
        envelope::{DECREE_TYPE, SigningKey},
        record::{DecreeName, KeySignature},
    };

    use super::*;

    #[test]
    fn article_3_4_a_decree_with_too_few_signatures_or_one_that_does_not_hold_is_found() {
        let mut keys = [(); 3].map(|()| SigningKey::generate().unwrap());
        keys.sort_by_key(|key| key.verifying_key().id());
        let public: Vec<_> = keys.iter().map(|key| hex::encode(key.verifying_key().0)).collect();
        let genesis = |authority_quorum| Event::Genesis {
            origin: "birge.example/log".into(),
            log_key: String::new(),
            authority_keys: public.clone(),
            authority_quorum,
            witness_keys: BTreeMap::new(),
        };
        let by = |signing: &[(usize, &[u8])]| Event::DecreeEnacted {
            decree: DecreeName { number: "1".into(), version: "1".into() },
            in_force_from: Timestamp::UNIX_EPOCH,
            digest: String::new(),
            signatures: signing
                .iter()
                .map(|(at, bytes)| KeySignature {
                    key_id: keys[*at].verifying_key().id(),
                    signature: hex::encode(keys[*at].sign(DECREE_TYPE, bytes)),
                })
                .collect(),
        };
        let bundle = b"a decree";
        let mut sequence = Sequence::default();
        assert!(sequence.signed(&genesis(4), b"").is_err());
        assert!(sequence.signed(&by(&[(0, bundle), (1, bundle)]), bundle).is_err(), "no keys yet");
        sequence.signed(&genesis(2), b"").unwrap();
        sequence.signed(&by(&[(0, bundle), (2, bundle)]), bundle).unwrap();
        for wrong in [
            by(&[(0, bundle)]),
            by(&[(0, bundle), (0, bundle)]),
            by(&[(2, bundle), (0, bundle)]),
            by(&[(0, bundle), (1, b"another")]),
            by(&[(0, bundle), (1, bundle), (2, b"another")]),
        ] {
            assert!(sequence.signed(&wrong, bundle).is_err(), "{wrong:?}");
        }
    }
}
