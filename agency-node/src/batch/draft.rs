//! A batch described, and from there to the signed one: what it revises, who approved it, the
//! signature.

use std::collections::BTreeMap;

use birge_proto::{
    envelope::{CHECK_TYPE, MANIFEST_TYPE, SigningKey},
    letter::{Approval, Letter},
    manifest::{Action, BatchId, Manifest},
    problem::{Kind, Problem},
    wire::SubmitHeader,
};
use birge_schemas::finding::Code;

use super::Signed;
use crate::{outbox::Past, output::Failure};

/// A batch that is described and neither approved nor signed.
#[derive(Debug, Clone)]
pub struct Draft {
    /// What will be signed; it names no approver yet.
    pub manifest: Manifest,
    /// The columns.
    pub blocks: Vec<Vec<u8>>,
    /// Digest of what it says; see [`crate::outbox::file::Slip::content`].
    pub content: String,
    /// Why what the rules warn of is right.
    pub justified: BTreeMap<Code, String>,
}

impl Draft {
    /// Its name so far.
    ///
    /// # Errors
    /// As for [`Manifest::to_bytes`].
    pub fn id(&self) -> Result<BatchId, Failure> {
        Ok(BatchId::of(&self.bytes()?))
    }

    /// The batch that said the same before, unless that was replaced or taken back since.
    #[must_use]
    pub fn already(&self, history: &[Past]) -> Option<BatchId> {
        let place = history.iter().rposition(|past| past.content == self.content)?;
        let appends = self.manifest.action == Action::Append;
        let undone = history[place + 1..]
            .iter()
            .any(|later| self.touches(later) && !(appends && later.action == Action::Append));
        (!undone).then(|| history[place].batch)
    }

    /// Where nobody said what it revises, it is the newest batch of `history` that touches any of
    /// its periods; what changes nothing revises nothing.
    #[must_use]
    pub fn revising(mut self, history: &[Past]) -> Self {
        let touched =
            |past: &&Past| self.manifest.action != Action::Information && self.touches(past);
        let newest = history.iter().rfind(touched).map(|past| past.batch);
        self.manifest.revises = self.manifest.revises.or(newest);
        self
    }

    /// Says who approved it: the office held.
    ///
    /// # Errors
    /// A refusal where nobody did (article 5(1)).
    pub fn approved(mut self, office: &str) -> Result<Self, Failure> {
        if office.trim().is_empty() {
            let problem = Problem::new(Kind::NotPermitted, "nobody approved the batch").hint(
                "name the responsible officer in node.toml: officer under [batch], the office held",
            );
            return Err(problem.into());
        }
        office.clone_into(&mut self.manifest.approved_by);
        Ok(self)
    }

    /// Signs it, with whatever accompanies it.
    ///
    /// # Errors
    /// As for [`Manifest::to_bytes`].
    pub fn sign(self, key: &SigningKey, approval: Option<Approval>) -> Result<Signed, Failure> {
        self.sign_as(MANIFEST_TYPE, key, approval)
    }

    /// Signs it so that it can be checked, and handed in by nobody who sees it.
    ///
    /// # Errors
    /// As for [`Manifest::to_bytes`].
    pub fn sign_for_check(self, key: &SigningKey) -> Result<Signed, Failure> {
        self.sign_as(CHECK_TYPE, key, None)
    }

    fn sign_as(
        self,
        kind: &str,
        key: &SigningKey,
        approval: Option<Approval>,
    ) -> Result<Signed, Failure> {
        let manifest = self.bytes()?;
        let Self { blocks, content, justified, .. } = self;
        let justifications =
            justified.into_iter().map(|(code, why)| (code.to_string(), why)).collect();
        let letter = Letter { batch: BatchId::of(&manifest), approval, justifications };
        let letter = (!letter.is_empty()).then(|| letter.sign(key)).transpose();
        let header = SubmitHeader {
            signature: key.sign(kind, &manifest),
            key_id: key.verifying_key().id(),
            manifest,
            dry_run: false,
            preview: false,
            held: 0,
            consent: None,
            letter: letter.map_err(anyhow::Error::from)?,
        };
        Ok(Signed { header, blocks, content })
    }

    /// Does an earlier batch speak of any of its periods?
    #[must_use]
    pub fn touches(&self, past: &Past) -> bool {
        past.action != Action::Information
            && past.dataset == self.manifest.dataset
            && past.periods.iter().any(|period| self.manifest.periods.contains(period))
    }

    fn bytes(&self) -> Result<Vec<u8>, Failure> {
        Ok(self.manifest.to_bytes().map_err(anyhow::Error::from)?)
    }
}
