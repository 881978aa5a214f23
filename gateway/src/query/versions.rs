//! Which version of each period somebody sees, and what is to be known of it.

use birge_proto::{
    clock::Timestamp,
    manifest::Cause,
    problem::{Kind, Problem},
    wire::{self, AskRequest, VersionState},
};

use super::Selection;
use crate::catalog::{Held, Holding, Seen, State, Version};

/// The moment that a request asks about: a time of RFC 3339, not one to come.
///
/// # Errors
/// `MALFORMED`, saying what is expected.
pub(super) fn as_of(text: &str, now: Timestamp) -> Result<Option<Timestamp>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    let expected = "expected a time of RFC 3339 that is past, such as 2026-01-31T00:00:00Z";
    let wrong = |detail: String| Problem::new(Kind::Malformed, detail).hint(expected);
    let at: Timestamp = text.parse().map_err(|_| wrong(format!("{text:?} is no moment")))?;
    if at > now { Err(wrong(format!("{at} is to come"))) } else { Ok(Some(at)) }
}

/// The moment since which a request asks for what changed: one that is past, and before the one
/// that it asks about.
///
/// # Errors
/// `MALFORMED`, saying what is expected.
pub(super) fn since(
    request: &AskRequest,
    as_of: Option<Timestamp>,
    now: Timestamp,
) -> Result<Option<Timestamp>, Problem> {
    let since = self::as_of(&request.updated_after, now)?;
    let wrong = |detail: &str, hint: &str| Problem::new(Kind::Malformed, detail).hint(hint);
    if since.zip(as_of).is_some_and(|(since, as_of)| since > as_of) {
        let detail = "what changed since a moment is asked for as of one before it";
        return Err(wrong(detail, "name the earlier moment as the one since which"));
    }
    let AskRequest { first_observations, last_observations, offset, limit, .. } = request;
    let in_part = *first_observations > 0 || *last_observations > 0 || *offset > 0 || *limit > 0;
    if since.is_some() && in_part {
        let detail = "of what changed since a moment no ends of series and no part are given";
        return Err(wrong(detail, "ask for all that changed"));
    }
    Ok(since)
}

/// What is to be known of the figures of a selection: what was withdrawn, what was revised since
/// the moment that was asked for, and which revision is not public yet.
pub(super) fn notes(holding: &Holding, selection: &Selection, seen: Seen) -> Vec<String> {
    let taken = holding.all().filter(|(period, _)| selection.takes_period(period));
    taken.filter_map(|(period, held)| note(period, held, seen)).collect()
}

fn note(period: &str, held: &Held, seen: Seen) -> Option<String> {
    let versions = held.versions();
    let since = match seen.as_of {
        Some(as_of) => {
            let (then, since): (Vec<_>, Vec<_>) =
                versions.iter().partition(|version| version.accepted <= as_of);
            then.last()?; // of what was not there then nothing is said
            since
        }
        None => held.current().into_iter().filter(|current| !current.stands()).collect(),
    };
    let said = |version: &Version, what: &str| {
        let Version { accepted, exchange, cause, .. } = version;
        let cause = cause.map(|cause| format!(": {}", cause.words())).unwrap_or_default();
        Some(format!("{period} was {what} on {accepted} as exchange {exchange}{cause}"))
    };
    if let Some(gone) = since.iter().rev().find(|version| !version.stands()) {
        return said(gone, if gone.withdraws() { "withdrawn" } else { "taken away" });
    }
    if let Some(newest) = since.last() {
        return said(newest, "revised");
    }
    let current = held.current().filter(|current| seen.public && current.public.is_none())?;
    // Only of what is shown in an earlier version.
    versions.iter().find(|version| version.public.is_some())?;
    said(current, "revised, which is not public yet,")
}

/// Every version of a dataset's periods.
///
/// # Errors
/// `NOT_FOUND` where there is no such dataset.
pub fn versions(
    state: &State,
    request: &wire::ListVersionsRequest,
) -> Result<Vec<wire::Version>, Problem> {
    let wire::ListVersionsRequest { dataset, period } = request;
    if state.structures.get(dataset).is_none() {
        return Err(Problem::new(Kind::NotFound, format!("there is no dataset {dataset:?}")));
    }
    let holding = state.holding(dataset);
    let periods = holding.all().filter(|(each, _)| period.is_empty() || *each == period.as_str());
    let versions = periods.flat_map(|(period, held)| {
        let later = held.versions().iter().skip(1).map(Some).chain([None]);
        held.versions().iter().zip(later).map(move |(version, next)| wire::Version {
            period: period.to_owned(),
            batch: version.batch.to_string(),
            exchange: version.exchange,
            accepted: version.accepted.to_string(),
            public: version.public.map(|at| at.to_string()).unwrap_or_default(),
            state: state_of(version, next).into(),
            cause: version.cause.map(Cause::as_str).unwrap_or_default().to_owned(),
        })
    });
    Ok(versions.collect())
}

fn state_of(version: &Version, next: Option<&Version>) -> VersionState {
    match next {
        _ if version.withdraws() => VersionState::Withdrawal,
        None => VersionState::Current,
        Some(next) if next.withdraws() => VersionState::Withdrawn,
        Some(_) => VersionState::Superseded,
    }
}
