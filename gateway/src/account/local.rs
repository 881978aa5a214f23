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
const AT_ONCE: usize = 1;
/// Those that may wait for it.
const WAITING: usize = 32;
/// Seconds without a failure after which those before are forgotten.
const FORGOTTEN: i64 = 86_400;

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

/// A way to prove whose account it is. The gateway's own is [`Local`]; OpenID Connect will be
/// another: sessions, tokens and rights do not depend on how somebody signed in.
pub(super) trait SignIn {
    /// What somebody says.
    type Said;

    /// Is it the person whose account it is?
    async fn prove(&self, said: Self::Said, now: Timestamp) -> Result<(), Denied>;
}

/// The gateway's own accounts.
pub(super) struct Local {
    store: Arc<Store>,
    hashing: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Local {
    pub(super) fn new(store: Arc<Store>) -> Self {
        let places = |count| Arc::new(Semaphore::new(count));
        Self { store, hashing: places(AT_ONCE), waiting: places(AT_ONCE + WAITING) }
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
        let place = Arc::clone(&self.waiting).try_acquire_owned().map_err(|_| busy())?;
        let turn = Arc::clone(&self.hashing).acquire_owned().await.map_err(|_| lost())?;
        // Who hangs up does not make room for others: the work goes on.
        let work = move || {
            let done = work();
            drop((turn, place));
            done
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| lost())
    }
}

impl SignIn for Local {
    type Said = Credentials;

    /// It takes as long whatever is wrong.
    async fn prove(&self, said: Credentials, now: Timestamp) -> Result<(), Denied> {
        let Credentials { account, password, code } = said;
        let known = self.store.secrets(&account).and_then(|secrets| secrets.password);
        let right = self
            .hash(move || password::verify(&password, known.as_deref()))
            .await
            .map_err(Denied::Problem)?;
        // Whoever is locked, or has nothing to sign in with, costs no write.
        let secrets = self.store.secrets(&account);
        if secrets.is_none_or(|it| it.password.is_none() || it.locked(now)) {
            return Err(Denied::Wrong);
        }
        let judged = self.store.change(&account, |secrets| {
            if secrets.locked(now) {
                return Ok(Err(Denied::Wrong));
            }
            let last = secrets.last_failure.map_or(0, Timestamp::as_second);
            if now.as_second() - last > FORGOTTEN {
                secrets.failures = 0;
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
            secrets.last_failure = Some(now);
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
}
