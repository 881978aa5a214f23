//! The logs that the log goes on from: each was frozen, and its last checkpoint is of the
//! beginning of the same tree.

use birge_proto::tlog::{
    checkpoint::{Checkpoint, CheckpointError},
    note::NoteError,
    policy::Policy,
};

use super::wrong;
use crate::output::Failure;

/// Frozen logs of one answer that are read.
const MOST: usize = 64;

/// The last checkpoint of a frozen log.
#[derive(Debug, Clone)]
pub(super) struct Frozen {
    /// As the signed note that it came in.
    pub(super) note: Vec<u8>,
    /// What it says.
    pub(super) checkpoint: Checkpoint,
    /// Whether a key that this node knows signed it; a node that was enrolled later knows none.
    pub(super) signed: bool,
}

impl Frozen {
    /// For people.
    pub(super) fn words(&self) -> String {
        let (origin, size) = (self.checkpoint.origin(), self.checkpoint.size());
        let unknown = ", by a key that this node does not know: it was enrolled later";
        let unknown = if self.signed { "" } else { unknown };
        format!("it goes on from {origin}, frozen with {size} entries{unknown}")
    }
}

/// Reads the checkpoints that an answer of the gateway brings beside `head`.
pub(super) fn of_answer(
    notes: Vec<Vec<u8>>,
    known: &Policy,
    head: &Checkpoint,
) -> Result<Vec<Frozen>, Failure> {
    if notes.len() > MOST {
        return Err(wrong("the frozen logs", format!("there are more than {MOST}")));
    }
    let mut before = 0;
    let read = |note: Vec<u8>| {
        let place = "the last checkpoint of a frozen log";
        let (checkpoint, signed) = match known.judge(&note) {
            Ok(judged) => (judged.checkpoint, true),
            Err(CheckpointError::Note(NoteError::Unsigned)) => {
                (Checkpoint::unverified(&note).map_err(|error| wrong(place, error))?, false)
            }
            Err(error) => return Err(wrong(place, error)),
        };
        if checkpoint.origin() == head.origin()
            || checkpoint.size() <= before
            || checkpoint.size() >= head.size()
        {
            let (origin, size) = (checkpoint.origin(), checkpoint.size());
            let what = format!("it is of {origin} and {size} entries, which has no place there");
            return Err(wrong(place, what));
        }
        before = checkpoint.size();
        Ok(Frozen { note, checkpoint, signed })
    };
    notes.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use birge_proto::{envelope::SigningKey, tlog::note::NoteSigner};

    use super::*;

    #[test]
    fn they_come_in_order_before_the_head_and_by_whom_is_told() {
        let signer = |name| NoteSigner::new(name, SigningKey::generate().unwrap()).unwrap();
        let (first, second) = (signer("x/1"), signer("x/2"));
        let checkpoint = |name, size| Checkpoint::new(name, size, [1; 32]).unwrap();
        let note = |signer, name, size| checkpoint(name, size).sign(signer).unwrap();
        let known = Policy::of_logs(vec![first.verifier()]);
        let head = checkpoint("x/3", 9);
        let read = |notes| of_answer(notes, &known, &head);
        let both = read(vec![note(&first, "x/1", 3), note(&second, "x/2", 5)]).unwrap();
        assert_eq!(both.iter().map(|frozen| frozen.signed).collect::<Vec<_>>(), [true, false]);
        assert!(
            !both[0].words().contains("does not know") && both[0].words().contains("3 entries")
        );
        assert!(both[1].words().contains("does not know"));
        let mut forged = note(&first, "x/1", 3);
        let at = forged.len() - 9;
        forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
        for wrong in [
            vec![forged],
            vec![note(&first, "x/1", 9)],
            vec![note(&first, "x/1", 0)],
            vec![note(&second, "x/2", 5), note(&first, "x/1", 5)],
            vec![note(&signer("x/3"), "x/3", 5)],
            vec![b"nothing".to_vec()],
        ] {
            assert!(read(wrong).is_err());
        }
    }
}
