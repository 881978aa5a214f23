//! Which form an answer takes: what is asked for by name, or by the media types that are accepted
//! (SDMX REST 2.1, media types).

use axum::http::{HeaderMap, header};
use birge_proto::problem::{Kind, Problem};
use mime::Mime;

use super::path::{Path, Version};
use crate::sdmx::data::csv;

/// A form of figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DataFormat {
    /// SDMX-ML 2.1, generic.
    Generic,
    /// SDMX-ML 2.1, structure-specific.
    Specific,
    /// SDMX-JSON 2.0.0.
    Json,
    /// SDMX-CSV.
    Csv(csv::Version),
    /// A workbook.
    Workbook,
}

/// A form of schemas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SchemaFormat {
    /// An XML Schema of structure-specific messages.
    Xml,
    /// The data structure, in SDMX-JSON.
    Json,
    /// The same in SDMX-ML.
    Ml,
}

/// A form of structures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StructureFormat {
    /// SDMX-ML 2.1.
    Ml,
    /// SDMX-JSON 2.0.0.
    Json,
}

const GENERIC: &str = "application/vnd.sdmx.genericdata+xml;version=2.1";
const SPECIFIC: &str = "application/vnd.sdmx.structurespecificdata+xml;version=2.1";
const JSON: &str = "application/vnd.sdmx.data+json;version=2.0.0";
const CSV_1: &str = "application/vnd.sdmx.data+csv;version=1.0.0";
const CSV_2: &str = "application/vnd.sdmx.data+csv;version=2.0.0";
const WORKBOOK: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
const STRUCTURE_ML: &str = "application/vnd.sdmx.structure+xml;version=2.1";
const SCHEMA: &str = "application/vnd.sdmx.schema+xml;version=2.1";
const STRUCTURE_JSON: &str = "application/vnd.sdmx.structure+json;version=2.0.0";

/// The forms of figures, the one first that whoever takes any is given.
const DATA: [(DataFormat, &str); 6] = [
    (DataFormat::Generic, GENERIC),
    (DataFormat::Specific, SPECIFIC),
    (DataFormat::Json, JSON),
    (DataFormat::Csv(csv::Version::Two), CSV_2),
    (DataFormat::Csv(csv::Version::One), CSV_1),
    (DataFormat::Workbook, WORKBOOK),
];
const SCHEMAS: [(SchemaFormat, &str); 3] = [
    (SchemaFormat::Xml, SCHEMA),
    (SchemaFormat::Json, STRUCTURE_JSON),
    (SchemaFormat::Ml, STRUCTURE_ML),
];
const STRUCTURES: [(StructureFormat, &str); 2] =
    [(StructureFormat::Ml, STRUCTURE_ML), (StructureFormat::Json, STRUCTURE_JSON)];

impl DataFormat {
    /// Its media type.
    pub(super) fn media_type(self) -> &'static str {
        DATA.iter().find(|(format, _)| *format == self).map_or(GENERIC, |(_, name)| name)
    }
}

impl SchemaFormat {
    /// Its media type.
    pub(super) fn media_type(self) -> &'static str {
        SCHEMAS.iter().find(|(format, _)| *format == self).map_or(SCHEMA, |(_, name)| name)
    }
}

impl StructureFormat {
    /// Its media type.
    pub(super) fn media_type(self) -> &'static str {
        STRUCTURES.iter().find(|(format, _)| *format == self).map_or(STRUCTURE_ML, |(_, name)| name)
    }
}

/// The form of figures that a request asks for.
///
/// # Errors
/// `NOT_ACCEPTABLE`, naming the forms that there are.
pub(super) fn data(path: &Path, headers: &HeaderMap) -> Result<DataFormat, Problem> {
    let csv = DataFormat::Csv(match path.version {
        Version::One => csv::Version::One,
        Version::Two => csv::Version::Two,
    });
    if let Some(name) = path.parameter("format") {
        return match name.to_ascii_lowercase().as_str() {
            "csvdata" | "csv" | "csvfile" | "csvfilewithlabels" => Ok(csv),
            "jsondata" | "json" => Ok(DataFormat::Json),
            "genericdata" => Ok(DataFormat::Generic),
            "structurespecificdata" => Ok(DataFormat::Specific),
            "xlsx" => Ok(DataFormat::Workbook),
            _ => Err(none_of(
                &format!("format={name}"),
                "csvdata, jsondata, genericdata, \
                             structurespecificdata",
            )),
        };
    }
    let plain = [
        ("text/csv", csv),
        ("application/json", DataFormat::Json),
        ("application/xml", DataFormat::Generic),
        ("text/xml", DataFormat::Generic),
        ("application/vnd.sdmx.data+csv", csv),
        ("application/vnd.sdmx.data+json", DataFormat::Json),
    ];
    chosen(headers, &DATA, &plain)
}

/// The form of structures that a request asks for.
///
/// # Errors
/// `NOT_ACCEPTABLE`, naming the forms that there are.
pub(super) fn structures(path: &Path, headers: &HeaderMap) -> Result<StructureFormat, Problem> {
    if let Some(name) = path.parameter("format") {
        return match name.to_ascii_lowercase().as_str() {
            "jsonstructure" | "json" | "sdmx-json" => Ok(StructureFormat::Json),
            "structure" | "xml" | "sdmx-2.1" => Ok(StructureFormat::Ml),
            _ => Err(none_of(&format!("format={name}"), "structure, jsonstructure")),
        };
    }
    let plain = [
        ("application/json", StructureFormat::Json),
        ("application/xml", StructureFormat::Ml),
        ("text/xml", StructureFormat::Ml),
    ];
    chosen(headers, &STRUCTURES, &plain)
}

/// The form of a schema that a request asks for.
///
/// # Errors
/// `NOT_ACCEPTABLE`, naming the forms that there are.
pub(super) fn schema(headers: &HeaderMap) -> Result<SchemaFormat, Problem> {
    let plain = [
        ("application/json", SchemaFormat::Json),
        ("application/xml", SchemaFormat::Xml),
        ("text/xml", SchemaFormat::Xml),
    ];
    chosen(headers, &SCHEMAS, &plain)
}

fn none_of(asked: &str, there: &str) -> Problem {
    Problem::new(Kind::NotAcceptable, format!("{asked} is none of the forms of this"))
        .hint(format!("there are {there}"))
}

/// The first of the media types that are most welcome and that there is.
fn chosen<F: Copy>(
    headers: &HeaderMap,
    forms: &[(F, &str)],
    plain: &[(&str, F)],
) -> Result<F, Problem> {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let ranges =
        accepted.flat_map(|value| value.split(',')).filter(|range| !range.trim().is_empty());
    let mut ranges: Vec<(f32, &str)> = ranges
        .map(|range| (weight(range), range.trim()))
        .filter(|(weight, _)| *weight > 0.0)
        .collect();
    if ranges.is_empty() {
        ranges.push((1.0, "*/*"));
    }
    // Of those of one weight, one that names a form before one that takes any.
    let any = |range: &str| usize::from(range.contains('*'));
    ranges.sort_by(|one, other| other.0.total_cmp(&one.0).then(any(one.1).cmp(&any(other.1))));
    let form = ranges.iter().find_map(|(_, range)| of_range(range, forms, plain));
    form.ok_or_else(|| {
        let there: Vec<_> = forms.iter().map(|(_, name)| *name).collect();
        let asked: Vec<_> = ranges.iter().map(|(_, range)| *range).collect();
        none_of(&asked.join(", "), &there.join(", "))
    })
}

fn weight(range: &str) -> f32 {
    let range: Option<Mime> = range.trim().parse().ok();
    let weight = range.as_ref().and_then(|range| range.get_param("q")).map(|q| q.as_str().parse());
    weight.map_or(1.0, |weight| weight.unwrap_or(0.0))
}

fn of_range<F: Copy>(range: &str, forms: &[(F, &str)], plain: &[(&str, F)]) -> Option<F> {
    let range: Mime = range.parse().ok()?;
    let version = range.get_param("version").map(|version| version.as_str());
    let of_type = |name: &str| {
        let name: Option<Mime> = name.parse().ok();
        name.is_some_and(|name| {
            let own = name.get_param("version").map(|version| version.as_str().to_owned());
            let same = version.is_none_or(|version| own.as_deref() == Some(version));
            name.essence_str() == range.essence_str() && same
        })
    };
    if version.is_none()
        && let Some((_, form)) = plain.iter().find(|(name, _)| *name == range.essence_str())
    {
        return Some(*form);
    }
    if let Some((form, _)) = forms.iter().find(|(_, name)| of_type(name)) {
        return Some(*form);
    }
    if range.essence_str() == "text/*" {
        return plain.iter().find(|(name, _)| name.starts_with("text/")).map(|(_, form)| *form);
    }
    let any = matches!(range.essence_str(), "*/*" | "application/*");
    forms.first().filter(|_| any).map(|(form, _)| *form)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn of(version: &str, accept: &str) -> Option<DataFormat> {
        let path = Path::of(&format!("/sdmx/{version}/data/DF").parse().unwrap()).unwrap();
        let headers = [(header::ACCEPT, HeaderValue::from_str(accept).unwrap())];
        data(&path, &headers.into_iter().collect()).ok()
    }

    #[test]
    fn what_clients_send_gets_what_they_read() {
        let (one, two) = (DataFormat::Csv(csv::Version::One), DataFormat::Csv(csv::Version::Two));
        for (version, accept, format) in [
            ("v1", "*/*", Some(DataFormat::Generic)),
            ("v1", "application/xml", Some(DataFormat::Generic)),
            (
                "v1",
                "application/vnd.sdmx.structurespecificdata+xml;version=2.1",
                Some(DataFormat::Specific),
            ),
            ("v1", "application/vnd.sdmx.data+csv; version=1.0.0", Some(one)),
            ("v2", "application/vnd.sdmx.data+csv;version=2.0.0", Some(two)),
            ("v2", "text/csv", Some(two)),
            ("v2", "application/vnd.sdmx.data+csv;labels=both;version=2.0.0", Some(two)),
            (
                "v2",
                "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                Some(DataFormat::Generic),
            ),
            (
                "v2",
                "application/vnd.sdmx.data+json;version=2.0.0, */*;q=0.1",
                Some(DataFormat::Json),
            ),
            ("v2", "application/vnd.sdmx.data+json;version=7", None),
            ("v2", "image/png", None),
            ("v2", "*/*, application/vnd.sdmx.data+csv;version=2.0.0", Some(two)),
            ("v2", "text/*", Some(two)),
            ("v2", "text/csv;q=0", Some(DataFormat::Generic)),
        ] {
            assert_eq!(of(version, accept), format, "{version} {accept}");
        }
    }
}
