//! The cells that go out, and nothing of those that do not: the only type that an answer, a
//! count or a digest is made from.

use std::collections::HashMap;

use birge_schemas::{
    detail::Detail,
    structure::{AttributeKind, Level, Structure},
    table::{RawColumn, RawTable},
    wire::{WireError, to_blocks},
};

use super::selection::Selection;
use crate::catalog::Version;

/// Status of a withheld cell: missing, suppressed (`CL_OBS_STATUS`).
const SUPPRESSED: &str = "Q";
/// Confidentiality of a withheld cell (`CL_CONF_STATUS`). The same for all: to say which are
/// primary is to say that they are small.
const CONFIDENTIAL: &str = "C";

/// Released cells in the order of their series and periods, with the withheld ones blanked.
#[derive(Debug)]
pub struct ProtectedTable {
    table: RawTable,
    /// Cells given with what was handed in.
    pub(super) answered: u64,
    /// Cells withheld.
    pub(super) withheld: u64,
    /// Of all these, those that are not public yet.
    pub(super) early: u64,
}

/// A cell that may be given.
struct Cell<'a> {
    period: &'a str,
    held: &'a Version,
    row: usize,
    given: Given,
}

impl ProtectedTable {
    /// Collects the selected cells of the periods that are seen. `permitted` says of figures
    /// that are public or not, and of a detail, whether it is given at all and, if so, how.
    #[must_use]
    pub(super) fn collect<'a>(
        structure: &Structure,
        seen: impl Iterator<Item = (&'a str, &'a Version)>,
        selection: &Selection,
        permitted: impl Fn(bool, Detail) -> Option<Given>,
    ) -> Self {
        let mut cells = vec![];
        for (period, held) in seen.filter(|(period, _)| selection.takes_period(period)) {
            let table = held.slice.table();
            let released = held.public.is_some();
            let given = rows(held, selection).filter_map(|row| {
                let given = permitted(released, table.detail(row))?;
                Some((table.packed(row), Cell { period, held, row, given }))
            });
            cells.extend(given);
        }
        // Periods come in order, and a stable sort keeps it.
        cells.sort_by_key(|(series, _)| *series);
        let mut protected = Self { table: RawTable::default(), answered: 0, withheld: 0, early: 0 };
        let mut writer = Writer::of(structure);
        for cell in selection.cut().of_cells(&cells) {
            protected.push(cell, &mut writer);
        }
        protected.table.columns = writer.columns;
        protected
    }

    fn push(&mut self, cell: &Cell<'_>, writer: &mut Writer<'_>) {
        let Cell { period, held, row, given: Given { raw, early } } = *cell;
        let shown = match (raw, held.withholds(row)) {
            (true, _) => Shown::Entire,
            (false, false) if held.withholds_any() => Shown::WithoutWords,
            (false, false) => Shown::Entire,
            (false, true) => Shown::Withheld,
        };
        writer.push(held, period, row, shown);
        self.table.push_value(match shown {
            Shown::Withheld => None,
            Shown::Entire | Shown::WithoutWords => held.slice.table().value(row),
        });
        self.early += u64::from(early);
        match shown {
            Shown::Withheld => self.withheld += 1,
            Shown::Entire | Shown::WithoutWords => self.answered += 1,
        }
    }

    /// The cells as columns: of each dimension, `TIME_PERIOD`, each attribute of an observation or
    /// a series.
    #[must_use]
    pub fn table(&self) -> &RawTable {
        &self.table
    }

    /// The cells as encoded blocks of columns.
    ///
    /// # Errors
    /// When they are more than a batch may hold.
    pub(super) fn blocks(&self) -> Result<Vec<Vec<u8>>, WireError> {
        to_blocks(&self.table)
    }
}

/// How a cell is given.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given {
    /// With small counts.
    pub(super) raw: bool,
    /// It is not public (article 8(1)).
    pub(super) early: bool,
}

/// How a cell is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// As it was handed in.
    Entire,
    /// With its value and coded attributes only: where anything of the period is withheld, a comment
    /// could tell it.
    WithoutWords,
    /// That it exists, nothing more.
    Withheld,
}

fn rows<'a>(held: &'a Version, selection: &'a Selection) -> impl Iterator<Item = usize> + 'a {
    let table = held.slice.table();
    let restricted: Vec<_> = selection.restricted().collect();
    (0..table.rows()).filter(move |row| {
        restricted.iter().all(|(place, codes)| codes[usize::from(table.code(*place, *row))])
    })
}

/// Writes cells into columns: the dimensions, the period, the attributes.
struct Writer<'a> {
    structure: &'a Structure,
    columns: Vec<RawColumn>,
    /// Of each column: where a text stands in its dictionary.
    entries: Vec<HashMap<String, u32>>,
    /// Of each dimension: where a code stands in its column's dictionary.
    codes: Vec<HashMap<u16, u32>>,
}

impl<'a> Writer<'a> {
    fn of(structure: &'a Structure) -> Self {
        let dimensions = structure.coded().map(|dimension| dimension.id.as_str());
        let attributes = structure.attributes.iter().filter(|each| each.level != Level::Dataset);
        let ids = dimensions.chain(["TIME_PERIOD"]).chain(attributes.map(|each| each.id.as_str()));
        let columns: Vec<_> =
            ids.map(|id| RawColumn { id: id.to_owned(), ..RawColumn::default() }).collect();
        let entries = vec![HashMap::new(); columns.len()];
        Self { structure, columns, entries, codes: vec![HashMap::new(); structure.coded().count()] }
    }

    fn push(&mut self, held: &Version, period: &str, row: usize, shown: Shown) {
        let structure = self.structure;
        let table = held.slice.table();
        let mut column = 0;
        for (place, dimension) in structure.coded().enumerate() {
            let code = table.code(place, row);
            if let Some(entry) = self.codes[place].get(&code) {
                self.columns[column].index.push(*entry);
            } else if let Some(coded) = dimension.codes() {
                let entry = self.text(column, &coded.list.code(code).id);
                self.codes[place].insert(code, entry);
            }
            column += 1;
        }
        self.text(column, period);
        for attribute in structure.attributes.iter().filter(|each| each.level != Level::Dataset) {
            column += 1;
            let given = table.attribute(&attribute.id, row).unwrap_or_default();
            let words = !matches!(attribute.kind, AttributeKind::Coded(_));
            self.text(
                column,
                match (shown, attribute.id.as_str()) {
                    (Shown::Withheld, "OBS_STATUS") => SUPPRESSED,
                    (Shown::Withheld, "CONF_STATUS") => CONFIDENTIAL,
                    (Shown::Withheld, _) if words || attribute.level == Level::Observation => "",
                    (Shown::WithoutWords, _) if words => "",
                    _ => given,
                },
            );
        }
    }

    fn text(&mut self, column: usize, text: &str) -> u32 {
        let target = &mut self.columns[column];
        let entry = self.entries[column].get(text).copied().unwrap_or_else(|| {
            let entry = target.dictionary.len() as u32;
            target.dictionary.push(text.to_owned());
            self.entries[column].insert(text.to_owned(), entry);
            entry
        });
        target.index.push(entry);
        entry
    }
}
