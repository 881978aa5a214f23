//! What a witness is asked, and how it decides: the body of `add-checkpoint`, and the answer
//! to it with every status. Whoever calls this keeps the checkpoint; it must be on the disk
//! before the answer leaves, and nothing else may decide in between.
//!
//! Source: C2SP tlog-witness, add-checkpoint.

use std::fmt::Write;

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;

use super::{
    Hash,
    checkpoint::{Checkpoint, CheckpointError},
    cosignature::Cosigner,
    note::{NoteError, NoteVerifier},
    proof::verify_consistency,
};

/// Bytes of the longest request that is read.
pub const REQUEST_BYTES: usize = 64 << 10;
/// Hashes of the longest proof in a request.
pub const PROOF_LINES: usize = 63;
/// Content type of the size that a refused request is answered with (status 409).
pub const SIZE_TYPE: &str = "text/x.tlog.size";

/// The body of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// Leaves of the checkpoint that the witness is thought to hold.
    pub old: u64,
    /// Consistency proof from that checkpoint to this one.
    pub proof: Vec<Hash>,
    /// The signed note.
    pub checkpoint: Vec<u8>,
}

impl AddCheckpoint {
    /// The body as text.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut head = format!("old {}\n", self.old);
        for hash in &self.proof {
            let _ = writeln!(head, "{}", STANDARD.encode(hash));
        }
        head.push('\n');
        [head.as_bytes(), &self.checkpoint].concat()
    }

    /// Reads a body; only what [`encode`](Self::encode) could have written is taken. The
    /// checkpoint is kept as it came.
    ///
    /// # Errors
    /// [`Refusal::Malformed`], saying what was expected.
    pub fn parse(body: &[u8]) -> Result<Self, Refusal> {
        if body.len() > REQUEST_BYTES {
            return Err(Refusal::Malformed("the request is too large"));
        }
        let text = std::str::from_utf8(body).map_err(|_| Refusal::Malformed("not UTF-8"))?;
        let (head, checkpoint) =
            text.split_once("\n\n").ok_or(Refusal::Malformed("expected a blank line"))?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old "));
        let old = old.and_then(|old| old.parse().ok().filter(|size: &u64| size.to_string() == old));
        let old = old.ok_or(Refusal::Malformed("expected the line: old SIZE"))?;
        let proof = lines
            .map(|line| STANDARD.decode(line).ok().and_then(|hash| hash.try_into().ok()))
            .collect::<Option<Vec<Hash>>>()
            .ok_or(Refusal::Malformed("expected hashes of 32 bytes in base64"))?;
        if proof.len() > PROOF_LINES {
            return Err(Refusal::Malformed("expected at most 63 hashes"));
        }
        Ok(Self { old, proof, checkpoint: checkpoint.as_bytes().to_vec() })
    }
}

/// A checkpoint that may be cosigned, once it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// It continues what was held.
    pub checkpoint: Checkpoint,
    /// As the signed note that it came in.
    pub note: Vec<u8>,
}

impl Accepted {
    /// The answer's body: the cosignature as a line.
    ///
    /// # Errors
    /// When `time` is before 1970.
    pub fn cosign(&self, cosigner: &Cosigner, time: Timestamp) -> Result<Vec<u8>, NoteError> {
        cosigner.cosign(&self.checkpoint, time)
    }
}

/// Decides on a request, by the keys of the one log that is known (all bear its origin as
/// their name) and by the checkpoint held of it.
///
/// # Errors
/// The refusal, whose [status](Refusal::status) is the answer's.
pub fn consider(
    request: &AddCheckpoint,
    log: &[NoteVerifier],
    held: Option<&Checkpoint>,
) -> Result<Accepted, Refusal> {
    let origin = request.checkpoint.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let known: Vec<_> = log.iter().filter(|log| log.vkey().name().as_bytes() == origin).collect();
    if known.is_empty() {
        return Err(Refusal::UnknownLog);
    }
    let mut opened = Err(Refusal::Unsigned);
    for log in known {
        opened = match Checkpoint::open(&request.checkpoint, log, log.vkey().name()) {
            Ok(checkpoint) => Ok(checkpoint),
            Err(CheckpointError::Note(NoteError::Unsigned | NoteError::Signature)) => opened,
            Err(_) => Err(Refusal::Malformed("expected a checkpoint as a signed note")),
        };
        if opened.is_ok() {
            break;
        }
    }
    let checkpoint = opened?;
    if request.old > checkpoint.size() {
        return Err(Refusal::Malformed("the old size is larger than the checkpoint"));
    }
    let size = held.map_or(0, Checkpoint::size);
    if request.old != size {
        return Err(Refusal::Conflict { size });
    }
    let root = held.map_or_else(super::hash::empty_root, |held| *held.root());
    verify_consistency(size, &root, checkpoint.size(), checkpoint.root(), &request.proof)
        .map_err(|_| Refusal::Inconsistent)?;
    Ok(Accepted { checkpoint, note: request.checkpoint.clone() })
}

/// Why a checkpoint is not cosigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request cannot be read.
    #[error("malformed: {0}")]
    Malformed(&'static str),
    /// No key that is trusted signed it.
    #[error("no signature by a key of this log that is trusted")]
    Unsigned,
    /// Another log's.
    #[error("this witness does not know the log of that origin")]
    UnknownLog,
    /// It was thought to hold another checkpoint.
    #[error("{size}")]
    Conflict {
        /// Leaves of the checkpoint that is held.
        size: u64,
    },
    /// It does not continue what is held.
    #[error("the checkpoint does not continue the one that this witness holds")]
    Inconsistent,
}

impl Refusal {
    /// The HTTP status.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::Unsigned => 403,
            Self::UnknownLog => 404,
            Self::Conflict { .. } => 409,
            Self::Inconsistent => 422,
        }
    }

    /// The answer's content type.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Conflict { .. } => SIZE_TYPE,
            _ => "text/plain; charset=utf-8",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        envelope::SigningKey,
        tlog::{
            hash,
            note::NoteSigner,
            oracles::Stored,
            proof::{consistency, root},
        },
    };

    const ORIGIN: &str = "birge.example/log";

    fn signer() -> NoteSigner {
        NoteSigner::new(ORIGIN, SigningKey::generate().unwrap()).unwrap()
    }

    fn tree(size: u64) -> (Checkpoint, Stored) {
        let stored = Stored::with(size, 0, hash::leaf(b"first"));
        (Checkpoint::new(ORIGIN, size, root(size, &stored).unwrap()).unwrap(), stored)
    }

    fn request(signer: &NoteSigner, old: u64, size: u64) -> AddCheckpoint {
        let (head, stored) = tree(size);
        let proof = match old {
            0 => vec![],
            old if old >= size => vec![],
            old => consistency(old, size, &stored).unwrap(),
        };
        AddCheckpoint { old, proof, checkpoint: head.sign(signer).unwrap() }
    }

    #[test]
    fn every_status_of_the_specification() {
        let signer = signer();
        let log = [self::signer().verifier(), signer.verifier()];
        let (held, _) = tree(5);
        let status = |request: &AddCheckpoint, held: Option<&Checkpoint>| {
            consider(request, &log, held)
                .map(|accepted| accepted.checkpoint.size())
                .map_err(Refusal::status)
        };
        assert_eq!(status(&request(&signer, 0, 5), None), Ok(5));
        assert_eq!(status(&request(&signer, 5, 9), Some(&held)), Ok(9));
        assert_eq!(status(&request(&signer, 5, 5), Some(&held)), Ok(5), "cosigned once more");
        assert_eq!(
            status(&AddCheckpoint { old: 10, ..request(&signer, 5, 9) }, Some(&held)),
            Err(400)
        );
        assert_eq!(status(&request(&self::signer(), 0, 5), None), Err(403));
        let other = NoteSigner::new("other", SigningKey::generate().unwrap()).unwrap();
        let foreign = Checkpoint::new("other", 5, [0; 32]).unwrap().sign(&other).unwrap();
        assert_eq!(
            status(&AddCheckpoint { checkpoint: foreign, ..request(&signer, 0, 5) }, None),
            Err(404)
        );
        assert_eq!(status(&request(&signer, 0, 9), Some(&held)), Err(409));
        assert_eq!(status(&request(&signer, 4, 9), Some(&held)), Err(409));
        let mut wrong = request(&signer, 5, 9);
        wrong.proof[0][0] ^= 1;
        assert_eq!(status(&wrong, Some(&held)), Err(422));
        let another = Checkpoint::new(ORIGIN, 5, [9; 32]).unwrap();
        assert_eq!(status(&request(&signer, 5, 5), Some(&another)), Err(422));
        assert_eq!(Refusal::Conflict { size: 5 }.to_string(), "5");
    }

    #[test]
    fn a_body_is_taken_in_its_one_form_only() {
        let body = request(&signer(), 5, 9).encode();
        let text = String::from_utf8(body.clone()).unwrap();
        assert_eq!(AddCheckpoint::parse(&body).unwrap().encode(), body);
        for (from, to) in [
            ("old 5", "old 05"),
            ("old 5", "old +5"),
            ("old", "new"),
            ("\n\n", "\n"),
            ("old 5\n", "old 5\n\r"),
        ] {
            let refused = AddCheckpoint::parse(text.replacen(from, to, 1).as_bytes());
            assert!(matches!(refused, Err(Refusal::Malformed(_))), "{from:?} as {to:?}");
        }
        let hash = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
        let many = format!("old 1\n{}\nx", hash.repeat(64));
        assert!(AddCheckpoint::parse(many.as_bytes()).is_err());
        assert!(AddCheckpoint::parse(&vec![b'x'; REQUEST_BYTES + 1]).is_err());
    }

    proptest! {
        #[test]
        fn nothing_panics_and_what_is_read_is_written(body in "(old [0-9]{1,3}\n)?([A-Za-z0-9+/]{43}=\n){0,3}\n?\\PC{0,40}") {
            if let Ok(request) = AddCheckpoint::parse(body.as_bytes()) {
                prop_assert_eq!(request.encode(), body.as_bytes());
                prop_assert!(consider(&request, &[signer().verifier()], None).is_err());
            }
        }
    }
}
