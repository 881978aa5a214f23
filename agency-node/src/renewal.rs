//! The node's certificate, renewed before it ends, or after: for the same key, which the
//! authority countersigned when the node was enrolled. What the gateway answers is used from the
//! next connection on.

use std::time::Duration;

use birge_proto::{
    clock::Timestamp,
    envelope::sha256,
    identity::Role,
    statement::{Says, Statement},
};
use jiff::SignedDuration;
use rustls_pki_types::{CertificateSigningRequestDer, pem::PemObject};
use serde_json::json;
use tracing::{info, warn};

use crate::{
    connect::{self, Door, dial::Dial, https::Desk},
    credentials::{self, Credentials, Enrolled, Enrolment},
    home,
    node::Node,
    output::{Exit, Failure, Reply},
};

/// So long before its end a certificate is renewed.
const BEFORE: SignedDuration = SignedDuration::from_hours(24 * 30);
/// How often the certificate is looked at, also after an attempt that failed.
const LOOK: Duration = Duration::from_secs(3_600);

/// Keeps the certificate from ending, for as long as the node runs.
pub async fn keep(node: &Node) {
    loop {
        match due(node) {
            Ok(true) => match renewed(node).await {
                Ok(until) => info!("the certificate is renewed, until {until}"),
                Err(failure) => warn!(
                    "the certificate is not renewed, and tried again in an hour: {}",
                    failure.reply().aside
                ),
            },
            Ok(false) => {}
            Err(failure) => warn!("the certificate cannot be read: {failure}"),
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// `agency-node renew`: renews the certificate now.
///
/// # Errors
/// When the gateway refuses or is away, or the node was not enrolled.
pub async fn renew(node: &Node) -> Result<Reply, Failure> {
    let until = renewed(node).await?;
    Ok(Reply {
        exit: Exit::Done,
        text: format!(
            "the certificate is renewed, until {until}; a node that runs uses it already"
        ),
        aside: String::new(),
        json: json!({ "until": until }),
    })
}

/// Does the certificate end soon, or did it?
fn due(node: &Node) -> Result<bool, Failure> {
    let until = Credentials::load(&node.home, node.identity())?.until()?;
    Ok(until.duration_since(node.clock.now()) < BEFORE)
}

/// Renews the certificate; answers with its end.
async fn renewed(node: &Node) -> Result<Timestamp, Failure> {
    let own = Credentials::load(&node.home, node.identity())?;
    let Credentials { enrolled, authorities, .. } = &own;
    if enrolled.people_url.is_empty() {
        return Err(Failure::Wrong(
            "enrolled.json does not say where a certificate is renewed\nnext: ask the operator to \
             enrol this node's enrolment.json anew"
                .into(),
        ));
    }
    let Enrolment { csr, .. } = Enrolment::of(&node.home)?;
    let der = CertificateSigningRequestDer::from_pem_slice(csr.as_bytes()).map_err(|error| {
        Failure::Wrong(format!(
            "enrolment.json holds no certificate request: {error}\nnext: restore it from your \
             backup"
        ))
    })?;
    let key = match node.identity().role {
        Role::Auditor => credentials::report_key(&node.home, node.identity())?,
        _ => credentials::signing_key(&node.home, node.identity())?,
    };
    let origin = node.link()?.1.policy()?.logs().first().map(|log| log.vkey().name().to_owned());
    let origin = origin.unwrap_or_default();
    let (identity, stated) = (node.identity().clone(), node.clock.now());
    let says = Says::Renewal { identity: identity.clone(), request: hex::encode(sha256(&der)) };
    let statement = Statement { origin, stated, says };
    let signed = statement.sign(&key).map_err(anyhow::Error::from)?;
    let body = json!({
        "identity": identity,
        "csr": csr,
        "stated": stated,
        "keyId": signed.key_id,
        "signature": hex::encode(signed.signature),
    });
    let (url, trust_domain) = (&enrolled.people_url, &enrolled.trust_domain);
    let door = Door { url, authorities, trust_domain };
    let gateway = &node.config.gateway;
    let folder = node.home.join("");
    let desk = Desk::behind(&door, |host, port| Dial::of(gateway, &folder, host, port))?;
    let answer = desk.post("/v1/renewal", None, &body).await?;
    let certificate = answer["certificate"].as_str().unwrap_or_default().to_owned();
    // What does not fit is found here, and what works stays.
    let renewed = Enrolled { certificate, ..enrolled.clone() };
    let fitting = Credentials::of(&node.home, node.identity(), renewed)?;
    connect::tls_config(&fitting)?;
    let text = serde_json::to_vec_pretty(&fitting.enrolled).map_err(anyhow::Error::from)?;
    home::write(&node.home.join("enrolled.json"), &text)?;
    fitting.until()
}
