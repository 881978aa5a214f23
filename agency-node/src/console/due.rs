//! What is due: as the gateway says now, else as it said last, with the moment of that. The last answer
//! is kept in `state/due.json`.

use std::{fs, time::Duration};

use birge_proto::{
    clock::Timestamp,
    wire::{ListDatasetsRequest, PeriodState},
};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::{Shared, blocking};
use crate::{connect, home, node::Node, obligations::word_of, output::Failure};

const FILE: &str = "state/due.json";
/// How long a page waits for the gateway.
const PATIENCE: Duration = Duration::from_secs(5);
/// Seconds for which an answer is new enough.
const FRESH: i64 = 60;

/// What was due at a moment.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Due {
    /// When the gateway said so.
    pub(super) asked: Timestamp,
    /// What needs doing, the first deadline first.
    pub(super) periods: Vec<Period>,
}

/// One period of a dataset that is due, missing, or has gaps.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Period {
    pub(super) dataset: String,
    pub(super) article: String,
    pub(super) period: String,
    pub(super) due: Option<Timestamp>,
    pub(super) state: String,
    /// Breakdowns that are demanded and were not given.
    pub(super) gaps: Vec<String>,
}

/// What is due, where that was ever said, and why it could not be asked now.
pub(super) struct Told {
    pub(super) due: Option<Due>,
    pub(super) trouble: Option<String>,
}

/// Asks what is due, unless that was just said.
///
/// # Errors
/// When the answer cannot be kept or read.
pub(super) async fn due(desk: &Shared) -> Result<Told, Failure> {
    let now = desk.node.clock.now();
    let kept = blocking(desk, |desk| kept(&desk.node)).await?;
    let fresh = |due: &Due| (0..FRESH).contains(&now.duration_since(due.asked).as_secs());
    if kept.as_ref().is_some_and(fresh) {
        return Ok(Told { due: kept, trouble: None });
    }
    let trouble = match timeout(PATIENCE, ask(&desk.node, now)).await {
        Ok(Ok(due)) => {
            let bytes = serde_json::to_vec(&due).map_err(anyhow::Error::from)?;
            blocking(desk, move |desk| home::write(&desk.node.home.join(FILE), &bytes)).await?;
            return Ok(Told { due: Some(due), trouble: None });
        }
        Ok(Err(failure)) => failure.to_string(),
        Err(_) => format!("it does not answer within {} s", PATIENCE.as_secs()),
    };
    Ok(Told { due: kept, trouble: Some(trouble) })
}

fn kept(node: &Node) -> Result<Option<Due>, Failure> {
    let path = node.home.join(FILE);
    if !path.exists() {
        return Ok(None);
    }
    let bytes = fs::read(&path).map_err(anyhow::Error::from)?;
    // One that is damaged is had anew.
    Ok(serde_json::from_slice(&bytes).ok())
}

async fn ask(node: &Node, asked: Timestamp) -> Result<Due, Failure> {
    let (link, _) = node.link()?;
    let answer = link.query().list_datasets(ListDatasetsRequest {}).await;
    let datasets = answer.map_err(|status| connect::problem(&status))?.into_inner().datasets;
    let agency = node.identity().body.as_str();
    let mut periods = vec![];
    for dataset in datasets.into_iter().filter(|dataset| dataset.agency == agency) {
        for period in dataset.periods {
            let open = matches!(period.state(), PeriodState::Due | PeriodState::Missing);
            let gaps = period.gaps.iter().map(|gap| gap.dimensions.join(" × ")).collect::<Vec<_>>();
            if open || !gaps.is_empty() {
                periods.push(Period {
                    dataset: dataset.id.clone(),
                    article: dataset.article.clone(),
                    due: period.due.parse().ok(),
                    state: word_of(&period).to_owned(),
                    gaps,
                    period: period.period,
                });
            }
        }
    }
    periods.sort_by(|a, b| (a.due, &a.dataset, &a.period).cmp(&(b.due, &b.dataset, &b.period)));
    Ok(Due { asked, periods })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{console::desk, handin::tests::node};

    #[tokio::test]
    async fn without_the_gateway_the_last_answer_is_told_with_its_moment() {
        let folder = tempfile::tempdir().unwrap();
        let node = node(&folder.path().join("mia"));
        let desk = Arc::new(desk(&node, Arc::default()).unwrap());
        let told = due(&desk).await.unwrap();
        assert!(told.due.is_none() && told.trouble.is_some());
        let asked = "2026-01-01T00:00:00Z".parse().unwrap();
        let last = serde_json::to_vec(&Due { asked, periods: vec![] }).unwrap();
        home::write(&node.home.join(FILE), &last).unwrap();
        let told = due(&desk).await.unwrap();
        assert_eq!(told.due.map(|due| due.asked), Some(asked));
        assert!(told.trouble.is_some());
        // A file that was damaged is as good as none.
        home::write(&node.home.join(FILE), b"{").unwrap();
        assert!(due(&desk).await.unwrap().due.is_none());
    }
}
