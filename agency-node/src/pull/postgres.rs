//! One query to PostgreSQL, inside a transaction that can write nothing.

use std::{pin::pin, time::Duration};

use futures::TryStreamExt;
use tokio::time::timeout;
use tokio_postgres::{
    Client, Config, IsolationLevel, NoTls, Statement,
    config::{Host, SslMode},
    error::Error,
    types::{Kind, ToSql, Type},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{Database, Question, cells::Cells, landing::Landing, tls};
use crate::{
    config::{Source, Sql, Tls},
    output::Failure,
};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(30);
/// How much longer than the query the network may take.
const SLACK: Duration = Duration::from_secs(30);

/// What the address of a source says, and its password.
///
/// # Errors
/// When it says what it must not, or is no address.
pub(super) fn config(
    source: &Source,
    sql: &Sql,
    password: Option<String>,
) -> Result<Config, Failure> {
    // The address is not told, for it may hold a password.
    let wrong = |why: &str, next: &str| {
        Failure::Usage(format!("the url of {} {why}\nnext: {next}", source.name))
    };
    let mut config: Config = match sql.url.split_once("://") {
        Some(("postgresql" | "postgres", _)) => sql.url.parse().map_err(|_| {
            wrong(
                "is no address of a PostgreSQL",
                "write it as postgresql://user@host:5432/database",
            )
        })?,
        _ => {
            return Err(wrong(
                "names no database that can be asked",
                "begin it with postgresql:// or sqlite:",
            ));
        }
    };
    if config.get_password().is_some() {
        let next = "put the password into a file of mode 600, name it with password_file, and \
                    replace it, for node.toml was read by others";
        return Err(wrong("holds a password", next));
    }
    if sql.url.contains("sslmode=") {
        let next = "say tls = \"verify-full\", \"verify-ca\" or \"disable\" instead";
        return Err(wrong("says sslmode, which is not heard", next));
    }
    if config.get_hosts().is_empty() || config.get_user().is_none() {
        let next = "write it as postgresql://user@host:5432/database, or with \
                    ?host=/var/run/postgresql for the socket in that folder";
        return Err(wrong("names no user or no host", next));
    }
    if let Some(password) = password {
        config.password(password);
    }
    let ssl = if uses_tls(&config, sql) { SslMode::Require } else { SslMode::Disable };
    config.ssl_mode(ssl).connect_timeout(CONNECT / 3).application_name("birge agency-node");
    Ok(config)
}

/// A socket of this machine needs no TLS.
fn uses_tls(config: &Config, sql: &Sql) -> bool {
    let local = config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)));
    sql.tls != Tls::Disable && !local
}

/// Asks the query, and hands on what it gives; how many rows that is.
pub(super) async fn pull(question: &Question, landing: &mut Landing) -> Result<u64, Failure> {
    let mut client = connect(question).await?;
    let transaction = client
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await
        .map_err(|error| told(&error))?;
    let Asking { statement, parameters, names } = prepare(transaction.client(), question).await?;
    let mut cells = Cells::of(names.iter().map(String::as_str), question.sql.max_rows)?;
    let rows = transaction.query_raw(&statement, parameters).await.map_err(|error| told(&error))?;
    let mut rows = pin!(rows);
    let patience = Duration::from_secs(question.sql.timeout_seconds).saturating_add(SLACK);
    while let Some(row) = timeout(patience, rows.try_next())
        .await
        .map_err(|_| away("it fell silent in the middle of its answer"))?
        .map_err(|error| told(&error))?
    {
        let of = (0..names.len())
            .map(|column| row.try_get::<_, Option<&str>>(column))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| told(&error))?;
        if let Some(piece) = cells.row(of.into_iter())? {
            landing.put(piece).await?;
        }
    }
    landing.put(cells.rest()?).await?;
    Ok(cells.rows())
}

/// Is the database there, and would it take the query?
pub(super) async fn probe(question: &Question) -> Result<(), Failure> {
    let client = connect(question).await?;
    let (statement, _) = prepared(&client, question).await?;
    wrapped(&client, question, &statement).await?;
    Ok(())
}

async fn connect(question: &Question) -> Result<Client, Failure> {
    let Database::Postgresql(config) = &question.database else {
        return Err(Failure::Usage("the source is no PostgreSQL".into()));
    };
    let late = |_| away("it does not answer");
    let client = if config.get_ssl_mode() == SslMode::Disable {
        let made = timeout(CONNECT, config.connect(NoTls)).await.map_err(late)?;
        let (client, connection) = made.map_err(|error| told(&error))?;
        tokio::spawn(connection);
        client
    } else {
        let tls = tls::config(question.ca_file.as_deref(), question.sql.tls == Tls::VerifyCa)?;
        let made = timeout(CONNECT, config.connect(MakeRustlsConnect::new(tls)));
        let (client, connection) = made.await.map_err(late)?.map_err(|error| told(&error))?;
        tokio::spawn(connection);
        client
    };
    // As parameters, so that none of it is ever read as SQL.
    const SETTINGS: &str = "SELECT set_config('default_transaction_read_only', 'on', false), \
        set_config('statement_timeout', $1, false), set_config('DateStyle', 'ISO, YMD', false), \
        set_config('TimeZone', $2, false), set_config('extra_float_digits', '1', false)";
    let limit = question.sql.timeout_seconds.max(1).saturating_mul(1000).min(i32::MAX as u64);
    let limit = limit.to_string();
    let settings: [&(dyn ToSql + Sync); 2] = [&limit, &question.time_zone];
    let set = timeout(CONNECT, client.query(SETTINGS, &settings)).await.map_err(late)?;
    set.map_err(|error| told(&error))?;
    Ok(client)
}

/// A query that only waits to be run.
struct Asking {
    statement: Statement,
    parameters: Vec<String>,
    names: Vec<String>,
}

async fn prepare(client: &Client, question: &Question) -> Result<Asking, Failure> {
    let (statement, names) = prepared(client, question).await?;
    let parameters = question.asked.first(statement.params().len())?;
    let statement = wrapped(client, question, &statement).await?;
    Ok(Asking { statement, parameters, names })
}

/// The query as it stands, which PostgreSQL takes only where it is one, and its columns.
async fn prepared(
    client: &Client,
    question: &Question,
) -> Result<(Statement, Vec<String>), Failure> {
    let texts = [Type::TEXT, Type::TEXT, Type::TEXT];
    let prepared = timeout(CONNECT, client.prepare_typed(&question.query, &texts)).await;
    let statement =
        prepared.map_err(|_| away("it does not answer"))?.map_err(|error| told(&error))?;
    for column in statement.columns() {
        fits_a_cell(column.name(), column.type_())?;
    }
    let names = statement.columns().iter().map(|column| column.name().to_owned()).collect();
    Ok((statement, names))
}

/// The query with its columns as PostgreSQL itself writes them, so that no digit is lost.
async fn wrapped(
    client: &Client,
    question: &Question,
    statement: &Statement,
) -> Result<Statement, Failure> {
    let columns = 0..statement.columns().len();
    let texts: Vec<_> = columns.clone().map(|column| format!("c{column}::text")).collect();
    let names: Vec<_> = columns.map(|column| format!("c{column}")).collect();
    let (texts, names) = (texts.join(", "), names.join(", "));
    let query = format!("SELECT {texts} FROM (\n{}\n) AS asked ({names})", question.query);
    let types = vec![Type::TEXT; statement.params().len()];
    let prepared = timeout(CONNECT, client.prepare_typed(&query, &types)).await;
    prepared.map_err(|_| away("it does not answer"))?.map_err(|error| told(&error))
}

/// May values of this type stand in a cell?
fn fits_a_cell(name: &str, of: &Type) -> Result<(), Failure> {
    let several = match of.kind() {
        Kind::Array(_) | Kind::Composite(_) | Kind::Range(_) | Kind::Multirange(_) => true,
        Kind::Domain(inner) => return fits_a_cell(name, inner),
        _ => false,
    };
    let unfit = [Type::BYTEA, Type::JSON, Type::JSONB, Type::XML, Type::MONEY];
    match several || unfit.contains(of) {
        false => Ok(()),
        true => Err(Failure::Wrong(format!(
            "the column {name} of the query is of the type {of}, expected one value: a number, a \
             text, a date, true or false\nnext: take out of it what is meant, or leave it out"
        ))),
    }
}

fn away(why: &str) -> Failure {
    Failure::Unreachable(format!(
        "the database cannot be reached: {why}\nnext: see whether it runs, whether a firewall is \
         in the way, and what url says in node.toml"
    ))
}

/// What PostgreSQL says, in words.
fn told(error: &Error) -> Failure {
    let Some(said) = error.as_db_error() else {
        return away(&format!("{:#}", anyhow::anyhow!(error.to_string()).context(causes(error))));
    };
    let place = match said.where_() {
        Some(place) => format!(" ({place})"),
        None => String::new(),
    };
    let (code, message) = (said.code().code(), said.message());
    let next = match code {
        "28P01" | "28000" => {
            "see whether user and password_file are right, and what pg_hba.conf says"
        }
        "25006" => "take out of the query what writes: it may only read",
        "57014" => "make the query faster (an index), or raise timeout_seconds",
        "42501" => "let the owner of the tables grant SELECT to this user",
        "42883" => "the period is text: write $1::integer where a number is expected",
        _ => "try the query with psql, as the same user",
    };
    let text = format!("the database refuses: {message}{place} (SQLSTATE {code})\nnext: {next}");
    match &code[..2] {
        // Connections, resources, an operator's intervention but for a query stopped.
        "08" | "53" | "57" if code != "57014" => Failure::Unreachable(text),
        _ => Failure::Wrong(text),
    }
}

/// What lies below an error.
fn causes(error: &Error) -> String {
    let mut below = std::error::Error::source(error);
    let mut words = vec![];
    while let Some(cause) = below {
        words.push(cause.to_string());
        below = cause.source();
    }
    words.join(": ")
}
