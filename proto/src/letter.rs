//! What accompanies a batch: who in the agency approved it (decree, article 5(1)), and why what
//! the rules warn of is right. It is signed apart from the manifest, so that a gateway which does
//! not know it takes the batch all the same.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    envelope::{APPROVAL_TYPE, KeyError, LETTER_TYPE, SigningKey, VerifyingKey},
    limits,
    manifest::{BatchId, Manifest},
    wire::CoveringLetter,
};

/// The covering letter of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Letter {
    /// Of which batch it speaks.
    pub batch: BatchId,
    /// The approval, where the agency's node asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// Why what the rules warn of is right, by the finding's code. Free text: never enters a
    /// record.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub justifications: BTreeMap<String, String>,
}

/// That whoever answers for the figures approved the very batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// The office held, as the manifest names it.
    pub office: String,
    /// The approver's public key, 32 bytes in hex.
    pub key: String,
    /// Ed25519 over the batch's name, in hex.
    pub signature: String,
}

impl Approval {
    /// Approves a batch.
    #[must_use]
    pub fn sign(batch: BatchId, office: &str, key: &SigningKey) -> Self {
        Self {
            office: office.to_owned(),
            key: hex::encode(key.verifying_key().0),
            signature: hex::encode(key.sign(APPROVAL_TYPE, batch.to_string().as_bytes())),
        }
    }

    /// The key that approved `batch`.
    ///
    /// # Errors
    /// When the signature is not this key's over the batch's name.
    pub fn verify(&self, batch: BatchId) -> Result<VerifyingKey, LetterError> {
        let bytes = |text: &str| hex::decode(text).map_err(|_| LetterError::Approval);
        let key = VerifyingKey::from_bytes(&bytes(&self.key)?).map_err(LetterError::Key)?;
        key.verify(APPROVAL_TYPE, batch.to_string().as_bytes(), &bytes(&self.signature)?)
            .map_err(|_| LetterError::Approval)?;
        Ok(key)
    }
}

impl Letter {
    /// Does it say nothing?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.approval.is_none() && self.justifications.is_empty()
    }

    /// Signs it with the agency's key, as it is sent.
    ///
    /// # Errors
    /// Never for a letter that was built; the type leaves room for the encoder's own error.
    pub fn sign(&self, key: &SigningKey) -> Result<CoveringLetter, LetterError> {
        let content =
            serde_json::to_vec(self).map_err(|error| LetterError::Json(error.to_string()))?;
        let signature = key.sign(LETTER_TYPE, &content);
        Ok(CoveringLetter { content, signature })
    }

    /// Reads what came with a batch that the agency signed with `key`.
    ///
    /// # Errors
    /// When it is not that agency's letter to that batch, is larger than allowed, or holds an
    /// approval that does not hold.
    pub fn verify(
        sent: &CoveringLetter,
        batch: BatchId,
        manifest: &Manifest,
        key: &VerifyingKey,
    ) -> Result<Self, LetterError> {
        if sent.content.len() > limits::LETTER_BYTES {
            return Err(LetterError::TooLarge("bytes", limits::LETTER_BYTES));
        }
        key.verify(LETTER_TYPE, &sent.content, &sent.signature).map_err(LetterError::Key)?;
        let letter: Self = serde_json::from_slice(&sent.content)
            .map_err(|error| LetterError::Json(error.to_string()))?;
        if letter.batch != batch {
            return Err(LetterError::OtherBatch(letter.batch));
        }
        let office = letter.approval.iter().map(|approval| &approval.office);
        if office.chain(letter.justifications.values()).any(|text| too_long(text)) {
            return Err(LetterError::TooLarge("characters in a text", limits::TEXT_CHARS));
        }
        if let Some(approval) = &letter.approval {
            if approval.office != manifest.approved_by {
                return Err(LetterError::OtherOffice);
            }
            approval.verify(batch)?;
        }
        Ok(letter)
    }
}

fn too_long(text: &str) -> bool {
    text.chars().nth(limits::TEXT_CHARS).is_some()
}

/// Why a covering letter does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LetterError {
    /// Not JSON of this shape.
    #[error("the covering letter does not parse: {0}")]
    Json(String),
    /// Over a limit.
    #[error("the covering letter has more {0} than the {1} allowed")]
    TooLarge(&'static str, usize),
    /// Another agency's, or changed.
    #[error("the covering letter: {0}")]
    Key(KeyError),
    /// It goes with another batch.
    #[error("the covering letter goes with batch {0}")]
    OtherBatch(BatchId),
    /// Another office approved than the manifest names.
    #[error("the covering letter's approval is another office's than the batch names")]
    OtherOffice,
    /// The approver's signature is none.
    #[error("the approval is not signed by the key that it names")]
    Approval,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        crate::manifest::tests::manifest()
    }

    fn letter(batch: BatchId, approver: &SigningKey) -> Letter {
        let justifications = BTreeMap::from([("CHANGE_LARGE".to_owned(), "a census".to_owned())]);
        let approval = Some(Approval::sign(batch, "head of statistics", approver));
        Letter { batch, approval, justifications }
    }

    #[test]
    fn article_5_1_a_letter_is_this_agency_s_to_this_batch() {
        let [agency, approver, other] = [(); 3].map(|()| SigningKey::generate().unwrap());
        let (one, two) = (BatchId([1; 32]), BatchId([2; 32]));
        let sent = letter(one, &approver).sign(&agency).unwrap();
        let read = |sent: &CoveringLetter, batch, key: &SigningKey| {
            Letter::verify(sent, batch, &manifest(), &key.verifying_key())
        };
        assert_eq!(read(&sent, one, &agency), Ok(letter(one, &approver)));
        assert_eq!(read(&sent, two, &agency), Err(LetterError::OtherBatch(one)));
        assert_eq!(read(&sent, one, &other), Err(LetterError::Key(KeyError::Signature)));
        let wrong = |change: fn(&mut Letter)| {
            let mut letter = letter(one, &approver);
            change(&mut letter);
            read(&letter.sign(&agency).unwrap(), one, &agency).unwrap_err()
        };
        assert_eq!(
            wrong(|it| it.approval.as_mut().unwrap().office = "deputy".into()),
            LetterError::OtherOffice
        );
        assert_eq!(
            wrong(|it| it.approval.as_mut().unwrap().signature = "00".into()),
            LetterError::Approval
        );
        assert!(matches!(
            wrong(|it| {
                it.justifications.insert("X".into(), "ы".repeat(limits::TEXT_CHARS + 1));
            }),
            LetterError::TooLarge(..)
        ));
    }

    #[test]
    fn what_a_later_version_adds_is_passed_over() {
        let agency = SigningKey::generate().unwrap();
        let batch = BatchId([1; 32]);
        let content = format!(r#"{{"batch":"{batch}","later":1}}"#).into_bytes();
        let signature = agency.sign(LETTER_TYPE, &content);
        let sent = CoveringLetter { content, signature };
        let read = Letter::verify(&sent, batch, &manifest(), &agency.verifying_key()).unwrap();
        assert!(read.is_empty());
    }
}
