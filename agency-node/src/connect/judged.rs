//! A server's certificate: checked as any client does, and then judged once more by whoever knows
//! more of the server.

use std::{fmt, sync::Arc};

use rustls::{
    DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        VerifierBuilderError, WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::CryptoProvider,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

/// What is found of a certificate.
pub(crate) type Verdict = Result<ServerCertVerified, rustls::Error>;

/// Checks the path to the roots, and has the verdict judged.
pub(crate) struct Judged<J> {
    path: Arc<WebPkiServerVerifier>,
    judge: J,
}

impl<J: Fn(&CertificateDer<'_>, Verdict) -> Verdict> Judged<J> {
    /// Believes these roots; `judge` has the last word on each certificate.
    pub(crate) fn new(
        roots: RootCertStore,
        provider: Arc<CryptoProvider>,
        judge: J,
    ) -> Result<Self, VerifierBuilderError> {
        let path = WebPkiServerVerifier::builder_with_provider(roots.into(), provider).build()?;
        Ok(Self { path, judge })
    }
}

impl<J> fmt::Debug for Judged<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Judged").field("path", &self.path).finish_non_exhaustive()
    }
}

impl<J> ServerCertVerifier for Judged<J>
where
    J: Fn(&CertificateDer<'_>, Verdict) -> Verdict + Send + Sync,
{
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Verdict {
        let found = self.path.verify_server_cert(
            certificate,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        (self.judge)(certificate, found)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.path.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.path.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.path.supported_verify_schemes()
    }
}
