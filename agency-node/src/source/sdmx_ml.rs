//! SDMX-ML: data messages of SDMX 2.1 (and structure-specific ones of 3.0, which have the same
//! shape), generic or structure-specific, in series or flat, as a sheet whose columns are the
//! dimensions, the measure and the attributes (SDMX 2.1, section 3A, "SDMX-ML schemas").
//!
//! A message is read in one go, element by element. Entities and document types are refused, other
//! than the five that XML has of its own.

mod element;
mod groups;
mod header;
mod message;
#[cfg(test)]
mod tests;

use birge_proto::manifest::Action;
use birge_schemas::{
    finding::{Code, Finding, Report},
    structure::Structures,
};

pub use self::{header::Reference, message::Message};
use super::{Input, layout::Layout, only, sheet::Sheet, template, text};

/// The table in a message; the columns for which `is_figure` holds are figures.
///
/// # Errors
/// The findings, where it is no message.
pub fn sheet(
    bytes: &[u8],
    layout: &Layout,
    is_figure: impl Fn(&str) -> bool,
    report: &mut Report,
) -> Result<Sheet, Report> {
    read(bytes, layout, &is_figure, report).map(|message| message.sheet)
}

/// Reads a batch from a message that refers to a dataset of the exchange.
///
/// # Errors
/// The findings, where it refers to none, or no table comes out.
pub fn template(structures: &Structures, bytes: &[u8]) -> Result<Input, Report> {
    let mut report = Report::default();
    let message = read(bytes, &Layout::default(), &template::is_figure, &mut report)?;
    let known = |dataset: &String| structures.get(dataset).is_some();
    let named = message.of.as_ref().and_then(|of| of.dataset().filter(known));
    let Some(dataset) = named else {
        let known: Vec<String> = structures.iter().map(|own| own.structure_id()).collect();
        let expected = format!(
            "a message of one of the dataflows {}; of any other a mapping says what it means",
            known.join(", ")
        );
        let found =
            message.of.map_or("no reference to a structure".to_owned(), |of| of.to_string());
        report.push(Finding::new(Code::Format, expected, found));
        return Err(report);
    };
    let version = message.of.map(|of| of.version).unwrap_or_default();
    let action = match action(message.action.as_deref()) {
        Ok(action) => action,
        Err(finding) => {
            report.push(finding);
            return Err(report);
        }
    };
    template::of(template::Said { dataset, version, action }, message.sheet, report)
}

/// What a message does; one that does not say adds.
fn action(said: Option<&str>) -> Result<Action, Finding> {
    match said {
        None | Some("Append") => Ok(Action::Append),
        Some("Replace") => Ok(Action::Replace),
        Some("Delete") => Ok(Action::Delete),
        Some("Information") => Ok(Action::Information),
        Some(other) => {
            let expected = "Append to add, Replace to replace whole periods, Delete or Information";
            Err(Finding::new(Code::Format, expected, other).column("action"))
        }
    }
}

/// Reads a message.
fn read(
    bytes: &[u8],
    layout: &Layout,
    is_figure: &dyn Fn(&str) -> bool,
    report: &mut Report,
) -> Result<Message, Report> {
    let label = layout.encoding.clone().or_else(|| declared(bytes));
    let text = text::decode(bytes, label.as_deref()).map_err(|error| {
        let expected = "XML in the encoding that it declares, or in UTF-8";
        only(Finding::new(Code::Format, expected, error.to_string()))
    })?;
    match message::read(&text.text, layout, is_figure, report) {
        Ok(message) => Ok(message),
        Err(finding) => {
            report.push(finding);
            Err(std::mem::take(report))
        }
    }
}

/// The encoding that an XML declaration names, where one can be read without knowing it. UTF-8 is
/// what XML is without one.
fn declared(bytes: &[u8]) -> Option<String> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return None;
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(256)]).into_owned();
    let declaration = head.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>"));
    let named = declaration.and_then(|(declaration, _)| {
        let (_, value) = declaration.split_once("encoding")?;
        let value = value.trim_start().strip_prefix('=')?.trim_start();
        let quote = value.chars().next().filter(|first| ['"', '\''].contains(first))?;
        value[1..].split_once(quote).map(|(label, _)| label.to_owned())
    });
    Some(named.unwrap_or_else(|| "utf-8".to_owned()))
}
