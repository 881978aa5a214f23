//! TLS with what a source is asked over: the ministry's own servers, by an authority that the
//! ministry names or the system knows.

use std::{fs, path::Path, sync::Arc};

use rustls::{
    CertificateError, ClientConfig, RootCertStore, client::danger::ServerCertVerified,
    crypto::aws_lc_rs,
};
use rustls_pki_types::{CertificateDer, pem::PemObject};

use crate::{
    connect::judged::{Judged, Verdict},
    output::Failure,
};

/// TLS that believes the authority in `ca_file`, or those of the system; of any name, where
/// `any_name` says so.
///
/// # Errors
/// When there is no authority.
pub(super) fn config(ca_file: Option<&Path>, any_name: bool) -> Result<ClientConfig, Failure> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    // The path is judged before the name.
    let judge = move |_: &CertificateDer<'_>, found: Verdict| match found {
        Err(rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) if any_name => Ok(ServerCertVerified::assertion()),
        found => found,
    };
    let verifier = Judged::new(roots(ca_file)?, provider.clone(), judge);
    let verifier = Arc::new(verifier.map_err(anyhow::Error::from)?);
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(anyhow::Error::from)?;
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    Ok(builder.with_no_client_auth())
}

fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, Failure> {
    let mut roots = RootCertStore::empty();
    let Some(file) = ca_file else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return match roots.is_empty() {
            false => Ok(roots),
            true => Err(Failure::Wrong(
                "this system knows no authority that names servers\nnext: install \
                 ca-certificates, or name the authority with ca_file of the source in node.toml"
                    .into(),
            )),
        };
    };
    let wrong = |why: String| {
        Failure::Wrong(format!(
            "{} holds no authority's certificate: {why}\nnext: put it there in PEM, or correct \
             ca_file in node.toml",
            file.display()
        ))
    };
    let text = fs::read(file).map_err(|error| wrong(error.to_string()))?;
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    match roots.is_empty() {
        false => Ok(roots),
        true => Err(wrong("no BEGIN CERTIFICATE in it".into())),
    }
}
