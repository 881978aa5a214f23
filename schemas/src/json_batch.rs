//! The JSON door: a batch as one JSON document in the common template, guarded by the JSON
//! Schema of its dataset. Nothing is ever fetched.

mod explain;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

use birge_proto::{
    identity::AgencyId,
    manifest::{Action, BatchId},
};
use jsonschema::{Draft, Validator};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    finding::{Code, Finding, Report},
    json_schema,
    structure::{Structure, Structures},
    table::{RawColumnBuilder, RawTable},
};

/// What a batch says of itself in JSON, beside its observations.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The dataset.
    pub dataset: String,
    /// The structure's version.
    pub version: String,
    /// Who hands it in.
    pub agency: AgencyId,
    /// What it does.
    pub action: Action,
    /// The reference periods that it speaks of; none: those of its observations.
    pub periods: Option<Vec<String>>,
    /// The batch that it revises.
    pub revises: Option<BatchId>,
    /// Why it revises.
    pub reason: Option<String>,
    /// Keys that disappear by a replacement.
    #[serde(default)]
    pub removes: Vec<String>,
}

/// The door, with the JSON Schema of each dataset compiled.
#[derive(Debug)]
pub struct JsonDoor {
    datasets: BTreeMap<String, (Arc<Structure>, Validator)>,
}

impl JsonDoor {
    /// Compiles the schema of every dataset.
    ///
    /// # Errors
    /// When a structure gives no valid schema; none of the bundled ones does.
    pub fn new(structures: &Structures) -> Result<Self, String> {
        let compile = |structure: &Arc<Structure>| {
            let schema = json_schema::of_batch(structure);
            let validator = jsonschema::options()
                .with_draft(Draft::Draft202012)
                .build(&schema)
                .map_err(|error| format!("the JSON Schema of {}: {error}", structure.id))?;
            Ok((structure.id.clone(), (structure.clone(), validator)))
        };
        Ok(Self { datasets: structures.iter().map(compile).collect::<Result<_, String>>()? })
    }

    /// Reads a batch.
    ///
    /// # Errors
    /// What the schema finds, with row, column and key.
    pub fn parse(&self, bytes: &[u8]) -> Result<(Header, RawTable), Report> {
        let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let mut batch: Value = serde_json::from_slice(text)
            .map_err(|error| refused(Code::Format, "a JSON document", &error.to_string()))?;
        let dataset = batch.get("dataset").and_then(Value::as_str).unwrap_or_default();
        let (structure, validator) = self.datasets.get(dataset).ok_or_else(|| {
            let known: Vec<_> = self.datasets.keys().map(String::as_str).collect();
            let expected = format!("an object with \"dataset\", one of {}", known.join(", "));
            let found = match &batch {
                Value::Object(named) => named
                    .get("dataset")
                    .map_or_else(|| "an object without it".to_owned(), explain::words),
                other => explain::words(other),
            };
            refused(Code::Provider, &expected, &found)
        })?;
        let report = explain::report(structure, validator, &batch);
        if report.errors > 0 {
            return Err(report);
        }
        let observations = batch.as_object_mut().and_then(|map| map.remove("observations"));
        let observations = observations.as_ref().and_then(Value::as_array);
        let table = table(structure, observations.map(Vec::as_slice).unwrap_or_default());
        let header = serde_json::from_value(batch)
            .map_err(|error| refused(Code::Format, "a header", &error.to_string()))?;
        Ok((header, table))
    }
}

/// Observations as columns. What the schema would refuse is passed over: not read as something
/// else.
pub(crate) fn table(structure: &Structure, observations: &[Value]) -> RawTable {
    let named = structure.dimensions.iter().map(|dimension| &dimension.id);
    let named = named.chain(structure.attributes.iter().map(|attribute| &attribute.id));
    let mut builders: Vec<_> =
        named.map(|id| (id.as_str(), RawColumnBuilder::new(id), false)).collect();
    let mut table = RawTable::default();
    let empty = Map::new();
    for (row, observation) in observations.iter().enumerate() {
        let observation = observation.as_object().unwrap_or(&empty);
        for (id, builder, given) in &mut builders {
            let text = observation.get(*id).and_then(Value::as_str);
            *given |= text.is_some();
            builder.push(text.unwrap_or_default());
        }
        let value = observation.get("OBS_VALUE").filter(|value| !value.is_null());
        let number = value.and_then(Value::as_f64);
        if let (Some(value), None) = (value, number) {
            table.unreadable.insert(row, value.to_string());
        }
        table.push_value(number);
    }
    let given = builders.into_iter().filter(|(.., given)| *given);
    table.columns = given.map(|(_, builder, _)| builder.finish()).collect();
    table
}

fn refused(code: Code, expected: &str, found: &str) -> Report {
    let mut report = Report::default();
    report.push(Finding::new(code, expected, found));
    report
}
