//! Release to the public (decree, article 8(1)): when the time of figures has come, it is
//! recorded, for all at once; from then on whoever may see public figures sees them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use birge_proto::{
    clock::{SharedClock, Timestamp},
    identity::Identity,
    manifest::BatchId,
    problem::{Kind, Problem},
    record::{DecreeName, Event},
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{
    catalog::{Catalog, State},
    decree::{self, Decree},
    journal::Class,
    recorder::Recorder,
    sequence::{Draft, Reply},
};

/// How often it is looked whether a time has come.
const TURN: Duration = Duration::from_secs(1);

/// What is to become public.
type Due = BTreeMap<(String, BatchId), BTreeSet<String>>;

/// Releases what is due, until `stop`.
pub async fn release(
    catalog: Arc<Catalog>,
    recorder: Recorder,
    clock: SharedClock,
    stop: CancellationToken,
) {
    while timeout(TURN, stop.cancelled()).await.is_err() {
        let due = catalog.read(|state| due(state, state.registry.present(clock.now())));
        let Some((decree, due)) = due.filter(|(_, due)| !due.is_empty()) else { continue };
        if recorder.barred().is_some() {
            continue; // nothing is written yet
        }
        match record(&catalog, &recorder, decree, due).await {
            Err(problem) if problem.kind == Kind::Frozen => return,
            Err(problem) => {
                tracing::warn!(%problem, "figures that are due could not be released to the public");
            }
            Ok(()) => {}
        }
    }
}

async fn record(
    catalog: &Catalog,
    recorder: &Recorder,
    (decree, articles): (DecreeName, Vec<String>),
    due: Due,
) -> Result<(), Problem> {
    let events = due.into_iter().map(|((dataset, batch), periods)| {
        let (periods, articles) = (periods.into_iter().collect(), articles.clone());
        let decree = decree.clone();
        (Event::PublicReleased { dataset, periods, batch, decree, articles }, None)
    });
    let events: Vec<_> = events.collect();
    let Some((first, _)) = events.first() else { return Ok(()) };
    let count = events.len() as u64;
    let draft = Draft {
        events: events.clone(),
        decree: Some(decree),
        ..Draft::of(Identity::gateway(), first.clone())
    };
    let committed = recorder.record(Class::Administration, draft).await?;
    if committed.reply == Reply::Recorded {
        catalog.reached(committed.first + count).await;
        tracing::info!(exchange = committed.first, count, "released to the public");
    }
    Ok(())
}

/// Under which decree and articles, and what.
type Release = ((DecreeName, Vec<String>), Due);

/// What is due at `now` and not public yet: of each period what stands, where its time has come
/// by the decree that was in force when it was accepted (article 11). What was superseded before
/// its time never becomes public, and only what the decree in force opens to somebody does.
fn due(state: &State, now: Timestamp) -> Option<Release> {
    let decree = state.decree_at(now).ok()?;
    let mut articles = vec![decree.public_release()?.to_string()];
    let mut due = Due::new();
    for (dataset, holding) in state.holdings() {
        let mut periods = holding.all().filter_map(|(period, held)| {
            let version = held.current().filter(|it| it.stands() && it.public.is_none())?;
            let then = state.decree_then(version.accepted)?;
            let from = then.public_from(dataset, period, version.accepted)?;
            (from <= now).then(|| (version.batch, period.to_owned()))
        });
        let Some(first) = periods.next() else { continue };
        let Some(grounds) = open(state, &decree, dataset) else { continue };
        articles.extend(grounds);
        for (batch, period) in periods.chain([first]) {
            due.entry((dataset.to_owned(), batch)).or_default().insert(period);
        }
    }
    Some(((decree.name(), decree::in_order(articles)), due))
}

/// The articles that open a dataset to who is no participant; none where none does.
fn open(state: &State, decree: &Decree, dataset: &str) -> Option<Vec<String>> {
    let owner = &decree.mandate(dataset)?.agency;
    let breakdowns = state.structures.get(dataset)?.breakdowns();
    let open = state.open(decree, dataset, owner, breakdowns);
    let articles = open.iter().flat_map(|access| {
        let permitted = access.permitted();
        permitted.flat_map(|detail| access.articles(detail)).collect::<Vec<_>>()
    });
    Some(articles.collect::<Vec<_>>()).filter(|articles| !articles.is_empty())
}
