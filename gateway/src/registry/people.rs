//! The accounts of persons: who was named by whom, and what became of it. What proves that it
//! is the person (password, second factor) is kept apart from the journal.

use std::collections::{BTreeMap, BTreeSet};

use birge_proto::{
    clock::Timestamp,
    identity::Identity,
    problem::Kind,
    record::{AccountAct, Scope},
};
use serde::Serialize;

/// Seconds within which the second of two must ask for a recovery.
pub const RECOVERY_SECONDS: i64 = 3 * 86_400;

/// Everybody who was ever named.
#[derive(Debug, Clone, Default)]
pub struct People(BTreeMap<Identity, Account>);

/// What is known of one account.
#[derive(Debug, Clone)]
pub struct Account {
    /// The body that named the person.
    pub by: Identity,
    /// When.
    pub named: Timestamp,
    /// When it last signed in.
    pub last_sign_in: Option<Timestamp>,
    /// What it is.
    pub state: AccountState,
    /// Who asked for a recovery that nobody else has asked for yet, and when.
    pub recovery: Option<(Identity, Timestamp)>,
    /// Tokens that were not withdrawn.
    pub tokens: BTreeMap<String, Token>,
    /// When it was last made sure that it is still needed: named, confirmed or signed in.
    pub seen: Timestamp,
    /// Its body was revoked since it last said that the person is to be kept.
    pub unconfirmed: bool,
    /// Number of the exchange before which no sign-in counts any more: its password or second
    /// factor became another then.
    pub since: u64,
}

/// What an account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountState {
    /// The person has yet to make it its own.
    Invited,
    /// It may sign in.
    Active,
    /// Its password and second factor count no more; others are to be chosen.
    Recovering,
    /// It counts no more.
    Revoked,
}

/// A token for scripts.
#[derive(Debug, Clone, Serialize)]
pub struct Token {
    /// What it is good for.
    pub scopes: BTreeSet<Scope>,
    /// Until when.
    pub expires: Timestamp,
}

impl People {
    /// Takes in what happened to an account.
    pub(super) fn apply(
        &mut self,
        index: u64,
        time: Timestamp,
        actor: &Identity,
        (person, act): (&Identity, &AccountAct),
    ) {
        if *act == AccountAct::Named {
            let account = Account {
                by: actor.clone(),
                named: time,
                last_sign_in: None,
                state: AccountState::Invited,
                recovery: None,
                tokens: BTreeMap::new(),
                seen: time,
                unconfirmed: false,
                since: index,
            };
            self.0.insert(person.clone(), account);
            return;
        }
        let Some(account) = self.0.get_mut(person) else { return };
        match act {
            AccountAct::Activated => {
                (account.state, account.seen) = (AccountState::Active, time);
                account.since = index;
            }
            AccountAct::SignedIn => {
                (account.last_sign_in, account.seen) = (Some(time), time);
            }
            AccountAct::TokenIssued { token, scopes, expires } => {
                let issued = Token { scopes: scopes.clone(), expires: *expires };
                account.tokens.insert(token.clone(), issued);
            }
            AccountAct::TokenWithdrawn { token } => {
                account.tokens.remove(token);
            }
            AccountAct::Confirmed => (account.seen, account.unconfirmed) = (time, false),
            AccountAct::RecoveryAsked => account.recovery = Some((actor.clone(), time)),
            AccountAct::PasswordChanged => {
                account.since = index;
                account.tokens.clear();
            }
            AccountAct::RecoveryGranted => {
                account.recovery = None;
                account.since = index;
                account.state = AccountState::Recovering;
                account.tokens.clear();
            }
            AccountAct::Revoked => {
                account.recovery = None;
                account.state = AccountState::Revoked;
                account.tokens.clear();
            }
            AccountAct::Named
            | AccountAct::SignedOut
            | AccountAct::Invited
            | AccountAct::Locked { .. } => {}
        }
    }

    /// A body was revoked: whoever it named must be confirmed before it can do anything again.
    pub(super) fn body_revoked(&mut self, body: &Identity) {
        let own = self.0.values_mut().filter(|account| account.by == *body);
        own.for_each(|account| account.unconfirmed = true);
    }

    /// An account.
    #[must_use]
    pub fn account(&self, person: &Identity) -> Option<&Account> {
        self.0.get(person)
    }

    /// Everybody who was ever named.
    pub fn iter(&self) -> impl Iterator<Item = (&Identity, &Account)> {
        self.0.iter()
    }

    /// May it act now?
    #[must_use]
    pub fn is_active(&self, person: &Identity) -> bool {
        self.account(person).is_some_and(|account| account.state == AccountState::Active)
    }

    /// Why something may not be recorded of an account, where it may not.
    #[must_use]
    pub fn bars(
        &self,
        time: Timestamp,
        actor: &Identity,
        person: &Identity,
        act: &AccountAct,
    ) -> Option<(Kind, String)> {
        use AccountState::{Active, Invited, Recovering, Revoked};
        let conflict = |detail: String| Some((Kind::Conflict, detail));
        let account = match (self.account(person), act) {
            (None, AccountAct::Named) => return None,
            (Some(_), AccountAct::Named) => {
                return conflict(format!("{person} was named before: no account is given twice"));
            }
            (None, _) => return Some((Kind::NotFound, format!("there is no account {person}"))),
            (Some(account), _) => account,
        };
        if account.state == Revoked {
            return conflict(format!("{person} was revoked, and that is for ever"));
        }
        let asked = account.pending(time);
        match act {
            AccountAct::Activated if account.state == Active => {
                conflict(format!("{person} made this account its own already"))
            }
            AccountAct::SignedIn
            | AccountAct::SignedOut
            | AccountAct::PasswordChanged
            | AccountAct::TokenIssued { .. }
                if account.state != Active =>
            {
                Some((Kind::NotSignedIn, format!("{person} is not active")))
            }
            AccountAct::TokenWithdrawn { token } if !account.tokens.contains_key(token) => {
                Some((Kind::NotFound, format!("{person} has no token {token}")))
            }
            AccountAct::RecoveryAsked if account.state == Invited => conflict(format!(
                "{person} has nothing to recover: it was invited, no more. Its body can \
                     invite it again"
            )),
            AccountAct::Invited if account.state != Invited => {
                conflict(format!("{person} made this account its own: it can be recovered"))
            }
            AccountAct::RecoveryAsked if asked.is_some_and(|by| by != actor) => {
                conflict(format!("a recovery of {person} was asked for meanwhile: ask again"))
            }
            AccountAct::RecoveryGranted if account.state == Recovering => None,
            AccountAct::RecoveryGranted if asked.is_none_or(|by| by == actor) => {
                conflict(format!("it takes two to recover {person}"))
            }
            _ => None,
        }
    }
}

impl Account {
    /// Who has asked for a recovery that waits for the second.
    #[must_use]
    pub fn pending(&self, now: Timestamp) -> Option<&Identity> {
        let (by, asked) = self.recovery.as_ref()?;
        (now.as_second() - asked.as_second() <= RECOVERY_SECONDS).then_some(by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn who(text: &str) -> Identity {
        text.parse().unwrap()
    }

    /// Records it unless it is barred; the kind of problem where it is.
    fn act(people: &mut People, second: i64, actor: &str, what: &AccountAct) -> Option<Kind> {
        let (actor, person) = (who(actor), who("member/NSC/k3jq7x2m"));
        let barred = people.bars(at(second), &actor, &person, what);
        if barred.is_none() {
            people.apply(second as u64, at(second), &actor, (&person, what));
        }
        barred.map(|(kind, _)| kind)
    }

    const MEMBER: &str = "member/NSC/k3jq7x2m";

    #[test]
    fn an_account_lives_from_naming_to_revocation_and_not_again() {
        let mut people = People::default();
        let all = &mut people;
        assert_eq!(act(all, 0, MEMBER, &AccountAct::SignedIn), Some(Kind::NotFound));
        assert_eq!(act(all, 0, "agency/NSC", &AccountAct::Named), None);
        assert_eq!(act(all, 1, "agency/NSC", &AccountAct::Named), Some(Kind::Conflict));
        assert_eq!(act(all, 1, MEMBER, &AccountAct::SignedIn), Some(Kind::NotSignedIn));
        assert_eq!(act(all, 2, MEMBER, &AccountAct::Activated), None);
        assert_eq!(act(all, 3, MEMBER, &AccountAct::SignedIn), None);
        assert_eq!(act(all, 4, "agency/NSC", &AccountAct::Revoked), None);
        for what in [AccountAct::SignedIn, AccountAct::Activated, AccountAct::Named] {
            assert_eq!(act(all, 5, MEMBER, &what), Some(Kind::Conflict));
        }
        assert!(!all.is_active(&who(MEMBER)));
    }

    #[test]
    fn article_3_4_it_takes_two_to_recover_an_account_and_one_twice_is_not_two() {
        let mut people = People::default();
        let all = &mut people;
        act(all, 0, "agency/NSC", &AccountAct::Named);
        act(all, 0, MEMBER, &AccountAct::Activated);
        let grant = || AccountAct::RecoveryGranted;
        assert_eq!(act(all, 1, "operator/BIRGE", &grant()), Some(Kind::Conflict));
        assert_eq!(act(all, 1, "operator/BIRGE", &AccountAct::RecoveryAsked), None);
        assert_eq!(act(all, 2, "operator/BIRGE", &grant()), Some(Kind::Conflict));
        let late = 2 + RECOVERY_SECONDS;
        assert_eq!(act(all, late, "agency/NSC", &grant()), Some(Kind::Conflict), "too late");
        assert!(all.is_active(&who(MEMBER)));
        assert_eq!(act(all, late, "agency/NSC", &AccountAct::RecoveryAsked), None);
        assert_eq!(act(all, late, "operator/BIRGE", &grant()), None);
        assert!(!all.is_active(&who(MEMBER)), "the old password counts no more");
    }

    #[test]
    fn who_was_named_by_a_body_that_was_revoked_is_confirmed_by_it_and_by_nothing_else() {
        let others = [AccountAct::Invited, AccountAct::Activated, AccountAct::SignedIn];
        let mut people = People::default();
        let all = &mut people;
        act(all, 0, "agency/NSC", &AccountAct::Named);
        all.body_revoked(&who("agency/NSC"));
        for (what, second) in others.iter().zip(1..) {
            act(all, second, MEMBER, what);
            assert!(all.account(&who(MEMBER)).unwrap().unconfirmed, "{what:?}");
        }
        act(all, 9, "agency/NSC", &AccountAct::Confirmed);
        assert!(!all.account(&who(MEMBER)).unwrap().unconfirmed);
    }
}
