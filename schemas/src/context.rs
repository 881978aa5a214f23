//! In what context a batch is judged.

use birge_proto::{
    identity::AgencyId,
    manifest::{Action, Manifest},
};
use jiff::civil::Date;

/// What a batch says of itself, and the day on which it is judged.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Who hands it in.
    pub agency: &'a AgencyId,
    /// The dataset that it is for.
    pub dataset: &'a str,
    /// The version of the structure.
    pub version: &'a str,
    /// The reference periods that it speaks of.
    pub periods: &'a [String],
    /// What it does.
    pub action: Action,
    /// The present day, local to the exchange: a period that begins later is in the future.
    pub today: Date,
}

impl<'a> Context<'a> {
    /// The context that a manifest gives.
    #[must_use]
    pub fn of(manifest: &'a Manifest, today: Date) -> Self {
        Self {
            agency: &manifest.agency,
            dataset: &manifest.dataset,
            version: &manifest.version,
            periods: &manifest.periods,
            action: manifest.action,
            today,
        }
    }
}
