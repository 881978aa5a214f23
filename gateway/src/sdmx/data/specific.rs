//! Figures in structure-specific SDMX-ML 2.1 (SDMXDataStructureSpecific.xsd, and the schema that
//! the exchange gives out for each dataset), as series or flat.

use std::{
    io::{self, Write},
    ops::Range,
};

use birge_schemas::table::RawColumn;

use super::{
    Columns, DataSet, Layout, Message, Piece, VALUE,
    message::{self, Kind, write_all, written},
    written::Written,
};
use crate::sdmx::urn::Urn;

/// Namespace of what all data structures share.
pub const SPECIFIC: &str =
    "http://www.sdmx.org/resources/sdmxml/schemas/v2_1/data/structurespecific";
const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// The namespace of the schema of a data structure's messages (SDMX 2.1, section 3A, 4.4).
#[must_use]
pub fn namespace(definition: &Urn, layout: Layout) -> String {
    format!("{definition}:ObsLevelDim:{}", layout.dimension_at_observation())
}

/// Writes a piece of a message of structure-specific data.
///
/// # Errors
/// Never, as it is written to memory.
pub fn write(message: &Message<'_>, piece: &Piece, to: &mut Vec<u8>) -> io::Result<()> {
    let Some(first) = message.sets.first() else { return Ok(()) };
    let namespace = namespace(first.definition, first.layout);
    let kind = Kind {
        root: "mes:StructureSpecificData",
        namespaces: &[("xmlns:ss", SPECIFIC), ("xmlns:xsi", INSTANCE), ("xmlns:own", &namespace)],
        namespace: Some(&namespace),
        data_set: &[
            ("ss:structureRef", &first.definition.id),
            ("xsi:type", "own:DataSetType"),
            ("ss:dataScope", "DataStructure"),
        ],
        action: "ss:action",
    };
    message::write(message, piece, &kind, to, |set, rows, to| match set.layout {
        Layout::Series => series(set, rows, to),
        Layout::Flat => flat(set, rows, to),
    })
}

/// Columns as attributes of an element.
fn attributes<'a>(columns: &[&'a RawColumn], rows: &Range<usize>) -> Vec<Written<'a>> {
    let attribute = |id: &str, text: &str| format!(" {id}=\"{text}\"");
    columns.iter().map(|column| written(column, rows, attribute)).collect()
}

fn series(set: &DataSet<'_>, rows: Range<usize>, to: &mut impl Write) -> io::Result<()> {
    let columns = set.columns();
    let of_series: Vec<_> = columns.dimensions.iter().chain(&columns.series).copied().collect();
    let of_series = attributes(&of_series, &rows);
    let time = attributes(columns.time.as_slice(), &rows);
    let of_observation = attributes(&columns.observation, &rows);
    for rows in columns.series(rows) {
        to.write_all(b"<Series")?;
        write_all(to, &of_series, rows.start)?;
        to.write_all(b">")?;
        for row in rows.filter(|_| set.parts.observations) {
            to.write_all(b"<Obs")?;
            write_all(to, &time, row)?;
            value(set, to, row)?;
            write_all(to, &of_observation, row)?;
            to.write_all(b"/>")?;
        }
        to.write_all(b"</Series>")?;
    }
    Ok(())
}

fn flat(set: &DataSet<'_>, rows: Range<usize>, to: &mut impl Write) -> io::Result<()> {
    let Columns { dimensions, time, series, observation } = set.columns();
    let key: Vec<_> = dimensions.into_iter().chain(time).collect();
    let more: Vec<_> = series.into_iter().chain(observation).collect();
    let (key, more) = (attributes(&key, &rows), attributes(&more, &rows));
    for row in rows {
        to.write_all(b"<Obs")?;
        write_all(to, &key, row)?;
        value(set, to, row)?;
        write_all(to, &more, row)?;
        to.write_all(b"/>")?;
    }
    Ok(())
}

fn value(set: &DataSet<'_>, to: &mut impl Write, row: usize) -> io::Result<()> {
    match set.value(row) {
        Some(value) => write!(to, " {VALUE}=\"{value}\""),
        None => Ok(()),
    }
}
