//! What became of a file: told from where it, its batch, its receipt or its report lies.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

use super::jobs::{self, Job};
use crate::{
    batch::Said,
    handin::{self, Given},
    node::Node,
    outbox::{
        Entry, State,
        file::BatchFile,
        prepared::{self, Prepared},
        receipts::{self, Filed},
    },
    output::Failure,
};

/// Ending of a report for programs.
const REPORT: &str = ".report.json";

/// Where a file stands.
pub(super) enum Became {
    /// In the inbox, or about to be.
    Received,
    /// It became a batch that waits for approval.
    Prepared(Box<Prepared>),
    /// It became a batch that waits.
    Waits(Waiting),
    /// It became a batch that was accepted.
    Receipted(Box<Filed>),
    /// It was refused; its report lies under this name in `rejected/`.
    Rejected(String),
    /// Somebody took it out of the node's folders.
    Gone,
}

/// A batch that waits.
#[derive(Clone)]
pub(super) struct Waiting {
    pub(super) entry: Entry,
    pub(super) source: String,
    pub(super) dataset: String,
    pub(super) periods: Vec<String>,
    pub(super) observations: u64,
    content: String,
}

impl Waiting {
    /// Its state in a word.
    pub(super) fn word(&self) -> &'static str {
        match self.entry.state {
            State::Queued => "queued",
            State::Sent => "sent",
            State::Receipted => "receipted",
        }
    }
}

/// The node's folders, read once.
pub(super) struct Folders<'a> {
    node: &'a Node,
    /// Batches that wait for approval.
    pub(super) prepared: Vec<Prepared>,
    pub(super) waiting: Vec<Waiting>,
    pub(super) receipts: Vec<Filed>,
    /// Names of reports for programs under `rejected/`.
    pub(super) reports: Vec<String>,
}

impl<'a> Folders<'a> {
    /// Reads them: what waits before what it becomes, so that nothing is missed on its way.
    ///
    /// # Errors
    /// When one cannot be read.
    pub(super) fn read(node: &'a Node) -> Result<Self, Failure> {
        let prepared = prepared::all(&node.home)?;
        let entries = node.outbox.waiting()?;
        let waiting = entries.into_iter().filter_map(|entry| {
            // One that is gone by now has its receipt or its report.
            let BatchFile { slip, manifest, .. } = BatchFile::open(&entry.path).ok()?;
            Some(Waiting {
                entry,
                source: slip.source,
                content: slip.content,
                dataset: manifest.dataset,
                periods: manifest.periods,
                observations: manifest.observations,
            })
        });
        let waiting = waiting.collect();
        let mut own = Self { node, prepared, waiting, receipts: vec![], reports: vec![] };
        own.receipts = receipts::all(&node.home)?;
        own.receipts.reverse();
        let rejected = fs::read_dir(node.home.join("rejected")).map_err(anyhow::Error::from)?;
        let names = rejected.flatten().map(|it| it.file_name().to_string_lossy().into_owned());
        own.reports = names.filter(|name| name.ends_with(REPORT)).collect();
        own.reports.sort();
        let filed = |batch| own.receipts.iter().any(|filed| filed.batch == batch);
        own.waiting = own.waiting.clone().into_iter().filter(|it| !filed(it.entry.batch)).collect();
        Ok(own)
    }

    /// What became of a job.
    ///
    /// # Errors
    /// When its file must be read again, and cannot be.
    pub(super) fn became(&self, job: &Job) -> Result<Became, Failure> {
        let told = |content: Option<&str>| {
            let of = |source: &str, own: &str| match content {
                Some(content) => own == content,
                None => job.made(source),
            };
            let filed = self.receipts.iter().find(|it| of(&it.source, &it.content));
            let waits = self.waiting.iter().find(|it| of(&it.source, &it.content));
            let mut prepared = self.prepared.iter();
            let prepared = prepared.find(|it| of(&it.slip.source, &it.slip.content));
            filed
                .map(|filed| Became::Receipted(Box::new(filed.clone())))
                .or_else(|| waits.map(|waits| Became::Waits(waits.clone())))
                .or_else(|| prepared.map(|it| Became::Prepared(Box::new(it.clone()))))
        };
        let says = || job.says.as_deref().and_then(|says| told(Some(says)));
        if let Some(became) = told(None).or_else(says) {
            return Ok(became);
        }
        let home = &self.node.home;
        let known = job.inbox(home).join(&job.file).exists();
        // The report is written before the file goes aside.
        let report = self.reports.iter().find(|name| job.made(name));
        if let Some(name) = report.filter(|_| !known) {
            return Ok(Became::Rejected(name.clone()));
        }
        if let Some(sent) = self.sent(job) {
            // It says what another file said before: which batch that became, its content tells.
            let mapping = jobs::mapping(self.node, job.source.as_deref())?;
            let given = Given { file: sent, mapping };
            let batch = handin::check(self.node, &given, Said::default())?.batch;
            let Some(batch) = batch else { return Ok(Became::Received) };
            let became = told(Some(batch.content()));
            if became.is_some() {
                job.note(home, batch.content())?;
            }
            return Ok(became.unwrap_or(Became::Received));
        }
        // Between two looks it may have left the inbox, for where the next look finds it.
        let moved = || fs::exists(home.join("rejected").join(&job.file)).unwrap_or(false);
        Ok(if known || moved() { Became::Received } else { Became::Gone })
    }

    /// Is a job in the inbox or the outbox still?
    pub(super) fn is_under_way(&self, job: &Job) -> bool {
        let waits = self.waiting.iter().any(|it| job.made(&it.source));
        let prepared = self.prepared.iter().any(|it| job.made(&it.slip.source));
        waits || prepared || job.inbox(&self.node.home).join(&job.file).exists()
    }

    fn sent(&self, job: &Job) -> Option<PathBuf> {
        let path = self.node.home.join("sent").join(&job.file);
        path.exists().then_some(path)
    }

    /// What a report for programs says.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn report(&self, name: &str) -> Result<Value, Failure> {
        let bytes = fs::read(self.node.home.join("rejected").join(name));
        let bytes = bytes.map_err(anyhow::Error::from)?;
        Ok(serde_json::from_slice(&bytes).map_err(anyhow::Error::from)?)
    }

    /// A job for programs.
    ///
    /// # Errors
    /// As for [`Self::became`] and [`Self::report`].
    pub(super) fn tell(&self, job: &Job) -> Result<Value, Failure> {
        let became = self.became(job)?;
        let mut told = json!({
            "job": job.id,
            "name": job.name,
            "source": job.source,
            "received": job.received,
            "state": became.word(),
        });
        match &became {
            Became::Received | Became::Gone => {}
            Became::Prepared(waits) => {
                told["prepared"] = json!(waits.batch);
                told["dataset"] = json!(waits.manifest.dataset);
                told["periods"] = json!(waits.manifest.periods);
                told["observations"] = json!(waits.manifest.observations);
            }
            Became::Waits(waits) => {
                told["batch"] = json!(waits.entry.batch);
                told["dataset"] = json!(waits.dataset);
                told["periods"] = json!(waits.periods);
                told["observations"] = json!(waits.observations);
            }
            Became::Receipted(filed) => {
                told["batch"] = json!(filed.batch);
                told["exchange"] = json!(filed.exchange);
                told["outcome"] = json!(filed.outcome);
                told["counts"] = json!(filed.counts);
                told["grade"] = json!(filed.grade);
            }
            Became::Rejected(name) => {
                let report = self.report(name)?;
                for part in ["batch", "problem", "report", "returned"] {
                    if !report[part].is_null() {
                        told[part] = report[part].clone();
                    }
                }
            }
        }
        Ok(told)
    }

    /// How many files lie in the inbox, and in those of sources.
    ///
    /// # Errors
    /// When one cannot be read.
    pub(super) fn in_inbox(&self) -> Result<usize, Failure> {
        let sources = self.node.config.sources.iter().map(|source| self.node.inbox(source));
        let mut count = 0;
        for inbox in std::iter::once(self.node.home.join("inbox")).chain(sources) {
            let entries = fs::read_dir(inbox).map_err(anyhow::Error::from)?;
            count += entries.flatten().filter(|entry| entry.path().is_file()).count();
        }
        Ok(count)
    }
}

impl Became {
    /// The state in a word.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Prepared(_) => "prepared",
            Self::Waits(waits) => waits.word(),
            Self::Receipted(_) => "receipted",
            Self::Rejected(_) => "rejected",
            Self::Gone => "gone",
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use futures::stream;

    use super::*;
    use crate::{
        console::upload::receive,
        handin::tests::{CSV, node},
    };

    async fn push(node: &Node, key: &str, text: String) -> Job {
        let body = stream::iter([Ok::<_, std::io::Error>(Bytes::from(text))]);
        let upload = receive(&node.home, "a.csv", body).await.unwrap();
        jobs::file(node, &upload, None, Some(key)).unwrap()
    }

    #[tokio::test]
    async fn what_became_of_a_job_is_told_from_the_folders() {
        let folder = tempfile::tempdir().unwrap();
        let node = node(&folder.path().join("mia"));
        let good = push(&node, "good", CSV.into()).await;
        let same = push(&node, "same", CSV.replace('\n', "\r\n")).await;
        let wrong = push(&node, "wrong", CSV.replace(",17,", ",seventeen,")).await;
        let gone = push(&node, "gone", CSV.replace(",17,", ",18,")).await;
        let tell = |job: &Job| Folders::read(&node).unwrap().tell(job).unwrap();
        assert_eq!(tell(&good)["state"], "received");
        fs::remove_file(gone.inbox(&node.home).join(&gone.file)).unwrap();
        for job in [&good, &same, &wrong] {
            handin::take(&node, &job.inbox(&node.home).join(&job.file)).unwrap();
        }
        assert_eq!(
            (&tell(&good)["state"], &tell(&same)["state"]),
            (&json!("queued"), &json!("queued"))
        );
        assert_eq!(tell(&good)["batch"], tell(&same)["batch"]);
        let wrong = tell(&wrong);
        assert_eq!(wrong["state"], "rejected");
        assert_eq!(wrong["report"]["findings"][0]["column"], "OBS_VALUE");
        assert_eq!(tell(&gone)["state"], "gone");
    }
}
