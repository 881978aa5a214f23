//! Before any handler: who is calling, may this role do this, is its quota used up?

use std::{num::NonZeroU32, sync::Arc};

use birge_proto::{
    clock::SharedClock,
    identity::{Identity, Role},
    problem::{Kind, Problem},
    record::Event,
};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tonic::{Request, Response, Status};

use super::{tls::Peer, turned::Turned};
use crate::{catalog::Catalog, journal::Class, recorder::Recorder};

/// The gate.
pub(super) struct Gate {
    catalog: Arc<Catalog>,
    recorder: Recorder,
    /// By certificate, so that a revoked one cannot use up what its successor needs.
    quota: DefaultKeyedRateLimiter<(Identity, String)>,
    turned: Arc<Turned>,
    clock: SharedClock,
}

impl Gate {
    /// A gate that lets one principal cause so many records a minute.
    #[must_use]
    pub(super) fn new(
        catalog: Arc<Catalog>,
        recorder: Recorder,
        records_per_minute: u32,
        turned: Arc<Turned>,
        clock: SharedClock,
    ) -> Self {
        let rate = NonZeroU32::new(records_per_minute).unwrap_or(NonZeroU32::MIN);
        let quota = RateLimiter::keyed(Quota::per_minute(rate));
        Self { catalog, recorder, quota, turned, clock }
    }

    /// The caller, if it may do `act` in one of these roles.
    ///
    /// # Errors
    /// `NOT_ENROLLED`, `WRONG_ROLE`, `OVER_QUOTA`; the first two are recorded one by one, the
    /// last in sums.
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
        if self.quota.check_key(&(peer.identity.clone(), peer.serial.clone())).is_err() {
            self.turned.count(format!("over-quota {}", peer.identity));
            return Err(Problem::new(
                Kind::OverQuota,
                "this principal's requests a minute are used up",
            )
            .hint("wait a minute, or ask the operator for a larger quota"));
        }
        let problem = if !self.enrolled(peer) {
            let detail =
                format!("{} is not enrolled, or this certificate was revoked", peer.identity);
            Problem::new(Kind::NotEnrolled, detail)
                .hint("ask the technical operator to enrol this node again")
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
        match outcome {
            Ok(answer) => Ok(Response::new(answer)),
            // A gateway that has fenced itself writes nothing more.
            Err(problem) if problem.exchange.is_some() || problem.kind == Kind::Fenced => {
                Err(problem.into())
            }
            Err(problem) => Err(self.refuse(act, caller, problem).await.into()),
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
        let draft = crate::sequence::Draft::of(gateway.clone(), event);
        self.recorder.record(Class::Administration, draft).await.map(drop)
    }

    /// Whether a caller that was let in may still be answered.
    ///
    /// # Errors
    /// `NOT_ENROLLED` where it was revoked since.
    pub(super) fn still_enrolled(&self, peer: &Peer) -> Result<(), Problem> {
        let detail = || format!("{} was revoked meanwhile", peer.identity);
        let revoked = || Problem::new(Kind::NotEnrolled, detail());
        self.enrolled(peer).then_some(()).ok_or_else(revoked)
    }

    /// Is the certificate of this connection still good?
    pub(super) fn enrolled(&self, peer: &Peer) -> bool {
        self.catalog.read(|state| {
            let participant = state.registry.participant(&peer.identity);
            participant.is_some_and(|participant| participant.serials.contains(&peer.serial))
        })
    }
}
