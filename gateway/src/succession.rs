//! What follows on what in the log: a key on a key, a log on a log. The authority states it, the
//! operator carries it out while the gateway is down.

use anyhow::{Context, Result};
use birge_proto::{
    clock::SharedClock,
    envelope::SigningKey,
    record::{Authorised, Event, Record},
    statement::Says,
    tlog::note::NoteVerifier,
};

use crate::{
    ceremony::LogRequest,
    config::Config,
    journal::{self, Class, Opened, Reader},
    keys::Keys,
    ledger,
    log_key::{self, key_id},
    registry::{Log, Registry},
    sequence::{Draft, Order, Reply},
    wrong::Wrong,
};

/// Keys that sign at the same time, at most: each signs every checkpoint and every receipt.
const AT_ONCE: usize = 4;
/// Seconds by which the authority's clock may be ahead.
const AHEAD: i64 = 300;

/// What the operator wishes.
#[derive(Debug, Clone, Copy)]
pub enum Wish<'a> {
    /// A key that signs every checkpoint beside those that do; it is made here.
    AddKey,
    /// The key that bears this id (eight hex digits) signs no more.
    RetireKey(&'a str),
    /// Nothing is written to the log any more, and the log of this origin goes on from it, with
    /// a key that is made here.
    Freeze(&'a str),
}

/// What became of the log.
#[derive(Debug, Clone)]
pub struct Changed {
    /// What the authority stated.
    pub says: Says,
    /// The key that it is about.
    pub key: NoteVerifier,
    /// File of its private half, in the folder of keys.
    pub file: String,
    /// The keys that sign from the next start on.
    pub active: Vec<NoteVerifier>,
    /// Number of the exchange.
    pub exchange: u64,
}

/// The log while the gateway is down, with the journal locked.
pub struct Change {
    opened: Opened,
    registry: Registry,
    keys: Keys,
    clock: SharedClock,
}

impl Change {
    /// Locks the journal and reads what the log is.
    ///
    /// # Errors
    /// When the gateway runs, the log is frozen, or its keys are not whole.
    pub fn open(config: &Config, clock: SharedClock) -> Result<Self> {
        let opened = Opened::open(&config.paths.journal, config.journal.clone())?;
        // Nothing is written behind what is damaged.
        journal::inspect(&config.paths.journal, true, |_, _| {})
            .map_err(|error| refused(error.to_string()))?;
        let registry = registry(&opened.reader())?;
        if let Some(successor) = registry.log().successor() {
            let origin = &successor.origin;
            return Err(refused(format!(
                "the log is frozen: {origin} goes on from it; next: gateway log continue"
            )));
        }
        let keys = Keys::in_folder(&config.paths.keys);
        log_key::signers(&keys, registry.log())?; // nothing is begun with keys that are not whole
        Ok(Self { opened, registry, keys, clock })
    }

    /// A wish in the words that the authority is to state. A key that it needs is made.
    ///
    /// # Errors
    /// When it cannot be, saying why; or a file cannot be written.
    pub fn request(&self, wish: Wish<'_>) -> Result<LogRequest> {
        let (log, keys) = (self.registry.log(), &self.keys);
        let statement = match wish {
            Wish::AddKey => {
                room(log)?;
                let log_key = log_key::create(keys, log, log.origin())?.to_string();
                Says::LogKey { log_key }
            }
            Wish::RetireKey(id) => {
                let named = log.active().iter().find(|key| key_id(key) == id.to_lowercase());
                let known: Vec<_> = log.active().iter().map(key_id).collect();
                let known = known.join(", ");
                let none = || refused(format!("no key {id} signs; those that do: {known}"));
                Says::LogKeyRetired { log_key: named.ok_or_else(none)?.to_string() }
            }
            Wish::Freeze(successor) => {
                another(log, successor)?;
                let log_key = log_key::create(keys, log, successor)?.to_string();
                Says::Successor { successor: successor.to_owned(), log_key }
            }
        };
        let origin = log.origin().to_owned();
        let request = LogRequest { origin, statement, authorisation: None };
        self.fits(&request)?;
        Ok(request)
    }

    /// Has a key of the authority's state it, here.
    ///
    /// # Errors
    /// When the key is none of the authority's.
    pub fn countersign(&self, request: &mut LogRequest, authority: &SigningKey) -> Result<()> {
        self.pinned(authority)?;
        request.countersign(self.registry.present(self.clock.now()), authority)
    }

    /// Is this a key of the authority's?
    ///
    /// # Errors
    /// When it is not.
    pub fn pinned(&self, authority: &SigningKey) -> Result<()> {
        let key = authority.verifying_key();
        if self.registry.signatories().keys().contains(&key) {
            return Ok(());
        }
        let id = key.id();
        let detail = format!("the key {id} is none of the authority's that were pinned at genesis");
        Err(refused(detail))
    }

    /// Records what the authority stated.
    ///
    /// # Errors
    /// When it did not, or it does not fit the log as it is.
    pub async fn carry_out(self, request: LogRequest) -> Result<Changed> {
        self.fits(&request)?;
        let authorised = request
            .authorised(self.registry.signatories().keys())
            .map_err(|error| refused(format!("{error:#}")))?;
        self.timely(&authorised)?;
        let key = request.key()?;
        let (says, log_key) = (request.statement, key.to_string());
        let event = match says.clone() {
            Says::LogKeyRetired { .. } => Event::LogKeyRetired { log_key, authorised },
            Says::Successor { successor, .. } => {
                Event::LogFrozen { successor, log_key, authorised }
            }
            _ => Event::LogKeyAdded { log_key, authorised },
        };
        let Self { opened, mut registry, clock, .. } = self;
        let exchange = record(opened, &mut registry, event, clock).await?;
        let (file, active) =
            (log_key::file(registry.log(), &key), registry.log().active().to_vec());
        Ok(Changed { says, key, file, active, exchange })
    }

    /// Does the request fit the log as it is?
    fn fits(&self, request: &LogRequest) -> Result<()> {
        let (log, key) = (self.registry.log(), request.key()?);
        if request.origin != log.origin() {
            let (of, origin) = (&request.origin, log.origin());
            return Err(refused(format!("the request is of the log {of}, and this is {origin}")));
        }
        if let Says::LogKeyRetired { .. } = request.statement {
            return match log.active() {
                active if !active.contains(&key) => Err(refused(format!("{key} does not sign"))),
                [_] => Err(refused(String::from(
                    "it is the only key that signs: add the next one first, and leave the nodes \
                     time to learn of it",
                ))),
                _ => Ok(()),
            };
        }
        if log.keys().contains(&key) {
            return Err(refused(format!("{key} was a key of the log before: none comes back")));
        }
        let origin = match &request.statement {
            Says::Successor { successor, .. } => {
                another(log, successor)?;
                successor
            }
            _ => {
                room(log)?;
                log.origin()
            }
        };
        if key.vkey().name() != origin {
            return Err(refused(format!("{key} is no key of the log {origin}")));
        }
        log_key::signer(&self.keys, log, &key).map(drop)
    }

    /// Statements are weighed by when they were made: each comes after those before it.
    fn timely(&self, authorised: &Authorised) -> Result<()> {
        let (stated, now) = (authorised.stated, self.clock.now());
        let again = "have the authority countersign the request again";
        if stated.as_second() > now.as_second() + AHEAD {
            return Err(refused(format!("it was countersigned at {stated}, which is to come")));
        }
        match self.registry.log().stated_last() {
            Some(last) if stated < last => Err(refused(format!(
                "it was countersigned at {stated}, before what was stated of the log at {last}: \
                 {again}"
            ))),
            _ => Ok(()),
        }
    }
}

/// Has the next log go on from the frozen one: the first record after those that its last
/// checkpoint covers. The gateway must be down. Answers with the key of the log that goes on,
/// the number of the exchange, and the checkpoint.
///
/// # Errors
/// When the gateway runs, the log is not frozen, its last checkpoint is not signed yet, or the
/// key of the next log is missing.
pub async fn go_on(
    config: &Config,
    clock: SharedClock,
) -> Result<(NoteVerifier, u64, ledger::Published)> {
    let opened = Opened::open(&config.paths.journal, config.journal.clone())?;
    let mut registry = registry(&opened.reader())?;
    let (log, keys) = (registry.log(), Keys::in_folder(&config.paths.keys));
    let Some(successor) = log.successor().cloned() else {
        return Err(refused(String::from("the log is not frozen; next: gateway log freeze")));
    };
    let key = NoteVerifier::from_vkey(&successor.key)?;
    log_key::signer(&keys, log, &key)?;
    let last = ledger::published(&config.paths.ledger, log_key::signers(&keys, log)?.known())?;
    let (size, covered) =
        (opened.reader().size(), last.as_ref().map_or(0, |last| last.checkpoint.size()));
    let Some(last) = last.filter(|_| covered == size) else {
        return Err(refused(format!(
            "the last checkpoint of the frozen log is not signed yet: it covers {covered} of \
             {size} records; next: gateway serve, until it is, with the witnesses there"
        )));
    };
    let note = String::from_utf8(last.note.clone()).context("the last checkpoint")?;
    let (origin, log_key) = (successor.origin, successor.key);
    let event = Event::LogContinued { origin, log_key, last: note };
    let exchange = record(opened, &mut registry, event, clock).await?;
    Ok((key, exchange, last))
}

/// Writes one record of the operator's.
async fn record(
    opened: Opened,
    registry: &mut Registry,
    event: Event,
    clock: SharedClock,
) -> Result<u64> {
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
    Ok(committed.first)
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

fn room(log: &Log) -> Result<()> {
    if log.active().len() < AT_ONCE {
        return Ok(());
    }
    Err(refused(format!("{AT_ONCE} keys sign already: retire one first")))
}

/// A log cannot go on from itself, nor under the name of one before it.
fn another(log: &Log, successor: &str) -> Result<()> {
    if log.keys().iter().any(|key| key.vkey().name() == successor) {
        return Err(refused(format!(
            "{successor} is the origin of this very log, or of one before"
        )));
    }
    Ok(())
}

fn refused(detail: String) -> anyhow::Error {
    Wrong(detail).into()
}
