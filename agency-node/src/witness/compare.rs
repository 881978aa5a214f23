//! Compares what the node holds with what the gateway, other witnesses and mirrors show. Equal
//! sizes with other roots are a fork at once. For other sizes the gateway must prove that one is
//! the beginning of the other; if it is there and will not, twice, or five times says that it
//! cannot just now, that is a fork too. So a
//! gateway that shows two histories to two groups is found within two checkpoints.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use birge_proto::{
    clock::SharedClock,
    problem::{Kind as Trouble, Problem},
    tlog::checkpoint::Checkpoint,
    wire::CheckpointRequest,
};
use tracing::{info, warn};

use super::{
    answer::fork,
    fetch::{Fetcher, Place},
    suspects,
};
use crate::{
    alarms::{self, Kind},
    config::Witness as Config,
    connect::{self, Link},
    credentials::Credentials,
    home::Home,
    memory::{Distrust, Memory, agree},
    node::Node,
    output::Failure,
};

/// Rounds in which a gateway that is there may fail to explain a checkpoint.
const ROUNDS: u32 = 2;
/// The same where it says each time that it cannot just now, though it shows its newest one.
const SILENT_ROUNDS: u32 = 5;

/// With whom it is compared.
pub struct Sources {
    fetcher: Fetcher,
    places: Vec<(String, Place)>,
}

impl Sources {
    /// The peers and mirrors of a configuration.
    ///
    /// # Errors
    /// When an address is malformed.
    pub fn new(config: &Config, credentials: &Credentials) -> Result<Self, Failure> {
        let urls = config.peers.iter().chain(&config.mirrors);
        let places = urls.map(|url| Ok((url.clone(), Place::parse(url)?)));
        let places = places.collect::<Result<_, Failure>>()?;
        Ok(Self { fetcher: Fetcher::new(credentials)?, places })
    }
}

/// The comparisons, with what is still unexplained.
pub struct Comparisons {
    home: Home,
    every: std::time::Duration,
    link: Link,
    memory: Memory,
    clock: SharedClock,
    sources: Sources,
    /// In how many rounds a note was not explained.
    unexplained: HashMap<Vec<u8>, u32>,
    /// Whether the gateway showed its newest checkpoint in this round.
    shows: bool,
    /// What was last told of a source that is away.
    told: HashMap<String, String>,
}

impl Comparisons {
    /// Prepares them.
    #[must_use]
    pub fn new(node: &Node, link: Link, memory: Memory, sources: Sources) -> Self {
        Self {
            home: node.home.clone(),
            every: node.config.witness.compare(),
            link,
            memory,
            clock: node.clock.clone(),
            sources,
            unexplained: HashMap::new(),
            shows: false,
            told: HashMap::new(),
        }
    }

    /// Compares now and every so often, for ever.
    ///
    /// # Errors
    /// When what the node keeps cannot be used.
    pub async fn run(mut self) -> Result<(), Failure> {
        loop {
            match self.round().await {
                // Such as a disk that is full: all else goes on, and this does once there is room.
                Err(Failure::Internal(error)) => warn!("checkpoints were not compared: {error:#}"),
                ended => ended?,
            }
            tokio::time::sleep(self.every).await;
        }
    }

    /// One comparison with everybody.
    ///
    /// # Errors
    /// As for [`Self::run`].
    pub async fn round(&mut self) -> Result<(), Failure> {
        self.ask_gateway().await?;
        let mut weighed = HashSet::new();
        for (url, place) in self.sources.places.clone() {
            let note = match self.sources.fetcher.checkpoint(&place).await {
                Ok(note) => note,
                Err(error) => {
                    self.tell(&url, format!("{url} shows no checkpoint: {error:#}"));
                    continue;
                }
            };
            match self.memory.recognise(&self.link, &note).await {
                Ok(_) => {
                    if self.told.remove(&url).is_some() {
                        info!("{url} shows a checkpoint again");
                    }
                    self.weigh(&note, &url).await?;
                    weighed.insert(note);
                }
                Err(Distrust::Failure(failure)) => return Err(failure),
                Err(error) => {
                    if matches!(error, Distrust::Checkpoint(_)) {
                        self.cosigned_elsewhere(&note, &url)?;
                    }
                    self.tell(&url, format!("{url} shows no checkpoint of ours: {error}"));
                }
            }
        }
        for note in suspects::all(&self.home)? {
            if !weighed.contains(&note) {
                self.weigh(&note, "shown before").await?;
            }
        }
        Ok(())
    }

    /// The gateway's own newest checkpoint must continue what it showed before.
    async fn ask_gateway(&mut self) -> Result<(), Failure> {
        self.shows = false;
        let seen = self.memory.seen()?;
        let shown = seen.as_ref().map(|(note, _)| note.clone()).unwrap_or_default();
        let answer = self.link.audit().checkpoint(CheckpointRequest { seen: shown.clone() }).await;
        let note = match answer.map_err(|status| connect::problem(&status)) {
            Ok(answer) => answer.into_inner().note,
            Err(problem) if problem.kind == Trouble::Fenced && !shown.is_empty() => {
                let what = format!("the gateway itself says that it lost entries: {problem}");
                return self.raise(Kind::Shrank, &what, &[("seen.note", &shown)]);
            }
            Err(problem) => {
                self.tell("gateway", format!("the gateway shows no checkpoint: {problem}"));
                return Ok(());
            }
        };
        self.told.remove("gateway");
        self.shows = true;
        let head = match self.memory.recognise(&self.link, &note).await {
            Ok(head) => head,
            Err(distrust) => {
                self.tell(
                    "gateway",
                    format!("the gateway shows no checkpoint of ours: {distrust}"),
                );
                return Ok(());
            }
        };
        if let Some((_, seen)) = seen.filter(|(_, seen)| seen.size() > head.size()) {
            let what = format!("the log shrank from {} entries to {}", seen.size(), head.size());
            let evidence: [(&str, &[u8]); 2] = [("seen.note", &shown), ("shown.note", &note)];
            return self.raise(Kind::Shrank, &what, &evidence);
        }
        match self.memory.reconcile(&self.link, &note).await {
            Ok(_) => Ok(()),
            Err(Distrust::Failure(failure)) => Err(failure),
            Err(Distrust::Checkpoint(_) | Distrust::Stranger | Distrust::Untold(_)) => Ok(()),
            Err(Distrust::Forked { .. } | Distrust::Problem(_)) => {
                self.weigh(&note, "shown by the gateway").await
            }
        }
    }

    /// Compares a note that the log signed with the largest that the node knows.
    async fn weigh(&mut self, note: &[u8], whence: &str) -> Result<(), Failure> {
        let (Ok(other), Some((own, known))) = (self.memory.open_note(note), self.memory.largest()?)
        else {
            return Ok(()); // a key that was retired since; or nothing known to compare with
        };
        match agree(&self.link, &known, &other).await {
            Ok(()) => self.explained(note),
            Err(Distrust::Forked { .. }) => self.fork(note, &own, &known, &other, whence),
            Err(Distrust::Problem(problem)) => {
                suspects::keep(&self.home, note)?;
                let silent = says_nothing(&problem);
                if silent {
                    self.tell(whence, format!("not compared with {whence}: {problem}"));
                    if !self.shows {
                        return Ok(()); // it is away
                    }
                }
                let rounds = self.unexplained.entry(note.to_vec()).or_default();
                *rounds += 1;
                if *rounds >= if silent { SILENT_ROUNDS } else { ROUNDS } {
                    let whence = format!("{whence}; the gateway does not prove it: {problem}");
                    return self.fork(note, &own, &known, &other, &whence);
                }
                warn!(
                    "the gateway does not prove that the log of {} entries ({whence}) and that of \
                     {} fit: {problem}; asked once more",
                    other.size(),
                    known.size()
                );
                Ok(())
            }
            Err(Distrust::Checkpoint(_) | Distrust::Stranger | Distrust::Untold(_)) => Ok(()),
            Err(Distrust::Failure(failure)) => Err(failure),
        }
    }

    /// A checkpoint of our log's origin that none of its keys signed, but a witness of ours
    /// cosigned: either this node or that witness was given another key of the log.
    fn cosigned_elsewhere(&self, note: &[u8], url: &str) -> Result<(), Failure> {
        let policy = self.memory.policy()?;
        let origin = note.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let ours = policy.logs().iter().any(|key| key.vkey().name().as_bytes() == origin);
        if !ours || self.memory.known()?.judge(note).is_ok() {
            return Ok(());
        }
        let mut witnesses = policy.witnesses();
        let Some((name, _)) = witnesses.find(|(_, key)| key.verify(note).is_ok()) else {
            return Ok(());
        };
        let what = format!(
            "the witness {name} cosigned a checkpoint ({url}) of this log that none of the log's \
             keys signed which this node was given: one of the two is shown a log of its own"
        );
        self.raise(Kind::Fork, &what, &[("other.note", note)])
    }

    fn explained(&mut self, note: &[u8]) -> Result<(), Failure> {
        self.unexplained.remove(note);
        suspects::forget(&self.home, note)
    }

    fn fork(
        &mut self,
        note: &[u8],
        own: &[u8],
        known: &Checkpoint,
        other: &Checkpoint,
        whence: &str,
    ) -> Result<(), Failure> {
        let what = fork(known, other, whence);
        self.raise(Kind::Fork, &what, &[("held.note", own), ("other.note", note)])?;
        self.explained(note)
    }

    fn raise(&self, kind: Kind, what: &str, evidence: &[(&str, &[u8])]) -> Result<(), Failure> {
        alarms::raise(&self.home, self.clock.now(), kind, what, evidence).map(drop)
    }

    /// Tells what is not new only once.
    fn tell(&mut self, whom: &str, text: String) {
        if self.told.get(whom) != Some(&text) {
            warn!("{text}");
            self.told.insert(whom.to_owned(), text);
        }
    }
}

/// Is a missing proof no sign of anything? The gateway is away, or does not serve this node.
fn says_nothing(problem: &Problem) -> bool {
    matches!(
        problem.kind,
        Trouble::Unavailable | Trouble::OverQuota | Trouble::NotEnrolled | Trouble::WrongRole
    )
}
