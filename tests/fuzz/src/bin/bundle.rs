//! Bundles: exactly the bytes that hold as many whole entries as the path says.
#![no_main]

use birge_proto::tlog::bundle::{append, decode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bundle: &[u8]| {
    let count = count(bundle).filter(|count| (1..=256).contains(count));
    for width in [0, 1, 255, 256, 257, u16::MAX] {
        assert_eq!(decode(bundle, width).is_ok(), count == Some(width), "as {width}");
    }
    let Some(width) = count else { return };
    assert!(decode(bundle, width - 1).is_err() && decode(bundle, width + 1).is_err());

    let entries = decode(bundle, width).expect("a bundle");
    let mut written = vec![];
    entries.iter().for_each(|entry| append(&mut written, entry).expect("an entry that fits"));
    assert_eq!(written, bundle);
});

/// Another reader of bundles: how many entries there are, if the last is whole.
fn count(bundle: &[u8]) -> Option<u16> {
    let (mut at, mut count) = (0, 0u16);
    while at < bundle.len() {
        let length = 256 * usize::from(bundle[at]) + usize::from(*bundle.get(at + 1)?);
        at += 2 + length;
        count = count.saturating_add(1);
    }
    (at == bundle.len()).then_some(count)
}
