//! A report as a page of its own, which needs nothing but a browser.

use askama::Template;
use birge_schemas::finding::Report;

use super::{class, line, marked::Marked};
use crate::{
    i18n::{Language, Texts},
    source::Lines,
};

/// Lines of the file that are shown.
const SHOWN: usize = 200;

#[derive(Template)]
#[template(path = "report.html")]
struct Page {
    lang: &'static str,
    title: String,
    summary: String,
    words: Words,
    codes: Vec<OfCode>,
    findings: Vec<Told>,
    unlisted: Option<String>,
    names: Vec<String>,
    rows: Vec<Row>,
    more_rows: Option<String>,
}

struct Words {
    codes: String,
    rule: String,
    count: String,
    meaning: String,
    findings: String,
    severity: String,
    line: String,
    column: String,
    key: String,
    found: String,
    expected: String,
    rows: String,
}

struct OfCode {
    class: &'static str,
    code: &'static str,
    count: u64,
    meaning: String,
}

struct Told {
    class: &'static str,
    severity: String,
    line: String,
    column: String,
    code: &'static str,
    found: String,
    expected: String,
    key: String,
}

struct Row {
    line: String,
    cells: Vec<Cell>,
}

struct Cell {
    text: String,
    wrong: bool,
}

/// The page on a file. Of a file that could be read as a table, the lines with findings are shown.
///
/// # Errors
/// Never, but for a fault of the template.
pub(super) fn page(
    file: &str,
    report: &Report,
    lines: &Lines,
    marked: Option<&Marked<'_>>,
    language: Language,
    texts: &Texts,
) -> Result<String, askama::Error> {
    let say = |id: &str| texts.say(id);
    let [errors, warnings] = [report.errors, report.warnings].map(|count| count.to_string());
    let summary = if report.errors == 0 { "batch-passes" } else { "batch-fails" };
    let (rows, more) = marked.map_or((vec![], 0), shown);
    let tell = |id: &str, count: u64| texts.tell(id, &[("count", &count.to_string())]);
    let mut findings: Vec<_> = report.findings.iter().collect();
    findings.sort_by_key(|finding| finding.severity);
    let told = findings.into_iter().map(|finding| Told {
        class: class(finding.severity),
        severity: say(&format!("severity-{}", class(finding.severity))),
        line: line(finding, lines).map_or_else(|| say("batch-none"), |line| line.to_string()),
        column: finding.column.clone(),
        code: finding.code.as_str(),
        found: finding.found.clone(),
        expected: finding.expected.clone(),
        key: finding.key.clone(),
    });
    let codes = report.by_code.iter().map(|(code, count)| OfCode {
        class: class(code.severity()),
        code: code.as_str(),
        count: *count,
        meaning: say(&format!("finding-{code}")),
    });
    Page {
        lang: language.code(),
        title: texts.tell("batch-title", &[("file", file)]),
        summary: texts.tell(summary, &[("errors", &errors), ("warnings", &warnings)]),
        words: Words {
            codes: say("batch-codes"),
            rule: say("batch-rule"),
            count: say("batch-count"),
            meaning: say("batch-meaning"),
            findings: say("batch-findings"),
            severity: say("batch-severity"),
            line: say("batch-line"),
            column: say("batch-column"),
            key: say("batch-key"),
            found: say("batch-found"),
            expected: say("batch-expected"),
            rows: say("batch-rows"),
        },
        codes: codes.collect(),
        findings: told.collect(),
        unlisted: (report.unlisted > 0).then(|| tell("batch-unlisted", report.unlisted)),
        names: marked
            .map_or(vec![], |it| it.sheet.texts.iter().map(|own| own.id.clone()).collect()),
        more_rows: (more > 0).then(|| tell("batch-rows-more", rows.len() as u64)),
        rows,
    }
    .render()
}

/// The first lines with findings, and how many more there are.
fn shown(marked: &Marked<'_>) -> (Vec<Row>, usize) {
    let mut with = (0..marked.sheet.rows).filter(|row| !marked.on(*row).is_empty());
    let rows = with.by_ref().take(SHOWN).map(|row| {
        let found = marked.on(row);
        let line = marked.sheet.lines.of(row as u64 + 1);
        let cells = marked.sheet.texts.iter().enumerate().map(|(column, own)| Cell {
            text: marked.cell(row, column).to_owned(),
            wrong: found.iter().any(|finding| marked.is_about(finding, &own.id)),
        });
        Row { line: line.map_or_else(String::new, |line| line.to_string()), cells: cells.collect() }
    });
    let rows = rows.collect();
    (rows, with.count())
}
