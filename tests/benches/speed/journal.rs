//! Durable records through the journal's group commit, and on until a signed checkpoint covers
//! them, against a bare loop that appends the journal's bytes in as many groups, each followed
//! by `fdatasync`. The more append at once, the larger the groups, and the less the disk has to
//! do with it: with a few, the sync is what costs; with thousands, the bare loop is as fast as
//! memory is copied, and the processor is what costs.

use std::{collections::BTreeMap, fs::File, io::Write, path::Path, sync::Arc, time::Duration};

use anyhow::{Context, Result, anyhow};
use birge_gateway::{
    journal::{Class, Journal, JournalConfig, NewEntry, Opened, Sequencer, verify},
    ledger::{Ledger, LedgerConfig},
};
use birge_proto::{
    clock::{SystemClock, Timestamp},
    envelope::SigningKey,
    identity::Identity,
    record::{Event, Record},
    tlog::note::NoteSigner,
};
use birge_tests::{binaries::workspace, watch};
use futures::future::try_join_all;
use tokio::runtime::Runtime;

use crate::ratio;

/// How many append at once, and how many records in all.
const LOADS: [(u64, u64); 3] = [(16, 50_000), (64, 200_000), (2_048, 200_000)];

/// Writes one small record per draft.
struct Small(Identity);

impl Sequencer for Small {
    type Draft = u64;
    type Reply = ();

    fn room(&self, _: &u64) -> u64 {
        NewEntry::room(0)
    }

    fn sequence(&mut self, draft: u64, _: u64, time: Timestamp) -> (Vec<NewEntry>, ()) {
        let record = Record {
            time,
            actor: self.0.clone(),
            parties: BTreeMap::from([(self.0.clone(), draft)]),
            persons: BTreeMap::new(),
            event: Event::RecordsRead { from: draft, to: draft + 1 },
        };
        (vec![NewEntry { record, body: None, persons: BTreeMap::new() }], ())
    }
}

pub(crate) fn run() -> Result<()> {
    // Below target/, for /tmp is often no disk at all.
    let place = workspace().join("target");
    std::fs::create_dir_all(&place)?;
    let folder = tempfile::tempdir_in(place)?;
    let runtime = Runtime::new()?;
    let whats = [("journal", false), ("journal and ledger, up to a checkpoint over all", true)];
    for (what, covered) in whats {
        for load in LOADS {
            let (appenders, records) = load;
            let rounds = (0..3).map(|round| {
                let dir = folder.path().join(format!("{covered}-{appenders}-{round}"));
                measure(&runtime, &dir, load, covered)
            });
            let rounds = rounds.collect::<Result<Vec<_>>>()?;
            let best = rounds.into_iter().min_by_key(|round| round.real);
            let Round { bare, real, groups } =
                best.ok_or_else(|| anyhow!("nothing was measured"))?;
            let what = format!("{what}, {appenders} at once");
            let name = format!("{what}, {records} records in {groups} groups / append + fdatasync");
            ratio::tell(&name, "durable records/s", records, (bare, real), Some(0.5));
            let rate = records as f64 / real.as_secs_f64();
            let verdict = if rate < 20_000.0 { "SHORT of" } else { "aim" };
            println!("{what}: {rate:.0} durable records/s, {verdict} 20000");
        }
    }
    Ok(())
}

struct Round {
    bare: Duration,
    real: Duration,
    groups: u64,
}

/// One round in `dir`; with a ledger that follows where `covered` is set, until its checkpoint
/// covers all.
fn measure(
    runtime: &Runtime,
    dir: &Path,
    (appenders, records): (u64, u64),
    covered: bool,
) -> Result<Round> {
    let place = dir.join("journal");
    let opened = Opened::open(&place, JournalConfig { reserve_bytes: 0, ..Default::default() })?;
    let reader = opened.reader();
    let journal = opened.start(Arc::new(SystemClock), Small("agency/NSC".parse()?))?;
    let ledger = covered.then(|| {
        let _inside = runtime.enter();
        let signer = NoteSigner::new("speed.example/log", SigningKey::generate()?)?;
        let opened = Ledger::open(&dir.join("ledger"), LedgerConfig::default(), signer, reader)?;
        runtime.block_on(opened.0.begin()).map_err(anyhow::Error::msg)?;
        anyhow::Ok(opened)
    });
    let ledger = ledger.transpose()?;
    let real = ratio::time(|| {
        runtime.block_on(async {
            append_all(&journal, appenders, records).await?;
            journal.close().await;
            if let Some((ledger, _)) = &ledger {
                let mut signed = ledger.checkpoint();
                let all = signed.wait_for(|signed| signed.checkpoint.size() == records);
                all.await.context("no checkpoint covers all")?;
            }
            Ok(())
        })
    })?;
    let groups = verify(&place, |_, _| {})?.groups;
    let bytes = watch::bytes_below(&place);
    let bare = ratio::time(|| append_bare(dir, bytes / groups, groups))?;
    Ok(Round { bare, real, groups })
}

async fn append_all(journal: &Journal<Small>, appenders: u64, records: u64) -> Result<()> {
    let tasks = (0..appenders).map(|appender| {
        let journal = journal.clone();
        tokio::spawn(async move {
            for draft in (appender..records).step_by(appenders as usize) {
                journal.append(Class::Submission, draft).await?;
            }
            anyhow::Ok(())
        })
    });
    try_join_all(tasks).await?.into_iter().collect()
}

fn append_bare(folder: &Path, bytes: u64, groups: u64) -> Result<()> {
    let group = vec![0x5a; bytes as usize];
    let mut file = File::create(folder.join("bare"))?;
    for _ in 0..groups {
        file.write_all(&group)?;
        file.sync_data()?;
    }
    Ok(())
}
