//! One query to a SQLite file, which is opened so that nothing can be written.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, OpenFlags, Statement, params_from_iter, types::ValueRef};
use tokio::{sync::mpsc, task::spawn_blocking};

use super::{Database, Question, cells::Cells, landing::Landing};
use crate::output::Failure;

/// Steps of the database between two looks at the clock.
const STEPS: i32 = 10_000;
/// How long a database that is being written to is waited for.
const BUSY: Duration = Duration::from_secs(10);

/// Asks the query, and hands on what it gives; how many rows that is.
pub(super) async fn pull(question: Question, landing: &mut Landing) -> Result<u64, Failure> {
    let (pieces, mut coming) = mpsc::channel(2);
    let asking = spawn_blocking(move || ask(&question, &pieces));
    while let Some(piece) = coming.recv().await {
        landing.put(piece).await?;
    }
    asking.await.map_err(anyhow::Error::from)?
}

/// Is the file there, and would it take the query?
pub(super) fn probe(question: &Question) -> Result<(), Failure> {
    let connection = open(question)?;
    prepare(&connection, question).map(|_| ())
}

/// Runs until all is asked, the time is up, or nobody takes the pieces any more.
fn ask(question: &Question, pieces: &mpsc::Sender<Vec<u8>>) -> Result<u64, Failure> {
    let mut connection = open(question)?;
    let (began, limit) = (Instant::now(), Duration::from_secs(question.sql.timeout_seconds.max(1)));
    let taker = pieces.clone();
    let enough = move || began.elapsed() >= limit || taker.is_closed();
    connection.progress_handler(STEPS, Some(enough)).map_err(|error| told(question, &error))?;
    let mut statement = prepare(&connection, question)?;
    let parameters = question.asked.first(statement.parameter_count())?;
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut cells = Cells::of(names.iter().map(String::as_str), question.sql.max_rows)?;
    let mut rows =
        statement.query(params_from_iter(parameters)).map_err(|error| told(question, &error))?;
    while let Some(row) = rows.next().map_err(|error| told(question, &error))? {
        let values = names.iter().enumerate().map(|(at, name)| {
            let value = row.get_ref(at).map_err(|error| told(question, &error))?;
            text(name, value)
        });
        let values = values.collect::<Result<Vec<_>, Failure>>()?;
        let full = cells.row(values.iter().map(Option::as_deref))?;
        if full.is_some_and(|piece| pieces.blocking_send(piece).is_err()) {
            return Ok(0); // who does not take it says why
        }
    }
    let _ = pieces.blocking_send(cells.rest()?); // as above
    Ok(cells.rows())
}

fn open(question: &Question) -> Result<Connection, Failure> {
    let file = file(question);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(file, flags)?;
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "query_only", true)?;
        // What the file says of itself, in triggers and views, is not trusted with more.
        connection.pragma_update(None, "trusted_schema", false)?;
        Ok(connection)
    };
    open().map_err(|error| told(question, &error))
}

fn prepare<'a>(connection: &'a Connection, question: &Question) -> Result<Statement<'a>, Failure> {
    let statement = connection.prepare(&question.query).map_err(|error| told(question, &error))?;
    match statement.readonly() {
        true => Ok(statement),
        false => Err(Failure::Wrong(
            "the query writes, but may only read\nnext: ask with one SELECT".into(),
        )),
    }
}

/// A value as the text of a cell.
fn text(name: &str, value: ValueRef<'_>) -> Result<Option<String>, Failure> {
    let unfit = |what: &str| {
        Failure::Wrong(format!(
            "the column {name} of the query holds {what}, expected one value: a number or a \
             text\nnext: take out of it what is meant, or leave it out"
        ))
    };
    Ok(match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Some(text.to_owned()),
            Err(_) => return Err(unfit("text that is not UTF-8")),
        },
        ValueRef::Blob(_) => return Err(unfit("bytes")),
    })
}

fn file(question: &Question) -> &Path {
    match &question.database {
        Database::Sqlite(file) => file,
        Database::Postgresql(_) => Path::new(""),
    }
}

/// What SQLite says, in words.
fn told(question: &Question, error: &rusqlite::Error) -> Failure {
    let shown = file(question).display();
    let code = error.sqlite_error_code();
    let next = match code {
        Some(ErrorCode::CannotOpen) => "correct url in node.toml, and let this user read the file",
        Some(ErrorCode::OperationInterrupted) => {
            "make the query faster (an index), or raise timeout_seconds"
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "wait until whoever writes to it has ended"
        }
        Some(ErrorCode::ReadOnly) => "take out of the query what writes: it may only read",
        _ => "try the query with sqlite3 -readonly",
    };
    let text = format!("the database {shown} refuses: {error}\nnext: {next}");
    match code {
        Some(ErrorCode::CannotOpen | ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Failure::Unreachable(text)
        }
        _ => Failure::Wrong(text),
    }
}
