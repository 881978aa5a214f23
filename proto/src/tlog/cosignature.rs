//! Witnesses' signatures: that at some moment this was the largest consistent checkpoint of a
//! log that the witness had seen.
//!
//! Source: C2SP tlog-cosignature, Ed25519 (type 04).

use jiff::Timestamp;
use signed_note::Verifier;

use super::{
    checkpoint::Checkpoint,
    note::{NoteError, open, purposed, signature},
    vkey::{SignatureType, Vkey, VkeyError},
};
use crate::envelope::SigningKey;

/// A witness's named private key. It must sign nothing else: what it signs does not say its name.
#[derive(Debug)]
pub struct Cosigner {
    vkey: Vkey,
    key: SigningKey,
}

impl Cosigner {
    /// Names the key.
    ///
    /// # Errors
    /// When the name is not one.
    pub fn new(name: &str, key: SigningKey) -> Result<Self, VkeyError> {
        let vkey = Vkey::new(name, SignatureType::Cosignature, key.verifying_key())?;
        Ok(Self { vkey, key })
    }

    /// The key that checks what this one signs.
    #[must_use]
    pub fn verifier(&self) -> CosignatureVerifier {
        CosignatureVerifier(self.vkey.clone())
    }

    /// The line that [`super::note::add_signature`] puts under the checkpoint's note. The
    /// caller has verified the log's signature and the consistency with every checkpoint seen.
    /// The time counts in whole seconds.
    ///
    /// # Errors
    /// When `time` is before 1970.
    pub fn cosign(&self, checkpoint: &Checkpoint, time: Timestamp) -> Result<Vec<u8>, NoteError> {
        let seconds = u64::try_from(time.as_second()).map_err(|_| NoteError::Malformed)?;
        let signed = self.key.sign_raw(&message(seconds, &checkpoint.to_body()));
        let line = signature(&self.vkey, [&seconds.to_be_bytes(), &signed[..]].concat())?;
        Ok(line.to_bytes())
    }
}

/// A witness's named public key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CosignatureVerifier(Vkey);

impl CosignatureVerifier {
    /// Reads a key of the type for cosignatures from its text.
    ///
    /// # Errors
    /// When the text is no key, or one of another type.
    pub fn from_vkey(text: &str) -> Result<Self, VkeyError> {
        purposed(text, SignatureType::Cosignature).map(Self)
    }

    /// The key with its name.
    #[must_use]
    pub fn vkey(&self) -> &Vkey {
        &self.0
    }

    /// When this witness cosigned `note`. It says nothing of the log's own signature: see
    /// [`Checkpoint::open`].
    ///
    /// # Errors
    /// When the bytes are not a note, the witness did not cosign it, or wrongly.
    pub fn verify(&self, note: &[u8]) -> Result<Timestamp, NoteError> {
        let (_, signature) = open(note, self)?;
        let (seconds, _) = divide(&signature).ok_or(NoteError::Malformed)?;
        let seconds = i64::try_from(seconds).map_err(|_| NoteError::Malformed)?;
        Timestamp::from_second(seconds).map_err(|_| NoteError::Malformed)
    }
}

impl Verifier for CosignatureVerifier {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn key_id(&self) -> u32 {
        self.0.id()
    }

    fn verify(&self, text: &[u8], signature: &[u8]) -> bool {
        let Some((seconds, signed)) = divide(signature) else { return false };
        let Ok(text) = std::str::from_utf8(text) else { return false };
        self.0.key().verify_raw(&message(seconds, text), signed).is_ok()
    }
}

/// The seconds and the Ed25519 signature of a cosignature.
fn divide(signature: &[u8]) -> Option<(u64, &[u8])> {
    let (seconds, signed) = signature.split_first_chunk()?;
    Some((u64::from_be_bytes(*seconds), signed))
}

/// What a witness signs.
fn message(seconds: u64, body: &str) -> Vec<u8> {
    format!("cosignature/v1\ntime {seconds}\n{body}").into_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tlog::{
        note::{NoteSigner, add_signature},
        oracles::flip,
    };

    const ORIGIN: &str = "birge.example/log";

    fn cosigner(name: &str) -> Cosigner {
        Cosigner::new(name, SigningKey::generate().unwrap()).unwrap()
    }

    fn time() -> Timestamp {
        Timestamp::from_second(1_679_315_147).unwrap()
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint::new(ORIGIN, 7, [7; 32]).unwrap()
    }

    #[test]
    fn what_is_signed_is_that_of_the_specification() {
        let body = "example.com/behind-the-sofa\n20852163\n\
                    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
        assert_eq!(
            String::from_utf8(message(1_679_315_147, body)).unwrap(),
            format!("cosignature/v1\ntime 1679315147\n{body}")
        );
    }

    #[test]
    fn log_and_witnesses_sign_one_checkpoint() {
        let log = NoteSigner::new(ORIGIN, SigningKey::generate().unwrap()).unwrap();
        let witnesses = [cosigner("moj.example/witness"), cosigner("coa.example/witness")];
        let mut note = checkpoint().sign(&log).unwrap();
        for witness in &witnesses {
            assert_eq!(witness.verifier().verify(&note), Err(NoteError::Unsigned));
            note = add_signature(&note, &witness.cosign(&checkpoint(), time()).unwrap()).unwrap();
        }
        for witness in &witnesses {
            let text = witness.verifier().vkey().to_string();
            let verifier = CosignatureVerifier::from_vkey(&text).unwrap();
            assert_eq!(verifier.verify(&note), Ok(time()));
        }
        assert_eq!(Checkpoint::open(&note, &log.verifier(), ORIGIN), Ok(checkpoint()));
        let log_key = log.verifier().to_string();
        assert!(matches!(
            CosignatureVerifier::from_vkey(&log_key),
            Err(VkeyError::Purpose { expected: SignatureType::Cosignature, .. })
        ));
        let before = Timestamp::from_second(-1).unwrap();
        assert!(witnesses[0].cosign(&checkpoint(), before).is_err());
    }

    #[test]
    fn a_cosignature_of_another_checkpoint_or_time_is_wrong() {
        let witness = cosigner("moj.example/witness");
        let line = witness.cosign(&checkpoint(), time()).unwrap();
        let other = Checkpoint::new(ORIGIN, 8, [7; 32]).unwrap().to_body();
        let note = [other.as_bytes(), b"\n", &line].concat();
        assert_eq!(witness.verifier().verify(&note), Err(NoteError::Signature));
        for cut in [0, 7, 8, 71] {
            let short = signature(&witness.vkey, vec![1; cut]).unwrap().to_bytes();
            let note = [checkpoint().to_body().as_bytes(), b"\n", &short].concat();
            assert!(witness.verifier().verify(&note).is_err());
        }
    }

    proptest! {
        #[test]
        fn any_flipped_bit_is_seen(bit in any::<prop::sample::Index>()) {
            let witness = cosigner("moj.example/witness");
            let line = witness.cosign(&checkpoint(), time()).unwrap();
            let mut note = [checkpoint().to_body().as_bytes(), b"\n", &line].concat();
            prop_assert_eq!(witness.verifier().verify(&note), Ok(time()));
            flip(&mut note, bit);
            prop_assert!(witness.verifier().verify(&note).is_err());
        }
    }
}
