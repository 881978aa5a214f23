//! What the exchange itself carries out, and under which article: the numbers are the decree's.

use serde::Deserialize;

use super::article::Article;

/// The articles that components of the exchange carry out, in the model decree's order.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Clauses {
    /// What no other article permits is refused.
    pub residual: Article,
    /// Who takes part.
    pub participants: Article,
    /// Who names auditors.
    pub auditors: Article,
    /// A batch is approved by an officer and signed by the agency.
    pub approval: Article,
    /// A revision says what it replaces and why; periods that ended long ago are frozen.
    pub revision: Article,
    /// Small counts are withheld.
    pub small_counts: Article,
    /// So is whatever they could be computed from.
    pub indirect: Article,
    /// When a decree comes into force.
    pub amendment: Article,
}

impl Clauses {
    /// Every article, for the check that each has a text.
    pub(super) fn articles(&self) -> [Article; 8] {
        let Self { residual, participants, auditors, approval, .. } = *self;
        let Self { revision, small_counts, indirect, amendment, .. } = *self;
        [residual, participants, auditors, approval, revision, small_counts, indirect, amendment]
    }
}
