//! Having something recorded: the one way from the components to the journal.

use birge_proto::{
    identity::Identity,
    problem::{Kind, Problem},
    record::Event,
};

use tokio::sync::watch;

use crate::{
    journal::{AppendError, Class, Committed, Journal},
    sequence::{Draft, Order, Reply},
};

/// A handle on the journal that speaks of problems.
#[derive(Clone)]
pub struct Recorder {
    journal: Journal<Order>,
    barred: watch::Receiver<Option<Problem>>,
}

impl Recorder {
    /// A recorder over a journal. While `barred` tells why, nothing is recorded.
    #[must_use]
    pub fn new(journal: Journal<Order>, barred: watch::Receiver<Option<Problem>>) -> Self {
        Self { journal, barred }
    }

    /// Why nothing may be recorded now.
    #[must_use]
    pub fn barred(&self) -> Option<Problem> {
        self.barred.borrow().clone()
    }

    /// Has a draft recorded; when this returns, the records are durable.
    ///
    /// # Errors
    /// When nothing may be recorded now, the journal cannot take it, the log is frozen, or the
    /// actor's account was revoked; then nothing may be accepted or answered.
    pub async fn record(&self, class: Class, draft: Draft) -> Result<Committed<Reply>, Problem> {
        if let Some(problem) = self.barred() {
            return Err(problem);
        }
        let committed = self.journal.append(class, draft).await.map_err(problem)?;
        match committed.reply {
            Reply::Refused(kind @ Kind::Frozen, detail) => Err(Problem::new(kind, detail)
                .hint("ask the technical operator where the exchange goes on")),
            Reply::Refused(kind @ Kind::NotSignedIn, detail) => {
                Err(Problem::new(kind, detail).recorded_as(committed.first))
            }
            _ => Ok(committed),
        }
    }

    /// Has a refusal recorded, and gives the problem its exchange number. If even the refusal
    /// cannot be recorded, the caller learns that instead.
    pub async fn refuse(
        &self,
        class: Class,
        actor: &Identity,
        parties: Vec<Identity>,
        event: Event,
        problem: Problem,
    ) -> Problem {
        let draft = Draft { parties, ..Draft::of(actor.clone(), event) };
        match self.record(class, draft).await {
            Ok(committed) => problem.recorded_as(committed.first),
            Err(unrecorded) => unrecorded,
        }
    }
}

fn problem(error: AppendError) -> Problem {
    let kind = match &error {
        AppendError::Full | AppendError::DiskReserved => Kind::DiskReserved,
        AppendError::Fenced => Kind::Fenced,
        AppendError::Closed => Kind::Unavailable,
    };
    Problem::new(kind, error.to_string())
}
