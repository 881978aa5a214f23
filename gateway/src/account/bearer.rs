//! Who presents a session or a token (RFC 6750), and whether it still counts.

use std::collections::BTreeSet;

use birge_proto::{
    clock::Timestamp,
    identity::{AccountId, Identity, Role},
    record::Scope,
};

use super::{Accounts, secret::Digest};
use crate::{catalog::State, registry::Account};

/// How a session begins.
const SESSION: &str = "birge_s_";
/// How a token begins; its name follows, a dot, and the secret.
const TOKEN: &str = "birge_t_";
/// Characters of the longest that is looked at.
const LONGEST: usize = 128;

/// What somebody presented.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Bearer(pub(super) Presented);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Presented {
    /// A session, by its digest.
    Session(Digest),
    /// A token, by its name.
    Token(String),
}

impl Bearer {
    /// Is it a session: did the person sign in?
    #[must_use]
    pub fn is_session(&self) -> bool {
        matches!(self.0, Presented::Session(_))
    }
}

/// A session as it is presented.
pub(super) fn session(secret: &str) -> String {
    [SESSION, secret].concat()
}

/// A token as it is presented.
pub(super) fn token(id: &str, secret: &str) -> String {
    [TOKEN, id, ".", secret].concat()
}

impl Accounts {
    /// Whose this is, or was: who presents a session that is over or a token that was withdrawn
    /// is known all the same. None where it is nobody's.
    #[must_use]
    pub fn bearer(&self, presented: &str) -> Option<(Identity, Bearer)> {
        if presented.len() > LONGEST {
            return None;
        }
        if presented.starts_with(SESSION) {
            let session = Digest::of(presented);
            return Some((self.sessions.person(&session)?, Bearer(Presented::Session(session))));
        }
        let (id, _) = presented.strip_prefix(TOKEN)?.split_once('.')?;
        let (account, _) = id.split_once('-')?;
        let account: AccountId = account.parse().ok()?;
        let person = self.store.read(&account, |secrets| {
            let digest = secrets.tokens.get(id)?;
            digest.is_of(presented).then(|| secrets.person.clone())
        });
        Some((person??, Bearer(Presented::Token(id.to_owned()))))
    }

    /// What it is good for now; nothing where it counts no more.
    #[must_use]
    pub fn scopes(&self, person: &Identity, bearer: &Bearer) -> BTreeSet<Scope> {
        let now = self.clock.now();
        self.catalog.read(|state| {
            let account = self.usable_in(state, person, now);
            let scopes = account.and_then(|account| match &bearer.0 {
                Presented::Session(session) => {
                    let lasts = self.sessions.lasts(session, account.since, now);
                    lasts.then(|| Scope::ALL.into())
                }
                Presented::Token(id) => {
                    let token = account.tokens.get(id).filter(|token| now < token.expires);
                    token.map(|token| token.scopes.clone())
                }
            });
            scopes.unwrap_or_default()
        })
    }

    /// May this person act now: active, used or confirmed not too long ago, and of a body that is
    /// enrolled and may name it?
    pub(super) fn usable(&self, person: &Identity, now: Timestamp) -> bool {
        self.catalog.read(|state| self.usable_in(state, person, now).is_some())
    }

    fn usable_in<'a>(
        &self,
        state: &'a State,
        person: &Identity,
        now: Timestamp,
    ) -> Option<&'a Account> {
        let people = state.registry.people();
        let account = people.account(person).filter(|_| people.is_active(person))?;
        let enrolled = state.registry.participant(&account.by).is_some();
        let decree = state.decree_at(now).ok();
        let group = decree.as_ref().and_then(|decree| decree.working_group());
        let named = match person.role {
            Role::Observer => group.is_some_and(|group| group.chair == account.by.body),
            Role::Member => group.is_some(),
            _ => true,
        };
        (enrolled && named && !self.dormant(account, now)).then_some(account)
    }
}
