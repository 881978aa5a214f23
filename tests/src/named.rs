//! A server's certificate and the authority that names it, as files in PEM.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// The files.
#[derive(Debug, Clone)]
pub struct Named {
    /// The authority's certificate.
    pub authority: PathBuf,
    /// The server's certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Named {
    /// A server of these names, in `folder`.
    ///
    /// # Errors
    /// When no key can be made, or the files not be written.
    pub fn new(folder: &Path, names: &[&str]) -> Result<Self> {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let own = KeyPair::generate()?;
        let files = Self {
            authority: folder.join("authority.pem"),
            certificate: folder.join("server.pem"),
            key: folder.join("server.key"),
        };
        fs::write(&files.authority, authority.self_signed(&own)?.pem())?;
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate()?;
        let server = CertificateParams::new(names)?;
        let certificate = server.signed_by(&key, &Issuer::new(authority, own))?;
        fs::write(&files.certificate, certificate.pem())?;
        fs::write(&files.key, key.serialize_pem())?;
        Ok(files)
    }
}
