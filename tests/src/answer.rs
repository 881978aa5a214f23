//! What a query gave, cell by cell.

use std::collections::BTreeMap;

use prost::{DecodeError, Message};

use birge_proto::wire::{AskRequest, AskResponse, Columns, Provenance, Selection, ask_response};

/// Codes by dimension.
pub type Key = BTreeMap<String, String>;

/// A collected answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// Where it comes from.
    pub provenance: Option<Provenance>,
    /// The cells, in the order given.
    pub cells: Vec<Cell>,
    /// The keys that disappeared, where that was asked for.
    pub removed: Vec<Cell>,
    /// The blocks, one after the other: what the record's digest covers.
    pub bytes: Vec<u8>,
}

/// One cell of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Its dimensions and attributes.
    pub key: Key,
    /// Its value; none where it is withheld or missing.
    pub value: Option<f64>,
}

impl Cell {
    /// The code of a dimension or attribute; empty where there is none.
    #[must_use]
    pub fn code(&self, id: &str) -> &str {
        self.key.get(id).map_or("", String::as_str)
    }

    /// Is it shown as withheld?
    #[must_use]
    pub fn withheld(&self) -> bool {
        self.value.is_none() && self.code("OBS_STATUS") == "Q"
    }
}

impl Answer {
    /// Takes in one message of the stream.
    ///
    /// # Errors
    /// When a block is not encoded columns.
    pub fn take(&mut self, response: AskResponse) -> Result<(), DecodeError> {
        match response.part {
            Some(ask_response::Part::Provenance(provenance)) => self.provenance = Some(provenance),
            Some(ask_response::Part::Block(block)) => self.take_block(&block)?,
            Some(ask_response::Part::Removed(block)) => {
                self.removed.extend(cells(&Columns::decode(block.as_slice())?));
                self.bytes.extend_from_slice(&block);
            }
            None => {}
        }
        Ok(())
    }

    /// Takes in one block of columns.
    ///
    /// # Errors
    /// When it is not encoded columns.
    pub fn take_block(&mut self, block: &[u8]) -> Result<(), DecodeError> {
        self.cells.extend(cells(&Columns::decode(block)?));
        self.bytes.extend_from_slice(block);
        Ok(())
    }

    /// The cells and what they rest on, without what differs from one asking to the next
    /// (the exchange number).
    #[must_use]
    pub fn content(&self) -> (Vec<Cell>, Vec<String>, Vec<String>) {
        let provenance = self.provenance.clone().unwrap_or_default();
        (self.cells.clone(), provenance.batches, provenance.articles)
    }
}

/// A request for the cells of `dataset` with these codes (`A,B` for several); dimensions that
/// are not named are wildcards, and `TIME_PERIOD` may be `2018:2023`.
#[must_use]
pub fn request(dataset: &str, codes: &[(&str, &str)]) -> AskRequest {
    let selections = codes.iter().map(|(dimension, codes)| {
        let (from, to) = codes.split_once(':').unwrap_or_default();
        let listed = if codes.contains(':') { "" } else { codes };
        Selection {
            dimension: (*dimension).to_owned(),
            codes: listed.split(',').filter(|code| !code.is_empty()).map(str::to_owned).collect(),
            from: from.to_owned(),
            to: to.to_owned(),
        }
    });
    let (dataset, selections) = (dataset.to_owned(), selections.collect());
    AskRequest { dataset, selections, ..AskRequest::default() }
}

fn cells(columns: &Columns) -> impl Iterator<Item = Cell> {
    (0..columns.rows as usize).map(|row| {
        let key = columns.columns.iter().filter_map(|column| {
            let entry = column.index.get(row).copied().unwrap_or(0) as usize;
            let code = column.dictionary.get(entry).filter(|code| !code.is_empty())?;
            Some((column.id.clone(), code.clone()))
        });
        let there = columns.present.is_empty()
            || columns.present.get(row / 8).is_some_and(|byte| byte >> (row % 8) & 1 == 1);
        let value = columns.values.get(row).copied().filter(|_| there);
        Cell { key: key.collect(), value }
    })
}
