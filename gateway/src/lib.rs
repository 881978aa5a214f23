//! The centre of the exchange.
//!
//! A batch comes in through [`serve`], walks down [`intake`] (signature, rules, decree,
//! disclosure) and is committed to the [`journal`], in whose writer [`sequence`] has the last
//! word. The [`ledger`] follows the journal and gives the proof that goes back as a receipt.
//! The [`catalog`] follows it too and holds what [`query`] answers from. [`decree`] and
//! [`disclosure`] are pure. [`run`] puts the parts together and takes them down in order.

pub mod authority;
pub mod catalog;
pub mod cli;
pub mod config;
pub mod decree;
pub mod disclosure;
pub mod init;
pub mod intake;
pub mod journal;
pub mod keys;
pub mod ledger;
pub mod maintenance;
pub mod operator;
pub mod query;
pub mod recorder;
pub mod registry;
pub mod sequence;
pub mod serve;
pub mod submission;
pub mod turns;

use std::{io, net::SocketAddr, sync::Arc};

use anyhow::{Context, Result, anyhow};
use birge_proto::{clock::SharedClock, tlog::note::NoteSigner};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};
use tokio_util::sync::CancellationToken;

use crate::{
    catalog::Catalog, config::Config, journal::Opened, keys::Keys, ledger::Ledger,
    recorder::Recorder, sequence::Order, serve::Parts,
};

/// The two sockets that the gateway listens on.
pub struct Listeners {
    /// gRPC over mutual TLS.
    pub exchange: TcpListener,
    /// The log over HTTPS.
    pub public: TcpListener,
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
        Ok(Self { exchange: bind(listen.exchange).await?, public: bind(listen.public).await? })
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

/// Runs the gateway until `stop`; tells `ready` the address once it serves.
///
/// Down it goes in this order: no new connections; handlers finish; the journal commits what
/// waits; the last checkpoint is published; the followers stop.
///
/// # Errors
/// When its state cannot be opened, or when the journal fences it.
pub async fn run(
    config: Config,
    listeners: Listeners,
    clock: SharedClock,
    stop: CancellationToken,
    ready: impl FnOnce(SocketAddr),
) -> Result<()> {
    let keys = Keys::in_folder(&config.paths.keys);
    let opened = Opened::open(&config.paths.journal, config.journal.clone())?;
    let (catalog, follower) = Catalog::open(&config.paths.index, opened.reader())?;
    let order = Order::new(catalog.read(|state| state.registry.clone()));
    let journal = opened.start(Arc::clone(&clock), order)?;

    let signer = NoteSigner::new(&config.exchange.origin, keys.signing_key("log.key")?)?;
    let ledger = Ledger::open(&config.paths.ledger, config.ledger, signer, journal.reader())?;
    let ledger = Arc::new(ledger);
    let (follower_failed, failure) = oneshot::channel();
    let following = tokio::task::spawn_blocking(move || {
        if let Err(error) = follower.follow() {
            let _ = follower_failed.send(error); // nobody listens once the gateway stops
        }
    });

    let parts = Parts {
        config: &config,
        keys: &keys,
        catalog: Arc::clone(&catalog),
        recorder: Recorder::new(journal.clone()),
        journal: journal.reader(),
        ledger: Arc::clone(&ledger),
        clock,
    };
    tracing::info!(
        records = journal.reader().size(),
        decrees = catalog.read(|state| state.registry.decrees()),
        "serving"
    );
    ready(listeners.exchange.local_addr()?);
    let served = tokio::select! {
        served = serve::serve(parts, listeners, stop) => served,
        cause = journal.fenced() => Err(anyhow!("the journal fenced the gateway: {cause}")),
        Ok(error) = failure => Err(error.context("the catalogue failed")),
        cause = ledger.failed() => Err(anyhow!("the ledger failed: {cause}")),
    };
    journal.close().await;
    ledger.finish().await;
    following.await?;
    catalog.flush();
    tracing::info!(records = journal.reader().size(), "stopped");
    served
}
