//! What is asked of the decree, and what it answers.

use birge_proto::identity::{AgencyId, Identity};
use birge_schemas::detail::{Breakdown, Detail};
use serde::{Deserialize, Serialize};

use super::Named;

/// Who wants to do what. As JSON it is kept in the records, so that it can be asked again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// Who.
    pub principal: Identity,
    /// Is it suspended (article 10)?
    pub suspended: bool,
    /// Will the outcome be recorded before it takes effect (article 9(1))? Only a gateway whose
    /// journal can be written may say so.
    pub recorded: bool,
    /// What.
    #[serde(flatten)]
    pub act: Act,
}

/// An act that the decree rules on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Act {
    /// To hand in a batch (articles 4 and 5).
    Submit {
        /// Dataset.
        dataset: String,
        /// In whose name the batch stands.
        agency: AgencyId,
        /// Does the agency's signature verify?
        signed: bool,
        /// Does the batch name the officer who approved it?
        approved: bool,
        /// How its counts of persons are given by sex.
        sex_split: SexSplit,
    },
    /// To be given figures in which small counts are withheld (article 6).
    Query {
        /// Dataset.
        dataset: String,
        /// Who handed the figures in.
        owner: AgencyId,
        /// How finely.
        #[serde(with = "as_list")]
        detail: Detail,
        /// Are they public already (article 8(1))?
        released: bool,
    },
    /// To be given them with small counts (article 7(3)).
    SmallCounts {
        /// Dataset.
        dataset: String,
        /// Who handed the figures in.
        owner: AgencyId,
        /// How finely.
        #[serde(with = "as_list")]
        detail: Detail,
        /// Are they public already (article 8(1))?
        released: bool,
    },
    /// To read a record of the log (article 9(3)).
    ReadRecord {
        /// Is the principal a party to it?
        concerned: bool,
    },
}

/// A question for figures as a record keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename = "query")]
pub struct Question {
    /// Who asked.
    pub principal: Identity,
    /// Dataset.
    pub dataset: String,
    /// Who handed the figures in.
    pub owner: AgencyId,
    /// The breakdowns of which codes were named; the others were left open.
    pub named: Vec<(Breakdown, Named)>,
    /// The details that were given, in words.
    pub given: Vec<String>,
    /// Were all figures that were given public already (article 8(1))?
    pub released: bool,
}

/// What a record says was asked of the decree.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Recorded {
    /// A question for figures.
    Question(Question),
    /// Any other act.
    Act(Request),
}

/// How counts of persons are given by sex (article 4(3)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SexSplit {
    /// Every total has its parts.
    Given,
    /// Where parts are missing, a reason stands.
    Explained,
    /// Parts are missing without a reason.
    Missing,
    /// The dataset counts no persons.
    None,
}

impl SexSplit {
    /// As the rules see it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Explained => "explained",
            Self::Missing => "missing",
            Self::None => "none",
        }
    }
}

/// The decree's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Yes or no.
    pub permit: bool,
    /// The articles that decided, in the decree's order; never empty.
    pub articles: Vec<String>,
    /// The [`Request`] as JSON.
    pub request: serde_json::Value,
}

/// A detail as the list of its breakdowns.
mod as_list {
    use birge_schemas::detail::{Breakdown, Detail};
    use serde::{Deserialize, Deserializer, Serializer};

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
    pub(super) fn serialize<S: Serializer>(detail: &Detail, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(detail.iter())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Detail, D::Error> {
        Vec::<Breakdown>::deserialize(from).map(|list| list.into_iter().collect())
    }
}
