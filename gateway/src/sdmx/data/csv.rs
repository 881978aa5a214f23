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
    let columns = set.columns();
    let Columns { dimensions, time, .. } = &columns;
    let key: Vec<_> = dimensions.iter().copied().chain(*time).collect();
    let fit = |id: &str| written(set, &rows, dialect, id);
    let codes: Vec<_> = dimensions.iter().map(|column| fit(&column.id)).collect();
    let time = time.map(|column| fit(&column.id));
    let attributes: Vec<_> = set.attributes().map(fit).collect();
    let none = if dialect.labels == Labels::Name { ",," } else { "," };
    let write = |to: &mut Vec<u8>, column: &Option<Written<'_>>, row| {
        let text = column.as_ref().map_or(none, |column| column.at(row));
        to.extend_from_slice(text.as_bytes());
    };
    let [keys_of_series, keys_of_observations] = dialect.keys;
    let (_, about) = about(set, dialect);
    let no_name = if dialect.labels == Labels::Name { "," } else { "" };
    let is_missing =
        dialect.version == Version::Two && set.parts.values && set.action != Action::Delete;
    let finish = |to: &mut Vec<u8>, row| {
        to.extend_from_slice(no_name.as_bytes());
        attributes.iter().for_each(|column| write(to, column, row));
        to.push(b'\n');
    };
    // What all rows end with, where they say the same.
    let alike = attributes.iter().flatten().all(Written::is_alike);
    let mut end = vec![];
    if alike {
        finish(&mut end, rows.start);
    }
    // What all rows of a series begin with; the key of an observation comes before its codes.
    let (mut start, mut own) = (about.into_bytes(), vec![]);
    let about = start.len();
    for series in columns.by_key().series(rows.clone()) {
        start.truncate(about);
        own.clear();
        if keys_of_series {
            start.push(b',');
            write_key(&mut start, dimensions, series.start)?;
        }
        let first = if keys_of_observations { &mut own } else { &mut start };
        codes.iter().for_each(|column| write(first, column, series.start));
        for row in series {
            to.extend_from_slice(&start);
            if keys_of_observations {
                to.push(b',');
                write_key(to, &key, row)?;
                to.extend_from_slice(&own);
            }
            time.iter().for_each(|column| write(to, column, row));
            to.push(b',');
            match set.value(row) {
                Some(value) => number(value, to)?,
                None if is_missing => to.extend_from_slice(MISSING.as_bytes()),
                None => {}
            }
            match alike {
                true => to.extend_from_slice(&end),
                false => finish(to, row),
            }
        }
    }
    Ok(())
}

/// Writes a number, as short as it can be read back. Most are counts, whose digits are quickly
/// told. There is no negative zero among checked observations.
fn number(value: f64, to: &mut Vec<u8>) -> io::Result<()> {
    const WHOLE: f64 = (1_u64 << f64::MANTISSA_DIGITS) as f64;
    let whole = value as i64;
    if whole as f64 == value && value.abs() < WHOLE {
        to.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
        return Ok(());
    }
    write!(to, "{value}")
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
    dialect: &'a Dialect,
    id: &str,
) -> Option<Written<'a>> {
    let list = set.code_list(id);
    Some(Written::of(set.cells().column(id)?, rows, move |text| {
        let named = list.filter(|_| dialect.labels != Labels::Id);
        let code = named.and_then(|list| Some(list.code(list.position(text)?)));
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(value: f64) -> String {
        let mut text = vec![];
        number(value, &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    proptest! {
        #[test]
        fn a_number_is_written_as_anybody_writes_it(
            any in prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL, count in any::<i64>(),
        ) {
            for value in [any, count as f64, (count >> 11) as f64, count as f64 / 8.0] {
                prop_assert_eq!(written(value), value.to_string());
            }
        }
    }

    #[test]
    fn whole_numbers_are_whole_at_the_edge_of_what_a_double_holds() {
        let edge = (1_u64 << 53) as f64;
        for value in [0.0, 0.5, -1.0, 1e15, edge - 1.0, edge, edge + 2.0, -edge, 1e300] {
            assert_eq!(written(value), value.to_string());
        }
    }
}
