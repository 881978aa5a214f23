//! What is refused goes to `rejected/`, with a report for people and one for programs beside
//! it, so that whoever handed it in can mend it.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use birge_proto::{manifest::BatchId, problem::Problem};
use birge_schemas::finding::Report;
use serde_json::json;

use crate::{
    batch::Checked,
    home::{self, Home},
    i18n::{self, Language},
    outbox::{file::Slip, prepared::Prepared},
    output::{self, Failure},
    report::{self, Paper},
    source::{Lines, folder},
};

/// A problem, and the report that goes with it.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// Why.
    pub problem: Problem,
    /// Every finding.
    pub report: Report,
}

impl Refusal {
    /// A refusal.
    #[must_use]
    pub fn new(problem: Problem, report: Report) -> Self {
        Self { problem, report }
    }
}

/// Puts a file of the inbox aside that did not pass the rules, with its report as text, JSON, CSV
/// and a page, and a copy that says on each line what was found there. Files of one name are told
/// apart by what was found: the same content gets the same place.
///
/// # Errors
/// When the disk refuses; the file is where it was.
pub fn file(home: &Home, file: &Path, paper: &Paper<'_>) -> Result<PathBuf, Failure> {
    let Checked { report: found, lines, .. } = paper.checked;
    let mark = BatchId::of(found.to_string().as_bytes()).to_string();
    let to = home::free_path(&home.join("rejected"), file, &mark[..8]);
    let is_csv =
        |ending: &OsStr| ["csv", "txt", "tsv"].iter().any(|own| ending.eq_ignore_ascii_case(own));
    let copy = if to.extension().is_none_or(is_csv) { ".findings.csv" } else { ".findings.xlsx" };
    write(
        &to,
        &report::text(found, lines, paper.language),
        &json!({ "report": report::json(found, lines) }),
    )?;
    paper.write(&home::with_ending(&to, ".report.html"))?;
    paper.write(&home::with_ending(&to, ".report.csv"))?;
    if let Err(failure) = paper.annotate(&home::with_ending(&to, copy)) {
        tracing::warn!("no copy of {} with its findings: {failure}", paper.file);
    }
    move_with_sidecar(file, &to)?;
    Ok(to)
}

/// Writes the report of a batch that the gateway refused, and puts the file that it was made
/// from, where it is still under `sent/`, beside it. The text is in `language`.
///
/// # Errors
/// When the disk refuses.
pub fn batch(
    home: &Home,
    batch: BatchId,
    slip: &Slip,
    refusal: &Refusal,
    language: Language,
) -> Result<PathBuf, Failure> {
    let mark = &batch.to_string()[..8];
    let to = home::free_path(&home.join("rejected"), Path::new(&slip.source), mark);
    let lines = Lines::default();
    let text = format!(
        "{}\n{}\n{}",
        i18n::SOURCES.texts(language).tell("text-batch", &[("batch", &batch.to_string())]),
        output::describe(&refusal.problem, language),
        report::text(&refusal.report, &lines, language)
    );
    let json = json!({
        "batch": batch,
        "problem": refusal.problem.to_json(),
        "report": report::json(&refusal.report, &lines),
    });
    write(&to, &text, &json)?;
    put_beside(home, slip, &to)?;
    Ok(to)
}

/// Writes why a batch that waited for approval is sent back, and puts the file that it was made
/// from, where it is still under `sent/`, beside it.
///
/// # Errors
/// When the disk refuses.
pub fn returned(
    home: &Home,
    waits: &Prepared,
    reason: &str,
    language: Language,
) -> Result<PathBuf, Failure> {
    let (batch, slip) = (waits.batch.to_string(), &waits.slip);
    let to = home::free_path(&home.join("rejected"), Path::new(&slip.source), &batch[..8]);
    let told = [("batch", &*batch), ("reason", reason.trim())];
    let text = i18n::SOURCES.texts(language).tell("approval-returned", &told);
    write(&to, &text, &json!({ "batch": waits.batch, "returned": reason.trim() }))?;
    put_beside(home, slip, &to)?;
    Ok(to)
}

/// Moves the file that a batch was made from, where it is still under `sent/`.
fn put_beside(home: &Home, slip: &Slip, to: &Path) -> Result<(), Failure> {
    let sent = home.join("sent").join(&slip.source);
    match slip.from_inbox && sent.exists() {
        true => move_with_sidecar(&sent, to),
        false => Ok(()),
    }
}

fn write(beside: &Path, text: &str, json: &serde_json::Value) -> Result<(), Failure> {
    home::write(&home::with_ending(beside, home::REPORT), text.as_bytes())?;
    home::write(&home::with_ending(beside, ".report.json"), format!("{json:#}\n").as_bytes())
}

/// Moves a file, and before it its sidecar.
pub(crate) fn move_with_sidecar(from: &Path, to: &Path) -> Result<(), Failure> {
    let sidecar = folder::sidecar(from);
    if sidecar.exists() {
        home::rename(&sidecar, &folder::sidecar(to))?;
    }
    home::rename(from, to)
}

/// Deletes a file, and before it its sidecar.
pub(crate) fn remove_with_sidecar(file: &Path) -> Result<(), Failure> {
    let sidecar = folder::sidecar(file);
    if sidecar.exists() {
        home::remove(&sidecar)?;
    }
    home::remove(file)
}
