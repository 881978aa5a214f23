//! A batch that is refused: the problem, and what was known of the batch by then.

use std::collections::BTreeMap;

use birge_proto::{
    identity::Identity,
    manifest::BatchId,
    problem::{Kind, Problem},
    record::{Event, Outcome, Ruling},
};
use birge_schemas::finding::Report;

/// What is known of a batch as it goes down the path.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    pub(super) batch: Option<BatchId>,
    pub(super) dataset: Option<String>,
    pub(super) ruling: Option<Ruling>,
}

/// A refusal.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) problem: Problem,
    pub(super) known: Known,
    pub(super) report: Option<Report>,
}

impl Known {
    /// A refusal with all that is known.
    pub(super) fn refuse(&self, problem: Problem) -> Refusal {
        Refusal { problem, known: self.clone(), report: None }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Known::default().refuse(problem)
    }
}

impl Refusal {
    /// The event to record.
    pub(super) fn event(&self, dry_run: bool) -> Event {
        let Known { batch, dataset, ruling } = self.known.clone();
        let findings = self.report.as_ref().map(by_code).unwrap_or_default();
        match (dry_run, batch, &dataset) {
            (true, Some(batch), Some(dataset)) => Event::SubmissionChecked {
                batch,
                dataset: dataset.clone(),
                outcome: Outcome::Error,
                findings,
            },
            _ => Event::SubmissionRejected {
                batch,
                dataset,
                problem: self.problem.kind.code().to_owned(),
                findings,
                articles: match &ruling {
                    Some(ruling) if ruling.articles == self.problem.articles => vec![],
                    _ => self.problem.articles.clone(),
                },
                ruling,
            },
        }
    }
}

/// Findings by code, as recorded.
pub(super) fn by_code(report: &Report) -> BTreeMap<String, u64> {
    report.by_code.iter().map(|(code, count)| (code.to_string(), *count)).collect()
}

/// Article 4(1) and its kin: the decree does not let this agency hand in that dataset.
pub(super) fn not_mandated(agency: &Identity, dataset: &str, articles: Vec<String>) -> Problem {
    let dataset: String = dataset.chars().take(80).collect();
    let detail =
        format!("{agency} may not hand in {dataset} under article {}", articles.join(", "));
    Problem::new(Kind::NotPermitted, detail).under(articles)
}
