//! Receipts: proof, checkable offline and for ever, that a record stands in the log.
//!
//! Source: C2SP tlog-proof, version 1, for the text; decree, article 9, for what it proves.

use std::fmt::Write;

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{
    record::{Opening, Record, RecordError},
    tlog::{
        Hash,
        checkpoint::{Checkpoint, CheckpointError},
        hash,
        note::NoteVerifier,
        proof::{MOST_HASHES, ProofError, verify_inclusion},
    },
    wire,
};

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// Bytes of the largest proof that is read: far more than a hundred witnesses need.
pub const PROOF_BYTES: usize = 64 << 10;

/// Where a leaf stands, by a signed checkpoint. Reading one verifies nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Number of the leaf: the exchange number.
    pub index: u64,
    /// Inclusion proof, from the leaf's sibling up.
    pub hashes: Vec<Hash>,
    /// The checkpoint as a signed note, with the witnesses' cosignatures where there are any.
    pub checkpoint: Vec<u8>,
    /// What the application adds; nobody signs it. Never empty.
    pub extra: Option<Vec<u8>>,
}

impl Receipt {
    /// The proof as text.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut head = format!("{FIRST_LINE}\n");
        if let Some(extra) = self.extra.as_ref().filter(|extra| !extra.is_empty()) {
            let _ = writeln!(head, "extra {}", STANDARD.encode(extra));
        }
        let _ = writeln!(head, "index {}", self.index);
        for hash in &self.hashes {
            let _ = writeln!(head, "{}", STANDARD.encode(hash));
        }
        head.push('\n');
        [head.as_bytes(), &self.checkpoint].concat()
    }

    /// Reads a proof; only what [`encode`](Self::encode) could have written is taken. The
    /// checkpoint is kept as it came.
    ///
    /// # Errors
    /// When it is not such a text, saying which line is wrong.
    pub fn parse(proof: &[u8]) -> Result<Self, ReceiptError> {
        if proof.len() > PROOF_BYTES {
            return Err(ReceiptError::TooLarge);
        }
        let text = std::str::from_utf8(proof).map_err(|_| ReceiptError::Text)?;
        let (head, checkpoint) = text.split_once("\n\n").ok_or(ReceiptError::Text)?;
        let mut lines = (1..).zip(head.split('\n'));
        let mut next = || lines.next().ok_or(ReceiptError::Text);
        let (_, first) = next()?;
        if first != FIRST_LINE {
            return Err(ReceiptError::Version);
        }
        let (mut at, mut line) = next()?;
        let mut extra = None;
        if let Some(data) = line.strip_prefix("extra ") {
            let data = STANDARD.decode(data).ok().filter(|data| !data.is_empty());
            extra = Some(data.ok_or(ReceiptError::Line { line: at })?);
            (at, line) = next()?;
        }
        let index = line.strip_prefix("index ").and_then(decimal);
        let index = index.ok_or(ReceiptError::Line { line: at })?;
        let hashes = lines
            .map(|(at, line)| {
                let hash = STANDARD.decode(line).ok().and_then(|hash| hash.try_into().ok());
                hash.ok_or(ReceiptError::Line { line: at })
            })
            .collect::<Result<Vec<Hash>, _>>()?;
        if hashes.len() > MOST_HASHES {
            return Err(ReceiptError::TooLarge);
        }
        Ok(Self { index, hashes, checkpoint: checkpoint.as_bytes().to_vec(), extra })
    }

    /// Checks that `leaf` stands at [`index`](Self::index) in the log `origin` whose key is
    /// `log`, and answers with the checkpoint that says so.
    ///
    /// # Errors
    /// When the checkpoint is not that log's, or the leaf does not stand under it.
    pub fn verify(
        &self,
        leaf: &[u8],
        log: &NoteVerifier,
        origin: &str,
    ) -> Result<Checkpoint, ReceiptError> {
        let head = Checkpoint::open(&self.checkpoint, log, origin)?;
        verify_inclusion(&hash::leaf(leaf), self.index, head.size(), &self.hashes, head.root())?;
        Ok(head)
    }
}

/// A number as the formats of the log write it.
fn decimal(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

/// All that its holder needs to prove to anybody what was exchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The [`Receipt`] as text.
    pub proof: Vec<u8>,
    /// The record as canonical JSON.
    pub record: Vec<u8>,
    /// What opens the record's commitment in the log.
    pub opening: Opening,
}

/// What evidence proved.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// Number of the record in the log: the exchange number.
    pub index: u64,
    /// Leaves of the tree that it was proved in.
    pub size: u64,
    /// The record that the log committed to.
    pub record: Record,
    /// The checkpoint that it was proved under.
    pub checkpoint: Checkpoint,
}

impl Evidence {
    /// Checks that the log `origin`, whose key is `log`, committed to this very record.
    ///
    /// # Errors
    /// When any part of it does not hold, saying which.
    pub fn verify(&self, log: &NoteVerifier, origin: &str) -> Result<Verified, ReceiptError> {
        let receipt = Receipt::parse(&self.proof)?;
        let checkpoint = receipt.verify(&self.opening.leaf(&self.record), log, origin)?;
        let record = Record::parse(&self.record)?;
        Ok(Verified { index: receipt.index, size: checkpoint.size(), record, checkpoint })
    }
}

impl From<Evidence> for wire::Receipt {
    fn from(evidence: Evidence) -> Self {
        let Evidence { proof, record, opening } = evidence;
        Self { proof, record, opening: opening.0.to_vec() }
    }
}

impl TryFrom<wire::Receipt> for Evidence {
    type Error = ReceiptError;

    fn try_from(receipt: wire::Receipt) -> Result<Self, ReceiptError> {
        let wire::Receipt { proof, record, opening } = receipt;
        let found = opening.len();
        let opening = Opening::from_bytes(&opening).ok_or(ReceiptError::Opening { found })?;
        Ok(Self { proof, record, opening })
    }
}

/// Why a receipt proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Larger than any honest proof.
    #[error("the proof has more than {PROOF_BYTES} bytes or {MOST_HASHES} hashes")]
    TooLarge,
    /// Not two parts of text.
    #[error("not a proof: expected text, a blank line and a signed checkpoint")]
    Text,
    /// Another format, or another version of it.
    #[error("not a proof: the first line is not {FIRST_LINE}")]
    Version,
    /// A line that cannot stand there.
    #[error("line {line} of the proof: expected extra, index, and hashes of 32 bytes in base64")]
    Line {
        /// Counted from 1.
        line: usize,
    },
    /// The opening has another length.
    #[error("the opening has {found} bytes where 32 were expected")]
    Opening {
        /// Bytes there are.
        found: usize,
    },
    /// The checkpoint is not to be trusted.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The record is not in the log.
    #[error("the record does not stand where the receipt says: {0}")]
    Proof(#[from] ProofError),
    /// The log committed to something that is no record.
    #[error(transparent)]
    Record(#[from] RecordError),
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::LazyLock};

    use proptest::{collection::vec, option, prelude::*, sample};

    use super::*;
    use crate::{
        envelope::SigningKey,
        record::Event,
        tlog::{
            note::{NoteError, NoteSigner},
            oracles::{Stored, flip},
            proof,
        },
    };

    const ORIGIN: &str = "birge.example/log";
    const INDEX: u64 = 255;
    const SIZE: u64 = 300;

    struct Fixture {
        evidence: Evidence,
        record: Record,
        log: NoteVerifier,
    }

    static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
        let signer = NoteSigner::new(ORIGIN, SigningKey::generate().unwrap()).unwrap();
        let record = Record {
            time: "2026-01-01T00:00:00Z".parse().unwrap(),
            actor: "agency/NSC".parse().unwrap(),
            parties: BTreeMap::from([("agency/NSC".parse().unwrap(), 1)]),
            persons: BTreeMap::new(),
            event: Event::RecordsRead { from: 0, to: 7 },
        };
        let bytes = record.to_canonical().unwrap();
        let opening = Opening([9; 32]);
        let tree = Stored::with(SIZE, INDEX, hash::leaf(&opening.leaf(&bytes)));
        let head = Checkpoint::new(ORIGIN, SIZE, proof::root(SIZE, &tree).unwrap()).unwrap();
        let receipt = Receipt {
            index: INDEX,
            hashes: proof::inclusion(INDEX, SIZE, &tree).unwrap(),
            checkpoint: head.sign(&signer).unwrap(),
            extra: None,
        };
        let evidence = Evidence { proof: receipt.encode(), record: bytes, opening };
        Fixture { evidence, record, log: signer.verifier() }
    });

    fn verify(evidence: &Evidence) -> Result<Verified, ReceiptError> {
        evidence.verify(&FIXTURE.log, ORIGIN)
    }

    #[test]
    fn evidence_proves_its_record() {
        let verified = verify(&FIXTURE.evidence).unwrap();
        assert_eq!((verified.index, verified.size), (INDEX, SIZE));
        assert_eq!(verified.record, FIXTURE.record);
        assert_eq!(verified.checkpoint.origin(), ORIGIN);
        let other = FIXTURE.evidence.verify(&FIXTURE.log, "other");
        assert!(matches!(other, Err(ReceiptError::Checkpoint(CheckpointError::Origin { .. }))));
        let key = NoteSigner::new(ORIGIN, SigningKey::generate().unwrap()).unwrap().verifier();
        let unsigned = CheckpointError::Note(NoteError::Unsigned);
        assert_eq!(FIXTURE.evidence.verify(&key, ORIGIN), Err(unsigned.into()));
    }

    #[test]
    fn evidence_survives_the_wire() {
        let wire = wire::Receipt::from(FIXTURE.evidence.clone());
        assert_eq!(Evidence::try_from(wire.clone()), Ok(FIXTURE.evidence.clone()));
        let short = wire::Receipt { opening: vec![1; 31], ..wire };
        assert_eq!(Evidence::try_from(short), Err(ReceiptError::Opening { found: 31 }));
    }

    #[test]
    fn the_text_is_that_of_the_specification() {
        let receipt = Receipt {
            index: 73_894,
            hashes: vec![[0; 32]],
            checkpoint: b"note\n".to_vec(),
            extra: Some(b"age".to_vec()),
        };
        let text = "c2sp.org/tlog-proof@v1\nextra YWdl\nindex 73894\n\
                    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\nnote\n";
        assert_eq!(receipt.encode(), text.as_bytes());
        assert_eq!(Receipt::parse(text.as_bytes()), Ok(receipt));
    }

    #[test]
    fn what_is_malformed_is_named() {
        let text = "c2sp.org/tlog-proof@v1\nextra YWdl\nindex 7\n\
                    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\nnote\n";
        let change = |from: &str, to: &str| Receipt::parse(text.replacen(from, to, 1).as_bytes());
        assert!(change("", "").is_ok());
        assert_eq!(change("@v1", "@v2"), Err(ReceiptError::Version));
        assert_eq!(change("c2sp", "\nc2sp"), Err(ReceiptError::Version));
        assert_eq!(change("YWdl", ""), Err(ReceiptError::Line { line: 2 }));
        assert_eq!(change("YWdl", "YWd"), Err(ReceiptError::Line { line: 2 }));
        assert_eq!(change("extra", "other"), Err(ReceiptError::Line { line: 2 }));
        for index in ["", "07", "+7", "-7", "7 ", "18446744073709551616"] {
            let line = format!("index {index}\n");
            assert_eq!(change("index 7\n", &line), Err(ReceiptError::Line { line: 3 }));
        }
        assert_eq!(change("AAA=\n", "AAB=\n"), Err(ReceiptError::Line { line: 4 }));
        assert_eq!(change("AAAA", ""), Err(ReceiptError::Line { line: 4 }));
        assert_eq!(change("\n\n", "\n"), Err(ReceiptError::Text));
        assert_eq!(Receipt::parse(b"\xff"), Err(ReceiptError::Text));
        assert_eq!(Receipt::parse(b"c2sp.org/tlog-proof@v1\n\nnote\n"), Err(ReceiptError::Text));
        assert_eq!(Receipt::parse(&vec![b'a'; PROOF_BYTES + 1]), Err(ReceiptError::TooLarge));
        let hash = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
        let many = hash.repeat(MOST_HASHES + 1);
        assert_eq!(change(hash, &many), Err(ReceiptError::TooLarge));
    }

    #[test]
    fn a_committed_leaf_that_is_no_record_is_refused() {
        let signer = NoteSigner::new(ORIGIN, SigningKey::generate().unwrap()).unwrap();
        let opening = Opening([9; 32]);
        let root = hash::leaf(&opening.leaf(b"{}"));
        let checkpoint = Checkpoint::new(ORIGIN, 1, root).unwrap().sign(&signer).unwrap();
        let receipt = Receipt { index: 0, hashes: vec![], checkpoint, extra: None };
        let evidence = Evidence { proof: receipt.encode(), record: b"{}".to_vec(), opening };
        let outcome = evidence.verify(&signer.verifier(), ORIGIN);
        assert!(matches!(outcome, Err(ReceiptError::Record(_))));
    }

    proptest! {
        #[test]
        fn any_flipped_bit_of_evidence_is_seen(bit in any::<sample::Index>(), part in 0..3) {
            let mut evidence = FIXTURE.evidence.clone();
            match part {
                0 => flip(&mut evidence.proof, bit),
                1 => flip(&mut evidence.record, bit),
                _ => flip(&mut evidence.opening.0, bit),
            }
            prop_assert!(verify(&evidence).is_err());
        }

        #[test]
        fn receipts_survive_their_text(
            index in any::<u64>(), hashes in vec(any::<Hash>(), 0..=MOST_HASHES),
            extra in option::of(vec(any::<u8>(), 1..50)), checkpoint in "\\PC{0,80}",
        ) {
            let checkpoint = checkpoint.into_bytes();
            let receipt = Receipt { index, hashes, checkpoint, extra };
            prop_assert_eq!(Receipt::parse(&receipt.encode()), Ok(receipt));
        }

        #[test]
        fn what_is_taken_is_written_the_same(
            cut in any::<sample::Index>(), garbage in "[A-Za-z0-9+/=\n ]{0,8}",
        ) {
            let mut proof = FIXTURE.evidence.proof.clone();
            let at = cut.index(proof.len());
            proof.splice(at..at, garbage.into_bytes());
            if let Ok(receipt) = Receipt::parse(&proof) {
                prop_assert_eq!(receipt.encode(), proof);
            }
        }

        #[test]
        fn no_bytes_panic(bytes in vec(any::<u8>(), 0..200), text in "(\\PC{0,20}\n){0,6}") {
            prop_assert!(Receipt::parse(&bytes).is_err());
            let proof = format!("{FIRST_LINE}\nindex 0\n{text}\n{text}");
            let evidence = Evidence { proof: proof.into_bytes(), ..FIXTURE.evidence.clone() };
            prop_assert!(verify(&evidence).is_err());
        }
    }
}
