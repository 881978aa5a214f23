//! How one witness is asked, again and again, to cosign the newest checkpoint.

use std::{sync::Arc, time::Duration};

use birge_proto::{
    identity::Identity,
    problem::{Kind, Problem},
    tlog::{
        checkpoint::Checkpoint, cosignature::CosignatureVerifier, note::add_signature,
        witness::AddCheckpoint,
    },
};
use tokio::{
    task::spawn_blocking,
    time::{sleep, timeout},
};

use super::{AGAIN, Assembly, Said, attendance::Seat};
use crate::ledger::Published;

/// How long a witness may take for an answer, be it too late for the checkpoint's first
/// showing.
const PATIENCE: Duration = Duration::from_secs(10);
/// Questions about one checkpoint: a witness that names another size is asked again.
const QUESTIONS: usize = 3;
/// Bytes of the longest answer that is read.
pub(crate) const ANSWER_BYTES: usize = 8 << 10;
/// Lines of an answer that are looked at.
const LINES: usize = 16;

/// A witness's answer to `add-checkpoint`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Cosignature lines for 200, the size that it holds for 409.
    pub body: Vec<u8>,
}

/// The way to a witness. An error means that it is lost.
pub trait Link: Send {
    /// Asks with the body of `add-checkpoint`.
    fn ask(&mut self, body: Vec<u8>) -> impl Future<Output = Result<Answer, Problem>> + Send;

    /// Waits, while nothing is asked, until the witness is lost. May be dropped at any time.
    fn lost(&mut self) -> impl Future<Output = Problem> + Send;

    /// The checkpoint that the witness shows as the one it holds, where it can be asked for it.
    fn shown(&mut self) -> impl Future<Output = Option<Vec<u8>>> + Send {
        std::future::ready(None)
    }
}

/// One witness, being asked.
pub struct Pursuit {
    assembly: Assembly,
    identity: Identity,
    key: CosignatureVerifier,
    /// Leaves of the checkpoint that it is thought to hold.
    held: u64,
    /// None until it was reached.
    seat: Option<Seat>,
    /// What it cosigned last.
    cosigned: Option<Checkpoint>,
}

impl Pursuit {
    /// Of a witness that is there and has shown a checkpoint of `held` leaves.
    #[must_use]
    pub fn of_present(
        assembly: Assembly,
        identity: Identity,
        key: CosignatureVerifier,
        held: u64,
    ) -> Self {
        assembly.attendance.has_answered(&identity);
        let seat = Some(assembly.attendance.enter(&identity));
        Self { assembly, identity, key, held, seat, cosigned: None }
    }

    /// Of a witness that is still to be reached.
    #[must_use]
    pub fn of_absent(assembly: Assembly, identity: Identity, key: CosignatureVerifier) -> Self {
        Self { assembly, identity, key, held: 0, seat: None, cosigned: None }
    }

    /// Asks until the witness is lost, and says why it was.
    pub async fn run(mut self, link: &mut impl Link) -> Problem {
        let mut newest = self.assembly.ledger.checkpoint();
        loop {
            let published = newest.borrow_and_update().clone();
            match self.pursue(link, &published).await {
                Ok(()) => {}
                Err(lost) => return lost,
            }
            let key =
                self.assembly.roster().ok().and_then(|roster| roster.key(&self.identity).cloned());
            if key.is_some_and(|key| key != self.key) {
                let detail = "the witness was enrolled with another key";
                return Problem::new(Kind::NotEnrolled, detail);
            }
            let pending = self.cosigned.as_ref() != Some(&published.checkpoint);
            tokio::select! {
                changed = newest.changed() => if changed.is_err() {
                    return Problem::new(Kind::Unavailable, "the gateway stops");
                },
                lost = link.lost() => return lost,
                () = replaced(self.seat.as_ref()) => {
                    return Problem::new(Kind::Unavailable, "the witness is there a second time");
                }
                () = sleep(AGAIN), if pending => {}
            }
        }
    }

    /// Has the witness cosign a checkpoint, unless it bears its cosignature; tells what came.
    async fn pursue(
        &mut self,
        link: &mut impl Link,
        published: &Arc<Published>,
    ) -> Result<(), Problem> {
        let checkpoint = published.checkpoint.clone();
        let shown = self.assembly.ledger.settled().borrow().clone();
        let bears = shown.checkpoint == checkpoint && self.key.verify(&shown.note).is_ok();
        if bears && self.seat.is_some() {
            self.cosigned = Some(checkpoint.clone());
        }
        let line = match self.cosigned.as_ref() == Some(&checkpoint) || checkpoint.size() == 0 {
            true => None,
            false => self.question(link, published).await?,
        };
        if line.is_some() {
            self.cosigned = Some(checkpoint.clone());
        }
        let said = Said { identity: self.identity.clone(), checkpoint, line };
        let stopped = |_| Problem::new(Kind::Unavailable, "the gateway stops");
        self.assembly.said.send(said).await.map_err(stopped)
    }

    /// Its cosignature of a checkpoint, if it gives one.
    async fn question(
        &mut self,
        link: &mut impl Link,
        published: &Published,
    ) -> Result<Option<Vec<u8>>, Problem> {
        let (witness, size) = (self.identity.clone(), published.checkpoint.size());
        for _ in 0..QUESTIONS {
            if self.held > size {
                self.larger(link, size).await?;
                return Ok(None);
            }
            let body = self.request(published).await?.encode();
            let silent = |_| Problem::new(Kind::Unavailable, format!("{witness} did not answer"));
            let answer = timeout(PATIENCE, link.ask(body)).await.map_err(silent)??;
            match answer.status {
                200 => {
                    let line = cosignature(&self.key, &published.note, &answer.body);
                    if line.is_none() {
                        tracing::warn!(%witness, size, "what it gave is not its cosignature");
                        return Ok(None);
                    }
                    self.reached();
                    self.held = size;
                    return Ok(line);
                }
                409 => match decimal(&answer.body) {
                    Some(other) if other != self.held => self.held = other,
                    _ => break,
                },
                status => {
                    let body = String::from_utf8_lossy(&answer.body).into_owned();
                    tracing::warn!(%witness, size, status, body, "it does not cosign");
                    return Ok(None);
                }
            }
        }
        tracing::warn!(%witness, size, "it names ever other sizes that it holds");
        Ok(None)
    }

    async fn request(&self, published: &Published) -> Result<AddCheckpoint, Problem> {
        let (old, size) = (self.held, published.checkpoint.size());
        let checkpoint = published.note.clone();
        if old == 0 || old >= size {
            return Ok(AddCheckpoint { old, proof: vec![], checkpoint });
        }
        let ledger = Arc::clone(&self.assembly.ledger);
        let proof = spawn_blocking(move || ledger.consistency(old, size)).await;
        let unread = |_| Problem::new(Kind::Internal, "the ledger could not be read");
        Ok(AddCheckpoint { old, proof: proof.map_err(unread)??, checkpoint })
    }

    /// It says that it holds a larger checkpoint than the newest: it must show it to be
    /// believed.
    async fn larger(&mut self, link: &mut impl Link, size: u64) -> Result<(), Problem> {
        let (witness, held) = (&self.identity, self.held);
        match link.shown().await {
            Some(note) => {
                self.held = self.assembly.examine(witness, note).await?;
                self.reached();
            }
            None if self.assembly.ledger.checkpoint().borrow().checkpoint.size() < held => {
                tracing::error!(%witness, held, size, "it claims a larger checkpoint, unshown");
                self.held = 0;
            }
            None => {} // it had it from here meanwhile
        }
        Ok(())
    }

    /// What it holds is known not to contradict the log.
    fn reached(&mut self) {
        let attendance = &self.assembly.attendance;
        attendance.has_answered(&self.identity);
        self.seat.get_or_insert_with(|| attendance.enter(&self.identity));
    }
}

async fn replaced(seat: Option<&Seat>) {
    match seat {
        Some(seat) => seat.replaced().await,
        None => std::future::pending().await,
    }
}

/// The line among those in `body` that is the cosignature of `note` by `key`; whatever else
/// there is counts for nothing.
fn cosignature(key: &CosignatureVerifier, note: &[u8], body: &[u8]) -> Option<Vec<u8>> {
    let body = body.get(..ANSWER_BYTES).unwrap_or(body);
    let mut lines = body.split_inclusive(|byte| *byte == b'\n').take(LINES);
    let holds =
        |line: &&[u8]| add_signature(note, line).is_ok_and(|note| key.verify(&note).is_ok());
    lines.find(holds).map(<[u8]>::to_vec)
}

/// A size as a witness writes it, with or without a newline.
fn decimal(body: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(body).ok()?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.parse().ok().filter(|size: &u64| size.to_string() == text)
}
