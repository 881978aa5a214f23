//! Answers of structures.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
};
use birge_proto::problem::{Kind, Problem};

use super::{
    Known,
    asked::{AvailabilityQuery, SchemaQuery, StructureQuery},
    headers::{Tag, add_tag_of_structures, respond},
    media::{SchemaFormat, StructureFormat},
    nothing_given,
};
use crate::{
    query::Answer,
    sdmx::{
        artefact::{Artefact, Artefacts},
        availability,
        header::Header,
        json, ml,
    },
};

/// The answer to a question for structures.
///
/// # Errors
/// `NOT_FOUND` where there are none of those that are named.
pub(super) fn answer(
    query: &StructureQuery,
    known: &Known,
    header: &Header,
    headers: &HeaderMap,
) -> Result<Response<Body>, Problem> {
    let StructureQuery { named, references, detail, format } = query;
    let found = known.artefacts.named(named);
    if found.is_empty() {
        return Err(Problem::new(Kind::NotFound, "there is no structure of this name")
            .hint("/sdmx/v1/dataflow and /sdmx/v2/structure/dataflow list those of all datasets"));
    }
    let artefacts = known.artefacts.answer(&found, *references, *detail);
    let tag = Tag::of_structures(&artefacts, format.media_type());
    let mut response = if tag.is_known(headers) {
        respond(StatusCode::NOT_MODIFIED, None, Body::empty())
    } else {
        let body = written(header, &artefacts, *format)?;
        respond(StatusCode::OK, Some(format.media_type()), Body::from(body))
    };
    add_tag_of_structures(response.headers_mut(), &tag);
    Ok(response)
}

fn written(
    header: &Header,
    artefacts: &[Artefact],
    format: StructureFormat,
) -> Result<Vec<u8>, Problem> {
    match format {
        StructureFormat::Ml => ml::message(header, artefacts)
            .map_err(|error| Problem::new(Kind::Internal, error.to_string())),
        StructureFormat::Json => Ok(json::message(header, artefacts).into_bytes()),
    }
}

fn dataflow<'k>(artefacts: &'k Artefacts, dataset: &str) -> Result<&'k Artefact, Problem> {
    let gone = || Problem::new(Kind::NotFound, format!("there is no dataset {dataset}"));
    artefacts.dataflow(dataset).ok_or_else(gone)
}

/// The answer to a question for what there is of figures.
///
/// # Errors
/// `NOT_FOUND` where there is nothing.
pub(super) fn available(
    query: &AvailabilityQuery,
    known: &Known,
    answer: &Answer,
    header: &Header,
) -> Result<Response<Body>, Problem> {
    let Answer { provenance, structure, table, .. } = answer;
    let recorded = |problem: Problem| problem.recorded_as(provenance.exchange);
    let flow = dataflow(&known.artefacts, &structure.id).map_err(recorded)?;
    let component = query.component.as_deref();
    let constraint = availability::constraint(structure, &flow.urn, table, component);
    let constraint = constraint.ok_or_else(|| nothing_given(provenance))?;
    let artefacts = known.artefacts.available(flow, constraint, query.references);
    let body = written(header, &artefacts, query.format).map_err(recorded)?;
    let mut response = respond(StatusCode::OK, Some(query.format.media_type()), Body::from(body));
    let cache = HeaderValue::from_static("private, no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, cache);
    Ok(response)
}

/// The answer to a question for a schema.
///
/// # Errors
/// `NOT_FOUND` where there is no such dataset.
pub(super) fn schema(
    query: &SchemaQuery,
    known: &Known,
    header: &Header,
) -> Result<Response<Body>, Problem> {
    let SchemaQuery { dataset, layout, format } = query;
    let flow = dataflow(&known.artefacts, dataset)?;
    let body = match format {
        SchemaFormat::Json => {
            written(header, &known.artefacts.schema(flow), StructureFormat::Json)?
        }
        SchemaFormat::Ml => written(header, &known.artefacts.schema(flow), StructureFormat::Ml)?,
        SchemaFormat::Xml => {
            let structure = known.structures.get(dataset);
            let definition = known.artefacts.structure_of(flow);
            let (Some(structure), Some(definition)) = (structure, definition) else {
                return Err(Problem::new(Kind::NotFound, format!("{dataset} has no structure")));
            };
            ml::schema(structure, &definition.urn, *layout)
                .map_err(|error| Problem::new(Kind::Internal, error.to_string()))?
        }
    };
    let mut response = respond(StatusCode::OK, Some(format.media_type()), Body::from(body));
    let cache = HeaderValue::from_static("public, no-cache");
    response.headers_mut().insert(header::CACHE_CONTROL, cache);
    Ok(response)
}
