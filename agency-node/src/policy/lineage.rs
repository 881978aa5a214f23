//! Which keys the log signs with now, and ever did: what the authority stated, followed from the
//! key that the node was given. Where the log was frozen and another goes on from it, the keys of
//! that one take the place of all before.

use std::collections::BTreeSet;

use birge_proto::{
    statement::{Says, Statement},
    tlog::note::NoteVerifier,
};

use super::wrong;
use crate::output::Failure;

/// The log's keys as they followed on each other.
#[derive(Debug)]
pub(super) struct Lineage {
    /// Those that count.
    pub(super) now: Vec<NoteVerifier>,
    /// Those that ever did.
    pub(super) ever: Vec<NoteVerifier>,
    /// Origins of the log, of those before it, and of those after it.
    origins: BTreeSet<String>,
    /// Of the newest of them.
    origin: String,
}

impl Lineage {
    /// Follows the `statements` on the log's keys from the key that is known.
    ///
    /// # Errors
    /// When one is of something else, or no key is left.
    pub(super) fn of(log: &NoteVerifier, mut statements: Vec<Statement>) -> Result<Self, Failure> {
        statements.sort_by_key(|statement| statement.stated);
        let origin = log.vkey().name().to_owned();
        let mut origins = BTreeSet::from([origin.clone()]);
        // Of the logs before only the names matter: who was enrolled then is enrolled still.
        for statement in statements.iter().rev() {
            if let Says::Successor { successor, .. } = &statement.says
                && origins.contains(successor)
            {
                origins.insert(statement.origin.clone());
            }
        }
        let before = origins.clone();
        let (now, ever) = (vec![log.clone()], vec![log.clone()]);
        let mut lineage = Self { now, ever, origins, origin };
        for statement in statements {
            if statement.origin == lineage.origin {
                lineage.follow(&statement.says)?;
            } else if !before.contains(&statement.origin) {
                lineage.includes(&statement)?;
            }
        }
        if lineage.now.is_empty() {
            return Err(wrong("the log's keys", "all of them are retired"));
        }
        Ok(lineage)
    }

    fn follow(&mut self, says: &Says) -> Result<(), Failure> {
        let (added, text) = match says {
            Says::LogKey { log_key } => (true, log_key),
            Says::LogKeyRetired { log_key } => (false, log_key),
            Says::Successor { successor, log_key } => {
                self.origin.clone_from(successor);
                self.origins.insert(successor.clone());
                self.now.clear();
                (true, log_key)
            }
            Says::Enrolment { .. } | Says::Renewal { .. } => {
                return Err(wrong("a statement", "it is not of a key of this log"));
            }
        };
        let key = NoteVerifier::from_vkey(text).map_err(|error| wrong("a log key", error))?;
        if key.vkey().name() != self.origin {
            return Err(wrong("a log key", "it is of another log"));
        }
        self.now.retain(|known| *known != key);
        super::add(&mut self.ever, std::slice::from_ref(&key));
        if added {
            self.now.push(key);
        }
        Ok(())
    }

    /// Those that count no more.
    pub(super) fn retired(&self) -> impl Iterator<Item = &NoteVerifier> {
        self.ever.iter().filter(|key| !self.now.contains(key))
    }

    /// Is the statement of this log, or of one that it follows on or that follows on it?
    ///
    /// # Errors
    /// When it is not.
    pub(super) fn includes(&self, statement: &Statement) -> Result<(), Failure> {
        if self.origins.contains(&statement.origin) {
            return Ok(());
        }
        Err(wrong("a statement", format!("it is of the log {:?}", statement.origin)))
    }
}
