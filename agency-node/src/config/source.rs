//! A source of its own: what explains its files, where they are fetched, and when.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Deserializer, Serialize, de::Error};

/// What the ministry already has: files in a layout of their own, a database, an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Its name: its files come into the folder of this name in the inbox. Small letters, digits,
    /// `-` and `_`.
    #[serde(deserialize_with = "plain")]
    pub name: String,
    /// The mapping that says what its columns and codes mean; from the node's folder on. None
    /// where it speaks the common template itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapping: Option<PathBuf>,
    /// When it is asked, in five fields as cron has them: `0 6 5 * *`, at six on each fifth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// How often its figures have a reference period, and so which one is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<Every>,
    /// How many periods before the one that has begun.
    #[serde(default = "one")]
    pub lag: u16,
    /// In which time zone days and hours are counted: `Asia/Bishkek`.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// Is a file kept under `sent/` once its batch is signed?
    #[serde(default = "yes")]
    pub keep: bool,
    /// The database that is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql: Option<Sql>,
    /// The address that is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<Http>,
}

/// How often there is a reference period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Every {
    /// `2024`
    Year,
    /// `2024-S1`
    HalfYear,
    /// `2024-Q1`
    Quarter,
    /// `2024-03`
    Month,
}

/// A database that is asked one query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sql {
    /// `postgresql://user@host:5432/database` (with `?host=/var/run/postgresql` over the socket in
    /// that folder) or `sqlite:FILE`. It holds no password.
    pub url: String,
    /// The query; the reference period is its parameter `$1` (`?1` in SQLite), as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The same in a file, from the node's folder on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_file: Option<PathBuf>,
    /// The file that holds the password, and that only its owner may read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// How the database is recognised.
    #[serde(default)]
    pub tls: Tls,
    /// The authority that names it, in PEM; else those of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Seconds that the query may take.
    #[serde(default = "ten_minutes")]
    pub timeout_seconds: u64,
    /// Rows that it may give.
    #[serde(default = "ten_million")]
    pub max_rows: u64,
}

/// An address that is asked over HTTPS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// `https://…`; `{period}` stands for the reference period, `{first}` for its first day,
    /// `{after}` for the day after its last. It holds no secret.
    pub url: String,
    /// The ending of the file that it gives; else what the server says of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Holds the token that is shown as `Authorization: Bearer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// The user that is shown, with a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Holds the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// Other headers, each with the file that holds what it says.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub header_files: BTreeMap<String, PathBuf>,
    /// The authority that names the server, in PEM; else those of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// The way out: `http://proxy.ministry.example:3128`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// May it be asked without TLS, over a network?
    #[serde(default)]
    pub plain: bool,
    /// Seconds that an answer may take.
    #[serde(default = "ten_minutes")]
    pub timeout_seconds: u64,
    /// Seconds before a server that is away is tried again; they double with each of three times.
    #[serde(default = "two")]
    pub retry_seconds: u64,
}

/// How a database is recognised, in the words of `sslmode` of libpq.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tls {
    /// By a certificate of an authority, in the name that is asked for.
    #[default]
    VerifyFull,
    /// By a certificate of the authority, in whatever name.
    VerifyCa,
    /// Not at all: whoever listens on the way sees and changes everything.
    Disable,
}

fn plain<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let name = String::deserialize(from)?;
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    match (1..=64).contains(&name.len()) && name.chars().all(letter) {
        true => Ok(name),
        false => Err(D::Error::custom("a source's name has small letters, digits, - and _ alone")),
    }
}

fn one() -> u16 {
    1
}

fn utc() -> String {
    "UTC".into()
}

fn yes() -> bool {
    true
}

fn ten_minutes() -> u64 {
    600
}

fn ten_million() -> u64 {
    10_000_000
}

fn two() -> u64 {
    2
}
