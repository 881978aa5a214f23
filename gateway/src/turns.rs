//! Taking turns: how much one principal may have under way at once, so that it can neither
//! fill the memory nor keep others from theirs.

use std::{collections::HashMap, sync::Arc, time::Duration};

use birge_proto::{
    identity::Identity,
    problem::{Kind, Problem},
};
use tokio::{
    sync::{Mutex, OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(30);

/// So many permits for each principal.
pub struct Turns {
    each: usize,
    of: Mutex<HashMap<Identity, Arc<Semaphore>>>,
}

impl Turns {
    /// So many permits for each principal, at least one.
    #[must_use]
    pub fn new(each: usize) -> Self {
        Self { each: each.max(1), of: Mutex::default() }
    }

    /// Waits until `who` has `permits` free, all of them at most; they are given back when
    /// the turn is dropped.
    ///
    /// # Errors
    /// `UNAVAILABLE` when the principal's other requests do not make room in time.
    pub async fn take(
        &self,
        who: &Identity,
        permits: usize,
    ) -> Result<OwnedSemaphorePermit, Problem> {
        let turns = {
            let mut of = self.of.lock().await;
            Arc::clone(of.entry(who.clone()).or_insert_with(|| Arc::new(Semaphore::new(self.each))))
        };
        let permits = u32::try_from(permits.min(self.each)).unwrap_or(u32::MAX);
        timeout(PATIENCE, turns.acquire_many_owned(permits))
            .await
            .ok()
            .and_then(Result::ok)
            .ok_or_else(|| {
                Problem::new(Kind::Unavailable, format!("{who} has too much under way already"))
                    .hint("wait until your other requests are done, and try again")
            })
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_principal_waits_for_itself_and_for_nobody_else() {
        let turns = Turns::new(2);
        let (one, other) = ("agency/NSC".parse().unwrap(), "agency/MFA".parse().unwrap());
        let held = turns.take(&one, 5).await.unwrap();
        assert!(turns.take(&one, 1).now_or_never().is_none(), "it waits for itself");
        assert!(turns.take(&other, 2).await.is_ok());
        drop(held);
        assert!(turns.take(&one, 1).await.is_ok());
    }
}
