//! Who a certificate speaks for: a SPIFFE-style SAN URI, `spiffe://<trust domain>/<role>/<body>`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize, Serializer};
use x509_parser::{extensions::GeneralName, prelude::FromDer, prelude::X509Certificate};

/// The short name of a body: `NSC`, `COA`. 2 to 16 of `A`–`Z`, `0`–`9`, starting with a letter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AgencyId(String);

impl AgencyId {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AgencyId {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let well_formed = (2..=16).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_uppercase())
            && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
        if well_formed { Ok(Self(text.to_owned())) } else { Err(IdentityError::Body(clip(text))) }
    }
}

impl TryFrom<String> for AgencyId {
    type Error = IdentityError;

    fn try_from(text: String) -> Result<Self, IdentityError> {
        text.parse()
    }
}

impl From<AgencyId> for String {
    fn from(id: AgencyId) -> Self {
        id.0
    }
}

impl fmt::Display for AgencyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// In which capacity a body takes part (decree, article 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A participant, article 3(1).
    Agency,
    /// An auditor of the Chamber of Accounts, article 3(3).
    Auditor,
    /// The technical operator, article 3(4): no right to figures.
    Operator,
    /// The gateway itself.
    Gateway,
}

impl Role {
    /// The role as it stands in the URI.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agency => "agency",
            Self::Auditor => "auditor",
            Self::Operator => "operator",
            Self::Gateway => "gateway",
        }
    }
}

impl FromStr for Role {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        [Self::Agency, Self::Auditor, Self::Operator, Self::Gateway]
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| IdentityError::Role(clip(text)))
    }
}

/// A role and the body that holds it; `agency/NSC` as text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Identity {
    /// The capacity.
    pub role: Role,
    /// The body.
    pub body: AgencyId,
}

impl Identity {
    /// The SAN URI that names this identity in `trust_domain`.
    #[must_use]
    pub fn uri(&self, trust_domain: &str) -> String {
        format!("spiffe://{trust_domain}/{self}")
    }

    /// Reads the identity that a DER certificate names for `trust_domain`.
    ///
    /// # Errors
    /// When the certificate does not parse, or does not carry exactly one SAN URI of that domain.
    pub fn from_certificate(der: &[u8], trust_domain: &str) -> Result<Self, IdentityError> {
        let (_, certificate) =
            X509Certificate::from_der(der).map_err(|_| IdentityError::Certificate)?;
        let names = certificate
            .subject_alternative_name()
            .map_err(|_| IdentityError::Certificate)?
            .ok_or(IdentityError::NoUri)?;
        let mut uris = names.value.general_names.iter().filter_map(|name| match name {
            GeneralName::URI(uri) => Some(*uri),
            _ => None,
        });
        match (uris.next(), uris.next()) {
            (Some(uri), None) => Self::from_uri(uri, trust_domain),
            _ => Err(IdentityError::NoUri),
        }
    }

    fn from_uri(uri: &str, trust_domain: &str) -> Result<Self, IdentityError> {
        uri.strip_prefix("spiffe://")
            .and_then(|rest| rest.strip_prefix(trust_domain))
            .and_then(|rest| rest.strip_prefix('/'))
            .ok_or_else(|| IdentityError::Domain(clip(uri)))?
            .parse()
    }
}

impl FromStr for Identity {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let (role, body) = text.split_once('/').ok_or_else(|| IdentityError::Shape(clip(text)))?;
        Ok(Self { role: role.parse()?, body: body.parse()? })
    }
}

impl TryFrom<String> for Identity {
    type Error = IdentityError;

    fn try_from(text: String) -> Result<Self, IdentityError> {
        text.parse()
    }
}

impl Serialize for Identity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Of every record the journal writes at least one.
        serializer.serialize_str(&[self.role.as_str(), "/", self.body.as_str()].concat())
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.role.as_str(), self.body)
    }
}

/// Why a text or a certificate names no identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Not `role/BODY`.
    #[error("{0:?} is not an identity: expected role/BODY, such as agency/NSC")]
    Shape(String),
    /// The body is misspelt.
    #[error("{0:?} is not the short name of a body: expected 2 to 16 of A–Z and 0–9")]
    Body(String),
    /// No such role.
    #[error("{0:?} is not a role: expected agency, auditor, operator or gateway")]
    Role(String),
    /// The URI is of another trust domain.
    #[error("{0:?} is not of this exchange's trust domain")]
    Domain(String),
    /// No SAN URI, or several.
    #[error("the certificate does not carry exactly one SAN URI")]
    NoUri,
    /// Not a certificate.
    #[error("the certificate cannot be read")]
    Certificate,
}

fn clip(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_survive_text() {
        let identity: Identity = "agency/NSC".parse().unwrap();
        assert_eq!(identity.to_string(), "agency/NSC");
        assert_eq!(identity.uri("birge.example"), "spiffe://birge.example/agency/NSC");
        assert_eq!(Identity::from_uri(&identity.uri("x"), "x"), Ok(identity));
    }

    #[test]
    fn strangers_are_refused() {
        for text in ["", "agency", "agency/", "agency/nsc", "king/NSC", "agency/NSC/x", "agency/1"]
        {
            assert!(text.parse::<Identity>().is_err(), "{text}");
        }
        assert!(Identity::from_uri("spiffe://other/agency/NSC", "birge").is_err());
        assert!(Identity::from_uri("spiffe://birgex/agency/NSC", "birge").is_err());
    }
}
