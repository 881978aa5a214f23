//! How rows write that they have no value.

use birge_schemas::{
    finding::{Code, Finding, Report},
    table::RawColumn,
};

/// How SDMX-CSV 2.0 writes a number that is missing, and anything else that is.
pub const MISSING: [&str; 2] = ["NaN", "#N/A"];

/// How rows write that they have no value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Blanks(RawColumn);

impl Blanks {
    /// Of a column of what stands where no number does.
    #[must_use]
    pub fn of_words(words: RawColumn) -> Self {
        Self(words)
    }

    /// The sign that stands in a row (from 1); none where nothing does, or what is no such sign.
    #[must_use]
    pub fn of(&self, row: u64) -> Option<&'static str> {
        let row = usize::try_from(row.checked_sub(1)?).ok()?;
        MISSING.into_iter().find(|sign| *sign == self.0.at(row))
    }

    /// Puts the signs into what was found where a value is missing: `NaN with status A`.
    pub fn name(&self, report: &mut Report) {
        let blank = |finding: &&mut Finding| finding.code == Code::ValueBlank;
        for finding in report.findings.iter_mut().filter(blank) {
            let word = self.of(finding.row);
            if let Some((word, rest)) = word.zip(finding.found.strip_prefix("no value")) {
                finding.found = format!("{word}{rest}");
            }
        }
    }
}
