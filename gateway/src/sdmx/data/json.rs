//! Figures in SDMX-JSON 2.0.0, as series or flat.

use std::{
    io::{self, Write},
    ops::Range,
};

use birge_schemas::{
    codelist::{Names, named},
    structure::Level,
    table::RawColumn,
};
use serde_json::{Value, json};

use super::{Columns, DataSet, Layout, Message, Piece, VALUE};
use crate::sdmx::{
    header::Header,
    json::{meta, names_of},
};

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

/// Writes a piece of a message of data.
///
/// # Errors
/// Never, as it is written to memory.
pub fn write(message: &Message<'_>, piece: &Piece, to: &mut Vec<u8>) -> io::Result<()> {
    let set = |place: &usize| message.sets.get(*place).filter(|set| set.cells().rows > 0);
    match piece {
        Piece::Head => head(message, to),
        Piece::Begin(place) => match set(place) {
            None => Ok(()),
            Some(set) => begin(message, *place, set, to),
        },
        Piece::Rows(place, rows) => {
            set(place).map_or(Ok(()), |set| observations(set, rows.clone(), to))
        }
        Piece::End(place) => to.write_all(if set(place).is_some() { b"}}" } else { b"" }),
        Piece::Foot => to.write_all(b"]}}"),
    }
}

/// The structures of all data sets that hold anything: a dimension has one value at least.
fn head(message: &Message<'_>, to: &mut Vec<u8>) -> io::Result<()> {
    let sets = message.sets.iter().filter(|set| set.cells().rows > 0);
    let mut structures: Vec<Value> =
        sets.map(|set| structure(message.header, set, &places(set))).collect();
    if structures.is_empty() {
        // Where there is nothing, the remarks have their place all the same.
        structures.extend(message.sets.first().map(|set| nothing(message.header, set)));
    }
    let (meta, structures) = (meta(message.header, SCHEMA), Value::from(structures));
    write!(to, "{{\"meta\":{meta},\"data\":{{\"structures\":{structures},\"dataSets\":[")
}

fn begin(
    message: &Message<'_>,
    place: usize,
    set: &DataSet<'_>,
    to: &mut Vec<u8>,
) -> io::Result<()> {
    let before = message.sets[..place].iter().filter(|set| set.cells().rows > 0).count();
    let comma = if before == 0 { "" } else { "," };
    let annotations: Value = (0..message.header.remarks.len()).collect();
    let links = json!([{"rel": "dataflow", "urn": set.flow.to_string()}]);
    let action = set.action.name();
    let cells = match set.layout {
        Layout::Series => "series",
        Layout::Flat => "observations",
    };
    write!(to, "{comma}{{\"structure\":{before},\"action\":\"{action}\",\"links\":{links},")?;
    write!(to, "\"annotations\":{annotations},\"{cells}\":{{")
}

fn observations(set: &DataSet<'_>, rows: Range<usize>, to: &mut Vec<u8>) -> io::Result<()> {
    let places = places(set);
    if set.layout == Layout::Series {
        return series(set, &places, rows, to);
    }
    for row in rows {
        to.write_all(if row == 0 { b"" } else { b"," })?;
        observation(set, &places, to, row)?;
    }
    Ok(())
}

fn series(
    set: &DataSet<'_>,
    places: &Places<'_>,
    rows: Range<usize>,
    to: &mut Vec<u8>,
) -> io::Result<()> {
    for rows in set.columns().by_key().series(rows) {
        to.write_all(if rows.start == 0 { b"\"" } else { b",\"" })?;
        write_key(to, &places.dimensions[0], rows.start)?;
        to.write_all(b"\":{\"attributes\":[")?;
        write_entries(to, &places.attributes[0], rows.start, false)?;
        to.write_all(b"],\"observations\":{")?;
        let first = rows.start;
        for row in rows.filter(|_| set.parts.observations) {
            to.write_all(if row == first { b"" } else { b"," })?;
            observation(set, places, to, row)?;
        }
        to.write_all(b"}}")?;
    }
    Ok(())
}

/// One observation: its key, its value, its attributes.
fn observation(
    set: &DataSet<'_>,
    places: &Places<'_>,
    to: &mut impl Write,
    row: usize,
) -> io::Result<()> {
    to.write_all(b"\"")?;
    write_key(to, &places.dimensions[1], row)?;
    match set.value(row) {
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

fn places<'a>(set: &DataSet<'a>) -> Places<'a> {
    let Columns { dimensions, time, series, observation } = set.columns();
    match set.layout {
        Layout::Series => {
            let changes = |column: &&RawColumn| set.changing.contains(&column.id);
            let (changing, constant): (Vec<_>, Vec<_>) = series.into_iter().partition(changes);
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

/// The remarks as annotations.
fn annotations(header: &Header) -> Value {
    header
        .remarks
        .iter()
        .map(|remark| json!({"type": remark.kind.name(), "title": remark.text}))
        .collect()
}

/// The structure where there are no cells: what it is, and the remarks.
fn nothing(header: &Header, set: &DataSet<'_>) -> Value {
    json!({
        "links": [{"rel": "dataflow", "urn": set.flow.to_string()}],
        "name": set.structure.name("en"), "names": names_of(&set.structure.names),
        "dimensions": {}, "annotations": annotations(header),
    })
}

/// The structure of the data set: what positions stand for.
fn structure(header: &Header, set: &DataSet<'_>, places: &Places<'_>) -> Value {
    let position = |id: &str| {
        let mut all = set.structure.dimensions.iter();
        all.position(|dimension| dimension.id == id).unwrap_or_default()
    };
    let dimension = |column: &&RawColumn| {
        let mut own = component(set, column);
        own["keyPosition"] = position(&column.id).into();
        own["roles"] = json!([column.id]);
        own
    };
    let attribute = |column: &&RawColumn| {
        let mut own = component(set, column);
        let level = set.structure.attribute(&column.id).map(|attribute| attribute.level);
        own["relationship"] = match level {
            Some(Level::Series) => {
                let dimensions: Vec<_> =
                    set.structure.coded().map(|dimension| dimension.id.as_str()).collect();
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
    let names = &set.structure.names;
    json!({
        "links": [
            {"rel": "dataflow", "urn": set.flow.to_string()},
            {"rel": "datastructure", "urn": set.definition.to_string()},
        ],
        "name": set.structure.name("en"), "names": names_of(names),
        "dimensions": {"dataSet": [], "series": of_series, "observation": of_observations},
        "measures": {"observation": [concept(set, VALUE)]},
        "attributes": {
            "dataSet": [], "dimensionGroup": [],
            "series": own_series, "observation": own_observations,
        },
        "annotations": annotations(header),
    })
}

/// A concept: its id and names.
fn concept(set: &DataSet<'_>, id: &str) -> Value {
    let none = Names::new();
    let names = set.structures.concept(id).unwrap_or(&none);
    json!({"id": id, "name": named(names, "en").unwrap_or(id), "names": names_of(names)})
}

/// A dimension or an attribute, with what stands in it.
fn component(set: &DataSet<'_>, column: &RawColumn) -> Value {
    let list = set.code_list(&column.id);
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
    let mut own = concept(set, &column.id);
    own["values"] = values.into();
    own
}
