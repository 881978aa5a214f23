//! Signed notes: a text, a blank line, and lines of signatures.
//!
//! Source: C2SP signed-note. The crate `signed_note` parses and puts together; the keys are
//! ours, so that one provider of cryptography does it all.

use std::fmt;

use signed_note::{Note, Signature, VerificationError, Verifier, Verifiers};

use super::vkey::{SignatureType, Vkey, VkeyError};
use crate::envelope::SigningKey;

/// A named private key that signs notes.
#[derive(Debug)]
pub struct NoteSigner {
    vkey: Vkey,
    key: SigningKey,
}

impl NoteSigner {
    /// Names the key; a log's key bears the log's origin as its name.
    ///
    /// # Errors
    /// When the name is not one.
    pub fn new(name: &str, key: SigningKey) -> Result<Self, VkeyError> {
        let vkey = Vkey::new(name, SignatureType::Note, key.verifying_key())?;
        Ok(Self { vkey, key })
    }

    /// The key that checks what this one signs.
    #[must_use]
    pub fn verifier(&self) -> NoteVerifier {
        NoteVerifier(self.vkey.clone())
    }

    /// The signed note over `text`, which ends in a newline.
    ///
    /// # Errors
    /// When the text does not, or has other control characters.
    pub fn sign(&self, text: &str) -> Result<Vec<u8>, NoteError> {
        sign_all(std::slice::from_ref(self), text)
    }
}

/// The note over `text` that each of `signers` signed, in their order.
///
/// # Errors
/// When there is none of them, or the text does not end in a newline or has other control
/// characters.
pub fn sign_all(signers: &[NoteSigner], text: &str) -> Result<Vec<u8>, NoteError> {
    let line = |signer: &NoteSigner| signature(&signer.vkey, signer.key.sign_raw(text.as_bytes()));
    let lines = signers.iter().map(line).collect::<Result<Vec<_>, _>>()?;
    if lines.is_empty() {
        return Err(NoteError::Unsigned);
    }
    Ok(Note::new(text.as_bytes(), &lines)?.to_bytes())
}

/// A named public key that checks notes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NoteVerifier(Vkey);

impl NoteVerifier {
    /// Reads a key of the type for notes from its text.
    ///
    /// # Errors
    /// When the text is no key, or one of another type.
    pub fn from_vkey(text: &str) -> Result<Self, VkeyError> {
        purposed(text, SignatureType::Note).map(Self)
    }

    /// The key with its name.
    #[must_use]
    pub fn vkey(&self) -> &Vkey {
        &self.0
    }

    /// The text of `note`, if this key signed it.
    ///
    /// # Errors
    /// When the bytes are not a note, this key did not sign it, or its signature is wrong.
    pub fn open(&self, note: &[u8]) -> Result<String, NoteError> {
        open(note, self).map(|(text, _)| text)
    }
}

impl fmt::Display for NoteVerifier {
    /// The key's text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Verifier for NoteVerifier {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn key_id(&self) -> u32 {
        self.0.id()
    }

    fn verify(&self, text: &[u8], signature: &[u8]) -> bool {
        self.0.key().verify_raw(text, signature).is_ok()
    }
}

/// Appends `line`, a signature as a line with its newline, to `note`.
///
/// # Errors
/// When either is malformed.
pub fn add_signature(note: &[u8], line: &[u8]) -> Result<Vec<u8>, NoteError> {
    let note = [note, line].concat();
    let signature = line.strip_suffix(b"\n").ok_or(NoteError::Malformed)?;
    Signature::from_bytes(signature)?;
    Note::from_bytes(&note)?;
    Ok(note)
}

/// Reads a key that must be for `expected` signatures.
pub(super) fn purposed(text: &str, expected: SignatureType) -> Result<Vkey, VkeyError> {
    let vkey: Vkey = text.parse()?;
    let found = vkey.signature_type();
    if found == expected { Ok(vkey) } else { Err(VkeyError::Purpose { expected, found }) }
}

/// A signature by the key that `vkey` names.
pub(super) fn signature(vkey: &Vkey, bytes: Vec<u8>) -> Result<Signature, NoteError> {
    Ok(Signature::new(vkey.name().to_owned(), vkey.id(), bytes)?)
}

/// The text of `note` and the bytes of its signature by `verifier`.
pub(super) fn open(note: &[u8], verifier: &impl Verifier) -> Result<(String, Vec<u8>), NoteError> {
    let note = Note::from_bytes(note)?;
    let (verified, _) = note.verify(&Only(verifier))?;
    let signature = verified.first().ok_or(NoteError::Unsigned)?.signature().to_vec();
    let text = String::from_utf8(note.text().to_vec()).map_err(|_| NoteError::Malformed)?;
    Ok((text, signature))
}

/// The one key that is known.
struct Only<'a>(&'a dyn Verifier);

impl Verifiers for Only<'_> {
    fn verifier(&self, name: &str, id: u32) -> Result<&dyn Verifier, VerificationError> {
        if self.0.name() == name && self.0.key_id() == id {
            Ok(self.0)
        } else {
            Err(VerificationError::UnknownKey { name: name.to_owned(), id })
        }
    }
}

/// What can be wrong with a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not a note.
    #[error("not a signed note: expected a text, a blank line and lines of signatures")]
    Malformed,
    /// The key did not sign.
    #[error("the note bears no signature by the key that is trusted")]
    Unsigned,
    /// The signature is wrong.
    #[error("the signature under the note does not match its text")]
    Signature,
}

impl From<signed_note::NoteError> for NoteError {
    fn from(error: signed_note::NoteError) -> Self {
        use signed_note::NoteError as Theirs;
        match error {
            Theirs::UnverifiedNote => Self::Unsigned,
            Theirs::InvalidSignature { .. } => Self::Signature,
            _ => Self::Malformed,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tlog::oracles::flip;

    const KNOWN_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const KNOWN_TEXT: &str = "If you think cryptography is the answer to your problem,\n\
                              then you don't know what your problem is.\n";
    const KNOWN_LINE: &str = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN\
                              1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    fn signer(name: &str) -> NoteSigner {
        NoteSigner::new(name, SigningKey::generate().unwrap()).unwrap()
    }

    #[test]
    fn a_note_signed_elsewhere_opens() {
        let key = NoteVerifier::from_vkey(KNOWN_KEY).unwrap();
        let note = format!("{KNOWN_TEXT}\n{KNOWN_LINE}");
        assert_eq!(key.open(note.as_bytes()).as_deref(), Ok(KNOWN_TEXT));
        let changed = note.replace("don't", "do");
        assert_eq!(key.open(changed.as_bytes()), Err(NoteError::Signature));
    }

    #[test]
    fn the_crate_opens_what_we_sign() {
        let signer = signer("birge.example/log");
        let note = Note::from_bytes(&signer.sign("text\n").unwrap()).unwrap();
        let theirs = signed_note::StandardVerifier::new(&signer.verifier().to_string()).unwrap();
        let known = signed_note::VerifierList::new(vec![Box::new(theirs)]);
        assert_eq!(note.verify(&known).unwrap().0.len(), 1);
    }

    #[test]
    fn only_the_trusted_key_opens() {
        let (one, other) = (signer("birge.example/log"), signer("birge.example/log"));
        let note = one.sign("text\n").unwrap();
        assert_eq!(one.verifier().open(&note).as_deref(), Ok("text\n"));
        assert_eq!(other.verifier().open(&note), Err(NoteError::Unsigned));

        let line = KNOWN_LINE.as_bytes();
        let both = add_signature(&note, line).unwrap();
        assert_eq!(one.verifier().open(&both).as_deref(), Ok("text\n"));
        assert_eq!(add_signature(&note, b"no line\n"), Err(NoteError::Malformed));
        assert_eq!(add_signature(&note, &line[..line.len() - 1]), Err(NoteError::Malformed));
        assert_eq!(add_signature(&note, &[line, line].concat()), Err(NoteError::Malformed));
        assert_eq!(add_signature(b"text\n", line), Err(NoteError::Malformed));
    }

    #[test]
    fn each_key_opens_what_all_signed() {
        let signers = [signer("birge.example/log"), signer("birge.example/log")];
        let note = sign_all(&signers, "text\n").unwrap();
        for signer in &signers {
            assert_eq!(signer.verifier().open(&note).as_deref(), Ok("text\n"));
        }
        let lines: Vec<_> = note.split(|byte| *byte == b'\n').collect();
        assert!(signers[0].sign("text\n").unwrap().ends_with(&[lines[2], b"\n"].concat()));
        assert_eq!(sign_all(&[], "text\n"), Err(NoteError::Unsigned));
    }

    #[test]
    fn texts_that_no_note_can_hold_are_not_signed() {
        for text in ["", "no newline", "tab\t\n", "bell\u{7}\n"] {
            assert_eq!(signer("log").sign(text), Err(NoteError::Malformed), "{text:?}");
        }
        let witness = "w+3f8d6a40+BAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";
        assert!(NoteVerifier::from_vkey(witness).is_err());
    }

    proptest! {
        #[test]
        fn any_flipped_bit_closes_a_note(bit in any::<prop::sample::Index>()) {
            let signer = signer("birge.example/log");
            let mut note = signer.sign("birge.example/log\n7\nroot\n").unwrap();
            flip(&mut note, bit);
            prop_assert!(signer.verifier().open(&note).is_err());
        }

        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>(), text in "\\PC{0,40}", line in "[ A-Za-z0-9+/=]{0,40}") {
            let key = NoteVerifier::from_vkey(KNOWN_KEY).unwrap();
            prop_assert!(key.open(&bytes).is_err());
            let note = format!("{text}\n\n— PeterNeumann {line}\n");
            prop_assert!(key.open(note.as_bytes()).is_err());
            let _ = add_signature(note.as_bytes(), &bytes);
        }
    }
}
