//! `gateway init`: a new exchange from nothing. Keys, certificates, configuration, and the
//! first records of the log: its genesis, the structures, the decree, the operator.

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use birge_proto::{
    clock::SharedClock,
    envelope::sha256,
    identity::Identity,
    record::{Event, KeySignature},
    signatories::Signatories,
    statement::Says,
    tlog::{cosignature::CosignatureVerifier, note::NoteSigner},
};
use birge_schemas::{decree, structure::Structures};

use crate::{
    account::AccountConfig,
    authority::{Authority as CertificateAuthority, Issued},
    ceremony::{self, DecreeSignature, Enrolment},
    config::{Config, Exchange, Listen, Paths, Portal, Quota},
    decree::Decree,
    journal::{Class, JournalConfig, Opened},
    keys::{Keys, create_signing_key},
    ledger::LedgerConfig,
    sequence::{Draft, Order},
    serve::admin::enacted,
    witness::WitnessConfig,
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
    /// Whose signatures decrees need.
    pub authority: Authority,
    /// Enrolments of witnesses whose keys are pinned from the start.
    pub witnesses: Vec<PathBuf>,
}

/// Whose signatures decrees need.
pub enum Authority {
    /// A single key made here, in a folder of its own that is to be carried away.
    Here,
    /// Keys that never were on this machine.
    Elsewhere {
        /// Their public halves, and how many of them must sign.
        signatories: Signatories,
        /// What they signed of the first decree.
        signatures: Vec<DecreeSignature>,
    },
}

/// What the ceremony was given does not fit together.
#[derive(Debug, thiserror::Error)]
#[error("{0:#}")]
pub struct Unfit(anyhow::Error);

/// The folder holds an exchange already.
#[derive(Debug, thiserror::Error)]
#[error("{} exists: this folder holds an exchange already", .0.display())]
pub struct Exists(PathBuf);

/// Makes the exchange; answers with the path of its configuration.
///
/// # Errors
/// When the folder holds an exchange already, what it is given does not fit together, or
/// something cannot be written.
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
    let origin = plan.exchange.origin.clone();
    let witness_keys = witness_keys(&plan, &decree).map_err(Unfit)?;
    let elsewhere = match plan.authority {
        Authority::Here => None,
        Authority::Elsewhere { signatories, signatures } => {
            let signed = ceremony::founding(&decree_bytes, &signatories, &signatures);
            Some((signatories, signed.map_err(Unfit)?))
        }
    };

    create_folder(&plan.dir.join("keys"))?;
    let config = Config {
        exchange: plan.exchange,
        listen: plan.listen,
        paths: Paths::default(),
        journal: JournalConfig::default(),
        ledger: LedgerConfig::default(),
        quota: Quota::default(),
        accounts: AccountConfig::default(),
        witnesses: WitnessConfig::default(),
        witness: vec![],
        portal: Portal::default(),
        reminders: None,
    };
    let text = toml::to_string(&config)?;
    let keys = Keys::in_folder(&plan.dir.join("keys"));
    let operator: Identity = "operator/BIRGE".parse()?;
    let issued = certificates(&keys, &config, &operator, &clock)?;

    let log_key = NoteSigner::new(&origin, keys.create_signing_key("log.key")?)?;
    let (signatories, signatures) = match elsewhere {
        Some(elsewhere) => elsewhere,
        None => own_authority(&plan.dir, &decree_bytes)?,
    };
    let enactment = enacted(&decree, &decree_bytes, signatures);
    let structures = Structures::bundled()?.to_bundle();
    let events = vec![
        (
            Event::Genesis {
                origin,
                log_key: log_key.verifier().to_string(),
                authority_keys: signatories.to_hex(),
                authority_quorum: signatories.quorum(),
                witness_keys,
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
                witness_key: None,
                authorised: None,
            },
            None,
        ),
    ];
    let opened = Opened::open(&plan.dir.join("journal"), config.journal)?;
    let journal = opened.start(clock, Order::default())?;
    let draft = Draft {
        actor: operator,
        parties: vec![],
        decree: None,
        events,
        signed_by: None,
        persons: BTreeMap::new(),
    };
    journal.append(Class::Administration, draft).await?;
    journal.close().await;

    // Written last: a folder without it is not an exchange, and `init` may be tried again.
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

/// An authority of one key, made here, and its signature over the first decree.
fn own_authority(dir: &Path, decree: &[u8]) -> Result<(Signatories, Vec<KeySignature>)> {
    create_folder(&dir.join("authority"))?;
    let key = create_signing_key(&dir.join("authority/authority.key"))?;
    let signatories = Signatories::new(vec![key.verifying_key()], 1)?;
    Ok((signatories, vec![DecreeSignature::make(decree, &key)?.into()]))
}

/// The keys of the witnesses that are known from the start. An authority that is elsewhere
/// must have countersigned them; one that is made here can only have looked at them.
fn witness_keys(plan: &Plan, decree: &Decree) -> Result<BTreeMap<Identity, String>> {
    let mut keys = BTreeMap::new();
    for path in &plan.witnesses {
        let enrolment = Enrolment::read(path)?;
        if let Authority::Elsewhere { signatories, .. } = &plan.authority {
            let origin = &plan.exchange.origin;
            enrolment
                .verify(origin, signatories.keys())
                .with_context(|| path.display().to_string())?;
        }
        let Says::Enrolment { identity, signing_key, witness_key, .. } = enrolment.says()? else {
            continue;
        };
        let shown = path.display();
        ensure!(
            decree.witnesses().include(&identity),
            "{shown}: {identity} is no witness by the decree"
        );
        let witness_key = witness_key
            .with_context(|| format!("{shown}: {identity} has no key to witness with"))?;
        let taken = keys.insert(identity.clone(), (signing_key, witness_key)).is_some();
        ensure!(!taken, "{shown}: there are two enrolments of {identity}");
    }
    let mut uses = BTreeMap::new();
    for (identity, (signing_key, witness_key)) in &keys {
        let witness_key = hex::encode(CosignatureVerifier::from_vkey(witness_key)?.vkey().key().0);
        for key in signing_key.iter().cloned().chain([witness_key]) {
            if let Some(other) = uses.insert(key, identity) {
                bail!("{identity} has a key that {other} has too: each witness has its own");
            }
        }
    }
    Ok(keys.into_iter().map(|(identity, (_, witness_key))| (identity, witness_key)).collect())
}

fn create_folder(path: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("cannot create {}", path.display()))
}

fn certificates(
    keys: &Keys,
    config: &Config,
    operator: &Identity,
    clock: &SharedClock,
) -> Result<Issued> {
    let Exchange { trust_domain, server_names, .. } = &config.exchange;
    let now = clock.now();
    let (authority, key) = CertificateAuthority::create(trust_domain, now)?;
    keys.write("ca.key", &key)?;
    keys.write("ca.crt", &authority.certificate)?;
    let gateway = Identity::gateway();
    let (server, key) = authority.issue_own(&gateway, trust_domain, server_names, now)?;
    keys.write("tls.key", &key)?;
    keys.write("tls.crt", &server.pem)?;
    let (issued, key) = authority.issue_own(operator, trust_domain, &[], now)?;
    keys.write("operator.key", &key)?;
    keys.write("operator.crt", &issued.pem)?;
    Ok(issued)
}
