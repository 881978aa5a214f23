//! Which certificate is shown to whom: browsers know no authority of the exchange's, so that who
//! asks for the portal by its name is shown one that they know, and everybody else the exchange's.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use x509_parser::{
    extensions::GeneralName,
    prelude::{FromDer, X509Certificate},
};

/// The portal's certificate, and the names that it is shown under.
#[derive(Debug, Clone)]
pub(in crate::serve) struct Named {
    names: Vec<String>,
    /// By these nodes know the exchange.
    taken: Vec<String>,
    shown: Arc<CertifiedKey>,
}

impl Named {
    /// Reads PEM texts. `taken` are the names by which nodes know the exchange: they are shown its
    /// own certificate.
    ///
    /// # Errors
    /// When they hold no certificate or key, these do not belong together, or no name is left.
    pub(in crate::serve) fn from_pem(chain: &str, key: &str, taken: &[String]) -> Result<Self> {
        let chain = CertificateDer::pem_slice_iter(chain.as_bytes());
        let chain: Vec<_> = chain.collect::<Result<_, _>>().context("it is no certificate")?;
        let first = chain.first().context("it holds no certificate")?;
        let mut names = names(first)?;
        names.retain(|name| !taken.iter().any(|own| own.eq_ignore_ascii_case(name)));
        ensure!(
            !names.is_empty(),
            "it holds no name but those by which nodes know the exchange: give the portal another"
        );
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).context("the key is none")?;
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let shown = CertifiedKey::from_der(chain, key, &provider);
        let taken = taken.to_vec();
        Ok(Self {
            names,
            taken,
            shown: Arc::new(shown.context("certificate and key are no pair")?),
        })
    }

    /// Is it for who asks for this name?
    fn is_for(&self, asked: &str) -> bool {
        let is = |name: &String| name.eq_ignore_ascii_case(asked);
        !self.taken.iter().any(is)
            && self.names.iter().any(|name| match name.strip_prefix("*.") {
                Some(domain) => {
                    let rest = asked.split_once('.').map(|(_, rest)| rest);
                    rest.is_some_and(|rest| rest.eq_ignore_ascii_case(domain))
                }
                None => name.eq_ignore_ascii_case(asked),
            })
    }
}

/// The DNS names of a certificate.
fn names(certificate: &CertificateDer<'_>) -> Result<Vec<String>> {
    let (_, parsed) = X509Certificate::from_der(certificate).context("it is no certificate")?;
    let names = parsed.subject_alternative_name().ok().flatten();
    let names = names.map(|own| own.value.general_names.clone()).unwrap_or_default();
    let names = names.into_iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(name.to_owned()),
        _ => None,
    });
    Ok(names.collect())
}

/// The exchange's certificate, and the portal's for who asks for that.
#[derive(Debug)]
pub(super) struct ByName {
    pub(super) own: Arc<CertifiedKey>,
    pub(super) portal: Option<Named>,
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let asked = hello.server_name().unwrap_or_default();
        let portal = self.portal.as_ref().filter(|portal| portal.is_for(asked));
        Some(Arc::clone(portal.map_or(&self.own, |portal| &portal.shown)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(names: &[&str]) -> (String, String) {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn it_is_shown_to_who_asks_for_its_names_and_never_to_nodes() {
        let (certificate, key) = made(&["portal.example", "*.gov.example", "exchange.gov.example"]);
        let taken = ["exchange.gov.example".to_owned()];
        let named = Named::from_pem(&certificate, &key, &taken).unwrap();
        for own in ["portal.example", "PORTAL.example", "migration.gov.example"] {
            assert!(named.is_for(own), "{own}");
        }
        for other in ["", "exchange.gov.example", "other.example", "a.b.gov.example", "gov.example"]
        {
            assert!(!named.is_for(other), "{other}");
        }
        let (certificate, key) = made(&["exchange.gov.example"]);
        let told = Named::from_pem(&certificate, &key, &taken).unwrap_err().to_string();
        assert!(told.contains("give the portal another"), "{told}");
        let (other, _) = made(&["portal.example"]);
        assert!(Named::from_pem(&other, &key, &[]).is_err(), "no pair");
        assert!(Named::from_pem("", &key, &[]).is_err());
    }
}
