//! Cosignatures: by this witness, over this checkpoint, at this time, or none at all.
#![no_main]

use birge_fuzz::{
    edit::Edit,
    keys::{COSIGNER, LOG, ORIGIN, OTHER_COSIGNER, WITNESS},
};
use birge_proto::tlog::{
    Hash,
    checkpoint::Checkpoint,
    cosignature::CosignatureVerifier,
    note::add_signature,
    vkey::{SignatureType, Vkey},
};
use jiff::Timestamp;
use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use signed_note::{Note, Signature, StandardVerifier, Verifier};

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    seconds: u32,
    size: u64,
    root: Hash,
    in_note: Edit<'a>,
    in_signature: Edit<'a>,
    line: &'a [u8],
}

fuzz_target!(|input: Input<'_>| {
    let Input { seconds, size, root, in_note, in_signature, line } = input;
    let head = Checkpoint::new(ORIGIN, size, root).expect("a checkpoint");
    let note = head.sign(&LOG).expect("a note");
    let (witness, other) = (COSIGNER.verifier(), OTHER_COSIGNER.verifier());
    assert_eq!(verify(&witness, &note), None);
    if let Ok(with_line) = add_signature(&note, line) {
        assert_eq!(verify(&witness, &with_line), None);
    }

    let time = Timestamp::from_second(seconds.into()).expect("a time");
    let line = COSIGNER.cosign(&head, time).expect("a cosignature");
    let cosigned = add_signature(&note, &line).expect("a note");
    assert_eq!(verify(&witness, &cosigned), Some(time));
    assert_eq!(verify(&other, &cosigned), None);
    assert_eq!(Checkpoint::open(&cosigned, &LOG.verifier(), ORIGIN), Ok(head));

    // Changed anywhere; what still holds is of the same time, over the same text.
    let changed = in_note.of(&cosigned);
    if let Some(found) = verify(&witness, &changed) {
        assert_eq!(found, time);
        let (changed, note) = (Note::from_bytes(&changed), Note::from_bytes(&note));
        assert_eq!(changed.expect("a note").text(), note.expect("a note").text());
    }
    assert_eq!(verify(&other, &changed), None);

    // Changed behind the base64, where the name and the number of the key stay right.
    let line = Signature::from_bytes(line.strip_suffix(b"\n").expect("a line"));
    let signed = line.expect("a signature").signature().to_vec();
    let forged = in_signature.of(&signed);
    let line = Signature::new(WITNESS.to_owned(), witness.vkey().id(), forged.clone());
    if let Ok(with_forged) = add_signature(&note, &line.expect("a signature").to_bytes()) {
        assert_eq!(verify(&witness, &with_forged), (forged == signed).then_some(time));
    }
});

/// When `witness` cosigned `note`, as two implementations of Ed25519 must agree on.
fn verify(witness: &CosignatureVerifier, note: &[u8]) -> Option<Timestamp> {
    let ours = witness.verify(note).ok();
    assert_eq!(ours, theirs(witness.vkey(), note));
    ours
}

/// C2SP tlog-cosignature, "Format", with the oracle's Ed25519.
fn theirs(key: &Vkey, note: &[u8]) -> Option<Timestamp> {
    let note = Note::from_bytes(note).ok()?;
    let body = std::str::from_utf8(note.text()).ok()?;
    let as_note = Vkey::new(key.name(), SignatureType::Note, *key.key()).expect("a key");
    let oracle = StandardVerifier::new(&as_note.to_string()).expect("a key for the oracle too");
    // `Note` does not give its signatures out: they are its lines after the last blank one.
    let bytes = note.to_bytes();
    let lines = bytes[note.text().len() + 1..].split(|byte| *byte == b'\n');
    let mut signatures = lines.filter_map(|line| Signature::from_bytes(line).ok());
    let own = signatures.find(|line| line.name() == key.name() && line.id() == key.id())?;
    let (seconds, signed) = own.signature().split_first_chunk()?;
    let seconds = u64::from_be_bytes(*seconds);
    let message = format!("cosignature/v1\ntime {seconds}\n{body}");
    let time = Timestamp::from_second(i64::try_from(seconds).ok()?).ok()?;
    oracle.verify(message.as_bytes(), signed).then_some(time)
}
