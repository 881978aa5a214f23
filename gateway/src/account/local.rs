//! The gateway's own way to prove who somebody is: password and one-time password. Whoever tries
//! too often has to wait, longer each time.

use std::sync::Arc;

use birge_proto::{
    clock::Timestamp,
    identity::AccountId,
    problem::{Kind, Problem},
};
use tokio::sync::Semaphore;

use super::{password, store::Store, totp};

/// Failures after which an account is locked.
const FAILURES: u32 = 5;
/// Seconds of the first lock; each further failure doubles it.
const LOCK: i64 = 15 * 60;
/// Seconds of the longest.
const LONGEST_LOCK: i64 = 86_400;
/// Passwords that are hashed at once: each takes a core and 19 MiB.
const AT_ONCE: usize = 2;
/// Those that may wait for it.
const WAITING: usize = 64;

/// What somebody says to prove that an account is its own.
pub struct Credentials {
    /// The account's name.
    pub account: AccountId,
    /// The password.
    pub password: String,
    /// The one-time password.
    pub code: String,
}

/// Why it is not believed. The person is told the same for all.
#[derive(Debug)]
pub(super) enum Denied {
    /// No such account, wrong password, wrong or used code, or locked.
    Wrong,
    /// Wrong once too often: locked from now on.
    NowLocked(Timestamp),
    /// It could not be looked at.
    Problem(Problem),
}

/// The gateway's own accounts. A sign-in by OpenID Connect will stand beside it: it proves who
/// somebody is and answers with the account; sessions, tokens and rights are the same.
pub(super) struct Local {
    store: Arc<Store>,
    hashing: Semaphore,
    waiting: Semaphore,
}

impl Local {
    pub(super) fn new(store: Arc<Store>) -> Self {
        Self { store, hashing: Semaphore::new(AT_ONCE), waiting: Semaphore::new(AT_ONCE + WAITING) }
    }

    /// Is it the person whose account it is? It takes as long whatever is wrong.
    pub(super) async fn prove(
        &self,
        credentials: Credentials,
        now: Timestamp,
    ) -> Result<(), Denied> {
        let Credentials { account, password, code } = credentials;
        let known = self.store.secrets(&account).and_then(|secrets| secrets.password);
        let right = self
            .hash(move || password::verify(&password, known.as_deref()))
            .await
            .map_err(Denied::Problem)?;
        if self.store.secrets(&account).is_none() {
            return Err(Denied::Wrong);
        }
        let judged = self.store.change(&account, |secrets| {
            if secrets.locked_until.is_some_and(|until| now < until) {
                return Ok(Err(Denied::Wrong));
            }
            let step = secrets
                .totp
                .as_deref()
                .and_then(|secret| totp::verify(secret, &code, now, secrets.last_step));
            if let Some(step) = step.filter(|_| right) {
                (secrets.failures, secrets.locked_until) = (0, None);
                secrets.last_step = step;
                return Ok(Ok(()));
            }
            secrets.failures = secrets.failures.saturating_add(1);
            if secrets.failures < FAILURES {
                return Ok(Err(Denied::Wrong));
            }
            let doublings = (secrets.failures - FAILURES).min(16);
            let seconds = (LOCK << doublings).min(LONGEST_LOCK);
            let until = Timestamp::from_second(now.as_second() + seconds).unwrap_or(now);
            secrets.locked_until = Some(until);
            Ok(Err(Denied::NowLocked(until)))
        });
        judged.map_err(Denied::Problem)?
    }

    /// The hash of a password.
    pub(super) async fn hash_of(&self, password: String) -> Result<String, Problem> {
        self.hash(move || password::hash(&password)).await?
    }

    async fn hash<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let busy = || {
            Problem::new(Kind::OverQuota, "too many sign in at once").hint("try again in a minute")
        };
        let lost = || Problem::new(Kind::Internal, "a password could not be looked at");
        let _place = self.waiting.try_acquire().map_err(|_| busy())?;
        let _turn = self.hashing.acquire().await.map_err(|_| lost())?;
        tokio::task::spawn_blocking(work).await.map_err(|_| lost())
    }
}
