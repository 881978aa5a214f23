//! Batches that are on their way. What came of a stream before it broke is kept, so that the agency
//! need not send it again: of each agency the batch that it began last, in memory, for a day.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use birge_proto::{
    clock::Timestamp,
    identity::Identity,
    manifest::BatchId,
    problem::{Kind, Problem},
};
use jiff::SignedDuration;
use prost::bytes::Bytes;
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit};
use tokio_util::sync::CancellationToken;

/// How long what came is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// The memory that a batch may fill, given back when nothing of it is kept any more.
pub(super) type Memory = Arc<OwnedSemaphorePermit>;

/// The batches on their way.
#[derive(Default)]
pub(super) struct Arrivals(Mutex<HashMap<Identity, Arc<Arrival>>>);

/// What came of a batch. Each block is the one that was signed.
pub(super) struct Arrival {
    batch: BatchId,
    begun: Timestamp,
    blocks: Mutex<Vec<Bytes>>,
    memory: Memory,
    /// Held by the one stream that is checked and committed at a time.
    checking: Arc<Turn>,
    taken_over: CancellationToken,
}

/// The right to check and commit a batch.
pub(super) type Turn = tokio::sync::Mutex<()>;

/// What a stream takes over from the one before.
pub(super) struct Taken {
    pub(super) blocks: Vec<Bytes>,
    pub(super) memory: Memory,
    pub(super) checking: Arc<Turn>,
}

impl Taken {
    /// Nothing came before.
    pub(super) fn nothing(memory: OwnedSemaphorePermit) -> Self {
        Self { blocks: vec![], memory: Arc::new(memory), checking: Arc::default() }
    }
}

impl Arrivals {
    /// How many blocks came of a batch, from the first on.
    pub(super) fn held(&self, agency: &Identity, batch: BatchId) -> usize {
        let of = lock(&self.0);
        of.get(agency).filter(|known| known.batch == batch).map_or(0, |known| known.count())
    }

    /// The first `held` blocks that came of a batch, taken over from the stream that brought them,
    /// with their memory. What else came from this agency is forgotten.
    ///
    /// # Errors
    /// `TRUNCATED` where so many are not there.
    pub(super) fn take_over(
        &self,
        agency: &Identity,
        batch: BatchId,
        held: usize,
        now: Timestamp,
    ) -> Result<Option<Taken>, Problem> {
        let mut of = lock(&self.0);
        let before = of.remove(agency);
        of.retain(|_, arrival| now.duration_since(arrival.begun) < KEPT);
        drop(of);
        if held == 0 {
            return Ok(None);
        }
        let before = before.filter(|it| it.batch == batch && it.count() >= held);
        let before = before.ok_or_else(|| {
            let detail = format!("the first {held} blocks of the batch are not kept any more");
            Problem::new(Kind::Truncated, detail).hint("send the whole batch again")
        })?;
        before.taken_over.cancel();
        let blocks = lock(&before.blocks)[..held].to_vec();
        let (memory, checking) = (Arc::clone(&before.memory), Arc::clone(&before.checking));
        Ok(Some(Taken { blocks, memory, checking }))
    }

    /// A batch of which what was taken over is there, and the rest comes.
    pub(super) fn begin(
        &self,
        agency: &Identity,
        batch: BatchId,
        taken: Taken,
        now: Timestamp,
    ) -> Arc<Arrival> {
        let arrival = Arc::new(Arrival::of(batch, taken, now));
        lock(&self.0).insert(agency.clone(), Arc::clone(&arrival));
        arrival
    }

    /// Forgets a batch: it is answered.
    pub(super) fn end(&self, agency: &Identity, batch: BatchId) {
        let mut of = lock(&self.0);
        if of.get(agency).is_some_and(|known| known.batch == batch) {
            of.remove(agency);
        }
    }
}

impl Arrival {
    /// A batch of which nothing is kept when its stream breaks.
    pub(super) fn of(batch: BatchId, taken: Taken, now: Timestamp) -> Self {
        let Taken { blocks, memory, checking } = taken;
        let (blocks, taken_over) = (Mutex::new(blocks), CancellationToken::new());
        Self { batch, begun: now, blocks, memory, checking, taken_over }
    }

    /// Waits for the right to check and commit it: whoever took it over may be at that still.
    pub(super) async fn checking(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.checking).lock_owned().await
    }

    /// Nothing came yet, and nothing of it is kept.
    #[cfg(test)]
    pub(super) async fn new() -> Self {
        let turns = Arc::new(tokio::sync::Semaphore::new(1));
        let memory = turns.acquire_owned().await.expect("a permit");
        Self::of(BatchId([0; 32]), Taken::nothing(memory), Timestamp::UNIX_EPOCH)
    }

    /// How many blocks came.
    pub(super) fn count(&self) -> usize {
        lock(&self.blocks).len()
    }

    /// Bytes that came.
    pub(super) fn bytes(&self) -> usize {
        lock(&self.blocks).iter().map(Bytes::len).sum()
    }

    /// Adds the next block, which was found to be the one that was signed.
    pub(super) fn push(&self, block: Bytes) {
        lock(&self.blocks).push(block);
    }

    /// All blocks.
    pub(super) fn blocks(&self) -> Vec<Bytes> {
        lock(&self.blocks).clone()
    }

    /// Comes when another stream goes on with the batch.
    pub(super) async fn taken_over(&self) {
        self.taken_over.cancelled().await;
    }
}

/// Nothing that runs under these locks can leave what they guard half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use tokio::sync::Semaphore;

    use super::*;

    struct Fixture {
        arrivals: Arrivals,
        turns: Arc<Semaphore>,
        agency: Identity,
        now: Timestamp,
    }

    impl Fixture {
        fn new() -> Self {
            let (agency, now) = ("agency/NSC".parse().unwrap(), Timestamp::UNIX_EPOCH);
            Self { arrivals: Arrivals::default(), turns: Arc::new(Semaphore::new(1)), agency, now }
        }

        fn begin(&self, batch: BatchId) -> Arc<Arrival> {
            let memory = Arc::clone(&self.turns).try_acquire_owned().unwrap();
            self.arrivals.begin(&self.agency, batch, Taken::nothing(memory), self.now)
        }

        fn take_over(&self, batch: BatchId, held: usize) -> Result<Option<Vec<Bytes>>, Problem> {
            let taken = self.arrivals.take_over(&self.agency, batch, held, self.now)?;
            Ok(taken.map(|taken| taken.blocks))
        }
    }

    const ONE: BatchId = BatchId([1; 32]);
    const OTHER: BatchId = BatchId([2; 32]);

    #[test]
    fn a_broken_stream_is_gone_on_from() {
        let fixture = Fixture::new();
        let arrival = fixture.begin(ONE);
        arrival.push(Bytes::from_static(b"first"));
        arrival.push(Bytes::from_static(b"second"));
        assert_eq!(fixture.arrivals.held(&fixture.agency, ONE), 2);
        assert_eq!(fixture.arrivals.held(&fixture.agency, OTHER), 0);
        assert_eq!(fixture.arrivals.held(&"agency/MFA".parse().unwrap(), ONE), 0);
        assert!(arrival.taken_over().now_or_never().is_none());
        let blocks = fixture.take_over(ONE, 1).unwrap().unwrap();
        assert_eq!(blocks, [Bytes::from_static(b"first")]);
        assert!(arrival.taken_over().now_or_never().is_some(), "the older stream goes on");
        assert_eq!(fixture.take_over(ONE, 1).unwrap_err().kind, Kind::Truncated);
    }

    #[tokio::test]
    async fn who_takes_a_batch_over_waits_until_it_is_checked() {
        let fixture = Fixture::new();
        let older = fixture.begin(ONE);
        older.push(Bytes::from_static(b"first"));
        let checked = older.checking().await;
        let taken = fixture.arrivals.take_over(&fixture.agency, ONE, 1, fixture.now).unwrap();
        let newer = fixture.arrivals.begin(&fixture.agency, ONE, taken.unwrap(), fixture.now);
        assert!(newer.checking().now_or_never().is_none(), "two would be checked in one memory");
        drop(checked);
        assert!(newer.checking().now_or_never().is_some());
    }

    #[test]
    fn memory_is_free_again_when_another_batch_comes_or_a_day_went_by() {
        let mut fixture = Fixture::new();
        drop(fixture.begin(ONE));
        assert_eq!(fixture.turns.available_permits(), 0, "what came is kept");
        assert!(fixture.take_over(OTHER, 0).unwrap().is_none());
        assert_eq!(fixture.turns.available_permits(), 1);
        drop(fixture.begin(ONE));
        fixture.now += KEPT;
        fixture.agency = "agency/MFA".parse().unwrap();
        assert!(fixture.take_over(OTHER, 0).unwrap().is_none());
        assert_eq!(fixture.turns.available_permits(), 1);
    }

    #[test]
    fn what_is_answered_is_forgotten_and_nothing_else() {
        let fixture = Fixture::new();
        fixture.begin(ONE).push(Bytes::from_static(b"first"));
        fixture.arrivals.end(&fixture.agency, OTHER);
        assert_eq!(fixture.arrivals.held(&fixture.agency, ONE), 1);
        fixture.arrivals.end(&fixture.agency, ONE);
        assert_eq!(fixture.arrivals.held(&fixture.agency, ONE), 0);
        assert_eq!(fixture.turns.available_permits(), 1);
    }
}
