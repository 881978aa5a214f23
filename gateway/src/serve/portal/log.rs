//! The log as a reader may see it: auditors all of it, others what concerns them (article 9(3)).

mod read;

use std::sync::Arc;

use askama::Template;
use axum::{
    Extension,
    body::Body,
    extract::{Path, State},
    http::{Response, StatusCode, header},
};
use birge_proto::{
    identity::Role,
    problem::{Kind, Problem},
    record::{Event, Opening, Record},
};
use serde_json::Value;

pub(super) use self::read::{Line, Read, SHOWN, Sought};
use super::{
    Door, Portal, Shared, answer,
    guard::Visit,
    page::{self, Frame, page},
    proof::Proved,
};

const JSON_LINES: &str = "application/jsonl; charset=utf-8";
const TLOG_PROOF: &str = "text/plain; charset=utf-8";

#[derive(Template)]
#[template(path = "portal/log.html")]
struct List {
    frame: Frame,
    sought: Sought,
    read: Read,
    kinds: Vec<(&'static str, String, bool)>,
    datasets: Vec<(String, String)>,
    size: String,
    /// Which records were gone through.
    range: String,
    /// Witnesses, and when they signed the checkpoint that is shown.
    witnesses: Vec<(String, Option<String>)>,
    checkpoint: Option<(String, String)>,
    quorum_lost: bool,
    /// The addresses of what is older, and of the same as a file.
    older: Option<String>,
    file: String,
}

#[derive(Template)]
#[template(path = "portal/record.html")]
struct One {
    frame: Frame,
    /// What it says, line by line; none where it may not be seen.
    lines: Vec<(String, String)>,
    /// The record as JSON.
    text: String,
    is_notice: bool,
    batch: Option<String>,
    dataset: Option<String>,
    articles: Vec<(String, String)>,
    proved: Option<Proved>,
    before: Option<u64>,
    after: Option<u64>,
    is_public: bool,
}

/// Lists records, the newest first.
pub(super) async fn list(
    State(portal): State<Shared>,
    Extension(visit): Extension<Visit>,
) -> Response<Body> {
    answer(&portal, &visit, async {
        let sought = portal.sought(&visit).await?;
        let read = portal.records(&visit, &sought, SHOWN).await?;
        let shown = portal.ledger.shown().ok();
        let size = shown.as_ref().map_or(0, |shown| shown.checkpoint.size());
        let proved = match size {
            0 => None,
            _ => portal.prove(&visit, size - 1, None).await?,
        };
        let range = [
            ("from", visit.say.count(read.from)),
            ("to", visit.say.count(read.to.saturating_sub(1))),
        ];
        let range = range.iter().map(|(name, number)| (*name, number.as_str())).collect::<Vec<_>>();
        let structures = portal.structures();
        let named = |id: &str| visit.say.it(&format!("kind-{id}"));
        let kinds = Event::KINDS.iter();
        let kinds = kinds.map(|id| (*id, named(id), sought.kinds.iter().any(|own| own == id)));
        let datasets =
            structures.iter().map(|own| (own.id.clone(), own.name(visit.say.code()).to_owned()));
        page(&List {
            frame: Frame::of(&portal, &visit, "log", visit.say.it("log")),
            kinds: kinds.collect(),
            datasets: datasets.collect(),
            size: visit.say.count(size),
            range: visit.say.tell("log-range", &range),
            checkpoint: proved.as_ref().map(|own| (own.origin.clone(), own.root.clone())),
            witnesses: proved.map(|proved| proved.witnesses).unwrap_or_default(),
            quorum_lost: portal.catalog.read(|state| state.registry.quorum_lost()),
            older: read.next.map(|next| format!("/log?{}", sought.query(Some(next)))),
            file: format!("/log/records.jsonl?{}", sought.query(sought.before)),
            read,
            sought,
        })
    })
    .await
}

/// What is listed, as a file: a record and what opens its leaf on each line.
pub(super) async fn export(
    State(portal): State<Shared>,
    Extension(visit): Extension<Visit>,
) -> Response<Body> {
    answer(&portal, &visit, async {
        let sought = portal.sought(&visit).await?;
        let read = portal.records(&visit, &sought, read::EXPORTED).await?;
        let lines = read.entries.iter().map(|entry| {
            let record: Value = serde_json::from_slice(&entry.text).unwrap_or_default();
            let opening = hex::encode(&entry.opening);
            serde_json::json!({"index": entry.index, "record": record, "opening": opening})
                .to_string()
                + "\n"
        });
        let mut response = page::text(StatusCode::OK, JSON_LINES, lines.collect::<String>());
        let name = format!("attachment; filename=\"records-{}-{}.jsonl\"", read.from, read.to);
        page::put(response.headers_mut(), header::CONTENT_DISPOSITION, &name);
        Ok(response)
    })
    .await
}

/// Shows one record, and proves it.
pub(super) async fn one(
    State(portal): State<Shared>,
    Extension(visit): Extension<Visit>,
    Path(index): Path<String>,
) -> Response<Body> {
    answer(&portal, &visit, async {
        let index = portal.number(&visit, &index).await?;
        let entry = portal.entry(&visit, index).await?;
        let known = entry.as_ref().filter(|entry| !entry.is_notice);
        let opening = known.and_then(|entry| Opening::from_bytes(&entry.opening));
        let record = known.zip(opening).map(|(entry, opening)| (entry.text.as_slice(), opening));
        let proved = portal.prove(&visit, index, record).await?;
        let parsed = known.and_then(|entry| Record::parse(&entry.text).ok());
        // As the law was then.
        let then = parsed.as_ref().and_then(|own| {
            portal.catalog.read(|state| state.decree_then(own.time).map(Arc::clone))
        });
        let articles = parsed.as_ref().map(|own| own.articles().to_vec()).unwrap_or_default();
        let articles = articles.into_iter().map(|article| {
            let text = page::article_text(then.as_deref(), &article, &visit);
            (article, text)
        });
        let value: Value = entry
            .as_ref()
            .and_then(|own| serde_json::from_slice(&own.text).ok())
            .unwrap_or_default();
        let batch = parsed.as_ref().and_then(|own| match &own.event {
            Event::SubmissionAccepted { batch, .. }
            | Event::Released { batch, .. }
            | Event::PublicReleased { batch, .. } => Some(batch.to_string()),
            _ => None,
        });
        let title = visit.say.with("record-n", "index", &visit.say.count(index));
        page(&One {
            frame: Frame::of(&portal, &visit, "log", title),
            lines: entry
                .as_ref()
                .map(|own| own.told(&portal, &visit, then.as_deref()))
                .unwrap_or_default(),
            text: match entry {
                Some(_) => serde_json::to_string_pretty(&value).unwrap_or_default(),
                None => String::new(),
            },
            is_notice: entry.as_ref().is_some_and(|entry| entry.is_notice),
            batch,
            dataset: parsed.as_ref().and_then(|own| own.event.dataset().map(str::to_owned)),
            articles: articles.collect(),
            proved,
            before: index.checked_sub(1),
            after: (index + 1 < portal.ledger.settled().borrow().checkpoint.size())
                .then_some(index + 1),
            is_public: portal.door == Door::Public,
        })
    })
    .await
}

/// The proof as a file, for programs that check it.
pub(super) async fn proof(
    State(portal): State<Shared>,
    Extension(visit): Extension<Visit>,
    Path(index): Path<String>,
) -> Response<Body> {
    answer(&portal, &visit, async {
        let index = portal.number(&visit, &index).await?;
        let proof = portal.ledger.evidence(index).await?;
        let mut response = page::text(StatusCode::OK, TLOG_PROOF, proof);
        let name = format!("attachment; filename=\"{index}.tlog-proof\"");
        page::put(response.headers_mut(), header::CONTENT_DISPOSITION, &name);
        Ok(response)
    })
    .await
}

impl Portal {
    /// The number of a record that a checkpoint covers.
    async fn number(&self, visit: &Visit, text: &str) -> Result<u64, Problem> {
        let asker = self.admit(visit, "query/proof").await?;
        let size = self.ledger.settled().borrow().checkpoint.size();
        let read = match text.parse() {
            Ok(index) if index < size => Ok(index),
            Ok(index) => {
                let detail = format!("the checkpoint covers {size} records, and not {index}");
                Err(Problem::new(Kind::NotFound, detail)
                    .hint("try again in a few seconds, if it was just made"))
            }
            Err(_) => Err(Problem::new(Kind::NotFound, format!("{text:?} is no record's number"))
                .hint("records are numbered from 0")),
        };
        self.gate.told("query/proof", &asker, read).await
    }

    /// What an address seeks.
    async fn sought(&self, visit: &Visit) -> Result<Sought, Problem> {
        let asker = self.admit(visit, "audit/records").await?;
        self.gate.told("audit/records", &asker, Sought::read(&visit.query)).await
    }

    /// One record, as far as who visits may see it; to the public none is shown.
    async fn entry(&self, visit: &Visit, index: u64) -> Result<Option<read::Entry>, Problem> {
        let may = visit
            .identity()
            .is_some_and(|own| matches!(own.role, Role::Member | Role::Observer | Role::Auditor));
        if self.door == Door::Public || !may {
            return Ok(None);
        }
        let all = self.range(visit, (index, index + 1), None).await?;
        Ok(all.into_iter().find(|entry| !entry.text.is_empty()))
    }
}
