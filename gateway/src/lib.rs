//! The centre of the exchange.

pub mod catalog;
pub mod config;
pub mod decree;
pub mod disclosure;
pub mod intake;
pub mod journal;
pub mod ledger;
pub mod query;
pub mod serve;
