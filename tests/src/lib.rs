//! The whole system under test: real processes, real TLS, real files.
//!
//! | module | holds |
//! |---|---|
//! | [`binaries`] | builds `gateway` and `agency-node`, finds them |
//! | [`process`] | a child process, its log, its end |
//! | [`watch`] | waits for files without sleeping |
//! | [`exchange`] | a gateway with its folder |
//! | [`node`] | an agency node with its folder |
//! | [`mod@line`] | a line between both that can be cut |
//! | [`postgres`] | a PostgreSQL, as a ministry's database |
//! | [`named`] | a server's certificate and its authority |
//! | [`person`] | a person with a password and an authenticator |
//! | [`client`] | a gRPC client with any certificate |
//! | [`authority`] | certificate authorities, also foreign and careless ones |
//! | [`batch`] | batches built by hand, sound or broken |
//! | [`country`] | under whose decree all of it is |
//! | [`decree`] | drafts of decrees |
//! | [`answer`] | what a query gave, cell by cell |
//! | [`bare`] | a server with nothing behind it, to measure against |
//! | [`bounds`] | what an attacker can compute from it |
//! | [`instance`] | test tables of disclosure control |
//! | [`trace`] | the system calls of a process, and one of them spoilt |
//! | [`template`] | published files brought into the common template |
//! | [`witness`] | a witness without a node, honest or not |
//! | [`web`] | the public listener, as anybody sees it |
//!
//! The demonstration is built from the same parts.

pub mod answer;
pub mod authority;
pub mod bare;
pub mod batch;
pub mod binaries;
pub mod bounds;
pub mod client;
pub mod country;
pub mod decree;
pub mod exchange;
pub mod foreign;
pub mod instance;
pub mod line;
pub mod named;
pub mod node;
pub mod person;
pub mod postgres;
pub mod process;
pub mod solver;
pub mod template;
pub mod trace;
pub mod watch;
pub mod web;
pub mod witness;

use std::time::Duration;

/// How long anything may take before a test or the demonstration gives up on it.
pub const PATIENCE: Duration = Duration::from_secs(120);
