//! Figures in SDMX-JSON 2.0.0, as series or flat.

use std::io::{self, Write};

use birge_schemas::{
    codelist::{Names, named},
    structure::Level,
    table::RawColumn,
};
use serde_json::{Value, json};

use super::{Columns, Layout, Message, VALUE};
use crate::sdmx::json::{meta, names_of};

/// Its schema, by which readers know the version.
const SCHEMA: &str = "https://raw.githubusercontent.com/sdmx-twg/sdmx-json/master/data-message/tools/\
                      schemas/2.0.0/sdmx-json-data-schema.json";

/// Where the columns of a message stand.
struct Places<'a> {
    /// Dimensions of series, and those of observations.
    dimensions: [Vec<&'a RawColumn>; 2],
    /// Attributes likewise. One of series that changes within a series is one of observations
    /// here, for a key stands once.
    attributes: [Vec<&'a RawColumn>; 2],
}

/// Writes a message of data.
///
/// # Errors
/// When it cannot be written.
pub fn write(message: &Message<'_>, mut to: impl Write) -> io::Result<()> {
    let meta = meta(message.header, SCHEMA);
    let rows = if message.parts.observations || message.layout == Layout::Series {
        message.table.rows
    } else {
        0
    };
    if rows == 0 {
        write!(to, "{{\"meta\":{meta},\"data\":{{\"structures\":[],\"dataSets\":[]}}}}")?;
        return to.flush();
    }
    let places = places(message);
    let structure = structure(message, &places);
    write!(to, "{{\"meta\":{meta},\"data\":{{\"structures\":[{structure}],\"dataSets\":[")?;
    let links = json!([{"rel": "dataflow", "urn": message.flow.to_string()}]);
    let annotations: Value = (0..message.header.remarks.len()).collect();
    write!(
        to,
        "{{\"structure\":0,\"action\":\"Information\",\"links\":{links},\"annotations\":{annotations},"
    )?;
    match message.layout {
        Layout::Series => series(message, &places, &mut to)?,
        Layout::Flat => {
            to.write_all(b"\"observations\":{")?;
            for row in 0..rows {
                to.write_all(if row == 0 { b"" } else { b"," })?;
                observation(message, &places, &mut to, row)?;
            }
            to.write_all(b"}")?;
        }
    }
    to.write_all(b"}]}}")?;
    to.flush()
}

fn series(message: &Message<'_>, places: &Places<'_>, to: &mut impl Write) -> io::Result<()> {
    let of_one_key = Columns {
        dimensions: places.dimensions[0].clone(),
        time: None,
        series: vec![],
        observation: vec![],
    };
    to.write_all(b"\"series\":{")?;
    for rows in of_one_key.series(message.table.rows) {
        to.write_all(if rows.start == 0 { b"\"" } else { b",\"" })?;
        write_key(to, &places.dimensions[0], rows.start)?;
        to.write_all(b"\":{\"attributes\":[")?;
        write_entries(to, &places.attributes[0], rows.start, false)?;
        to.write_all(b"],\"observations\":{")?;
        let first = rows.start;
        for row in rows.filter(|_| message.parts.observations) {
            to.write_all(if row == first { b"" } else { b"," })?;
            observation(message, places, to, row)?;
        }
        to.write_all(b"}}")?;
    }
    to.write_all(b"}")
}

/// One observation: its key, its value, its attributes.
fn observation(
    message: &Message<'_>,
    places: &Places<'_>,
    to: &mut impl Write,
    row: usize,
) -> io::Result<()> {
    to.write_all(b"\"")?;
    write_key(to, &places.dimensions[1], row)?;
    match message.value(row) {
        Some(value) => write!(to, "\":[{value}")?,
        None => to.write_all(b"\":[null")?,
    }
    write_entries(to, &places.attributes[1], row, true)?;
    to.write_all(b"]")
}

/// Positions joined by colons.
fn write_key(to: &mut impl Write, columns: &[&RawColumn], row: usize) -> io::Result<()> {
    for (place, column) in columns.iter().enumerate() {
        to.write_all(if place == 0 { b"" } else { b":" })?;
        write!(to, "{}", column.entry(row))?;
    }
    Ok(())
}

/// Positions of attributes, null where one is not given.
fn write_entries(
    to: &mut impl Write,
    columns: &[&RawColumn],
    row: usize,
    follows: bool,
) -> io::Result<()> {
    for (place, column) in columns.iter().enumerate() {
        to.write_all(if place == 0 && !follows { b"" } else { b"," })?;
        match column.at(row) {
            "" => to.write_all(b"null")?,
            _ => write!(to, "{}", column.entry(row))?,
        }
    }
    Ok(())
}

fn places<'a>(message: &Message<'a>) -> Places<'a> {
    let Columns { dimensions, time, series, observation } = message.columns();
    match message.layout {
        Layout::Series => {
            let keys = Columns {
                dimensions: dimensions.clone(),
                time: None,
                series: vec![],
                observation: vec![],
            };
            let is_constant = |column: &&RawColumn| {
                let mut all = keys.series(message.table.rows);
                all.all(|mut rows| {
                    let first = column.entry(rows.start);
                    rows.all(|row| column.entry(row) == first)
                })
            };
            let (constant, changing): (Vec<_>, Vec<_>) = series.into_iter().partition(is_constant);
            let of_observations = observation.into_iter().chain(changing).collect();
            Places {
                dimensions: [dimensions, time.into_iter().collect()],
                attributes: [constant, of_observations],
            }
        }
        Layout::Flat => Places {
            dimensions: [vec![], dimensions.into_iter().chain(time).collect()],
            attributes: [vec![], series.into_iter().chain(observation).collect()],
        },
    }
}

/// The structure of the data set: what positions stand for.
fn structure(message: &Message<'_>, places: &Places<'_>) -> Value {
    let position = |id: &str| {
        let mut all = message.structure.dimensions.iter();
        all.position(|dimension| dimension.id == id).unwrap_or_default()
    };
    let dimension = |column: &&RawColumn| {
        let mut own = component(message, column);
        own["keyPosition"] = position(&column.id).into();
        own["roles"] = json!([column.id]);
        own
    };
    let attribute = |column: &&RawColumn| {
        let mut own = component(message, column);
        let level = message.structure.attribute(&column.id).map(|attribute| attribute.level);
        own["relationship"] = match level {
            Some(Level::Series) => {
                let dimensions: Vec<_> =
                    message.structure.coded().map(|dimension| dimension.id.as_str()).collect();
                json!({"dimensions": dimensions})
            }
            _ => json!({"observation": {}}),
        };
        own
    };
    let [of_series, of_observations] =
        places.dimensions.each_ref().map(|all| all.iter().map(dimension).collect::<Vec<_>>());
    let [own_series, own_observations] =
        places.attributes.each_ref().map(|all| all.iter().map(attribute).collect::<Vec<_>>());
    let remarks = message.header.remarks.iter();
    let annotations: Vec<_> =
        remarks.map(|remark| json!({"type": remark.kind, "title": remark.text})).collect();
    let names = &message.structure.names;
    json!({
        "links": [
            {"rel": "dataflow", "urn": message.flow.to_string()},
            {"rel": "datastructure", "urn": message.definition.to_string()},
        ],
        "name": message.structure.name("en"), "names": names_of(names),
        "dimensions": {"dataSet": [], "series": of_series, "observation": of_observations},
        "measures": {"observation": [concept(message, VALUE)]},
        "attributes": {
            "dataSet": [], "dimensionGroup": [],
            "series": own_series, "observation": own_observations,
        },
        "annotations": annotations,
        "dataSets": [0],
    })
}

/// A concept: its id and names.
fn concept(message: &Message<'_>, id: &str) -> Value {
    let none = Names::new();
    let names = message.structures.concept(id).unwrap_or(&none);
    json!({"id": id, "name": named(names, "en").unwrap_or(id), "names": names_of(names)})
}

/// A dimension or an attribute, with what stands in it.
fn component(message: &Message<'_>, column: &RawColumn) -> Value {
    let list = message.code_list(&column.id);
    let values = column.dictionary.iter().map(|text| {
        let code = list.and_then(|list| Some(list.code(list.position(text)?)));
        match (code, text.as_str()) {
            (_, "") => Value::Null,
            (Some(code), id) => {
                json!({"id": id, "name": code.name("en"), "names": names_of(&code.names)})
            }
            (None, text) => json!({"value": text}),
        }
    });
    let values: Vec<_> = values.collect();
    let mut own = concept(message, &column.id);
    own["values"] = values.into();
    own
}
