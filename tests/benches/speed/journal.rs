//! Durable records through the journal's group commit, against a bare loop that appends the
//! same bytes in as many groups, each followed by `fdatasync`.

use std::{collections::BTreeMap, fs::File, io::Write, sync::Arc};

use anyhow::{Result, anyhow};
use birge_gateway::journal::{Class, Journal, JournalConfig, NewEntry, Opened, Sequencer, verify};
use birge_proto::{
    clock::{SystemClock, Timestamp},
    identity::Identity,
    record::{Event, Record},
};
use birge_tests::{binaries::workspace, watch};
use futures::future::try_join_all;
use tokio::runtime::Runtime;

use crate::ratio;

const RECORDS: u64 = 200_000;
const APPENDERS: u64 = 2_048;

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
            event: Event::RecordsRead { from: draft, to: draft + 1 },
        };
        (vec![NewEntry { record, body: None }], ())
    }
}

pub(crate) fn run() -> Result<()> {
    // Below target/, for /tmp is often no disk at all.
    let place = workspace().join("target");
    std::fs::create_dir_all(&place)?;
    let folder = tempfile::tempdir_in(place)?;
    let runtime = Runtime::new()?;
    let mut best: Option<(std::time::Duration, std::time::Duration, u64)> = None;
    for round in 0..3 {
        let dir = folder.path().join(round.to_string());
        let opened = Opened::open(&dir, JournalConfig { reserve_bytes: 0, ..Default::default() })?;
        let journal = opened.start(Arc::new(SystemClock), Small("agency/NSC".parse()?))?;
        let real = ratio::time(|| runtime.block_on(append_all(&journal)))?;
        runtime.block_on(journal.close());
        let groups = verify(&dir, |_, _| {})?.groups;
        let bytes = watch::bytes_below(&dir);
        let bare = ratio::time(|| append_bare(folder.path(), bytes / groups, groups))?;
        if best.is_none_or(|(_, fastest, _)| real < fastest) {
            best = Some((bare, real, groups));
        }
    }
    let (bare, real, groups) = best.ok_or_else(|| anyhow!("nothing was measured"))?;
    let name = format!("journal, {RECORDS} records in {groups} groups / append + fdatasync");
    ratio::tell(&name, "durable records/s", RECORDS, (bare, real), Some(0.5));
    let rate = RECORDS as f64 / real.as_secs_f64();
    let verdict = if rate < 20_000.0 { "SHORT of" } else { "aim" };
    println!("journal: {rate:.0} durable records/s, {verdict} 20000");
    Ok(())
}

async fn append_all(journal: &Journal<Small>) -> Result<()> {
    let appenders = (0..APPENDERS).map(|appender| {
        let journal = journal.clone();
        tokio::spawn(async move {
            for draft in (appender..RECORDS).step_by(APPENDERS as usize) {
                journal.append(Class::Submission, draft).await?;
            }
            anyhow::Ok(())
        })
    });
    try_join_all(appenders).await?.into_iter().collect()
}

fn append_bare(folder: &std::path::Path, bytes: u64, groups: u64) -> Result<()> {
    let group = vec![0x5a; bytes as usize];
    let mut file = File::create(folder.join("bare"))?;
    for _ in 0..groups {
        file.write_all(&group)?;
        file.sync_data()?;
    }
    Ok(())
}
