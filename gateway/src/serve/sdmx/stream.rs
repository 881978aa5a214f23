//! Figures on their way out: written by a thread as fast as they are taken, never all at once in
//! memory as text.

use axum::body::Body;
use tokio::task;
use tokio_util::io::{ReaderStream, SyncIoBridge};

use super::{Known, asked::DataQuery, media::DataFormat};
use crate::{
    query::Answer,
    sdmx::{
        data::{
            Action, DataSet, Message,
            csv::{self, Dialect},
            generic, json, specific,
        },
        header::Header,
    },
};

/// Bytes that are written ahead of whoever takes them.
const AHEAD: usize = 256 << 10;
/// Bytes that are handed over at once.
const PIECE: usize = 64 << 10;

/// An answer, and how it is to be written.
pub(super) struct Rendering {
    pub(super) known: Known,
    pub(super) query: DataQuery,
    pub(super) answer: Answer,
    pub(super) header: Header,
}

impl Rendering {
    /// The body that is written.
    pub(super) fn into_body(self) -> Body {
        let (taken, written) = tokio::io::duplex(AHEAD);
        let written = SyncIoBridge::new(written);
        // Who goes away ends it.
        task::spawn_blocking(move || {
            drop(self.write(std::io::BufWriter::with_capacity(PIECE, written)))
        });
        Body::from_stream(ReaderStream::with_capacity(taken, PIECE))
    }

    fn write(&self, to: impl std::io::Write) -> std::io::Result<()> {
        let Self { known, query, answer, header } = self;
        let flow = known.artefacts.dataflow(&answer.structure.id);
        let definition = flow.and_then(|flow| known.artefacts.structure_of(flow));
        let (Some(flow), Some(definition)) = (flow, definition) else {
            return Err(std::io::Error::other("the dataset was taken away meanwhile"));
        };
        let whole = DataSet {
            action: Action::Information,
            structure: &answer.structure,
            structures: &known.structures,
            flow: &flow.urn,
            definition: &definition.urn,
            table: answer.table.table(),
            parts: &query.parts,
            layout: query.layout,
        };
        let sets = match &answer.removed {
            None => vec![whole],
            Some((removed, _)) => vec![
                DataSet { action: Action::Delete, table: removed.table(), ..whole },
                DataSet { action: Action::Replace, ..whole },
            ],
        };
        let message = Message { header, sets };
        match query.format {
            DataFormat::Generic => generic::write(&message, to),
            DataFormat::Specific => specific::write(&message, to),
            DataFormat::Json => json::write(&message, to),
            DataFormat::Csv(version) => {
                let DataQuery { labels, keys, language, .. } = query;
                let language = language.clone();
                csv::write(
                    &message,
                    &Dialect { version, labels: *labels, keys: *keys, language },
                    to,
                )
            }
        }
    }
}
