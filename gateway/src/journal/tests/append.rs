//! Appending: order, durability, classes, room, fences.

use std::time::{Duration, Instant};

use birge_proto::{clock::Clock, record::Record};
use proptest::prelude::*;

use super::*;

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let dir = TempDir::new().unwrap();
    let journal = start(dir.path(), config());
    let first = journal.append(Class::Submission, Draft::body(b"batch")).await.unwrap();
    let second = journal.append(Class::Reading, Draft::records(3)).await.unwrap();
    assert_eq!((first.first, second.first, second.entries.len()), (0, 1, 3));
    assert_eq!(*journal.durable().borrow(), 4);
    let before = contents(&journal.reader());
    journal.close().await;
    assert_eq!(
        journal.append(Class::Reading, Draft::records(1)).await.unwrap_err(),
        AppendError::Closed
    );
    drop(journal);

    let opened = Opened::open(dir.path(), config()).unwrap();
    assert_eq!(contents(&opened.reader()), before);
    let entry = opened.reader().entry(2).unwrap().unwrap();
    assert_eq!(entry.record, second.entries[1].record);
    assert_eq!(entry.opening, second.entries[1].opening);
    assert!(opened.reader().entry(4).unwrap().is_none());
    assert_eq!(before[0].3.as_deref(), Some(&b"batch"[..]));
    let journal = opened.start(Arc::new(clock()), Scribe::default()).unwrap();
    assert_eq!(journal.append(Class::Reading, Draft::records(1)).await.unwrap().first, 4);
    assert_eq!(journal.reader().size(), 5);
}

#[tokio::test]
async fn no_entries_is_an_answer_too() {
    let dir = TempDir::new().unwrap();
    let journal = start(dir.path(), config());
    let committed = journal.append(Class::Submission, Draft::records(0)).await.unwrap();
    assert_eq!((committed.first, committed.entries.len(), committed.reply), (0, 0, 1));
    assert!(segments(dir.path()).iter().all(|path| fs::metadata(path).unwrap().len() == 0));
}

#[tokio::test]
async fn one_process_at_a_time() {
    let dir = TempDir::new().unwrap();
    let journal = start(dir.path(), config());
    let second = Opened::open(dir.path(), config());
    assert!(matches!(second, Err(JournalError::Locked(_))));
    journal.close().await;
    Opened::open(dir.path(), config()).unwrap();
}

#[tokio::test]
async fn time_never_runs_backwards() {
    let dir = TempDir::new().unwrap();
    let (clock, early) = (clock(), "2020-01-01T00:00:00Z".parse().unwrap());
    let started = clock.now();
    let opened = Opened::open(dir.path(), config()).unwrap();
    let journal = opened.start(Arc::new(clock.clone()), Scribe::default()).unwrap();
    journal.append(Class::Reading, Draft::records(1)).await.unwrap();
    clock.set(early);
    journal.append(Class::Reading, Draft::records(1)).await.unwrap();
    journal.close().await;
    let opened = Opened::open(dir.path(), config()).unwrap();
    let clock = Arc::new(ManualClock::new(early));
    let journal = opened.start(clock, Scribe::default()).unwrap();
    journal.append(Class::Reading, Draft::records(1)).await.unwrap();
    for (_, record, ..) in contents(&journal.reader()) {
        assert_eq!(Record::parse(&record).unwrap().time, started);
    }
}

#[tokio::test]
async fn a_full_disk_refuses_and_changes_nothing() {
    let dir = TempDir::new().unwrap();
    let journal = start(dir.path(), config());
    journal.append(Class::Reading, Draft::records(1)).await.unwrap();
    let huge = Draft { extra_room: 1 << 60, ..Draft::records(1) };
    let refused = journal.append(Class::Administration, huge).await;
    assert_eq!(refused.unwrap_err(), AppendError::Full);
    // The sequencer never saw it, and the journal goes on.
    let next = journal.append(Class::Reading, Draft::records(1)).await.unwrap();
    assert_eq!((next.first, next.reply), (1, 2));
}

#[tokio::test]
async fn the_reserve_is_kept_for_what_is_more_urgent() {
    let free = segment::free(&std::env::temp_dir()).unwrap();
    let all = [Class::Administration, Class::Submission, Class::Reading];
    for (reserve, admitted) in [(0, 3), (free.saturating_mul(2), 2), (u64::MAX, 1)] {
        let dir = TempDir::new().unwrap();
        let journal = start(dir.path(), JournalConfig { reserve_bytes: reserve, ..config() });
        for (rank, class) in all.into_iter().enumerate() {
            let answer = journal.append(class, Draft::records(1)).await.map(|_| ());
            let expected = if rank < admitted { Ok(()) } else { Err(AppendError::DiskReserved) };
            assert_eq!(answer, expected, "{class:?} with a reserve of {reserve}");
        }
    }
}

#[tokio::test]
async fn after_an_error_nothing_is_written() {
    let dir = TempDir::new().unwrap();
    let journal = start(dir.path(), JournalConfig { segment_bytes: 1, ..config() });
    journal.append(Class::Reading, Draft::records(1)).await.unwrap();
    // The next group needs a new segment, which cannot be made.
    fs::remove_dir_all(dir.path()).unwrap();
    for _ in 0..2 {
        let refused = journal.append(Class::Administration, Draft::records(1)).await;
        assert_eq!(refused.unwrap_err(), AppendError::Fenced);
    }
    assert!(journal.fenced().await.contains("cannot create"));
    assert_eq!(*journal.durable().borrow(), 1);
}

struct Panicking;

impl Sequencer for Panicking {
    type Draft = ();
    type Reply = ();

    fn room(&self, _draft: &()) -> u64 {
        0
    }

    fn sequence(&mut self, _draft: (), _next: u64, _time: Timestamp) -> (Vec<NewEntry>, ()) {
        panic!("a sequencer's mistake")
    }
}

#[tokio::test]
async fn a_panic_in_the_sequencer_fences() {
    let dir = TempDir::new().unwrap();
    let opened = Opened::open(dir.path(), config()).unwrap();
    let journal = opened.start(Arc::new(clock()), Panicking).unwrap();
    let refused = journal.append(Class::Reading, ()).await;
    assert_eq!(refused.unwrap_err(), AppendError::Fenced);
    assert!(journal.fenced().await.contains("panicked"));
}

#[tokio::test]
async fn administration_and_submissions_go_before_reads() {
    let queue = Queue::<&str, ()>::new(8);
    for (class, draft) in [
        (Class::Reading, "read"),
        (Class::Submission, "submit"),
        (Class::Reading, "read again"),
        (Class::Administration, "revoke"),
    ] {
        queue.push(class, draft, oneshot::channel().0).await.unwrap();
    }
    let mut taken = Vec::new();
    while taken.len() < 4 {
        let group = queue.take(3, u64::MAX, |_| 1).unwrap();
        taken.extend(group.into_iter().map(|waiting| waiting.draft));
    }
    assert_eq!(taken, ["revoke", "submit", "read", "read again"]);
}

#[tokio::test]
async fn a_full_lane_makes_only_its_own_class_wait() {
    let queue = Queue::<u8, ()>::new(1);
    queue.push(Class::Reading, 1, oneshot::channel().0).await.unwrap();
    let mut late = Box::pin(queue.push(Class::Reading, 2, oneshot::channel().0));
    assert!(futures::poll!(&mut late).is_pending());
    queue.push(Class::Submission, 3, oneshot::channel().0).await.unwrap();
    assert_eq!(queue.take(1, 1, |_| 1).unwrap()[0].draft, 3);
    assert!(futures::poll!(&mut late).is_pending());
    queue.take(1, 1, |_| 1).unwrap();
    late.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_appenders_get_an_index_each_and_are_read_while_writing() {
    let dir = TempDir::new().unwrap();
    let journal = start(dir.path(), JournalConfig { segment_bytes: 4_096, ..config() });
    let appenders = (0..64).map(|_| {
        let journal = journal.clone();
        tokio::spawn(async move {
            let mut indices = Vec::new();
            for _ in 0..20 {
                let committed = journal.append(Class::Reading, Draft::records(2)).await.unwrap();
                let (entry, index) = (&committed.entries[1], committed.first + 1);
                let read = journal.reader().entry(index).unwrap().unwrap();
                assert_eq!((read.index, &read.record), (index, &entry.record));
                indices.extend([committed.first, index]);
            }
            indices
        })
    });
    let mut indices: Vec<u64> =
        futures::future::join_all(appenders).await.into_iter().flat_map(Result::unwrap).collect();
    indices.sort_unstable();
    assert_eq!(indices, (0..2_560).collect::<Vec<_>>());
    assert_eq!(verify(dir.path(), |_, _| {}).unwrap().entries, 2_560, "while it is open");
    journal.close().await;
    assert_eq!(verify(dir.path(), |_, _| {}).unwrap().unfinished, 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn random_groups_survive_restarts(
        drafts in prop::collection::vec(
            prop::collection::vec(prop::option::of(prop::collection::vec(any::<u8>(), 0..2_000)), 0..4),
            1..20,
        ),
        segment_bytes in 1_u64..8_000,
        restart in 1_usize..6,
    ) {
        let dir = TempDir::new().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let config = JournalConfig { segment_bytes, ..config() };
        for run in drafts.chunks(restart) {
            let journal = start(dir.path(), config.clone());
            runtime.block_on(async {
                for bodies in run {
                    let draft = Draft { bodies: bodies.clone(), ..Draft::default() };
                    journal.append(Class::Submission, draft).await.unwrap();
                }
                journal.close().await;
            });
        }
        let opened = Opened::open(dir.path(), config).unwrap();
        let bodies: Vec<_> = contents(&opened.reader()).into_iter().map(|entry| entry.3).collect();
        let expected: Vec<_> = drafts.concat().into_iter().map(|body| body.map(Bytes::from)).collect();
        prop_assert_eq!(bodies, expected);
        prop_assert_eq!(verify(dir.path(), |_, _| {}).unwrap().entries, opened.reader().size());
    }
}

/// What the writer costs beside the disk, said on the test's output; the benchmarks of the
/// whole system compare it with a bare loop.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_appenders_share_a_sync() {
    let dir = TempDir::new().unwrap();
    let journal = start(dir.path(), config());
    let began = Instant::now();
    let appenders = (0..1_000).map(|_| {
        let journal = journal.clone();
        tokio::spawn(async move {
            for _ in 0..10 {
                journal.append(Class::Reading, Draft::records(1)).await.unwrap();
            }
        })
    });
    futures::future::join_all(appenders).await;
    let took = began.elapsed().max(Duration::from_micros(1));
    journal.close().await;
    let Verified { entries, groups, .. } = verify(dir.path(), |_, _| {}).unwrap();
    println!("{entries} records in {groups} groups: {:.0}/s", 1e4 / took.as_secs_f64());
    assert_eq!(entries, 10_000);
    assert!(groups < 2_500, "{groups} groups: appenders do not share a sync");
}
