//! What there is to do for a source now.

use std::time::Duration;

use birge_proto::clock::Timestamp;

use super::{state::State, times::Times};

/// Wait after the first failure; it doubles with each.
const FIRST: Duration = Duration::from_secs(60);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(3600);

/// What there is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Ask for what was due at this time.
    Ask(Timestamp),
    /// Nothing until then; none where it is never due again.
    Wait(Option<Timestamp>),
}

/// What there is to do at `now`. Of several times that passed unmet the newest alone is made up
/// for, and the others are told ([`super::missed`]); none is met twice.
#[must_use]
pub fn plan(state: &State, times: &Times, now: Timestamp) -> Next {
    let next = times.next(now);
    let Some(due) = times.newest(now).filter(|due| state.is_open(*due)) else {
        return Next::Wait(next);
    };
    let Some(again) = state.again(due) else { return Next::Ask(due) };
    // A clock that was put back is no reason to wait longer than ever.
    let is_ahead = again.duration_since(now).unsigned_abs() > LONGEST;
    match again <= now || is_ahead {
        true => Next::Ask(due),
        false => Next::Wait(Some(next.map_or(again, |next| next.min(again)))),
    }
}

/// How long is waited after so many failures in a row.
#[must_use]
pub fn delay(attempts: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(attempts.saturating_sub(1).min(16));
    FIRST.saturating_mul(doubled).min(LONGEST)
}
