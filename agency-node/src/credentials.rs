//! Who the node is, and whom it trusts: its keys and what the operator sent back.

use std::{fs, path::Path};

use birge_proto::{
    clock::Timestamp,
    envelope::SigningKey,
    identity::{Identity, Role},
    tlog::cosignature::{CosignatureVerifier, Cosigner},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject};
use serde::{Deserialize, Serialize};
use x509_parser::parse_x509_certificate;

use crate::{home::Home, output::Failure};

/// What the node sends to the operator to be enrolled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Enrolment {
    /// Who asks.
    pub identity: Identity,
    /// Certificate request: PKCS#10, PEM.
    pub csr: String,
    /// Public signing key, 32 bytes in hex; empty for an identity that signs nothing.
    pub signing_key: String,
    /// The key with which this node witnesses the log, a C2SP vkey; empty for none.
    #[serde(default)]
    pub witness_key: String,
}

impl Enrolment {
    /// What this node sent to be enrolled.
    ///
    /// # Errors
    /// When `enrolment.json` cannot be read.
    pub fn of(home: &Home) -> Result<Self, Failure> {
        let path = home.join("enrolment.json");
        serde_json::from_str(&read(&path)?).map_err(|error| {
            Failure::Wrong(format!(
                "{} does not parse: {error}\nnext: restore it from your backup",
                path.display()
            ))
        })
    }
}

/// What the operator sends back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Enrolled {
    /// Who was enrolled.
    pub identity: Identity,
    /// Trust domain of the exchange's SAN URIs.
    pub trust_domain: String,
    /// PEM: the node's certificate, then the authority's.
    pub certificate: String,
    /// PEM: the exchange's certificate authority.
    pub authority: String,
    /// The log's verification key, a C2SP vkey: `name+hex8+base64`.
    pub log_key: String,
    /// Where the public listener is, for who verifies the log from outside.
    #[serde(default)]
    pub public_url: String,
    /// Where persons reach the gateway.
    #[serde(default)]
    pub people_url: String,
    /// Public keys of the authority that signs decrees and enrolments, 32 bytes in hex each.
    #[serde(default)]
    pub authority_keys: Vec<String>,
    /// How many of them must have signed a decree; 0, or absent: all of them.
    #[serde(default)]
    pub authority_quorum: u64,
}

/// All that a connection and a signature need.
#[derive(Debug)]
pub struct Credentials {
    /// What the operator sent.
    pub enrolled: Enrolled,
    /// The node's certificate and those above it.
    pub chain: Vec<CertificateDer<'static>>,
    /// The private key of that certificate.
    pub tls_key: PrivateKeyDer<'static>,
    /// The authorities trusted to name the gateway.
    pub authorities: Vec<CertificateDer<'static>>,
}

impl Credentials {
    /// Reads `enrolled.json` and the TLS key, and checks that they belong together and to
    /// `identity`.
    ///
    /// # Errors
    /// When the node is not enrolled, or a file is not what it must be.
    pub fn load(home: &Home, identity: &Identity) -> Result<Self, Failure> {
        let path = home.join("enrolled.json");
        if !path.exists() {
            return Err(Failure::Wrong(format!(
                "{identity} is not enrolled: there is no {}\nnext: send {} to the gateway's \
                 operator, and put the answer there",
                path.display(),
                home.join("enrolment.json").display(),
            )));
        }
        let wrong = |what: String| {
            Failure::Wrong(format!(
                "{} {what}\nnext: ask the operator for the answer to this node's enrolment.json",
                path.display()
            ))
        };
        let enrolled = serde_json::from_str(&read(&path)?)
            .map_err(|error| wrong(format!("does not parse: {error}")))?;
        Self::of(home, identity, enrolled)
    }

    /// As [`Self::load`], of an answer at hand.
    ///
    /// # Errors
    /// When it is not what it must be.
    pub fn of(home: &Home, identity: &Identity, enrolled: Enrolled) -> Result<Self, Failure> {
        let wrong = |what: String| {
            Failure::Wrong(format!(
                "{} {what}\nnext: ask the operator for the answer to this node's enrolment.json",
                home.join("enrolled.json").display()
            ))
        };
        let chain = certificates(&enrolled.certificate)
            .ok_or_else(|| wrong("holds no certificate".into()))?;
        let authorities = certificates(&enrolled.authority)
            .ok_or_else(|| wrong("holds no certificate of the authority".into()))?;
        let named = Identity::from_certificate(&chain[0], &enrolled.trust_domain)
            .map_err(|error| wrong(format!("holds a certificate of nobody: {error}")))?;
        for found in [&named, &enrolled.identity] {
            if found != identity {
                return Err(wrong(format!("enrols {found}, but this is the node of {identity}")));
            }
        }
        let tls_key = private_key(&home.join("keys/tls.key"))?.into();
        Ok(Self { enrolled, chain, tls_key, authorities })
    }

    /// When the node's certificate ends.
    ///
    /// # Errors
    /// When it does not say so.
    pub fn until(&self) -> Result<Timestamp, Failure> {
        let parsed = self.chain.first().and_then(|der| parse_x509_certificate(der).ok());
        let until = parsed.map(|(_, certificate)| certificate.validity().not_after.timestamp());
        until.and_then(|second| Timestamp::from_second(second).ok()).ok_or_else(|| {
            Failure::Wrong(
                "the certificate in enrolled.json does not say when it ends\nnext: ask the \
                 operator for the answer to this node's enrolment.json"
                    .into(),
            )
        })
    }
}

/// The agency's signing key. Read apart from the connection's, so that only what signs
/// touches it.
///
/// # Errors
/// When the identity signs nothing, or the key cannot be read.
pub fn signing_key(home: &Home, identity: &Identity) -> Result<SigningKey, Failure> {
    if identity.role != Role::Agency {
        return Err(Failure::Wrong(format!(
            "{identity} hands in no figures: only a participant does\nnext: use the \
             node of an agency"
        )));
    }
    key(&home.join("keys/signing.key"))
}

/// The key that an auditor signs its reports with.
///
/// # Errors
/// When the identity is no auditor's, or the key cannot be read.
pub fn report_key(home: &Home, identity: &Identity) -> Result<SigningKey, Failure> {
    if identity.role != Role::Auditor {
        return Err(Failure::Wrong(format!(
            "{identity} signs no report: only an auditor does\nnext: use the node of \
             an auditor, or `agency-node audit records`"
        )));
    }
    key(&home.join("keys/signing.key"))
}

fn key(path: &Path) -> Result<SigningKey, Failure> {
    SigningKey::from_pkcs8(private_key(path)?.secret_pkcs8_der())
        .map_err(|error| Failure::Wrong(format!("{}: {error}", path.display())))
}

/// The node's key for witnessing the log, under the name that it was enrolled with; none where
/// the node was made without one.
///
/// # Errors
/// When a file cannot be read, or the key is not the one in `enrolment.json`.
pub fn cosigner(home: &Home) -> Result<Option<Cosigner>, Failure> {
    let path = home.join("keys/witness.key");
    let asked = Enrolment::of(home)?.witness_key;
    if asked.is_empty() || !path.exists() {
        return Ok(None);
    }
    let wrong = |what: String| {
        Failure::Wrong(format!(
            "{} {what}\nnext: restore keys/ and enrolment.json from one backup",
            path.display()
        ))
    };
    let key = SigningKey::from_pkcs8(private_key(&path)?.secret_pkcs8_der())
        .map_err(|error| wrong(format!("cannot be used: {error}")))?;
    let known = CosignatureVerifier::from_vkey(&asked)
        .map_err(|error| wrong(format!("has no name: {error}, in enrolment.json")))?;
    let cosigner = Cosigner::new(known.vkey().name(), key).map_err(anyhow::Error::from)?;
    if cosigner.verifier() == known {
        Ok(Some(cosigner))
    } else {
        Err(wrong("is not the key in enrolment.json".into()))
    }
}

fn private_key(path: &Path) -> Result<PrivatePkcs8KeyDer<'static>, Failure> {
    PrivatePkcs8KeyDer::from_pem_slice(read(path)?.as_bytes()).map_err(|error| {
        Failure::Wrong(format!(
            "{} is no private key (PKCS#8, PEM): {error}\nnext: restore it from your backup, or \
             make a new node with `agency-node init` and have it enrolled",
            path.display()
        ))
    })
}

/// Every certificate of a PEM text; none counts as a failure.
fn certificates(pem: &str) -> Option<Vec<CertificateDer<'static>>> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    all.ok().filter(|all| !all.is_empty())
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path)
        .map_err(|error| Failure::Wrong(format!("cannot read {}: {error}", path.display())))
}
