//! The records that fit what is asked, each proved to stand in the log before it is told.

use birge_proto::{
    record::{Opening, Record},
    tlog::{checkpoint::Checkpoint, hash},
    wire::RecordEntry,
};
use tonic::Streaming;

use super::{Asked, Newest, fault, leaves::Leaves, newest, records, row::Row, wrong};
use crate::{asker::Asker, output::Failure};

/// The records while they come.
pub(super) struct Shown {
    /// The checkpoint that they stand under.
    pub(super) head: Checkpoint,
    /// How many exchange numbers are gone through, and up to which.
    pub(super) range: (u64, u64),
    entries: Streaming<RecordEntry>,
    leaves: Leaves,
    next: u64,
}

/// One of them.
pub(super) enum Told {
    /// Shown whole, and proved.
    Record {
        /// Its line.
        row: Row,
        /// What it says.
        record: Box<Record>,
        /// The entry as it came.
        entry: RecordEntry,
    },
    /// A notice, which cannot be proved.
    Notice {
        /// Its line.
        row: Row,
        /// The entry as it came.
        entry: RecordEntry,
    },
}

impl Told {
    pub(super) fn row(&self) -> &Row {
        match self {
            Self::Record { row, .. } | Self::Notice { row, .. } => row,
        }
    }
}

impl Shown {
    /// Begins to read, under the newest checkpoint, which must continue the one seen before.
    pub(super) async fn begin(asker: &Asker, asked: &Asked) -> Result<Self, Failure> {
        let Asker { link, memory, .. } = asker;
        let Newest { note, .. } = newest(link, memory, memory.seen()?.as_ref()).await?;
        let head = memory.reconcile(link, &note).await?;
        let request = asked.request(head.size())?;
        let range = (request.from, request.to);
        let entries = link.audit().records(request).await.map_err(|status| fault(&status))?;
        let leaves = Leaves::new(link.clone(), head.clone());
        Ok(Self { head, range, entries: entries.into_inner(), leaves, next: range.0 })
    }

    /// The next record; none at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Told>, Failure> {
        let entry = self.entries.message().await.map_err(|status| fault(&status))?;
        let Some(entry) = entry else { return Ok(None) };
        let place = format!("record {}", entry.index);
        if entry.index < self.next || entry.index >= self.range.1 {
            return Err(wrong(place, "the gateway shows it out of order"));
        }
        self.next = entry.index + 1;
        if entry.record.is_empty() {
            let row = Row::of_notice(entry.index, &entry.notice)
                .map_err(|error| wrong(&place, format!("its notice does not parse: {error}")))?;
            return Ok(Some(Told::Notice { row, entry }));
        }
        let opening = Opening::from_bytes(&entry.opening);
        let opened = opening.map(|opening| hash::leaf(&opening.leaf(&entry.record)));
        if opened != Some(self.leaves.hash(entry.index).await?) {
            return Err(wrong(place, "the record does not open the entry in the log"));
        }
        let record = Record::parse(&entry.record).map_err(|error| wrong(&place, error))?;
        records::named(&record, &entry).map_err(|what| wrong(&place, what))?;
        let row = Row::of_record(entry.index, &record);
        Ok(Some(Told::Record { row, record: Box::new(record), entry }))
    }
}
