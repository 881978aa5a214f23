//! Files that people write, guarded by the JSON Schema that says how.

use serde_json::Value;

/// JSON Schema (2020-12) of a mapping: what a source's own columns, codes and signs mean.
pub const MAPPING_SCHEMA: &str = include_str!("../json/mapping.json");

/// Is a document as a schema says? Nothing is ever fetched.
///
/// # Errors
/// With the first place where it is not, or when the schema is none.
pub fn guard(schema: &str, document: &Value) -> Result<(), String> {
    let schema = serde_json::from_str(schema).map_err(|error| format!("the schema: {error}"))?;
    let validator = jsonschema::validator_for(&schema).map_err(|error| error.to_string())?;
    match validator.iter_errors(document).next() {
        None => Ok(()),
        Some(error) => Err(format!("at {}: {error}", error.instance_path())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_wrong_place_is_named() {
        assert!(guard(MAPPING_SCHEMA, &json!({"name": "a", "dataset": "BORDER"})).is_ok());
        let wrong = json!({"name": "a", "dataset": "BORDER", "columns": {"SEX": {"form": "sex"}}});
        let why = guard(MAPPING_SCHEMA, &wrong).unwrap_err();
        assert!(why.starts_with("at /columns/SEX"), "{why}");
        assert!(guard("{", &json!({})).is_err());
    }

    #[test]
    fn the_schemas_are_schemas() {
        for text in [MAPPING_SCHEMA, crate::decree::PARAMETERS_SCHEMA] {
            let schema = serde_json::from_str(text).unwrap();
            assert!(jsonschema::draft202012::meta::is_valid(&schema));
        }
    }
}
