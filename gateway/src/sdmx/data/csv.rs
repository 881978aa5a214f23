//! Figures in SDMX-CSV 1.0.0 and 2.0.0.

use std::{
    io::{self, Write},
    ops::Range,
};

use birge_schemas::{codelist::named, table::RawColumn};

use super::{Action, Columns, DataSet, Message, Piece, VALUE, written::Written};

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

/// Writes a piece of a file.
///
/// # Errors
/// Never, as it is written to memory.
pub fn write(
    message: &Message<'_>,
    piece: &Piece,
    dialect: &Dialect,
    to: &mut Vec<u8>,
) -> io::Result<()> {
    match piece {
        Piece::Head => message.sets.first().map_or(Ok(()), |first| head(first, dialect, to)),
        Piece::Rows(place, own) => {
            message.sets.get(*place).map_or(Ok(()), |set| rows(set, own.clone(), dialect, to))
        }
        Piece::Begin(_) | Piece::End(_) | Piece::Foot => Ok(()),
    }
}

fn head(first: &DataSet<'_>, dialect: &Dialect, to: &mut impl Write) -> io::Result<()> {
    to.write_all(about(first, dialect).0.as_bytes())?;
    for (wanted, heading) in dialect.keys.into_iter().zip([",SERIES_KEY", ",OBS_KEY"]) {
        to.write_all(if wanted { heading.as_bytes() } else { b"" })?;
    }
    let dimensions = first.structure.dimensions.iter().map(|dimension| dimension.id.as_str());
    for id in dimensions.chain([VALUE]).chain(first.attributes()) {
        to.write_all(heading(first, dialect, id).as_bytes())?;
    }
    to.write_all(b"\n")
}

fn rows(
    set: &DataSet<'_>,
    rows: Range<usize>,
    dialect: &Dialect,
    to: &mut Vec<u8>,
) -> io::Result<()> {
    let Columns { dimensions, time, .. } = set.columns();
    let key: Vec<_> = dimensions.iter().copied().chain(time).collect();
    let before: Vec<_> =
        key.iter().map(|column| written(set, &rows, dialect, &column.id)).collect();
    let after: Vec<_> = set.attributes().map(|id| written(set, &rows, dialect, id)).collect();
    let none = if dialect.labels == Labels::Name { ",," } else { "," };
    let write = |to: &mut _, columns: &[Option<Written<'_>>], row| {
        columns.iter().try_for_each(|column| {
            let text = column.as_ref().map_or(none, |column| column.at(row));
            Write::write_all(to, text.as_bytes())
        })
    };
    let [keys_of_series, keys_of_observations] = dialect.keys;
    let (_, about) = about(set, dialect);
    let no_name = if dialect.labels == Labels::Name { "," } else { "" };
    for row in rows {
        to.write_all(about.as_bytes())?;
        if keys_of_series {
            to.write_all(b",")?;
            write_key(to, &dimensions, row)?;
        }
        if keys_of_observations {
            to.write_all(b",")?;
            write_key(to, &key, row)?;
        }
        write(to, &before, row)?;
        let is_missing = dialect.version == Version::Two && set.parts.values;
        match set.value(row) {
            Some(value) => write!(to, ",{value}{no_name}")?,
            None if is_missing && set.action != Action::Delete => {
                write!(to, ",{MISSING}{no_name}")?;
            }
            None => write!(to, ",{no_name}")?,
        }
        write(to, &after, row)?;
        to.write_all(b"\n")?;
    }
    Ok(())
}

/// The headings and the cells that say what a row is of.
fn about(set: &DataSet<'_>, dialect: &Dialect) -> (String, String) {
    let structure = set.structure;
    let (id, name) = (structure.structure_id(), structure.name(&dialect.language));
    let both = match dialect.labels {
        Labels::Both => cell(&format!("{id}: {name}")),
        Labels::Id | Labels::Name => cell(&id),
    };
    let action = match set.action {
        Action::Information => "I",
        Action::Replace => "R",
        Action::Delete => "D",
    };
    match (dialect.version, dialect.labels) {
        (Version::One, _) => (String::from("DATAFLOW"), both),
        (Version::Two, Labels::Name) => (
            String::from("STRUCTURE,STRUCTURE_ID,STRUCTURE_NAME,ACTION"),
            format!("dataflow,{both},{},{action}", cell(name)),
        ),
        (Version::Two, _) => {
            (String::from("STRUCTURE,STRUCTURE_ID,ACTION"), format!("dataflow,{both},{action}"))
        }
    }
}

/// A column at these rows, each cell after a comma; none where the cells have no such column.
fn written<'a>(
    set: &DataSet<'a>,
    rows: &Range<usize>,
    dialect: &Dialect,
    id: &str,
) -> Option<Written<'a>> {
    let list = set.code_list(id);
    Some(Written::of(set.cells().column(id)?, rows, |text| {
        let code = list.and_then(|list| Some(list.code(list.position(text)?)));
        let name = code.map_or("", |code| code.name(&dialect.language));
        match dialect.labels {
            Labels::Both if !name.is_empty() => format!(",{}", cell(&format!("{text}: {name}"))),
            Labels::Id | Labels::Both => format!(",{}", cell(text)),
            Labels::Name => format!(",{},{}", cell(text), cell(name)),
        }
    }))
}

fn heading(set: &DataSet<'_>, dialect: &Dialect, id: &str) -> String {
    let names = set.structures.concept(id);
    let name = names.and_then(|names| named(names, &dialect.language)).unwrap_or(id);
    match dialect.labels {
        Labels::Id => format!(",{id}"),
        Labels::Name => format!(",{id},{}", cell(name)),
        Labels::Both => format!(",{}", cell(&format!("{id}: {name}"))),
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
