//! What passes as files between the operator and the authority that signs decrees, so that
//! none of its keys need ever touch the operator's machine (decree, article 3(4)).

mod decree_signature;
mod log_request;

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail};
use birge_proto::{
    clock::Timestamp,
    envelope::{SigningKey, VerifyingKey, sha256},
    identity::Identity,
    record::Authorised,
    statement::{Fingerprints, Says, Statement},
    tlog::cosignature::CosignatureVerifier,
};
use rustls_pki_types::{CertificateSigningRequestDer, pem::PemObject};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub use self::{
    decree_signature::{DecreeSignature, founding},
    log_request::LogRequest,
};
use crate::keys;

/// Bytes of the largest file that is read.
const FILE_BYTES: u64 = 64 << 10;
/// Where the authority's key lies beside the configuration until it is carried away.
const AUTHORITY_KEY: &str = "authority/authority.key";

/// What a node hands to the operator: `enrolment.json`. With the authority's countersignature
/// it enrols.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Enrolment {
    /// `agency/NSC`
    pub identity: Identity,
    /// Certificate request, PEM.
    pub csr: String,
    /// Ed25519 public key in hex; empty for identities that sign nothing.
    #[serde(default)]
    pub signing_key: String,
    /// The key with which the node witnesses the log, a C2SP vkey; empty for none.
    #[serde(default)]
    pub witness_key: String,
    /// That the authority stated all this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorisation: Option<Authorisation>,
}

/// When the authority stated something, by which key, and its signature in hex.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Authorisation {
    /// When it was stated.
    pub stated: Timestamp,
    /// Id of the authority's key.
    pub key_id: String,
    /// Its signature over the statement, in hex.
    pub signature: String,
}

impl Enrolment {
    /// Reads one.
    ///
    /// # Errors
    /// When the file cannot be read or is not what `agency-node init` writes.
    pub fn read(path: &Path) -> Result<Self> {
        read(path, "what `agency-node init` writes")
    }

    /// What the authority is to state of it.
    ///
    /// # Errors
    /// When the request or a key in it cannot be read.
    pub fn says(&self) -> Result<Says> {
        let (signing_key, witness_key) = self.keys()?;
        Ok(Says::Enrolment {
            identity: self.identity.clone(),
            request: request_digest(&self.csr)?,
            signing_key: signing_key.map(|key| hex::encode(key.0)),
            witness_key: witness_key.map(|key| key.vkey().to_string()),
        })
    }

    fn keys(&self) -> Result<(Option<VerifyingKey>, Option<CosignatureVerifier>)> {
        let signing_key = match &*self.signing_key {
            "" => None,
            text => Some(signing_key(text)?),
        };
        let witness_key = match &*self.witness_key {
            "" => None,
            text => Some(CosignatureVerifier::from_vkey(text).context("witnessKey")?),
        };
        Ok((signing_key, witness_key))
    }

    /// Adds the authority's countersignature, for the exchange whose log is `origin`.
    ///
    /// # Errors
    /// As for [`Self::says`].
    pub fn countersign(
        &mut self,
        origin: &str,
        stated: Timestamp,
        authority: &SigningKey,
    ) -> Result<()> {
        let statement = Statement { origin: origin.to_owned(), stated, says: self.says()? };
        let signed = statement.sign(authority)?;
        let signature = hex::encode(signed.signature);
        self.authorisation = Some(Authorisation { stated, key_id: signed.key_id, signature });
        Ok(())
    }

    /// Checks the countersignature that it bears.
    ///
    /// # Errors
    /// When it bears none, or none of `authority` made it for this very enrolment.
    pub fn verify(&self, origin: &str, authority: &[VerifyingKey]) -> Result<()> {
        let Authorisation { stated, key_id, signature } = self.authorised()?.clone();
        let statement = Statement { origin: origin.to_owned(), stated, says: self.says()? };
        let authorised = Authorised { request: None, stated, key_id, signature };
        Ok(statement.verify(&authorised, authority)?)
    }

    /// The countersignature.
    ///
    /// # Errors
    /// When there is none, saying how it is had.
    pub fn authorised(&self) -> Result<&Authorisation> {
        self.authorisation.as_ref().ok_or_else(|| {
            anyhow!(
                "the enrolment of {} is not countersigned by the authority: have it run \
                 `gateway countersign` on the file, and enrol with what that writes",
                self.identity
            )
        })
    }

    /// The fingerprints to compare with what the ministry says over another channel.
    ///
    /// # Errors
    /// As for [`Self::says`].
    pub fn fingerprints(&self) -> Result<Fingerprints> {
        let (signing_key, witness_key) = self.keys()?;
        let witness_key = witness_key.as_ref().map(|key| key.vkey().key());
        Ok(Fingerprints::of(&request(&self.csr)?, signing_key.as_ref(), witness_key))
    }
}

/// A key of the authority: the file named, else the one beside the configuration.
///
/// # Errors
/// When it cannot be read, saying how to name it.
pub fn authority_key(named: Option<&Path>, config: &Path) -> Result<SigningKey> {
    let path = named.map_or_else(|| config.with_file_name(AUTHORITY_KEY), PathBuf::from);
    keys::read_signing_key(&path)
        .context("a key of the authority is needed: name its file with --authority")
}

/// SHA-256 of a certificate request's DER, in hex.
///
/// # Errors
/// When the text is no certificate request in PEM.
pub fn request_digest(csr: &str) -> Result<String> {
    Ok(hex::encode(sha256(&request(csr)?)))
}

/// A public key in hex.
///
/// # Errors
/// When it is not.
pub fn signing_key(text: &str) -> Result<VerifyingKey> {
    let bytes = hex::decode(text).with_context(|| format!("the key {text:?} is not hex"))?;
    VerifyingKey::from_bytes(&bytes).with_context(|| format!("the key {text:?}"))
}

fn request(csr: &str) -> Result<CertificateSigningRequestDer<'static>> {
    CertificateSigningRequestDer::from_pem_slice(csr.as_bytes())
        .map_err(|error| anyhow!("the certificate request is not PKCS#10 in PEM: {error}"))
}

fn read<T: DeserializeOwned>(path: &Path, expected: &str) -> Result<T> {
    let shown = path.display();
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES + 1).read_to_string(&mut text))
        .with_context(|| format!("cannot read {shown}"))?;
    if text.len() as u64 > FILE_BYTES {
        bail!("{shown} has more than {FILE_BYTES} bytes: it is not {expected}");
    }
    serde_json::from_str(&text).with_context(|| format!("{shown} is not {expected}"))
}

#[cfg(test)]
mod tests {
    use birge_proto::tlog::cosignature::Cosigner;
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    const ORIGIN: &str = "birge.example/log";

    fn enrolment() -> Enrolment {
        let key = || SigningKey::generate().unwrap();
        let csr = || {
            let request = CertificateParams::default();
            request.serialize_request(&KeyPair::generate().unwrap()).unwrap().pem().unwrap()
        };
        let witness = Cosigner::new("birge.example/witness/agency/NSC", key()).unwrap();
        Enrolment {
            identity: "agency/NSC".parse().unwrap(),
            csr: csr(),
            signing_key: hex::encode(key().verifying_key().0),
            witness_key: witness.verifier().vkey().to_string(),
            authorisation: None,
        }
    }

    #[test]
    fn a_countersignature_is_of_this_very_enrolment() {
        let authority = SigningKey::generate().unwrap();
        let keys = [authority.verifying_key()];
        let mut signed = enrolment();
        assert!(signed.verify(ORIGIN, &keys).unwrap_err().to_string().contains("countersign"));
        signed.countersign(ORIGIN, Timestamp::UNIX_EPOCH, &authority).unwrap();
        signed.verify(ORIGIN, &keys).unwrap();
        assert!(signed.verify("other.example/log", &keys).is_err());
        assert!(signed.verify(ORIGIN, &[SigningKey::generate().unwrap().verifying_key()]).is_err());
        let other = enrolment();
        let changes: [fn(&mut Enrolment, Enrolment); 4] = [
            |changed, _| changed.identity = "agency/MIA".parse().unwrap(),
            |changed, other| changed.csr = other.csr,
            |changed, other| changed.signing_key = other.signing_key,
            |changed, _| changed.witness_key.clear(),
        ];
        for change in changes {
            let mut changed = signed.clone();
            change(&mut changed, other.clone());
            assert!(changed.verify(ORIGIN, &keys).is_err(), "{changed:?}");
        }
    }

    #[test]
    fn what_no_enrolment_can_hold_is_not_countersigned() {
        let authority = SigningKey::generate().unwrap();
        let changes: [fn(&mut Enrolment); 3] = [
            |changed| changed.csr = "nonsense".into(),
            |changed| changed.signing_key = "0102".into(),
            |changed| changed.witness_key = "PeterNeumann".into(),
        ];
        for change in changes {
            let mut changed = enrolment();
            change(&mut changed);
            assert!(changed.countersign(ORIGIN, Timestamp::UNIX_EPOCH, &authority).is_err());
        }
    }
}
