//! From the outbox to the gateway: batches in their order, each until it has its receipt.
//! What was handed over and not receipted is handed over again; the gateway gives the same
//! receipt for the same batch.

use birge_proto::{
    clock::SharedClock,
    identity::Identity,
    manifest::{Action, BatchId, Manifest},
    problem::{Kind, Problem},
    wire::{self, HeldRequest, SubmitRequest, submit_request::Part},
};
use birge_schemas::finding::Report;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use tracing::info;

use crate::{
    config::Retry,
    connect::{self, Link},
    home::Home,
    i18n::{self, Language},
    memory::{Distrust, Memory},
    outbox::{
        Entry, Outbox, State,
        file::{BatchFile, Slip},
        receipts::{self, Filed},
    },
    output::Failure,
    receipt::{self, Sent},
    reject::{self, Refusal},
};

/// How many blocks are read ahead of what the network takes.
const READ_AHEAD: usize = 2;

/// All that handing over needs.
pub struct Publisher {
    /// The node's folder.
    pub home: Home,
    /// Who signs.
    pub identity: Identity,
    /// The way to the gateway.
    pub link: Link,
    /// What waits.
    pub outbox: Outbox,
    /// The log's key and largest checkpoint.
    pub memory: Memory,
    /// How a gateway that is away is tried again.
    pub retry: Retry,
    /// In which language refusals are told.
    pub language: Language,
    /// Time.
    pub clock: SharedClock,
}

/// What came of one batch.
#[derive(Debug)]
pub enum Delivery {
    /// Accepted; the receipt is filed.
    Accepted {
        /// What was filed.
        filed: Box<Filed>,
        /// What the gateway found in it.
        report: Report,
    },
    /// Refused; batch, problem and report lie under `rejected/`.
    Refused(Box<Refusal>),
}

impl Publisher {
    /// Hands over one batch and files its receipt, or puts it aside if it is refused. The
    /// caller holds the lock `publish`.
    ///
    /// # Errors
    /// When the batch is not at fault: the gateway is away, does not know this node, or has
    /// trouble of its own; or a receipt does not hold. The batch stays in the outbox.
    pub async fn deliver(&self, entry: Entry) -> Result<Delivery, Failure> {
        let path = receipts::path(&self.home, entry.batch);
        if self.outbox.settle(&entry)? {
            let filed = Box::new(receipts::read(&path)?);
            return Ok(Delivery::Accepted { filed, report: Report::default() });
        }
        let again = entry.state == State::Sent;
        let entry = self.outbox.mark_sent(entry)?;
        let file = BatchFile::open(&entry.path)?;
        let (manifest, slip) = (file.manifest.clone(), file.slip.clone());
        if manifest.action == Action::Information {
            // The gateway gives no receipt for it: it would wait here for ever.
            let texts = i18n::SOURCES.texts(self.language);
            let problem = Problem::new(Kind::InvalidBatch, texts.say("refusal-informs"))
                .hint(texts.say("refusal-informs-next"));
            return self.put_aside(&entry, &slip, Refusal::new(problem, Report::default()));
        }
        let held = if again { self.held(entry.batch).await? } else { 0 };
        if held > 0 {
            let (batch, all) = (entry.batch, manifest.blocks.len());
            info!(
                "batch {batch}: the gateway has {held} of {all} blocks, going on with the others"
            );
        }
        let answer = match self.send(file, held).await {
            Ok(answer) => answer,
            Err(Failure::Refused(problem)) if at_fault(problem.kind) => {
                let problem = with_way_out(*problem, manifest.revises, self.language);
                let refusal = Refusal::new(problem, Report::default());
                return self.put_aside(&entry, &slip, refusal);
            }
            Err(failure) => return Err(failure),
        };
        let report = answer.report.as_ref().map(Report::from_wire).unwrap_or_default();
        if answer.outcome() == wire::Outcome::Error {
            let errors = i18n::SOURCES.texts(self.language).say("refusal-errors");
            let problem = Problem::new(Kind::InvalidBatch, errors);
            return self.put_aside(&entry, &slip, Refusal::new(problem, report));
        }
        let sent =
            Sent { identity: &self.identity, batch: entry.batch, manifest: &manifest, slip: &slip };
        let bad = |error| {
            Failure::Wrong(format!(
                "batch {}: {error}\nnext: nothing was filed and the batch stays in the outbox; \
                 tell the operator and the Chamber of Accounts",
                entry.batch
            ))
        };
        let note = receipt::checkpoint(&answer).map_err(bad)?;
        match self.memory.recognise(&self.link, &note).await {
            Ok(_) | Err(Distrust::Checkpoint(_)) => {} // the check tells what does not hold
            Err(distrust) => return Err(distrust.into()),
        }
        let policy = self.memory.policy()?;
        let checked = receipt::check(sent, &answer, &policy, self.clock.now()).map_err(bad)?;
        self.memory.reconcile(&self.link, &checked.checkpoint).await?;
        self.outbox.receipt(entry, &checked.filed, &checked.proof, &checked.policy)?;
        Ok(Delivery::Accepted { filed: Box::new(checked.filed), report })
    }

    /// Lets the gateway check a batch and store nothing.
    ///
    /// # Errors
    /// When it is refused or the gateway is away.
    pub async fn dry_run(
        link: &Link,
        mut header: wire::SubmitHeader,
        blocks: Vec<Vec<u8>>,
        preview: bool,
    ) -> Result<wire::SubmitResponse, Failure> {
        (header.dry_run, header.preview) = (true, preview);
        let revises = Manifest::parse(&header.manifest).ok().and_then(|said| said.revises);
        let blocks = blocks.into_iter().map(|block| Part::Block(block.into()));
        let parts: Vec<_> = std::iter::once(Part::Header(header))
            .chain(blocks)
            .chain([Part::End(wire::End {})])
            .map(|part| SubmitRequest { part: Some(part) })
            .collect();
        let answer = link.intake().submit(tokio_stream::iter(parts)).await;
        let answer = answer
            .map_err(|status| with_way_out(connect::problem(&status), revises, Language::En))?;
        Ok(answer.into_inner())
    }

    /// How many of a batch's first blocks the gateway has from a stream that broke. One that does
    /// not know this question has none.
    async fn held(&self, batch: BatchId) -> Result<u32, Failure> {
        let request = HeldRequest { batch: batch.to_string() };
        match self.link.intake().held(request).await {
            Ok(answer) => Ok(answer.into_inner().blocks),
            Err(status) if status.code() == Code::Unimplemented => Ok(0),
            Err(status) => Err(connect::problem(&status).into()),
        }
    }

    /// Streams a batch from its file, but for the first `held` blocks.
    async fn send(&self, mut file: BatchFile, held: u32) -> Result<wire::SubmitResponse, Failure> {
        let (parts, stream) = mpsc::channel(READ_AHEAD);
        let header = Part::Header(wire::SubmitHeader { held, ..file.header.clone() });
        let reader = tokio::task::spawn_blocking(move || -> Result<(), Failure> {
            for _ in 0..held {
                file.next_part()?;
            }
            let mut next = Some(header);
            while let Some(part) = next {
                // The gateway may answer before it has read everything: a refusal.
                if parts.blocking_send(SubmitRequest { part: Some(part) }).is_err() {
                    break;
                }
                next = file.next_part()?;
            }
            Ok(())
        });
        let answer = self.link.intake().submit(ReceiverStream::new(stream)).await;
        reader.await.map_err(anyhow::Error::from)??;
        Ok(answer.map_err(|status| connect::problem(&status))?.into_inner())
    }

    fn put_aside(&self, entry: &Entry, slip: &Slip, refusal: Refusal) -> Result<Delivery, Failure> {
        reject::batch(&self.home, entry.batch, slip, &refusal, self.language)?;
        self.outbox.reject(entry)?;
        Ok(Delivery::Refused(Box::new(refusal)))
    }
}

/// Where the gateway names a current batch that ours did not revise, says how to revise it: a
/// node that has lost its folder does not know what it handed in before.
fn with_way_out(problem: Problem, revises: Option<BatchId>, language: Language) -> Problem {
    if problem.kind != Kind::Stale {
        return problem;
    }
    let mut named = problem.detail.split(|letter: char| !letter.is_ascii_alphanumeric());
    let current = named.find_map(|word| word.parse().ok().filter(|id| Some(*id) != revises));
    match current {
        Some(current) => {
            let texts = i18n::SOURCES.texts(language);
            problem.hint(texts.tell("refusal-take-over", &[("batch", &current.to_string())]))
        }
        None => problem,
    }
}

/// Is it the batch that the problem lies with? If not, it stays in the outbox: the gateway is
/// away or in trouble, or does not know this node.
fn at_fault(kind: Kind) -> bool {
    match kind {
        Kind::NotPermitted
        | Kind::BadSignature
        | Kind::InvalidBatch
        | Kind::Malformed
        | Kind::TooLarge
        | Kind::Stale
        | Kind::Conflict
        | Kind::NotFound => true,
        Kind::NotEnrolled
        | Kind::NotSignedIn
        | Kind::WrongRole
        | Kind::Truncated
        | Kind::OverQuota
        | Kind::DiskReserved
        | Kind::Fenced
        | Kind::Unwitnessed
        | Kind::Frozen
        | Kind::Unavailable
        | Kind::Damaged
        | Kind::Internal => false,
    }
}

#[cfg(test)]
mod tests {
    use birge_proto::wire::SubmitResponse;
    use tonic::Status;

    use super::*;
    use crate::{
        handin::tests::node,
        node::Node,
        outbox::{State, file},
        output::Exit,
        receipt::tests::{record, respond, signer},
        testing::Authority,
    };

    /// A node with one batch queued, and what it is.
    fn queued(folder: &std::path::Path) -> (Node, Entry, Manifest) {
        let node = node(&folder.join("mia"));
        let header = file::tests::header(&[]);
        let manifest = Manifest::parse(&header.manifest).unwrap();
        let entry = node.outbox.enqueue(&file::tests::slip("c"), header, vec![]).unwrap();
        (node, entry, manifest)
    }

    async fn deliver(
        node: &mut Node,
        entry: &Entry,
        server: &str,
        vkey: &str,
        answer: Result<SubmitResponse, Status>,
    ) -> Result<Delivery, Failure> {
        let authority = Authority::new();
        let port = authority.serve(server, vec![answer]).await;
        authority.enrol(node, vkey, port);
        node.publisher().unwrap().deliver(entry.clone()).await
    }

    #[tokio::test]
    async fn a_batch_is_filed_with_its_receipt() {
        let folder = tempfile::tempdir().unwrap();
        let (mut node, entry, manifest) = queued(folder.path());
        let signer = signer();
        let answer = Ok(respond(&record(entry.batch, &manifest), &signer));
        let vkey = signer.verifier().to_string();
        let delivery = deliver(&mut node, &entry, "gateway/BIRGE", &vkey, answer).await.unwrap();
        assert!(matches!(delivery, Delivery::Accepted { .. }));
        assert!(node.outbox.waiting().unwrap().is_empty());
        assert_eq!(receipts::all(&node.home).unwrap()[0].batch, entry.batch);
        assert!(receipts::path(&node.home, entry.batch).with_extension("proof").exists());
        assert_eq!(node.link().unwrap().1.seen().unwrap().unwrap().1.size(), 1);
    }

    #[tokio::test]
    async fn a_receipt_that_does_not_hold_is_not_filed() {
        let folder = tempfile::tempdir().unwrap();
        let (mut node, entry, manifest) = queued(folder.path());
        let answer = Ok(respond(&record(entry.batch, &manifest), &signer()));
        let vkey = signer().verifier().to_string();
        let failure = deliver(&mut node, &entry, "gateway/BIRGE", &vkey, answer).await.unwrap_err();
        assert_eq!(failure.exit(), Exit::Refused);
        assert!(receipts::all(&node.home).unwrap().is_empty());
        assert_eq!(node.outbox.entries(State::Sent).unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_refused_batch_is_put_aside_and_a_retryable_problem_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (mut node, entry, _) = queued(folder.path());
        let vkey = signer().verifier().to_string();
        let stopping = Problem::new(Kind::Unavailable, "stopping").into();
        let failure =
            deliver(&mut node, &entry, "gateway/BIRGE", &vkey, Err(stopping)).await.unwrap_err();
        assert_eq!(failure.exit(), Exit::Unreachable);
        let entry = node.outbox.waiting().unwrap().remove(0);
        let refusal = Problem::new(Kind::NotPermitted, "no mandate").under(["4(1)".to_owned()]);
        let delivery =
            deliver(&mut node, &entry, "gateway/BIRGE", &vkey, Err(refusal.into())).await.unwrap();
        assert!(matches!(delivery, Delivery::Refused(_)));
        assert!(node.outbox.waiting().unwrap().is_empty());
        let report = node.home.join("rejected/a.csv.report.txt");
        assert!(std::fs::read_to_string(report).unwrap().contains("article 4(1)"));
    }

    #[tokio::test]
    async fn a_refusal_is_told_in_the_node_s_language() {
        let folder = tempfile::tempdir().unwrap();
        let (mut node, entry, _) = queued(folder.path());
        node.config.language = Language::Tg;
        let vkey = signer().verifier().to_string();
        let detail = format!("the batch must name {} as revised", BatchId([7; 32]));
        let refusal = Problem::new(Kind::Stale, detail).under(["5(2)".to_owned()]);
        deliver(&mut node, &entry, "gateway/BIRGE", &vkey, Err(refusal.into())).await.unwrap();
        let report = std::fs::read_to_string(node.home.join("rejected/a.csv.report.txt")).unwrap();
        for part in [
            "бастаи ",
            "рад карда шуд [STALE]",
            "тибқи моддаи 5(2)",
            "чӣ бояд кард: барои иваз кардани он: --revises 0707",
            "хатоҳо: 0, огоҳиҳо: 0",
        ] {
            assert!(report.contains(part), "{part} is missing in {report}");
        }
    }

    #[tokio::test]
    async fn a_batch_that_changes_nothing_does_not_wait_for_a_receipt() {
        let folder = tempfile::tempdir().unwrap();
        let mut node = node(&folder.path().join("mia"));
        let mut header = file::tests::header(&[]);
        let manifest = String::from_utf8(header.manifest).unwrap();
        header.manifest = manifest.replace("Append", "Information").into_bytes();
        let entry = node.outbox.enqueue(&file::tests::slip("c"), header, vec![]).unwrap();
        Authority::new().enrol(&mut node, &signer().verifier().to_string(), 1);
        let delivery = node.publisher().unwrap().deliver(entry).await.unwrap();
        assert!(matches!(delivery, Delivery::Refused(_)));
        assert!(node.outbox.waiting().unwrap().is_empty());
        let report = std::fs::read_to_string(node.home.join("rejected/a.csv.report.txt")).unwrap();
        assert!(report.contains("changes nothing") && report.contains("ACTION A"), "{report}");
    }

    #[tokio::test]
    async fn a_node_that_lost_its_outbox_is_told_how_to_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let (mut node, entry, _) = queued(folder.path());
        let current = BatchId([7; 32]);
        let detail = format!("the batch must name {current} as revised");
        let vkey = signer().verifier().to_string();
        let stale = Problem::new(Kind::Stale, detail).into();
        let delivery =
            deliver(&mut node, &entry, "gateway/BIRGE", &vkey, Err(stale)).await.unwrap();
        let Delivery::Refused(refusal) = delivery else { panic!("not refused") };
        let hint = format!("to take it over: --revises {current} --reason …");
        assert_eq!(refusal.problem.hints, [hint.as_str()]);
        let report = std::fs::read_to_string(node.home.join("rejected/a.csv.report.txt")).unwrap();
        assert!(report.contains(&hint), "{report}");
    }

    #[test]
    fn only_a_current_batch_that_was_not_named_can_be_taken_over() {
        let (ours, current) = (BatchId([1; 32]), BatchId([2; 32]));
        let hints = |kind, detail: String| {
            with_way_out(Problem::new(kind, detail), Some(ours), Language::En).hints.concat()
        };
        let both = format!("the batch names {ours} as revised, but {current} is current");
        assert!(hints(Kind::Stale, both.clone()).contains(&current.to_string()));
        assert_eq!(hints(Kind::Stale, format!("{ours} is named, but nothing stands")), "");
        assert_eq!(hints(Kind::BadSignature, both), "");
    }

    #[tokio::test]
    async fn another_participant_cannot_stand_in_for_the_gateway() {
        let folder = tempfile::tempdir().unwrap();
        let (mut node, entry, manifest) = queued(folder.path());
        let signer = signer();
        let answer = Ok(respond(&record(entry.batch, &manifest), &signer));
        let vkey = signer.verifier().to_string();
        let failure = deliver(&mut node, &entry, "agency/NSC", &vkey, answer).await.unwrap_err();
        assert_eq!(failure.exit(), Exit::Refused);
        assert!(failure.reply().aside.contains("not the gateway of"), "{failure}");
        assert!(receipts::all(&node.home).unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_gateway_that_trusts_another_authority_refuses_the_node() {
        let folder = tempfile::tempdir().unwrap();
        let (mut node, entry, _) = queued(folder.path());
        let (authority, other) = (Authority::new(), Authority::new());
        let vkey = signer().verifier().to_string();
        other.enrol(&mut node, &vkey, other.serve("gateway/BIRGE", vec![]).await);
        let enrolled = std::fs::read_to_string(node.home.join("enrolled.json")).unwrap();
        authority.enrol(&mut node, &vkey, 1);
        let own = std::fs::read_to_string(node.home.join("enrolled.json")).unwrap();
        let mut own: serde_json::Value = serde_json::from_str(&own).unwrap();
        let theirs: serde_json::Value = serde_json::from_str(&enrolled).unwrap();
        own["authority"] = theirs["authority"].clone();
        std::fs::write(node.home.join("enrolled.json"), own.to_string()).unwrap();
        let port = other.serve("gateway/BIRGE", vec![]).await;
        node.config.gateway.url = format!("https://localhost:{port}");
        let failure = node.publisher().unwrap().deliver(entry).await.unwrap_err();
        assert_eq!(failure.exit(), Exit::Refused, "{failure}");
        assert_eq!(node.outbox.entries(State::Sent).unwrap().len(), 1);
    }
}
