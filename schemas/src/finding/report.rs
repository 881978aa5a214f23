//! Everything that was found in a batch.

use std::{collections::BTreeMap, fmt};

use birge_proto::{limits, wire};
use serde::Serialize;

use super::{Code, Finding, Severity};

/// Everything found in one batch: listed up to [`limits::FINDINGS`], counted beyond.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The findings, in the order of the rules and of the rows.
    pub findings: Vec<Finding>,
    /// Findings past the cap, not listed.
    pub unlisted: u64,
    /// Errors, the unlisted ones included.
    pub errors: u64,
    /// Warnings, the unlisted ones included.
    pub warnings: u64,
    /// How many of each code, the unlisted ones included.
    pub by_code: BTreeMap<Code, u64>,
}

impl Report {
    /// Adds a finding.
    pub fn push(&mut self, finding: Finding) {
        self.add(finding.code, || finding);
    }

    /// Counts a finding; builds it only while there is room to list it.
    pub fn add(&mut self, code: Code, finding: impl FnOnce() -> Finding) {
        *self.by_code.entry(code).or_default() += 1;
        match code.severity() {
            Severity::Error => self.errors += 1,
            Severity::Warning => self.warnings += 1,
            Severity::Info => {}
        }
        if self.findings.len() < limits::FINDINGS {
            self.findings.push(finding());
        } else {
            self.unlisted += 1;
        }
    }

    /// Both reports as one: what was found first, then what was found second.
    #[must_use]
    pub fn joined(mut self, second: Self) -> Self {
        let room = limits::FINDINGS.saturating_sub(self.findings.len());
        self.unlisted += second.unlisted + second.findings.len().saturating_sub(room) as u64;
        self.findings.extend(second.findings.into_iter().take(room));
        self.errors += second.errors;
        self.warnings += second.warnings;
        for (code, count) in second.by_code {
            *self.by_code.entry(code).or_default() += count;
        }
        self
    }

    /// The same, where so many rows come before those that it is of.
    #[must_use]
    pub fn below(mut self, rows: u64) -> Self {
        self.findings.iter_mut().filter(|found| found.row > 0).for_each(|found| found.row += rows);
        self
    }

    /// How many findings of `code`.
    #[must_use]
    pub fn count(&self, code: Code) -> u64 {
        self.by_code.get(&code).copied().unwrap_or_default()
    }

    /// The report as it travels.
    #[must_use]
    pub fn to_wire(&self) -> wire::Report {
        wire::Report {
            findings: self.findings.iter().map(Finding::to_wire).collect(),
            unlisted: self.unlisted,
            errors: self.errors,
            warnings: self.warnings,
        }
    }

    /// Reads a report that travelled. Findings of a code that this side does not know are
    /// counted as unlisted; counts by code cover what is listed.
    #[must_use]
    pub fn from_wire(report: &wire::Report) -> Self {
        let mut read = Self::default();
        let mut strange = 0;
        for finding in &report.findings {
            match Finding::from_wire(finding) {
                Some(finding) => read.push(finding),
                None => strange += 1,
            }
        }
        read.unlisted += report.unlisted + strange;
        read.errors = report.errors;
        read.warnings = report.warnings;
        read
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
        }
        if self.unlisted > 0 {
            writeln!(f, "and {} more findings, not listed", self.unlisted)?;
        }
        for (code, count) in &self.by_code {
            writeln!(f, "{code:<20} {count:>8}  {}", code.rule())?;
        }
        write!(f, "{} errors, {} warnings", self.errors, self.warnings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_survives_the_wire() {
        let mut report = Report::default();
        for code in Code::ALL {
            report.push(Finding::new(*code, "a", "b").column("SEX").at(0, "A.KG"));
        }
        assert_eq!(Report::from_wire(&report.to_wire()), report);
        let of = |severity| Code::ALL.iter().filter(|code| code.severity() == severity).count();
        let sums = (of(Severity::Error) as u64, of(Severity::Warning) as u64);
        assert_eq!((report.errors, report.warnings), sums);
    }

    #[test]
    fn what_is_past_the_cap_is_counted() {
        let mut report = Report::default();
        for _ in 0..limits::FINDINGS + 5 {
            report.push(Finding::new(Code::SumSex, "5", "6"));
        }
        assert_eq!((report.findings.len(), report.unlisted), (limits::FINDINGS, 5));
        assert_eq!(report.count(Code::SumSex), limits::FINDINGS as u64 + 5);
        assert!(report.to_string().contains("5 more findings"));
    }

    #[test]
    fn nothing_is_lost_when_reports_are_joined() {
        let report = |count: usize| {
            let mut report = Report::default();
            (0..count).for_each(|row| {
                report.push(Finding::new(Code::SumSex, "5", "6").at(row, "A.KG"));
            });
            report
        };
        let joined = report(700).joined(report(1_200));
        assert_eq!((joined.findings.len(), joined.unlisted), (1_000, 900));
        assert_eq!((joined.errors, joined.count(Code::SumSex)), (1_900, 1_900));
    }
}
