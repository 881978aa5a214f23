//! Questions for structures, and for the schema of a dataset.

use std::sync::Arc;

use axum::http::HeaderMap;
use birge_proto::problem::{Kind, Problem};
use birge_schemas::structure::Structure;

use super::{
    Asked, OF_STRUCTURES, OTHERS, SchemaQuery, StructureQuery, data, form, no_resource,
    not_supported, only, unknown,
};
use crate::{
    sdmx::{
        artefact::{Detail, Named, References, Versions, Wanted},
        urn::Class,
    },
    serve::sdmx::{
        Known, media,
        path::{Path, Version},
    },
};

pub(super) fn structures(
    path: &Path,
    resource: &str,
    first: usize,
    headers: &HeaderMap,
) -> Result<Asked, Problem> {
    only(path, &OF_STRUCTURES, false)?;
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
    Ok(Asked::Structures(StructureQuery {
        named: Named { class, ..named(path, first) },
        references: references(path)?,
        detail: detail(path)?,
        format: media::structures(path, headers)?,
    }))
}

/// Whoever maintains it, its id and its version, from this segment on.
fn named(path: &Path, first: usize) -> Named {
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
    Named {
        class: None,
        agencies: wanted(path.segment(first)),
        ids: wanted(path.segment(first + 1)),
        versions,
    }
}

pub(super) fn references(path: &Path) -> Result<References, Problem> {
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

pub(super) fn schema(
    path: &Path,
    known: &Known,
    headers: &HeaderMap,
) -> Result<SchemaQuery, Problem> {
    only(path, &["dimensionAtObservation"], false)?;
    path.at_most(4)?;
    let dataset = match (path.segment(0), path.segment(2)) {
        // The data structure's only dataflow.
        (Some("datastructure"), Some(id)) => {
            let named = Named { class: Some(Class::DataStructure), ..named(path, 1) };
            let definitions: Vec<_> =
                known.artefacts.named(&named).iter().map(|each| each.urn.to_string()).collect();
            let of_these = |dataset: &&Arc<Structure>| {
                let flow = known.artefacts.dataflow(&dataset.id);
                let definition = flow.and_then(|flow| flow.json["structure"].as_str());
                definition.is_some_and(|own| definitions.iter().any(|each| each == own))
            };
            known.structures.iter().find(of_these).ok_or_else(|| {
                Problem::new(Kind::NotFound, format!("there is no data structure {id}"))
            })?
        }
        _ => data::dataset_of_context(path, known)?,
    };
    Ok(SchemaQuery {
        dataset: dataset.id.clone(),
        layout: form::layout(path, dataset)?,
        format: media::schema(headers)?,
    })
}
