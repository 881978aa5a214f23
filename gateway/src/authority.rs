//! The exchange's certificate authority: it signs certificates of nodes and the list of
//! those revoked. The technical operator runs it (decree, article 3(4)).

use std::{fs, path::Path};

use anyhow::{Context, Result, anyhow};
use aws_lc_rs::rand;
use birge_proto::{clock::Timestamp, envelope::sha256, identity::Identity};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams,
    CertificateSigningRequestParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber,
};
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};

/// Days for which a node's certificate is good.
const LEAF_DAYS: i64 = 397;
/// Days for which the authority's own certificate is good.
const AUTHORITY_DAYS: i64 = 3_650;
const DAY: i64 = 86_400;

/// The authority, with its key.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// The authority's certificate, PEM.
    pub certificate: String,
}

/// A certificate that was issued.
pub struct Issued {
    /// The certificate, PEM.
    pub pem: String,
    /// Serial number, in hex.
    pub serial: String,
    /// SHA-256 of the DER, in hex.
    pub digest: String,
}

impl Authority {
    /// Makes an authority of its own for `trust_domain`; answers with its key in PEM too.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn create(trust_domain: &str, now: Timestamp) -> Result<(Self, String)> {
        let key = KeyPair::generate()?;
        let key_pem = key.serialize_pem();
        let mut params =
            params(&format!("{trust_domain} exchange authority"), now, AUTHORITY_DAYS)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?.pem();
        let issuer = Issuer::new(params, key);
        Ok((Self { issuer, certificate }, key_pem))
    }

    /// Reads the authority's key and certificate from the folder of keys.
    ///
    /// # Errors
    /// When a file is missing or is not what it should be.
    pub fn load(keys: &Path) -> Result<Self> {
        let certificate = read(&keys.join("ca.crt"))?;
        let key = KeyPair::from_pem(&read(&keys.join("ca.key"))?).context("ca.key is no key")?;
        let issuer = Issuer::from_ca_cert_pem(&certificate, key)
            .context("ca.crt is no certificate of an authority")?;
        Ok(Self { issuer, certificate })
    }

    /// A certificate for a key made here: the gateway's own and the operator's.
    ///
    /// # Errors
    /// When a name is malformed.
    pub fn issue_own(
        &self,
        identity: &Identity,
        trust_domain: &str,
        server_names: &[String],
        now: Timestamp,
    ) -> Result<(Issued, String)> {
        let key = KeyPair::generate()?;
        let issued = self.issue_for(&key, identity, trust_domain, server_names, now)?;
        Ok((issued, key.serialize_pem()))
    }

    /// Another certificate for a key that was made here, PEM.
    ///
    /// # Errors
    /// When the key is none, or a name is malformed.
    pub fn reissue(
        &self,
        key: &str,
        identity: &Identity,
        trust_domain: &str,
        server_names: &[String],
        now: Timestamp,
    ) -> Result<Issued> {
        let key = KeyPair::from_pem(key).context("it is no key")?;
        self.issue_for(&key, identity, trust_domain, server_names, now)
    }

    fn issue_for(
        &self,
        key: &KeyPair,
        identity: &Identity,
        trust_domain: &str,
        server_names: &[String],
        now: Timestamp,
    ) -> Result<Issued> {
        let mut params = leaf(identity, trust_domain, server_names, now)?;
        if !server_names.is_empty() {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        }
        let certificate = params.signed_by(key, &self.issuer)?;
        Ok(issued(&params, certificate.der(), certificate.pem()))
    }

    /// A certificate for the key of a certificate request. Only the key is taken from the
    /// request: the name is the one given here.
    ///
    /// # Errors
    /// When the request does not parse or is not signed by its key.
    pub fn issue(
        &self,
        request: &str,
        identity: &Identity,
        trust_domain: &str,
        now: Timestamp,
    ) -> Result<Issued> {
        let mut request = CertificateSigningRequestParams::from_pem(request)
            .context("the certificate request is not PKCS#10 signed by its own key")?;
        request.params = leaf(identity, trust_domain, &[], now)?;
        let certificate = request.signed_by(&self.issuer)?;
        Ok(issued(&request.params, certificate.der(), certificate.pem()))
    }

    /// The list of revoked certificates by their serial numbers in hex.
    ///
    /// # Errors
    /// When a serial number is not hexadecimal.
    pub fn revocation_list(
        &self,
        serials: impl IntoIterator<Item = String>,
        now: Timestamp,
    ) -> Result<CertificateRevocationListDer<'static>> {
        let revoked_certs = serials
            .into_iter()
            .map(|serial| {
                Ok(RevokedCertParams {
                    serial_number: SerialNumber::from_slice(&hex::decode(serial)?),
                    revocation_time: offset(now, 0)?,
                    reason_code: None,
                    invalidity_date: None,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let list = CertificateRevocationListParams {
            this_update: offset(now, -DAY)?,
            next_update: offset(now, AUTHORITY_DAYS * DAY)?,
            crl_number: SerialNumber::from_slice(&now.as_second().to_be_bytes()),
            issuing_distribution_point: None,
            revoked_certs,
            key_identifier_method: KeyIdMethod::Sha256,
        };
        Ok(list.signed_by(&self.issuer)?.der().clone())
    }
}

fn leaf(
    identity: &Identity,
    trust_domain: &str,
    server_names: &[String],
    now: Timestamp,
) -> Result<CertificateParams> {
    let mut params = params(&identity.to_string(), now, LEAF_DAYS)?;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.subject_alt_names.push(SanType::URI(identity.uri(trust_domain).try_into()?));
    for name in server_names {
        params.subject_alt_names.push(match name.parse() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(name.clone().try_into()?),
        });
    }
    Ok(params)
}

fn params(common_name: &str, now: Timestamp, days: i64) -> Result<CertificateParams> {
    let mut serial = [0; 16];
    rand::fill(&mut serial).map_err(|_| anyhow!("the system gave no randomness"))?;
    serial[0] = serial[0] & 0x7f | 0x40; // positive, and never shortened in DER
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.not_before = offset(now, -300)?;
    params.not_after = offset(now, days * DAY)?;
    Ok(params)
}

fn issued(params: &CertificateParams, der: &CertificateDer<'_>, pem: String) -> Issued {
    let serial = params.serial_number.as_ref().map(SerialNumber::to_bytes).unwrap_or_default();
    Issued { pem, serial: hex::encode(serial), digest: hex::encode(sha256(der)) }
}

fn offset(now: Timestamp, seconds: i64) -> Result<time::OffsetDateTime> {
    time::OffsetDateTime::from_unix_timestamp(now.as_second() + seconds)
        .context("the clock shows an impossible time")
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
