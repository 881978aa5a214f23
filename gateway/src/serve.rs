//! What listens: translation between the wire and the components, nothing more.

pub mod admin;
mod audit;
mod carried;
mod desk;
mod enrolment;
mod gate;
mod https;
mod intake;
mod people;
mod portal;
mod public;
mod query;
mod records;
mod renewal;
mod revocations;
mod sdmx;
mod stated;
mod tls;
mod tries;
mod turned;
mod witness;

use std::{fs, path::Path, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use axum::Extension;
use birge_proto::{
    clock::SharedClock,
    identity::Identity,
    limits,
    problem::{Kind, Problem},
    wire::{
        DESCRIPTORS, admin_server::AdminServer, audit_server::AuditServer,
        intake_server::IntakeServer, people_server::PeopleServer, query_server::QueryServer,
        witness_server::WitnessServer,
    },
};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{codec::CompressionEncoding, service::Routes, transport::Server};

use self::{
    admin::AdminService,
    audit::AuditService,
    desk::Desk,
    gate::Gate,
    intake::IntakeService,
    people::PeopleService,
    portal::{Door, Portal},
    query::QueryService,
    records::Records,
    renewal::Renewals,
    revocations::Revocations,
    sdmx::Rest,
    stated::Stated,
    tls::{Credentials, Named},
    tries::Tries,
    turned::Turned,
    witness::WitnessService,
};
use crate::{
    Listeners, account::Accounts, authority::Authority, catalog::Catalog, config::Config,
    intake::Intake, journal::Reader, keys::Keys, ledger::Ledger, query::Query, recorder::Recorder,
    witness::Assembly,
};

/// How often the sums of those turned away are recorded.
const SUMS: Duration = Duration::from_secs(60);
/// How often a silent connection is tried, and how long its answer may take: on a slow line it
/// waits behind all that was sent before.
const ALIVE: Duration = Duration::from_secs(60);
const SLOWEST: Duration = Duration::from_secs(120);
/// How long handlers may take to finish at shutdown.
const FINISH: Duration = Duration::from_secs(30);

/// Reads of journal and tiles at once, for whoever reviews the log: many auditors must not keep
/// the ledger from its own turn, for receipts wait for it.
static READS: Semaphore = Semaphore::const_new(2);

/// Does work that waits for the disk, when it is its turn.
///
/// # Errors
/// What the work ends with; `INTERNAL` where it panics.
async fn reading<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let lost = || Problem::new(Kind::Internal, "the ledger could not be read");
    let _turn = READS.acquire().await.map_err(|_| lost())?;
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(lost()))
}

/// The components that are served.
pub struct Parts<'a> {
    /// The whole configuration; each service is given its own part.
    pub config: &'a Config,
    /// Private keys.
    pub keys: &'a Keys,
    /// The accounts of persons.
    pub accounts: Arc<Accounts>,
    /// What is known.
    pub catalog: Arc<Catalog>,
    /// The way to the journal.
    pub recorder: Recorder,
    /// The journal, to read.
    pub journal: Reader,
    /// Tiles and proofs.
    pub ledger: Arc<Ledger>,
    /// Where the witnesses come together.
    pub assembly: Assembly,
    /// Time.
    pub clock: SharedClock,
}

/// Serves until `stop`, then lets the handlers finish.
///
/// # Errors
/// When keys do not fit together.
pub async fn serve(parts: Parts<'_>, listeners: Listeners, stop: CancellationToken) -> Result<()> {
    let Parts { config, keys, accounts, catalog, recorder, journal, ledger, assembly, clock } =
        parts;
    let authority = Arc::new(Authority::load(&config.paths.keys)?);
    let credentials = || {
        Credentials::from_pem(
            &keys.read("tls.crt")?,
            &keys.read("tls.key")?,
            &authority.certificate,
        )
    };
    let without_clients =
        TlsAcceptor::from(Arc::new(credentials()?.without_clients(named(config)?)?));
    let revocations = Arc::new(Revocations::new(
        credentials()?,
        Arc::clone(&authority),
        &catalog,
        Arc::clone(&clock),
    )?);
    let turned = Arc::new(Turned::since(clock.now()));
    let gate = Arc::new(Gate::new(
        Arc::clone(&catalog),
        Arc::clone(&accounts),
        recorder.clone(),
        (config.quota.records_per_minute, config.quota.public_records_per_minute),
        Arc::clone(&turned),
        Arc::clone(&clock),
    ));

    let write_path = Arc::new(Intake::new(
        Arc::clone(&catalog),
        recorder.clone(),
        Arc::clone(&ledger),
        journal.clone(),
        Arc::clone(&clock),
        &config.quota,
    ));
    let intake = IntakeServer::new(IntakeService {
        gate: Arc::clone(&gate),
        intake: Arc::clone(&write_path),
    })
    .max_decoding_message_size(limits::MESSAGE_BYTES)
    .accept_compressed(CompressionEncoding::Zstd);
    let read_path =
        Arc::new(Query::new(Arc::clone(&catalog), recorder.clone(), Arc::clone(&clock)));
    let rest = Arc::new(Rest::new(
        Arc::clone(&gate),
        Arc::clone(&read_path),
        Arc::clone(&catalog),
        Arc::clone(&clock),
    ));
    let query = QueryServer::new(QueryService {
        gate: Arc::clone(&gate),
        query: Arc::clone(&read_path),
        catalog: Arc::clone(&catalog),
        clock: Arc::clone(&clock),
    });
    let records = Arc::new(Records::new(
        Arc::clone(&gate),
        Arc::clone(&catalog),
        journal.clone(),
        recorder.clone(),
        Arc::clone(&clock),
    ));
    let audit = AuditServer::new(AuditService {
        gate: Arc::clone(&gate),
        ledger: Arc::clone(&ledger),
        records: Arc::clone(&records),
        stated: Stated { catalog: Arc::clone(&catalog), journal, clock: Arc::clone(&clock) },
        assembly: assembly.clone(),
    })
    .max_decoding_message_size(audit::MESSAGE_BYTES);
    let (tries, known) = (Arc::new(Tries::new()), Arc::default());
    let portal = |door| {
        Arc::new(Portal {
            door,
            gate: Arc::clone(&gate),
            accounts: Arc::clone(&accounts),
            query: Arc::clone(&read_path),
            rest: Arc::clone(&rest),
            catalog: Arc::clone(&catalog),
            ledger: Arc::clone(&ledger),
            records: Arc::clone(&records),
            assembly: assembly.clone(),
            turned: Arc::clone(&turned),
            tries: Arc::clone(&tries),
            clock: Arc::clone(&clock),
            people: config.portal.people.clone(),
            known: Arc::clone(&known),
        })
    };
    let (for_anybody, for_people) = (portal(Door::Public), portal(Door::People));
    let desk = Desk {
        gate: Arc::clone(&gate),
        accounts: Arc::clone(&accounts),
        turned: Arc::clone(&turned),
        query: query.clone(),
        audit: audit.clone(),
        rest: sdmx::router(Arc::clone(&rest)),
        renewals: Arc::new(Renewals {
            catalog: Arc::clone(&catalog),
            recorder: recorder.clone(),
            authority: Arc::clone(&authority),
            trust_domain: config.exchange.trust_domain.clone(),
            clock: Arc::clone(&clock),
        }),
        tries: Arc::clone(&tries),
        portal: for_people,
    };
    let people = PeopleServer::new(PeopleService { gate: Arc::clone(&gate), accounts });
    let witness = WitnessServer::new(WitnessService {
        gate: Arc::clone(&gate),
        assembly,
        stop: stop.clone(),
    })
    .max_decoding_message_size(witness::MESSAGE_BYTES);
    let admin = AdminServer::new(AdminService {
        gate: Arc::clone(&gate),
        catalog,
        recorder,
        authority,
        revocations: Arc::clone(&revocations),
        trust_domain: config.exchange.trust_domain.clone(),
        intake: write_path,
        clock,
    })
    .max_decoding_message_size(limits::MESSAGE_BYTES);
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_service_status("", tonic_health::ServingStatus::Serving).await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()?;

    let public_log = public::Open {
        ledger,
        query: query.clone(),
        rest: sdmx::router(Arc::clone(&rest)),
        portal: for_anybody,
        turned: Arc::clone(&turned),
    };
    let public_log = tokio::spawn(public::serve(
        listeners.public,
        without_clients.clone(),
        public_log,
        stop.clone(),
    ));
    let desk = tokio::spawn(desk::serve(listeners.people, without_clients, desk, stop.clone()));
    let sums = tokio::spawn(record_sums(Arc::clone(&gate), stop.clone()));
    let (systems, ending) = (sdmx::for_systems(&rest), stop.clone());
    let tracker = TaskTracker::new();
    let tracked = tracker.clone();
    let plain = move |connection: tls::Connection| {
        let router = systems.clone().layer(Extension(connection.peer().clone()));
        tracked.spawn(https::speak(connection, false, router, 1, ending.clone()));
    };
    let connections = tls::accept(
        listeners.exchange,
        revocations.config(),
        config.exchange.trust_domain.clone(),
        turned,
        stop.clone(),
        plain,
    );
    // Systems that ask with SDMX clients show their certificate here, too.
    let services = Routes::from(sdmx::for_systems(&rest))
        .add_service(health_service)
        .add_service(reflection)
        .add_service(intake)
        .add_service(query)
        .add_service(audit)
        .add_service(admin)
        .add_service(people)
        .add_service(witness);
    let serving = Server::builder()
        .http2_keepalive_interval(Some(ALIVE))
        .http2_keepalive_timeout(Some(SLOWEST))
        .initial_stream_window_size(4 << 20)
        .initial_connection_window_size(8 << 20)
        .max_concurrent_streams(Some(256))
        .add_routes(services)
        .serve_with_incoming_shutdown(
            ReceiverStream::new(connections),
            stop.clone().cancelled_owned(),
        );
    let finish = async {
        stop.cancelled().await;
        tokio::time::sleep(FINISH).await;
    };
    let served = tokio::select! {
        served = serving => served.map_err(Into::into),
        () = finish => {
            tracing::warn!("some requests did not finish in time and are cut off");
            Ok(())
        }
    };
    stop.cancel();
    tracker.close();
    drop(tokio::time::timeout(FINISH, tracker.wait()).await);
    drop(public_log.await);
    drop(desk.await);
    drop(sums.await);
    served
}

/// The certificate by which browsers know the portal, where there is one.
fn named(config: &Config) -> Result<Option<Named>> {
    let Some((certificate, key)) =
        config.portal.certificate.as_ref().zip(config.portal.key.as_ref())
    else {
        return Ok(None);
    };
    let read = |path: &Path| {
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
    };
    let named = Named::from_pem(&read(certificate)?, &read(key)?, &config.exchange.server_names);
    named.map(Some).with_context(|| format!("[portal] certificate {}", certificate.display()))
}

async fn record_sums(gate: Arc<Gate>, stop: CancellationToken) -> Result<()> {
    let gateway = Identity::gateway();
    loop {
        let stopping = tokio::time::timeout(SUMS, stop.cancelled()).await.is_ok();
        if let Err(problem) = gate.record_turned(&gateway).await {
            tracing::warn!(%problem, "the sums of those turned away could not be recorded");
        }
        if stopping {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        thread,
    };

    use super::*;

    #[tokio::test]
    async fn two_read_at_a_time() {
        static RUNNING: AtomicUsize = AtomicUsize::new(0);
        static MOST: AtomicUsize = AtomicUsize::new(0);
        let read = || {
            MOST.fetch_max(RUNNING.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            while MOST.load(Ordering::SeqCst) < 2 {
                thread::yield_now();
            }
            (0..10_000).for_each(|_| thread::yield_now()); // for others to come in
            RUNNING.fetch_sub(1, Ordering::SeqCst);
            Ok(())
        };
        futures::future::try_join_all((0..8).map(|_| reading(read))).await.unwrap();
        assert_eq!(MOST.load(Ordering::SeqCst), 2);
    }
}
