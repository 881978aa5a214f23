//! Signed notes: every note opens under the key that signed it, and after any change under none.
#![no_main]

use birge_fuzz::{
    edit::Edit,
    keys::{LOG, OTHER_LOG},
};
use birge_proto::tlog::note::{NoteVerifier, add_signature};
use libfuzzer_sys::fuzz_target;
use signed_note::{Note, StandardVerifier, VerifierList};

fuzz_target!(|input: (Edit<'_>, &str, &str)| {
    let (edit, lines, text) = input;
    // What nobody signed.
    if let Ok(note) = Note::from_bytes(text.as_bytes()) {
        assert_eq!(note.to_bytes(), text.as_bytes());
    }
    assert_eq!(open(&LOG.verifier(), text.as_bytes()), None);

    let Ok(note) = LOG.sign(text) else {
        assert!(Note::new(text.as_bytes(), &[]).is_err(), "a text that a note can hold");
        return;
    };
    assert_eq!(open(&LOG.verifier(), &note).as_deref(), Some(text));
    assert_eq!(open(&OTHER_LOG.verifier(), &note), None);

    // Changed anywhere; what still opens says what was signed.
    let changed = edit.of(&note);
    if let Some(opened) = open(&LOG.verifier(), &changed) {
        assert_eq!(opened, text);
    }
    assert_eq!(open(&OTHER_LOG.verifier(), &changed), None);

    // With more signatures, if signatures they are.
    if let Ok(more) = add_signature(&note, lines.as_bytes()) {
        assert_eq!(open(&LOG.verifier(), &more).as_deref(), Some(text));
        assert_eq!(open(&OTHER_LOG.verifier(), &more), None);
    }
});

/// The text of `note` under `key`, as both implementations must read it.
fn open(key: &NoteVerifier, note: &[u8]) -> Option<String> {
    let ours = key.open(note).ok();
    let oracle = StandardVerifier::new(&key.to_string()).expect("a key for the oracle too");
    let theirs = Note::from_bytes(note)
        .and_then(|note| note.verify(&VerifierList::new(vec![Box::new(oracle)])).map(|_| note));
    let theirs = theirs.ok().map(|note| note.text().to_vec());
    assert_eq!(ours.as_deref().map(str::as_bytes), theirs.as_deref());
    ours
}
