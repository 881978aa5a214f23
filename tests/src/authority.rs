//! Certificate authorities that a gateway must not trust, and careless use of the one it does.

use std::path::Path;

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::client::Credentials;

/// Somebody who issues client certificates.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

/// Since when and until when a certificate is good: first of January of these years.
#[derive(Debug, Clone, Copy)]
pub struct Years(pub i32, pub i32);

impl Authority {
    /// An authority that nobody knows.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn foreign() -> Result<Self> {
        let key = KeyPair::generate()?;
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let certificate = parameters.self_signed(&key)?.der().clone();
        Ok(Self { issuer: Issuer::new(parameters, key), certificate })
    }

    /// The gateway's own authority, as whoever stole its key would use it.
    ///
    /// # Errors
    /// When its files cannot be read.
    pub fn stolen(certificate: &Path, key: &Path) -> Result<Self> {
        let (pem, key) = (std::fs::read_to_string(certificate)?, std::fs::read_to_string(key)?);
        let issuer = Issuer::from_ca_cert_pem(&pem, KeyPair::from_pem(&key)?)?;
        let mut chain = crate::client::chain(&pem)?;
        Ok(Self { issuer, certificate: chain.swap_remove(0) })
    }

    /// Issues a client certificate with these SAN URIs; `base` says whom the client trusts.
    ///
    /// # Errors
    /// When a URI cannot be encoded.
    pub fn issue(&self, base: &Credentials, uris: &[&str], years: Years) -> Result<Credentials> {
        let key = KeyPair::generate()?;
        let mut parameters = CertificateParams::default();
        parameters.not_before = date_time_ymd(years.0, 1, 1);
        parameters.not_after = date_time_ymd(years.1, 1, 1);
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        for uri in uris {
            parameters.subject_alt_names.push(SanType::URI((*uri).try_into()?));
        }
        let leaf = parameters.signed_by(&key, &self.issuer)?.der().clone();
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        Ok(base.showing(vec![leaf, self.certificate.clone()], key))
    }
}
