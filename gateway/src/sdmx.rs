//! What the exchange says in SDMX: structures as they were adopted, and the cells of an answer, as
//! SDMX-ML 2.1, SDMX-JSON 2.0 and SDMX-CSV.
//!
//! [`artefact`] finds structures and what they refer to, [`json`] and [`ml`] write them; [`data`]
//! divides the cells of an answer into series, and each of its formats writes them, piece by piece.
//! All of it is pure, and of figures nothing is known here but a
//! [`ProtectedTable`](crate::query::ProtectedTable).

pub mod artefact;
pub mod availability;
pub mod data;
pub mod errors;
pub mod header;
pub mod json;
pub mod ml;
pub mod urn;
