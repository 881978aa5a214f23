//! Batches that are carried on a stick, and what is carried back: whole, or not taken.
#![no_main]

use birge_fuzz::edit::Edit;
use birge_proto::{
    carried::{Answers, Batches, Place, check, read_frame},
    manifest::BatchId,
    wire::{End, SubmitHeader, submit_request::Part},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|given: (Vec<Vec<&[u8]>>, Edit<'_>, &[u8])| {
    let (batches, edit, bytes) = given;
    let mut written = vec![];
    let mut file = Batches::begin(&mut written).expect("memory");
    let mut names = vec![];
    for (number, blocks) in batches.iter().take(8).enumerate() {
        let manifest = vec![number as u8];
        names.push(BatchId::of(&manifest));
        file.part(Part::Header(SubmitHeader { manifest, ..SubmitHeader::default() }))
            .expect("memory");
        for block in blocks.iter().take(8) {
            file.part(Part::Block(block.to_vec().into())).expect("memory");
        }
        file.part(Part::End(End {})).expect("memory");
    }
    file.end().expect("memory");
    let places = check(written.as_slice()).expect("what was written");
    assert_eq!(places.iter().map(|it| it.batch).collect::<Vec<_>>(), names);
    for Place { offset, .. } in places {
        read_frame(&mut &written[offset as usize..]).expect("a header");
    }
    // Nothing else passes under their digest; an edit may well put another whole file in their place.
    let changed = edit.of(&written);
    let digested = changed.ends_with(&written[written.len() - 32..]);
    assert!(changed == written || !digested || check(changed.as_slice()).is_err());
    let _ = check(bytes);
    if let Ok(answers) = Answers::parse(bytes) {
        answers.answers.iter().for_each(|answer| drop(answer.given()));
    }
});
