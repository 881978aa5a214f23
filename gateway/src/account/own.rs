//! What a person does for itself: it makes the account its own, signs in and out, chooses another
//! password, makes tokens for its scripts.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use birge_proto::{
    clock::Timestamp,
    identity::{AccountId, Identity},
    problem::{Kind, Problem},
    record::{AccountAct, Event, Scope},
};
use tokio::time::{Instant, sleep_until};

use super::{
    Accounts, Bearer, Credentials,
    bearer::{self, Presented},
    days,
    local::{Denied, SignIn},
    not_signed_in, password, secret,
    secret::Digest,
    store::Secrets,
    totp,
};
use crate::{
    journal::Class,
    registry::{AccountState, Token},
};

/// Tokens that a person may have at once.
const TOKENS: usize = 10;
/// After how long a failed sign-in is answered: longer than it takes to look at any.
const FAILURE: Duration = Duration::from_millis(600);

/// A person who signed in.
pub struct SignedIn {
    /// Who.
    pub person: Identity,
    /// What it presents from now on.
    pub session: String,
    /// Until when at most.
    pub expires: Timestamp,
    /// Number of the exchange.
    pub exchange: u64,
}

/// A token that was made.
pub struct Issued {
    /// Its name.
    pub id: String,
    /// What scripts present; it is shown once.
    pub token: String,
    /// Until when it is good.
    pub expires: Timestamp,
    /// Number of the exchange.
    pub exchange: u64,
}

impl Accounts {
    /// Begins to make an account one's own: answers with the second factor's secret, and what an
    /// authenticator reads. `codes`: the invitation, or both codes of a recovery.
    ///
    /// # Errors
    /// `NOT_SIGNED_IN` where codes and account do not fit.
    pub fn begin(
        &self,
        account: &AccountId,
        codes: &[String],
    ) -> Result<(String, String), Problem> {
        self.invited(account, codes)?;
        let secret = totp::new()?;
        let uri = totp::uri(&secret, &self.issuer, account.as_str())?;
        self.store.change(account, |secrets| {
            secrets.pending = Some(secret.clone());
            Ok(())
        })?;
        Ok((secret, uri))
    }

    /// Makes an account one's own with a password, and a code of the second factor, which proves
    /// that it is held. Answers with the number of the exchange.
    ///
    /// # Errors
    /// `NOT_SIGNED_IN` as before, or where the code is wrong; `MALFORMED` where the password is
    /// too easy to guess.
    pub async fn activate(
        &self,
        codes: &[String],
        credentials: Credentials,
    ) -> Result<(Identity, u64), Problem> {
        let Credentials { account, password, code } = credentials;
        let (person, name) = self.invited(&account, codes)?;
        password::fit(&password, account.as_str(), &name)?;
        let hash = self.local.hash_of(password).await?;
        let now = self.clock.now();
        let given = codes.to_vec();
        self.store.change(&account, |secrets| {
            // Another may have been faster.
            self.known(secrets, &given, now)?;
            let pending = secrets.pending.clone().ok_or_else(not_signed_in)?;
            let step = totp::verify(&pending, &code, now, 0).ok_or_else(not_signed_in)?;
            (secrets.password, secrets.totp) = (Some(hash), Some(pending));
            (secrets.failures, secrets.locked_until, secrets.last_step) = (0, None, step);
            Ok(())
        })?;
        let exchange = self.record(&person, &person, AccountAct::Activated, None).await?;
        self.store.change(&account, |secrets| {
            secrets.codes.clear();
            secrets.pending = None;
            Ok(())
        })?;
        Ok((person, exchange))
    }

    /// The person whose codes these are, and its name.
    fn invited(
        &self,
        account: &AccountId,
        codes: &[String],
    ) -> Result<(Identity, String), Problem> {
        let secrets = self.store.secrets(account).ok_or_else(wrong_code)?;
        self.known(&secrets, codes, self.clock.now())?;
        Ok((secrets.person, secrets.name))
    }

    /// Are these the codes that the account needs now?
    fn known(&self, secrets: &Secrets, codes: &[String], now: Timestamp) -> Result<(), Problem> {
        let known = self.account(&secrets.person).ok_or_else(wrong_code)?;
        let needed = match known.state {
            AccountState::Invited => 1,
            AccountState::Recovering => 2,
            AccountState::Active | AccountState::Revoked => return Err(wrong_code()),
        };
        let good = secrets
            .codes
            .values()
            .filter(|kept| now < kept.expires && codes.iter().any(|code| kept.digest.is_of(code)));
        if good.count() < needed { Err(wrong_code()) } else { Ok(()) }
    }

    /// Signs a person in.
    ///
    /// # Errors
    /// `NOT_SIGNED_IN`, the same whatever is wrong; a failure that locks the account is recorded.
    pub async fn sign_in(&self, credentials: Credentials) -> Result<SignedIn, Problem> {
        let now = self.clock.now();
        let person = self.person(&credentials.account);
        // Whatever is wrong, it is said after the same time.
        let said = Instant::now() + FAILURE;
        if let Err(denied) = self.local.prove(credentials, now).await {
            let problem = self.denied(person, denied).await;
            sleep_until(said).await;
            return Err(problem);
        }
        let person = person.ok_or_else(not_signed_in)?;
        if !self.usable(&person, now) {
            let event = Event::ActRefused {
                act: String::from("people/sign-in"),
                problem: Kind::NotSignedIn.code().into(),
            };
            let by = self.account(&person).map(|account| account.by).into_iter().collect();
            let problem = not_signed_in();
            return Err(self.recorder.refuse(Class::Reading, &person, by, event, problem).await);
        }
        let session = secret::new()?;
        let exchange = self.record(&person, &person, AccountAct::SignedIn, None).await?;
        let session = bearer::session(&session);
        let expires = self.sessions.begin(&person, Digest::of(&session), exchange, now);
        Ok(SignedIn { person, session, expires, exchange })
    }

    async fn denied(&self, person: Option<Identity>, denied: Denied) -> Problem {
        match (denied, person) {
            (Denied::Problem(problem), _) => problem,
            (Denied::NowLocked(until), Some(person)) => {
                let locked = AccountAct::Locked { until };
                let recorded = self.record(&Identity::gateway(), &person, locked, None).await;
                match recorded {
                    // What the records say of the account is not for strangers.
                    Err(unrecorded) if unrecorded.exchange.is_none() => unrecorded,
                    _ => not_signed_in(),
                }
            }
            (Denied::NowLocked(_) | Denied::Wrong, _) => not_signed_in(),
        }
    }

    /// The tokens of a person.
    #[must_use]
    pub fn tokens(&self, person: &Identity) -> BTreeMap<String, Token> {
        self.account(person).map(|account| account.tokens).unwrap_or_default()
    }

    /// Ends a session.
    ///
    /// # Errors
    /// When it cannot be recorded; the session has ended all the same.
    pub async fn sign_out(&self, person: &Identity, bearer: &Bearer) -> Result<u64, Problem> {
        if let Presented::Session(session) = &bearer.0 {
            self.sessions.end(session);
        }
        self.record(person, person, AccountAct::SignedOut, None).await
    }

    /// Chooses another password; every other session ends, and every token.
    ///
    /// # Errors
    /// As for [`Self::sign_in`], and `MALFORMED` where the new one is too easy to guess.
    pub async fn change_password(
        &self,
        bearer: &Bearer,
        credentials: Credentials,
        new: String,
    ) -> Result<u64, Problem> {
        let account = credentials.account.clone();
        let secrets = self.store.secrets(&account).ok_or_else(not_signed_in)?;
        password::fit(&new, account.as_str(), &secrets.name)?;
        let person = secrets.person;
        if let Err(denied) = self.local.prove(credentials, self.clock.now()).await {
            return Err(self.denied(Some(person), denied).await);
        }
        let hash = self.local.hash_of(new).await?;
        // On the disk first: no record may say what is not so.
        let old = self.store.change(&account, |secrets| Ok(secrets.password.replace(hash)))?;
        let recorded = self.record(&person, &person, AccountAct::PasswordChanged, None).await;
        let exchange = match recorded {
            Ok(exchange) => exchange,
            Err(problem) => {
                self.store.change(&account, |secrets| {
                    secrets.password = old;
                    Ok(())
                })?;
                return Err(problem);
            }
        };
        if let Presented::Session(session) = &bearer.0 {
            self.sessions.renew(session, exchange);
        }
        Ok(exchange)
    }

    /// Makes a token for scripts. The person proves once more who it is: a stolen session makes
    /// none.
    ///
    /// # Errors
    /// As for [`Self::sign_in`]; `MALFORMED` for no scope, or days beyond what is allowed;
    /// `CONFLICT` where there are too many.
    pub async fn issue_token(
        &self,
        credentials: Credentials,
        scopes: BTreeSet<Scope>,
        for_days: u32,
    ) -> Result<Issued, Problem> {
        let (account, now, most) =
            (credentials.account.clone(), self.clock.now(), self.config.token_days);
        if scopes.is_empty() || for_days == 0 || for_days > most {
            let detail = "a token needs a scope and an end";
            return Err(Problem::new(Kind::Malformed, detail)
                .hint(format!("expected query, audit or both, and 1 to {most} days")));
        }
        let person = self.person(&account).ok_or_else(not_signed_in)?;
        let living = self.account(&person).map_or(0, |account| {
            account.tokens.values().filter(|token| now < token.expires).count()
        });
        if living >= TOKENS {
            let detail = format!("{person} has {living} tokens already");
            return Err(Problem::new(Kind::Conflict, detail).hint("withdraw one first"));
        }
        if let Err(denied) = self.local.prove(credentials, now).await {
            return Err(self.denied(Some(person), denied).await);
        }
        let id = format!("{account}-{}", &secret::name()?.as_str()[..6]);
        let token = bearer::token(&id, &secret::new()?);
        self.store.change(&account, |secrets| {
            secrets.tokens.insert(id.clone(), Digest::of(&token));
            Ok(())
        })?;
        let expires = days(now, for_days);
        let act = AccountAct::TokenIssued { token: id.clone(), scopes, expires };
        let exchange = self.record(&person, &person, act, None).await?;
        Ok(Issued { id, token, expires, exchange })
    }

    /// Withdraws a token.
    ///
    /// # Errors
    /// `NOT_FOUND` where the person has none of this name.
    pub async fn withdraw_token(&self, person: &Identity, id: String) -> Result<u64, Problem> {
        self.record(person, person, AccountAct::TokenWithdrawn { token: id }, None).await
    }
}

fn wrong_code() -> Problem {
    Problem::new(Kind::NotSignedIn, "the account or a code is wrong, used or expired").hint(
        "type it again; if it was lost or has expired, ask the body that named you for another: \
             agency-node people invite, or in a recovery people recover, to which the operator's \
             gateway people recover belongs",
    )
}
