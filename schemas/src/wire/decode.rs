//! Blocks to raw table. Everything here comes from outside: each length and index is checked
//! before it is used, and nothing is reserved for what a block merely claims.

use std::collections::HashMap;

use birge_proto::{limits, wire};
use prost::Message;

use super::{TEXT_BYTES, WireError};
use crate::table::{Bitmap, RawColumn, RawTable};

/// Decodes the blocks of one batch into one table.
///
/// # Errors
/// When a block does not parse, is over a limit, contradicts itself, or has other columns than
/// the first one.
pub fn from_blocks<B: AsRef<[u8]>>(blocks: &[B]) -> Result<RawTable, WireError> {
    at_most(0, "blocks", blocks.len(), limits::BLOCKS)?;
    weigh(blocks)?;
    let mut table = RawTable::default();
    let mut columns: Vec<Joined> = vec![];
    for (block, bytes) in blocks.iter().enumerate() {
        let part: wire::Columns = decode(block, bytes.as_ref())?;
        let present = check(block, &part)?;
        if block == 0 {
            columns = part.columns.iter().map(|column| Joined::new(&column.id)).collect();
        } else if columns.len() != part.columns.len() {
            return Err(inconsistent(block, "other columns than in the first block"));
        }
        let rows = part.values.len();
        for column in part.columns {
            let joined = columns
                .iter_mut()
                .find(|joined| joined.column.id == column.id)
                .ok_or_else(|| inconsistent(block, "other columns than in the first block"))?;
            joined.append(column, table.rows, rows);
        }
        table.rows += rows;
        table.values.extend(part.values);
        table.present.append(&present);
    }
    table.columns = columns.into_iter().map(|joined| joined.column).collect();
    Ok(table)
}

/// What a block says of its size.
#[derive(Clone, PartialEq, Message)]
struct Head {
    #[prost(uint32, tag = "1")]
    rows: u32,
    /// Counted, not kept.
    #[prost(message, repeated, tag = "2")]
    columns: Vec<()>,
}

/// Checks how large the table would be before any of it is taken in: a column that is the same
/// throughout takes a few bytes on the wire, and in memory up to four for each observation.
fn weigh<B: AsRef<[u8]>>(blocks: &[B]) -> Result<(), WireError> {
    let mut cells = 0_usize;
    for (block, bytes) in blocks.iter().enumerate() {
        at_most(block, "bytes", bytes.as_ref().len(), limits::BLOCK_BYTES)?;
        let head: Head = decode(block, bytes.as_ref())?;
        let (rows, columns) = (head.rows as usize, head.columns.len());
        at_most(block, "observations", rows, limits::BLOCK_ROWS)?;
        at_most(block, "columns", columns, limits::COLUMNS)?;
        cells = cells.saturating_add(rows * columns);
        at_most(block, "cells with those before", cells, limits::BATCH_CELLS)?;
    }
    Ok(())
}

fn decode<M: Message + Default>(block: usize, bytes: &[u8]) -> Result<M, WireError> {
    M::decode(bytes).map_err(|error| WireError::Malformed { block, what: error.to_string() })
}

/// Checks one block against itself and the limits of its texts; gives which rows have a value.
fn check(block: usize, part: &wire::Columns) -> Result<Bitmap, WireError> {
    let rows = part.values.len();
    if rows == 0 || part.rows as usize != rows {
        let what = format!("says {} rows and has {rows} values", part.rows);
        return Err(inconsistent(block, what));
    }
    for (at, column) in part.columns.iter().enumerate() {
        at_most(block, "bytes of a column's id", column.id.len(), limits::STRING_BYTES)?;
        let wrong = |what: &str| inconsistent(block, format!("column {:?}: {what}", column.id));
        if part.columns[..at].iter().any(|other| other.id == column.id) {
            return Err(wrong("stands twice"));
        }
        let longest = column.dictionary.iter().map(String::len).max().unwrap_or_default();
        at_most(block, "bytes of a text", longest, TEXT_BYTES)?;
        if column.dictionary.is_empty() || column.dictionary.len() > rows {
            return Err(wrong("a dictionary has from one entry to one per row"));
        }
        if !column.index.is_empty() && column.index.len() != rows {
            return Err(wrong("the index has neither no entry nor one per row"));
        }
        let largest = column.index.iter().copied().max().unwrap_or_default();
        if largest as usize >= column.dictionary.len() {
            return Err(wrong("the index points past the dictionary"));
        }
    }
    if part.present.is_empty() {
        return Ok(Bitmap::filled(true, rows));
    }
    Bitmap::from_bytes(&part.present, rows)
        .ok_or_else(|| inconsistent(block, "the bitmap of values has not one bit per row"))
}

/// A column while the blocks are joined.
struct Joined {
    column: RawColumn,
    entries: HashMap<String, u32>,
}

impl Joined {
    fn new(id: &str) -> Self {
        let column = RawColumn { id: id.to_owned(), ..RawColumn::default() };
        Self { column, entries: HashMap::new() }
    }

    /// Adds `rows` rows behind the `before` rows that the column has.
    fn append(&mut self, part: wire::Column, before: usize, rows: usize) {
        let joined: Vec<u32> = part.dictionary.into_iter().map(|text| self.entry(text)).collect();
        let whole = self.column.index.is_empty();
        if whole && part.index.is_empty() && joined == [0] {
            return;
        }
        if whole {
            self.column.index.resize(before, 0);
        }
        if part.index.is_empty() {
            self.column.index.resize(before + rows, joined[0]);
        } else {
            self.column.index.extend(part.index.iter().map(|entry| joined[*entry as usize]));
        }
    }

    fn entry(&mut self, text: String) -> u32 {
        let next = self.column.dictionary.len() as u32;
        let dictionary = &mut self.column.dictionary;
        *self.entries.entry(text).or_insert_with_key(|text| {
            dictionary.push(text.clone());
            next
        })
    }
}

fn at_most(block: usize, what: &'static str, found: usize, most: usize) -> Result<(), WireError> {
    if found > most { Err(WireError::TooLarge { block, what, found, most }) } else { Ok(()) }
}

fn inconsistent(block: usize, what: impl Into<String>) -> WireError {
    WireError::Inconsistent { block, what: what.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::to_blocks;
    use proptest::prelude::*;

    fn column(id: &str, dictionary: &[&str], index: &[u32]) -> wire::Column {
        let dictionary = dictionary.iter().map(|text| (*text).to_owned()).collect();
        wire::Column { id: id.to_owned(), dictionary, index: index.to_vec() }
    }

    fn columns() -> wire::Columns {
        let columns = vec![column("SEX", &["F", "M"], &[0, 1]), column("FREQ", &["A"], &[])];
        wire::Columns { rows: 2, columns, values: vec![1.0, 2.0], present: vec![] }
    }

    fn decoded(change: impl Fn(&mut wire::Columns)) -> Result<RawTable, WireError> {
        let mut columns = columns();
        change(&mut columns);
        from_blocks(&[columns.encode_to_vec()])
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        assert!(decoded(|_| ()).is_ok());
        let changes: [fn(&mut wire::Columns); 9] = [
            |c| c.rows = 3,
            |c| c.values.push(1.0),
            |c| c.columns[0].index[1] = 2,
            |c| c.columns[0].index.truncate(1),
            |c| c.columns[1].dictionary.clear(),
            |c| c.columns[1].dictionary = vec!["A".into(), "B".into(), "C".into()],
            |c| c.columns[1].id = "SEX".into(),
            |c| c.present = vec![0b111],
            |c| c.present = vec![1, 0],
        ];
        for (at, change) in changes.into_iter().enumerate() {
            let refused = matches!(decoded(change), Err(WireError::Inconsistent { .. }));
            assert!(refused, "change {at} was not refused");
        }
    }

    #[test]
    fn what_is_too_large_is_refused() {
        let long = "x".repeat(TEXT_BYTES + 1);
        let result = decoded(|c| c.columns[1].dictionary[0] = long.clone());
        assert!(matches!(result, Err(WireError::TooLarge { .. })));
        let result = decoded(|c| c.columns = vec![c.columns[0].clone(); limits::COLUMNS + 1]);
        assert!(matches!(result, Err(WireError::TooLarge { .. })));
        let result = from_blocks(&vec![vec![0_u8]; limits::BLOCKS + 1]);
        assert!(matches!(result, Err(WireError::TooLarge { .. })));
        assert!(from_blocks(&[columns().encode_to_vec(), vec![]]).is_err());
    }

    /// A block of as many rows as one may have, in `columns` columns of one entry each.
    fn expanding(columns: usize, entry: &str) -> Vec<u8> {
        let rows = limits::BLOCK_ROWS;
        let columns = (0..columns).map(|at| column(&format!("C{at}"), &[entry], &[])).collect();
        let values = vec![0.0; rows];
        wire::Columns { rows: rows as u32, columns, values, present: vec![] }.encode_to_vec()
    }

    #[test]
    fn columns_that_expand_are_refused_before_anything_is_taken_in() {
        let (sound, mut spoilt) =
            (expanding(limits::COLUMNS, "x"), expanding(limits::COLUMNS, "x"));
        spoilt.extend(wire::Columns { present: vec![1], ..Default::default() }.encode_to_vec());
        let most = limits::BATCH_CELLS / limits::BLOCK_ROWS / limits::COLUMNS;
        let mut blocks = vec![sound.as_slice(); most + 1];
        blocks[1] = &spoilt; // found first, were one block after the other taken in
        let refused = from_blocks(&blocks).unwrap_err();
        assert!(
            matches!(&refused, WireError::TooLarge { block, most: limits::BATCH_CELLS, .. } if *block == most),
            "{refused}"
        );
        let refused = from_blocks(&blocks[..most]).unwrap_err();
        assert!(matches!(refused, WireError::Inconsistent { block: 1, .. }), "{refused}");
        blocks[1] = &sound;
        assert_eq!(from_blocks(&blocks[..most]).unwrap().rows, most * limits::BLOCK_ROWS);
    }

    /// Two bytes on the wire, and more than seventy in memory.
    #[test]
    fn columns_without_end_are_counted_and_not_kept() {
        let mut columns = vec![0x08, 0x01]; // rows: 1
        // A column whose id is no text: found first, were the columns taken in.
        columns.extend([0x12, 0x03, 0x0a, 0x01, 0xff]);
        columns.extend([0x12, 0x00].repeat(limits::BLOCK_BYTES / 2 - 4));
        let refused = from_blocks(&[columns]).unwrap_err();
        assert!(matches!(refused, WireError::TooLarge { what: "columns", .. }), "{refused}");
    }

    #[test]
    fn blocks_have_the_same_columns() {
        let mut other = columns();
        other.columns[0].id = "AGE".into();
        let blocks = [columns().encode_to_vec(), other.encode_to_vec()];
        assert!(matches!(from_blocks(&blocks), Err(WireError::Inconsistent { block: 1, .. })));
    }

    #[test]
    fn a_table_of_many_blocks_comes_back() {
        let rows = limits::BLOCK_ROWS * 2 + 77;
        let table = RawTable {
            rows,
            columns: vec![
                RawColumn {
                    id: "AGE".into(),
                    dictionary: (0..50).map(|n| format!("Y{n}")).collect(),
                    index: (0..rows as u32).map(|row| row / 7000).collect(),
                },
                RawColumn { id: "FREQ".into(), dictionary: vec!["A".into()], index: vec![] },
            ],
            values: (0..rows).map(|row| if row % 3 == 0 { 0.0 } else { row as f64 }).collect(),
            present: (0..rows).map(|row| row % 3 != 0).collect(),
            ..RawTable::default()
        };
        let blocks = to_blocks(&table).unwrap();
        assert_eq!(blocks.len(), rows.div_ceil(4_096));
        assert!(blocks.iter().all(|block| block.len() <= 512 << 10), "a slow line brings each");
        let read = from_blocks(&blocks).unwrap();
        assert_eq!((read.rows, &read.values, &read.present), (rows, &table.values, &table.present));
        assert!((0..rows).all(|row| read.columns[0].at(row) == table.columns[0].at(row)));
        assert!(read.columns[1].index.is_empty());
    }

    proptest! {
        #[test]
        fn small_tables_come_back(texts in prop::collection::vec("[a-c]{0,2}", 1..40), long in any::<bool>()) {
            let mut builder = crate::table::RawColumnBuilder::new("X");
            let mut table = RawTable::default();
            for (row, text) in texts.iter().enumerate() {
                builder.push(text);
                table.push_value((long || row % 2 == 0).then_some(row as f64));
            }
            table.columns = vec![builder.finish()];
            prop_assert_eq!(from_blocks(&to_blocks(&table).unwrap()).unwrap(), table);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>(), bit in 0..8_u8) {
            let _ = from_blocks(&[bytes]);
            let mut block = columns().encode_to_vec();
            let at = at.index(block.len());
            block[at] ^= 1_u8 << bit;
            let _ = from_blocks(&[block]);
        }
    }
}
