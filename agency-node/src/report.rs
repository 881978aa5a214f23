//! A report of findings, for people and for programs, with the lines of the file.

use std::fmt::Write;

use birge_schemas::finding::{Finding, Report};
use serde_json::{Value, json};

use crate::source::Lines;

/// The report for people: each finding with its line, errors first, then sums by code.
#[must_use]
pub fn text(report: &Report, lines: &Lines) -> String {
    let mut text = String::new();
    let mut findings: Vec<_> = report.findings.iter().collect();
    findings.sort_by_key(|finding| finding.severity);
    for finding in findings {
        let _ = write!(text, "{:?}", finding.severity);
        if let Some(line) = line(finding, lines) {
            let _ = write!(text, " on line {line}");
        }
        let _ = writeln!(text, ": {finding}");
    }
    if report.unlisted > 0 {
        let _ = writeln!(text, "and {} more findings, not listed", report.unlisted);
    }
    for (code, count) in &report.by_code {
        let _ = writeln!(text, "{code:<20} {count:>8}  {}", code.rule());
    }
    let _ = write!(text, "{} errors, {} warnings", report.errors, report.warnings);
    text
}

/// The report for programs.
#[must_use]
pub fn json(report: &Report, lines: &Lines) -> Value {
    let findings: Vec<_> = report
        .findings
        .iter()
        .map(|finding| {
            json!({
                "code": finding.code,
                "severity": finding.severity,
                "rule": finding.code.rule(),
                "row": finding.row,
                "line": line(finding, lines),
                "column": finding.column,
                "key": finding.key,
                "expected": finding.expected,
                "found": finding.found,
            })
        })
        .collect();
    json!({
        "errors": report.errors,
        "warnings": report.warnings,
        "unlisted": report.unlisted,
        "byCode": report.by_code,
        "findings": findings,
    })
}

fn line(finding: &Finding, lines: &Lines) -> Option<u64> {
    if finding.row == 0 { None } else { lines.of(finding.row) }
}

/// Both reports as one: what was found while reading, then what the rules found.
#[must_use]
pub fn joined(mut first: Report, second: Report) -> Report {
    let room = birge_proto::limits::FINDINGS.saturating_sub(first.findings.len());
    first.unlisted += second.unlisted + second.findings.len().saturating_sub(room) as u64;
    first.findings.extend(second.findings.into_iter().take(room));
    first.errors += second.errors;
    first.warnings += second.warnings;
    for (code, count) in second.by_code {
        *first.by_code.entry(code).or_default() += count;
    }
    first
}

#[cfg(test)]
mod tests {
    use birge_schemas::finding::Code;

    use super::*;

    #[test]
    fn nothing_is_lost_when_reports_are_joined() {
        let report = |count: usize| {
            let mut report = Report::default();
            (0..count).for_each(|row| {
                report.push(Finding::new(Code::SumSex, "5", "6").at(row, "A.KG"));
            });
            report
        };
        let joined = joined(report(700), report(1_200));
        assert_eq!((joined.findings.len(), joined.unlisted), (1_000, 900));
        assert_eq!((joined.errors, joined.count(Code::SumSex)), (1_900, 1_900));
    }

    #[test]
    fn lines_stand_beside_rows() {
        let mut report = Report::default();
        report.push(Finding::new(Code::SumSex, "5", "6").at(0, "A.KG"));
        let mut lines = Lines::default();
        lines.note(1, 4);
        assert!(text(&report, &lines).starts_with("Error on line 4: SUM_SEX in row 1"));
        assert_eq!(json(&report, &lines)["findings"][0]["line"], 4);
    }
}
