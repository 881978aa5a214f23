//! Questions for figures, and for what there is of them.

use axum::http::HeaderMap;
use birge_proto::{
    problem::{Kind, Problem},
    wire::{AskRequest, Selection},
};
use birge_schemas::structure::Structure;

use super::{
    AvailabilityQuery, CONTEXTS, DataQuery, OF_AVAILABILITY, OF_DATA, form, not_supported, only,
    structures::references, unknown,
};
use crate::{
    sdmx::data::{Layout, TIME, csv},
    serve::sdmx::{
        Known, filter, language,
        media::{self, DataFormat},
        path::{Path, Version},
        period::{Bound, of_bound},
    },
};

pub(super) fn data(path: &Path, known: &Known, headers: &HeaderMap) -> Result<DataQuery, Problem> {
    only(path, &OF_DATA, true)?;
    let (dataset, mut request) = question(path, known)?;
    request.as_of = path.parameter("asOf").unwrap_or_default().to_owned();
    request.first_observations = count(path, "firstNObservations")?;
    request.last_observations = count(path, "lastNObservations")?;
    request.offset = path.number("offset")?.unwrap_or_default();
    request.limit = count(path, "limit")?;
    request.updated_after = path.parameter("updatedAfter").unwrap_or_default().to_owned();
    match path.version {
        Version::One => path.at_most(3)?,
        Version::Two => path.at_most(5)?,
    }
    let format = media::data(path, headers)?;
    let takes_away = !matches!(format, DataFormat::Csv(csv::Version::One) | DataFormat::Workbook);
    if !request.updated_after.is_empty() && !takes_away {
        let detail = "this form has no place for what disappeared";
        return Err(Problem::new(Kind::NotAcceptable, detail)
            .hint("ask for SDMX-CSV 2.0, SDMX-ML or SDMX-JSON of what changed since a moment"));
    }
    let (layout, parts) = (form::layout(path, dataset)?, form::parts(path, dataset)?);
    let has_series =
        layout == Layout::Series && !matches!(format, DataFormat::Csv(_) | DataFormat::Workbook);
    if !parts.observations && !has_series {
        let detail = "this form has no series apart from their observations";
        return Err(Problem::new(Kind::NotAcceptable, detail)
            .hint("ask for series in SDMX-ML or SDMX-JSON, or for observations without values"));
    }
    Ok(DataQuery {
        version: path.version,
        request,
        format,
        layout,
        parts,
        labels: form::labels(path, format, headers)?,
        keys: form::keys(path, format, headers)?,
        language: language(headers),
    })
}

/// A number of which none means all, so that 0 is none.
fn count<N: std::str::FromStr + Default + PartialEq>(
    path: &Path,
    name: &str,
) -> Result<N, Problem> {
    match path.number(name)? {
        Some(none) if none == N::default() => {
            let detail = format!("{name}=0 asks for nothing");
            Err(Problem::new(Kind::Malformed, detail).hint("expected 1 or more, or leave it out"))
        }
        number => Ok(number.unwrap_or_default()),
    }
}

/// The dataset and the selection that an address and its parameters name.
fn question<'k>(path: &Path, known: &'k Known) -> Result<(&'k Structure, AskRequest), Problem> {
    let plain = [("includeHistory", "false"), ("updatedBefore", ""), ("timeFormat", "original")];
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

pub(super) fn availability(
    path: &Path,
    known: &Known,
    headers: &HeaderMap,
) -> Result<AvailabilityQuery, Problem> {
    only(path, &OF_AVAILABILITY, true)?;
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
pub(super) fn dataset_of_context<'k>(
    path: &Path,
    known: &'k Known,
) -> Result<&'k Structure, Problem> {
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
