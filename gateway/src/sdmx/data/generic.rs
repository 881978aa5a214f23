//! Figures in generic SDMX-ML 2.1 (SDMXDataGeneric.xsd), as series or flat.

use std::{
    io::{self, Write},
    ops::Range,
};

use birge_schemas::table::RawColumn;

use super::{
    Columns, DataSet, Layout, Message, Piece,
    message::{self, Kind, write_all, written},
    written::Written,
};

const GENERIC: &str = "http://www.sdmx.org/resources/sdmxml/schemas/v2_1/data/generic";

/// Writes a piece of a message of generic data.
///
/// # Errors
/// Never, as it is written to memory.
pub fn write(message: &Message<'_>, piece: &Piece, to: &mut Vec<u8>) -> io::Result<()> {
    let Some(first) = message.sets.first() else { return Ok(()) };
    let kind = Kind {
        root: "mes:GenericData",
        namespaces: &[("xmlns:gen", GENERIC)],
        namespace: None,
        data_set: &[("structureRef", &first.definition.id)],
        action: "action",
    };
    message::write(message, piece, &kind, to, |set, rows, to| match set.layout {
        Layout::Series => series(set, rows, to),
        Layout::Flat => flat(set, rows, to),
    })
}

/// Columns as values of a key, or of a group of attributes.
fn values<'a>(columns: &[&'a RawColumn], rows: &Range<usize>) -> Vec<Written<'a>> {
    let value = |id: &str, text: &str| format!("<gen:Value id=\"{id}\" value=\"{text}\"/>");
    columns.iter().map(|column| written(column, rows, value)).collect()
}

fn series(set: &DataSet<'_>, rows: Range<usize>, to: &mut impl Write) -> io::Result<()> {
    let columns = set.columns();
    let Columns { dimensions, time, series, observation } = &columns;
    let [dimensions, series, observation] =
        [dimensions, series, observation].map(|columns| values(columns, &rows));
    let period = |_: &str, text: &str| format!("<gen:ObsDimension value=\"{text}\"/>");
    let time = time.map(|time| written(time, &rows, period));
    for rows in columns.series(rows) {
        to.write_all(b"<gen:Series><gen:SeriesKey>")?;
        write_all(to, &dimensions, rows.start)?;
        to.write_all(b"</gen:SeriesKey>")?;
        attributes(to, &series, rows.start)?;
        for row in rows.filter(|_| set.parts.observations) {
            to.write_all(b"<gen:Obs>")?;
            write_all(to, time.as_slice(), row)?;
            value(set, to, row)?;
            attributes(to, &observation, row)?;
            to.write_all(b"</gen:Obs>")?;
        }
        to.write_all(b"</gen:Series>")?;
    }
    Ok(())
}

fn flat(set: &DataSet<'_>, rows: Range<usize>, to: &mut impl Write) -> io::Result<()> {
    let Columns { mut dimensions, time, mut series, observation } = set.columns();
    dimensions.extend(time);
    series.extend(observation);
    let [dimensions, all] = [dimensions, series].map(|columns| values(&columns, &rows));
    for row in rows {
        to.write_all(b"<gen:Obs><gen:ObsKey>")?;
        write_all(to, &dimensions, row)?;
        to.write_all(b"</gen:ObsKey>")?;
        value(set, to, row)?;
        attributes(to, &all, row)?;
        to.write_all(b"</gen:Obs>")?;
    }
    Ok(())
}

fn value(set: &DataSet<'_>, to: &mut impl Write, row: usize) -> io::Result<()> {
    match set.value(row) {
        Some(value) => write!(to, "<gen:ObsValue value=\"{value}\"/>"),
        None => Ok(()),
    }
}

fn attributes(to: &mut impl Write, columns: &[Written<'_>], row: usize) -> io::Result<()> {
    if columns.iter().all(|column| column.at(row).is_empty()) {
        return Ok(());
    }
    to.write_all(b"<gen:Attributes>")?;
    write_all(to, columns, row)?;
    to.write_all(b"</gen:Attributes>")
}
