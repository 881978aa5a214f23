//! Accounts of persons: members, observers and auditors (article 3). A body names a person; the
//! person makes the account its own, signs in, makes tokens for its scripts. Whatever happens to
//! an account is a record; what proves that it is the person is kept apart from the journal.
//!
//! Order of reading: [`Accounts`] here, `naming` for what bodies do, `own` for what a person does
//! for itself, `bearer` for who presents a session or token; `local` for how a sign-in is proved,
//! `session`, `store`, `password`, `totp` and `secret` for what they stand on.

mod bearer;
mod local;
mod naming;
mod own;
mod password;
mod secret;
mod session;
mod store;
mod totp;

use std::{path::Path, sync::Arc};

use anyhow::Result;
use birge_proto::{
    clock::{SharedClock, Timestamp},
    identity::{AccountId, Identity},
    problem::{Kind, Problem},
    record::{AccountAct, Event},
};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

pub use self::{
    bearer::Bearer,
    local::Credentials,
    naming::{Named, Recovery, Standing, State},
    own::{Issued, SignedIn},
};
use self::{local::Local, session::Sessions, store::Store};
use crate::{
    catalog::Catalog,
    journal::Class,
    recorder::Recorder,
    registry::{Account, AccountState},
    sequence::{Draft, Reply},
};

/// How accounts of persons are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccountConfig {
    /// Days without a sign-in after which a person can do nothing until its body confirms it.
    pub dormant_after_days: u32,
    /// Days for which an invitation is good.
    pub invitation_days: u32,
    /// Days for which a token is good at most.
    pub token_days: u32,
}

impl Default for AccountConfig {
    fn default() -> Self {
        Self { dormant_after_days: 90, invitation_days: 7, token_days: 365 }
    }
}

/// The accounts.
pub struct Accounts {
    config: AccountConfig,
    /// Whose accounts they are: the name that an authenticator shows.
    issuer: String,
    store: Arc<Store>,
    local: Local,
    sessions: Sessions,
    catalog: Arc<Catalog>,
    recorder: Recorder,
    clock: SharedClock,
}

impl Accounts {
    /// Reads the accounts in `folder`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(
        folder: &Path,
        config: AccountConfig,
        issuer: String,
        catalog: Arc<Catalog>,
        recorder: Recorder,
        clock: SharedClock,
    ) -> Result<Self> {
        let store = Arc::new(Store::open(folder)?);
        let local = Local::new(Arc::clone(&store));
        let sessions = Sessions::default();
        Ok(Self { config, issuer, store, local, sessions, catalog, recorder, clock })
    }

    /// Brings the secrets that lay in the folder in line with the records, where a crash came
    /// between, once nothing is `barred`: an old copy of the records knows no later account.
    pub async fn reconcile(self: Arc<Self>, mut barred: watch::Receiver<Option<Problem>>) {
        let found = self.store.all();
        if barred.wait_for(Option::is_none).await.is_err() {
            return; // the gateway stops
        }
        for secrets in found {
            let Some(id) = &secrets.person.person else { continue };
            let has_secrets = secrets.password.is_some() || secrets.totp.is_some();
            match self.account(&secrets.person).map(|account| account.state) {
                None => self.store.remove(id),
                Some(AccountState::Revoked) if !secrets.name.is_empty() || has_secrets => {
                    self.forget(&secrets.person, |secrets| secrets.name.clear());
                }
                Some(AccountState::Recovering) if has_secrets => {
                    self.forget(&secrets.person, |_| {});
                }
                _ => {}
            }
        }
    }

    /// What the records say of an account.
    fn account(&self, person: &Identity) -> Option<Account> {
        self.catalog.read(|state| state.registry.people().account(person).cloned())
    }

    /// Must its body confirm it, because it was not used for long or the body was revoked?
    fn dormant(&self, account: &Account, now: Timestamp) -> bool {
        account.unconfirmed
            || now.as_second() - account.seen.as_second()
                > i64::from(self.config.dormant_after_days) * 86_400
    }

    /// The person of an account that has secrets.
    fn person(&self, account: &AccountId) -> Option<Identity> {
        self.store.read(account, |secrets| secrets.person.clone())
    }

    /// Has something that happened to an account recorded, and waits until it is known; the body
    /// that named the person is concerned. Answers with the number of the exchange.
    async fn record(
        &self,
        actor: &Identity,
        person: &Identity,
        act: AccountAct,
        name: Option<String>,
    ) -> Result<u64, Problem> {
        // What shuts somebody out goes first; what a person does for itself stops nothing.
        let class = match act {
            AccountAct::Revoked | AccountAct::RecoveryGranted => Class::Administration,
            _ if actor.person.is_some() => Class::Reading,
            _ => Class::Submission,
        };
        let by = self.account(person).map(|account| account.by);
        let event = Event::Account { person: person.clone(), act };
        let draft = Draft {
            parties: by.into_iter().chain([person.clone()]).collect(),
            persons: name.map(|name| (String::from("person"), name)).into_iter().collect(),
            ..Draft::of(actor.clone(), event)
        };
        let committed = self.recorder.record(class, draft).await?;
        self.catalog.reached(committed.first + 1).await;
        match committed.reply {
            Reply::Refused(kind, detail) => {
                Err(Problem::new(kind, detail).recorded_as(committed.first))
            }
            _ => Ok(committed.first),
        }
    }
}

/// What is said to whoever is not believed, whatever is wrong.
fn not_signed_in() -> Problem {
    Problem::new(
        Kind::NotSignedIn,
        "the account, the password or the code is wrong, or the account cannot be used now",
    )
    .hint(
        "wait for the next code and try again; after several failures wait for a quarter of an \
         hour. If it goes on, ask the body that named you",
    )
}

fn days(from: Timestamp, days: u32) -> Timestamp {
    Timestamp::from_second(from.as_second() + i64::from(days) * 86_400).unwrap_or(from)
}
