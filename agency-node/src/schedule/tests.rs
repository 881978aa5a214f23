use std::fs;

use birge_proto::clock::ManualClock;

use super::*;
use crate::{handin::tests::node as bare, schedule::told::standing};

/// A node with one source, a SQLite file with figures of two periods.
fn node(folder: &std::path::Path, clock: &ManualClock) -> (Node, Source, Times) {
    bare(folder);
    let file = folder.join("node.toml");
    let config = fs::read_to_string(&file).unwrap();
    let source = "[[source]]\nname = \"own\"\nschedule = \"0 6 5 * *\"\nperiod = \"month\"\n\
                  time_zone = \"Asia/Bishkek\"\n[source.sql]\nurl = \"sqlite:own.db\"\n\
                  query = \"SELECT ?1 AS p, n FROM t\"\n";
    fs::write(&file, format!("{config}\n{source}")).unwrap();
    let mut node = Node::open(&file).unwrap();
    node.clock = std::sync::Arc::new(clock.clone());
    let source = node.config.sources[0].clone();
    let times = Times::of(&source).unwrap().unwrap();
    (node, source, times)
}

fn database(node: &Node) {
    let connection = rusqlite::Connection::open(node.home.join("own.db")).unwrap();
    connection.execute_batch("CREATE TABLE t (n); INSERT INTO t VALUES (1)").unwrap();
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The files that were pulled so far, by their names.
fn files(node: &Node, source: &Source) -> Vec<String> {
    let names = fs::read_dir(node.inbox(source)).unwrap().flatten();
    let mut names: Vec<_> = names.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Lets a node look until there is nothing more to do; how long it sleeps then.
async fn settle(node: &Node, source: &Source, times: &Times) -> Duration {
    for _ in 0..10 {
        let pause = step(node, source, times).await.unwrap();
        if !pause.is_zero() {
            return pause;
        }
    }
    panic!("it never has nothing to do")
}

const JANUARY: &str = "own_2026-01_20260205T000000Z.csv";
const MARCH: &str = "own_2026-03_20260405T000000Z.csv";

#[tokio::test]
async fn each_time_is_met_once_whatever_the_clock_does() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(time("2026-01-20T12:00:00Z"));
    let (node, source, times) = node(&folder.path().join("mia"), &clock);
    database(&node);
    let look = async |at: &str| {
        clock.set(time(at));
        assert!(settle(&node, &source, &times).await <= GLANCE);
        files(&node, &source)
    };
    // What was due before the source had a schedule is not asked.
    assert!(look("2026-01-20T12:00:00Z").await.is_empty());
    // Six o'clock in Bishkek is midnight in UTC.
    assert!(look("2026-02-04T23:59:59Z").await.is_empty());
    assert_eq!(look("2026-02-05T00:00:00Z").await, [JANUARY]);
    fs::remove_file(node.inbox(&source).join(JANUARY)).unwrap();
    // Later, again, and after the clock was put back: nothing more.
    for at in ["2026-02-05T00:00:01Z", "2026-02-04T23:00:00Z", "2026-02-05T00:00:00Z"] {
        assert!(look(at).await.is_empty(), "{at}");
    }
    // Off over two times: the newest alone is made up for.
    assert_eq!(look("2026-04-20T12:00:00Z").await, [MARCH]);
    let told = standing(&node)[0].to_string();
    assert!(told.contains("MISSED   2026-02:"), "{told}");
    missed::settle(&node.home, "own", "2026-02").unwrap();
    assert!(!standing(&node)[0].to_string().contains("MISSED"));
    // Forward by years, and back: that time is met, and those until then are, too, as they come.
    let jumped = look("2031-07-01T00:00:00Z").await;
    assert_eq!(jumped, [MARCH, "own_2031-05_20310605T000000Z.csv"].map(String::from));
    let missed = || missed::of(&node.home, "own").unwrap();
    assert!(missed().contains("2026-04") && missed().len() == 61, "{:?}", missed());
    assert_eq!(look("2026-04-21T00:00:00Z").await.len(), 2);
    assert_eq!(look("2026-05-05T00:00:00Z").await.len(), 3);
    assert!(!missed().contains("2026-04"), "its time has come");
    assert_eq!(look("2031-07-01T00:00:00Z").await.len(), 3);
}

#[tokio::test]
async fn a_source_that_fails_is_asked_again_later_and_later() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(time("2026-02-01T00:00:00Z"));
    let (node, source, times) = node(&folder.path().join("mia"), &clock);
    settle(&node, &source, &times).await;
    let mut at = time("2026-02-05T00:00:00Z");
    for (attempts, minutes) in [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 32), (7, 60), (8, 60)]
    {
        clock.set(at);
        settle(&node, &source, &times).await;
        settle(&node, &source, &times).await;
        let open = State::load(&node.home, "own").unwrap().open.unwrap();
        assert_eq!((open.attempts, open.again.duration_since(at).as_mins()), (attempts, minutes));
        at = open.again;
    }
    let told = standing(&node)[0].to_string();
    assert!(told.contains("FAILED") && told.contains("unable to open"), "{told}");
    // Put back by far, it is asked at once and not in years.
    clock.set(time("2026-02-05T01:00:00Z"));
    settle(&node, &source, &times).await;
    assert_eq!(State::load(&node.home, "own").unwrap().open.unwrap().attempts, 9);
    database(&node);
    clock.set(at);
    settle(&node, &source, &times).await;
    assert_eq!(files(&node, &source), [JANUARY]);
    assert!(State::load(&node.home, "own").unwrap().open.is_none());
    let told = standing(&node)[0].to_string();
    assert!(told.contains("for 2026-01, 1 rows") && told.contains("next     2026-03-05 06:00"));
}

#[tokio::test]
async fn killed_on_the_way_it_asks_again_and_after_the_file_landed_it_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(time("2026-02-01T00:00:00Z"));
    let (node, source, times) = node(&folder.path().join("mia"), &clock);
    database(&node);
    settle(&node, &source, &times).await;
    let due = time("2026-02-05T00:00:00Z");
    let begun = |state: &mut State| {
        state.begin(due, due);
        state.save(&node.home, "own").unwrap();
    };
    let mut state = State::load(&node.home, "own").unwrap();
    begun(&mut state);
    fs::write(node.inbox(&source).join(format!("{JANUARY}.tmp")), "p,n\n").unwrap();
    clock.set(time("2026-02-05T00:10:00Z"));
    settle(&node, &source, &times).await;
    assert_eq!(files(&node, &source), [JANUARY], "what was half is replaced");

    // As if it was killed before it noted that; the file has gone its way since.
    begun(&mut state);
    let sent = node.home.join("sent").join(JANUARY);
    fs::rename(node.inbox(&source).join(JANUARY), sent).unwrap();
    clock.set(time("2026-02-05T00:20:00Z"));
    settle(&node, &source, &times).await;
    assert!(files(&node, &source).is_empty(), "asked once");
    assert!(State::load(&node.home, "own").unwrap().open.is_none());
}

#[tokio::test]
async fn other_times_count_from_when_they_are_set() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(time("2026-02-01T00:00:00Z"));
    let (node, source, times) = node(&folder.path().join("mia"), &clock);
    database(&node);
    settle(&node, &source, &times).await;
    clock.set(time("2026-02-10T00:00:00Z"));
    settle(&node, &source, &times).await;
    let other = Source { schedule: Some("0 6 9 * *".into()), ..source.clone() };
    let times = Times::of(&other).unwrap().unwrap();
    settle(&node, &other, &times).await;
    assert_eq!(files(&node, &source), [JANUARY]);
    clock.set(time("2026-03-09T00:00:00Z"));
    settle(&node, &other, &times).await;
    assert_eq!(files(&node, &source).len(), 2);
}

#[test]
fn a_schedule_that_is_none_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(time("2026-02-01T00:00:00Z"));
    let (_, source, _) = node(&folder.path().join("mia"), &clock);
    let with = |schedule: &str, zone: &str| {
        let (schedule, time_zone) = (Some(schedule.to_owned()), zone.to_owned());
        Times::of(&Source { schedule, time_zone, ..source.clone() })
    };
    for (schedule, zone) in [
        ("0 6 5 *", "UTC"),
        ("0 0 6 5 * *", "UTC"),
        ("0 25 5 * *", "UTC"),
        ("@monthly", "UTC"),
        ("0 6 5 * *", "Asia/Frunze-2"),
    ] {
        assert!(with(schedule, zone).unwrap_err().to_string().contains("next: "), "{schedule}");
    }
    let never = with("0 6 30 2 *", "UTC").unwrap().unwrap();
    assert_eq!((never.next(clock_now()), never.newest(clock_now())), (None, None));
    assert!(Times::of(&Source { sql: None, ..source }).is_err(), "nothing to ask");
}

/// An hour that the clocks leave out or show twice is met once.
#[test]
fn clocks_that_change_for_summer_skip_and_repeat_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(time("2026-02-01T00:00:00Z"));
    let (_, source, _) = node(&folder.path().join("mia"), &clock);
    let (schedule, time_zone) = (Some("30 2 * * *".to_owned()), "Europe/Berlin".to_owned());
    let times = Times::of(&Source { schedule, time_zone, ..source }).unwrap().unwrap();
    for (from, days) in [("2026-03-27T12:00:00Z", 4), ("2026-10-23T12:00:00Z", 4)] {
        let mut at = time(from);
        let mut met = vec![];
        for _ in 0..days {
            at = times.next(at).unwrap();
            assert_eq!(times.newest(at), Some(at));
            met.push(times.shown(at)[..10].to_owned());
        }
        met.dedup();
        assert_eq!(met.len(), days, "{met:?}");
    }
}

fn clock_now() -> Timestamp {
    time("2026-02-01T00:00:00Z")
}
