//! The task that has the ledger follow the journal.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    task::spawn_blocking,
    time::{Instant, sleep_until},
};

use super::{Published, state::State};

/// Follows until the journal is closed and all of it is covered by a checkpoint, or until an
/// error that more space does not mend; `failed` is told then.
pub(super) async fn follow(
    mut state: State,
    interval: Duration,
    published: watch::Sender<Arc<Published>>,
    failed: watch::Sender<Option<Arc<str>>>,
) {
    let mut durable = state.journal().durable();
    let mut due = Instant::now() + interval;
    while durable.wait_for(|durable| *durable > state.size()).await.is_ok() {
        let closing = tokio::select! {
            () = sleep_until(due) => false,
            () = closed(&mut durable) => true,
        };
        due = Instant::now() + interval;
        let step = spawn_blocking(move || {
            let advanced = state.advance();
            (state, advanced)
        });
        let cause = match step.await {
            Ok((advanced, Ok(now))) => {
                state = advanced;
                published.send_replace(now);
                continue;
            }
            Ok((advanced, Err(error))) if error.is_full() && !closing => {
                tracing::error!(%error, "no checkpoint until space is freed");
                state = advanced;
                continue;
            }
            Ok((_, Err(error))) => error.to_string(),
            Err(_) => "the ledger's task panicked".to_owned(),
        };
        tracing::error!(%cause, "the ledger has stopped; the gateway must end");
        failed.send_replace(Some(cause.into()));
        return;
    }
}

/// Waits until nothing more will be appended.
async fn closed(durable: &mut watch::Receiver<u64>) {
    while durable.changed().await.is_ok() {}
}
