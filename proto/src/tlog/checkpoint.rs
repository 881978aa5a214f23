//! The signed head of the tree: whose log, how many leaves, which root.
//!
//! Source: C2SP tlog-checkpoint. Extension lines are neither written nor taken: nobody can
//! audit them.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    hash::Hash,
    note::{NoteError, NoteSigner, NoteVerifier},
    vkey::NAME_BYTES,
};

/// What a log says of its tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
}

impl Checkpoint {
    /// The head of the log `origin` with `size` leaves under `root`.
    ///
    /// # Errors
    /// When the origin is empty, longer than 255 bytes, or has control characters such as
    /// newlines.
    pub fn new(origin: &str, size: u64, root: Hash) -> Result<Self, CheckpointError> {
        if origin.is_empty() || origin.len() > NAME_BYTES || origin.contains(char::is_control) {
            return Err(CheckpointError::OriginForm);
        }
        Ok(Self { origin: origin.to_owned(), size, root })
    }

    /// Which log.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Root of the tree.
    #[must_use]
    pub fn root(&self) -> &Hash {
        &self.root
    }

    /// The text that is signed: three lines.
    #[must_use]
    pub fn to_body(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))
    }

    /// Reads the text that was signed; exactly what [`to_body`](Self::to_body) writes.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn parse(body: &str) -> Result<Self, CheckpointError> {
        let lines: Vec<_> = body.split('\n').collect();
        let [origin, size, root, ""] = lines[..] else {
            return Err(CheckpointError::Lines);
        };
        let leaves: u64 = size.parse().map_err(|_| CheckpointError::Size)?;
        if leaves.to_string() != size {
            return Err(CheckpointError::Size);
        }
        let root = STANDARD.decode(root).map_err(|_| CheckpointError::Root)?;
        let root = root.try_into().map_err(|_| CheckpointError::Root)?;
        Self::new(origin, leaves, root)
    }

    /// What a signed note says, whoever signed it.
    ///
    /// # Errors
    /// When it is not a checkpoint.
    pub fn unverified(note: &[u8]) -> Result<Self, CheckpointError> {
        let text = std::str::from_utf8(note).map_err(|_| CheckpointError::Lines)?;
        let (body, _) = text.split_once("\n\n").ok_or(CheckpointError::Lines)?;
        Self::parse(&format!("{body}\n"))
    }

    /// The checkpoint as a signed note.
    ///
    /// # Errors
    /// Never for a checkpoint that was built; the type leaves room for the note's own error.
    pub fn sign(&self, signer: &NoteSigner) -> Result<Vec<u8>, NoteError> {
        signer.sign(&self.to_body())
    }

    /// Reads a signed note that must be by `verifier` and of the log `origin`.
    ///
    /// # Errors
    /// When it is not a note, not by that key, not a checkpoint, or another log's.
    pub fn open(
        note: &[u8],
        verifier: &NoteVerifier,
        origin: &str,
    ) -> Result<Self, CheckpointError> {
        let checkpoint = Self::parse(&verifier.open(note)?)?;
        if checkpoint.origin == origin {
            Ok(checkpoint)
        } else {
            let (expected, found) = (origin.to_owned(), checkpoint.origin);
            Err(CheckpointError::Origin { expected, found })
        }
    }
}

/// Why a note is not the checkpoint that was wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The note around it is wrong.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Not three lines.
    #[error("not a checkpoint: expected the lines origin, size and root, and no others")]
    Lines,
    /// The second line is no size.
    #[error("the checkpoint's size is not a decimal number without leading zeroes")]
    Size,
    /// The third line is no root.
    #[error("the checkpoint's root is not the base64 of 32 bytes")]
    Root,
    /// The first line is no origin.
    #[error("an origin must have 1 to {NAME_BYTES} bytes and no control characters")]
    OriginForm,
    /// Another log's.
    #[error("a checkpoint of the log {found:?} where one of {expected:?} was expected")]
    Origin {
        /// The log that is trusted.
        expected: String,
        /// The log that it is of.
        found: String,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{envelope::SigningKey, tlog::oracles::flip};

    const ORIGIN: &str = "birge.example/log";
    const KNOWN: &str = "example.com/behind-the-sofa\n20852163\n\
                         CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

    fn signer() -> NoteSigner {
        NoteSigner::new(ORIGIN, SigningKey::generate().unwrap()).unwrap()
    }

    #[test]
    fn the_example_of_the_specification() {
        let checkpoint = Checkpoint::parse(KNOWN).unwrap();
        assert_eq!(checkpoint.origin(), "example.com/behind-the-sofa");
        assert_eq!(checkpoint.size(), 20_852_163);
        assert_eq!(checkpoint.to_body(), KNOWN);
        let theirs = tlog_tiles::Checkpoint::from_bytes(KNOWN.as_bytes()).unwrap();
        assert_eq!(*checkpoint.root(), theirs.hash().0);
    }

    #[test]
    fn only_three_canonical_lines_are_taken() {
        let size = |size: &str| Checkpoint::parse(&KNOWN.replace("20852163", size));
        for wrong in ["", "-1", "+1", "01", "1 ", "0x1", "1.0", "18446744073709551616", "١"] {
            assert_eq!(size(wrong), Err(CheckpointError::Size), "{wrong:?}");
        }
        assert_eq!(size("18446744073709551615").map(|head| head.size()), Ok(u64::MAX));
        let root = |root: &str| Checkpoint::parse(&format!("o\n1\n{root}\n"));
        for wrong in ["", "AAAA", &KNOWN[37..80], "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J="] {
            assert_eq!(root(wrong), Err(CheckpointError::Root), "{wrong:?}");
        }
        for lines in [&KNOWN[..KNOWN.len() - 1], &format!("{KNOWN}extension\n"), "", "\n", "o\n1\n"]
        {
            assert_eq!(Checkpoint::parse(lines), Err(CheckpointError::Lines), "{lines:?}");
        }
        for origin in ["", "a\nb", "a\rb", "a\0", &"a".repeat(256)] {
            let made = Checkpoint::new(origin, 1, [0; 32]);
            assert_eq!(made, Err(CheckpointError::OriginForm), "{origin:?}");
        }
        assert_eq!(Checkpoint::parse(&KNOWN[27..]), Err(CheckpointError::OriginForm));
    }

    #[test]
    fn it_opens_for_its_key_and_origin_only() {
        let signer = signer();
        let head = Checkpoint::new(ORIGIN, 7, [7; 32]).unwrap();
        let note = head.sign(&signer).unwrap();
        assert_eq!(Checkpoint::open(&note, &signer.verifier(), ORIGIN), Ok(head));
        let origin = CheckpointError::Origin { expected: "other".into(), found: ORIGIN.into() };
        assert_eq!(Checkpoint::open(&note, &signer.verifier(), "other"), Err(origin));
        let unsigned = CheckpointError::Note(NoteError::Unsigned);
        assert_eq!(Checkpoint::open(&note, &self::signer().verifier(), ORIGIN), Err(unsigned));
        let other = signer.sign("anything\n").unwrap();
        let lines = Err(CheckpointError::Lines);
        assert_eq!(Checkpoint::open(&other, &signer.verifier(), ORIGIN), lines);
    }

    proptest! {
        #[test]
        fn bodies_survive_and_the_oracle_reads_the_same(
            origin in "\\PC{1,60}", size in any::<u64>(), root in any::<Hash>(),
        ) {
            let head = Checkpoint::new(&origin, size, root).unwrap();
            let body = head.to_body();
            let theirs = tlog_tiles::Checkpoint::from_bytes(body.as_bytes()).unwrap();
            prop_assert_eq!((theirs.origin(), theirs.size()), (origin.as_str(), size));
            prop_assert_eq!(theirs.hash().0, root);
            prop_assert_eq!(Checkpoint::parse(&body), Ok(head));
        }

        #[test]
        fn any_flipped_bit_closes_it(bit in any::<prop::sample::Index>()) {
            let signer = signer();
            let head = Checkpoint::new(ORIGIN, 70_000, [7; 32]).unwrap();
            let mut note = head.sign(&signer).unwrap();
            flip(&mut note, bit);
            prop_assert!(Checkpoint::open(&note, &signer.verifier(), ORIGIN).is_err());
        }

        #[test]
        fn what_is_taken_is_written_the_same(body in "(\\PC{0,9}\n){0,2}[0-9]{0,3}\n[A-B]{42}[A-Z]=\n{0,2}") {
            if let Ok(head) = Checkpoint::parse(&body) {
                prop_assert_eq!(head.to_body(), body);
            }
        }
    }
}
