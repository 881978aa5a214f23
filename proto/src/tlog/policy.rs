//! Which logs are trusted, which witnesses are known, and which of them must have cosigned for
//! a checkpoint to count as witnessed.
//!
//! Source: C2SP tlog-policy. URLs are read over: whoever verifies needs none.

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;

use super::{
    checkpoint::{Checkpoint, CheckpointError},
    cosignature::CosignatureVerifier,
    note::NoteVerifier,
    vkey::VkeyError,
};

/// Bytes of the longest policy that is read.
pub const POLICY_BYTES: usize = 64 << 10;
/// Logs, witnesses or groups of one policy.
pub const POLICY_NAMES: usize = 256;

/// The policy by which checkpoints are judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<NoteVerifier>,
    witnesses: Vec<(String, CosignatureVerifier)>,
    groups: Vec<Group>,
    /// None: no cosignature is required.
    quorum: Option<String>,
}

/// Some of these must have signed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    name: String,
    least: usize,
    members: Vec<String>,
}

/// What a policy says of a checkpoint that a trusted log signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// Witnesses of the policy that cosigned, and when each did.
    pub cosigned: BTreeMap<String, Timestamp>,
    /// Whether they are the quorum.
    pub witnessed: bool,
}

impl Policy {
    /// A policy without witnesses: nothing is witnessed by it.
    #[must_use]
    pub fn of_logs(logs: Vec<NoteVerifier>) -> Self {
        Self { logs, witnesses: vec![], groups: vec![], quorum: None }
    }

    /// The policy that all of `mandatory` and at least `least` of `others` must have signed
    /// (decree, article 9(2)). Where that cannot be, because a mandatory one has no key or
    /// there are fewer others than must sign, nothing counts as witnessed.
    ///
    /// # Errors
    /// When a name is not one word, or a name or key stands twice.
    pub fn of_quorum(
        logs: Vec<NoteVerifier>,
        mandatory: Vec<(String, Option<CosignatureVerifier>)>,
        others: Vec<(String, CosignatureVerifier)>,
        least: usize,
    ) -> Result<Self, PolicyError> {
        let complete = mandatory.iter().all(|(_, key)| key.is_some())
            && others.len() >= least
            && !(mandatory.is_empty() && least == 0);
        let names = |all: &[(String, CosignatureVerifier)]| -> Vec<String> {
            all.iter().map(|(name, _)| name.clone()).collect()
        };
        let mandatory: Vec<_> =
            mandatory.into_iter().filter_map(|(name, key)| Some((name, key?))).collect();
        let (mut groups, mut quorum) = (vec![], names(&mandatory));
        if least > 0 && complete {
            let name = String::from("participants");
            groups.push(Group { name: name.clone(), least, members: names(&others) });
            quorum.push(name);
        }
        if complete {
            let (name, least) = (String::from("quorum"), quorum.len());
            groups.push(Group { name, least, members: quorum });
        }
        let witnesses = [mandatory, others].concat();
        let quorum = complete.then(|| String::from("quorum"));
        let policy = Self { logs, witnesses, groups, quorum };
        // What is written must be what is read: names and keys are checked there.
        Self::parse(policy.to_string().as_bytes())
    }

    /// Reads a policy from its text.
    ///
    /// # Errors
    /// When a line is not one of a policy's, or refers to what was not defined before it.
    pub fn parse(text: &[u8]) -> Result<Self, PolicyError> {
        if text.len() > POLICY_BYTES {
            return Err(PolicyError::TooLarge);
        }
        let text = std::str::from_utf8(text).map_err(|_| PolicyError::Text)?;
        let mut policy = Self::of_logs(vec![]);
        let mut quorum = false;
        for (at, line) in (1..).zip(text.split('\n')) {
            let wrong = |what: &str| PolicyError::Line { line: at, what: what.to_owned() };
            if line.contains(|c: char| c.is_ascii_control() && c != '\t') {
                return Err(wrong("it has control characters"));
            }
            let words: Vec<_> = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
            match words[..] {
                [] => {}
                [comment, ..] if comment.starts_with('#') => {}
                ["log", key] | ["log", key, _] => policy.log(key).map_err(|what| wrong(&what))?,
                ["witness", name, key] | ["witness", name, key, _] => {
                    policy.witness(name, key).map_err(|what| wrong(&what))?;
                }
                ["group", name, least, ref members @ ..] if !members.is_empty() => {
                    policy.group(name, least, members).map_err(|what| wrong(&what))?;
                }
                ["quorum", name] if !quorum => {
                    if name != "none" && !policy.knows(name) {
                        return Err(wrong("the quorum is not defined before it"));
                    }
                    policy.quorum = (name != "none").then(|| name.to_owned());
                    quorum = true;
                }
                ["quorum", _] => return Err(wrong("there is a second quorum")),
                _ => return Err(wrong("expected log, witness, group or quorum")),
            }
        }
        if quorum { Ok(policy) } else { Err(PolicyError::NoQuorum) }
    }

    fn log(&mut self, key: &str) -> Result<(), String> {
        let key = NoteVerifier::from_vkey(key).map_err(|error: VkeyError| error.to_string())?;
        if self.logs.iter().any(|known| known.vkey().key() == key.vkey().key()) {
            return Err(String::from("the key stands twice"));
        }
        self.logs.push(key);
        room(self.logs.len())
    }

    fn witness(&mut self, name: &str, key: &str) -> Result<(), String> {
        self.free(name)?;
        let key = CosignatureVerifier::from_vkey(key).map_err(|error| error.to_string())?;
        if self.witnesses.iter().any(|(_, known)| known.vkey().key() == key.vkey().key()) {
            return Err(String::from("the key stands twice"));
        }
        self.witnesses.push((name.to_owned(), key));
        room(self.witnesses.len())
    }

    fn group(&mut self, name: &str, least: &str, members: &[&str]) -> Result<(), String> {
        self.free(name)?;
        for member in members {
            if !self.knows(member) {
                return Err(format!("{member:?} is not defined before it"));
            }
            if self.groups.iter().any(|group| group.members.iter().any(|known| known == member)) {
                return Err(format!("{member:?} stands in another group already"));
            }
        }
        let mut once: Vec<_> = members.to_vec();
        once.sort_unstable();
        once.dedup();
        let least = match least {
            "all" => Some(members.len()),
            "any" => Some(1),
            number => number.parse().ok().filter(|least: &usize| least.to_string() == number),
        };
        let least = least.filter(|least| (1..=members.len()).contains(least));
        let (Some(least), true) = (least, once.len() == members.len()) else {
            return Err(String::from("expected all, any, or a number up to that of its members"));
        };
        let members = members.iter().map(|&member| member.to_owned()).collect();
        self.groups.push(Group { name: name.to_owned(), least, members });
        room(self.groups.len())
    }

    fn free(&self, name: &str) -> Result<(), String> {
        if name == "none" || self.knows(name) {
            return Err(format!("{name:?} stands already"));
        }
        Ok(())
    }

    fn knows(&self, name: &str) -> bool {
        self.witnesses.iter().any(|(known, _)| known == name)
            || self.groups.iter().any(|group| group.name == name)
    }

    /// Keys of the logs that are trusted.
    #[must_use]
    pub fn logs(&self) -> &[NoteVerifier] {
        &self.logs
    }

    /// The witnesses, by the names that the policy gives them.
    pub fn witnesses(&self) -> impl Iterator<Item = (&str, &CosignatureVerifier)> {
        self.witnesses.iter().map(|(name, key)| (name.as_str(), key))
    }

    /// Whether it asks for cosignatures at all.
    #[must_use]
    pub fn asks_for_witnesses(&self) -> bool {
        self.quorum.is_some()
    }

    /// Reads a checkpoint that a trusted log must have signed, and says who cosigned it.
    /// Cosignatures by others, and such as do not hold, count for nothing.
    ///
    /// # Errors
    /// When no trusted log signed it.
    pub fn judge(&self, note: &[u8]) -> Result<Judged, CheckpointError> {
        let mut error = CheckpointError::Note(super::note::NoteError::Unsigned);
        for log in &self.logs {
            match Checkpoint::open(note, log, log.vkey().name()) {
                Ok(checkpoint) => {
                    let signed = self
                        .witnesses
                        .iter()
                        .filter_map(|(name, key)| Some((name.clone(), key.verify(note).ok()?)));
                    let cosigned: BTreeMap<_, _> = signed.collect();
                    let witnessed = self.quorum.as_ref().is_some_and(|quorum| {
                        self.holds(quorum, &|name| cosigned.contains_key(name))
                    });
                    return Ok(Judged { checkpoint, cosigned, witnessed });
                }
                Err(other) => error = other,
            }
        }
        Err(error)
    }

    /// Would these witnesses be the quorum?
    #[must_use]
    pub fn is_quorum(&self, signed: impl Fn(&str) -> bool) -> bool {
        self.quorum.as_ref().is_some_and(|quorum| self.holds(quorum, &signed))
    }

    fn holds(&self, name: &str, signed: &dyn Fn(&str) -> bool) -> bool {
        match self.groups.iter().find(|group| group.name == name) {
            // Members are defined before their group, so this ends.
            Some(group) => {
                let holds = group.members.iter().filter(|member| self.holds(member, signed));
                holds.count() >= group.least
            }
            None => signed(name),
        }
    }
}

impl fmt::Display for Policy {
    /// The policy's text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for log in &self.logs {
            writeln!(f, "log {log}")?;
        }
        for (name, key) in &self.witnesses {
            writeln!(f, "witness {name} {}", key.vkey())?;
        }
        for Group { name, least, members } in &self.groups {
            writeln!(f, "group {name} {least} {}", members.join(" "))?;
        }
        writeln!(f, "quorum {}", self.quorum.as_deref().unwrap_or("none"))
    }
}

fn room(count: usize) -> Result<(), String> {
    let most = format!("there are more than {POLICY_NAMES} of them");
    if count > POLICY_NAMES { Err(most) } else { Ok(()) }
}

/// Why a text is no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Larger than any honest one.
    #[error("the policy has more than {POLICY_BYTES} bytes")]
    TooLarge,
    /// Not text.
    #[error("the policy is not UTF-8")]
    Text,
    /// A line that cannot stand there.
    #[error("line {line} of the policy: {what}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// The line that counts is missing.
    #[error("the policy has no quorum line")]
    NoQuorum,
}
