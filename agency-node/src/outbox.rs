//! Batches on their way, as files: a batch is in the state whose folder it lies in, and goes
//! from one to the next by a rename. There is no other book-keeping that could disagree.
//!
//! ```text
//! outbox/prepared/   to be approved before it is signed, where the node asks for that
//! outbox/queued/     signed, not yet handed over
//! outbox/sent/       handed over at least once, no receipt filed yet: to be sent again
//! outbox/receipted/  accepted; receipts/<batch>.json is its receipt
//! ```
//! A name is `<number>-<batch>.batch`; batches are sent in the order of their numbers.

pub mod file;
pub mod prepared;
pub mod receipts;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use birge_proto::{
    manifest::{Action, BatchId},
    wire::SubmitHeader,
};

use self::{
    file::{BatchFile, Slip},
    receipts::Filed,
};
use crate::{
    home::{self, Home},
    output::Failure,
};

/// Where a batch stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Signed, not yet handed over.
    Queued,
    /// Handed over, no receipt filed yet.
    Sent,
    /// Accepted, the receipt is filed.
    Receipted,
}

impl State {
    const ALL: [Self; 3] = [Self::Queued, Self::Sent, Self::Receipted];

    fn folder(self) -> &'static str {
        match self {
            Self::Queued => "outbox/queued",
            Self::Sent => "outbox/sent",
            Self::Receipted => "outbox/receipted",
        }
    }
}

/// One batch in the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the order of sending.
    pub number: u64,
    /// Its name.
    pub batch: BatchId,
    /// Where it stands.
    pub state: State,
    /// Its file.
    pub path: PathBuf,
}

/// What the node knows of a batch that it handed in or is about to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// Its name.
    pub batch: BatchId,
    /// Dataset.
    pub dataset: String,
    /// Reference periods.
    pub periods: Vec<String>,
    /// What it does.
    pub action: Action,
    /// Digest of what it says; see [`Slip::content`].
    pub content: String,
}

/// The outbox of a node.
#[derive(Debug, Clone)]
pub struct Outbox {
    home: Home,
}

impl Outbox {
    /// Opens the outbox, making its folders.
    ///
    /// # Errors
    /// When the folders cannot be made.
    pub fn open(home: &Home) -> Result<Self, Failure> {
        for state in State::ALL {
            home::create_dir(&home.join(state.folder()))?;
        }
        Ok(Self { home: home.clone() })
    }

    /// Batches that wait for their receipt, in the order of sending.
    ///
    /// # Errors
    /// When the folders cannot be read.
    pub fn waiting(&self) -> Result<Vec<Entry>, Failure> {
        let mut entries = self.entries(State::Queued)?;
        entries.extend(self.entries(State::Sent)?);
        entries.sort_by_key(|entry| entry.number);
        Ok(entries)
    }

    /// Batches in one state, in the order of sending.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn entries(&self, state: State) -> Result<Vec<Entry>, Failure> {
        let mut entries = vec![];
        for path in files(&self.home.join(state.folder()))? {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let parts = name.strip_suffix(".batch").and_then(|name| name.split_once('-'));
            let Some((number, batch)) = parts else { continue };
            if let (Ok(number), Ok(batch)) = (number.parse(), batch.parse()) {
                entries.push(Entry { number, batch, state, path });
            }
        }
        entries.sort_by_key(|entry| entry.number);
        Ok(entries)
    }

    /// Queues a signed batch. When this returns it survives a power cut. The caller holds the
    /// lock `outbox`, so that numbers are not given twice.
    ///
    /// # Errors
    /// When the disk refuses; then nothing is queued.
    pub fn enqueue(
        &self,
        slip: &Slip,
        header: SubmitHeader,
        blocks: Vec<Vec<u8>>,
    ) -> Result<Entry, Failure> {
        let mut last = 0;
        for state in State::ALL {
            last = last.max(self.entries(state)?.last().map_or(0, |entry| entry.number));
        }
        let batch = BatchId::of(&header.manifest);
        let (state, number) = (State::Queued, last + 1);
        let path = self.path(state, number, batch);
        file::write(&path, slip, header, blocks)?;
        Ok(Entry { number, batch, state, path })
    }

    /// Notes that a batch is about to be handed over.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn mark_sent(&self, entry: Entry) -> Result<Entry, Failure> {
        self.advance(entry, State::Sent)
    }

    /// Files the receipt of a batch, then lets the batch rest. A crash in between is mended
    /// by [`Self::settle`].
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn receipt(
        &self,
        entry: Entry,
        filed: &Filed,
        proof: &[u8],
        policy: &str,
    ) -> Result<PathBuf, Failure> {
        let path = receipts::file(&self.home, filed, proof, policy)?;
        self.advance(entry, State::Receipted)?;
        Ok(path)
    }

    /// Lets a batch rest whose receipt is already filed; answers whether it was so.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn settle(&self, entry: &Entry) -> Result<bool, Failure> {
        let filed = receipts::path(&self.home, entry.batch).exists();
        if filed {
            self.advance(entry.clone(), State::Receipted)?;
        }
        Ok(filed)
    }

    /// Puts a refused batch aside, under `rejected/`.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn reject(&self, entry: &Entry) -> Result<(), Failure> {
        let name = entry.path.file_name().unwrap_or_default();
        home::rename(&entry.path, &self.home.join("rejected").join(name))
    }

    /// Everything handed in or about to be, in order: what was accepted by its place in the
    /// log, then what waits.
    ///
    /// # Errors
    /// When a file cannot be read or is damaged.
    pub fn history(&self) -> Result<Vec<Past>, Failure> {
        let mut history: Vec<Past> =
            receipts::all(&self.home)?.iter().filter_map(Filed::past).collect();
        for entry in self.waiting()? {
            if history.iter().any(|past| past.batch == entry.batch) {
                continue;
            }
            let file = BatchFile::open(&entry.path)?;
            history.push(Past {
                batch: entry.batch,
                dataset: file.manifest.dataset,
                periods: file.manifest.periods,
                action: file.manifest.action,
                content: file.slip.content,
            });
        }
        Ok(history)
    }

    fn advance(&self, entry: Entry, state: State) -> Result<Entry, Failure> {
        if entry.state == state {
            return Ok(entry);
        }
        let path = self.path(state, entry.number, entry.batch);
        home::rename(&entry.path, &path)?;
        Ok(Entry { state, path, ..entry })
    }

    fn path(&self, state: State, number: u64, batch: BatchId) -> PathBuf {
        self.home.join(state.folder()).join(format!("{number:012}-{batch}.batch"))
    }
}

/// The files of a folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let context = || format!("cannot read the folder {}", folder.display());
    let mut paths = vec![];
    for entry in fs::read_dir(folder).with_context(context)? {
        paths.push(entry.with_context(context)?.path());
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use birge_proto::record::{Counts, Outcome};

    use super::*;

    /// A batch whose manifest differs by `period`.
    fn header(period: &str) -> SubmitHeader {
        let mut header = file::tests::header(&[]);
        let manifest = String::from_utf8(header.manifest).unwrap();
        header.manifest = manifest.replace("2023", period).into_bytes();
        header
    }

    fn filed(batch: BatchId) -> Filed {
        Filed {
            batch,
            exchange: 7,
            outcome: Outcome::Success,
            counts: Counts::default(),
            source: "a.csv".into(),
            content: "c".into(),
            filed: "2026-01-01T00:00:00Z".parse().unwrap(),
            record: "{}".into(),
            opening: "00".into(),
            grade: receipts::Grade::Sequenced,
            cosigned: vec![],
        }
    }

    fn outbox() -> (tempfile::TempDir, Outbox) {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        home.create().unwrap();
        (folder, Outbox::open(&home).unwrap())
    }

    #[test]
    fn batches_wait_in_their_order_whatever_their_state() {
        let (_folder, outbox) = outbox();
        let slip = file::tests::slip("c");
        let queued = |period| outbox.enqueue(&slip, header(period), vec![]).unwrap();
        let (first, second, third) = (queued("2021"), queued("2022"), queued("2023"));
        outbox.mark_sent(second.clone()).unwrap();
        let waiting: Vec<_> = outbox.waiting().unwrap().into_iter().map(|e| e.batch).collect();
        assert_eq!(waiting, [first.batch, second.batch, third.batch]);
        let periods: Vec<_> = outbox.history().unwrap().into_iter().map(|p| p.periods).collect();
        assert_eq!(periods, [["2021"], ["2022"], ["2023"]]);
    }

    #[test]
    fn a_crash_between_receipt_and_rest_is_mended() {
        let (_folder, outbox) = outbox();
        let entry = outbox.enqueue(&file::tests::slip("c"), header("2023"), vec![]).unwrap();
        let entry = outbox.mark_sent(entry).unwrap();
        assert!(!outbox.settle(&entry).unwrap());
        receipts::file(&outbox.home, &filed(entry.batch), b"proof", "quorum none\n").unwrap();
        assert_eq!(outbox.waiting().unwrap().len(), 1);
        assert!(outbox.settle(&entry).unwrap());
        assert!(outbox.waiting().unwrap().is_empty());
        assert_eq!(outbox.entries(State::Receipted).unwrap().len(), 1);
    }

    #[test]
    fn numbers_go_on_after_what_was_receipted() {
        let (_folder, outbox) = outbox();
        let slip = file::tests::slip("c");
        let entry = outbox.enqueue(&slip, header("2022"), vec![]).unwrap();
        outbox.receipt(entry.clone(), &filed(entry.batch), b"proof", "quorum none\n").unwrap();
        let next = outbox.enqueue(&slip, header("2023"), vec![]).unwrap();
        assert_eq!((entry.number, next.number), (1, 2));
        assert_eq!(receipts::all(&outbox.home).unwrap(), [filed(entry.batch)]);
    }
}
