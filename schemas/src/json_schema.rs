//! The JSON Schema (2020-12) of a batch, generated from a dataset's structure, so that a ministry
//! can check a batch with any tool. It decides exactly what the shape rules decide: the two are
//! held to one verdict by a property test.

use serde_json::{Map, Value, json};

use birge_proto::limits;

use crate::{
    rules::values::{BLANK, LARGEST, NO_VALUE},
    structure::{Attribute, AttributeKind, Structure},
};

/// The schema of a batch of this dataset.
#[must_use]
pub fn of_batch(structure: &Structure) -> Value {
    let name = structure.names.get("en").unwrap_or(&structure.id);
    let periods: Vec<_> =
        structure.frequencies().map(|f| json!({"pattern": f.pattern()})).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": format!("urn:birge:schema:batch:{}:{}", structure.id, structure.version),
        "title": format!("A batch of {}: {name}", structure.id),
        "description": "One batch of observations in the common template, article 5(1). Rules \
            that look across observations (totals, duplicates) are checked on submission.",
        "type": "object",
        "additionalProperties": false,
        "required": ["dataset", "version", "agency", "action", "observations"],
        "properties": {
            "dataset": {"const": structure.id},
            "version": {"const": structure.version},
            "agency": {"type": "string", "pattern": "^[A-Z][A-Z0-9]{1,15}$"},
            "action": {"enum": ["Information", "Append", "Replace", "Delete"]},
            "periods": {
                "type": "array",
                "minItems": 1,
                "maxItems": limits::PERIODS,
                "uniqueItems": true,
                "items": {"type": "string", "anyOf": periods},
            },
            "revises": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            "reason": {"type": "string", "maxLength": 1000},
            "removes": {
                "type": "array",
                "maxItems": limits::REMOVES,
                "items": {"type": "string", "maxLength": limits::STRING_BYTES},
            },
            "observations": {"type": "array"},
        },
        "allOf": [
            {
                "if": {"properties": {"action": {"const": "Delete"}}},
                "then": {"properties": {"observations": {"items": {"$ref": "#/$defs/cell"}}}},
                "else": {"properties": {"observations": {"items": {"$ref": "#/$defs/observation"}}}},
            },
            {
                "if": {"properties": {"action": {"const": "Replace"}}},
                "else": {"properties": {"observations": {"minItems": 1}}},
            },
        ],
        "$defs": {"cell": cell(structure), "observation": observation(structure)},
    })
}

/// The schema as the file `json/batch-<DATASET>.json`: keys sorted, one final newline.
#[must_use]
pub fn text(schema: &Value) -> String {
    let text = serde_json::to_string_pretty(&sorted(schema)).unwrap_or_default();
    text + "\n"
}

/// What an observation has: every dimension, and nothing unknown.
fn cell(structure: &Structure) -> Value {
    let mut properties = Map::new();
    for dimension in &structure.dimensions {
        let codes: Vec<&str> = dimension.allowed().collect();
        let schema = match dimension.codes() {
            Some(_) => json!({"enum": codes}),
            None => json!({"type": "string"}),
        };
        properties.insert(dimension.id.clone(), schema);
    }
    let largest = LARGEST as i64;
    let number = json!({"type": ["number", "null"], "minimum": -largest, "maximum": largest});
    properties.insert("OBS_VALUE".to_owned(), number);
    for attribute in &structure.attributes {
        properties.insert(attribute.id.clone(), text_of(attribute));
    }
    let required: Vec<&str> = structure.dimensions.iter().map(|d| d.id.as_str()).collect();
    let periods = structure.frequencies().map(|frequency| {
        json!({
            "if": {"required": ["FREQ"], "properties": {"FREQ": {"const": frequency.code()}}},
            "then": {"properties": {"TIME_PERIOD": {"pattern": frequency.pattern()}}},
        })
    });
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": required,
        "properties": properties,
        "allOf": periods.collect::<Vec<_>>(),
    })
}

/// What an attribute may hold; an empty text stands for "not given".
fn text_of(attribute: &Attribute) -> Value {
    match &attribute.kind {
        AttributeKind::Coded(list) => {
            let codes = list.codes().iter().map(|code| code.id.as_str());
            json!({"enum": codes.chain([""]).collect::<Vec<_>>()})
        }
        AttributeKind::Text(most) => json!({"type": "string", "maxLength": most}),
        AttributeKind::Whole => json!({"type": "string", "pattern": "^[0-9]{0,9}$"}),
        AttributeKind::Moment => json!({
            "type": "string",
            "pattern": "^([0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?)?$",
        }),
    }
}

/// A cell with its mandatory attributes, and a value as its unit and its status ask.
fn observation(structure: &Structure) -> Value {
    let mandatory = structure.attributes.iter().filter(|attribute| attribute.mandatory);
    let required: Vec<&str> = mandatory.map(|attribute| attribute.id.as_str()).collect();
    let given: Map<String, Value> =
        required.iter().map(|id| ((*id).to_owned(), json!({"minLength": 1}))).collect();
    let mut rules = vec![
        json!({
            "$comment": "rule 11: no value only with a status that says why",
            "if": {"properties": {"OBS_VALUE": {"type": "null"}}},
            "then": {"properties": {"OBS_STATUS": {"enum": BLANK}}},
        }),
        json!({
            "$comment": "rule 11: no value beside a status that says that there is none",
            "if": one_of("OBS_STATUS", &NO_VALUE),
            "then": {"properties": {"OBS_VALUE": {"type": "null"}}},
        }),
    ];
    let allows = |dimension: &str, code: &str| {
        let mut dimensions = structure.coded().filter(|coded| coded.id == dimension);
        dimensions.any(|coded| coded.allowed().any(|allowed| allowed == code))
    };
    if allows("UNIT_MEASURE", "PS") {
        rules.push(json!({
            "$comment": "rule 8: persons are whole",
            "if": one_of("UNIT_MEASURE", &["PS"]),
            "then": {"properties": {"OBS_VALUE": {"type": ["integer", "null"]}}},
        }));
    }
    if allows("UNIT_MEASURE", "PT") {
        rules.push(json!({
            "$comment": "rule 10: percentages",
            "if": one_of("UNIT_MEASURE", &["PT"]),
            "then": {"properties": {"OBS_VALUE": {"minimum": 0, "maximum": 100}}},
        }));
    }
    let signed: Vec<&str> = structure.rules.signed.iter().map(String::as_str).collect();
    rules.push(json!({
        "$comment": "rule 9: nothing is below zero, but for indicators that may be",
        "if": one_of("INDICATOR", &signed),
        "else": {"properties": {"OBS_VALUE": {"minimum": 0}}},
    }));
    json!({
        "$ref": "#/$defs/cell",
        "required": required,
        "properties": given,
        "allOf": rules,
    })
}

fn one_of(property: &str, codes: &[&str]) -> Value {
    match codes {
        [] => json!(false),
        _ => json!({"required": [property], "properties": {property: {"enum": codes}}}),
    }
}

/// The same value with the keys of every object in order, whatever order the maps of this build
/// keep.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            entries.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect()
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structure::Structures;

    #[test]
    fn the_committed_schemas_are_what_the_structures_give() {
        for structure in Structures::bundled().unwrap().iter() {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/json");
            let path = format!("{folder}/batch-{}.json", structure.id);
            let committed = std::fs::read_to_string(&path).unwrap_or_default();
            let same = committed == text(&of_batch(structure));
            assert!(same, "{path} is out of date: cargo run -p birge-schemas --example generate");
        }
    }

    #[test]
    fn the_schemas_are_schemas() {
        for structure in Structures::bundled().unwrap().iter() {
            assert!(jsonschema::draft202012::meta::is_valid(&of_batch(structure)));
        }
    }
}
