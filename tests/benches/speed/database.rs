//! The exchange against a PostgreSQL that holds the same million observations, with a primary key,
//! foreign keys to the code lists, checks, and synchronous commit: a submission against `COPY`,
//! slices over TLS against an indexed `SELECT` over TLS, all of it as CSV against `COPY TO`.

use std::{
    fs::{self, Permissions},
    io::Write,
    os::unix::fs::PermissionsExt,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use birge_proto::wire::{AskRequest, Columns, StatusRequest, ask_response::Part};
use birge_schemas::structure::{Structure, Structures};
use birge_tests::{
    answer::request,
    bare::Bare,
    batch::{self, Batch},
    client::{self, Client, Credentials},
    exchange::Exchange,
    node::Node,
    postgres::{PASSWORD, Postgres},
};
use futures::{TryStreamExt, future::try_join_all};
use prost::Message;
use rustls::{ClientConfig, crypto::aws_lc_rs};
use tokio::runtime::Runtime;
use tokio_postgres::{Config, config::SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::ratio;

const ROUNDS: usize = 2;
const SLICES: usize = 6_000;
/// Connections of one participant at most, with some to spare.
const CONNECTIONS: usize = 48;
const DATASET: &str = "MIG_STOCK";

pub(crate) fn run() -> Result<()> {
    let options = "-c fsync=on -c synchronous_commit=on -c shared_buffers=1GB -c max_wal_size=4GB \
                   -c max_connections=300";
    let Some(postgres) = Postgres::start_with(options)? else { return Ok(()) };
    let structures = Structures::bundled()?;
    let structure = structures.get(DATASET).context("no such dataset")?;
    let text = batch::large_csv(1985..2025, 1_000_000)?;
    let (names, file) = rows_of(&text)?;
    make(&postgres, structure, &names)?;

    let batch = Batch::from_csv("NSC", &text, 65_536)?;
    let runtime = Runtime::new()?;
    let copy = format!("COPY stock ({}) FROM '{}' CSV", names.join(","), file.path().display());
    let mut best = (Duration::MAX, Duration::MAX);
    let mut held = None;
    for _ in 0..ROUNDS {
        postgres.sql("TRUNCATE stock")?;
        best.0 = best.0.min(ratio::time(|| postgres.sql(&copy).map(drop))?);
        let (exchange, nsc) = exchange()?;
        best.1 = best.1.min(runtime.block_on(submit(&exchange, &nsc, &batch))?);
        held = Some((exchange, nsc));
    }
    let name = "submission of 1,000,000 observations, signed to receipted / PostgreSQL COPY";
    ratio::tell(name, "observations/s", batch.manifest.observations, best, Some(10.0));
    let (exchange, nsc) = held.context("no round")?;
    postgres.sql(
        "CREATE INDEX ON stock (country_birth, age, time_period); ANALYZE stock; \
         GRANT SELECT ON stock TO reader",
    )?;
    runtime.block_on(async {
        // Over as many connections to either; each carries several questions at once.
        for (at_once, connections) in [(32, 32), (32, 4), (200, CONNECTIONS), (200, 8)] {
            slices(&postgres, &exchange, &nsc, (at_once, connections)).await?;
        }
        whole(&postgres, &exchange, &nsc, batch.manifest.observations as usize).await
    })
}

fn exchange() -> Result<(Exchange, Node)> {
    let mut exchange = Exchange::start()?;
    let nsc = exchange.node("agency/NSC")?;
    exchange.stop()?.expect_code(0)?;
    exchange.set("quota", "records_per_minute", 100_000_000)?;
    exchange.serve()?;
    Ok((exchange, nsc))
}

async fn submit(exchange: &Exchange, nsc: &Node, batch: &Batch) -> Result<Duration> {
    let (key, client) = (client::signing_key(nsc)?, Client::of(nsc, exchange.address()).await?);
    let start = Instant::now();
    let answer = client.submit(batch.sign(&key)?.parts()).await?;
    ensure!(answer.receipt.is_some(), "no receipt");
    Ok(start.elapsed())
}

/// The columns of a text in the common template, and its rows without what speaks of the batch,
/// in a file that the database may read.
fn rows_of(text: &str) -> Result<(Vec<String>, tempfile::NamedTempFile)> {
    let own = |line: &str| line.split_once(',').map(|(_, rest)| rest.to_owned());
    let mut lines = text.lines();
    let heading = lines.next().and_then(own).context("no heading")?;
    let names = heading.split(',').map(str::to_lowercase).collect();
    let mut file = tempfile::NamedTempFile::new()?;
    for line in lines.filter_map(own) {
        writeln!(file, "{line}")?;
    }
    fs::set_permissions(file.path(), Permissions::from_mode(0o644))?;
    Ok((names, file))
}

/// A table that refuses what the exchange refuses of single observations.
fn make(postgres: &Postgres, structure: &Structure, names: &[String]) -> Result<()> {
    let mut statements = String::new();
    let mut columns = vec![];
    for dimension in structure.coded() {
        let name = dimension.id.to_lowercase();
        let codes: Vec<_> = dimension.allowed().map(|code| format!("('{code}')")).collect();
        statements += &format!(
            "CREATE TABLE cl_{name} (id text PRIMARY KEY); INSERT INTO cl_{name} VALUES {};",
            codes.join(",")
        );
        columns.push(format!("{name} text NOT NULL REFERENCES cl_{name}"));
    }
    let keys: Vec<_> = structure.dimensions.iter().map(|own| own.id.to_lowercase()).collect();
    ensure!(keys.iter().all(|key| names.contains(key)), "{keys:?} of {names:?}");
    statements += &format!(
        "CREATE TABLE stock ({}, time_period text NOT NULL CHECK (time_period ~ '^[0-9]{{4}}$'), \
         obs_value double precision CHECK (obs_value >= 0 AND obs_value = floor(obs_value)), \
         obs_status text NOT NULL CHECK (obs_status <> ''), PRIMARY KEY ({}))",
        columns.join(","),
        keys.join(",")
    );
    postgres.sql(&statements).map(drop)
}

async fn connect(postgres: &Postgres) -> Result<tokio_postgres::Client> {
    let mut config: Config = postgres.url("localhost").parse()?;
    config.password(PASSWORD).ssl_mode(SslMode::Require);
    let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(client::roots(&fs::read_to_string(postgres.authority())?)?)
        .with_no_client_auth();
    let (client, connection) = config.connect(MakeRustlsConnect::new(tls)).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Of one age and one country of birth all years, by sex, asked by so many at once; and how many
/// calls there are, over as many connections to a server in this process, that do nothing but
/// answer with as many bytes.
async fn slices(
    postgres: &Postgres,
    exchange: &Exchange,
    nsc: &Node,
    (at_once, connections): (usize, usize),
) -> Result<()> {
    let births = ["RU", "KZ", "TJ", "UZ", "DE", "TR", "CN", "US"];
    let birth = |number: usize| births[number % births.len()];
    let mut database = vec![];
    for _ in 0..connections {
        let client = connect(postgres).await?;
        let wanted = "SELECT * FROM stock WHERE country_birth = $1 AND age = $2";
        let statement = client.prepare(wanted).await?;
        database.push((client, statement));
    }
    let asked = |number| request(DATASET, &[("AGE", "Y15T19"), ("COUNTRY_BIRTH", birth(number))]);
    let answer = Client::of(nsc, exchange.address()).await?.ask(asked(0)).await?;
    let provenance = answer.provenance.clone().unwrap_or_default().encode_to_vec();
    let bytes = [answer.bytes.clone(), provenance].concat();
    let server = Bare::start(exchange, bytes).await?;
    let (mut real, mut bare) = (vec![], vec![]);
    for _ in 0..connections {
        real.push(Client::of(nsc, exchange.address()).await?);
        bare.push(Client::of(nsc, server.address()).await?);
    }
    let (client, statement) = &database[0];
    let rows = client.query(statement, &[&birth(0), &"Y15T19"]).await?.len();
    ensure!(rows > 60 && answer.cells.len() == rows, "{rows} rows, {} cells", answer.cells.len());

    let nothing = StatusRequest { batch: String::new() };
    let mut best = [[Duration::MAX; 2]; 3];
    for _ in 0..ROUNDS {
        let times = [
            timed(at_once, async |asker, number| {
                let (client, statement) = &database[asker % database.len()];
                let given = client.query(statement, &[&birth(number), &"Y15T19"]).await?.len();
                ensure!(given == rows, "{given} rows");
                Ok(())
            })
            .await?,
            timed(at_once, async |asker, number| {
                let given = cells(&real[asker % real.len()], asked(number)).await?;
                ensure!(given == rows, "{given} cells");
                Ok(())
            })
            .await?,
            timed(at_once, async |asker, _| {
                bare[asker % bare.len()].intake().status(nothing.clone()).await?;
                Ok(())
            })
            .await?,
        ];
        best.iter_mut().zip(times).for_each(|(best, time)| *best = (*best).min(time));
    }
    let [[database, database_p99], [real, real_p99], [bare, _]] = best;
    let how = format!("{at_once} at once over {connections} connections");
    let name = format!("slices of {rows} cells, recorded, {how} / PostgreSQL over TLS");
    let count = (SLICES.div_ceil(at_once) * at_once) as u64;
    ratio::tell(&name, "requests/s", count, (database, real), Some(3.0));
    let name = format!("p99 of these, {how} / PostgreSQL over TLS");
    ratio::tell(&name, "per second", 1, (database_p99, real_p99), None);
    let name = format!("slices, {how} / a bare call with as many bytes");
    ratio::tell(&name, "requests/s", count, (bare, real), None);
    Ok(())
}

/// What so many ask at once, each one question after the other: the time that all took, and that
/// of the slowest but one in a hundred.
async fn timed(
    at_once: usize,
    ask: impl AsyncFn(usize, usize) -> Result<()>,
) -> Result<[Duration; 2]> {
    let start = Instant::now();
    let times = try_join_all((0..at_once).map(async |asker| {
        let mut times = vec![];
        for number in 0..SLICES.div_ceil(at_once) {
            let begun = Instant::now();
            ask(asker, number).await?;
            times.push(begun.elapsed());
        }
        anyhow::Ok(times)
    }));
    let mut times: Vec<_> = times.await?.into_iter().flatten().collect();
    times.sort_unstable();
    Ok([start.elapsed(), times[times.len() * 99 / 100]])
}

/// How many cells an answer has: read as columns, as the database's client reads rows.
async fn cells(client: &Client, request: AskRequest) -> Result<usize> {
    let mut stream = client.query().ask(request).await?.into_inner();
    let mut cells = 0;
    while let Some(response) = stream.message().await? {
        if let Some(Part::Block(block)) = response.part {
            cells += Columns::decode(block.as_slice())?.rows as usize;
        }
    }
    Ok(cells)
}

/// All of it as CSV, taken piece by piece over a connection that is kept, as the database's client
/// takes it.
async fn whole(postgres: &Postgres, exchange: &Exchange, nsc: &Node, rows: usize) -> Result<()> {
    let database = connect(postgres).await?;
    let tls = Credentials::of(nsc)?.config(b"http/1.1")?;
    let client = reqwest::Client::builder().tls_backend_preconfigured(tls);
    let client = client.gzip(false).no_proxy().build()?;
    let flow = "sdmx/v2/data/dataflow/BIRGE/MIG_STOCK/+/*?format=csvdata&attributes=OBS_STATUS";
    let url = format!("https://localhost:{}/{flow}", exchange.address().port());
    let mut best = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let stream = database.copy_out("COPY (SELECT * FROM stock) TO STDOUT CSV HEADER").await?;
        let mut stream = pin!(stream);
        let mut lines = 0;
        while let Some(piece) = stream.try_next().await? {
            lines += lines_of(&piece);
        }
        ensure!(lines == rows + 1, "{lines} lines of {rows} rows");
        best.0 = best.0.min(start.elapsed());
        let start = Instant::now();
        let mut answer = client.get(&url).send().await?.error_for_status()?;
        let mut lines = 0;
        while let Some(piece) = answer.chunk().await? {
            lines += lines_of(&piece);
        }
        ensure!(lines == rows + 1, "{lines} lines of {rows} rows");
        best.1 = best.1.min(start.elapsed());
    }
    let name = "1,000,000 observations as CSV, recorded / PostgreSQL COPY TO over TLS";
    ratio::tell(name, "observations/s", 1_000_000, best, Some(2.0));
    Ok(())
}

fn lines_of(piece: &[u8]) -> usize {
    // Counted in bytes, so many that one holds the count: what is measured is not the counting.
    let count = |run: &[u8]| run.iter().map(|byte| u8::from(*byte == b'\n')).sum::<u8>();
    piece.chunks(u8::MAX.into()).map(|run| usize::from(count(run))).sum()
}
