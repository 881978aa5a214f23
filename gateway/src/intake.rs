//! THE WRITE PATH: certificate → signature → blocks → rules → decree → disclosure → journal →
//! checkpoint → receipt. Each step takes what the step before gives, so the compiler keeps
//! their order. A batch that fails a step changes nothing, and its refusal is recorded.

mod arrival;
mod decide;
mod ready;
mod receive;
mod refusal;

use std::{sync::Arc, time::Duration};

use birge_proto::{
    clock::SharedClock,
    identity::Identity,
    manifest::BatchId,
    problem::{Kind, Problem},
    record::Outcome,
    wire::{self, Receipt, StatusResponse, SubmitHeader, SubmitResponse},
};
use futures::Stream;
use prost::bytes::Bytes;
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit};

use self::{
    arrival::{Arrival, Arrivals, Memory, Taken},
    decide::{Checked, Permitted, Standing},
    ready::Ready,
    receive::{Received, Signed},
    refusal::Refusal,
};
use crate::{
    catalog::{Catalog, Stage, Submission},
    config::Quota,
    journal::{Class, Reader},
    ledger::Ledger,
    recorder::Recorder,
    sequence::{Draft, Reply},
    turns::Turns,
};

/// Bytes that one permit of the memory stands for.
const MEMORY_UNIT: usize = 64 << 10;
/// How long all blocks of a batch may take to come.
const WHOLE_BATCH: Duration = Duration::from_secs(30 * 60);

/// The write path.
pub struct Intake {
    catalog: Arc<Catalog>,
    recorder: Recorder,
    ledger: Arc<Ledger>,
    journal: Reader,
    clock: SharedClock,
    /// Batches of one agency at once, and their bytes in memory.
    batches: Turns,
    memory: Turns,
    /// What came of batches that are not whole.
    arrivals: Arrivals,
}

impl Intake {
    /// A write path that takes in as much at once as `quota` says.
    #[must_use]
    pub fn new(
        catalog: Arc<Catalog>,
        recorder: Recorder,
        ledger: Arc<Ledger>,
        journal: Reader,
        clock: SharedClock,
        quota: &Quota,
    ) -> Self {
        let batches = Turns::new(quota.submissions_at_once);
        let memory = Turns::new(quota.intake_bytes / MEMORY_UNIT);
        let arrivals = Arrivals::default();
        Self { catalog, recorder, ledger, journal, clock, batches, memory, arrivals }
    }

    /// Takes in a batch. A batch that breaks rules is answered with its whole report; one that
    /// was accepted before, with the same index and record.
    ///
    /// # Errors
    /// A [`Problem`] that is recorded.
    pub async fn submit(
        &self,
        agency: &Identity,
        header: SubmitHeader,
        blocks: impl Stream<Item = Result<Bytes, Problem>> + Send + Unpin,
    ) -> Result<SubmitResponse, Problem> {
        let (dry_run, id) = (header.dry_run, BatchId::of(&header.manifest));
        let attempt = self.attempt(agency, header, blocks).await;
        // A sender that is gone before the answer ends here, too, and finds all that it sent.
        if !attempt.as_ref().is_err_and(|refusal| refusal.problem.kind == Kind::Truncated) {
            self.arrivals.end(agency, id);
        }
        match attempt {
            Ok(response) => Ok(response),
            Err(refusal) => self.refuse(agency, refusal, dry_run).await,
        }
    }

    async fn attempt(
        &self,
        agency: &Identity,
        header: SubmitHeader,
        blocks: impl Stream<Item = Result<Bytes, Problem>> + Send + Unpin,
    ) -> Result<SubmitResponse, Refusal> {
        let (signed, now) = self.catalog.read(|state| {
            let now = state.registry.present(self.clock.now());
            let signed =
                Signed::verify(state, agency, header, state.decree_at(now).ok().as_deref())?;
            Ok::<_, Refusal>((signed.mandated(&*state.decree_at(now)?, agency)?, now))
        })?;
        let id = signed.id();
        if let Some(submission) = self.catalog.submission(&id)? {
            return Ok(self.accepted(submission, wire::Report::default()).await?);
        }
        let batch = self.batches.take(agency, 1).await?;
        let only_asks = signed.header.dry_run;
        let taken = match only_asks {
            // It is not to push out what is on its way.
            true => None,
            false => {
                let taken = self.arrivals.take_over(agency, id, signed.held(), now);
                taken.map_err(|problem| signed.known.refuse(problem))?
            }
        };
        let taken = match taken {
            Some(taken) => taken,
            None => {
                let most = signed.most_bytes() / MEMORY_UNIT;
                Taken::nothing(self.memory.take(agency, most).await?)
            }
        };
        let memory = Arc::clone(&taken.memory);
        let arrival = match only_asks {
            true => Arc::new(Arrival::of(id, taken, now)),
            false => self.arrivals.begin(agency, id, taken, now),
        };
        let received = Received::read(signed, &arrival, blocks, WHOLE_BATCH).await?;
        let turn = Arc::new((batch, memory, arrival.checking().await));
        if let Some(submission) = self.catalog.submission(&id)? {
            return Ok(self.accepted(submission, wire::Report::default()).await?);
        }
        let structures = self.catalog.read(|state| Arc::clone(&state.structures));
        let mut checked =
            blocking(&turn, move || Checked::check(&structures, received, now)).await?;
        let dry_run = checked.dry_run();
        loop {
            let (now, decree, holding, standing, twin) = self.catalog.read(|state| {
                let manifest = checked.manifest();
                let holding = state.holding(&manifest.dataset);
                let standing = Standing::of(&state.registry, &holding, &checked);
                let twin = state.registry.batch(&id);
                let now = state.registry.present(self.clock.now());
                (now, state.decree_at(now), holding, standing, twin)
            });
            if let Some(index) = twin {
                return Ok(self.already(&id, index, checked.report()).await?);
            }
            let permitted = Permitted::decide(checked, agency, &*decree?, &standing, now)?;
            let ready = blocking(&turn, move || Ready::prepare(permitted, &holding)).await?;
            if dry_run {
                return Ok(self.would_be_accepted(agency, &ready).await?);
            }
            checked = match self.commit(agency, ready).await? {
                Committed::At(response) => return Ok(response),
                Committed::DecreeChanged(again) => *again,
            };
        }
    }

    /// Commits a batch with its release, both or neither.
    async fn commit(&self, agency: &Identity, ready: Ready) -> Result<Committed, Refusal> {
        let id = ready.id();
        self.catalog.prepare(id, ready.merged());
        let draft = Draft {
            actor: agency.clone(),
            parties: vec![],
            decree: Some(ready.decree()),
            events: ready.events(),
            signed_by: Some(ready.signed_by()),
            persons: ready.persons(),
        };
        let committed = self.recorder.record(Class::Submission, draft).await;
        if !matches!(&committed, Ok(committed) if committed.reply == Reply::Recorded) {
            drop(self.catalog.take_prepared(&id));
        }
        let committed = committed.map_err(|problem| ready.known().refuse(problem))?;
        match committed.reply {
            Reply::Recorded => {
                self.catalog.reached(committed.first + 2).await;
                let submission = self.standing(&id)?;
                Ok(Committed::At(self.accepted(submission, ready.report()).await?))
            }
            Reply::Already(index) => {
                Ok(Committed::At(self.already(&id, index, ready.report()).await?))
            }
            Reply::DecreeChanged => {
                self.catalog.reached(committed.first).await;
                Ok(Committed::DecreeChanged(Box::new(ready.again())))
            }
            Reply::Refused(kind, detail) => {
                let problem = Problem::new(kind, detail).recorded_as(committed.first);
                Err(ready.known().refuse(problem))
            }
        }
    }

    /// The answer for a batch that was accepted meanwhile: it was sent twice.
    async fn already(
        &self,
        id: &BatchId,
        index: u64,
        report: wire::Report,
    ) -> Result<SubmitResponse, Problem> {
        self.catalog.reached(index + 2).await; // with its release
        self.accepted(self.standing(id)?, report).await
    }

    /// The answer for a batch that stands, once a signed checkpoint covers it.
    async fn accepted(
        &self,
        submission: Submission,
        report: wire::Report,
    ) -> Result<SubmitResponse, Problem> {
        Ok(SubmitResponse {
            outcome: outcome(submission.outcome).into(),
            counts: Some(counts(submission.counts)),
            report: Some(report),
            receipt: Some(self.receipt(submission.index).await?),
            previews: vec![],
        })
    }

    async fn would_be_accepted(
        &self,
        agency: &Identity,
        ready: &Ready,
    ) -> Result<SubmitResponse, Problem> {
        let draft = Draft::of(agency.clone(), ready.checked_event());
        self.recorder.record(Class::Submission, draft).await?;
        Ok(SubmitResponse {
            outcome: outcome(ready.outcome()).into(),
            counts: Some(counts(ready.counts())),
            report: Some(ready.report()),
            receipt: None,
            previews: ready.previews(),
        })
    }

    /// Records a refusal; a batch that breaks rules is answered with its report, any other
    /// refusal is a problem.
    async fn refuse(
        &self,
        agency: &Identity,
        refusal: Refusal,
        dry_run: bool,
    ) -> Result<SubmitResponse, Problem> {
        let recorded = refusal.problem.exchange.is_some();
        let event = refusal.event(dry_run);
        let Refusal { problem, report, .. } = refusal;
        let problem = if recorded {
            problem
        } else {
            self.recorder.refuse(Class::Submission, agency, vec![], event, problem).await
        };
        match report {
            Some(report) if problem.kind == Kind::InvalidBatch => Ok(SubmitResponse {
                outcome: wire::Outcome::Error.into(),
                counts: Some(wire::Counts::default()),
                report: Some(report.to_wire()),
                receipt: None,
                previews: vec![],
            }),
            _ => Err(problem),
        }
    }

    /// Records that a stream could not even be read as far as its header.
    pub async fn refuse_unread(&self, agency: &Identity, problem: Problem) -> Problem {
        let event = Refusal::from(problem.clone()).event(false);
        self.recorder.refuse(Class::Submission, agency, vec![], event, problem).await
    }

    /// How many of a batch's first blocks are kept from a stream that broke.
    #[must_use]
    pub fn held(&self, agency: &Identity, id: BatchId) -> usize {
        self.arrivals.held(agency, id)
    }

    /// Where a submission stands.
    ///
    /// # Errors
    /// `NOT_FOUND` for a batch that was not accepted, or is another agency's.
    pub async fn status(&self, agency: &Identity, id: BatchId) -> Result<StatusResponse, Problem> {
        let submission = self.standing(&id)?;
        if submission.agency != *agency {
            return Err(unknown(&id));
        }
        let stage = match submission.stage {
            Stage::Committed => wire::Stage::Committed,
            Stage::Released => wire::Stage::Released,
            Stage::Superseded => wire::Stage::Superseded,
            Stage::Withdrawn => wire::Stage::Withdrawn,
        };
        Ok(StatusResponse {
            batch: id.to_string(),
            stage: stage.into(),
            outcome: outcome(submission.outcome).into(),
            counts: Some(counts(submission.counts)),
            receipt: Some(self.receipt(submission.index).await?),
        })
    }

    /// The proof that a record stands in the log, with the record and its opening.
    async fn receipt(&self, index: u64) -> Result<Receipt, Problem> {
        let proof = self.ledger.evidence(index).await?;
        let journal = self.journal.clone();
        let entry = tokio::task::spawn_blocking(move || journal.entry(index)).await;
        let entry =
            entry.ok().and_then(Result::ok).flatten().ok_or_else(|| {
                Problem::new(Kind::Damaged, format!("record {index} cannot be read"))
            })?;
        Ok(Receipt { proof, record: entry.record.to_vec(), opening: entry.opening.0.to_vec() })
    }

    fn standing(&self, id: &BatchId) -> Result<Submission, Problem> {
        self.catalog.submission(id)?.ok_or_else(|| unknown(id))
    }
}

enum Committed {
    At(SubmitResponse),
    DecreeChanged(Box<Checked>),
}

fn unknown(id: &BatchId) -> Problem {
    Problem::new(Kind::NotFound, format!("no batch {id} of yours was accepted"))
        .hint("if it was handed in, its refusal is among your records")
}

fn outcome(outcome: Outcome) -> wire::Outcome {
    match outcome {
        Outcome::Success => wire::Outcome::Success,
        Outcome::Warning => wire::Outcome::Warning,
        Outcome::Error => wire::Outcome::Error,
    }
}

fn counts(counts: birge_proto::record::Counts) -> wire::Counts {
    let birge_proto::record::Counts { imported, updated, unchanged, deleted, ignored } = counts;
    wire::Counts { imported, updated, unchanged, deleted, ignored }
}

/// Works on a thread of its own. The turn ends with the work, though nobody may wait for it any
/// more.
async fn blocking<T: Send + 'static>(
    turn: &Arc<(OwnedSemaphorePermit, Memory, OwnedMutexGuard<()>)>,
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let failed = || Problem::new(Kind::Internal, "the batch could not be checked").into();
    let turn = Arc::clone(turn);
    let work = move || {
        let _turn = turn;
        work()
    };
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(failed()))
}
