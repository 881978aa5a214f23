//! Which witnesses must have signed for a checkpoint to count as witnessed. The node asks the
//! gateway for what the authority signed (the decree in force, whose keys are whose) and makes
//! the policy from that alone, so that the gateway cannot name its own witnesses (article 9(2)).
//!
//! The policy is kept as C2SP's tlog-policy in `state/policy`, for work offline. It names the
//! keys by which the log signs now: a key of the log counts when it stands in `enrolled.json` or
//! the authority stated it, and no more once the authority stated that it is retired.
//!
//! `state/log-keys` (a policy too, without witnesses) names every key that ever counted. By those
//! is read what was verified and filed here while they did: receipts, and checkpoints seen or
//! cosigned. Nothing that comes from outside is judged by a retired key.

mod lineage;
mod newest;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
};

use birge_proto::{
    clock::Timestamp,
    envelope::{VerifyingKey, sha256},
    identity::Identity,
    record::KeySignature,
    signatories::Signatories,
    statement::{Says, Signed, Statement},
    tlog::{
        cosignature::CosignatureVerifier,
        note::NoteVerifier,
        policy::{POLICY_BYTES, Policy},
    },
    wire::{WitnessesRequest, WitnessesResponse},
};
use birge_schemas::{decree, witnesses::Witnesses};

use self::lineage::Lineage;
pub(crate) use self::newest::Newest;
use crate::{
    config::Trust,
    connect::{self, Link},
    credentials::Enrolled,
    home::{self, Home},
    output::Failure,
};

/// Where the policy is kept.
const FILE: &str = "state/policy";
/// Where every key of the log is kept that ever counted.
const KEYS: &str = "state/log-keys";
/// Statements of one answer that are read.
const STATEMENTS: usize = 1024;

/// The authority that this node believes, its keys and how many of them must have signed a
/// decree: as pinned in `node.toml`, else as in `enrolled.json`; without keys where neither names
/// any. Where a file does not say how many, all of the keys that it names must.
///
/// # Errors
/// When a key cannot be read or no so many can sign, or `enrolled.json` names a key that is not
/// pinned or says another number.
pub fn authority(trust: &Trust, enrolled: &Enrolled) -> Result<Signatories, Failure> {
    let read = |keys: &[String], quorum: u64, place: &str| {
        if keys.is_empty() {
            return Ok(None);
        }
        let quorum = if quorum == 0 { keys.len() as u64 } else { quorum };
        Signatories::pinned(keys, quorum).map(Some).map_err(|error| {
            Failure::Wrong(format!(
                "the authority's keys in {place}: {error}\nnext: compare them with the decree's \
                 publication"
            ))
        })
    };
    let pinned = read(&trust.authority_keys, trust.authority_quorum, "node.toml")?;
    let told = read(&enrolled.authority_keys, enrolled.authority_quorum, "enrolled.json")?;
    let (pinned, told) = match (pinned, told) {
        (Some(pinned), Some(told)) => (pinned, told),
        (one, other) => return Ok(one.or(other).unwrap_or_default()),
    };
    let next = "next: compare both with the decree's publication; if the operator's answer is \
                wrong, tell the Chamber of Accounts";
    if let Some(stranger) = told.keys().iter().find(|key| !pinned.keys().contains(key)) {
        return Err(Failure::Wrong(format!(
            "enrolled.json names the authority's key {}, which node.toml does not pin under \
             [trust]\n{next}",
            stranger.id()
        )));
    }
    if told.quorum() != pinned.quorum() {
        return Err(Failure::Wrong(format!(
            "by enrolled.json {} of the authority's keys must have signed a decree, by node.toml \
             {} (authority_quorum under [trust]; all of the keys that it names, unless it says \
             how many)\n{next}",
            told.quorum(),
            pinned.quorum()
        )));
    }
    Ok(pinned)
}

/// Asks the gateway what the authority signed, makes the policy from it, and keeps it. Without
/// a key of the authority nothing is asked, and the policy counts nothing as witnessed.
///
/// # Errors
/// When the gateway is away, or what it gives is not signed by the authority.
pub async fn refresh(
    home: &Home,
    link: &Link,
    log: &NoteVerifier,
    authority: &Signatories,
) -> Result<Policy, Failure> {
    if authority.keys().is_empty() {
        return Ok(Policy::of_logs(vec![log.clone()]));
    }
    let answer = link.audit().witnesses(WitnessesRequest {}).await;
    let answer = answer.map_err(|status| connect::problem(&status))?.into_inner();
    let Stated { policy, ever: stated, newest } = of_answer(answer, log, authority)?;
    let seen = Newest::load(home)?;
    let newest = seen.clone().and(newest, policy.logs())?;
    if newest != seen {
        newest.keep(home)?;
    }
    let mut ever = known(home, log)?.logs().to_vec();
    add(&mut ever, &stated);
    // A key is kept among all of them before anything is judged by it.
    for (file, new) in [(KEYS, &Policy::of_logs(ever)), (FILE, &policy)] {
        if read(home, file, log)?.as_ref() != Some(new) {
            home::write(&home.join(file), new.to_string().as_bytes())?;
        }
    }
    Ok(policy)
}

/// The policy that was kept last; before the first, one without witnesses.
///
/// # Errors
/// When the file is damaged.
pub fn kept(home: &Home, log: &NoteVerifier) -> Result<Policy, Failure> {
    Ok(read(home, FILE, log)?.unwrap_or_else(|| Policy::of_logs(vec![log.clone()])))
}

/// Every key by which the log ever signed, as far as it was told here; a policy without
/// witnesses.
///
/// # Errors
/// When a file is damaged.
pub fn known(home: &Home, log: &NoteVerifier) -> Result<Policy, Failure> {
    let mut ever = vec![log.clone()];
    for kept in [read(home, KEYS, log)?, read(home, FILE, log)?].into_iter().flatten() {
        add(&mut ever, kept.logs());
    }
    Ok(Policy::of_logs(ever))
}

/// Adds the keys that are not among them.
fn add(keys: &mut Vec<NoteVerifier>, more: &[NoteVerifier]) {
    for key in more {
        if !keys.contains(key) {
            keys.push(key.clone());
        }
    }
}

fn read(home: &Home, file: &str, log: &NoteVerifier) -> Result<Option<Policy>, Failure> {
    let path = home.join(file);
    let damaged = |error: String| {
        Failure::Wrong(format!(
            "{} is damaged: {error}\nnext: remove it; the node asks for it again",
            path.display()
        ))
    };
    let text = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(|error| damaged(error.to_string()))?,
    };
    let policy = Policy::parse(&text).map_err(|error| damaged(error.to_string()))?;
    let name = |key: &NoteVerifier| key.vkey().name().to_owned();
    let origins: BTreeSet<_> = policy.logs().iter().map(name).collect();
    if origins.contains(log.vkey().name()) || !origins.is_disjoint(&followed(home, log)) {
        Ok(Some(policy))
    } else {
        Err(damaged("it is of another log".into()))
    }
}

/// Origins of the logs that followed on the one of the key `log`, as far as it was told here.
fn followed(home: &Home, log: &NoteVerifier) -> BTreeSet<String> {
    let kept = fs::read(home.join(KEYS)).ok().and_then(|text| Policy::parse(&text).ok());
    let kept = kept.map(|policy| policy.logs().to_vec()).unwrap_or_default();
    let origins: BTreeSet<_> = kept.iter().map(|key| key.vkey().name().to_owned()).collect();
    if origins.contains(log.vkey().name()) { origins } else { BTreeSet::new() }
}

/// What follows from an answer of the gateway.
#[derive(Debug)]
struct Stated {
    /// By what checkpoints are judged.
    policy: Policy,
    /// Every key of the log that the authority stated, retired or not.
    ever: Vec<NoteVerifier>,
    /// When what was stated.
    newest: Newest,
}

/// Makes the policy from an answer of the gateway.
fn of_answer(
    answer: WitnessesResponse,
    log: &NoteVerifier,
    authority: &Signatories,
) -> Result<Stated, Failure> {
    let WitnessesResponse { decree, signatures, witnesses, log_keys } = answer;
    let signatures: Vec<_> = signatures.into_iter().map(KeySignature::from).collect();
    authority
        .tally(&decree, &signatures)
        .map_err(|error| wrong("the decree in force at the gateway", error))?;
    let authority = authority.keys();
    let rule = Witnesses::of_bundle(&decree).map_err(|error| wrong("the decree", error))?;
    let lineage = Lineage::of(log, opened(log_keys, authority)?)?;
    let mut keys: BTreeMap<Identity, (Timestamp, Option<CosignatureVerifier>)> = BTreeMap::new();
    for statement in opened(witnesses, authority)? {
        lineage.includes(&statement)?;
        let Says::Enrolment { identity, witness_key, .. } = statement.says else {
            return Err(wrong("a statement", "it enrols nobody"));
        };
        let key = witness_key.as_deref().map(CosignatureVerifier::from_vkey).transpose();
        let key = key.map_err(|error| wrong(format!("the witness key of {identity}"), error))?;
        if keys.get(&identity).is_none_or(|(stated, _)| *stated < statement.stated) {
            keys.insert(identity, (statement.stated, key));
        }
    }
    let from = decree::in_force_from(&decree).map_err(|error| wrong("the decree", error))?;
    let newest = Newest {
        in_force_from: Some(from),
        decree: hex::encode(sha256(&decree)),
        witnesses: keys.iter().map(|(identity, (stated, _))| (identity.clone(), *stated)).collect(),
        retired: lineage.retired().map(ToString::to_string).collect(),
    };
    let keys = keys.into_iter().filter_map(|(identity, (_, key))| Some((identity, key?))).collect();
    let policy = rule.policy(lineage.now, &keys).map_err(|error| wrong("the policy", error))?;
    Ok(Stated { policy, ever: lineage.ever, newest })
}

/// Statements that the authority signed.
fn opened(
    statements: Vec<birge_proto::wire::Statement>,
    authority: &[VerifyingKey],
) -> Result<Vec<Statement>, Failure> {
    if statements.len() > STATEMENTS {
        return Err(wrong("the statements", format!("there are more than {STATEMENTS}")));
    }
    let open = |statement| {
        let statement = Signed::from(statement).open(authority);
        statement.map_err(|error| wrong("a statement", error))
    };
    statements.into_iter().map(open).collect()
}

fn wrong(what: impl std::fmt::Display, error: impl std::fmt::Display) -> Failure {
    Failure::Wrong(format!(
        "who witnesses the log cannot be told: {what}: {error}\nnext: checkpoints count by the \
         policy known before (at most {POLICY_BYTES} bytes, state/policy); tell the Chamber of \
         Accounts that the gateway gives what the authority did not sign"
    ))
}
