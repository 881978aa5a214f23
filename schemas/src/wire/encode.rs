//! Raw table to blocks.

use std::ops::Range;

use birge_proto::{limits, wire};
use prost::Message;

use super::{TEXT_BYTES, WireError};
use crate::{
    side_by_side::side_by_side,
    table::{RawColumn, RawTable},
};

/// Into so many blocks a table is divided, where they are neither too small nor too large: a stream
/// that broke goes on with the block that did not come whole.
const BLOCKS: usize = 128;
/// Observations below which a block is not worth its own dictionaries.
const LEAST_ROWS: usize = 4_096;

/// Rows and bytes of a block that a slow line brings in minutes; larger ones are made only of tables
/// that would be too many of these.
const HANDY: (usize, usize) = (32_768, 512 << 10);

/// Encodes a table as blocks of at most [`limits::BLOCK_ROWS`] observations, fewer of a small table,
/// and where long texts would make a block larger than [`limits::BLOCK_BYTES`]. The same table
/// always gives the same bytes.
///
/// # Errors
/// When the table is over a limit, or holds a value that is no number.
pub fn to_blocks(table: &RawTable) -> Result<Vec<Vec<u8>>, WireError> {
    if let Some(row) = table.unreadable.keys().next() {
        return Err(WireError::Unreadable { row: row + 1 });
    }
    let longest = table.columns.iter().flat_map(|column| &column.dictionary).map(String::len).max();
    let sizes = [
        ("columns", table.columns.len(), limits::COLUMNS),
        ("bytes of a text", longest.unwrap_or_default(), TEXT_BYTES),
    ];
    for (what, found, most) in sizes {
        if found > most {
            return Err(WireError::TooLarge { block: 0, what, found, most });
        }
    }
    let handy = in_blocks(table, HANDY)?;
    if handy.len() <= limits::BLOCKS {
        return Ok(handy);
    }
    let blocks = in_blocks(table, (limits::BLOCK_ROWS, limits::BLOCK_BYTES))?;
    if blocks.len() > limits::BLOCKS {
        let (found, most) = (blocks.len(), limits::BLOCKS);
        return Err(WireError::TooLarge { block: most, what: "blocks", found, most });
    }
    Ok(blocks)
}

/// The blocks of a table, of so many rows and, where there is more than one row, bytes at most.
fn in_blocks(
    table: &RawTable,
    (most_rows, most_bytes): (usize, usize),
) -> Result<Vec<Vec<u8>>, WireError> {
    let rows = table.rows.div_ceil(BLOCKS).clamp(LEAST_ROWS, most_rows);
    let starts = (0..table.rows).step_by(rows);
    let ranges: Vec<Range<usize>> =
        starts.map(|start| start..table.rows.min(start + rows)).collect();
    let encoded = side_by_side(&ranges, |range| {
        let mut blocks = vec![];
        encode(table, range.clone(), most_bytes, &mut blocks).map(|()| blocks)
    });
    let mut blocks: Vec<Vec<u8>> = vec![];
    for encoded in encoded {
        let before = blocks.len();
        blocks.extend(encoded.map_err(|error| error.after(before))?);
    }
    Ok(blocks)
}

fn encode(
    table: &RawTable,
    rows: Range<usize>,
    most: usize,
    blocks: &mut Vec<Vec<u8>>,
) -> Result<(), WireError> {
    let all_present = rows.clone().all(|row| table.present.at(row));
    let columns = wire::Columns {
        rows: rows.len() as u32,
        columns: table.columns.iter().map(|column| part(column, rows.clone())).collect(),
        values: table.values[rows.clone()].to_vec(),
        present: if all_present { vec![] } else { table.present.bytes(rows.clone()) },
    };
    let found = columns.encoded_len();
    if found <= most || (rows.len() == 1 && found <= limits::BLOCK_BYTES) {
        blocks.push(columns.encode_to_vec());
        return Ok(());
    }
    if rows.len() == 1 {
        let (block, most) = (blocks.len(), limits::BLOCK_BYTES);
        return Err(WireError::TooLarge { block, what: "bytes", found, most });
    }
    let middle = rows.start + rows.len() / 2;
    encode(table, rows.start..middle, most, blocks)?;
    encode(table, middle..rows.end, most, blocks)
}

/// The rows of one column with a dictionary of their own, entries in the order they occur.
fn part(column: &RawColumn, rows: Range<usize>) -> wire::Column {
    let id = column.id.clone();
    let Some(index) = column.index.get(rows) else {
        let first = column.dictionary.first().cloned().unwrap_or_default();
        return wire::Column { id, dictionary: vec![first], index: vec![] };
    };
    let mut dictionary = vec![];
    let mut local = vec![u32::MAX; column.dictionary.len()];
    let mut renumber = |entry: &u32| {
        let slot = &mut local[*entry as usize];
        if *slot == u32::MAX {
            *slot = dictionary.len() as u32;
            dictionary.push(column.dictionary[*entry as usize].clone());
        }
        *slot
    };
    let index: Vec<u32> = index.iter().map(&mut renumber).collect();
    let index = if dictionary.len() == 1 { vec![] } else { index };
    wire::Column { id, dictionary, index }
}
