//! Compares what the node holds with what the gateway, other witnesses and mirrors show. Equal
//! sizes with other roots are a fork at once. For other sizes the gateway must prove that one is
//! the beginning of the other; if it is there and will not, twice, that is a fork too. So a
//! gateway that shows two histories to two groups is found within two checkpoints.

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
            self.round().await?;
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

#[cfg(test)]
mod tests {
    use std::fs;

    use birge_proto::{
        envelope::SigningKey,
        tlog::{cosignature::Cosigner, note::add_signature, policy::Policy, proof::consistency},
    };

    use super::{super::answer::tests::Log, *};
    use crate::{handin::tests::node, testing::Authority};

    /// A mirror that serves this note for ever.
    async fn mirror(note: Vec<u8>) -> (String, Place) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let place = Place::parse(&url).unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.read(&mut [0; 4096]).await;
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", note.len());
                let _ = stream.write_all(&[head.as_bytes(), &note].concat()).await;
            }
        });
        (url, place)
    }

    struct Case {
        _folder: tempfile::TempDir,
        comparisons: Comparisons,
    }

    /// A node that saw `seen` entries, at a gateway that shows `shown` and gives these proofs.
    async fn case(log: &Log, seen: u64, shown: u64, proofs: &[(u64, u64)]) -> Case {
        case_with(log, seen, shown, proofs, &[]).await
    }

    /// The same, with these files of the gateway's besides.
    async fn case_with(
        log: &Log,
        seen: u64,
        shown: u64,
        proofs: &[(u64, u64)],
        more: &[(&str, Vec<u8>)],
    ) -> Case {
        let folder = tempfile::tempdir().unwrap();
        let mut node = node(&folder.path().join("mia"));
        let proof = |(old, new): &(u64, u64)| {
            (format!("{old} {new}"), consistency(*old, *new, log).unwrap().concat())
        };
        let mut files: HashMap<_, _> = proofs.iter().map(proof).collect();
        files.insert("checkpoint".into(), log.note(shown));
        files.extend(more.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.clone())));
        let authority = Authority::new();
        let port = authority.serve_log(files).await;
        authority.enrol(&mut node, &log.verifier().to_string(), port);
        fs::write(node.home.join("state/checkpoint"), log.note(seen)).unwrap();
        let (link, memory) = node.link().unwrap();
        let credentials = Credentials::load(&node.home, node.identity()).unwrap();
        let sources = Sources::new(&node.config.witness, &credentials).unwrap();
        let comparisons = Comparisons::new(&node, link, memory, sources);
        Case { _folder: folder, comparisons }
    }

    impl Case {
        /// The alarms after one more round.
        async fn round(&mut self) -> Vec<Kind> {
            self.comparisons.round().await.unwrap();
            let standing = alarms::standing(&self.comparisons.home).unwrap();
            standing.into_iter().map(|alarm| alarm.kind).collect()
        }

        fn waiting(&self) -> usize {
            suspects::all(&self.comparisons.home).unwrap().len()
        }
    }

    #[tokio::test]
    async fn a_checkpoint_that_the_gateway_explains_is_no_alarm() {
        let log = Log::new();
        let mut case = case(&log, 5, 9, &[(5, 9), (7, 9)]).await;
        suspects::keep(&case.comparisons.home, &log.note(7)).unwrap();
        assert_eq!(case.round().await, []);
        assert_eq!(case.waiting(), 0);
        assert_eq!(case.comparisons.memory.seen().unwrap().unwrap().1.size(), 9);
    }

    #[tokio::test]
    async fn one_that_it_does_not_explain_twice_is_a_fork() {
        let log = Log::new();
        let mut case = case(&log, 9, 9, &[]).await;
        suspects::keep(&case.comparisons.home, &log.note(7)).unwrap();
        assert_eq!(case.round().await, []);
        assert_eq!(case.waiting(), 1, "it is asked once more");
        assert_eq!(case.round().await, [Kind::Fork]);
        assert_eq!(case.waiting(), 0);
        assert_eq!(case.round().await, [Kind::Fork]);
    }

    #[tokio::test]
    async fn a_gateway_that_shows_its_newest_but_never_has_time_to_prove_is_a_fork() {
        let log = Log::new();
        let mut case = case_with(&log, 9, 9, &[], &[("silent", vec![])]).await;
        suspects::keep(&case.comparisons.home, &log.note(7)).unwrap();
        for _ in 1..SILENT_ROUNDS {
            assert_eq!(case.round().await, []);
            assert_eq!(case.waiting(), 1);
        }
        assert_eq!(case.round().await, [Kind::Fork]);
    }

    #[tokio::test]
    async fn what_a_mirror_shows_by_an_unknown_key_ends_nothing_while_the_gateway_is_away() {
        let log = Log::new();
        let authority = SigningKey::generate().unwrap().verifying_key();
        let mut case = case(&log, 9, 9, &[]).await;
        let memory =
            Memory::open(&case.comparisons.home, &log.verifier().to_string(), vec![authority]);
        case.comparisons.memory = memory.unwrap();
        case.comparisons.sources.places = vec![mirror(Log::new().note(12)).await];
        assert_eq!(case.round().await, []);
    }

    #[tokio::test]
    async fn a_checkpoint_that_our_witness_cosigned_by_a_key_of_the_log_unknown_here_is_a_fork() {
        let (log, other) = (Log::new(), Log::new());
        let mut case = case(&log, 9, 9, &[]).await;
        let cosigner = Cosigner::new("x/COA", SigningKey::generate().unwrap()).unwrap();
        let mandatory = vec![("COA".to_owned(), Some(cosigner.verifier()))];
        let policy = Policy::of_quorum(vec![log.verifier()], mandatory, vec![], 0).unwrap();
        fs::write(case.comparisons.home.join("state/policy"), policy.to_string()).unwrap();
        let time = "2026-01-01T00:00:00Z".parse().unwrap();
        let line = |of: &Checkpoint| cosigner.cosign(of, time).unwrap();
        let strangers = mirror(other.note(12)).await;
        case.comparisons.sources.places = vec![strangers];
        assert_eq!(case.round().await, [], "anybody can sign a checkpoint of any name");
        let note = add_signature(&other.note(12), &line(&other.checkpoint(12))).unwrap();
        case.comparisons.cosigned_elsewhere(&note, "x").unwrap();
        let held = add_signature(&log.note(9), &line(&log.checkpoint(9))).unwrap();
        case.comparisons.cosigned_elsewhere(&held, "x").unwrap();
        assert_eq!(alarms::standing(&case.comparisons.home).unwrap().len(), 1);
    }

    #[tokio::test]
    async fn one_of_another_history_is_a_fork_at_once() {
        let log = Log::new();
        let mut case = case(&log, 9, 9, &[(7, 9)]).await;
        let other = log.fork(3);
        suspects::keep(&case.comparisons.home, &other.note(7)).unwrap();
        assert_eq!(case.round().await, [Kind::Fork]);
    }

    #[tokio::test]
    async fn a_log_that_shrank_is_an_alarm() {
        let log = Log::new();
        assert_eq!(case(&log, 9, 5, &[(5, 9)]).await.round().await, [Kind::Shrank]);
    }
}
