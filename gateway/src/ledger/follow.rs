//! The task that has the ledger follow the journal.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    task::spawn_blocking,
    time::{Instant, sleep_until},
};

use super::{Published, Signing, state::State};

/// What the task tells.
pub(super) struct Tell {
    /// Of every checkpoint that is signed.
    pub(super) published: watch::Sender<Arc<Published>>,
    /// Leaves for which there are tiles.
    pub(super) tree: watch::Sender<u64>,
    /// Why it has stopped.
    pub(super) failed: watch::Sender<Option<Arc<str>>>,
    /// Whether it may sign, and whether it does.
    pub(super) signing: Arc<watch::Sender<Signing>>,
}

impl Tell {
    /// Tells of `now`, unless it is what was told last: whoever cosigned that is not asked again.
    fn publish(&self, now: Arc<Published>) {
        self.published.send_if_modified(|last| {
            let another = last.checkpoint != now.checkpoint;
            if another {
                *last = now;
            }
            another
        });
    }
}

/// Signs nothing until it may. Then follows until the journal is closed and all of it is
/// covered by a checkpoint, or until an error that more space does not mend.
pub(super) async fn follow(mut state: State, interval: Duration, tell: Tell) {
    let Tell { tree, failed, signing, .. } = &tell;
    let mut durable = state.journal().durable();
    let mut allowed = signing.subscribe();
    // Its sender lives as long as this task.
    drop(allowed.wait_for(|signing| *signing != Signing::Awaited).await);
    if *signing.borrow() == Signing::Fenced {
        return;
    }
    let first = spawn_blocking(move || {
        let advanced = state.advance();
        (state, advanced)
    });
    state = match first.await {
        Ok((advanced, Ok(now))) => {
            tree.send_replace(advanced.size());
            tell.publish(now);
            signing.send_if_modified(|signing| {
                let allowed = *signing == Signing::Allowed;
                if allowed {
                    *signing = Signing::Begun;
                }
                allowed
            });
            advanced
        }
        Ok((_, Err(error))) => return drop(failed.send_replace(Some(error.to_string().into()))),
        Err(_) => return drop(failed.send_replace(Some("the ledger's task panicked".into()))),
    };
    let mut due = Instant::now() + interval;
    while durable.wait_for(|durable| *durable > state.covered()).await.is_ok() {
        let closing = tokio::select! {
            () = sleep_until(due) => false,
            () = closed(&mut durable) => true,
        };
        if *signing.borrow() == Signing::Fenced {
            return;
        }
        due = Instant::now() + interval;
        let step = spawn_blocking(move || {
            let advanced = state.advance();
            (state, advanced)
        });
        let cause = match step.await {
            Ok((advanced, Ok(now))) => {
                state = advanced;
                tree.send_replace(state.size());
                tell.publish(now);
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
