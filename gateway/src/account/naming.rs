//! What bodies do: they name persons, go over them, revoke them, and with the operator have an
//! account recovered. Neither can do that alone (article 3(4)).

use birge_proto::{
    clock::Timestamp,
    identity::{AgencyId, Identity, Role},
    problem::{Kind, Problem},
    record::AccountAct,
};

use super::{
    Accounts, days, secret,
    secret::Digest,
    store::{Code, Secrets},
};
use crate::registry::{Account, AccountState, RECOVERY_SECONDS};

/// Characters of the longest name of a person.
const NAME_CHARS: usize = 200;
/// Persons whom one body may have at once.
const PERSONS: usize = 200;

/// A person who was named.
pub struct Named {
    /// Its account.
    pub person: Identity,
    /// What the person needs to make it its own; handed over in confidence.
    pub invitation: String,
    /// Until when.
    pub expires: Timestamp,
    /// Number of the exchange.
    pub exchange: u64,
}

/// One of the two codes of a recovery.
pub struct Recovery {
    /// The code.
    pub code: String,
    /// Until when.
    pub expires: Timestamp,
    /// Have both asked?
    pub granted: bool,
    /// Number of the exchange.
    pub exchange: u64,
}

/// What an account is, as its body sees it.
pub struct Standing {
    /// Whose.
    pub person: Identity,
    /// Name and office; empty for who was revoked, and for the operator.
    pub name: String,
    /// What it is.
    pub state: State,
    /// What the records say of it.
    pub account: Account,
}

/// What an account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The person has yet to make it its own.
    Invited,
    /// It may sign in.
    Active,
    /// Not used for long: its body must confirm it.
    Dormant,
    /// One of two has asked for a recovery.
    RecoveryAsked,
    /// Both have.
    Recovering,
    /// Too many sign-ins failed.
    Locked,
    /// It counts no more.
    Revoked,
}

impl Accounts {
    /// Names a person in `role`. `from` is the body that an observer comes from.
    ///
    /// # Errors
    /// When the decree does not let this body name somebody in this role, the name is empty or
    /// too long, or somebody of this name has an account.
    pub async fn name(
        &self,
        by: &Identity,
        role: Role,
        name: &str,
        from: Option<AgencyId>,
    ) -> Result<Named, Problem> {
        let name = name.trim().to_owned();
        if name.is_empty() || name.chars().count() > NAME_CHARS || name.contains(char::is_control) {
            let detail = format!("the person's name: expected 1 to {NAME_CHARS} characters");
            return Err(Problem::new(Kind::Malformed, detail));
        }
        let body = self.may_name(by, role, from)?;
        let living = self.people(by).iter().filter(|it| it.state != State::Revoked).count();
        if living >= PERSONS {
            let detail = format!("{by} has named {living} persons already");
            return Err(Problem::new(Kind::Conflict, detail).hint("revoke who is gone first"));
        }
        let person = Identity { person: Some(secret::name()?), ..Identity::of(role, body) };
        let now = self.clock.now();
        let (invitation, expires) = (secret::new()?, days(now, self.config.invitation_days));
        let mut secrets = Secrets::of(person.clone(), name.clone());
        secrets.codes.insert(by.clone(), Code { digest: Digest::of(&invitation), expires });
        self.store.add(secrets, |other| self.same(other, &person, &name))?;
        match self.record(by, &person, AccountAct::Named, Some(name)).await {
            Ok(exchange) => Ok(Named { person, invitation, expires, exchange }),
            Err(problem) => {
                person.person.iter().for_each(|account| self.store.remove(account));
                Err(problem)
            }
        }
    }

    /// A person has one account: who belongs to two bodies, or to one in two roles, could do
    /// alone what takes two.
    fn same(&self, other: &Secrets, person: &Identity, name: &str) -> Option<Problem> {
        let folded = |name: &str| {
            let mut words: Vec<String> = name
                .split(|c: char| !c.is_alphanumeric())
                .filter(|word| !word.is_empty())
                .map(str::to_lowercase)
                .collect();
            words.sort_unstable();
            words
        };
        let same = other.person.person == person.person || folded(&other.name) == folded(name);
        same.then(|| {
            Problem::new(Kind::Conflict, "somebody of this name has an account already").hint(
                "a person has one account, in one role, of one body. If it is yours and the \
                 invitation was lost: agency-node people invite. If it is another person, add what \
                 tells them apart, such as the office; if it has changed, have its former body \
                 revoke the old account",
            )
        })
    }

    /// The body in which `by` may name a person in `role`, by the decree in force.
    fn may_name(
        &self,
        by: &Identity,
        role: Role,
        from: Option<AgencyId>,
    ) -> Result<AgencyId, Problem> {
        let decree = self.catalog.read(|state| state.decree_at(self.clock.now()))?;
        let named = |bodies: &[crate::decree::Body]| bodies.iter().any(|each| each.id == by.body);
        let (participates, audits) = (named(decree.participants()), named(decree.auditors()));
        let refused = |detail: String, article: String| {
            Err(Problem::new(Kind::NotPermitted, detail).under([article]))
        };
        let residual = decree.clauses().residual.to_string();
        let group = decree.working_group();
        match (role, by.role, group) {
            (Role::Auditor, Role::Auditor, _) if audits => Ok(by.body.clone()),
            (Role::Auditor, ..) => {
                let article = decree.clauses().auditors.to_string();
                refused(format!("{by} does not name auditors"), article)
            }
            (Role::Member | Role::Observer, _, None) => {
                refused(String::from("the decree sets up no working group"), residual)
            }
            (Role::Member, Role::Agency, Some(_)) if participates => Ok(by.body.clone()),
            (Role::Member, _, Some(group)) => {
                refused(format!("{by} does not name members"), group.article.to_string())
            }
            (Role::Observer, Role::Agency, Some(group)) if group.chair == by.body => {
                let body = from.ok_or_else(|| {
                    Problem::new(
                        Kind::Malformed,
                        "the body that the observer comes from is missing",
                    )
                    .hint("expected its short name, such as IOM")
                })?;
                let taken = |bodies: &[crate::decree::Body]| bodies.iter().any(|b| b.id == body);
                if taken(decree.participants()) || taken(decree.auditors()) {
                    let detail = format!("{body} is a body of the decree: it has no observers");
                    return refused(detail, group.article.to_string());
                }
                Ok(body)
            }
            (Role::Observer, _, Some(group)) => {
                let detail = format!("{} presides over the working group", group.chair);
                refused(detail, group.article.to_string())
            }
            (Role::Agency | Role::Public | Role::Operator | Role::Gateway, ..) => Err(
                Problem::new(Kind::Malformed, format!("{} is no role of a person", role.as_str()))
                    .hint("expected member, observer or auditor"),
            ),
        }
    }

    /// The persons whom a body has named; for the operator, everybody.
    #[must_use]
    pub fn people(&self, of: &Identity) -> Vec<Standing> {
        let now = self.clock.now();
        let people = self.catalog.read(|state| {
            let all = state.registry.people().iter();
            let own = all.filter(|(_, account)| of.role == Role::Operator || account.by == *of);
            own.map(|(person, account)| (person.clone(), account.clone())).collect::<Vec<_>>()
        });
        let standing = |(person, account): (Identity, Account)| {
            let secrets = person.person.as_ref().and_then(|account| self.store.secrets(account));
            let state = match account.state {
                AccountState::Revoked => State::Revoked,
                AccountState::Recovering => State::Recovering,
                _ if account.pending(now).is_some() => State::RecoveryAsked,
                AccountState::Invited => State::Invited,
                AccountState::Active if self.dormant(&account, now) => State::Dormant,
                AccountState::Active if secrets.as_ref().is_some_and(|it| it.locked(now)) => {
                    State::Locked
                }
                AccountState::Active => State::Active,
            };
            // Whom it is about is its own body's business.
            let secrets = secrets.filter(|_| account.by == *of);
            let name = secrets.map(|secrets| secrets.name).unwrap_or_default();
            Standing { person, name, state, account }
        };
        people.into_iter().map(standing).collect()
    }

    /// The body keeps a person whom it went over.
    ///
    /// # Errors
    /// When it is not its own.
    pub async fn confirm(&self, by: &Identity, person: &Identity) -> Result<u64, Problem> {
        self.own(by, person, false)?;
        let exchange = self.record(by, person, AccountAct::Confirmed, None).await?;
        if let Some(account) = &person.person {
            // It is let in again, too, where somebody's guesses have locked it out.
            self.store.change(account, |secrets| {
                (secrets.failures, secrets.locked_until) = (0, None);
                Ok(())
            })?;
        }
        Ok(exchange)
    }

    /// Invites a person anew whose invitation was lost or has expired.
    ///
    /// # Errors
    /// When it is not its own, or made the account its own already.
    pub async fn invite(&self, by: &Identity, person: &Identity) -> Result<Named, Problem> {
        self.own(by, person, false)?;
        let exchange = self.record(by, person, AccountAct::Invited, None).await?;
        let (invitation, expires) =
            (secret::new()?, days(self.clock.now(), self.config.invitation_days));
        let code = Code { digest: Digest::of(&invitation), expires };
        if let Some(account) = &person.person {
            self.store.change(account, |secrets| {
                secrets.codes = [(by.clone(), code)].into();
                Ok(())
            })?;
        }
        Ok(Named { person: person.clone(), invitation, expires, exchange })
    }

    /// Ends an account for ever. The operator may, too.
    ///
    /// # Errors
    /// When it is not its own, or was revoked before.
    pub async fn revoke(&self, by: &Identity, person: &Identity) -> Result<u64, Problem> {
        self.own(by, person, true)?;
        let exchange = self.record(by, person, AccountAct::Revoked, None).await?;
        self.forget(person, |secrets| secrets.name.clear());
        Ok(exchange)
    }

    /// Asks for a new password and second factor of an account. The body and the operator must
    /// both ask; each is given one of the two codes that the person needs.
    ///
    /// # Errors
    /// When it is neither of the two, or the account is none that can be recovered.
    pub async fn recover(&self, by: &Identity, person: &Identity) -> Result<Recovery, Problem> {
        let account = self.own(by, person, true)?;
        let now = self.clock.now();
        let granted = account.pending(now).is_some_and(|asked| asked != by);
        let act = if granted { AccountAct::RecoveryGranted } else { AccountAct::RecoveryAsked };
        let exchange = self.record(by, person, act, None).await?;
        let code = secret::new()?;
        let expires = Timestamp::from_second(now.as_second() + RECOVERY_SECONDS).unwrap_or(now);
        let new = Code { digest: Digest::of(&code), expires };
        if let Some(id) = &person.person {
            if self.store.secrets(id).is_none() {
                let lost = Secrets::of(person.clone(), String::new());
                self.store.add(lost, |_| None)?;
            }
            self.store.change(id, |secrets| {
                secrets.codes.insert(by.clone(), new);
                Ok(())
            })?;
        }
        if granted {
            self.forget(person, |_| {});
        }
        Ok(Recovery { code, expires, granted, exchange })
    }

    /// Takes the password and the second factor from an account that may not use them any more.
    pub(super) fn forget(&self, person: &Identity, also: impl FnOnce(&mut Secrets)) {
        let Some(account) = &person.person else { return };
        let forgotten = self.store.change(account, |secrets| {
            (secrets.password, secrets.totp, secrets.pending) = (None, None, None);
            also(secrets);
            Ok(())
        });
        if let Err(problem) = forgotten {
            // The records say that they count no more.
            tracing::warn!(%person, %problem, "the secrets of an account stay");
        }
    }

    /// An account that this body has named, or that the operator may act on.
    fn own(&self, by: &Identity, person: &Identity, operator: bool) -> Result<Account, Problem> {
        let account = self.account(person);
        let account =
            account.filter(|account| account.by == *by || (operator && by.role == Role::Operator));
        account.ok_or_else(|| {
            Problem::new(Kind::NotFound, format!("{by} has named no {person}"))
                .hint("see whom: agency-node people list")
        })
    }
}
