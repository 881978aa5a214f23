//! The centre of the exchange.
//!
//! A batch comes in through [`serve`], walks down [`intake`] (signature, rules, decree,
//! disclosure) and is committed to the [`journal`], in whose writer [`sequence`] has the last
//! word. The [`ledger`] follows the journal and gives the proof that goes back as a receipt.
//! The [`catalog`] follows it too and holds what [`query`] answers from, over gRPC or in the
//! words and forms of [`sdmx`], or as people look at it, of [`view`]. [`erasure`] takes old
//! names of persons out of it; [`account`] holds what persons sign in with. The [`witness`]es
//! cosign what the ledger signs; by [`succession`] one of the log's keys follows on another, and
//! one log on another. [`reminder`]s go to those who owe figures. [`decree`] and [`disclosure`]
//! are pure. [`run`] puts the parts together and takes them down in order.

pub mod account;
pub mod authority;
pub mod catalog;
pub mod ceremony;
pub mod cli;
pub mod config;
pub mod decree;
pub mod disclosure;
pub mod erasure;
pub mod history;
pub mod i18n;
pub mod init;
pub mod intake;
pub mod journal;
pub mod keys;
pub mod ledger;
pub mod log_key;
pub mod maintenance;
pub mod operator;
mod own_certificates;
pub mod public_release;
pub mod query;
pub mod recorder;
pub mod registry;
pub mod reminder;
pub mod sdmx;
pub mod sequence;
pub mod serve;
pub mod submission;
pub mod succession;
pub mod turns;
pub mod view;
mod whole_file;
pub mod witness;
pub mod wrong;

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use anyhow::{Context, Result, anyhow};
use birge_proto::{clock::SharedClock, identity::Identity};
use futures::FutureExt;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::oneshot,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{
    account::Accounts,
    catalog::Catalog,
    config::Config,
    journal::{Journal, Opened},
    keys::Keys,
    ledger::Ledger,
    recorder::Recorder,
    reminder::{Mailer, Reminders},
    sequence::Order,
    serve::Parts,
    witness::{Gatherer, Standing},
};

/// How long those who are being answered may take when something has failed.
const FAREWELL: Duration = Duration::from_secs(5);

/// The sockets that the gateway listens on.
pub struct Listeners {
    /// gRPC over mutual TLS.
    pub exchange: TcpListener,
    /// The log over HTTPS.
    pub public: TcpListener,
    /// What is for persons, over HTTPS.
    pub people: TcpListener,
}

impl Listeners {
    /// Binds the configured addresses.
    ///
    /// # Errors
    /// When one is in use or not ours.
    pub async fn bind(listen: &config::Listen) -> Result<Self> {
        let bind = |address: SocketAddr| async move {
            TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
        };
        Ok(Self {
            exchange: bind(listen.exchange).await?,
            public: bind(listen.public).await?,
            people: bind(listen.people).await?,
        })
    }
}

/// Waits for SIGINT or SIGTERM.
///
/// # Errors
/// When signals cannot be watched.
pub async fn signalled() -> io::Result<()> {
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// A gateway that serves.
#[derive(Debug, Clone)]
pub struct Ready {
    /// Where.
    pub address: SocketAddr,
    /// How many participants' witnesses must still say what they hold; until they do, only the
    /// log is read.
    pub awaited: usize,
    /// The participants that have not, of whom so many must.
    pub silent: Vec<Identity>,
}

/// Runs the gateway until `stop`; tells `ready` once it serves. It writes nothing before
/// enough witnesses have said what they hold, unless it is to start `unwitnessed`.
///
/// Down it goes in this order: no new connections; handlers finish; the journal commits what
/// waits; the last checkpoint is published; the followers stop.
///
/// # Errors
/// When its state cannot be opened, when the journal fences it, or when somebody holds a
/// checkpoint that contradicts the log.
pub async fn run(
    config: Config,
    listeners: Listeners,
    clock: SharedClock,
    unwitnessed: bool,
    stop: CancellationToken,
    ready: impl FnOnce(Ready),
) -> Result<()> {
    let name = config.exchange.server_names.first();
    let mailer = config.reminders.as_ref().map(|mail| Mailer::new(mail, name)).transpose()?;
    let keys = Keys::in_folder(&config.paths.keys);
    own_certificates::renew_server(&keys, &config.exchange, &clock)?;
    let opened = Opened::open(&config.paths.journal, config.journal.clone())?;
    let (catalog, follower) = Catalog::open(&config.paths.index, opened.reader())?;
    let registry = catalog.read(|state| state.registry.clone());
    let signers = log_key::signers(&keys, registry.log())?;
    if registry.log().origin() != config.exchange.origin {
        let (log, configured) = (registry.log().origin(), &config.exchange.origin);
        tracing::warn!(log, configured, "the configuration names another log: set its origin");
    }
    let journal = opened.start(Arc::clone(&clock), Order::new(registry))?;

    let (ledger, settler) =
        Ledger::open(&config.paths.ledger, config.ledger, signers, journal.reader())?;
    let ledger = Arc::new(ledger);
    let (follower_failed, mut failure) = oneshot::channel();
    let following = tokio::task::spawn_blocking(move || {
        if let Err(error) = follower.follow() {
            let _ = follower_failed.send(error); // nobody listens once the gateway stops
        }
    });

    let standing = Standing::unknown();
    let (recorder, barred) = (Recorder::new(journal.clone(), standing.barred()), standing.barred());
    let reminding = config.reminders.clone().zip(mailer).map(|(mail, mailer)| {
        let (catalog, clock) = (Arc::clone(&catalog), Arc::clone(&clock));
        let reminders = Reminders::new(mail, mailer, &config.paths.reminders, catalog, clock);
        tokio::spawn(reminders.run(standing.barred(), stop.clone()))
    });
    let (mut gatherer, assembly, mut alarm) = Gatherer::new(
        config.witnesses,
        Arc::clone(&catalog),
        (Arc::clone(&ledger), settler),
        recorder.clone(),
        Arc::clone(&clock),
        stop.clone(),
    );
    gatherer.reach(&config.witness, &keys.read("ca.crt")?)?;
    let mut gathering = tokio::spawn(gatherer.gather());
    let awaited = if unwitnessed { 0 } else { Standing::awaited(&assembly) };
    let unsigned = |cause| anyhow!("the ledger failed: {cause}");
    if unwitnessed {
        let begun = standing.override_by_operator(&assembly, &ledger, &recorder).await;
        begun.map_err(unsigned)?;
    } else if awaited == 0 {
        standing.reach(assembly.clone(), Arc::clone(&ledger)).await.map_err(unsigned)?;
    } else {
        tokio::spawn(standing.reach(assembly.clone(), Arc::clone(&ledger)));
    }
    let newest = ledger.checkpoint().borrow().checkpoint.size();
    drop(ledger.settled().wait_for(|settled| settled.checkpoint.size() >= newest).await);

    let accounts = Arc::new(Accounts::open(
        &config.paths.accounts,
        config.accounts.clone(),
        config.exchange.trust_domain.clone(),
        Arc::clone(&catalog),
        recorder.clone(),
        Arc::clone(&clock),
    )?);
    tokio::spawn(Arc::clone(&accounts).reconcile(barred.clone()));
    let operator = own_certificates::renew_operator(
        Keys::in_folder(&config.paths.keys),
        config.exchange.clone(),
        recorder.clone(),
        Arc::clone(&clock),
        barred,
    );
    tokio::spawn(async {
        if let Err(error) = operator.await {
            tracing::warn!("the operator's certificate is not renewed: {error:#}");
        }
    });
    let releasing = tokio::spawn(public_release::release(
        Arc::clone(&catalog),
        recorder.clone(),
        Arc::clone(&clock),
        stop.clone(),
    ));
    let parts = Parts {
        config: &config,
        keys: &keys,
        accounts,
        catalog: Arc::clone(&catalog),
        recorder,
        journal: journal.reader(),
        ledger: Arc::clone(&ledger),
        assembly,
        clock,
    };
    tracing::info!(
        records = journal.reader().size(),
        decrees = catalog.read(|state| state.registry.decrees()),
        awaited,
        "serving"
    );
    let silent = if awaited > 0 { Standing::silent(&parts.assembly) } else { vec![] };
    ready(Ready { address: listeners.exchange.local_addr()?, awaited, silent });
    let mut serving = pin!(serve::serve(parts, listeners, stop.clone()));
    let fault = async {
        tokio::select! {
            error = failed(&journal, &ledger, &mut failure) => error,
            Some(contradiction) = alarm.recv() => contradiction.into(),
            Ok(Err(error)) = &mut gathering => error.context("no checkpoint can be settled"),
        }
    };
    let served = tokio::select! {
        served = &mut serving => served,
        error = fault => {
            // Who is being answered is to hear why, not to lose the connection.
            stop.cancel();
            drop(timeout(FAREWELL, serving).await);
            Err(error)
        }
    };
    stop.cancel();
    drop(releasing.await);
    if let Some(reminding) = reminding {
        drop(timeout(FAREWELL, reminding).await); // a mail that is under way
    }
    journal.close().await;
    ledger.finish().await;
    following.await?;
    catalog.flush();
    served?;
    // What failed while it was taken down is no good end either.
    if let Some(error) = failed(&journal, &ledger, &mut failure).now_or_never() {
        return Err(error);
    }
    tracing::info!(records = journal.reader().size(), "stopped");
    Ok(())
}

/// Waits until one of the parts that must not fail has failed, and says why.
async fn failed(
    journal: &Journal<Order>,
    ledger: &Ledger,
    follower: &mut oneshot::Receiver<anyhow::Error>,
) -> anyhow::Error {
    tokio::select! {
        cause = journal.fenced() => anyhow!("the journal fenced the gateway: {cause}"),
        Ok(error) = follower => error.context("the catalogue failed"),
        cause = ledger.failed() => anyhow!("the ledger failed: {cause}"),
    }
}
