//! The log as a reader may see it: auditors all of it, others what concerns them (article 9(3)).

mod read;

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
        portal.admit(&visit, "audit/records").await?;
        let sought = Sought::read(&visit.query);
        let read = portal.records(&visit, &sought, SHOWN).await?;
        let shown = portal.ledger.shown().ok();
        let size = shown.as_ref().map_or(0, |shown| shown.checkpoint.size());
        let proved = match size {
            0 => None,
            _ => portal.prove(&visit, size - 1, None).await?,
        };
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
            witnesses: proved.map(|proved| proved.witnesses).unwrap_or_default(),
            checkpoint: shown.map(|own| {
                (own.checkpoint.origin().to_owned(), hex::encode(own.checkpoint.root()))
            }),
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
        portal.admit(&visit, "audit/records").await?;
        let sought = Sought::read(&visit.query);
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
        let index = number(&index)?;
        let entry = portal.entry(&visit, index).await?;
        let known = entry.as_ref().filter(|entry| !entry.is_notice);
        let opening = known.and_then(|entry| Opening::from_bytes(&entry.opening));
        let record = known.zip(opening).map(|(entry, opening)| (entry.text.as_slice(), opening));
        let proved = portal.prove(&visit, index, record).await?;
        let parsed = known.and_then(|entry| Record::parse(&entry.text).ok());
        let decree = portal.decree().ok();
        let articles = parsed.as_ref().map(|own| own.articles().to_vec()).unwrap_or_default();
        let articles = articles.into_iter().map(|article| {
            let text = page::article_text(decree.as_deref(), &article, &visit);
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
            lines: entry.as_ref().map(|entry| entry.told(&portal, &visit)).unwrap_or_default(),
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
        portal.admit(&visit, "query/proof").await?;
        let index = number(&index)?;
        let size = portal.ledger.settled().borrow().checkpoint.size();
        if index >= size {
            return Err(not_yet(index, size));
        }
        let proof = portal.ledger.evidence(index).await?;
        let mut response = page::text(StatusCode::OK, TLOG_PROOF, proof);
        let name = format!("attachment; filename=\"{index}.tlog-proof\"");
        page::put(response.headers_mut(), header::CONTENT_DISPOSITION, &name);
        Ok(response)
    })
    .await
}

fn number(text: &str) -> Result<u64, Problem> {
    text.parse().map_err(|_| {
        Problem::new(Kind::NotFound, format!("{text:?} is no number of a record"))
            .hint("records are numbered from 0")
    })
}

fn not_yet(index: u64, size: u64) -> Problem {
    Problem::new(Kind::NotFound, format!("the checkpoint covers {size} records, and not {index}"))
        .hint("try again in a few seconds, if it was just made")
}

impl Portal {
    /// One record, as far as who visits may see it; to the public none is shown.
    async fn entry(&self, visit: &Visit, index: u64) -> Result<Option<read::Entry>, Problem> {
        let may = visit
            .identity()
            .is_some_and(|own| matches!(own.role, Role::Member | Role::Observer | Role::Auditor));
        if self.door == Door::Public || !may {
            self.admit(visit, "query/proof").await?;
            let size = self.ledger.settled().borrow().checkpoint.size();
            return if index < size { Ok(None) } else { Err(not_yet(index, size)) };
        }
        self.admit(visit, "audit/records").await?;
        let size = self.ledger.settled().borrow().checkpoint.size();
        if index >= size {
            return Err(not_yet(index, size));
        }
        let all = self.range(visit, (index, index + 1), None).await?;
        Ok(all.into_iter().find(|entry| !entry.text.is_empty()))
    }
}
