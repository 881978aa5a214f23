//! Figures asked of where the ministry keeps them: one query to a database, or one address, into a
//! file in the source's folder of the inbox. From there it goes the way of any file that somebody put there.

mod asked;
mod cells;
pub mod command;
mod http;
mod landing;
mod postgres;
mod sqlite;
pub mod taken;
mod tls;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

pub use self::asked::Asked;
use self::landing::Landing;
use crate::{
    config::{Source, Sql},
    home::Home,
    mapping::Mapping,
    node::Node,
    output::Failure,
    secret,
    source::layout::Layout,
};

/// What a pull brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pulled {
    /// The file that holds it.
    pub file: PathBuf,
    /// Its bytes.
    pub bytes: u64,
    /// Its rows, where they were counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
}

/// Does node.toml say where a source's figures are?
#[must_use]
pub fn can_be_asked(source: &Source) -> bool {
    source.sql.is_some() || source.http.is_some()
}

/// Where an answer is put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In this file.
    File(PathBuf),
    /// In this folder, under this name without its ending.
    Folder(PathBuf, String),
}

impl Place {
    fn with(self, ending: &str) -> PathBuf {
        match self {
            Self::File(file) => file,
            Self::Folder(folder, stem) => folder.join(format!("{stem}.{ending}")),
        }
    }
}

/// Asks a source, and writes what it gives to `place`. The file is there whole or not at all; none
/// where the source says that it has what it gave before, which it is asked where `is_known` says so.
///
/// # Errors
/// When the source cannot be reached, refuses, gives nothing, or the disk refuses.
pub async fn pull(
    node: &Node,
    source: &Source,
    asked: &Asked,
    place: Place,
    is_known: bool,
) -> Result<Option<Pulled>, Failure> {
    let Some(_alone) = node.home.try_lock(&format!("pull-{}.lock", source.name))? else {
        return Err(Failure::Wrong(format!(
            "{} is being pulled already\nnext: wait until that has ended; `agency-node status` \
             tells what came of it",
            source.name
        )));
    };
    match (&source.sql, &source.http) {
        (Some(_), None) => of_sql(node, source, asked, place.with("csv")).await.map(Some),
        (None, Some(_)) => http::pull(node, source, asked, &place, is_known).await,
        _ => Err(Failure::Usage(format!(
            "{} says of no one place where its figures are\nnext: give it [source.sql] or \
             [source.http] in node.toml, not both, or put files into inbox/{}",
            source.name, source.name
        ))),
    }
}

async fn of_sql(
    node: &Node,
    source: &Source,
    asked: &Asked,
    to: PathBuf,
) -> Result<Pulled, Failure> {
    let question = question(node, source, asked).await?;
    let mut landing = Landing::at(to);
    let rows = match &question.database {
        Database::Sqlite(_) => sqlite::pull(question, &mut landing).await,
        Database::Postgresql(_) => postgres::pull(&question, &mut landing).await,
    };
    let failure = match rows {
        Ok(0) => nothing(source, asked),
        Ok(rows) => {
            let (file, bytes) = landing.finish().await?;
            return Ok(Pulled { file, bytes, rows: Some(rows) });
        }
        Err(failure) => failure,
    };
    landing.abandon().await;
    Err(failure)
}

fn nothing(source: &Source, asked: &Asked) -> Failure {
    let period = asked.period.as_ref().map(|it| format!(" for {it}")).unwrap_or_default();
    Failure::Wrong(format!(
        "{} has no rows{period}, so that there is nothing to hand in\nnext: see whether the \
         figures of that period are there yet, and what the query makes of its parameter",
        source.name
    ))
}

async fn question(node: &Node, source: &Source, asked: &Asked) -> Result<Question, Failure> {
    let (home, source, asked) = (node.home.clone(), source.clone(), asked.clone());
    let question = spawn_blocking(move || Question::of(&home, &source, &asked));
    question.await.map_err(anyhow::Error::from)?
}

/// Where the rows are.
enum Database {
    Postgresql(Box<tokio_postgres::Config>),
    Sqlite(PathBuf),
}

/// All that is needed to ask a database.
struct Question {
    database: Database,
    sql: Sql,
    ca_file: Option<PathBuf>,
    time_zone: String,
    /// One query, without the semicolon behind it.
    query: String,
    asked: Asked,
}

impl Question {
    fn of(home: &Home, source: &Source, asked: &Asked) -> Result<Self, Failure> {
        let sql = source.sql.as_ref().ok_or_else(|| {
            Failure::Usage(format!("{} is no database\nnext: give it [source.sql]", source.name))
        })?;
        readable(home, source)?;
        let query = query(home, source, sql)?;
        let password = sql.password_file.as_ref().map(|file| secret::read(&home.join(file)));
        let database = match sql.url.strip_prefix("sqlite:") {
            Some(file) => Database::Sqlite(home.join(file)),
            None => Database::Postgresql(Box::new(postgres::config(
                source,
                sql,
                password.transpose()?,
            )?)),
        };
        Ok(Self {
            database,
            sql: sql.clone(),
            ca_file: sql.ca_file.as_ref().map(|file| home.join(file)),
            time_zone: source.time_zone.clone(),
            query,
            asked: asked.clone(),
        })
    }
}

/// A mapping says how to read rows that come from a database if it says nothing of files.
fn readable(home: &Home, source: &Source) -> Result<(), Failure> {
    let Some(file) = &source.mapping else { return Ok(()) };
    if Mapping::load(&home.join(file))?.format == Layout::default() {
        return Ok(());
    }
    Err(Failure::Wrong(format!(
        "{} has a `format`, which tells how files of {} are laid out, but rows of a database \
         come with commas and decimal points\nnext: take `format` out of this mapping",
        file.display(),
        source.name
    )))
}

/// The query of a source, from wherever it stands.
fn query(home: &Home, source: &Source, sql: &Sql) -> Result<String, Failure> {
    let text = match (&sql.query, &sql.query_file) {
        (Some(query), None) => query.clone(),
        (None, Some(file)) => {
            let file = home.join(file);
            std::fs::read_to_string(&file).map_err(|error| {
                Failure::Wrong(format!(
                    "cannot read the query {}: {error}\nnext: correct query_file of {} in \
                     node.toml",
                    file.display(),
                    source.name
                ))
            })?
        }
        _ => {
            return Err(Failure::Usage(format!(
                "{} needs one query\nnext: give it query, or query_file, in node.toml, and not \
                 both",
                source.name
            )));
        }
    };
    Ok(text.trim_end_matches(|c: char| c.is_whitespace() || c == ';').to_owned())
}

/// Whether a source can be asked: that what node.toml says of it is right, and that it answers.
/// What was found, in words; none where it is not asked.
///
/// # Errors
/// When it cannot.
pub async fn probe(node: &Node, source: &Source) -> Result<Option<String>, Failure> {
    let asked = command::today(node, source)?;
    match (&source.sql, &source.http) {
        (None, None) => return Ok(None),
        (_, Some(_)) => {
            http::probe(node, source, &asked).await?;
            return Ok(Some("the server answers".into()));
        }
        (Some(_), None) => {}
    }
    let question = question(node, source, &asked).await?;
    match &question.database {
        Database::Postgresql(_) => postgres::probe(&question).await?,
        Database::Sqlite(_) => {
            spawn_blocking(move || sqlite::probe(&question))
                .await
                .map_err(anyhow::Error::from)??;
        }
    }
    Ok(Some("the database answers, and takes the query".into()))
}
