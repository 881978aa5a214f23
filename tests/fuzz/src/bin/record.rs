//! Records: in the one form that they are written in, so that no two readers of what the log
//! committed to can read it differently.
#![no_main]

use birge_proto::record::{Opening, Record};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(record) = Record::parse(bytes) else { return };
    let written = record.to_canonical().expect("a record that can be written");
    assert_eq!(String::from_utf8_lossy(&written), String::from_utf8_lossy(bytes));

    // Its commitment is of these bytes and this opening.
    let leaf = Opening([7; 32]).leaf(bytes);
    assert_ne!(leaf, Opening([8; 32]).leaf(bytes));
    assert_ne!(leaf, Opening([7; 32]).leaf(&[bytes, b" "].concat()));
});
