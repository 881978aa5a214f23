//! Raw table to blocks.

use std::ops::Range;

use birge_proto::{limits, wire};
use prost::{
    Message,
    encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len, string, uint32},
};

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
    let present = if all_present { vec![] } else { table.present.bytes(rows.clone()) };
    let count = rows.len() as u32;
    let values = table.values[rows.clone()].to_vec();
    let rest = wire::Columns { values, present, ..wire::Columns::default() };
    let parts: Vec<Part<'_>> =
        table.columns.iter().map(|column| Part::of(column, rows.clone())).collect();
    let lengths: Vec<usize> = parts.iter().map(Part::encoded_len).collect();
    let framed = |length: &usize| key_len(COLUMNS) + encoded_len_varint(*length as u64) + length;
    let columns: usize = lengths.iter().map(framed).sum();
    let found = uint32::encoded_len(ROWS, &count) + columns + rest.encoded_len();
    if found <= most || (rows.len() == 1 && found <= limits::BLOCK_BYTES) {
        // In the order of the fields' numbers.
        let mut encoded = Vec::with_capacity(found);
        uint32::encode(ROWS, &count, &mut encoded);
        for (part, length) in parts.iter().zip(lengths) {
            encode_key(COLUMNS, WireType::LengthDelimited, &mut encoded);
            encode_varint(length as u64, &mut encoded);
            part.encode(&mut encoded);
        }
        rest.encode_raw(&mut encoded);
        blocks.push(encoded);
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

/// Numbers of the fields of `Columns` and of `Column`.
const ROWS: u32 = 1;
const COLUMNS: u32 = 2;
const ID: u32 = 1;
const DICTIONARY: u32 = 2;
const INDEX: u32 = 3;

/// The rows of one column, as a `Column` whose texts are not copied before they are encoded.
struct Part<'a> {
    id: &'a String,
    /// Those that occur, in the order they do.
    dictionary: Vec<&'a String>,
    index: Vec<u32>,
}

impl<'a> Part<'a> {
    fn of(column: &'a RawColumn, rows: Range<usize>) -> Self {
        static NOTHING: String = String::new();
        let id = &column.id;
        let Some(index) = column.index.get(rows) else {
            let first = column.dictionary.first().unwrap_or(&NOTHING);
            return Self { id, dictionary: vec![first], index: vec![] };
        };
        let mut dictionary = vec![];
        let mut local = vec![u32::MAX; column.dictionary.len()];
        let mut renumber = |entry: &u32| {
            let slot = &mut local[*entry as usize];
            if *slot == u32::MAX {
                *slot = dictionary.len() as u32;
                dictionary.push(&column.dictionary[*entry as usize]);
            }
            *slot
        };
        let index: Vec<u32> = index.iter().map(&mut renumber).collect();
        let index = if dictionary.len() == 1 { vec![] } else { index };
        Self { id, dictionary, index }
    }

    fn encoded_len(&self) -> usize {
        let texts = self.dictionary.iter().map(|text| string::encoded_len(DICTIONARY, text));
        let id = if self.id.is_empty() { 0 } else { string::encoded_len(ID, self.id) };
        id + texts.sum::<usize>() + uint32::encoded_len_packed(INDEX, &self.index)
    }

    fn encode(&self, to: &mut Vec<u8>) {
        if !self.id.is_empty() {
            string::encode(ID, self.id, to);
        }
        self.dictionary.iter().for_each(|text| string::encode(DICTIONARY, text, to));
        uint32::encode_packed(INDEX, &self.index, to);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message;

    use super::*;
    use crate::table::RawColumnBuilder;

    proptest! {
        #[test]
        fn a_block_is_what_the_schema_of_the_wire_makes_of_it(
            rows in prop::collection::vec(
                ("[ab]{0,3}", "[cd]{0,200}", prop::option::of(-9_i32..9)), 1..60,
            ),
            most in 40..4_000_usize,
        ) {
            let mut table = RawTable::default();
            let mut columns = ["SEX", "", "AGE"].map(RawColumnBuilder::new);
            for (sex, age, value) in &rows {
                columns.iter_mut().zip([sex, "", age]).for_each(|(own, text)| own.push(text));
                table.push_value(value.map(f64::from));
            }
            table.columns = columns.into_iter().map(RawColumnBuilder::finish).collect();
            let mut blocks = vec![];
            if encode(&table, 0..rows.len(), most, &mut blocks).is_ok() {
                let mut from = 0;
                for block in blocks {
                    let read = wire::Columns::decode(block.as_slice()).unwrap();
                    prop_assert_eq!(&read.encode_to_vec(), &block);
                    prop_assert_eq!(read.encoded_len(), block.len());
                    for at in 0..read.rows as usize {
                        let text = |column: &wire::Column| {
                            let entry = column.index.get(at).copied().unwrap_or_default();
                            column.dictionary[entry as usize].clone()
                        };
                        let texts: Vec<String> = read.columns.iter().map(text).collect();
                        let (sex, age, _) = &rows[from + at];
                        prop_assert_eq!(texts, [sex.as_str(), "", age]);
                    }
                    from += read.rows as usize;
                }
                prop_assert_eq!(from, rows.len());
            }
        }
    }
}
