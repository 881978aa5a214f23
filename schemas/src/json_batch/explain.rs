//! What the JSON Schema found, as findings with the same codes as the compiled rules give.

use std::collections::BTreeSet;

use jsonschema::{
    JsonType, ValidationError, Validator,
    error::{TypeKind, ValidationErrorKind},
};
use serde_json::Value;

use crate::{
    finding::{Code, Finding, Report},
    structure::Structure,
};

/// Validates a batch; each row and column gets one finding of a code.
pub(super) fn report(structure: &Structure, validator: &Validator, batch: &Value) -> Report {
    let mut report = Report::default();
    let mut seen = BTreeSet::new();
    for error in validator.iter_errors(batch) {
        for (row, column, code) in findings(structure, &error) {
            if !seen.insert((row, column.clone(), code)) {
                continue;
            }
            report.add(code, || {
                let finding = Finding::new(code, expected(&error), found(&error)).column(column);
                match row {
                    Some(row) => finding.at(row, key(structure, &batch["observations"][row])),
                    None => finding,
                }
            });
        }
    }
    report
}

/// Where an error stands and what it means: row from 0, column, code. One for each property
/// that an object has too many.
fn findings(
    structure: &Structure,
    error: &ValidationError<'_>,
) -> Vec<(Option<usize>, String, Code)> {
    let path = error.instance_path().to_string();
    let mut path = path.split('/').skip(1);
    let (row, column) = match (path.next(), path.next(), path.next()) {
        (Some("observations"), Some(row), column) => (row.parse().ok(), column.unwrap_or_default()),
        (column, ..) => (None, column.unwrap_or_default()),
    };
    let is_dimension = |id: &str| structure.dimensions.iter().any(|d| d.id == id);
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let code = if row.is_some() { Code::ColumnUnknown } else { Code::Format };
            unexpected.iter().map(|id| (row, id.clone(), code)).collect()
        }
        ValidationErrorKind::Required { property } => {
            let id = property.as_str().unwrap_or_default();
            let code = match row {
                None => Code::Format,
                Some(_) if is_dimension(id) => Code::ColumnMissing,
                Some(_) => Code::AttributeMissing,
            };
            vec![(row, id.to_owned(), code)]
        }
        kind => {
            let code = match row {
                None if matches!(column, "dataset" | "version") => Code::Provider,
                None => Code::Format,
                Some(_) if column == "OBS_VALUE" => value(kind, error.instance()),
                Some(_) => text(structure, column, kind, error.instance()),
            };
            let column = if code == Code::ValueBlank { "OBS_VALUE" } else { column };
            vec![(row, column.to_owned(), code)]
        }
    }
}

/// What is wrong with a value.
fn value(kind: &ValidationErrorKind, found: &Value) -> Code {
    match kind {
        _ if !found.is_number() => Code::ValueFormat,
        ValidationErrorKind::Type { kind: TypeKind::Single(JsonType::Null) } => Code::ValueStatus,
        ValidationErrorKind::Type { .. } => Code::ValueFraction,
        ValidationErrorKind::Minimum { limit } if limit == 0 => Code::ValueNegative,
        _ => Code::ValueRange,
    }
}

/// What is wrong with a code or a text.
fn text(structure: &Structure, column: &str, kind: &ValidationErrorKind, found: &Value) -> Code {
    let listed = |text: &str| {
        let dimension = structure.dimensions.iter().find(|dimension| dimension.id == column);
        dimension.and_then(|d| d.codes()).is_some_and(|coded| coded.list.position(text).is_some())
    };
    match kind {
        ValidationErrorKind::Enum { options } if column == "OBS_STATUS" => {
            // The only short list of statuses is that of those that excuse a blank.
            let blank = options
                .as_array()
                .is_some_and(|options| options.len() == crate::rules::values::BLANK.len());
            if blank { Code::ValueBlank } else { Code::CodeUnknown }
        }
        ValidationErrorKind::Enum { .. } if found.as_str().is_some_and(listed) => {
            Code::CodeConstraint
        }
        ValidationErrorKind::Enum { .. } => Code::CodeUnknown,
        ValidationErrorKind::MinLength { .. } => Code::AttributeMissing,
        ValidationErrorKind::MaxLength { .. } => Code::TextTooLong,
        ValidationErrorKind::Pattern { .. } if column == "TIME_PERIOD" => Code::PeriodFormat,
        ValidationErrorKind::Pattern { .. } => Code::ValueFormat,
        _ => Code::Format,
    }
}

fn expected(error: &ValidationError<'_>) -> String {
    match error.kind() {
        ValidationErrorKind::Enum { options } => {
            let codes: Vec<_> =
                options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            match codes.len() {
                0..=8 => codes.join(", "),
                more => format!("one of {more} codes: {}, …", codes[..6].join(", ")),
            }
        }
        ValidationErrorKind::Constant { expected_value } => expected_value.to_string(),
        ValidationErrorKind::Pattern { pattern } => format!("a text like {pattern}"),
        ValidationErrorKind::Type { kind: TypeKind::Single(kind) } => type_name(*kind).to_owned(),
        ValidationErrorKind::Type { kind: TypeKind::Multiple(kinds) } => {
            kinds.iter().map(type_name).collect::<Vec<_>>().join(" or ")
        }
        ValidationErrorKind::Minimum { limit } => format!("at least {limit}"),
        ValidationErrorKind::Maximum { limit } => format!("at most {limit}"),
        ValidationErrorKind::MaxLength { limit } => format!("at most {limit} characters"),
        ValidationErrorKind::MinLength { .. } => "a text that is not empty".to_owned(),
        ValidationErrorKind::Required { .. } => "a property that must be given".to_owned(),
        ValidationErrorKind::AdditionalProperties { .. } => "no property of this name".to_owned(),
        _ => error.masked().to_string(),
    }
}

fn type_name(kind: JsonType) -> &'static str {
    match kind {
        JsonType::Array => "an array",
        JsonType::Boolean => "true or false",
        JsonType::Integer => "a whole number",
        JsonType::Null => "null",
        JsonType::Number => "a number",
        JsonType::Object => "an object",
        JsonType::String => "a text",
    }
}

fn found(error: &ValidationError<'_>) -> String {
    match (error.kind(), error.instance().as_ref()) {
        (ValidationErrorKind::Required { .. }, _) => "nothing".to_owned(),
        (ValidationErrorKind::Type { .. }, Value::String(text)) => format!("the text {text:?}"),
        (_, found) => words(found),
    }
}

/// A value in words.
pub(super) fn words(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "an empty text".to_owned(),
        Value::String(text) => text.clone(),
        Value::Object(_) => "an object".to_owned(),
        Value::Array(items) => format!("an array of {}", items.len()),
        other => other.to_string(),
    }
}

/// The key of a row as it came.
fn key(structure: &Structure, observation: &Value) -> String {
    let text = |id: &str| observation.get(id).and_then(Value::as_str).unwrap_or_default();
    structure.dimensions.iter().map(|d| text(&d.id)).collect::<Vec<_>>().join(".")
}
