//! Batches: the last ones, each, and the files of its receipt.

use std::fs;

use askama::Template;
use axum::{
    Extension,
    extract::{Path, State},
    http::{StatusCode, header},
    response::Response,
};
use birge_proto::{manifest::BatchId, record::Counts};

use super::{missing, rejected, said};
use crate::{
    console::{
        Shared, answer,
        became::{Folders, Waiting},
        blocking,
        words::Say,
    },
    i18n::Language,
    node::Node,
    outbox::receipts::{self, Filed},
    output::Failure,
    paper,
};

/// Batches that a list shows.
const SHOWN: usize = 100;

#[derive(Template)]
#[template(path = "console/batches.html")]
struct Batches<'a> {
    say: &'a Say,
    title: String,
    here: &'static str,
    rows: Vec<Row>,
}

#[derive(Template)]
#[template(path = "console/batch.html")]
struct OneBatch<'a> {
    say: &'a Say,
    title: String,
    here: &'static str,
    row: Row,
}

/// A batch as it is shown.
struct Row {
    batch: BatchId,
    state: &'static str,
    dataset: String,
    periods: String,
    source: String,
    observations: Option<u64>,
    receipt: Option<Filed>,
}

impl From<Waiting> for Row {
    fn from(waits: Waiting) -> Self {
        Self {
            batch: waits.entry.batch,
            state: waits.word(),
            dataset: waits.dataset,
            periods: waits.periods.join(", "),
            source: waits.source,
            observations: Some(waits.observations),
            receipt: None,
        }
    }
}

impl From<Filed> for Row {
    fn from(filed: Filed) -> Self {
        let past = filed.past();
        Self {
            batch: filed.batch,
            state: "receipted",
            dataset: past.as_ref().map(|past| past.dataset.clone()).unwrap_or_default(),
            periods: past.map(|past| past.periods.join(", ")).unwrap_or_default(),
            source: filed.source.clone(),
            observations: None,
            receipt: Some(filed),
        }
    }
}

impl Row {
    /// The counts that are not zero, by the ids of their messages.
    fn counts(&self) -> Vec<(&'static str, u64)> {
        let counts = self.receipt.as_ref().map(|filed| filed.counts).unwrap_or_default();
        let Counts { imported, updated, unchanged, deleted, ignored } = counts;
        let all = [
            ("imported", imported),
            ("updated", updated),
            ("unchanged", unchanged),
            ("deleted", deleted),
            ("ignored", ignored),
        ];
        all.into_iter().filter(|(_, count)| *count > 0).collect()
    }

    fn short(&self) -> String {
        self.batch.to_string().chars().take(12).collect()
    }
}

/// `GET /batches`.
pub(super) async fn list(
    State(desk): State<Shared>,
    Extension(language): Extension<Language>,
) -> Response {
    said(language, async {
        let rows = blocking(&desk, |desk| {
            let Folders { mut waiting, receipts, .. } = Folders::read(&desk.node)?;
            waiting.reverse();
            let filed = receipts.into_iter().map(Row::from);
            Ok(waiting.into_iter().map(Row::from).chain(filed).take(SHOWN).collect())
        });
        let (rows, say) = (rows.await?, Say::new(language));
        let page = Batches { say: &say, title: say.it("batches"), here: "batches", rows };
        Ok(answer::page(StatusCode::OK, &page))
    })
    .await
}

/// `GET /batches/BATCH`.
pub(super) async fn one(
    State(desk): State<Shared>,
    Extension(language): Extension<Language>,
    Path(batch): Path<String>,
) -> Response {
    let Ok(batch) = batch.parse::<BatchId>() else { return missing(language) };
    said(language, async {
        let row = blocking(&desk, move |desk| {
            let Folders { waiting, receipts, .. } = Folders::read(&desk.node)?;
            let filed = receipts.into_iter().find(|it| it.batch == batch).map(Row::from);
            Ok(filed
                .or_else(|| waiting.into_iter().find(|it| it.entry.batch == batch).map(Row::from)))
        });
        let Some(row) = row.await? else { return Ok(missing(language)) };
        let say = Say::new(language);
        let title = say.with("batch-title", "batch", &row.short());
        Ok(answer::page(StatusCode::OK, &OneBatch { say: &say, title, here: "batches", row }))
    })
    .await
}

/// `GET /batches/BATCH/receipt.json`, `.proof`, `.policy`: a file of its receipt.
pub(super) async fn receipt(
    State(desk): State<Shared>,
    Extension(language): Extension<Language>,
    Path((batch, file)): Path<(String, String)>,
) -> Response {
    let ending =
        file.strip_prefix("receipt.").filter(|it| ["json", "proof", "policy"].contains(it));
    let (Ok(batch), Some(ending)) = (batch.parse::<BatchId>(), ending) else {
        return missing(language);
    };
    let name = format!("{batch}.{ending}");
    let path = receipts::path(&desk.node.home, batch).with_extension(ending);
    said(language, async {
        let Some(bytes) = blocking(&desk, move |_| Ok(fs::read(path).ok())).await? else {
            return Ok(missing(language));
        };
        let content_type = if name.ends_with("json") { "application/json" } else { super::TEXT };
        let mut response = answer::text(StatusCode::OK, content_type, bytes);
        let saved = format!("attachment; filename=\"{name}\"");
        answer::insert(response.headers_mut(), header::CONTENT_DISPOSITION, &saved);
        Ok(response)
    })
    .await
}

/// `GET /batches/BATCH/letter` and `/paper`: pages to print.
pub(super) async fn letter(
    State(desk): State<Shared>,
    Extension(language): Extension<Language>,
    Path(batch): Path<String>,
) -> Response {
    printed(desk, language, batch, paper::letter_of).await
}

/// See [`letter`].
pub(super) async fn paper(
    State(desk): State<Shared>,
    Extension(language): Extension<Language>,
    Path(batch): Path<String>,
) -> Response {
    printed(desk, language, batch, paper::receipt_of).await
}

async fn printed(
    desk: Shared,
    language: Language,
    batch: String,
    page: impl FnOnce(&Node, BatchId, Language) -> Result<String, Failure> + Send + 'static,
) -> Response {
    let Ok(batch) = batch.parse() else { return missing(language) };
    said(language, async {
        let page = blocking(&desk, move |desk| page(&desk.node, batch, language)).await?;
        Ok(rejected::report(page))
    })
    .await
}
