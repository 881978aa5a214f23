//! Blocks of columns as they come from a node: a table whose columns agree, or an error.
#![no_main]

use birge_schemas::{
    table::RawTable,
    wire::{from_blocks, to_blocks},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|blocks: Vec<&[u8]>| {
    let Ok(table) = from_blocks(&blocks) else { return };
    agrees(&table);
    // What was read can be written, and is read as the same.
    let written = to_blocks(&table).expect("a table within the limits");
    let again = from_blocks(&written).expect("what was written");
    agrees(&again);
    assert_eq!(again.rows, table.rows);
    for row in 0..table.rows {
        let value = |table: &RawTable| table.value(row).map(f64::to_bits);
        assert_eq!(value(&again), value(&table));
        for column in &table.columns {
            let same = again.column(&column.id).expect("the column");
            let first = table.column(&column.id).expect("the column");
            assert_eq!(same.at(row), first.at(row));
        }
    }
});

fn agrees(table: &RawTable) {
    assert_eq!(table.values.len(), table.rows);
    for column in &table.columns {
        assert!(column.index.is_empty() || column.index.len() == table.rows, "{}", column.id);
        for row in 0..table.rows {
            assert!(column.entry(row) < column.dictionary.len().max(1));
        }
    }
}
