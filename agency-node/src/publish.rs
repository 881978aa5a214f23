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
    receipt::{self, BadReceipt, Checked, Sent},
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

/// A batch of the outbox.
struct Own {
    entry: Entry,
    manifest: Manifest,
    slip: Slip,
}

/// An answer whose receipt is to be checked.
struct Accepted {
    own: Own,
    answer: wire::SubmitResponse,
    report: Report,
}

enum Answered {
    Accepted(Box<Accepted>),
    Refused(Box<Refusal>),
}

/// Tells of a receipt that does not hold.
fn bad(batch: BatchId, error: &BadReceipt) -> Failure {
    Failure::Wrong(format!(
        "batch {batch}: {error}\nnext: nothing was filed and the batch stays in the outbox; tell the \
         operator and the Chamber of Accounts"
    ))
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
            let refusal = Refusal::new(problem, Report::default());
            let refused = self.put_aside(&entry, &slip, refusal)?;
            return Ok(Delivery::Refused(Box::new(refused)));
        }
        let held = if again { self.held(entry.batch).await? } else { 0 };
        if held > 0 {
            let (batch, all) = (entry.batch, manifest.blocks.len());
            info!(
                "batch {batch}: the gateway has {held} of {all} blocks, going on with the others"
            );
        }
        let answer = match self.send(file, held).await {
            Ok(answer) => Ok(answer),
            Err(Failure::Refused(problem)) => Err(*problem),
            Err(failure) => return Err(failure),
        };
        let own = Own { entry, manifest, slip };
        let answer = match self.taken(own, answer)? {
            Answered::Refused(refusal) => return Ok(Delivery::Refused(refusal)),
            Answered::Accepted(accepted) => *accepted,
        };
        let Accepted { own, answer, report } = answer;
        let note = receipt::checkpoint(&answer).map_err(|error| bad(own.entry.batch, &error))?;
        match self.memory.recognise(&self.link, &note).await {
            Ok(_) | Err(Distrust::Checkpoint(_)) => {} // the check tells what does not hold
            Err(distrust) => return Err(distrust.into()),
        }
        let checked = self.checked(&own, &answer)?;
        self.memory.reconcile(&self.link, &checked.checkpoint).await?;
        self.file(own, checked, report)
    }

    /// Files the receipt of a batch, or puts the batch aside, by an answer that was carried here.
    /// What the log shows is compared once there is a line. The caller holds the lock `publish`.
    ///
    /// # Errors
    /// When the batch is not at fault, or a receipt does not hold. The batch stays in the outbox.
    pub fn carried(
        &self,
        entry: Entry,
        answer: Result<wire::SubmitResponse, Problem>,
    ) -> Result<Delivery, Failure> {
        let path = receipts::path(&self.home, entry.batch);
        if self.outbox.settle(&entry)? {
            let filed = Box::new(receipts::read(&path)?);
            return Ok(Delivery::Accepted { filed, report: Report::default() });
        }
        let entry = self.outbox.mark_sent(entry)?;
        let BatchFile { manifest, slip, .. } = BatchFile::open(&entry.path)?;
        match self.taken(Own { entry, manifest, slip }, answer)? {
            Answered::Refused(refusal) => Ok(Delivery::Refused(refusal)),
            Answered::Accepted(accepted) => {
                let Accepted { own, answer, report } = *accepted;
                let checked = self.checked(&own, &answer)?;
                self.file(own, checked, report)
            }
        }
    }

    /// Puts a batch aside that was refused through its own fault.
    fn taken(
        &self,
        own: Own,
        answer: Result<wire::SubmitResponse, Problem>,
    ) -> Result<Answered, Failure> {
        let refused = |refusal| {
            let refused = self.put_aside(&own.entry, &own.slip, refusal);
            refused.map(|refusal| Answered::Refused(Box::new(refusal)))
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(problem) if at_fault(problem.kind) => {
                let problem = with_way_out(problem, own.manifest.revises, self.language);
                return refused(Refusal::new(problem, Report::default()));
            }
            Err(problem) => return Err(problem.into()),
        };
        let report = answer.report.as_ref().map(Report::from_wire).unwrap_or_default();
        if answer.outcome() == wire::Outcome::Error {
            let errors = i18n::SOURCES.texts(self.language).say("refusal-errors");
            return refused(Refusal::new(Problem::new(Kind::InvalidBatch, errors), report));
        }
        Ok(Answered::Accepted(Box::new(Accepted { own, answer, report })))
    }

    fn checked(&self, own: &Own, answer: &wire::SubmitResponse) -> Result<Checked, Failure> {
        let Own { entry, manifest, slip } = own;
        let sent = Sent { identity: &self.identity, batch: entry.batch, manifest, slip };
        let policy = self.memory.policy()?;
        receipt::check(sent, answer, &policy, self.clock.now())
            .map_err(|error| bad(entry.batch, &error))
    }

    fn file(&self, own: Own, checked: Checked, report: Report) -> Result<Delivery, Failure> {
        self.outbox.receipt(own.entry, &checked.filed, &checked.proof, &checked.policy)?;
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

    fn put_aside(&self, entry: &Entry, slip: &Slip, refusal: Refusal) -> Result<Refusal, Failure> {
        reject::batch(&self.home, entry.batch, slip, &refusal, self.language)?;
        self.outbox.reject(entry)?;
        Ok(refusal)
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
        | Kind::NotAcceptable
        | Kind::NotSupported
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
mod tests;
