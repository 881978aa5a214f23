//! What was pushed: a small file for each under `state/jobs/`, which says under which name the body
//! went into the inbox. What became of it is told from the node's folders, so that no crash makes
//! the two disagree.
//!
//! A body lies under `state/jobs/ID.body` before its job is written, and goes on into the inbox
//! after that. What a crash leaves of the former is moved on at the next start, where its job was
//! written, and else dropped: it was never answered for.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use birge_proto::{
    clock::Timestamp,
    envelope::sha256,
    problem::{Kind, Problem},
};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::{
    key::random,
    upload::{INCOMING, Upload},
};
use crate::{
    home::{self, Home},
    node::Node,
    output::Failure,
};

const FOLDER: &str = "state/jobs";
/// Days for which a job is known.
const DAYS: i64 = 90;

/// One thing that was pushed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Job {
    /// Its name: 32 hex digits, from the key that its sender gave, else by chance.
    pub(super) id: String,
    /// SHA-256 of the body in hex.
    pub(super) digest: String,
    /// The file's name as it was sent.
    pub(super) name: String,
    /// The source of node.toml whose file it is; none for the common template.
    pub(super) source: Option<String>,
    /// The file's name in the inbox, which no other file has.
    pub(super) file: String,
    /// When it was taken.
    pub(super) received: Timestamp,
    /// The digest of what its batch says, where another file had said the same before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) says: Option<String>,
}

impl Job {
    /// The folder of the inbox into which it goes.
    pub(super) fn inbox(&self, home: &Home) -> PathBuf {
        let inbox = home.join("inbox");
        self.source.as_ref().map_or(inbox.clone(), |source| inbox.join(source))
    }

    /// Was this file made of it? Another of its name has a mark before its ending.
    pub(super) fn made(&self, file: &str) -> bool {
        let stem = Path::new(&self.file).file_stem().and_then(OsStr::to_str);
        stem.is_some_and(|stem| file.starts_with(stem))
    }

    /// Notes what its batch says, so that the file is not read for it again.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn note(&self, home: &Home, says: &str) -> Result<(), Failure> {
        Self { says: Some(says.to_owned()), ..self.clone() }.write(home)
    }

    fn write(&self, home: &Home) -> Result<(), Failure> {
        let text = serde_json::to_vec_pretty(self).map_err(anyhow::Error::from)?;
        home::write(&Self::file(home, &self.id), &text)
    }

    fn file(home: &Home, id: &str) -> PathBuf {
        home.join(FOLDER).join(format!("{id}.json"))
    }

    fn body(home: &Home, id: &str) -> PathBuf {
        home.join(FOLDER).join(format!("{id}.body"))
    }
}

/// The mapping of a source of node.toml.
///
/// # Errors
/// When there is no such source.
pub(super) fn mapping(node: &Node, source: Option<&str>) -> Result<Option<PathBuf>, Failure> {
    let Some(name) = source else { return Ok(None) };
    let mut sources = node.config.sources.iter();
    let found = sources.find(|source| source.name == name);
    let found = found.ok_or_else(|| {
        let known: Vec<_> = node.config.sources.iter().map(|it| it.name.as_str()).collect();
        let hint = match known.as_slice() {
            [] => "leave source out: node.toml has none".to_owned(),
            known => format!("name one of {}", known.join(", ")),
        };
        Problem::new(Kind::NotFound, format!("node.toml has no source {name:?}")).hint(hint)
    })?;
    Ok(found.mapping.as_ref().map(|mapping| node.home.join(mapping)))
}

/// Files what was pushed, and hands it to the inbox. What was filed before under the same key is not
/// filed again. The caller sees to it that one is filed at a time.
///
/// # Errors
/// When the key came with another body before, there is no such source, or the disk refuses.
pub(super) fn file(
    node: &Node,
    upload: &Upload,
    source: Option<String>,
    key: Option<&str>,
) -> Result<Job, Failure> {
    mapping(node, source.as_deref())?;
    let home = &node.home;
    let named = match key {
        Some(key) => format!("key\0{key}"),
        None => format!("unkeyed\0{}", hex::encode(random::<16>()?)),
    };
    let id = hex::encode(&sha256(named.as_bytes())[..16]);
    if let Some(before) = one(home, &id)? {
        if before.digest != upload.digest || before.source != source {
            let detail = "this Idempotency-Key came with another file before";
            return Err(Problem::new(Kind::Conflict, detail)
                .hint("give each file a key of its own, and the same one each time it is sent")
                .into());
        }
        place(home, &before)?;
        return Ok(before);
    }
    let path = Path::new(&upload.name);
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let ending = path.extension().map(|ending| format!(".{}", ending.to_string_lossy()));
    let received = node.clock.now();
    // The moment tells it from a job of this name that was forgotten.
    let mark = &hex::encode(sha256(format!("{id}\0{received}").as_bytes()))[..12];
    let job = Job {
        file: format!("{stem}-{mark}{}", ending.unwrap_or_default()),
        digest: upload.digest.clone(),
        name: upload.name.clone(),
        source,
        received,
        id,
        says: None,
    };
    home::rename(&upload.path, &Job::body(home, &job.id))?;
    job.write(home)?;
    place(home, &job)?;
    Ok(job)
}

/// Moves the body of a job into the inbox, unless that was done.
fn place(home: &Home, job: &Job) -> Result<(), Failure> {
    let body = Job::body(home, &job.id);
    if body.exists() {
        home::create_dir(&job.inbox(home))?;
        home::rename(&body, &job.inbox(home).join(&job.file))?;
    }
    Ok(())
}

/// What a crash left is done, and dropped what nobody was answered for.
///
/// # Errors
/// When the folder cannot be used.
pub(super) fn recover(home: &Home) -> Result<(), Failure> {
    home::create_dir(&home.join(FOLDER))?;
    let incoming = home.join(INCOMING);
    if incoming.exists() {
        fs::remove_dir_all(&incoming).context("cannot remove what came in half")?;
    }
    for path in files(home)? {
        let id = path.file_stem().and_then(OsStr::to_str).unwrap_or_default();
        if path.extension().is_some_and(|ending| ending == "body") {
            match one(home, id)? {
                Some(job) => place(home, &job)?,
                None => fs::remove_file(&path).context("cannot remove what came in half")?,
            }
        }
    }
    Ok(())
}

/// Forgets jobs that are older than 90 days.
///
/// # Errors
/// When one cannot be read or removed.
pub(super) fn sweep(home: &Home, now: Timestamp) -> Result<(), Failure> {
    let old = |job: &Job| now.duration_since(job.received) > SignedDuration::from_hours(24 * DAYS);
    for job in all(home)?.iter().filter(|job| old(job)) {
        place(home, job)?;
        fs::remove_file(Job::file(home, &job.id)).context("cannot remove an old job")?;
    }
    Ok(())
}

/// One job.
///
/// # Errors
/// When it cannot be read.
pub(super) fn one(home: &Home, id: &str) -> Result<Option<Job>, Failure> {
    let plain = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let path = Job::file(home, id);
    if !plain || !path.exists() {
        return Ok(None);
    }
    read(&path).map(Some)
}

/// Every job, the newest first.
///
/// # Errors
/// When one cannot be read.
pub(super) fn all(home: &Home) -> Result<Vec<Job>, Failure> {
    let files = files(home)?.into_iter();
    let jobs = files.filter(|path| path.extension().is_some_and(|ending| ending == "json"));
    let mut jobs = jobs.map(|path| read(&path)).collect::<Result<Vec<_>, _>>()?;
    jobs.sort_by(|a, b| b.received.cmp(&a.received).then_with(|| a.id.cmp(&b.id)));
    Ok(jobs)
}

fn files(home: &Home) -> Result<Vec<PathBuf>, Failure> {
    let folder = home.join(FOLDER);
    if !folder.exists() {
        return Ok(vec![]);
    }
    let entries = fs::read_dir(&folder).context("cannot read state/jobs")?;
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}

fn read(path: &Path) -> Result<Job, Failure> {
    let context = || format!("cannot read the job {}", path.display());
    let bytes = fs::read(path).with_context(context)?;
    Ok(serde_json::from_slice(&bytes).with_context(context)?)
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use futures::stream;

    use super::*;
    use crate::{console::upload::receive, handin::tests::node};

    async fn upload(node: &Node, text: &'static str) -> Upload {
        let body = stream::iter([Ok::<_, std::io::Error>(Bytes::from(text))]);
        receive(&node.home, "a.csv", body).await.unwrap()
    }

    fn inbox(node: &Node) -> usize {
        fs::read_dir(node.home.join("inbox")).unwrap().count()
    }

    #[tokio::test]
    async fn sent_twice_it_is_filed_once() {
        let folder = tempfile::tempdir().unwrap();
        let node = node(&folder.path().join("mia"));
        let first = file(&node, &upload(&node, "one").await, None, Some("k")).unwrap();
        assert_eq!(file(&node, &upload(&node, "one").await, None, Some("k")).unwrap(), first);
        assert_eq!(inbox(&node), 1);
        let other = file(&node, &upload(&node, "two").await, None, Some("k")).unwrap_err();
        assert!(other.to_string().contains("another file"), "{other}");
        let bare = file(&node, &upload(&node, "one").await, None, None).unwrap();
        assert_ne!(bare.id, first.id);
        assert_eq!(inbox(&node), 2);
        let unknown = file(&node, &upload(&node, "one").await, Some("x".into()), None);
        assert!(unknown.unwrap_err().to_string().contains("no source"));
    }

    #[tokio::test]
    async fn a_crash_before_the_inbox_is_mended_at_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let node = node(&folder.path().join("mia"));
        let job = file(&node, &upload(&node, "one").await, None, Some("k")).unwrap();
        let (body, there) = (Job::body(&node.home, &job.id), job.inbox(&node.home).join(&job.file));
        // Its job was written: it is answered for.
        fs::rename(&there, &body).unwrap();
        recover(&node.home).unwrap();
        assert!(there.exists() && !body.exists());
        // No job was written: its sender was told nothing.
        fs::write(Job::body(&node.home, &"0".repeat(32)), "half").unwrap();
        fs::create_dir_all(node.home.join(INCOMING).join("x")).unwrap();
        recover(&node.home).unwrap();
        assert_eq!((inbox(&node), files(&node.home).unwrap().len()), (1, 1));
    }

    #[tokio::test]
    async fn jobs_are_forgotten_after_their_days() {
        let folder = tempfile::tempdir().unwrap();
        let node = node(&folder.path().join("mia"));
        let job = file(&node, &upload(&node, "one").await, None, None).unwrap();
        let after = |days: i64| job.received + SignedDuration::from_hours(24 * days + 1);
        sweep(&node.home, after(DAYS - 1)).unwrap();
        assert_eq!(one(&node.home, &job.id).unwrap(), Some(job.clone()));
        sweep(&node.home, after(DAYS)).unwrap();
        assert_eq!(one(&node.home, &job.id).unwrap(), None);
        assert_eq!(inbox(&node), 1);
    }
}
