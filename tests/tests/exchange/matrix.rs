//! The crash matrix: the gateway is killed, or told of an error, at every system call of a commit
//! on its data; after each it runs again, and nothing is lost and nothing half there (promises
//! 1, 2 and 8).
//!
//! An act (a batch, a query, a start, a stop) is rehearsed once under `strace`, which gives its
//! calls in order: journal, tiles, checkpoint, index. Then it is played again from the same
//! ground for each call and each blow.

mod checks;
mod scene;

use std::{
    collections::HashSet,
    io::Write as _,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use anyhow::{Result, anyhow, ensure};
use birge_proto::problem::Kind;
use birge_tests::{
    template::not_tried,
    trace::{self, Blow, Call},
};

use self::{
    checks::examine,
    scene::{Act, Ground, Play, Scene},
};
use crate::support::deep;

/// How many are played at a time.
const LANES: usize = 2;

/// One call of an act that is spoilt.
#[derive(Debug, Clone)]
struct Case {
    ground: Ground,
    act: Act,
    call: Call,
    /// Made before the act is answered.
    early: bool,
    blow: Blow,
}

/// How the gateway must take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is dead.
    Killed,
    /// It ends by itself, and not as if all were well.
    Fenced,
    /// It refuses, may be asked again, and lives on.
    Refused,
    /// It does what was asked for, if later.
    Served,
    /// What is spoilt can be done without, or not, as it finds.
    Open,
}

impl Case {
    fn fate(&self) -> Fate {
        let Call { name, path, reads, .. } = &self.call;
        let (Blow::Error(error) | Blow::Errors(error)) = self.blow else { return Fate::Killed };
        let full = matches!(error, "ENOSPC" | "EDQUOT");
        if path.starts_with("index") || *reads {
            return Fate::Open;
        }
        match name.as_str() {
            _ if error == "EINTR" => Fate::Served,
            "fsync" | "fdatasync" => Fate::Fenced,
            // Room that is not given back is no harm.
            "ftruncate" if self.act != Act::Start => Fate::Open,
            // A folder that is there already is all that is asked for.
            "mkdir" => Fate::Open,
            _ if self.act == Act::Start => Fate::Fenced,
            // It was made when room was: opened once more it takes none.
            "openat" if path.ends_with(".names") && self.call.nth > 1 => Fate::Fenced,
            "openat" | "fallocate" if full && path.starts_with("journal") => Fate::Refused,
            _ if full && path.starts_with("ledger") => match self.act {
                Act::Submit => Fate::Served,
                // There is no trying again while the gateway stops.
                Act::Stop => Fate::Fenced,
                _ => Fate::Open,
            },
            _ => Fate::Fenced,
        }
    }

    /// Plays it and looks after it.
    fn run(&self, scene: &Scene) -> Result<()> {
        let mut play = scene.play(self.ground, self.act, Some((&self.call, self.blow)))?;
        self.end(&mut play)?;
        ensure!(play.struck(), "the call was not made");
        examine(scene, self.ground, self.act, &mut play.twin, play.held)
    }

    fn end(&self, play: &mut Play) -> Result<()> {
        let by_itself = self.early && !self.call.path.starts_with("index");
        let fate = self.fate();
        let stop = !by_itself || !matches!(fate, Fate::Killed | Fate::Fenced);
        let output = play.end(stop)?;
        let served = play.held.served(self.act);
        let problem = play.held.problem();
        let ended = format!("{served} {problem:?} {:?}\n{}", output.code, output.stderr);
        match fate {
            Fate::Killed => ensure!(output.code.is_none(), "not killed: {ended}"),
            Fate::Fenced => {
                ensure!(output.code.is_some_and(|code| code != 0), "not fenced: {ended}");
                ensure!(!by_itself || self.act == Act::Start || !served, "served: {ended}");
            }
            Fate::Refused => {
                let kind = problem.map(|problem| problem.kind);
                ensure!(kind == Some(Kind::DiskReserved), "not refused: {ended}");
                ensure!(output.code == Some(0), "not alive: {ended}");
            }
            Fate::Served => ensure!(served && output.code == Some(0), "not served: {ended}"),
            Fate::Open => ensure!(output.code.is_some(), "not ended: {ended}"),
        }
        // The index's store panics where it cannot sync; the index is made anew then.
        let panicked = output.stderr.contains("panicked") && !self.call.path.starts_with("index");
        ensure!(!panicked, "a panic: {ended}");
        Ok(())
    }
}

/// What befalls a call.
fn blows(call: &Call) -> Vec<Blow> {
    let room = ["write", "pwrite64", "openat", "fallocate", "mkdir", "rename"];
    let takes_room = room.contains(&call.name.as_str()) && !call.reads;
    let synced = matches!(call.name.as_str(), "fsync" | "fdatasync");
    let full = |error| {
        // A full disk stays full for the journal; the ledger is seen to go on.
        if call.path.starts_with("journal") { Blow::Errors(error) } else { Blow::Error(error) }
    };
    // Room that cannot be had generously is asked for once more.
    let broken = if call.name == "fallocate" { Blow::Errors("EIO") } else { Blow::Error("EIO") };
    let mut blows = vec![Blow::Kill, broken];
    if takes_room || synced {
        blows.push(full("ENOSPC"));
    }
    if deep() && (takes_room || synced) {
        blows.push(full("EDQUOT"));
    }
    if deep() && matches!(call.name.as_str(), "write" | "pwrite64" | "fsync" | "fdatasync") {
        blows.push(Blow::Error("EINTR"));
    }
    blows
}

/// What is played: in deep runs all there is, else every kill where the act comes to it first,
/// and each error once for the journal, the ledger and the index.
fn cases(scene: &Scene) -> Result<Vec<Case>> {
    let mut acts =
        vec![(Ground::Brim, Act::Submit), (Ground::Torn, Act::Start), (Ground::Plain, Act::Stop)];
    if deep() {
        acts.extend([
            (Ground::Plain, Act::Submit),
            (Ground::Plain, Act::Ask),
            (Ground::Brim, Act::Ask),
            (Ground::Brim, Act::Stop),
            (Ground::Plain, Act::Reject),
            (Ground::Plain, Act::Refuse),
            (Ground::Brim, Act::Refuse),
        ]);
    }
    let (mut cases, mut errors) = (vec![], HashSet::new());
    for (ground, act) in acts {
        for (call, early) in scene.rehearse(ground, act)? {
            for blow in blows(&call) {
                let part = call.path.iter().next().map(ToOwned::to_owned);
                let tried = match blow {
                    Blow::Kill => call.nth > 1,
                    blow => !errors.insert((act, call.name.clone(), call.reads, part, blow)),
                };
                if deep() || !tried {
                    cases.push(Case { ground, act, call: call.clone(), early, blow });
                }
            }
        }
    }
    Ok(cases)
}

#[test]
fn at_every_system_call_of_a_commit_a_kill_or_an_error_loses_nothing_and_leaves_nothing_half_done()
{
    if let Err(error) = trace::allowed() {
        return not_tried(&format!("the crash matrix ({error:#})"));
    }
    let scene = Scene::new().unwrap();
    let cases = cases(&scene).unwrap();
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(vec![]));
    thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let run = catch_unwind(AssertUnwindSafe(|| case.run(&scene)));
                    let run = run.unwrap_or_else(|_| Err(anyhow!("a check panicked")));
                    if let Err(error) = run {
                        failures.lock().unwrap().push(format!("{case:?}: {error:#}"));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    let kills = cases.iter().filter(|case| case.blow == Blow::Kill).count();
    let line = format!(
        "crash matrix: {} cases, {kills} kills, {} injected errors, {} failed",
        cases.len(),
        cases.len() - kills,
        failures.len(),
    );
    // Past the test runner's capture, so that it can be kept.
    writeln!(std::io::stdout(), "\n{line}").unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    assert!(cases.len() >= if deep() { 500 } else { 100 }, "only {} cases", cases.len());
}
