//! The form that figures are asked for in: what of them, in which layout, with what beside codes.

use axum::http::{HeaderMap, header};
use birge_proto::problem::Problem;
use birge_schemas::structure::{Level, Structure};

use super::{not_supported, unknown};
use crate::{
    sdmx::data::{
        Attributes, Layout, Parts, TIME, VALUE,
        csv::{self, Labels},
    },
    serve::sdmx::{
        media::DataFormat,
        path::{Path, Version},
    },
};

pub(super) fn layout(path: &Path, dataset: &Structure) -> Result<Layout, Problem> {
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

pub(super) fn parts(path: &Path, dataset: &Structure) -> Result<Parts, Problem> {
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
    if let Some(named) = path.parameter("attributes") {
        parts.attributes = attributes(dataset, named)?;
    }
    match path.parameter("measures") {
        None | Some("all" | VALUE) => {}
        Some("none") => parts.values = false,
        Some(other) => return Err(unknown("measures", other, "all, none, OBS_VALUE")),
    }
    Ok(parts)
}

/// The attributes that are named, by what they describe or one by one.
fn attributes(dataset: &Structure, named: &str) -> Result<Attributes, Problem> {
    let mut ids = vec![];
    for name in named.split(',') {
        let level = match name {
            "all" | "dsd" => return Ok(Attributes::All),
            // Those of the whole dataset stand in none of the forms, and none are of metadata.
            "none" | "msd" | "dataset" => continue,
            "series" => Some(Level::Series),
            "obs" => Some(Level::Observation),
            _ => None,
        };
        let own = dataset.attributes.iter().filter(|attribute| match level {
            Some(level) => attribute.level == level,
            None => attribute.id == name,
        });
        let before = ids.len();
        ids.extend(own.map(|attribute| attribute.id.clone()));
        if ids.len() == before {
            let there: Vec<_> = dataset.attributes.iter().map(|each| each.id.as_str()).collect();
            let there = format!("all, none, series, obs, {}", there.join(", "));
            return Err(unknown("attributes", name, &there));
        }
    }
    Ok(Attributes::These(ids))
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
        let refused = range.get_param("q").is_some_and(|q| q.as_str().parse() == Ok(0.0));
        if refused || !range.essence_str().contains("csv") {
            return None;
        }
        Some(range.get_param(name)?.as_str().to_owned())
    })
}

pub(super) fn labels(
    path: &Path,
    format: DataFormat,
    headers: &HeaderMap,
) -> Result<Labels, Problem> {
    let with_labels = path.parameter("format") == Some("csvfilewithlabels");
    let said = said(path, headers, "labels");
    match (said.as_deref(), format) {
        (None, _) if with_labels => Ok(Labels::Both),
        (None | Some("name"), DataFormat::Workbook) => Ok(Labels::Name),
        (None | Some("id"), _) => Ok(Labels::Id),
        (Some("both"), _) => Ok(Labels::Both),
        (Some("name"), DataFormat::Csv(csv::Version::Two)) => Ok(Labels::Name),
        (Some(other), _) => {
            Err(unknown("labels", other, "id, both, and in SDMX-CSV 2.0 and workbooks name"))
        }
    }
}

pub(super) fn keys(
    path: &Path,
    format: DataFormat,
    headers: &HeaderMap,
) -> Result<[bool; 2], Problem> {
    match said(path, headers, "keys").as_deref() {
        None | Some("none") => Ok([false, false]),
        Some(other) if format == DataFormat::Csv(csv::Version::One) => {
            Err(unknown("keys", other, "none, and in SDMX-CSV 2.0 obs, series, both"))
        }
        Some("series") => Ok([true, false]),
        Some("obs") => Ok([false, true]),
        Some("both") => Ok([true, true]),
        Some(other) => Err(unknown("keys", other, "none, obs, series, both")),
    }
}
