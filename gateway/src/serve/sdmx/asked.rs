//! What a request asks for, of either version of the interface, as one question.

mod data;
mod form;
mod structures;

use axum::http::HeaderMap;
use birge_proto::{
    problem::{Kind, Problem},
    wire::AskRequest,
};

use super::{
    Known,
    media::{DataFormat, SchemaFormat, StructureFormat},
    path::{Path, Version},
};
use crate::sdmx::{
    artefact::{Detail, Named, References},
    data::{Layout, Parts, csv::Labels},
};

/// What is asked for.
pub(super) enum Asked {
    /// Structures.
    Structures(StructureQuery),
    /// Figures.
    Data(Box<DataQuery>),
    /// What there is of figures.
    Availability(Box<AvailabilityQuery>),
    /// The schema of a dataset.
    Schema(SchemaQuery),
}

/// A question for what there is of figures.
#[derive(Debug)]
pub(super) struct AvailabilityQuery {
    /// The question for the figures themselves.
    pub(super) request: AskRequest,
    /// Of which component only.
    pub(super) component: Option<String>,
    /// Which structures are wanted besides.
    pub(super) references: References,
    /// In which form.
    pub(super) format: StructureFormat,
}

/// A question for the schema of a dataset.
#[derive(Debug)]
pub(super) struct SchemaQuery {
    /// The dataset.
    pub(super) dataset: String,
    /// How observations are told apart.
    pub(super) layout: Layout,
    /// In which form.
    pub(super) format: SchemaFormat,
}

/// A question for structures.
#[derive(Debug)]
pub(super) struct StructureQuery {
    /// Those that are named.
    pub(super) named: Named,
    /// Those that are wanted besides.
    pub(super) references: References,
    /// How much of each.
    pub(super) detail: Detail,
    /// In which form.
    pub(super) format: StructureFormat,
}

/// A question for figures, and the form of the answer.
#[derive(Debug)]
pub(super) struct DataQuery {
    /// The version of the interface.
    pub(super) version: Version,
    /// The question.
    pub(super) request: AskRequest,
    /// In which form.
    pub(super) format: DataFormat,
    /// How observations are told apart.
    pub(super) layout: Layout,
    /// What of them is given.
    pub(super) parts: Parts,
    /// Of CSV: what stands for codes, and in which language.
    pub(super) labels: Labels,
    /// Of CSV: columns of keys.
    pub(super) keys: [bool; 2],
    /// The language of names.
    pub(super) language: String,
}

/// Resources that the specification has and of which the exchange holds nothing.
const OTHERS: [&str; 22] = [
    "categorisation",
    "categoryscheme",
    "customtypescheme",
    "dataconsumerscheme",
    "dataproviderscheme",
    "geogridcodelist",
    "geographiccodelist",
    "hierarchicalcodelist",
    "hierarchy",
    "metadataconstraint",
    "metadataflow",
    "metadataprovisionagreement",
    "metadatastructure",
    "namepersonalisationscheme",
    "organisationscheme",
    "organisationunitscheme",
    "process",
    "provisionagreement",
    "reportingtaxonomy",
    "rulesetscheme",
    "structureset",
    "transformationscheme",
];
/// Resources that the specification has and that are not answered.
const NOT_DONE: [&str; 3] = ["metadata", "metadataset", "registration"];
/// Contexts of figures, but for dataflows.
const CONTEXTS: [&str; 2] = ["datastructure", "provisionagreement"];
/// Parameters of questions for structures, and for figures.
const OF_STRUCTURES: [&str; 3] = ["detail", "format", "references"];
const OF_DATA: [&str; 18] = [
    "asOf",
    "attributes",
    "detail",
    "dimensionAtObservation",
    "endPeriod",
    "firstNObservations",
    "format",
    "includeHistory",
    "keys",
    "labels",
    "lastNObservations",
    "limit",
    "measures",
    "offset",
    "startPeriod",
    "timeFormat",
    "updatedAfter",
    "updatedBefore",
];

const OF_AVAILABILITY: [&str; 7] =
    ["endPeriod", "format", "includeHistory", "mode", "references", "startPeriod", "updatedBefore"];

/// Are figures asked for, or what there is of them?
pub(super) fn of_figures(path: &Path) -> bool {
    matches!(path.resource.as_str(), "data" | "availability" | "availableconstraint")
}

/// Reads a question.
///
/// # Errors
/// `MALFORMED`, `NOT_FOUND`, `NOT_ACCEPTABLE`, `NOT_SUPPORTED`, each saying of what.
pub(super) fn read(path: &Path, known: &Known, headers: &HeaderMap) -> Result<Asked, Problem> {
    match (path.version, path.resource.as_str()) {
        (_, "data") => Ok(Asked::Data(Box::new(data::data(path, known, headers)?))),
        (Version::One, "availableconstraint") | (Version::Two, "availability") => {
            Ok(Asked::Availability(Box::new(data::availability(path, known, headers)?)))
        }
        (_, "schema") => Ok(Asked::Schema(structures::schema(path, known, headers)?)),
        (Version::One, resource) => structures::structures(path, resource, 0, headers),
        (Version::Two, "structure") => {
            structures::structures(path, path.segment(0).unwrap_or("*"), 1, headers)
        }
        (Version::Two, resource) => Err(no_resource(resource)),
    }
}

/// Refuses what is asked of another resource than those that are answered.
fn no_resource(resource: &str) -> Problem {
    match NOT_DONE.contains(&resource) {
        true => not_supported(format!("/{resource}")),
        false => Problem::new(Kind::NotFound, format!("there is no resource {resource:?}"))
            .hint("there are, among others, data, structure, availability and schema"),
    }
}

fn not_supported(what: impl std::fmt::Display) -> Problem {
    Problem::new(Kind::NotSupported, format!("{what} is not done here"))
}

/// Refuses parameters that mean nothing: misspelt, one would change the answer in silence.
fn only(path: &Path, known: &[&str], filters: bool) -> Result<(), Problem> {
    let is_filter = |name: &str| {
        let id = name.strip_prefix("c[").and_then(|name| name.strip_suffix(']'));
        filters && id.is_some_and(|id| !id.is_empty())
    };
    let mut names = path.parameters.keys();
    match names.find(|name| !known.contains(&name.as_str()) && !is_filter(name)) {
        None => Ok(()),
        Some(name) => {
            let detail = format!("there is no parameter {name:?} here");
            let filters = if filters { ", and c[DIMENSION]" } else { "" };
            let hint = format!("there are {}{filters}", known.join(", "));
            Err(Problem::new(Kind::Malformed, detail).hint(hint))
        }
    }
}

fn unknown(parameter: &str, value: &str, there: &str) -> Problem {
    let detail = format!("{parameter}={value} means nothing");
    Problem::new(Kind::Malformed, detail).hint(format!("expected one of {there}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    /// The description names the parameters that are read, and no others.
    #[test]
    fn what_is_described_is_what_is_read() {
        let description: Value =
            serde_json::from_str(include_str!("../../../web/sdmx-openapi.json")).unwrap();
        let named = |part: &str| -> BTreeSet<&str> {
            let paths = description["paths"].as_object().unwrap().iter();
            let own = paths.filter(|(path, _)| path.contains(part));
            let parameters = own.flat_map(|(_, own)| own["get"]["parameters"].as_array().unwrap());
            let parameters = parameters.map(|parameter| {
                let place = parameter["$ref"].as_str().unwrap().trim_start_matches('#');
                description.pointer(place).unwrap()
            });
            let queries = parameters.filter(|parameter| parameter["in"] == "query");
            queries.map(|parameter| parameter["name"].as_str().unwrap()).collect()
        };
        // Filters are described as one, and what is not done is not described.
        let done = |known: &[&'static str]| -> BTreeSet<&str> {
            let not_done = ["includeHistory", "timeFormat", "updatedBefore"];
            known.iter().copied().chain(["c"]).filter(|name| !not_done.contains(name)).collect()
        };
        assert_eq!(named("/data/"), done(&OF_DATA));
        assert_eq!(named("availab"), done(&OF_AVAILABILITY));
        let structures: BTreeSet<_> = OF_STRUCTURES.into_iter().collect();
        assert_eq!(named("/v2/structure/"), structures);
        assert_eq!(named("/v1/{structures}"), structures);
    }
}
