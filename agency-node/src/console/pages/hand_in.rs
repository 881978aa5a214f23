//! The form: a file is checked, or handed in through the inbox; and workbooks for offices.

use std::sync::Arc;

use askama::Template;
use axum::{
    Extension,
    extract::{Multipart, Path, Query, State},
    http::{StatusCode, header},
    response::Response,
};
use birge_proto::problem::{Kind, Problem};
use birge_schemas::structure::Structure;
use serde::Deserialize;

use super::{XLSX, missing, rejected, said};
use crate::{
    batch::Said,
    console::{
        Shared, answer,
        became::{Became, Folders},
        blocking,
        jobs::{self, Job},
        upload::{self, Upload},
        words::Say,
    },
    form::command,
    handin::{self, Given},
    i18n::Language,
    output::Failure,
    report::Paper,
};

/// Bytes of a field that is no file.
const FIELD_BYTES: usize = 64;

#[derive(Template)]
#[template(path = "console/hand_in.html")]
struct HandIn<'a> {
    say: &'a Say,
    title: String,
    here: &'static str,
    sources: Vec<String>,
    /// Datasets of which forms can be made: id and name.
    datasets: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "console/handed_in.html")]
struct HandedIn<'a> {
    say: &'a Say,
    title: String,
    here: &'static str,
    job: Job,
    became: Became,
    report: String,
}

/// `GET /hand-in`.
pub(super) async fn form(
    State(desk): State<Shared>,
    Extension(language): Extension<Language>,
) -> Response {
    let say = Say::new(language);
    let sources = desk.node.config.sources.iter().map(|source| source.name.clone()).collect();
    let named = |structure: &Arc<Structure>| {
        (structure.id.clone(), structure.name(language.code()).to_owned())
    };
    let datasets = desk.node.structures.iter().map(named).collect();
    let page = HandIn { say: &say, title: say.it("hand-in"), here: "hand-in", sources, datasets };
    answer::page(StatusCode::OK, &page)
}

/// Of what a form is to be made.
#[derive(Deserialize)]
pub(super) struct Wanted {
    dataset: String,
    period: String,
}

/// `GET /form`: a form for an office to fill in.
pub(super) async fn make_form(
    State(desk): State<Shared>,
    Extension(language): Extension<Language>,
    Query(Wanted { dataset, period }): Query<Wanted>,
) -> Response {
    said(language, async {
        let period = period.trim().to_owned();
        let name = format!("attachment; filename=\"{dataset}_{period}.xlsx\"");
        let wanted = command::Wanted {
            dataset,
            period,
            language: Some(language),
            areas: vec![],
            selections: vec![],
            replaces: false,
            rows: command::ROWS,
        };
        // Dataset and period are known by now, so that the name is plain.
        let bytes = command::made(&desk.node, &wanted).await?.bytes;
        let mut response = answer::text(StatusCode::OK, XLSX, bytes);
        answer::insert(response.headers_mut(), header::CONTENT_DISPOSITION, &name);
        Ok(response)
    })
    .await
}

/// What a form sends: a file, and whose source's it is.
async fn sent(desk: &Shared, mut form: Multipart) -> Result<(Upload, Option<String>), Failure> {
    let (mut file, mut source) = (None, None);
    while let Some(field) = form.next_field().await.map_err(upload::broken)? {
        let name = field.file_name().map(str::to_owned);
        match (field.name(), name) {
            (Some("file"), Some(name)) if file.is_none() && !name.is_empty() => {
                file = Some(upload::receive(&desk.node.home, &name, field).await?);
            }
            (Some("source"), None) => {
                let name = upload::field(field, FIELD_BYTES).await?;
                source = Some(String::from_utf8_lossy(&name).into_owned());
            }
            _ => {}
        }
    }
    let hint = "choose a file, then press the button again";
    let file =
        file.ok_or_else(|| Problem::new(Kind::Malformed, "no file was chosen").hint(hint))?;
    let source = source.filter(|source| !source.is_empty());
    jobs::mapping(&desk.node, source.as_deref())?;
    Ok((file, source))
}

/// `POST /check`: the report on a file; nothing is handed in.
pub(super) async fn check(
    State(desk): State<Shared>,
    Extension(language): Extension<Language>,
    form: Multipart,
) -> Response {
    said(language, async {
        let (upload, source) = sent(&desk, form).await?;
        let _one = desk.checking.lock().await;
        let page = blocking(&desk, move |desk| {
            let mapping = jobs::mapping(&desk.node, source.as_deref())?;
            let given = Given { file: upload.path.clone(), mapping };
            let checked = handin::check(&desk.node, &given, Said::default())?;
            let shown = given.shown(&desk.node)?;
            let sheet = shown.sheet.as_ref();
            Paper { file: &upload.name, checked: &checked, sheet, form: None, language }.page()
        });
        Ok(rejected::report(page.await?))
    })
    .await
}

/// `POST /hand-in`: the file goes into the inbox.
pub(super) async fn hand_in(
    State(desk): State<Shared>,
    Extension(language): Extension<Language>,
    form: Multipart,
) -> Response {
    said(language, async {
        let (upload, source) = sent(&desk, form).await?;
        // Whoever hands a file in again wants it looked at again; what it says is taken once.
        let _one = desk.filing.lock().await;
        let job = blocking(&desk, move |desk| jobs::file(&desk.node, &upload, source, None));
        Ok(answer::see_other(&format!("/handed-in/{}", job.await?.id)))
    })
    .await
}

/// `GET /handed-in/JOB`: what became of it.
pub(super) async fn handed_in(
    State(desk): State<Shared>,
    Extension(language): Extension<Language>,
    Path(id): Path<String>,
) -> Response {
    said(language, async {
        let found = blocking(&desk, move |desk| {
            let Some(job) = jobs::one(&desk.node.home, &id)? else { return Ok(None) };
            let became = Folders::read(&desk.node)?.became(&job)?;
            let report = match &became {
                Became::Rejected(name) => {
                    let name = name.trim_end_matches(".report.json");
                    let page = format!("{name}.report.html");
                    let there = desk.node.home.join("rejected").join(&page).exists();
                    rejected::address(&if there { page } else { format!("{name}.report.txt") })
                }
                _ => String::new(),
            };
            Ok(Some((job, became, report)))
        });
        let Some((job, became, report)) = found.await? else { return Ok(missing(language)) };
        let say = Say::new(language);
        let title = say.with("handed-in", "file", &job.name);
        let page = HandedIn { say: &say, title, here: "hand-in", job, became, report };
        Ok(answer::page(StatusCode::OK, &page))
    })
    .await
}
