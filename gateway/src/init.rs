//! `gateway init`: a new exchange from nothing. Keys, certificates, configuration, and the
//! first records of the log: its genesis, the structures, the decree, the operator.

use std::{
    fs::{self, DirBuilder},
    os::unix::fs::DirBuilderExt,
    path::PathBuf,
};

use anyhow::{Context, Result};
use birge_proto::{
    clock::SharedClock,
    envelope::{DECREE_TYPE, sha256},
    identity::Identity,
    record::Event,
    tlog::note::NoteSigner,
};
use birge_schemas::{decree, structure::Structures};

use crate::{
    authority::{Authority, Issued},
    config::{Config, Exchange, Listen, Paths, Quota},
    decree::Decree,
    journal::{Class, JournalConfig, Opened},
    keys::Keys,
    ledger::LedgerConfig,
    sequence::{Draft, Order},
    serve::admin::enacted,
};

/// What `init` is told.
pub struct Plan {
    /// The folder to make.
    pub dir: PathBuf,
    /// Names of the exchange.
    pub exchange: Exchange,
    /// Where it will listen.
    pub listen: Listen,
    /// The decree's folder; the bundled model decree when absent.
    pub decree: Option<PathBuf>,
}

/// The folder holds an exchange already.
#[derive(Debug, thiserror::Error)]
#[error("{} exists: this folder holds an exchange already", .0.display())]
pub struct Exists(PathBuf);

/// Makes the exchange; answers with the path of its configuration.
///
/// # Errors
/// When the folder holds an exchange already, or something cannot be written.
pub async fn init(plan: Plan, clock: SharedClock) -> Result<PathBuf> {
    let file = plan.dir.join("gateway.toml");
    if file.exists() {
        return Err(Exists(file).into());
    }
    let decree_bytes = match &plan.decree {
        Some(folder) => decree::from_folder(folder)?,
        None => decree::model()?,
    };
    let decree = Decree::from_bundle(&decree_bytes)?;

    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(plan.dir.join("keys"))
        .with_context(|| format!("cannot create {}", plan.dir.display()))?;
    let config = Config {
        exchange: plan.exchange,
        listen: plan.listen,
        paths: Paths::default(),
        journal: JournalConfig::default(),
        ledger: LedgerConfig::default(),
        quota: Quota::default(),
    };
    let text = toml::to_string(&config)?;
    let keys = Keys::in_folder(&plan.dir.join("keys"));
    let operator: Identity = "operator/BIRGE".parse()?;
    let issued = certificates(&keys, &config, &operator, &clock)?;

    let log_key = NoteSigner::new(&config.exchange.origin, keys.create_signing_key("log.key")?)?;
    let authority_key = keys.create_signing_key("authority.key")?;
    let structures = Structures::bundled()?.to_bundle();
    let signature = authority_key.sign(DECREE_TYPE, &decree_bytes);
    let authority_id = authority_key.verifying_key().id();
    let enactment = enacted(&decree, &decree_bytes, &authority_id, &signature);
    let events = vec![
        (
            Event::Genesis {
                origin: config.exchange.origin.clone(),
                log_key: log_key.verifier().to_string(),
                authority_keys: vec![hex::encode(authority_key.verifying_key().0)],
            },
            None,
        ),
        (
            Event::StructuresAdopted { digest: hex::encode(sha256(&structures)) },
            Some(structures.into()),
        ),
        (enactment, Some(decree_bytes.into())),
        (
            Event::ParticipantEnrolled {
                identity: operator.clone(),
                serial: issued.serial,
                certificate: issued.digest,
                signing_key: None,
            },
            None,
        ),
    ];
    let opened = Opened::open(&plan.dir.join("journal"), config.journal)?;
    let journal = opened.start(clock, Order::default())?;
    let draft = Draft { actor: operator, parties: vec![], decree: None, events, signed_by: None };
    journal.append(Class::Administration, draft).await?;
    journal.close().await;

    // Written last: a folder without it is not an exchange, and `init` may be tried again.
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

fn certificates(
    keys: &Keys,
    config: &Config,
    operator: &Identity,
    clock: &SharedClock,
) -> Result<Issued> {
    let Exchange { trust_domain, server_names, .. } = &config.exchange;
    let now = clock.now();
    let (authority, key) = Authority::create(trust_domain, now)?;
    keys.write("ca.key", &key)?;
    keys.write("ca.crt", &authority.certificate)?;
    let gateway: Identity = "gateway/BIRGE".parse()?;
    let (server, key) = authority.issue_own(&gateway, trust_domain, server_names, now)?;
    keys.write("tls.key", &key)?;
    keys.write("tls.crt", &server.pem)?;
    let (issued, key) = authority.issue_own(operator, trust_domain, &[], now)?;
    keys.write("operator.key", &key)?;
    keys.write("operator.crt", &issued.pem)?;
    Ok(issued)
}
