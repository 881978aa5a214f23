//! The answer to `add-checkpoint`, whoever asks and however. The checkpoint is on the disk before
//! the answer leaves, and between looking at what is held and keeping the new one nobody else of
//! this node decides, in this process or another: so two requests at once cannot take the witness
//! back, and a witness that is killed in between has cosigned at most what it holds.

use birge_proto::tlog::{
    checkpoint::Checkpoint,
    note::{NoteVerifier, add_signature},
    witness::{AddCheckpoint, Refusal, consider},
};
use tracing::error;

use super::{Witness, suspects};
use crate::{
    alarms::{self, Kind},
    memory::Noted,
    output::Failure,
};

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// The gateway, over the connection in which it showed its certificate.
    Gateway,
    /// Anybody.
    Anybody,
}

/// An answer as HTTP has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status: those of the specification, and 500 where the witness cannot keep what it
    /// would cosign.
    pub status: u16,
    /// Type of the body.
    pub content_type: &'static str,
    /// A cosignature line for 200, the size held for 409, else a line for people.
    pub body: Vec<u8>,
}

impl Witness {
    /// Answers the body of a request. It waits for the disk, and for others that decide.
    #[must_use]
    pub fn answer(&self, body: &[u8], asker: Asker) -> Answer {
        match self.decide(body, asker) {
            Ok(Ok(line)) => {
                Answer { status: 200, content_type: "text/plain; charset=utf-8", body: line }
            }
            Ok(Err(refusal)) => Answer {
                status: refusal.status(),
                content_type: refusal.content_type(),
                body: format!("{refusal}\n").into_bytes(),
            },
            Err(failure) => {
                error!("nothing was cosigned: {failure}");
                let body = b"the witness cannot keep what it would cosign\n".to_vec();
                Answer { status: 500, content_type: "text/plain; charset=utf-8", body }
            }
        }
    }

    fn decide(&self, body: &[u8], asker: Asker) -> Result<Result<Vec<u8>, Refusal>, Failure> {
        let request = match AddCheckpoint::parse(body) {
            Ok(request) => request,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let _lock = self.memory.lock()?;
        let largest = self.memory.largest()?;
        let known = largest.as_ref().map(|(_, checkpoint)| checkpoint);
        match consider(&request, self.memory.policy()?.logs(), known) {
            Ok(accepted) => {
                let cosigned = accepted.cosign(&self.cosigner, self.clock.now());
                let line = cosigned.map_err(anyhow::Error::from)?;
                // Who asks again for what is held already costs no more than the signature.
                let held = self.memory.held()?.map(|(_, held)| held);
                if held.as_ref() != Some(&accepted.checkpoint) {
                    let policy = self.memory.policy()?;
                    self.memory.hold(&kept(&accepted.note, policy.logs(), &line)?)?;
                }
                Ok(Ok(line))
            }
            Err(refusal) => {
                if refusal == Refusal::Inconsistent {
                    self.inconsistent(&request, body, largest, asker)?;
                }
                Ok(Err(refusal))
            }
        }
    }

    /// The log signed a checkpoint that was not shown to continue what this witness knows.
    fn inconsistent(
        &self,
        request: &AddCheckpoint,
        body: &[u8],
        largest: Option<Noted>,
        asker: Asker,
    ) -> Result<(), Failure> {
        let (Ok(other), Some((note, known))) =
            (self.memory.open_note(&request.checkpoint), largest)
        else {
            return Ok(()); // nothing known that it could contradict
        };
        if known == other {
            return Ok(()); // a superfluous proof
        }
        if asker == Asker::Anybody && known.size() != other.size() {
            // Anybody can put a wrong proof under a right checkpoint: the node asks itself.
            return suspects::keep(&self.home, &request.checkpoint);
        }
        let what = fork(&known, &other, "what the gateway asked to be cosigned");
        let evidence: [(&str, &[u8]); 3] =
            [("held.note", &note), ("other.note", &request.checkpoint), ("request.txt", body)];
        alarms::raise(&self.home, self.clock.now(), Kind::Fork, &what, &evidence).map(drop)
    }
}

/// Says what contradicts what.
pub(super) fn fork(known: &Checkpoint, other: &Checkpoint, whence: &str) -> String {
    format!(
        "the log {} signed two histories: a checkpoint of {} entries with the root {}, which this \
         node holds, and one of {} entries with the root {}, which does not fit with it ({whence})",
        known.origin(),
        known.size(),
        hex::encode(known.root()),
        other.size(),
        hex::encode(other.root()),
    )
}

/// What is kept of an accepted note: the text, the log's own signatures that hold, each once, and
/// this cosignature.
fn kept(note: &[u8], log: &[NoteVerifier], line: &[u8]) -> Result<Vec<u8>, Failure> {
    let text = String::from_utf8_lossy(note);
    let (text, signatures) = text.split_once("\n\n").unwrap_or_default();
    let mut kept = format!("{text}\n\n");
    for key in log {
        let own = signatures.lines().find(|signature| {
            let alone = format!("{text}\n\n{signature}\n");
            key.open(alone.as_bytes()).is_ok()
        });
        if let Some(own) = own {
            kept += own;
            kept.push('\n');
        }
    }
    Ok(add_signature(kept.as_bytes(), line).map_err(anyhow::Error::from)?)
}

#[cfg(test)]
pub(super) mod tests {
    use std::{
        fs,
        sync::{Arc, Barrier},
        thread,
    };

    use birge_proto::{
        clock::SystemClock,
        envelope::SigningKey,
        signatories::Signatories,
        tlog::{
            cosignature::Cosigner,
            hash,
            note::{NoteSigner, NoteVerifier},
            proof::{Hashes, consistency, root},
        },
    };

    use super::*;
    use crate::{home::Home, memory::Memory};

    pub(crate) const ORIGIN: &str = "birge.example/log";

    /// A log whose entry `n` is `n` and the word; hashes are computed when asked for.
    pub(crate) struct Log {
        pub(crate) signer: NoteSigner,
        word: &'static str,
        /// Entries before this one are those of any other word.
        forked: u64,
    }

    impl Hashes for Log {
        type Error = std::convert::Infallible;

        fn hash(&self, level: u8, index: u64) -> Result<hash::Hash, Self::Error> {
            if level > 0 {
                let left = self.hash(level - 1, 2 * index)?;
                return Ok(hash::node(&left, &self.hash(level - 1, 2 * index + 1)?));
            }
            let word = if index < self.forked { "" } else { self.word };
            Ok(hash::leaf(format!("{index}{word}").as_bytes()))
        }
    }

    impl Log {
        pub(crate) fn new() -> Self {
            let key = SigningKey::generate().unwrap();
            Self { signer: NoteSigner::new(ORIGIN, key).unwrap(), word: "", forked: 0 }
        }

        /// The same log with another history from an entry on.
        pub(crate) fn fork(self, at: u64) -> Self {
            Self { word: "other", forked: at, ..self }
        }

        pub(crate) fn verifier(&self) -> NoteVerifier {
            self.signer.verifier()
        }

        pub(crate) fn checkpoint(&self, size: u64) -> Checkpoint {
            Checkpoint::new(ORIGIN, size, root(size, self).unwrap()).unwrap()
        }

        pub(crate) fn note(&self, size: u64) -> Vec<u8> {
            self.checkpoint(size).sign(&self.signer).unwrap()
        }

        pub(crate) fn request(&self, old: u64, size: u64) -> Vec<u8> {
            let proof = consistency(old, size, self).unwrap_or_default();
            AddCheckpoint { old, proof, checkpoint: self.note(size) }.encode()
        }
    }

    pub(crate) fn witness(folder: &std::path::Path, log: &NoteVerifier) -> Witness {
        let home = Home::new(folder);
        home.create().unwrap();
        let memory = Memory::open(&home, &log.to_string(), Signatories::default()).unwrap();
        let key = SigningKey::generate().unwrap();
        let cosigner = Cosigner::new("birge.example/witness/MIA", key).unwrap();
        Witness { home, memory, cosigner, clock: Arc::new(SystemClock) }
    }

    fn held(witness: &Witness) -> u64 {
        witness.memory.held().unwrap().map_or(0, |(_, held)| held.size())
    }

    #[test]
    fn every_status_is_answered_and_only_what_was_cosigned_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::new();
        let witness = witness(folder.path(), &log.verifier());
        let ask = |body: &[u8]| witness.answer(body, Asker::Anybody);
        let first = ask(&log.request(0, 5));
        assert_eq!(first.status, 200);
        let cosigned = add_signature(&log.note(5), &first.body).unwrap();
        witness.cosigner.verifier().verify(&cosigned).unwrap();
        let (note, _) = witness.memory.held().unwrap().unwrap();
        witness.cosigner.verifier().verify(&note).unwrap();

        let conflict = ask(&log.request(3, 9));
        assert_eq!((conflict.status, conflict.content_type), (409, "text/x.tlog.size"));
        assert_eq!(conflict.body, b"5\n");
        assert_eq!(ask(b"old 5\n").status, 400);
        assert_eq!(ask(&log.request(9, 5)).status, 400, "old is larger than the size");
        assert_eq!(ask(&Log::new().request(5, 9)).status, 403);
        let mut elsewhere = String::from_utf8(log.request(5, 9)).unwrap();
        elsewhere = elsewhere.replace(ORIGIN, "other.example/log");
        assert_eq!(ask(elsewhere.as_bytes()).status, 404);
        let mut wrong = AddCheckpoint::parse(&log.request(5, 9)).unwrap();
        wrong.proof[0][0] ^= 1;
        assert_eq!(ask(&wrong.encode()).status, 422);
        assert_eq!(held(&witness), 5, "a refused checkpoint was kept");
        assert_eq!(ask(&log.request(5, 9)).status, 200);
        assert_eq!(ask(&log.request(9, 9)).status, 200, "cosigned once more");
        assert_eq!(held(&witness), 9);
    }

    #[test]
    fn signatures_of_others_are_not_kept_and_the_own_one_is_renewed() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::new();
        let witness = witness(folder.path(), &log.verifier());
        let other = Cosigner::new("x/other", SigningKey::generate().unwrap()).unwrap();
        let mut request = AddCheckpoint::parse(&log.request(0, 5)).unwrap();
        let line = other.cosign(&log.checkpoint(5), witness.clock.now()).unwrap();
        request.checkpoint = add_signature(&request.checkpoint, &line).unwrap();
        for old in [0, 5] {
            let request = AddCheckpoint { old, ..request.clone() };
            let answer = witness.answer(&request.encode(), Asker::Gateway);
            assert_eq!(answer.status, 200);
            let (note, _) = witness.memory.held().unwrap().unwrap();
            assert!(other.verifier().verify(&note).is_err());
            request_of(&note, &witness);
        }
    }

    fn request_of(note: &[u8], witness: &Witness) {
        assert_eq!(String::from_utf8_lossy(note).matches('—').count(), 2);
        witness.cosigner.verifier().verify(note).unwrap();
    }

    #[test]
    fn what_was_seen_counts_as_much_as_what_was_cosigned() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::new();
        let witness = witness(folder.path(), &log.verifier());
        fs::write(folder.path().join("state/checkpoint"), log.note(7)).unwrap();
        assert_eq!(witness.answer(&log.request(0, 9), Asker::Gateway).status, 409);
        assert_eq!(witness.answer(&log.request(7, 9), Asker::Gateway).status, 200);
        let other = log.fork(6);
        fs::remove_file(folder.path().join("state/witness")).unwrap();
        let answer = witness.answer(&other.request(7, 7), Asker::Anybody);
        assert_eq!(answer.status, 422);
        assert_eq!(alarms::standing(&witness.home).unwrap().len(), 1);
    }

    #[test]
    fn two_histories_are_an_alarm_and_a_strangers_wrong_proof_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::new();
        let witness = witness(folder.path(), &log.verifier());
        assert_eq!(witness.answer(&log.request(0, 5), Asker::Gateway).status, 200);
        let mut wrong = AddCheckpoint::parse(&log.request(5, 9)).unwrap();
        wrong.proof[0][0] ^= 1;
        assert_eq!(witness.answer(&wrong.encode(), Asker::Anybody).status, 422);
        let mut long = AddCheckpoint::parse(&log.request(5, 5)).unwrap();
        long.proof.push([0; 32]);
        assert_eq!(witness.answer(&long.encode(), Asker::Gateway).status, 422);
        assert!(alarms::standing(&witness.home).unwrap().is_empty());
        assert_eq!(suspects::all(&witness.home).unwrap().len(), 1);

        let other = log.fork(3);
        assert_eq!(witness.answer(&other.request(5, 5), Asker::Anybody).status, 422);
        assert_eq!(witness.answer(&other.request(5, 8), Asker::Gateway).status, 422);
        let raised = alarms::standing(&witness.home).unwrap();
        assert_eq!(raised.len(), 2);
        for alarm in raised {
            assert_eq!(alarm.kind, Kind::Fork);
            let read = |ending: &str| {
                let name = format!("alarms/{}.{ending}", alarm.name);
                witness.memory.open_note(&fs::read(witness.home.join(name)).unwrap()).unwrap()
            };
            assert_ne!(read("held.note"), read("other.note"));
        }
        assert_eq!(held(&witness), 5);
    }

    #[test]
    fn requests_at_once_never_take_the_witness_back() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::new();
        let witness = witness(folder.path(), &log.verifier());
        let start = Barrier::new(8);
        thread::scope(|scope| {
            for first in 1..9_u64 {
                let (witness, log, start) = (&witness, &log, &start);
                scope.spawn(move || {
                    start.wait();
                    for size in (first..64).step_by(3) {
                        let before = held(witness);
                        if before <= size {
                            let _ = witness.answer(&log.request(before, size), Asker::Anybody);
                        }
                        assert!(held(witness) >= before, "the witness went back");
                    }
                });
            }
        });
        assert!(held(&witness) > 0);
    }

    #[test]
    fn what_cannot_be_kept_is_not_cosigned() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::new();
        let witness = witness(folder.path(), &log.verifier());
        // The file is written under another name first: a folder of that name stands in its way.
        fs::create_dir(folder.path().join("state/witness.tmp")).unwrap();
        let answer = witness.answer(&log.request(0, 5), Asker::Gateway);
        assert_eq!(answer.status, 500);
        assert_eq!(held(&witness), 0);
        fs::remove_dir(folder.path().join("state/witness.tmp")).unwrap();
        // Killed after it was kept and before the answer left: asked again, it cosigns the same,
        // and nothing else of that size.
        witness.memory.hold(&log.note(5)).unwrap();
        assert_eq!(witness.answer(&log.request(0, 5), Asker::Gateway).body, b"5\n");
        assert_eq!(witness.answer(&log.request(5, 5), Asker::Gateway).status, 200);
        let other = log.fork(2);
        assert_eq!(witness.answer(&other.request(5, 5), Asker::Gateway).status, 422);
    }
}
