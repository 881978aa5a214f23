//! Who must have signed what is shown as witnessed: the parameters of a decree that say so
//! (article 9(2)), and the policy that follows from them and the keys that are enrolled. Both
//! sides make it, so that nobody takes it from the gateway.

use std::collections::BTreeMap;

use birge_proto::{
    identity::{AgencyId, Identity, Role},
    tlog::{
        cosignature::CosignatureVerifier,
        note::NoteVerifier,
        policy::{Policy, PolicyError},
    },
};
use serde::Deserialize;

use crate::decree;

/// The file of a decree that holds its parameters.
const PARAMETERS: &str = "decree.json";

/// How many witnesses must have signed, and which of them in any case.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quorum {
    /// The article that says so.
    pub article: String,
    /// Auditing bodies without which nothing counts as witnessed.
    pub mandatory: Vec<AgencyId>,
    /// Participants that must have signed, at least.
    pub participants: usize,
    /// Participants that may sign two histories without anybody being deceived.
    pub faulty: usize,
}

/// The rule with those to whom it applies. A suspended participant goes on witnessing
/// (article 10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witnesses {
    /// The rule.
    pub quorum: Quorum,
    /// The participants that the decree names.
    pub participants: Vec<AgencyId>,
}

impl Witnesses {
    /// The rule for these participants.
    ///
    /// # Errors
    /// When more must sign than there are, or so few that two quorums might have only faulty
    /// participants in common.
    pub fn new(quorum: Quorum, participants: Vec<AgencyId>) -> Result<Self, WitnessesError> {
        let (all, Quorum { participants: least, faulty, .. }) = (participants.len(), &quorum);
        if *least > all || 2 * least <= all + faulty {
            let (least, faulty) = (*least, *faulty);
            return Err(WitnessesError::Quorum { least, faulty, all });
        }
        Ok(Self { quorum, participants })
    }

    /// The rule in a decree's bundle.
    ///
    /// # Errors
    /// When the bundle holds none, or one that cannot be.
    pub fn of_bundle(bundle: &[u8]) -> Result<Self, WitnessesError> {
        #[derive(Deserialize)]
        struct Parameters {
            witnesses: Quorum,
            participants: Vec<Body>,
        }
        #[derive(Deserialize)]
        struct Body {
            id: AgencyId,
        }
        let files = decree::files(bundle).map_err(|e| WitnessesError::Decree(e.to_string()))?;
        let text = files.get(PARAMETERS);
        let text = text.ok_or_else(|| WitnessesError::Decree(format!("no {PARAMETERS}")))?;
        let Parameters { witnesses, participants } = serde_json::from_str(text)
            .map_err(|error| WitnessesError::Decree(format!("{PARAMETERS}: {error}")))?;
        Self::new(witnesses, participants.into_iter().map(|body| body.id).collect())
    }

    /// Does the decree have this identity witness the log?
    #[must_use]
    pub fn include(&self, identity: &Identity) -> bool {
        // Systems witness, persons do not.
        identity.person.is_none()
            && match identity.role {
                Role::Agency => self.participants.contains(&identity.body),
                Role::Auditor => self.quorum.mandatory.contains(&identity.body),
                Role::Member | Role::Observer | Role::Public | Role::Operator | Role::Gateway => {
                    false
                }
            }
    }

    /// The policy by which checkpoints of `logs` are judged, with the keys that are enrolled.
    /// It calls the witnesses by the short names of their bodies.
    ///
    /// # Errors
    /// When two of them have one key.
    pub fn policy(
        &self,
        logs: Vec<NoteVerifier>,
        keys: &BTreeMap<Identity, CosignatureVerifier>,
    ) -> Result<Policy, PolicyError> {
        let key = |role, body: &AgencyId| keys.get(&Identity::of(role, body.clone())).cloned();
        let mandatory = self.quorum.mandatory.iter();
        let mandatory =
            mandatory.map(|body| (body.to_string(), key(Role::Auditor, body))).collect();
        let others = self.participants.iter();
        let others = others.filter_map(|body| Some((body.to_string(), key(Role::Agency, body)?)));
        Policy::of_quorum(logs, mandatory, others.collect(), self.quorum.participants)
    }

    /// How many participants that witness must have said which checkpoint they hold before a
    /// gateway that starts may sign: among so many is one that is not faulty and signed the
    /// last checkpoint that counts as witnessed. None, where fewer are `enrolled` than a quorum
    /// needs, for then nothing was witnessed. Counted over all whom the decree names: of those who
    /// are not enrolled here, some may be in a newer copy.
    #[must_use]
    pub fn needed_at_start(&self, enrolled: usize) -> usize {
        let Quorum { participants: least, faulty, .. } = self.quorum;
        let all = self.participants.len();
        if enrolled < least { 0 } else { (all + faulty + 1 - least).min(enrolled) }
    }
}

/// Why there is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WitnessesError {
    /// The decree does not say.
    #[error("the decree does not say who witnesses the log: {0}")]
    Decree(String),
    /// It says what cannot be.
    #[error(
        "{least} of {all} participants cannot be a quorum with {faulty} faulty: expected more than \
         half of the two sums, and no more than there are"
    )]
    Quorum {
        /// Must sign.
        least: usize,
        /// May be faulty.
        faulty: usize,
        /// Are there.
        all: usize,
    },
}

#[cfg(test)]
mod tests {
    use birge_proto::{envelope::SigningKey, tlog::cosignature::Cosigner};

    use super::*;

    fn agencies(count: usize) -> Vec<AgencyId> {
        (0..count).map(|number| format!("A{number}").parse().unwrap()).collect()
    }

    fn quorum(participants: usize, faulty: usize) -> Quorum {
        let mandatory = vec!["COA".parse().unwrap()];
        Quorum { article: "9(2)".into(), mandatory, participants, faulty }
    }

    fn keys(identities: &[&str]) -> BTreeMap<Identity, CosignatureVerifier> {
        let key = |name: &str| {
            let name = format!("birge.example/witness/{name}");
            Cosigner::new(&name, SigningKey::generate().unwrap()).unwrap().verifier()
        };
        identities.iter().map(|name| (name.parse().unwrap(), key(name))).collect()
    }

    #[test]
    fn article_9_2_of_the_model_decree() {
        let witnesses = Witnesses::of_bundle(&decree::model().unwrap()).unwrap();
        assert_eq!(witnesses.quorum, quorum(4, 1));
        let all = ["agency/NSC", "agency/MLSSM", "agency/MIA", "agency/MFA", "agency/SBS"];
        let policy = |who: &[&str]| witnesses.policy(vec![], &keys(who)).unwrap();
        let signed = |policy: &Policy, who: &[&str]| policy.is_quorum(|name| who.contains(&name));
        let with_chamber = policy(&[&all[..], &["auditor/COA"]].concat());
        assert!(signed(&with_chamber, &["COA", "NSC", "MIA", "MFA", "SBS"]));
        assert!(!signed(&with_chamber, &["NSC", "MLSSM", "MIA", "MFA", "SBS"]));
        assert!(!signed(&with_chamber, &["COA", "NSC", "MIA", "MFA"]));
        let everybody = |policy: &Policy| policy.is_quorum(|_| true);
        assert!(everybody(&policy(&[&all[..4], &["auditor/COA"]].concat())));
        assert!(!everybody(&policy(&all)), "the Chamber has no key yet");
        assert!(!everybody(&policy(&[&all[..3], &["auditor/COA"]].concat())), "three have keys");
        assert!(!everybody(&policy(&["auditor/NSC", "agency/COA"])), "roles are told apart");
    }

    #[test]
    fn two_quorums_must_share_somebody_honest() {
        let with = |all, least, faulty| Witnesses::new(quorum(least, faulty), agencies(all));
        assert!(with(5, 4, 1).is_ok() && with(6, 4, 1).is_ok() && with(1, 1, 0).is_ok());
        assert!(with(7, 4, 1).is_err() && with(5, 3, 1).is_err() && with(5, 6, 1).is_err());
        assert!(with(4, 2, 0).is_err() && with(0, 0, 0).is_err());
    }

    #[test]
    fn so_many_must_answer_at_a_start() {
        let witnesses = Witnesses::new(quorum(4, 1), agencies(6)).unwrap();
        let needed: Vec<_> = (0..=6).map(|enrolled| witnesses.needed_at_start(enrolled)).collect();
        assert_eq!(needed, [0, 0, 0, 0, 4, 4, 4]);
    }
}
