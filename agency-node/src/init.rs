//! `agency-node init`: keys that never leave the machine, and the request that the operator
//! turns into a certificate (decree, article 3(1)).

use std::{
    fmt::{self, Write as _},
    path::{Path, PathBuf},
};

use anyhow::Context;
use birge_proto::{
    envelope::SigningKey,
    identity::{Identity, Role},
    statement::Fingerprints,
    tlog::cosignature::Cosigner,
};
use rcgen::{
    CertificateParams, CertificateSigningRequest, DistinguishedName, DnType, KeyPair, PKCS_ED25519,
    SanType,
};
use serde::Serialize;
use tonic::transport::Uri;

use crate::{
    config::{Approval, Batch, Config, Gateway, Inbox, Retry, Trust, Witness},
    credentials::Enrolment,
    home::{self, Home},
    i18n::Language,
    output::{Exit, Failure, Reply},
};

/// Trust domain that the request names. The certificate names the exchange's own: from the
/// request only the key is taken.
const REQUEST_DOMAIN: &str = "birge.example";

/// What to make.
#[derive(Debug)]
pub struct Request {
    /// The node's folder.
    pub dir: PathBuf,
    /// Who it speaks for.
    pub identity: Identity,
    /// The gateway's address.
    pub gateway: String,
    /// Whom to ask about a batch.
    pub contact: Option<String>,
    /// Who approves.
    pub officer: Option<String>,
}

#[derive(Serialize)]
struct Made {
    identity: Identity,
    config: PathBuf,
    enrolment: PathBuf,
    fingerprints: Fingerprints,
    /// Does nobody approve what it will hand in?
    #[serde(skip)]
    nameless: bool,
}

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "made a node for {}: {}", self.identity, self.config.display())?;
        writeln!(f, "{}", self.fingerprints)?;
        writeln!(f, "next: send {} to the gateway's operator,", self.enrolment.display())?;
        writeln!(f, "      and read the fingerprints above to the authority when it asks,")?;
        let answer = self.enrolment.with_file_name("enrolled.json");
        write!(f, "      put the answer at {}, then `agency-node run`", answer.display())?;
        if self.nameless {
            write!(f, "\n      name who approves what is handed in: officer in node.toml")?;
        }
        Ok(())
    }
}

/// Makes the node's folder, configuration, keys and enrolment request.
///
/// # Errors
/// When the folder holds a node already, or cannot be written.
pub fn init(request: Request) -> Result<Reply, Failure> {
    let Request { dir, identity, gateway, contact, officer } = request;
    let home = Home::new(&dir);
    let config_path = home.join("node.toml");
    if config_path.exists() || home.join("keys").exists() {
        return Err(Failure::Wrong(format!(
            "{} holds a node already; its keys are not overwritten\nnext: name another folder, or \
             remove this one if its keys are of no use",
            dir.display()
        )));
    }
    let uri = gateway.parse::<Uri>().ok().filter(|uri| uri.scheme_str() == Some("https"));
    let Some(host) = uri.as_ref().and_then(Uri::host).map(str::to_owned) else {
        return Err(Failure::Usage(format!(
            "{gateway:?} is no address of a gateway: expected https://NAME:PORT"
        )));
    };
    let standard = Batch::default();
    let config = Config {
        identity: identity.clone(),
        language: Language::default(),
        gateway: Gateway { url: gateway, ..Gateway::default() },
        batch: Batch {
            contact: contact.unwrap_or(standard.contact),
            officer: officer.unwrap_or(standard.officer),
        },
        approval: Approval::default(),
        inbox: Inbox::default(),
        sources: vec![],
        retry: Retry::default(),
        witness: Witness::default(),
        trust: Trust::default(),
        console: crate::config::Console::default(),
    };
    home.create()?;
    home::create_dir(&home.join("keys"))?;
    let (enrolment, fingerprints) = make_keys(&home, identity.clone(), &host)?;
    let enrolment_path = home.join("enrolment.json");
    let text = serde_json::to_string_pretty(&enrolment).map_err(anyhow::Error::from)?;
    home::write(&enrolment_path, text.as_bytes())?;
    let mut text = String::from("# Every key is explained in deploy/node.sample.toml.\n");
    let _ = write!(text, "{}", toml::to_string(&config).map_err(anyhow::Error::from)?);
    home::write(&config_path, text.as_bytes())?;
    let nameless = identity.role == Role::Agency && config.batch.officer.trim().is_empty();
    let enrolment = enrolment_path;
    let made = Made { identity, config: config_path, enrolment, fingerprints, nameless };
    Reply::new(Exit::Done, &made)
}

fn make_keys(
    home: &Home,
    identity: Identity,
    host: &str,
) -> Result<(Enrolment, Fingerprints), Failure> {
    let tls = KeyPair::generate().context("cannot make a TLS key")?;
    home::write_new(&home.join("keys/tls.key"), tls.serialize_pem().as_bytes())?;
    let (mut signing_key, mut cosigner) = (None, None);
    if matches!(identity.role, Role::Agency | Role::Auditor) {
        signing_key = Some(make_key(&home.join("keys/signing.key"))?.verifying_key());
        let (name, key) = (format!("{host}/witness/{identity}"), home.join("keys/witness.key"));
        let made = Cosigner::new(&name, make_key(&key)?).map_err(anyhow::Error::from)?;
        cosigner = Some(made.verifier());
    }
    let request = request_certificate(&identity, &tls);
    let request = request.context("cannot make a certificate request")?;
    let witness_key = cosigner.as_ref().map(|key| key.vkey().key());
    let fingerprints = Fingerprints::of(request.der(), signing_key.as_ref(), witness_key);
    let enrolment = Enrolment {
        identity,
        csr: request.pem().context("cannot write a certificate request")?,
        signing_key: signing_key.map(|key| hex::encode(key.0)).unwrap_or_default(),
        witness_key: cosigner.map(|key| key.vkey().to_string()).unwrap_or_default(),
    };
    Ok((enrolment, fingerprints))
}

/// Makes an Ed25519 key that never leaves the folder.
fn make_key(path: &Path) -> Result<SigningKey, Failure> {
    let key = KeyPair::generate_for(&PKCS_ED25519).context("cannot make a key")?;
    home::write_new(path, key.serialize_pem().as_bytes())?;
    Ok(SigningKey::from_pkcs8(&key.serialize_der()).map_err(anyhow::Error::from)?)
}

fn request_certificate(
    identity: &Identity,
    key: &KeyPair,
) -> Result<CertificateSigningRequest, rcgen::Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, identity.to_string());
    params.subject_alt_names.push(SanType::URI(identity.uri(REQUEST_DOMAIN).try_into()?));
    params.serialize_request(key)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use rcgen::CertificateSigningRequestParams;

    use super::*;
    use crate::credentials;

    fn request(dir: &Path, identity: &str) -> Request {
        Request {
            dir: dir.to_owned(),
            identity: identity.parse().unwrap(),
            gateway: "https://localhost:7443".into(),
            contact: None,
            officer: Some("head of statistics".into()),
        }
    }

    #[test]
    fn a_node_is_made_once_and_its_request_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("nsc");
        init(request(&dir, "agency/NSC")).unwrap();
        for key in ["keys/tls.key", "keys/signing.key"] {
            let mode = fs::metadata(dir.join(key)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{key}");
        }
        let config = Config::load(&dir.join("node.toml")).unwrap();
        assert_eq!(config.batch.officer, "head of statistics");

        let text = fs::read_to_string(dir.join("enrolment.json")).unwrap();
        let enrolment: Enrolment = serde_json::from_str(&text).unwrap();
        CertificateSigningRequestParams::from_pem(&enrolment.csr).unwrap();
        let key = credentials::signing_key(&Home::new(&dir), &config.identity).unwrap();
        assert_eq!(hex::encode(key.verifying_key().0), enrolment.signing_key);

        let again = init(request(&dir, "agency/NSC")).unwrap_err();
        assert_eq!(again.exit(), Exit::Refused);
    }

    #[test]
    fn nobody_approves_unless_named() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("nsc");
        let made = init(Request { officer: None, ..request(&dir, "agency/NSC") }).unwrap();
        assert!(made.text.contains("officer in node.toml"), "{}", made.text);
        assert_eq!(Config::load(&dir.join("node.toml")).unwrap().batch.officer, "");
    }

    #[test]
    fn an_auditor_hands_in_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("coa");
        init(request(&dir, "auditor/COA")).unwrap();
        let identity = "auditor/COA".parse().unwrap();
        assert!(credentials::signing_key(&Home::new(&dir), &identity).is_err());
    }

    #[test]
    fn an_address_without_tls_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut request = request(&folder.path().join("x"), "agency/NSC");
        request.gateway = "http://localhost:1".into();
        assert_eq!(init(request).unwrap_err().exit(), Exit::Usage);
    }
}
