//! The part of SDMX structure JSON 2.0.0 that structures are read from.

use serde::Deserialize;

use crate::codelist::Names;

/// A structure message.
#[derive(Deserialize)]
pub(super) struct Message {
    pub(super) data: Data,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Data {
    #[serde(default)]
    pub(super) codelists: Vec<CodeList>,
    #[serde(default)]
    pub(super) concept_schemes: Vec<ConceptScheme>,
    #[serde(default)]
    pub(super) data_structures: Vec<DataStructure>,
    #[serde(default)]
    pub(super) dataflows: Vec<Dataflow>,
    #[serde(default)]
    pub(super) data_constraints: Vec<Constraint>,
}

#[derive(Deserialize)]
pub(super) struct CodeList {
    pub(super) id: String,
    #[serde(default)]
    pub(super) names: Names,
    #[serde(default)]
    pub(super) codes: Vec<Code>,
}

#[derive(Deserialize)]
pub(super) struct Code {
    pub(super) id: String,
    #[serde(default)]
    pub(super) names: Names,
    pub(super) parent: Option<String>,
    #[serde(default)]
    pub(super) annotations: Vec<Annotation>,
}

#[derive(Deserialize)]
pub(super) struct Annotation {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) title: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct ConceptScheme {
    #[serde(default)]
    pub(super) concepts: Vec<Concept>,
}

#[derive(Deserialize)]
pub(super) struct Concept {
    pub(super) id: String,
    #[serde(default)]
    pub(super) names: Names,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DataStructure {
    pub(super) id: String,
    pub(super) data_structure_components: Components,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Components {
    pub(super) dimension_list: DimensionList,
    #[serde(default)]
    pub(super) attribute_list: AttributeList,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DimensionList {
    pub(super) dimensions: Vec<Component>,
    pub(super) time_dimension: Option<Component>,
}

#[derive(Deserialize, Default)]
pub(super) struct AttributeList {
    #[serde(default)]
    pub(super) attributes: Vec<Component>,
}

/// A dimension or an attribute.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Component {
    pub(super) id: String,
    #[serde(default)]
    pub(super) local_representation: Representation,
    pub(super) usage: Option<String>,
    #[serde(default)]
    pub(super) attribute_relationship: Relationship,
}

#[derive(Deserialize, Default)]
pub(super) struct Representation {
    pub(super) enumeration: Option<String>,
    pub(super) format: Option<Format>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Format {
    pub(super) data_type: String,
    pub(super) max_length: Option<usize>,
}

#[derive(Deserialize, Default)]
pub(super) struct Relationship {
    pub(super) observation: Option<serde_json::Value>,
    pub(super) dimensions: Option<Vec<String>>,
}

#[derive(Deserialize)]
pub(super) struct Dataflow {
    pub(super) id: String,
    #[serde(rename = "agencyID")]
    pub(super) agency: String,
    pub(super) version: String,
    #[serde(default)]
    pub(super) names: Names,
    pub(super) structure: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Constraint {
    #[serde(default)]
    pub(super) constraint_attachment: Attachment,
    #[serde(default)]
    pub(super) cube_regions: Vec<CubeRegion>,
}

#[derive(Deserialize, Default)]
pub(super) struct Attachment {
    #[serde(default)]
    pub(super) dataflows: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CubeRegion {
    #[serde(default = "included")]
    pub(super) include: bool,
    #[serde(default)]
    pub(super) key_values: Vec<KeyValue>,
}

#[derive(Deserialize)]
pub(super) struct KeyValue {
    pub(super) id: String,
    #[serde(default = "included")]
    pub(super) include: bool,
    pub(super) values: Vec<Value>,
}

#[derive(Deserialize)]
pub(super) struct Value {
    pub(super) value: String,
}

fn included() -> bool {
    true
}

/// The id in the end of an SDMX URN: `CL_SEX` of `…Codelist=BIRGE:CL_SEX(1.0.0)`.
pub(super) fn id_of_urn(urn: &str) -> &str {
    let artefact = urn.rsplit_once(':').map_or(urn, |(_, artefact)| artefact);
    artefact.split_once('(').map_or(artefact, |(id, _)| id)
}

#[cfg(test)]
mod tests {
    use super::id_of_urn;

    #[test]
    fn urns_name_their_artefact() {
        let urn = "urn:sdmx:org.sdmx.infomodel.codelist.Codelist=BIRGE:CL_SEX(1.0.0)";
        assert_eq!(id_of_urn(urn), "CL_SEX");
        assert_eq!(id_of_urn("CL_SEX"), "CL_SEX");
    }
}
