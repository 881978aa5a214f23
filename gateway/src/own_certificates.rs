//! The certificates of the gateway itself and of its operator, issued anew for the same keys as
//! the gateway starts, when they end within the months to come: who starts it once a quarter
//! never sees one end.

use anyhow::{Context, Result};
use birge_proto::{
    clock::{SharedClock, Timestamp},
    identity::Identity,
    problem::Problem,
    record::Event,
};
use jiff::SignedDuration;
use rustls_pki_types::{CertificateDer, pem::PemObject};
use tokio::sync::watch;
use x509_parser::parse_x509_certificate;

use crate::{
    authority::{Authority, Issued},
    config::Exchange,
    journal::Class,
    keys::Keys,
    recorder::Recorder,
    sequence::Draft,
    whole_file,
};

/// So long before its end a certificate is issued anew.
const BEFORE: SignedDuration = SignedDuration::from_hours(24 * 120);

/// Renews the certificate that the gateway serves with, where it is due.
///
/// # Errors
/// When a key or a certificate cannot be read or written.
pub(crate) fn renew_server(keys: &Keys, exchange: &Exchange, clock: &SharedClock) -> Result<()> {
    let Some(issued) = reissued(keys, "tls", exchange, &exchange.server_names, clock)? else {
        return Ok(());
    };
    whole_file::replace(&keys.path("tls.crt"), issued.pem.as_bytes())?;
    tracing::info!(serial = issued.serial, "the gateway's own certificate is renewed");
    Ok(())
}

/// Renews the certificate of the operator, where it is due, once nothing is `barred`: it counts
/// only when it is recorded.
///
/// # Errors
/// When a key or a certificate cannot be read or written, or nothing can be recorded.
pub(crate) async fn renew_operator(
    keys: Keys,
    exchange: Exchange,
    recorder: Recorder,
    clock: SharedClock,
    mut barred: watch::Receiver<Option<Problem>>,
) -> Result<()> {
    let Some(issued) = reissued(&keys, "operator", &exchange, &[], &clock)? else {
        return Ok(());
    };
    if barred.wait_for(Option::is_none).await.is_err() {
        return Ok(()); // the gateway stops
    }
    let identity = holder(&issued.pem, &exchange)?.0;
    let Issued { pem, serial, digest } = issued;
    let event = Event::CertificateRenewed {
        identity: identity.clone(),
        serial: serial.clone(),
        certificate: digest,
        asked: None,
    };
    let draft = Draft { parties: vec![identity.clone()], ..Draft::of(identity, event) };
    recorder.record(Class::Administration, draft).await?;
    whole_file::replace(&keys.path("operator.crt"), pem.as_bytes())?;
    tracing::info!(serial, "the operator's certificate is renewed");
    Ok(())
}

/// The certificate of this name anew, where it ends soon.
fn reissued(
    keys: &Keys,
    name: &str,
    exchange: &Exchange,
    server_names: &[String],
    clock: &SharedClock,
) -> Result<Option<Issued>> {
    let (identity, [from, until]) = holder(&keys.read(&format!("{name}.crt"))?, exchange)
        .with_context(|| format!("{name}.crt cannot be used"))?;
    let now = clock.now();
    // One that was issued while the clock was ahead is not good yet.
    if from <= now && until.duration_since(now) >= BEFORE {
        return Ok(None);
    }
    let authority = Authority::load(&keys.path(""))?;
    let key = keys.read(&format!("{name}.key"))?;
    authority.reissue(&key, &identity, &exchange.trust_domain, server_names, now).map(Some)
}

/// Whose certificate it is, from when on it is good, and when it ends.
fn holder(pem: &str, exchange: &Exchange) -> Result<(Identity, [Timestamp; 2])> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes())?;
    let identity = Identity::from_certificate(&der, &exchange.trust_domain)?;
    let (_, certificate) = parse_x509_certificate(&der)?;
    let validity = certificate.validity();
    let from = Timestamp::from_second(validity.not_before.timestamp())?;
    Ok((identity, [from, Timestamp::from_second(validity.not_after.timestamp())?]))
}
