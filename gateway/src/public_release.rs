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
    problem::Problem,
    record::{DecreeName, Event},
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{
    catalog::{Catalog, Held, State},
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
    let Ok(gateway) = "gateway/BIRGE".parse::<Identity>() else { return };
    while timeout(TURN, stop.cancelled()).await.is_err() {
        let due = catalog.read(|state| due(state, state.registry.present(clock.now())));
        let Some((decree, due)) = due.filter(|(_, due)| !due.is_empty()) else { continue };
        if recorder.barred().is_some() {
            continue; // nothing is written yet
        }
        if let Err(problem) = record(&catalog, &recorder, &gateway, decree, due).await {
            tracing::warn!(%problem, "figures that are due could not be released to the public");
        }
    }
}

async fn record(
    catalog: &Catalog,
    recorder: &Recorder,
    gateway: &Identity,
    decree: DecreeName,
    due: Due,
) -> Result<(), Problem> {
    let events = due.into_iter().map(|((dataset, batch), periods)| {
        let periods = periods.into_iter().collect();
        (Event::PublicReleased { dataset, periods, batch }, None)
    });
    let events: Vec<_> = events.collect();
    let Some((first, _)) = events.first() else { return Ok(()) };
    let count = events.len() as u64;
    let draft = Draft {
        events: events.clone(),
        decree: Some(decree),
        ..Draft::of(gateway.clone(), first.clone())
    };
    let committed = recorder.record(Class::Administration, draft).await?;
    if committed.reply == Reply::Recorded {
        catalog.reached(committed.first + count).await;
        tracing::info!(exchange = committed.first, count, "released to the public");
    }
    Ok(())
}

/// What is due at `now` and not public yet: of each period what stands, where its time has come.
/// What was superseded before its time never becomes public.
fn due(state: &State, now: Timestamp) -> Option<(DecreeName, Due)> {
    let decree = state.decree_at(now).ok()?;
    decree.public_release()?;
    let mut due = Due::new();
    for (dataset, holding) in state.holdings() {
        for (period, held) in holding.all() {
            let Some(version) = Held::current(held) else { continue };
            if version.public.is_some() || version.slice.rows() == 0 {
                continue;
            }
            let from = decree.public_from(dataset, period, version.accepted);
            if from.is_some_and(|from| from <= now) {
                let periods = due.entry((dataset.to_owned(), version.batch)).or_default();
                periods.insert(period.to_owned());
            }
        }
    }
    Some((decree.name(), due))
}
