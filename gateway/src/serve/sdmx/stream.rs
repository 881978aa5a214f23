//! Figures on their way out: written piece by piece as they are taken, so that who takes nothing
//! holds up nobody, and no answer lies in memory as text. One that cannot be written to its end is
//! broken off, and is not to be taken for a whole one.

use std::{collections::VecDeque, io};

use axum::body::{Body, Bytes};
use birge_proto::problem::{Kind, Problem};
use futures::stream;

use super::{Known, asked::DataQuery, media::DataFormat};
use crate::{
    query::{Answer, ProtectedTable},
    sdmx::{
        artefact::Artefact,
        data::{
            Action, DataSet, Message, Piece,
            csv::{self, Dialect},
            generic, json, specific,
            workbook::{self, Cover},
        },
        header::Header,
    },
};

/// Bytes below which a piece waits for the next.
const LEAST: usize = 32 << 10;

/// An answer, and how it is written.
pub(super) struct Rendering {
    known: Known,
    query: DataQuery,
    answer: Answer,
    header: Header,
    /// What is to be written yet.
    pieces: VecDeque<Piece>,
    /// In SDMX-JSON, the attributes of series that change within one.
    changing: Vec<String>,
    /// Bytes that were taken last: what comes next is about as large.
    last: usize,
}

impl Rendering {
    /// Of an answer, to be written as the question asks.
    ///
    /// # Errors
    /// When its dataset is there no more.
    pub(super) fn of(
        known: Known,
        query: DataQuery,
        mut answer: Answer,
        header: Header,
    ) -> io::Result<Self> {
        answer.blocks.clear(); // they are for gRPC, and the record has their digest
        let (pieces, changing) = (VecDeque::new(), vec![]);
        let mut rendering = Self { known, query, answer, header, pieces, changing, last: 0 };
        let (message, is_json) = (rendering.message()?, rendering.query.format == DataFormat::Json);
        let changing =
            message.sets.iter().filter(|_| is_json).flat_map(DataSet::changing).collect();
        rendering.pieces = message.pieces().into();
        rendering.changing = changing;
        Ok(rendering)
    }

    /// The body that is written.
    pub(super) fn into_body(self) -> Body {
        Body::from_stream(stream::iter(self))
    }

    /// The answer as a workbook, which says that the same is had at this address.
    ///
    /// # Errors
    /// `TOO_LARGE` for more observations than a workbook is made of.
    pub(super) fn workbook(&self, address: &str) -> Result<Vec<u8>, Problem> {
        let failed =
            |error: &dyn std::fmt::Display| Problem::new(Kind::Internal, error.to_string());
        let message = self.message().map_err(|error| failed(&error))?;
        let Some(set) = message.sets.first() else { return Ok(vec![]) };
        let rows = self.answer.table.table().rows;
        if rows > workbook::MOST {
            let detail = format!("{rows} observations are given, too many for a workbook");
            return Err(Problem::new(Kind::TooLarge, detail)
                .hint(format!("at most {}: ask for less, or for format=csvdata", workbook::MOST)));
        }
        let made = self.header.prepared();
        let cover = Cover { provenance: &self.answer.provenance, made: &made, address };
        let language = self.query.language.parse().unwrap_or_default();
        let made =
            tokio::task::block_in_place(|| workbook::make(set, cover, self.query.labels, language));
        made.map_err(|error| failed(&error))
    }

    fn message(&self) -> io::Result<Message<'_>> {
        let gone = || io::Error::other("the dataset was taken away meanwhile");
        let Self { known, answer, header, .. } = self;
        let flow = known.artefacts.dataflow(&answer.structure.id).ok_or_else(gone)?;
        let definition = known.artefacts.structure_of(flow).ok_or_else(gone)?;
        let set = |action, table| self.set(action, table, (flow, definition));
        let sets = match &answer.removed {
            None => vec![set(Action::Information, &answer.table)],
            Some((removed, _)) => {
                vec![set(Action::Delete, removed), set(Action::Replace, &answer.table)]
            }
        };
        Ok(Message { header, sets })
    }

    fn set<'a>(
        &'a self,
        action: Action,
        table: &'a ProtectedTable,
        (flow, definition): (&'a Artefact, &'a Artefact),
    ) -> DataSet<'a> {
        DataSet {
            action,
            structure: &self.answer.structure,
            structures: &self.known.structures,
            flow: &flow.urn,
            definition: &definition.urn,
            table,
            parts: &self.query.parts,
            layout: self.query.layout,
            changing: &self.changing,
        }
    }

    fn write(&self, piece: &Piece, to: &mut Vec<u8>) -> io::Result<()> {
        let message = self.message()?;
        match self.query.format {
            DataFormat::Generic => generic::write(&message, piece, to),
            DataFormat::Specific => specific::write(&message, piece, to),
            DataFormat::Json => json::write(&message, piece, to),
            // That is made as a whole.
            DataFormat::Workbook => Ok(()),
            DataFormat::Csv(version) => {
                let DataQuery { labels, keys, language, .. } = &self.query;
                let language = language.clone();
                let dialect = Dialect { version, labels: *labels, keys: *keys, language };
                csv::write(&message, piece, &dialect, to)
            }
        }
    }
}

impl Iterator for Rendering {
    type Item = io::Result<Bytes>;

    fn next(&mut self) -> Option<io::Result<Bytes>> {
        let mut bytes = Vec::with_capacity(self.last);
        while bytes.len() < LEAST
            && let Some(piece) = self.pieces.pop_front()
        {
            if let Err(error) = self.write(&piece, &mut bytes) {
                self.pieces.clear();
                return Some(Err(error));
            }
        }
        self.last = bytes.len();
        (!bytes.is_empty()).then(|| Ok(bytes.into()))
    }
}
