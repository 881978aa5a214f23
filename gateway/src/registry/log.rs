//! The log as its own records tell it: its origin, and which keys sign its checkpoints.

use birge_proto::{
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
    statements: Vec<Signed>,
    successor: Option<String>,
}

impl Log {
    /// Takes in an event. Events come in the journal's order.
    pub fn apply(&mut self, event: &Event) {
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
                self.state(Says::LogKeyRetired { log_key: log_key.clone() }, authorised);
            }
            Event::LogFrozen { successor, .. } => self.successor = Some(successor.clone()),
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

    /// Every key that ever signed its checkpoints, the oldest first.
    #[must_use]
    pub fn keys(&self) -> &[NoteVerifier] {
        &self.keys
    }

    /// The keys that sign its checkpoints now, the oldest first.
    #[must_use]
    pub fn active(&self) -> &[NoteVerifier] {
        &self.active
    }

    /// Origin of the log that goes on from it, once it is frozen: then nothing more is written.
    #[must_use]
    pub fn successor(&self) -> Option<&str> {
        self.successor.as_deref()
    }

    /// What the authority stated of its keys, beside the one that it began with.
    #[must_use]
    pub fn statements(&self) -> &[Signed] {
        &self.statements
    }
}
