//! Signing in, through whichever door: how often an address may try, and how an account is named.

use std::{net::IpAddr, num::NonZeroU32};

use birge_proto::{
    identity::AccountId,
    problem::{Kind, Problem},
};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::turned::Turned;

/// Sign-ins and activations that one address may try each minute.
const EACH: u32 = 30;

/// The tries of each address.
pub(super) struct Tries(DefaultKeyedRateLimiter<IpAddr>);

impl Tries {
    pub(super) fn new() -> Self {
        let rate = NonZeroU32::new(EACH).unwrap_or(NonZeroU32::MIN);
        Self(RateLimiter::keyed(Quota::per_minute(rate)))
    }

    /// May somebody at this address try once more?
    pub(super) fn take(&self, address: IpAddr, turned: &Turned) -> Result<(), Problem> {
        if self.0.check_key(&address).is_ok() {
            return Ok(());
        }
        self.0.retain_recent();
        turned.count("too-many-tries");
        let detail = "too many sign-ins are tried from this address";
        Err(Problem::new(Kind::OverQuota, detail).hint("wait a minute"))
    }
}

/// The account, by its name alone or with role and body.
pub(super) fn account_id(text: &str) -> Result<AccountId, Problem> {
    let name = text.trim().rsplit('/').next().unwrap_or_default();
    name.parse().map_err(|error| Problem::new(Kind::Malformed, format!("{error}")))
}
