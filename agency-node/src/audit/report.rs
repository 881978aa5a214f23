//! `agency-node audit report`: an auditor's working paper from the log alone, signed; and
//! `check-report`, which tells whether somebody changed it since.

mod paper;
mod sums;

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use birge_proto::{
    envelope::{REPORT_TYPE, VerifyingKey, sha256},
    record::Event,
};
use clap::Args;
use serde::{Deserialize, Serialize};

use self::{
    paper::{Heading, paper},
    sums::{Stretch, Sums},
};
use super::{
    Asked,
    shown::{Shown, Told},
};
use crate::{
    asker::Asker,
    credentials, home,
    i18n::{self, Language},
    node::Node,
    output::{Exit, Failure, Reply},
};

/// Ending of the signature beside a paper.
const SIGNATURE: &str = ".sig.json";

/// What paper is wanted.
#[derive(Debug, Clone, Args)]
pub struct Report {
    /// Records not before this day (2026-01-31, UTC) or moment.
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Records before this day or moment.
    #[arg(long, value_name = "TIME")]
    pub before: Option<String>,
    /// In which language: en, ru, ky, tg.
    #[arg(long, default_value_t)]
    pub lang: Language,
    /// Where to write it; its signature lies beside it.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// The signature of a paper, a file of its own.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Signature {
    payload_type: String,
    auditor: String,
    /// Ed25519 public key in hex.
    key: String,
    /// Over the DSSE pre-authentication encoding of the paper's bytes, in hex.
    signature: String,
    sha256: String,
    /// The log, and the checkpoint that the paper speaks of.
    origin: String,
    size: u64,
    root: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    paper: PathBuf,
    signature: PathBuf,
    sums: Sums,
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} records reviewed: {}", self.sums.records, self.paper.display())?;
        write!(f, "signed: {}", self.signature.display())
    }
}

/// Reads the records of a span, each proved, and writes the paper.
///
/// # Errors
/// When the node is no auditor's, a record does not stand in the log, the gateway is away, or
/// the file cannot be written.
pub async fn report(node: &Node, report: Report) -> Result<Reply, Failure> {
    let key = credentials::report_key(&node.home, node.identity())?;
    let Report { since, before, lang, out } = report;
    let asked = Asked { since: since.clone(), before: before.clone(), ..Asked::default() };
    let asker = Asker::of_node(node)?;
    let mut shown = Shown::begin(&asker, &asked).await?;
    let stretches = stretches(&asker, &asked, shown.head.size()).await?;
    let mut sums = Sums { stretches, ..Sums::default() };
    while let Some(told) = shown.next().await? {
        if let Told::Record { row, record, .. } = &told {
            sums.add(row, record);
        }
    }
    let auditor = node.identity().to_string();
    let heading = Heading {
        auditor: &auditor,
        time: node.clock.now(),
        head: &shown.head,
        since: since.as_deref(),
        before: before.as_deref(),
    };
    let text = paper(&i18n::SOURCES.texts(lang), &heading, &sums);
    let signature = Signature {
        payload_type: REPORT_TYPE.to_owned(),
        auditor: auditor.clone(),
        key: hex::encode(key.verifying_key().0),
        signature: hex::encode(key.sign(REPORT_TYPE, text.as_bytes())),
        sha256: hex::encode(sha256(text.as_bytes())),
        origin: shown.head.origin().to_owned(),
        size: shown.head.size(),
        root: hex::encode(shown.head.root()),
    };
    let beside = home::with_ending(&out, SIGNATURE);
    let json = serde_json::to_vec_pretty(&signature).map_err(anyhow::Error::from)?;
    home::write(&out, text.as_bytes())?;
    home::write(&beside, &json)?;
    Reply::new(Exit::Done, &Written { paper: out, signature: beside, sums })
}

/// The times in which too few witnesses signed that touch the span: also those that began before
/// it, or ended after.
async fn stretches(asker: &Asker, asked: &Asked, size: u64) -> Result<Vec<Stretch>, Failure> {
    let kinds = ["witness-quorum-lost", "witness-quorum-regained"].map(str::to_owned).to_vec();
    let mut shown =
        Shown::begin(asker, &Asked { kinds, to: Some(size), ..Asked::default() }).await?;
    let mut turns = Vec::new();
    while let Some(told) = shown.next().await? {
        if let Told::Record { row, record, .. } = told {
            turns.push((row, record.event));
        }
    }
    let request = asked.request(size)?.filter.unwrap_or_default();
    Ok(Stretch::of(&turns, request.since.parse().ok(), request.before.parse().ok()))
}

#[derive(Serialize)]
struct Checked {
    auditor: String,
    key: String,
    /// Whether the log says that the key is the auditor's; none where it was given by hand.
    enrolled: Option<u64>,
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.enrolled {
            Some(exchange) => write!(
                f,
                "the paper is as {} signed it, with the key {}\n  the key was enrolled for it as \
                 exchange {exchange}",
                self.auditor, self.key
            ),
            None => write!(
                f,
                "the paper is as the holder of the key {} signed it\n  whose key that is, you said \
                 yourself",
                self.key
            ),
        }
    }
}

/// Checks a paper's signature: by `key`, offline, or by the key that the log says is the
/// auditor's.
///
/// # Errors
/// When the paper was changed, signed by another key, or its signature cannot be read.
pub async fn check(node: &Node, paper: &Path, key: Option<&str>) -> Result<Reply, Failure> {
    let text = fs::read(paper).with_context(|| format!("cannot read {}", paper.display()))?;
    let beside = home::with_ending(paper, SIGNATURE);
    let wrong = |what: String| Failure::Wrong(format!("{}: {what}", beside.display()));
    let json = fs::read(&beside).with_context(|| format!("cannot read {}", beside.display()))?;
    let signature: Signature =
        serde_json::from_slice(&json).map_err(|error| wrong(format!("no signature: {error}")))?;
    let bytes = |text: &str| hex::decode(text).ok();
    let public = bytes(&signature.key).and_then(|key| VerifyingKey::from_bytes(&key).ok());
    let (public, signed) = public
        .zip(bytes(&signature.signature))
        .ok_or_else(|| wrong(String::from("key or signature is not hex")))?;
    public.verify(REPORT_TYPE, &text, &signed).map_err(|_| {
        Failure::Wrong(format!(
            "{} is not what was signed: it was changed, or the signature is another's\nnext: ask \
             {} for the paper again",
            paper.display(),
            signature.auditor
        ))
    })?;
    if signature.payload_type != REPORT_TYPE || signature.sha256 != hex::encode(sha256(&text)) {
        return Err(wrong(String::from(
            "its payloadType or sha256 is not of this paper: what stands beside the signature was \
             changed, and is not signed itself",
        )));
    }
    let enrolled = match key {
        Some(key) if key.eq_ignore_ascii_case(&signature.key) => None,
        Some(_) => return Err(wrong(String::from("it is signed with another key than was given"))),
        None => Some(enrolment(node, &signature).await?),
    };
    Reply::new(Exit::Done, &Checked { auditor: signature.auditor, key: signature.key, enrolled })
}

/// Where the log says that the key is the auditor's.
async fn enrolment(node: &Node, signature: &Signature) -> Result<u64, Failure> {
    let asked = Asked {
        agency: Some(signature.auditor.clone()),
        kinds: vec![String::from("participant-enrolled")],
        ..Asked::default()
    };
    let mut shown = Shown::begin(&Asker::of_node(node)?, &asked).await?;
    while let Some(told) = shown.next().await? {
        if let Told::Record { row, record, .. } = &told
            && let Event::ParticipantEnrolled { identity, signing_key: Some(key), .. } =
                &record.event
            && identity.to_string() == signature.auditor
            && *key == signature.key
        {
            return Ok(row.exchange);
        }
    }
    Err(Failure::Wrong(format!(
        "the log does not say, to this node, that the key {} is {}'s\nnext: have the auditor tell \
         you its key, and name it with --key",
        signature.key, signature.auditor
    )))
}
