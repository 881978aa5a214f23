use std::fs;

use birge_proto::{
    envelope::SigningKey,
    signatories::Signatories,
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
    let authority = Signatories::new(vec![authority], 1).unwrap();
    let mut case = case(&log, 9, 9, &[]).await;
    let memory = Memory::open(&case.comparisons.home, &log.verifier().to_string(), authority);
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
