//! Who acts. A system by its certificate, whose SAN URI is SPIFFE-style,
//! `spiffe://<trust domain>/<role>/<body>`; a person by an account, `<role>/<body>/<account>`.

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

/// The name of a person's account: 8 of `a`–`z` and `2`–`7`, drawn by lot. It says nothing of
/// who the person is, so that it may stay in records when the name is erased (article 9(4)).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId(String);

impl AccountId {
    /// Letters of a name.
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

    /// The name that random bytes make.
    #[must_use]
    pub fn from_random(bytes: [u8; 8]) -> Self {
        Self(bytes.iter().map(|byte| char::from(Self::LETTERS[usize::from(byte % 32)])).collect())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccountId {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let well_formed = text.len() == 8 && text.bytes().all(|c| Self::LETTERS.contains(&c));
        if well_formed {
            Ok(Self(text.to_owned()))
        } else {
            Err(IdentityError::Account(clip(text)))
        }
    }
}

impl TryFrom<String> for AccountId {
    type Error = IdentityError;

    fn try_from(text: String) -> Result<Self, IdentityError> {
        text.parse()
    }
}

impl From<AccountId> for String {
    fn from(id: AccountId) -> Self {
        id.0
    }
}

impl fmt::Display for AccountId {
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
    /// A person whom a participant has named, article 3(2).
    Member,
    /// A person who belongs to no participant, article 3(2).
    Observer,
    /// Anybody who does not say who it is, article 6(6).
    Public,
    /// An auditor of the Chamber of Accounts, article 3(3).
    Auditor,
    /// The technical operator, article 3(4): no right to figures.
    Operator,
    /// The gateway itself.
    Gateway,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 7] = [
        Self::Agency,
        Self::Member,
        Self::Observer,
        Self::Public,
        Self::Auditor,
        Self::Operator,
        Self::Gateway,
    ];

    /// The role as it stands in the URI.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agency => "agency",
            Self::Member => "member",
            Self::Observer => "observer",
            Self::Public => "public",
            Self::Auditor => "auditor",
            Self::Operator => "operator",
            Self::Gateway => "gateway",
        }
    }
}

impl FromStr for Role {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| IdentityError::Role(clip(text)))
    }
}

/// A role and the body that holds it, `agency/NSC` as text; or a person of that body by its
/// account, `member/NSC/k3jq7x2m`. Members and observers are persons, auditors may be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Identity {
    /// The capacity.
    pub role: Role,
    /// The body; of an observer the one that it comes from.
    pub body: AgencyId,
    /// The account of a person; none for a system.
    pub person: Option<AccountId>,
}

impl Identity {
    /// The gateway itself, which acts where nobody asked it to.
    #[must_use]
    pub fn gateway() -> Self {
        Self::of(Role::Gateway, AgencyId(String::from("BIRGE")))
    }

    /// Anybody who does not say who it is.
    #[must_use]
    pub fn public() -> Self {
        Self::of(Role::Public, AgencyId(String::from("ANYBODY")))
    }

    /// A system of a body.
    #[must_use]
    pub fn of(role: Role, body: AgencyId) -> Self {
        Self { role, body, person: None }
    }

    /// Reads a capacity, in which any person of a body may act: `agency/NSC`, `member/NSC`.
    ///
    /// # Errors
    /// When the role or the body is misspelt.
    pub fn capacity_of(text: &str) -> Result<Self, IdentityError> {
        let (role, body) = text.split_once('/').ok_or_else(|| IdentityError::Shape(clip(text)))?;
        Ok(Self::of(role.parse()?, body.parse()?))
    }

    /// In which capacity it acts, whichever person of the body it is.
    #[must_use]
    pub fn capacity(&self) -> Self {
        Self::of(self.role, self.body.clone())
    }

    /// For whom it acts: a member for its agency, everybody else for itself.
    #[must_use]
    pub fn party(&self) -> Self {
        match self.role {
            Role::Member => Self::of(Role::Agency, self.body.clone()),
            _ => self.clone(),
        }
    }

    /// The SAN URI that names this identity in `trust_domain`.
    #[must_use]
    pub fn uri(&self, trust_domain: &str) -> String {
        format!("spiffe://{trust_domain}/{self}")
    }

    /// Reads the identity that a DER certificate names for `trust_domain`.
    ///
    /// # Errors
    /// When the certificate does not parse, does not carry exactly one SAN URI of that domain, or
    /// names a person: persons have accounts, not certificates.
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
            (Some(uri), None) => Self::from_uri(uri, trust_domain).and_then(Self::system),
            _ => Err(IdentityError::NoUri),
        }
    }

    fn system(self) -> Result<Self, IdentityError> {
        match self.person {
            None => Ok(self),
            Some(_) => Err(IdentityError::Person),
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
        let shape = || IdentityError::Shape(clip(text));
        let (role, rest) = text.split_once('/').ok_or_else(shape)?;
        let (body, person) = match rest.split_once('/') {
            Some((body, person)) => (body, Some(person.parse()?)),
            None => (rest, None),
        };
        let role: Role = role.parse()?;
        let fits = match role {
            Role::Member | Role::Observer => person.is_some(),
            Role::Auditor => true,
            Role::Agency | Role::Public | Role::Operator | Role::Gateway => person.is_none(),
        };
        if fits { Ok(Self { role, body: body.parse()?, person }) } else { Err(shape()) }
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
        let [role, body] = [self.role.as_str(), self.body.as_str()];
        let text = match &self.person {
            Some(person) => [role, "/", body, "/", person.as_str()].concat(),
            None => [role, "/", body].concat(),
        };
        serializer.serialize_str(&text)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.role.as_str(), self.body)?;
        self.person.as_ref().map_or(Ok(()), |person| write!(f, "/{person}"))
    }
}

/// Why a text or a certificate names no identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Not `role/BODY`, nor `role/BODY/account` where the role is for persons.
    #[error(
        "{0:?} is not an identity: expected role/BODY, such as agency/NSC, or for a person \
         role/BODY/account, such as member/NSC/k3jq7x2m"
    )]
    Shape(String),
    /// The body is misspelt.
    #[error("{0:?} is not the short name of a body: expected 2 to 16 of A–Z and 0–9")]
    Body(String),
    /// No such role.
    #[error("{0:?} is not a role: expected agency, member, observer, public, auditor or operator")]
    Role(String),
    /// The account is misspelt.
    #[error("{0:?} is not the name of an account: expected 8 of a–z and 2–7")]
    Account(String),
    /// A certificate of a person.
    #[error("the certificate names a person; persons sign in with an account")]
    Person,
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
    fn a_person_has_an_account_and_acts_for_its_agency() {
        let account = AccountId::from_random([0, 31, 32, 255, 7, 8, 9, 10]);
        let member: Identity = format!("member/NSC/{account}").parse().unwrap();
        assert_eq!(member.person, Some(account));
        assert_eq!(member.to_string().parse(), Ok(member.clone()));
        assert_eq!(serde_json::to_string(&member).unwrap(), format!("\"{member}\""));
        assert_eq!(member.party().to_string(), "agency/NSC");
        assert_eq!(member.system(), Err(IdentityError::Person));
        let auditor: Identity = "auditor/COA/k3jq7x2m".parse().unwrap();
        assert_eq!(auditor.party(), auditor);
    }

    #[test]
    fn strangers_are_refused() {
        for text in [
            "",
            "agency",
            "agency/",
            "agency/nsc",
            "king/NSC",
            "agency/NSC/x",
            "agency/NSC/k3jq7x2m",
            "agency/1",
            "member/NSC",
            "member/NSC/",
            "member/NSC/K3JQ7X2M",
            "member/NSC/k3jq7x2m/x",
            "operator/BIRGE/k3jq7x2m",
        ] {
            assert!(text.parse::<Identity>().is_err(), "{text}");
        }
        assert!(Identity::from_uri("spiffe://other/agency/NSC", "birge").is_err());
        assert!(Identity::from_uri("spiffe://birgex/agency/NSC", "birge").is_err());
    }
}
