//! What happens to the accounts of persons.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What happened to an account. Passwords, secrets and names are never part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum AccountAct {
    /// A body named the person (article 3(2), 3(3)).
    Named,
    /// The body invited it anew.
    Invited,
    /// The person chose a password and proved to hold the second factor.
    Activated,
    /// It signed in.
    SignedIn,
    /// It ended its session.
    SignedOut,
    /// Too many sign-ins failed.
    Locked {
        /// Until when.
        until: Timestamp,
    },
    /// It chose another password; its other sessions and its tokens ended.
    PasswordChanged,
    /// A token for its scripts was made.
    TokenIssued {
        /// The token's name.
        token: String,
        /// What it is good for.
        scopes: BTreeSet<Scope>,
        /// Until when.
        expires: Timestamp,
    },
    /// A token stopped counting.
    TokenWithdrawn {
        /// Its name.
        token: String,
    },
    /// The body went over its persons and kept this one.
    Confirmed,
    /// One of the two whom it takes asked for a new password and second factor.
    RecoveryAsked,
    /// So did the other: the old ones count no more.
    RecoveryGranted,
    /// The account stopped counting, for ever.
    Revoked,
}

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// To ask for figures.
    Query,
    /// To read the log.
    Audit,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 2] = [Self::Query, Self::Audit];

    /// `query`, `audit`
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Audit => "audit",
        }
    }
}
