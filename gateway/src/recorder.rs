//! Having something recorded: the one way from the components to the journal.

use birge_proto::{
    identity::Identity,
    problem::{Kind, Problem},
    record::Event,
};

use crate::{
    journal::{AppendError, Class, Committed, Journal},
    sequence::{Draft, Order, Reply},
};

/// A handle on the journal that speaks of problems.
#[derive(Clone)]
pub struct Recorder {
    journal: Journal<Order>,
}

impl Recorder {
    /// A recorder over a journal.
    #[must_use]
    pub fn new(journal: Journal<Order>) -> Self {
        Self { journal }
    }

    /// Has a draft recorded; when this returns, the records are durable.
    ///
    /// # Errors
    /// When the journal cannot take it; then nothing may be accepted or answered.
    pub async fn record(&self, class: Class, draft: Draft) -> Result<Committed<Reply>, Problem> {
        self.journal.append(class, draft).await.map_err(problem)
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
