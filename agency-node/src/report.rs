//! A report of findings, for people and for programs, with the lines of the file: as text, JSON,
//! CSV, a page of its own, and as a copy of the file with what was found on each line.

mod annotated;
mod marked;
mod page;
mod text;

use std::{borrow::Cow, ffi::OsStr, path::Path};

use birge_schemas::finding::{Finding, Report, Severity};
use serde_json::{Value, json};

pub use self::text::text;
use self::{marked::Marked, text::rule};
use crate::{
    batch::Checked,
    home,
    i18n::{self, Language},
    output::{Exit, Failure, Reply},
    source::{Lines, has_ending, sheet::Sheet},
};

/// Units of UTF-16 that a cell of a workbook takes.
pub(crate) const CELL: usize = 32_767;

/// As much of a text as a place of a workbook takes, in units of UTF-16.
pub(crate) fn clipped(text: &str, most: usize) -> &str {
    let mut units = 0;
    let past = text.char_indices().find(|(_, letter)| {
        units += letter.len_utf16();
        units > most
    });
    past.map_or(text, |(at, _)| &text[..at])
}

/// What is told of a file.
pub struct Paper<'a> {
    /// The file's name.
    pub file: &'a str,
    /// What was found.
    pub checked: &'a Checked,
    /// The file as a table, where it is one.
    pub sheet: Option<&'a Sheet>,
    /// The file in its own layout with the findings marked, where it is a form of the node's.
    pub form: Option<&'a [u8]>,
    /// In which language.
    pub language: Language,
}

impl Paper<'_> {
    /// Writes the report into a file, in the form that its ending names: `.html`, `.csv`, `.json`,
    /// else text.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let Checked { report, lines, .. } = self.checked;
        let bytes = match path.extension().and_then(OsStr::to_str) {
            Some("html" | "htm") => self.page()?.into_bytes(),
            Some("csv") => table(report, lines, self.language).map_err(anyhow::Error::from)?,
            Some("json") => format!("{:#}\n", json(report, lines)).into_bytes(),
            _ => text(report, lines, self.language).into_bytes(),
        };
        home::write(path, &bytes)
    }

    /// Writes a copy of the file with a column that says on each line what was found there: a
    /// workbook where the name ends in `.xlsx`, else CSV. A form keeps its own layout. Of a file
    /// that is no table there is none.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn annotate(&self, path: &Path) -> Result<bool, Failure> {
        let is_workbook = has_ending(path, &["xlsx"]);
        if let Some(form) = self.form.filter(|_| is_workbook) {
            home::write(path, form)?;
            return Ok(true);
        }
        let Some(sheet) = self.sheet else { return Ok(false) };
        let marked = Marked::new(sheet, self.checked);
        annotated::write(path, &marked, &i18n::SOURCES.texts(self.language))?;
        Ok(true)
    }

    /// The report as a page of its own.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn page(&self) -> Result<String, Failure> {
        let marked = self.sheet.map(|sheet| Marked::new(sheet, self.checked));
        let texts = i18n::SOURCES.texts(self.language);
        let Checked { report, lines, .. } = self.checked;
        let page = page::page(self.file, report, lines, marked.as_ref(), self.language, &texts);
        Ok(page.map_err(anyhow::Error::from)?)
    }
}

/// The answer to whoever asked for a file that breaks rules.
#[must_use]
pub fn invalid(checked: &Checked, language: Language) -> Reply {
    let texts = i18n::SOURCES.texts(language);
    let text = format!(
        "{}\n{}\n{}",
        text(&checked.report, &checked.lines, language),
        texts.say("text-invalid"),
        texts.tell("text-next", &[("what", &texts.say("text-mend"))])
    );
    let json = json!({ "valid": false, "report": json(&checked.report, &checked.lines) });
    Reply { exit: Exit::Refused, text, aside: String::new(), json }
}

/// The report as CSV, a finding a line, with a byte order mark for spreadsheets.
fn table(report: &Report, lines: &Lines, language: Language) -> Result<Vec<u8>, csv::Error> {
    let texts = i18n::SOURCES.texts(language);
    let mut writer = csv::Writer::from_writer("\u{feff}".as_bytes().to_vec());
    let say = |id: &str| texts.say(id);
    let head =
        ["severity", "code", "line", "column", "key", "found", "expected", "rule", "meaning"];
    let head = head.map(|name| match name {
        "code" | "rule" => name.to_owned(),
        name => say(&format!("batch-{name}")),
    });
    writer.write_record(head)?;
    for finding in &report.findings {
        let Finding { code, severity, column, key, found, expected, .. } = finding;
        let line = line(finding, lines).map_or_else(String::new, |line| line.to_string());
        let severity = say(&format!("severity-{}", class(*severity)));
        let meaning = say(&format!("finding-{code}"));
        let rule = rule(*code, &texts);
        let cells =
            [&severity, code.as_str(), &line, column, key, found, expected, &rule, &meaning];
        writer.write_record(cells.map(|cell| inert(cell).into_owned()))?;
    }
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
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

fn class(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}

fn line(finding: &Finding, lines: &Lines) -> Option<u64> {
    if finding.row == 0 { None } else { lines.of(finding.row) }
}

/// A cell as a spreadsheet takes it for text: what would be a formula is marked as none.
fn inert(cell: &str) -> Cow<'_, str> {
    let formula =
        cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.parse::<f64>().is_err();
    if formula { format!("'{cell}").into() } else { cell.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        assert_eq!(inert("=HYPERLINK(1)"), "'=HYPERLINK(1)");
        assert_eq!(inert("@x"), "'@x");
        for plain in ["-5", "+1.5", "a=b", ""] {
            assert_eq!(inert(plain), plain);
        }
    }
}
