//! Before any handler: who is calling, may this role do this, is its quota used up?

use std::{num::NonZeroU32, sync::Arc};

use birge_proto::{
    clock::SharedClock,
    identity::{Identity, Role},
    problem::{Kind, Problem},
    record::Event,
};
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};
use tonic::{Request, Response, Status};

use super::{
    tls::{Credential, Peer},
    turned::Turned,
};
use crate::{
    account::{Accounts, Bearer},
    catalog::Catalog,
    journal::Class,
    recorder::Recorder,
};

/// Records a minute of who presents a session or token that counts no more.
const VOID: u32 = 5;

/// The gate.
pub(super) struct Gate {
    catalog: Arc<Catalog>,
    accounts: Arc<Accounts>,
    recorder: Recorder,
    /// Of each identity, whatever it presents; a certificate that counts no more has its own, so that
    /// it cannot use up what its successor needs.
    quota: DefaultKeyedRateLimiter<(Identity, String)>,
    /// Of persons whose session or token counts no more: what they still cause is little.
    void: DefaultKeyedRateLimiter<Identity>,
    /// Of all who do not say who they are together, so that strangers cannot fill the log.
    public: DefaultDirectRateLimiter,
    turned: Arc<Turned>,
    clock: SharedClock,
}

impl Gate {
    /// A gate that lets one principal cause so many records a minute, and all the public together
    /// so many.
    #[must_use]
    pub(super) fn new(
        catalog: Arc<Catalog>,
        accounts: Arc<Accounts>,
        recorder: Recorder,
        (records_per_minute, of_the_public): (u32, u32),
        turned: Arc<Turned>,
        clock: SharedClock,
    ) -> Self {
        let rate = |rate| Quota::per_minute(NonZeroU32::new(rate).unwrap_or(NonZeroU32::MIN));
        let quota = RateLimiter::keyed(rate(records_per_minute));
        let (public, void) =
            (RateLimiter::direct(rate(of_the_public)), RateLimiter::keyed(rate(VOID)));
        Self { catalog, accounts, recorder, quota, void, public, turned, clock }
    }

    /// The caller, if it may do `act` in one of these roles, and its session or token is good for
    /// it. The name of an act begins with its service.
    ///
    /// # Errors
    /// `NOT_ENROLLED`, `NOT_SIGNED_IN`, `WRONG_ROLE`, `OVER_QUOTA`; the last is recorded in sums,
    /// the others one by one.
    pub(super) async fn admit<T>(
        &self,
        request: &Request<T>,
        act: &str,
        roles: &[Role],
    ) -> Result<Identity, Problem> {
        let peer = request
            .extensions()
            .get::<Peer>()
            .ok_or_else(|| Problem::new(Kind::Internal, "the connection carries no identity"))?;
        self.admit_peer(peer, act, roles).await
    }

    /// As [`Self::admit`], for what is not gRPC.
    ///
    /// # Errors
    /// As [`Self::admit`].
    pub(super) async fn admit_peer(
        &self,
        peer: &Peer,
        act: &str,
        roles: &[Role],
    ) -> Result<Identity, Problem> {
        self.within_quota(peer)?;
        let problem = if !self.counts(peer) {
            void(peer)
        } else if !self.is_good_for(peer, act) {
            let detail = format!("this token is not good for {act}");
            Problem::new(Kind::WrongRole, detail).hint("make one with the scope that it needs")
        } else if !roles.contains(&peer.identity.role) {
            let detail = format!("{act} is not for the role of {}", peer.identity);
            let decree = self.catalog.read(|state| state.decree_at(self.clock.now()));
            let residual = decree.ok().map(|decree| decree.clauses().residual.to_string());
            Problem::new(Kind::WrongRole, detail).under(residual)
        } else {
            return Ok(peer.identity.clone());
        };
        Err(self.refuse(act, &peer.identity, problem).await)
    }

    /// The person who is signed in, if it may do `act` for its own account.
    ///
    /// # Errors
    /// `NOT_SIGNED_IN`, `WRONG_ROLE` for a token, `OVER_QUOTA`.
    pub(super) async fn admit_person(
        &self,
        peer: &Peer,
        act: &str,
    ) -> Result<(Identity, Bearer), Problem> {
        self.within_quota(peer)?;
        let problem = match &peer.credential {
            _ if !self.counts(peer) => void(peer),
            Credential::Bearer(bearer) if bearer.is_session() => {
                return Ok((peer.identity.clone(), bearer.clone()));
            }
            _ => Problem::new(Kind::WrongRole, format!("{act} is not for tokens"))
                .hint("sign in: a token is for figures and records only"),
        };
        Err(self.refuse(act, &peer.identity, problem).await)
    }

    /// Refuses, and records it, where what says who this is counts no more.
    ///
    /// # Errors
    /// `NOT_SIGNED_IN`, `NOT_ENROLLED`, `OVER_QUOTA`.
    pub(super) async fn living(&self, peer: &Peer, act: &str) -> Result<(), Problem> {
        if self.counts(peer) {
            return Ok(());
        }
        Err(self.refused(peer, act, void(peer)).await)
    }

    /// Records that somebody known was refused; gives the problem its number.
    pub(super) async fn refused(&self, peer: &Peer, act: &str, problem: Problem) -> Problem {
        match self.within_quota(peer) {
            Ok(()) => self.refuse(act, &peer.identity, problem).await,
            Err(over) => over,
        }
    }

    fn within_quota(&self, peer: &Peer) -> Result<(), Problem> {
        let of = |credential| self.quota.check_key(&(peer.identity.clone(), credential)).is_ok();
        let within = match &peer.credential {
            Credential::Certificate(serial) if !self.counts(peer) => of(serial.clone()),
            Credential::Certificate(_) => of(String::new()),
            Credential::Bearer(_) if self.counts(peer) => of(String::new()),
            Credential::Bearer(_) => self.void.check_key(&peer.identity).is_ok(),
            Credential::Nothing => self.public.check().is_ok(),
        };
        if within {
            return Ok(());
        }
        self.turned.count(format!("over-quota {}", peer.identity));
        let detail = "this principal's requests a minute are used up";
        Err(Problem::new(Kind::OverQuota, detail)
            .hint("wait a minute, or ask the operator for a larger quota"))
    }

    /// A token is for figures and records; what changes something asks for who signed in.
    fn is_good_for(&self, peer: &Peer, act: &str) -> bool {
        let Credential::Bearer(bearer) = &peer.credential else { return true };
        if act == "audit/hold" && !bearer.is_session() {
            return false;
        }
        let scopes = self.accounts.scopes(&peer.identity, bearer);
        scopes.iter().any(|scope| act.split('/').next() == Some(scope.as_str()))
    }

    /// What a handler answers; a refusal that is not recorded yet is recorded now, unless the
    /// gateway has fenced itself.
    ///
    /// # Errors
    /// The refusal.
    pub(super) async fn answer<T>(
        &self,
        act: &str,
        caller: &Identity,
        outcome: Result<T, Problem>,
    ) -> Result<Response<T>, Status> {
        Ok(Response::new(self.told(act, caller, outcome).await?))
    }

    /// As [`Self::answer`], for what is not gRPC.
    ///
    /// # Errors
    /// The refusal.
    pub(super) async fn told<T>(
        &self,
        act: &str,
        caller: &Identity,
        outcome: Result<T, Problem>,
    ) -> Result<T, Problem> {
        match outcome {
            // A gateway that has fenced itself writes nothing more.
            Err(problem) if problem.exchange.is_none() && problem.kind != Kind::Fenced => {
                Err(self.refuse(act, caller, problem).await)
            }
            outcome => outcome,
        }
    }

    async fn refuse(&self, act: &str, caller: &Identity, problem: Problem) -> Problem {
        let class = match caller.role {
            Role::Operator => Class::Administration,
            _ => Class::Reading,
        };
        let event = Event::ActRefused { act: act.to_owned(), problem: problem.kind.code().into() };
        self.recorder.refuse(class, caller, vec![], event, problem).await
    }

    /// Has the sums of those turned away recorded.
    ///
    /// # Errors
    /// When the journal cannot take them; they are lost then.
    pub(super) async fn record_turned(&self, gateway: &Identity) -> Result<(), Problem> {
        if self.recorder.barred().is_some() {
            return Ok(()); // they are summed on
        }
        let Some(event) = self.turned.take(self.clock.now()) else { return Ok(()) };
        self.quota.retain_recent();
        self.void.retain_recent();
        let draft = crate::sequence::Draft::of(gateway.clone(), event);
        self.recorder.record(Class::Administration, draft).await.map(drop)
    }

    /// Whether a caller that was let in may still be answered.
    ///
    /// # Errors
    /// `NOT_ENROLLED`, `NOT_SIGNED_IN` where what says who it is counts no more.
    pub(super) fn still_counts(&self, peer: &Peer) -> Result<(), Problem> {
        if self.counts(peer) { Ok(()) } else { Err(void(peer)) }
    }

    /// Does what says who this is still count: the certificate, the session, the token?
    pub(super) fn counts(&self, peer: &Peer) -> bool {
        match &peer.credential {
            Credential::Certificate(serial) => self.catalog.read(|state| {
                let participant = state.registry.participant(&peer.identity);
                participant.is_some_and(|participant| participant.serials.contains(serial))
            }),
            Credential::Bearer(bearer) => !self.accounts.scopes(&peer.identity, bearer).is_empty(),
            Credential::Nothing => true,
        }
    }
}

fn void(peer: &Peer) -> Problem {
    let who = &peer.identity;
    match peer.credential {
        Credential::Certificate(_) => {
            let detail = format!("{who} is not enrolled, or this certificate was revoked");
            Problem::new(Kind::NotEnrolled, detail)
                .hint("ask the technical operator to enrol this node again")
        }
        Credential::Bearer(_) | Credential::Nothing => {
            let detail = format!("this session or token of {who} is over, or was revoked");
            Problem::new(Kind::NotSignedIn, detail).hint("sign in again")
        }
    }
}
