//! What a request asks for, of either version of the interface, as one question.

use axum::http::{HeaderMap, header};
use birge_proto::{
    problem::{Kind, Problem},
    wire::{AskRequest, Selection},
};
use birge_schemas::structure::{Level, Structure};

use super::{
    Known, filter, language,
    media::{self, DataFormat, SchemaFormat, StructureFormat},
    path::{Path, Version},
    period::{Bound, of_bound},
};
use crate::sdmx::{
    artefact::{Detail, Named, References, Versions, Wanted},
    data::{
        Attributes, Layout, Parts, TIME, VALUE,
        csv::{self, Labels},
    },
    urn::Class,
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

/// Reads a question.
///
/// # Errors
/// `MALFORMED`, `NOT_FOUND`, `NOT_ACCEPTABLE`, `NOT_SUPPORTED`, each saying of what.
pub(super) fn read(path: &Path, known: &Known, headers: &HeaderMap) -> Result<Asked, Problem> {
    match (path.version, path.resource.as_str()) {
        (_, "data") => Ok(Asked::Data(Box::new(data(path, known, headers)?))),
        (Version::One, "availableconstraint") | (Version::Two, "availability") => {
            Ok(Asked::Availability(Box::new(availability(path, known, headers)?)))
        }
        (_, "schema") => Ok(Asked::Schema(schema(path, known, headers)?)),
        (Version::One, resource) => structures(path, resource, 0, headers),
        (Version::Two, "structure") => structures(path, path.segment(0).unwrap_or("*"), 1, headers),
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
fn only(path: &Path, known: &[&str]) -> Result<(), Problem> {
    let mut names = path.parameters.keys().filter(|name| !name.starts_with("c["));
    match names.find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let detail = format!("there is no parameter {name:?} here");
            Err(Problem::new(Kind::Malformed, detail)
                .hint(format!("there are {}", known.join(", "))))
        }
    }
}

fn structures(
    path: &Path,
    resource: &str,
    first: usize,
    headers: &HeaderMap,
) -> Result<Asked, Problem> {
    only(path, &OF_STRUCTURES)?;
    let any = match path.version {
        Version::One => "structure",
        Version::Two => "*",
    };
    let class = Class::of_resource(resource);
    if class.is_none() && resource != any {
        return Err(match OTHERS.contains(&resource) {
            true => Problem::new(Kind::NotFound, format!("there is no {resource} here")),
            false => no_resource(resource),
        });
    }
    if let Some(item) = path.segment(first + 3) {
        return Err(not_supported(format!("a single item of a scheme, {item:?},"))
            .hint("ask for the whole scheme"));
    }
    path.at_most(first + 3)?;
    let (all, or) = match path.version {
        Version::One => ("all", '+'),
        Version::Two => ("*", ','),
    };
    let wanted = |segment: Option<&str>| match segment {
        None => Wanted::All,
        Some(text) if text == all => Wanted::All,
        Some(text) => Wanted::These(text.split(or).map(str::to_owned).collect()),
    };
    let versions = match (path.version, path.segment(first + 2)) {
        (_, None) | (Version::One, Some("latest")) | (Version::Two, Some("~" | "+")) => {
            Versions::Latest
        }
        (_, Some(text)) if text == all => Versions::All,
        (_, Some(text)) => Versions::These(text.split(or).map(str::to_owned).collect()),
    };
    Ok(Asked::Structures(StructureQuery {
        named: Named {
            class,
            agencies: wanted(path.segment(first)),
            ids: wanted(path.segment(first + 1)),
            versions,
        },
        references: references(path)?,
        detail: detail(path)?,
        format: media::structures(path, headers)?,
    }))
}

fn references(path: &Path) -> Result<References, Problem> {
    Ok(match path.parameter("references").unwrap_or("none") {
        "none" => References::None,
        "parents" => References::Parents,
        "parentsandsiblings" => References::ParentsAndSiblings,
        "ancestors" => References::Ancestors,
        "children" => References::Children,
        "descendants" => References::Descendants,
        "all" => References::All,
        other => match Class::of_resource(other) {
            Some(class) => References::Of(class),
            None if OTHERS.contains(&other) => References::None,
            None => {
                return Err(unknown(
                    "references",
                    other,
                    "none, children, descendants, \
                 parents, parentsandsiblings, ancestors, all, and the names of resources",
                ));
            }
        },
    })
}

fn detail(path: &Path) -> Result<Detail, Problem> {
    let stubs = |references_only, complete| Detail::Stubs { references_only, complete };
    Ok(match path.parameter("detail").unwrap_or("full") {
        "full" | "raw" => Detail::Full,
        "allstubs" => stubs(false, false),
        "referencestubs" => stubs(true, false),
        "allcompletestubs" => stubs(false, true),
        "referencecompletestubs" => stubs(true, true),
        "referencepartial" => Detail::ReferencePartial,
        other => {
            return Err(unknown(
                "detail",
                other,
                "full, allstubs, referencestubs, \
             allcompletestubs, referencecompletestubs, referencepartial",
            ));
        }
    })
}

fn unknown(parameter: &str, value: &str, there: &str) -> Problem {
    let detail = format!("{parameter}={value} means nothing");
    Problem::new(Kind::Malformed, detail).hint(format!("expected one of {there}"))
}

fn data(path: &Path, known: &Known, headers: &HeaderMap) -> Result<DataQuery, Problem> {
    only(path, &OF_DATA)?;
    let (dataset, mut request) = question(path, known)?;
    request.as_of = path.parameter("asOf").unwrap_or_default().to_owned();
    request.first_observations = path.number("firstNObservations")?.unwrap_or_default();
    request.last_observations = path.number("lastNObservations")?.unwrap_or_default();
    request.offset = path.number("offset")?.unwrap_or_default();
    request.limit = path.number("limit")?.unwrap_or_default();
    request.updated_after = path.parameter("updatedAfter").unwrap_or_default().to_owned();
    match path.version {
        Version::One => path.at_most(3)?,
        Version::Two => path.at_most(5)?,
    }
    let format = media::data(path, headers)?;
    if !request.updated_after.is_empty() && format == DataFormat::Csv(csv::Version::One) {
        let detail = "SDMX-CSV 1.0 has no place for what disappeared";
        return Err(Problem::new(Kind::NotAcceptable, detail)
            .hint("ask for SDMX-CSV 2.0 or any other form of what changed since a moment"));
    }
    Ok(DataQuery {
        version: path.version,
        request,
        format,
        layout: layout(path, dataset)?,
        parts: parts(path)?,
        labels: labels(path, format, headers)?,
        keys: keys(path, headers)?,
        language: language(headers),
    })
}

/// The dataset and the selection that an address and its parameters name.
fn question<'k>(path: &Path, known: &'k Known) -> Result<(&'k Structure, AskRequest), Problem> {
    let plain = [("includeHistory", "false"), ("updatedBefore", "")];
    for (parameter, plain) in plain {
        if let Some(value) = path.parameter(parameter).filter(|value| *value != plain) {
            return Err(not_supported(format!("{parameter}={value}"))
                .hint("asOf=2026-01-31T00:00:00Z asks for what was known then"));
        }
    }
    let (dataset, key) = match path.version {
        Version::One => (dataset_of_flow(path, known)?, path.segment(1)),
        Version::Two => (dataset_of_context(path, known)?, path.segment(4)),
    };
    let mut selections = filter::of_key(dataset, path.version, key)?;
    selections.extend(filter::of_components(dataset, path)?);
    selections.extend(span(path, dataset)?);
    let request = AskRequest { dataset: dataset.id.clone(), selections, ..AskRequest::default() };
    Ok((dataset, request))
}

fn availability(
    path: &Path,
    known: &Known,
    headers: &HeaderMap,
) -> Result<AvailabilityQuery, Problem> {
    only(path, &OF_AVAILABILITY)?;
    let (dataset, mut request) = question(path, known)?;
    let place = match path.version {
        Version::One => 3,
        Version::Two => 5,
    };
    path.at_most(place + 1)?;
    let all = ["all", "*"];
    let component = path.segment(place).filter(|component| !all.contains(component));
    if let Some(component) = component
        && !dataset.dimensions.iter().any(|dimension| dimension.id == component)
    {
        let detail = format!("{} has no dimension {component:?}", dataset.id);
        return Err(Problem::new(Kind::Malformed, detail));
    }
    match (path.parameter("mode"), component) {
        // What else there is of a component that is chosen already.
        (Some("available"), Some(component)) => {
            request.selections.retain(|selection| selection.dimension != component);
        }
        (None | Some("exact" | "available"), _) => {}
        (Some(other), _) => return Err(unknown("mode", other, "exact, available")),
    }
    Ok(AvailabilityQuery {
        request,
        component: component.map(str::to_owned),
        references: references(path)?,
        format: media::structures(path, headers)?,
    })
}

fn schema(path: &Path, known: &Known, headers: &HeaderMap) -> Result<SchemaQuery, Problem> {
    only(path, &["dimensionAtObservation", "explicitMeasure", "format"])?;
    path.at_most(4)?;
    let named = |class, id: &str| {
        let artefact = known.artefacts.named(&Named {
            class: Some(class),
            agencies: Wanted::All,
            ids: Wanted::These(vec![id.to_owned()]),
            versions: Versions::Latest,
        });
        artefact.first().map(|artefact| artefact.urn.to_string())
    };
    let dataset = match (path.segment(0), path.segment(2)) {
        // The data structure's only dataflow.
        (Some("datastructure"), Some(id)) => {
            let urn = named(Class::DataStructure, id);
            let flow = known.structures.iter().find(|dataset| {
                let flow = known.artefacts.dataflow(&dataset.id);
                flow.is_some_and(|flow| urn.as_deref() == flow.json["structure"].as_str())
            });
            flow.map(|flow| &**flow).ok_or_else(|| {
                Problem::new(Kind::NotFound, format!("there is no data structure {id}"))
            })?
        }
        _ => dataset_of_context(path, known)?,
    };
    Ok(SchemaQuery {
        dataset: dataset.id.clone(),
        layout: layout(path, dataset)?,
        format: media::schema(headers)?,
    })
}

/// The dataset of version 1: `DF`, `A,DF` or `A,DF,V`; and whoever provides it.
fn dataset_of_flow<'k>(path: &Path, known: &'k Known) -> Result<&'k Structure, Problem> {
    let flow = path.segment(0).unwrap_or_default();
    let parts: Vec<_> = flow.split(',').collect();
    let (agency, id, version) = match parts[..] {
        [id] => ("all", id, "latest"),
        [agency, id] => (agency, id, "latest"),
        [agency, id, version] => (agency, id, version),
        _ => {
            let detail = format!("{flow:?} names no dataflow");
            let expected = "expected DATAFLOW, AGENCY,DATAFLOW or AGENCY,DATAFLOW,VERSION";
            return Err(Problem::new(Kind::Malformed, detail).hint(expected));
        }
    };
    let dataset = dataset(known, agency, id, version, ["all", "latest"])?;
    // All figures come through the exchange: it is their provider.
    let providers = ["all", &dataset.agency];
    match path.segment(2).filter(|provider| !providers.contains(provider)) {
        None => Ok(dataset),
        Some(other) => {
            let detail = format!("{other} provides nothing of {id}");
            Err(Problem::new(Kind::NotFound, detail).hint("leave the provider out, or ask for all"))
        }
    }
}

/// The dataset of version 2: `dataflow/AGENCY/DATAFLOW/VERSION`.
fn dataset_of_context<'k>(path: &Path, known: &'k Known) -> Result<&'k Structure, Problem> {
    match path.segment(0) {
        // Data are of dataflows alone, so that any context is one.
        Some("dataflow" | "*") => {}
        Some(other) if CONTEXTS.contains(&other) => {
            return Err(not_supported(format!("/{}/{other}", path.resource))
                .hint("ask for dataflow/AGENCY/DATAFLOW/VERSION"));
        }
        other => {
            let detail = format!("{:?} is no context of figures", other.unwrap_or_default());
            let expected = format!("expected /{}/dataflow/AGENCY/DATAFLOW/VERSION", path.resource);
            return Err(Problem::new(Kind::Malformed, detail).hint(expected));
        }
    }
    let [agency, id, version] = [1, 2, 3].map(|place| match path.segment(place) {
        None | Some("all") => "*",
        Some("latest") => "~",
        Some(named) => named,
    });
    if id == "*" || id.contains(',') || agency.contains(',') {
        return Err(
            not_supported("asking for several dataflows at once").hint("ask for each of them")
        );
    }
    dataset(known, agency, id, version, ["*", "~"])
}

fn dataset<'k>(
    known: &'k Known,
    agency: &str,
    id: &str,
    version: &str,
    [any, latest]: [&str; 2],
) -> Result<&'k Structure, Problem> {
    let there = known.structures.get(id).filter(|structure| {
        (agency == any || agency == structure.agency)
            && ([any, latest, "+"].contains(&version) || version == structure.version)
    });
    there.map(|structure| &**structure).ok_or_else(|| {
        let own: Vec<_> = known.structures.iter().map(|each| each.structure_id()).collect();
        let detail = format!("there is no dataflow {agency}:{id}({version})");
        Problem::new(Kind::NotFound, detail).hint(format!("there are {}", own.join(", ")))
    })
}

fn span(path: &Path, dataset: &Structure) -> Result<Option<Selection>, Problem> {
    let bound = |name, bound| {
        let text = path.parameter(name);
        text.map(|text| of_bound(dataset, text, bound)).transpose().map(Option::unwrap_or_default)
    };
    let (from, to) = (bound("startPeriod", Bound::From)?, bound("endPeriod", Bound::To)?);
    let any = !from.is_empty() || !to.is_empty();
    Ok(any.then(|| Selection { dimension: TIME.to_owned(), codes: vec![], from, to }))
}

fn layout(path: &Path, dataset: &Structure) -> Result<Layout, Problem> {
    match path.parameter("dimensionAtObservation") {
        None | Some(TIME) => Ok(Layout::Series),
        Some("AllDimensions") => Ok(Layout::Flat),
        Some(other) if dataset.dimensions.iter().any(|dimension| dimension.id == other) => {
            Err(not_supported(format!("dimensionAtObservation={other}"))
                .hint("expected TIME_PERIOD or AllDimensions"))
        }
        Some(other) => Err(unknown("dimensionAtObservation", other, "TIME_PERIOD, AllDimensions")),
    }
}

fn parts(path: &Path) -> Result<Parts, Problem> {
    let mut parts = match (path.version, path.parameter("detail")) {
        (_, None | Some("full")) => Parts::ALL,
        (Version::One, Some("dataonly")) => Parts { attributes: Attributes::NONE, ..Parts::ALL },
        (Version::One, Some("nodata")) => Parts { observations: false, ..Parts::ALL },
        (Version::One, Some("serieskeysonly")) => {
            Parts { observations: false, values: false, attributes: Attributes::NONE }
        }
        (_, Some(other)) => {
            return Err(unknown(
                "detail",
                other,
                "full, dataonly, serieskeysonly, nodata; in \
                 version 2 attributes and measures say it",
            ));
        }
    };
    match path.parameter("attributes") {
        None | Some("all" | "dsd") => {}
        Some("none" | "msd" | "dataset") => parts.attributes = Attributes::NONE,
        Some("series") => parts.attributes = Attributes::Of(Level::Series),
        Some("obs") => parts.attributes = Attributes::Of(Level::Observation),
        Some(ids) => {
            parts.attributes = Attributes::These(ids.split(',').map(str::to_owned).collect());
        }
    }
    match path.parameter("measures") {
        None | Some("all" | VALUE) => {}
        Some("none") => parts.values = false,
        Some(other) => return Err(unknown("measures", other, "all, none, OBS_VALUE")),
    }
    Ok(parts)
}

/// What a parameter says, of the address or of a media type that is accepted.
fn said(path: &Path, headers: &HeaderMap, name: &str) -> Option<String> {
    if let Some(value) = path.parameter(name) {
        return Some(value.to_owned());
    }
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut ranges = accepted.flat_map(|value| value.split(','));
    ranges.find_map(|range| {
        let range: mime::Mime = range.trim().parse().ok()?;
        Some(range.get_param(name)?.as_str().to_owned())
    })
}

fn labels(path: &Path, format: DataFormat, headers: &HeaderMap) -> Result<Labels, Problem> {
    let with_labels = path.parameter("format") == Some("csvfilewithlabels");
    let said = said(path, headers, "labels");
    match (said.as_deref(), format) {
        (None, _) if with_labels => Ok(Labels::Both),
        (None | Some("id"), _) => Ok(Labels::Id),
        (Some("both"), _) => Ok(Labels::Both),
        (Some("name"), DataFormat::Csv(csv::Version::Two)) => Ok(Labels::Name),
        (Some(other), _) => Err(unknown("labels", other, "id, both, and in SDMX-CSV 2.0 name")),
    }
}

fn keys(path: &Path, headers: &HeaderMap) -> Result<[bool; 2], Problem> {
    match said(path, headers, "keys").as_deref() {
        None | Some("none") => Ok([false, false]),
        Some("series") => Ok([true, false]),
        Some("obs") => Ok([false, true]),
        Some("both") => Ok([true, true]),
        Some(other) => Err(unknown("keys", other, "none, obs, series, both")),
    }
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
