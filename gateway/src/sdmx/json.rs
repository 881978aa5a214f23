//! Structure messages in SDMX-JSON 2.0.0.

use birge_schemas::codelist::Names;
use serde_json::{Map, Value, json};

use super::{
    artefact::Artefact,
    header::{Header, SENDER},
};

/// Its schema, by which readers know the version.
const SCHEMA: &str = "https://raw.githubusercontent.com/sdmx-twg/sdmx-json/master/structure-message/\
                      tools/schemas/2.0.0/sdmx-json-structure-schema.json";
/// The languages in which names may be given.
const LANGUAGES: [&str; 4] = ["en", "ru", "ky", "tg"];

/// The message of these artefacts.
#[must_use]
pub fn message(header: &Header, artefacts: &[Artefact]) -> String {
    let mut data: Map<String, Value> = Map::new();
    for artefact in artefacts {
        let collection = data.entry(artefact.urn.class.collection());
        if let Value::Array(all) = collection.or_insert_with(|| json!([])) {
            all.push(artefact.json.clone());
        }
    }
    whole(&meta(header, SCHEMA), &data.into())
}

/// What a message of this schema says of itself.
pub(super) fn meta(header: &Header, schema: &str) -> Value {
    json!({
        "schema": schema, "id": header.id, "prepared": header.prepared(), "test": false,
        "contentLanguages": LANGUAGES, "sender": {"id": SENDER},
    })
}

/// Names by language.
pub(super) fn names_of(names: &Names) -> Value {
    names.iter().map(|(language, name)| (language.clone(), Value::from(name.as_str()))).collect()
}

/// A message: readers look for the schema near its beginning.
fn whole(meta: &Value, data: &Value) -> String {
    format!("{{\"meta\":{meta},\"data\":{data}}}")
}
