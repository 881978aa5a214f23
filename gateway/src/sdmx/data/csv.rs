//! Figures in SDMX-CSV 1.0.0 and 2.0.0.

use std::io::{self, Write};

use birge_schemas::{codelist::named, table::RawColumn};

use super::{Columns, Message, VALUE};

/// How a missing value is written in version 2: intended to be missing.
const MISSING: &str = "NaN";

/// Which version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// 1.0.0.
    One,
    /// 2.0.0.
    Two,
}

/// What stands for codes and concepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Labels {
    /// Their ids.
    Id,
    /// Their ids, and their names in columns of their own; in version 2 alone.
    Name,
    /// Both in one cell: `F: Female`.
    Both,
}

/// How a file is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialect {
    /// Which version.
    pub version: Version,
    /// What stands for codes and concepts.
    pub labels: Labels,
    /// Columns of the keys of series and of observations; in version 2 alone.
    pub keys: [bool; 2],
    /// The language of names.
    pub language: String,
}

/// A column as it is written: of each entry of its dictionary the cells, each after a comma.
struct Written<'a> {
    heading: String,
    column: Option<&'a RawColumn>,
    cells: Vec<String>,
}

/// Writes a file.
///
/// # Errors
/// When it cannot be written.
pub fn write(message: &Message<'_>, dialect: &Dialect, mut to: impl Write) -> io::Result<()> {
    let Columns { dimensions, time, series, observation } = message.columns();
    let key: Vec<_> = dimensions.iter().copied().chain(time).collect();
    let before: Vec<_> = key.iter().map(|column| written(message, dialect, column)).collect();
    let attributes = series.into_iter().chain(observation);
    let after: Vec<_> = attributes.map(|column| written(message, dialect, column)).collect();
    let [keys_of_series, keys_of_observations] = dialect.keys;
    let (first, rows) = about(message, dialect);

    to.write_all(first.as_bytes())?;
    for (wanted, heading) in [(keys_of_series, ",SERIES_KEY"), (keys_of_observations, ",OBS_KEY")] {
        to.write_all(if wanted { heading.as_bytes() } else { b"" })?;
    }
    let value = heading(message, dialect, VALUE);
    let headings = before.iter().map(|column| &column.heading).chain([&value]);
    for heading in headings.chain(after.iter().map(|column| &column.heading)) {
        to.write_all(heading.as_bytes())?;
    }
    to.write_all(b"\n")?;
    if !message.parts.observations {
        return to.flush(); // what this format has is observations
    }
    let no_name = if dialect.labels == Labels::Name { "," } else { "" };
    for row in 0..message.table.rows {
        to.write_all(rows.as_bytes())?;
        if keys_of_series {
            to.write_all(b",")?;
            write_key(&mut to, &dimensions, row)?;
        }
        if keys_of_observations {
            to.write_all(b",")?;
            write_key(&mut to, &key, row)?;
        }
        before.iter().try_for_each(|column| to.write_all(column.at(row).as_bytes()))?;
        match message.value(row) {
            Some(value) => write!(to, ",{value}{no_name}")?,
            None if dialect.version == Version::Two && message.parts.values => {
                write!(to, ",{MISSING}{no_name}")?;
            }
            None => write!(to, ",{no_name}")?,
        }
        after.iter().try_for_each(|column| to.write_all(column.at(row).as_bytes()))?;
        to.write_all(b"\n")?;
    }
    to.flush()
}

/// The headings and the cells that say what a row is of.
fn about(message: &Message<'_>, dialect: &Dialect) -> (String, String) {
    let structure = message.structure;
    let (id, name) = (structure.structure_id(), structure.name(&dialect.language));
    let both = match dialect.labels {
        Labels::Both => cell(&format!("{id}: {name}")),
        Labels::Id | Labels::Name => cell(&id),
    };
    match (dialect.version, dialect.labels) {
        (Version::One, _) => (String::from("DATAFLOW"), both),
        (Version::Two, Labels::Name) => (
            String::from("STRUCTURE,STRUCTURE_ID,STRUCTURE_NAME,ACTION"),
            format!("dataflow,{both},{},I", cell(name)),
        ),
        (Version::Two, _) => {
            (String::from("STRUCTURE,STRUCTURE_ID,ACTION"), format!("dataflow,{both},I"))
        }
    }
}

fn written<'a>(message: &Message<'_>, dialect: &Dialect, column: &'a RawColumn) -> Written<'a> {
    let list = message.code_list(&column.id);
    let cells = column.dictionary.iter().map(|text| {
        let code = list.and_then(|list| Some(list.code(list.position(text)?)));
        let name = code.map_or("", |code| code.name(&dialect.language));
        match dialect.labels {
            Labels::Both if !name.is_empty() => format!(",{}", cell(&format!("{text}: {name}"))),
            Labels::Id | Labels::Both => format!(",{}", cell(text)),
            Labels::Name => format!(",{},{}", cell(text), cell(name)),
        }
    });
    let heading = heading(message, dialect, &column.id);
    Written { heading, column: Some(column), cells: cells.collect() }
}

fn heading(message: &Message<'_>, dialect: &Dialect, id: &str) -> String {
    let names = message.structures.concept(id);
    let name = names.and_then(|names| named(names, &dialect.language)).unwrap_or(id);
    match dialect.labels {
        Labels::Id => format!(",{id}"),
        Labels::Name => format!(",{id},{}", cell(name)),
        Labels::Both => format!(",{}", cell(&format!("{id}: {name}"))),
    }
}

impl Written<'_> {
    fn at(&self, row: usize) -> &str {
        let entry = self.column.map_or(0, |column| column.entry(row));
        self.cells.get(entry).map_or(",", String::as_str)
    }
}

/// Writes codes joined by full stops.
fn write_key(to: &mut impl Write, columns: &[&RawColumn], row: usize) -> io::Result<()> {
    for (place, column) in columns.iter().enumerate() {
        to.write_all(if place == 0 { b"" } else { b"." })?;
        to.write_all(column.at(row).as_bytes())?;
    }
    Ok(())
}

/// A text as one cell, in quotation marks where it needs them (RFC 4180).
fn cell(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text.to_owned()
}
