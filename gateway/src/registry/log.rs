//! The log as its own records tell it: its origin, which keys sign its checkpoints, and what
//! follows on what.

use std::collections::BTreeMap;

use birge_proto::{
    clock::Timestamp,
    record::{Authorised, Event},
    statement::{Says, Signed, Statement},
    tlog::note::NoteVerifier,
};

/// Origin and keys of the log.
#[derive(Debug, Clone, Default)]
pub struct Log {
    origin: String,
    keys: Vec<NoteVerifier>,
    active: Vec<NoteVerifier>,
    former: BTreeMap<String, u64>,
    statements: Vec<Signed>,
    stated_last: Option<Timestamp>,
    successor: Option<Successor>,
    frozen: Vec<String>,
}

/// The log that is to go on from a frozen one.
#[derive(Debug, Clone)]
pub struct Successor {
    /// Its origin.
    pub origin: String,
    /// Its key, as a C2SP vkey.
    pub key: String,
    /// The authority's statement that it does.
    statement: Option<Signed>,
}

impl Log {
    /// Takes in the event of the record at `index`. They come in the journal's order.
    pub fn apply(&mut self, index: u64, event: &Event) {
        match event {
            Event::Genesis { origin, log_key, .. } => {
                self.origin.clone_from(origin);
                self.add(log_key);
            }
            Event::LogKeyAdded { log_key, authorised } => {
                self.add(log_key);
                self.state(Says::LogKey { log_key: log_key.clone() }, authorised);
            }
            Event::LogKeyRetired { log_key, authorised } => {
                self.active.retain(|key| key.to_string() != *log_key);
                self.former.insert(log_key.clone(), index);
                self.state(Says::LogKeyRetired { log_key: log_key.clone() }, authorised);
            }
            Event::LogFrozen { successor, log_key, authorised } => {
                let (origin, key) = (successor.clone(), log_key.clone());
                let says = Says::Successor { successor: origin.clone(), log_key: key.clone() };
                let statement = self.stated(says, authorised);
                self.stated_last = Some(authorised.stated);
                self.successor = Some(Successor { origin, key, statement });
            }
            Event::LogContinued { origin, log_key, last } => {
                self.origin.clone_from(origin);
                let ended = self.active.drain(..).map(|key| (key.to_string(), index));
                self.former.extend(ended);
                self.add(log_key);
                // Nodes follow from here on, not before: until now the frozen log was shown.
                self.statements.extend(self.successor.take().and_then(|next| next.statement));
                self.frozen.push(last.clone());
            }
            _ => {}
        }
    }

    fn add(&mut self, log_key: &str) {
        if let Ok(key) = NoteVerifier::from_vkey(log_key) {
            self.keys.push(key.clone());
            self.active.push(key);
        }
    }

    fn state(&mut self, says: Says, authorised: &Authorised) {
        self.stated_last = Some(authorised.stated);
        self.statements.extend(self.stated(says, authorised));
    }

    /// A statement of the authority, put together again from what is recorded of it.
    #[must_use]
    pub fn stated(&self, says: Says, authorised: &Authorised) -> Option<Signed> {
        let Authorised { stated, key_id, signature, .. } = authorised;
        let statement = Statement { origin: self.origin.clone(), stated: *stated, says };
        let (bytes, signature) = (statement.to_canonical().ok()?, hex::decode(signature).ok()?);
        Some(Signed { bytes, key_id: key_id.clone(), signature })
    }

    /// Origin line of its checkpoints.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Every key that ever signed checkpoints, the oldest first: also of the logs that it goes
    /// on from.
    #[must_use]
    pub fn keys(&self) -> &[NoteVerifier] {
        &self.keys
    }

    /// The keys that sign its checkpoints now, the oldest first.
    #[must_use]
    pub fn active(&self) -> &[NoteVerifier] {
        &self.active
    }

    /// Index of the record by which a key stopped signing, where it did: no checkpoint that it
    /// signed covers that record.
    #[must_use]
    pub fn ended(&self, key: &NoteVerifier) -> Option<u64> {
        self.former.get(&key.to_string()).copied()
    }

    /// The log that is to go on from it, once it is frozen: until then nothing more is written.
    #[must_use]
    pub fn successor(&self) -> Option<&Successor> {
        self.successor.as_ref()
    }

    /// The last checkpoints of the logs that it goes on from, as signed notes, the oldest first.
    #[must_use]
    pub fn frozen(&self) -> &[String] {
        &self.frozen
    }

    /// When the authority last stated anything of it.
    #[must_use]
    pub fn stated_last(&self) -> Option<Timestamp> {
        self.stated_last
    }

    /// What the authority stated of its keys, beside the one that it began with, and of those
    /// of the logs before it.
    #[must_use]
    pub fn statements(&self) -> &[Signed] {
        &self.statements
    }
}
