//! What an agency signs of a batch: who hands in what for which periods, and the digest of
//! every block, as exact JSON bytes (decree, article 5).

use std::{fmt, str::FromStr};

use aws_lc_rs::rand;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    envelope::{KeyError, sha256},
    identity::AgencyId,
    limits,
};

/// The name of a batch: SHA-256 of its manifest's bytes, in hex as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BatchId(pub [u8; 32]);

impl BatchId {
    /// The name of the batch whose manifest is `bytes`.
    #[must_use]
    pub fn of(manifest: &[u8]) -> Self {
        Self(sha256(manifest))
    }
}

impl fmt::Display for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl FromStr for BatchId {
    type Err = ManifestError;

    fn from_str(text: &str) -> Result<Self, ManifestError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| ManifestError::BatchId)?;
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for BatchId {
    type Error = ManifestError;

    fn try_from(text: String) -> Result<Self, ManifestError> {
        text.parse()
    }
}

impl From<BatchId> for String {
    fn from(id: BatchId) -> Self {
        id.to_string()
    }
}

/// What a batch does to what stands, as the actions of SDMX.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Nothing: the batch is checked and answered, and changes no figure.
    Information,
    /// Adds observations; one that stands with another value is a conflict.
    Append,
    /// Takes the place of everything that stands for its reference periods.
    Replace,
    /// Takes away the observations that it lists.
    Delete,
    /// Takes back everything that stands for its reference periods: it was wrong. The batch
    /// lists no observation. Not an action of SDMX.
    Withdraw,
}

/// The signed description of a batch. Parsed from bytes that are kept as they came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Manifest {
    /// Dataset, an SDMX dataflow id: `TRAFFICKING`.
    pub dataset: String,
    /// Version of the dataset's structure: `1.0.0`.
    pub version: String,
    /// Who hands it in.
    pub agency: AgencyId,
    /// Reference periods that the batch speaks of, ascending.
    pub periods: Vec<String>,
    /// What it does.
    pub action: Action,
    /// The newest accepted batch that touches any of these periods; none for a first delivery.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revises: Option<BatchId>,
    /// Why it revises (article 5(2)). Free text: never enters a record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The kind of reason, which everybody may know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// Keys that disappear by a replacement: codes in the structure's order, joined by `.`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removes: Vec<String>,
    /// Whom to ask: an office and its address.
    pub contact: String,
    /// The responsible officer's approval (article 5(1)): the office held.
    pub approved_by: String,
    /// When the batch was prepared.
    pub prepared: Timestamp,
    /// Number of observations in all blocks.
    pub observations: u64,
    /// SHA-256 of each block's bytes in order, in hex.
    pub blocks: Vec<BatchId>,
    /// 128 random bits in hex, so that nobody finds the figures by trying which give the batch's
    /// name: that is told to many.
    pub salt: Salt,
}

/// Why figures are revised or withdrawn, in a word: unlike the reason in the agency's own words
/// it holds no figure, so that it may be recorded and told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The source was wrong.
    SourceError,
    /// The source was right, what was made of it was not.
    ProcessingError,
    /// The figures are of another period, dataset or unit than they were said to be.
    Misattributed,
    /// They gave away what must stay hidden.
    Disclosure,
    /// More came in since.
    LateData,
    /// They are counted or defined in another way.
    Method,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 6] = [
        Self::SourceError,
        Self::ProcessingError,
        Self::Misattributed,
        Self::Disclosure,
        Self::LateData,
        Self::Method,
    ];

    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::SourceError => "an error of the source",
            Self::ProcessingError => "an error of processing",
            Self::Misattributed => "figures of another period, dataset or unit",
            Self::Disclosure => "figures that gave away what must stay hidden",
            Self::LateData => "data that came in late",
            Self::Method => "a change of method",
        }
    }

    /// `source-error` …
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SourceError => "source-error",
            Self::ProcessingError => "processing-error",
            Self::Misattributed => "misattributed",
            Self::Disclosure => "disclosure",
            Self::LateData => "late-data",
            Self::Method => "method",
        }
    }
}

impl FromStr for Cause {
    type Err = ManifestError;

    fn from_str(text: &str) -> Result<Self, ManifestError> {
        let found = Self::ALL.into_iter().find(|cause| cause.as_str() == text);
        found.ok_or(ManifestError::Cause)
    }
}

/// 128 random bits, in hex as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Salt([u8; 16]);

impl Salt {
    /// New ones.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn generate() -> Result<Self, KeyError> {
        let mut bytes = [0; 16];
        rand::fill(&mut bytes).map_err(|_| KeyError::Randomness)?;
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Salt {
    type Error = ManifestError;

    fn try_from(text: String) -> Result<Self, ManifestError> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| ManifestError::Salt)?;
        Ok(Self(bytes))
    }
}

impl From<Salt> for String {
    fn from(salt: Salt) -> Self {
        hex::encode(salt.0)
    }
}

impl Manifest {
    /// Parses the bytes that were signed, within [`limits`].
    ///
    /// # Errors
    /// When they are not a manifest, or larger than allowed.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() > limits::MANIFEST_BYTES {
            return Err(ManifestError::TooLarge("bytes", limits::MANIFEST_BYTES));
        }
        let manifest: Self = serde_json::from_slice(bytes)
            .map_err(|error| ManifestError::Json(error.to_string()))?;
        let limits = [
            ("blocks", manifest.blocks.len(), limits::BLOCKS),
            ("periods", manifest.periods.len(), limits::PERIODS),
            ("removes", manifest.removes.len(), limits::REMOVES),
        ];
        for (what, count, most) in limits {
            if count > most {
                return Err(ManifestError::TooLarge(what, most));
            }
        }
        let names = [&manifest.dataset, &manifest.version];
        let texts =
            [Some(&manifest.contact), Some(&manifest.approved_by), manifest.reason.as_ref()];
        let long = |text: &&String, most| text.chars().nth(most).is_some();
        if names.into_iter().chain(&manifest.periods).any(|name| long(&name, limits::NAME_CHARS)) {
            return Err(ManifestError::TooLarge("characters in a name", limits::NAME_CHARS));
        }
        let texts = texts.into_iter().flatten().chain(&manifest.removes);
        if texts.into_iter().any(|text| long(&text, limits::TEXT_CHARS)) {
            return Err(ManifestError::TooLarge("characters in a text", limits::TEXT_CHARS));
        }
        Ok(manifest)
    }

    /// The bytes to sign.
    ///
    /// # Errors
    /// Never for a manifest that was built; the type leaves room for the encoder's own error.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ManifestError> {
        serde_json::to_vec(self).map_err(|error| ManifestError::Json(error.to_string()))
    }
}

/// Why bytes are not a manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Not JSON of this shape.
    #[error("the manifest does not parse: {0}")]
    Json(String),
    /// Over a limit.
    #[error("the manifest has more {0} than the {1} allowed")]
    TooLarge(&'static str, usize),
    /// Not a digest.
    #[error("expected a SHA-256 digest: 64 hexadecimal digits")]
    BatchId,
    /// Not a cause.
    #[error(
        "expected source-error, processing-error, misattributed, disclosure, late-data or method"
    )]
    Cause,
    /// Not random bits.
    #[error("expected a salt: 32 hexadecimal digits")]
    Salt,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn manifest() -> Manifest {
        Manifest {
            dataset: "TRAFFICKING".into(),
            version: "1.0.0".into(),
            agency: "MIA".parse().unwrap(),
            periods: vec!["2023".into()],
            action: Action::Append,
            revises: None,
            reason: None,
            cause: None,
            removes: vec![],
            contact: "statistics office".into(),
            approved_by: "head of statistics".into(),
            prepared: "2026-01-01T00:00:00Z".parse().unwrap(),
            observations: 3,
            blocks: vec![BatchId([7; 32])],
            salt: Salt([3; 16]),
        }
    }

    #[test]
    fn a_cause_is_written_as_it_is_read() {
        for cause in Cause::ALL {
            assert_eq!(serde_json::to_value(cause).unwrap(), cause.as_str());
            assert_eq!(cause.as_str().parse(), Ok(cause));
        }
        assert!("anger".parse::<Cause>().is_err());
    }

    #[test]
    fn it_survives_its_bytes() {
        let bytes = manifest().to_bytes().unwrap();
        assert_eq!(Manifest::parse(&bytes), Ok(manifest()));
    }

    #[test]
    fn names_and_texts_are_bounded() {
        let long = |change: fn(&mut Manifest, String), chars: usize| {
            let mut manifest = manifest();
            change(&mut manifest, "ы".repeat(chars));
            Manifest::parse(&manifest.to_bytes().unwrap())
        };
        type Change = fn(&mut Manifest, String);
        let names: [Change; 3] = [
            |m, text| m.dataset = text,
            |m, text| m.version = text,
            |m, text| m.periods = vec![text],
        ];
        let texts: [Change; 4] = [
            |m, text| m.contact = text,
            |m, text| m.approved_by = text,
            |m, text| m.reason = Some(text),
            |m, text| m.removes = vec![text],
        ];
        for (changes, most) in [(&names[..], limits::NAME_CHARS), (&texts[..], limits::TEXT_CHARS)]
        {
            for change in changes {
                assert!(long(*change, most).is_ok());
                assert!(matches!(long(*change, most + 1), Err(ManifestError::TooLarge(..))));
            }
        }
    }

    #[test]
    fn what_is_unknown_or_too_large_is_refused() {
        let mut large = manifest();
        large.periods = vec!["2023".into(); limits::PERIODS + 1];
        assert!(Manifest::parse(&large.to_bytes().unwrap()).is_err());
        assert!(Manifest::parse(br#"{"dataset":"X"}"#).is_err());
        let unknown = String::from_utf8(manifest().to_bytes().unwrap()).unwrap();
        assert!(Manifest::parse(unknown.replacen('{', r#"{"extra":1,"#, 1).as_bytes()).is_err());
    }
}
