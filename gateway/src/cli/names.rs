//! The names of persons in records.

use std::path::Path;

use anyhow::Result;
use birge_proto::clock::SharedClock;
use clap::Subcommand;
use serde_json::json;

use super::Said;
use crate::{
    config::Config,
    erasure::{self, Before, Erased},
};

/// The names of persons in records.
#[derive(Debug, Subcommand)]
pub(super) enum NamesCommand {
    /// Erase them from old records, but for those under a legal hold. The records and the log
    /// stand as they are. It cannot be undone.
    Erase {
        /// From records before this day, or this moment; at least ten years ago, unless the
        /// decree says otherwise.
        #[arg(long, value_name = "DATE")]
        before: Before,
    },
}

impl NamesCommand {
    pub(super) async fn act(self, file: &Path, clock: SharedClock) -> Result<Said> {
        let Self::Erase { before } = self;
        let erased = erasure::erase(&Config::load(file)?, before, clock).await?;
        let Erased { before, records, held, exchange } = erased;
        let kept = match held {
            0 => String::new(),
            held => format!("; {held} on hold kept theirs"),
        };
        let words = match exchange {
            Some(exchange) => format!(
                "erased the names in {records} records before {before} as exchange {exchange}{kept}\n\
                 Next: erase them from the backups too"
            ),
            None => format!("no names to erase in records before {before}{kept}"),
        };
        let value = json!({
            "before": before, "records": records, "held": held, "exchange": exchange,
        });
        Ok((words, value))
    }
}
