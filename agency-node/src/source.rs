//! Where batches come from: files, as CSV, workbooks, JSON or SDMX-ML, in the common template. Of files that
//! are in a layout of their own a table is read, which a mapping explains.
//!
//! Reading never panics and never stops at the first fault: what cannot be read is a finding,
//! and what can be is handed on to the rules.

pub mod blanks;
pub mod broken;
pub mod csv;
pub mod explained;
pub mod folder;
pub mod json;
pub mod layout;
pub mod objects;
pub mod pieces;
pub mod records;
pub mod sdmx_ml;
pub mod sheet;
pub mod template;
pub mod text;
mod whole;
pub mod workbook;

use std::{ffi::OsStr, fs, path::Path};

use birge_proto::{
    identity::AgencyId,
    limits,
    manifest::{Action, BatchId},
};
use birge_schemas::{
    finding::{Code, Finding, Report},
    structure::Structures,
    table::RawTable,
};

pub use self::{blanks::Blanks, explained::Explained};
use self::{layout::Layout, sheet::Sheet};
use crate::output::Failure;

/// What a file says of its batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Dataset, an SDMX dataflow id.
    pub dataset: String,
    /// Version of its structure.
    pub version: String,
    /// Who hands it in, where the file says so.
    pub agency: Option<AgencyId>,
    /// What it does.
    pub action: Action,
    /// Reference periods, where the file names them; else those of the observations.
    pub periods: Option<Vec<String>>,
    /// What it revises, where the file says so.
    pub revises: Option<BatchId>,
    /// Why it revises.
    pub reason: Option<String>,
    /// Keys that disappear.
    pub removes: Vec<String>,
}

/// A file that was read.
#[derive(Debug)]
pub struct Input {
    /// What it says of its batch.
    pub header: Header,
    /// Its observations, unchecked.
    pub table: RawTable,
    /// What was found while reading.
    pub report: Report,
    /// On which lines its rows stand.
    pub lines: Lines,
    /// How its rows write that they have no value.
    pub blanks: Blanks,
    /// How its codes came to be.
    pub explained: Explained,
}

/// On which line of the file each row stands, where that is not simply the next line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines {
    /// From this row of the file on (from 1), the line is the row plus this.
    shifts: Vec<(u64, u64)>,
    /// For each row, the row of the file that it was made of (from 0), or [`Lines::MADE`]; empty
    /// where they are the same.
    origins: Vec<u32>,
}

impl Lines {
    /// Notes that `row` (from 1) stands on `line` (from 1). Rows come in order.
    pub(crate) fn note(&mut self, row: u64, line: u64) {
        let shift = line.saturating_sub(row);
        if self.shifts.last().is_none_or(|(_, last)| *last != shift) {
            self.shifts.push((row, shift));
        }
    }

    /// Notes the lines of rows that follow on `before` others.
    pub(crate) fn append(&mut self, before: u64, other: &Self) {
        for (row, shift) in &other.shifts {
            self.note(before + row, row + shift);
        }
    }

    /// The origin of a row that no row of the file gave.
    pub const MADE: u32 = u32::MAX;

    /// The same lines of rows that were made of these: of each the row that it was made of (from
    /// 0), or [`Self::MADE`].
    #[must_use]
    pub fn made_of(self, origins: Vec<u32>) -> Self {
        Self { origins, ..self }
    }

    /// The line of a row; `None` where lines are not known, as in JSON, or the row stands on none.
    #[must_use]
    pub fn of(&self, row: u64) -> Option<u64> {
        let row = match usize::try_from(row.checked_sub(1)?).ok()? {
            row if self.origins.is_empty() => row as u64 + 1,
            row => match *self.origins.get(row)? {
                Self::MADE => return None,
                origin => u64::from(origin) + 1,
            },
        };
        let place = self.shifts.partition_point(|(first, _)| *first <= row);
        let (_, shift) = self.shifts.get(place.checked_sub(1)?)?;
        Some(row + shift)
    }
}

/// Reads a batch in the common template from a file, by its ending: `.json` is JSON, `.xml`
/// SDMX-ML, `.xlsx`, `.xls`, `.xlsb` and `.ods` are workbooks, all else is CSV. The findings, where so little can be
/// read that the rules cannot go on.
///
/// # Errors
/// When there is no file, or it may not be read.
pub fn read(structures: &Structures, path: &Path) -> Result<Result<Input, Report>, Failure> {
    let mut report = Report::default();
    Ok(bytes(path)?.and_then(|bytes| match is_json(path) {
        true => json::read(structures, &bytes),
        false if is_xml(path) => sdmx_ml::template(structures, &bytes),
        false => {
            let layout = Layout::default();
            let sheet = sheet(path, bytes, &layout, template::is_figure, &mut report)?;
            template::read(sheet, report)
        }
    }))
}

/// Reads the table in a file, by the file's ending.
///
/// # Errors
/// The findings, where there is none.
pub fn sheet(
    path: &Path,
    bytes: Vec<u8>,
    layout: &Layout,
    is_figure: impl Fn(&str) -> bool,
    report: &mut Report,
) -> Result<Sheet, Report> {
    match has_ending(path, &["xlsx", "xlsm", "xlsb", "xls", "ods"]) {
        true => workbook::sheet(bytes, layout, is_figure, report),
        false if is_json(path) => objects::sheet(&bytes, layout, is_figure, report),
        false if is_xml(path) => sdmx_ml::sheet(&bytes, layout, is_figure, report),
        false => csv::sheet(&bytes, layout, is_figure, report),
    }
}

/// The bytes of a file; a finding, where it is too large.
///
/// # Errors
/// When there is no file, or it may not be read.
pub fn bytes(path: &Path) -> Result<Result<Vec<u8>, Report>, Failure> {
    let unreadable = |error| {
        Failure::Usage(format!(
            "cannot read {}: {error}\nnext: name a file in the common template, or one that a \
             mapping explains",
            path.display()
        ))
    };
    let facts = fs::metadata(path).map_err(unreadable)?;
    let length = facts.len();
    if length > limits::FILE_BYTES {
        let expected = format!("at most {} bytes in one file", limits::FILE_BYTES);
        return Ok(Err(only(Finding::new(Code::Format, expected, format!("{length} bytes")))));
    }
    Ok(Ok(whole::read(path, &facts).map_err(unreadable)?))
}

/// Is a file JSON, by its ending?
#[must_use]
pub fn is_json(path: &Path) -> bool {
    has_ending(path, &["json", "jsonl", "ndjson"])
}

/// Is a file XML, by its ending?
fn is_xml(path: &Path) -> bool {
    has_ending(path, &["xml"])
}

/// Is this one of the endings of a file's name?
pub(crate) fn has_ending(path: &Path, endings: &[&str]) -> bool {
    let ending = path.extension().and_then(OsStr::to_str);
    ending.is_some_and(|own| endings.iter().any(|each| own.eq_ignore_ascii_case(each)))
}

/// A report of one finding.
pub(crate) fn only(finding: Finding) -> Report {
    let mut report = Report::default();
    report.push(finding);
    report
}

#[cfg(test)]
mod mutated;
#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Exit;

    #[test]
    fn lines_are_found_again() {
        let mut lines = Lines::default();
        for (row, line) in [(1, 2), (2, 3), (3, 6), (4, 7)] {
            lines.note(row, line);
        }
        assert_eq!(lines.shifts.len(), 2);
        let found: Vec<_> = (0..=5).map(|row| lines.of(row)).collect();
        assert_eq!(found, [None, Some(2), Some(3), Some(6), Some(7), Some(8)]);
    }

    #[test]
    fn a_path_that_cannot_be_read_breaks_no_rule() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path(), &folder.path().join("a.csv")] {
            let failure = read(&Structures::bundled().unwrap(), path).unwrap_err();
            assert_eq!(failure.exit(), Exit::Usage);
            assert!(failure.to_string().contains(&*path.to_string_lossy()), "{failure}");
        }
    }
}
