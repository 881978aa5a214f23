//! Every refusal: one table gives its code, its gRPC status, its HTTP status and whether the
//! same call may succeed later.
//!
//! On gRPC a problem travels as a `google.rpc.Status` with `ErrorInfo` (reason, articles) and
//! `Help`-like hints as `PreconditionFailure` entries; over HTTP as RFC 9457 problem details.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, PreconditionViolation, StatusExt};

/// Domain of the reasons in `google.rpc.ErrorInfo`.
pub const DOMAIN: &str = "birge";

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $grpc:ident, $http:literal, $retry:literal, $title:literal;)*) => {
        /// What kind of refusal.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Kind { $($(#[$doc])* #[serde(rename = $code)] $name,)* }

        impl Kind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name,)*];
            /// Stable code, as in records and `ErrorInfo.reason`.
            #[must_use]
            pub fn code(self) -> &'static str { match self { $(Self::$name => $code,)* } }
            /// Status on gRPC.
            #[must_use]
            pub fn grpc(self) -> Code { match self { $(Self::$name => Code::$grpc,)* } }
            /// Status over HTTP.
            #[must_use]
            pub fn http(self) -> u16 { match self { $(Self::$name => $http,)* } }
            /// May the same call succeed later?
            #[must_use]
            pub fn retryable(self) -> bool { match self { $(Self::$name => $retry,)* } }
            /// One line for people.
            #[must_use]
            pub fn title(self) -> &'static str { match self { $(Self::$name => $title,)* } }
        }
    };
}

kinds! {
    /// The decree does not permit it.
    NotPermitted = "NOT_PERMITTED", PermissionDenied, 403, false, "the decree does not permit this";
    /// The certificate is not, or no longer, enrolled.
    NotEnrolled = "NOT_ENROLLED", Unauthenticated, 401, false, "this identity is not enrolled";
    /// The session or token is unknown, expired or revoked, or the sign-in failed.
    NotSignedIn = "NOT_SIGNED_IN", Unauthenticated, 401, false, "nobody is signed in";
    /// The role may not do this.
    WrongRole = "WRONG_ROLE", PermissionDenied, 403, false, "this role may not do this";
    /// The signature, the key or a digest does not match.
    BadSignature = "BAD_SIGNATURE", InvalidArgument, 400, false, "the signature does not match";
    /// The batch breaks rules; the report tells which.
    InvalidBatch = "INVALID_BATCH", InvalidArgument, 422, false, "the batch breaks rules";
    /// The request cannot be read.
    Malformed = "MALFORMED", InvalidArgument, 400, false, "the request cannot be read";
    /// Larger than allowed.
    TooLarge = "TOO_LARGE", InvalidArgument, 413, false, "larger than allowed";
    /// The batch revises what is no longer current.
    Stale = "STALE", FailedPrecondition, 409, false, "the batch revised is not the current one";
    /// It does not fit what stands.
    Conflict = "CONFLICT", FailedPrecondition, 409, false, "it does not fit what stands";
    /// The stream ended before the batch did.
    Truncated = "TRUNCATED", Aborted, 400, true, "the stream ended before the batch did";
    /// No such dataset, batch, record, tile.
    NotFound = "NOT_FOUND", NotFound, 404, false, "there is no such thing here";
    /// In none of the forms that the request takes.
    NotAcceptable = "NOT_ACCEPTABLE", InvalidArgument, 406, false, "in none of these forms";
    /// The specification has it, and it is not done here.
    NotSupported = "NOT_SUPPORTED", Unimplemented, 501, false, "this is not done here";
    /// Too many requests for now.
    OverQuota = "OVER_QUOTA", ResourceExhausted, 429, true, "the quota is used up for now";
    /// The disk is nearly full; what is left is reserved.
    DiskReserved = "DISK_RESERVED", ResourceExhausted, 507, true, "the disk's reserve is touched";
    /// The journal cannot be written: nothing is accepted or answered.
    Fenced = "FENCED", Unavailable, 503, false, "the gateway has fenced itself";
    /// Started, and too few witnesses have said what they hold: only the log is read.
    Unwitnessed = "UNWITNESSED", Unavailable, 503, true, "the gateway waits for its witnesses";
    /// The log was frozen; another goes on from it.
    Frozen = "FROZEN", FailedPrecondition, 409, false, "this log is frozen";
    /// Stopping, or not yet up.
    Unavailable = "UNAVAILABLE", Unavailable, 503, true, "the gateway is not serving now";
    /// What is stored does not match its digest.
    Damaged = "DAMAGED", DataLoss, 500, false, "what is stored is damaged";
    /// A fault of the gateway's own.
    Internal = "INTERNAL", Internal, 500, false, "a fault of the gateway";
}

/// A refusal: what was wrong, where, under which articles, what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", kind.title())]
pub struct Problem {
    /// What kind.
    pub kind: Kind,
    /// What exactly, for people.
    pub detail: String,
    /// Articles of the decree that were applied.
    pub articles: Vec<String>,
    /// What to do next: coarser requests that would be permitted, limits, and so on.
    pub hints: Vec<String>,
    /// The exchange number under which the refusal is recorded.
    pub exchange: Option<u64>,
}

impl Problem {
    /// A problem with a detail and nothing more.
    #[must_use]
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), articles: vec![], hints: vec![], exchange: None }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds the articles applied.
    #[must_use]
    pub fn under(mut self, articles: impl IntoIterator<Item = String>) -> Self {
        self.articles.extend(articles);
        self
    }

    /// Adds the exchange number.
    #[must_use]
    pub fn recorded_as(mut self, exchange: u64) -> Self {
        self.exchange = Some(exchange);
        self
    }

    /// The problem details of RFC 9457.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "type": format!("urn:birge:problem:{}", self.kind.code()),
            "title": self.kind.title(),
            "status": self.kind.http(),
            "detail": self.detail,
            "code": self.kind.code(),
            "retryable": self.kind.retryable(),
            "articles": self.articles,
            "hints": self.hints,
            "exchange": self.exchange,
        })
    }

    /// Reads a problem back from its problem details; none where they are not ours.
    #[must_use]
    pub fn from_json(details: &serde_json::Value) -> Option<Self> {
        let text = |key: &str| details[key].as_str().map(str::to_owned);
        let listed = |key: &str| -> Vec<String> {
            let texts = details[key].as_array().into_iter().flatten();
            texts.filter_map(|text| text.as_str().map(str::to_owned)).collect()
        };
        let code = text("code")?;
        Some(Self {
            kind: Kind::ALL.iter().copied().find(|kind| kind.code() == code)?,
            detail: text("detail")?,
            articles: listed("articles"),
            hints: listed("hints"),
            exchange: details["exchange"].as_u64(),
        })
    }

    /// Reads a problem back from a gRPC status. A status that is not ours becomes
    /// `Unavailable` or `Internal` with its message. So does one of ours whose code a newer
    /// gateway has and we do not know: it keeps all that it says and names the code, and is
    /// never taken for a fault of the request.
    #[must_use]
    pub fn from_status(status: &Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info().filter(|info| info.domain == DOMAIN);
        let known =
            info.and_then(|info| Kind::ALL.iter().copied().find(|kind| kind.code() == info.reason));
        let kind = known.unwrap_or_else(|| match status.code() {
            Code::Unavailable | Code::Unknown | Code::Cancelled | Code::DeadlineExceeded => {
                Kind::Unavailable
            }
            Code::Aborted | Code::ResourceExhausted if info.is_some() => Kind::Unavailable,
            Code::OutOfRange | Code::ResourceExhausted => Kind::TooLarge,
            _ => Kind::Internal,
        });
        let Some(info) = info else { return Self::new(kind, status.message()) };
        let detail = match known {
            Some(_) => status.message().to_owned(),
            None => format!("{} [{}]", status.message(), info.reason),
        };
        let listed = |key: &str| -> Vec<String> {
            info.metadata
                .get(key)
                .map(|text| {
                    text.split(';').filter(|part| !part.is_empty()).map(str::to_owned).collect()
                })
                .unwrap_or_default()
        };
        let hints = details.precondition_failure().map(|failure| {
            failure.violations.iter().map(|violation| violation.description.clone()).collect()
        });
        Self {
            kind,
            detail,
            articles: listed("articles"),
            hints: hints.unwrap_or_default(),
            exchange: info.metadata.get("exchange").and_then(|text| text.parse().ok()),
        }
    }
}

impl From<Problem> for Status {
    fn from(problem: Problem) -> Self {
        let mut metadata = HashMap::from([("articles".to_owned(), problem.articles.join(";"))]);
        if let Some(exchange) = problem.exchange {
            metadata.insert("exchange".to_owned(), exchange.to_string());
        }
        let mut details = ErrorDetails::with_error_info(problem.kind.code(), DOMAIN, metadata);
        if !problem.hints.is_empty() {
            let violations = problem
                .hints
                .into_iter()
                .map(|hint| PreconditionViolation::new(problem.kind.code(), "", hint));
            details.set_precondition_failure(violations.collect::<Vec<_>>());
        }
        Self::with_error_details(problem.kind.grpc(), problem.detail, details)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_survives_grpc() {
        for kind in Kind::ALL {
            let problem = Problem::new(*kind, "what was wrong")
                .under(["6(5)".to_owned(), "1".to_owned()])
                .hint("ask for national totals")
                .recorded_as(7);
            assert_eq!(Problem::from_status(&Status::from(problem.clone())), problem);
            assert_eq!(Problem::from_json(&problem.to_json()), Some(problem));
        }
    }

    #[test]
    fn codes_are_distinct() {
        let codes: std::collections::HashSet<_> =
            Kind::ALL.iter().map(|kind| kind.code()).collect();
        assert_eq!(codes.len(), Kind::ALL.len());
    }

    #[test]
    fn a_foreign_status_is_unavailable_or_internal() {
        assert_eq!(Problem::from_status(&Status::unavailable("x")).kind, Kind::Unavailable);
        assert_eq!(Problem::from_status(&Status::unimplemented("x")).kind, Kind::Internal);
        assert_eq!(Problem::from_status(&Status::resource_exhausted("x")).kind, Kind::TooLarge);
    }

    /// As a newer gateway would refuse, under a code that this version does not have.
    fn newer(code: Code) -> Status {
        let metadata = HashMap::from([
            ("articles".to_owned(), "6(5)".to_owned()),
            ("exchange".to_owned(), "7".to_owned()),
            ("since".to_owned(), "2".to_owned()),
        ]);
        let mut details = ErrorDetails::with_error_info("ON_HOLIDAY", DOMAIN, metadata);
        details.add_precondition_failure_violation("ON_HOLIDAY", "", "come again on Monday");
        Status::with_error_details(code, "nobody is in", details)
    }

    #[test]
    fn a_code_of_a_newer_gateway_keeps_what_it_says_and_blames_no_request() {
        for (code, kind) in [
            (Code::ResourceExhausted, Kind::Unavailable),
            (Code::Aborted, Kind::Unavailable),
            (Code::Unavailable, Kind::Unavailable),
            (Code::InvalidArgument, Kind::Internal),
            (Code::PermissionDenied, Kind::Internal),
        ] {
            let expected = Problem::new(kind, "nobody is in [ON_HOLIDAY]")
                .under(["6(5)".to_owned()])
                .hint("come again on Monday")
                .recorded_as(7);
            assert_eq!(Problem::from_status(&newer(code)), expected, "{code:?}");
        }
    }
}
