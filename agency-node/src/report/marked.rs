//! Which cells of a file findings stand on.

use std::collections::BTreeMap;

use birge_schemas::finding::Finding;

use crate::{
    batch::Checked,
    source::{Explained, sheet::Sheet},
};

/// A file's rows, and what was found on their lines.
pub(super) struct Marked<'a> {
    pub(super) sheet: &'a Sheet,
    by_line: BTreeMap<u64, Vec<&'a Finding>>,
    explained: &'a Explained,
}

impl<'a> Marked<'a> {
    pub(super) fn new(sheet: &'a Sheet, checked: &'a Checked) -> Self {
        let mut by_line: BTreeMap<u64, Vec<&Finding>> = BTreeMap::new();
        for finding in checked.report.findings.iter().filter(|finding| finding.row > 0) {
            if let Some(line) = checked.lines.of(finding.row) {
                by_line.entry(line).or_default().push(finding);
            }
        }
        Self { sheet, by_line, explained: &checked.explained }
    }

    /// What was found on the line of a row of the file.
    pub(super) fn on(&self, row: usize) -> &[&'a Finding] {
        let line = self.sheet.lines.of(row as u64 + 1);
        line.and_then(|line| self.by_line.get(&line)).map_or(&[], Vec::as_slice)
    }

    /// Is a finding about this column of the file?
    pub(super) fn is_about(&self, finding: &Finding, name: &str) -> bool {
        self.explained.is_from(&finding.column, name)
    }

    /// The cell of a row in a column.
    pub(super) fn cell(&self, row: usize, column: usize) -> &str {
        self.sheet.texts.get(column).map_or("", |column| column.at(row))
    }
}
