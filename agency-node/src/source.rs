//! Where batches come from: files in the common template, as CSV or JSON.
//!
//! Reading never panics and never stops at the first fault: what cannot be read is a finding,
//! and what can be is handed on to the rules.

pub mod csv;
pub mod folder;
pub mod json;
pub mod text;

use std::{fs, path::Path};

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

use crate::{mapping::Blanks, output::Failure};

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
}

/// On which line of the file each row stands, where that is not simply the next line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines {
    /// From this row on (from 1), the line is the row plus this.
    shifts: Vec<(u64, u64)>,
}

impl Lines {
    /// Notes that `row` (from 1) stands on `line` (from 1). Rows come in order.
    pub(crate) fn note(&mut self, row: u64, line: u64) {
        let shift = line.saturating_sub(row);
        if self.shifts.last().is_none_or(|(_, last)| *last != shift) {
            self.shifts.push((row, shift));
        }
    }

    /// The line of a row; `None` where lines are not known, as in JSON.
    #[must_use]
    pub fn of(&self, row: u64) -> Option<u64> {
        let place = self.shifts.partition_point(|(first, _)| *first <= row);
        let (_, shift) = self.shifts.get(place.checked_sub(1)?)?;
        Some(row + shift)
    }
}

/// Reads a batch from a file, by its ending: `.json` is JSON, all else is CSV. The findings,
/// where so little can be read that the rules cannot go on.
///
/// # Errors
/// When there is no file, or it may not be read.
pub fn read(structures: &Structures, path: &Path) -> Result<Result<Input, Report>, Failure> {
    let unreadable = |error| {
        Failure::Usage(format!(
            "cannot read {}: {error}\nnext: name a file in the common template, CSV or JSON",
            path.display()
        ))
    };
    let length = fs::metadata(path).map_err(unreadable)?.len();
    if length > limits::FILE_BYTES {
        let expected = format!("at most {} bytes in one file", limits::FILE_BYTES);
        return Ok(Err(only(Finding::new(Code::Format, expected, format!("{length} bytes")))));
    }
    let bytes = fs::read(path).map_err(unreadable)?;
    Ok(if is_json(path) { json::read(structures, &bytes) } else { csv::read(&bytes) })
}

fn is_json(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
}

/// A report of one finding.
pub(crate) fn only(finding: Finding) -> Report {
    let mut report = Report::default();
    report.push(finding);
    report
}

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
