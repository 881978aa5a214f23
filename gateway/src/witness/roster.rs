//! Who witnesses, by the decree in force and the keys that are enrolled.

use std::collections::BTreeMap;

use birge_proto::{
    clock::SharedClock,
    identity::{Identity, Role},
    problem::Problem,
    tlog::{cosignature::CosignatureVerifier, note::NoteVerifier, policy::Policy},
};
use birge_schemas::witnesses::Witnesses;

use crate::catalog::Catalog;

/// Who witnesses at one moment.
pub struct Roster {
    witnesses: Witnesses,
    keys: BTreeMap<Identity, CosignatureVerifier>,
    policy: Policy,
}

impl Roster {
    /// The roster by the decree that is in force now.
    ///
    /// # Errors
    /// When none is.
    pub fn now(
        catalog: &Catalog,
        clock: &SharedClock,
        log: &[NoteVerifier],
    ) -> Result<Self, Problem> {
        let (decree, keys) =
            catalog.read(|state| (state.decree_at(clock.now()), state.registry.witness_keys()));
        let witnesses = decree?.witnesses().clone();
        let policy = witnesses.policy(log.to_vec(), &keys).unwrap_or_else(|error| {
            tracing::error!(%error, "nothing counts as witnessed: revoke and enrol one of them");
            Policy::of_logs(log.to_vec())
        });
        Ok(Self { witnesses, keys, policy })
    }

    /// The key of an enrolled witness, whether the decree counts on it or not.
    #[must_use]
    pub fn key(&self, identity: &Identity) -> Option<&CosignatureVerifier> {
        self.keys.get(identity)
    }

    /// By what checkpoints are judged.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Those on whom the decree counts, with their keys.
    pub fn counted(&self) -> impl Iterator<Item = (&Identity, &CosignatureVerifier)> {
        self.keys.iter().filter(|(identity, _)| self.witnesses.include(identity))
    }

    /// Is this a participant on whom the decree counts?
    #[must_use]
    pub fn participates(&self, identity: &Identity) -> bool {
        identity.role == Role::Agency
            && self.witnesses.include(identity)
            && self.keys.contains_key(identity)
    }

    /// How many participants must have said what they hold before a gateway that starts may
    /// write.
    #[must_use]
    pub fn needed_at_start(&self) -> usize {
        let enrolled = self.keys.keys().filter(|identity| self.participates(identity));
        self.witnesses.needed_at_start(enrolled.count())
    }
}
