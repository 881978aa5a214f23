//! `agency-node audit records`: the records that fit what is asked, as a table.

use std::fmt;

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use super::{Asked, row::Row, shown::Shown};
use crate::{
    asker::Asker,
    output::{Exit, Failure, Reply},
};

/// Records that one table holds; `export` has no such bound.
const MOST: usize = 10_000;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    checkpoint: u64,
    from: u64,
    to: u64,
    records: Vec<Row>,
    more: bool,
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(Row::COLUMNS);
        table.add_rows(self.records.iter().map(Row::cells));
        writeln!(f, "{table}")?;
        write!(
            f,
            "{} of the records {} to {} fit; each was proved under the checkpoint of {} entries",
            self.records.len(),
            self.from,
            self.to.saturating_sub(1),
            self.checkpoint
        )?;
        if self.more {
            write!(f, "\nthere are more: narrow what you ask, or use `agency-node audit export`")?;
        }
        Ok(())
    }
}

/// Lists records.
///
/// # Errors
/// When what is asked cannot be read, a record does not stand in the log, or the gateway is
/// away.
pub async fn list(asker: &Asker, asked: &Asked) -> Result<Reply, Failure> {
    let mut shown = Shown::begin(asker, asked).await?;
    let (checkpoint, (from, to)) = (shown.head.size(), shown.range);
    let (mut records, mut more) = (vec![], false);
    while let Some(told) = shown.next().await? {
        if records.len() == MOST {
            more = true;
            break;
        }
        records.push(told.row().clone());
    }
    Reply::new(Exit::Done, &Listed { checkpoint, from, to, records, more })
}
