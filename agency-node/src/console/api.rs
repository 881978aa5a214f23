//! The push API for a ministry's own systems. Answers are JSON, errors problem details (RFC 9457).

use axum::{
    Router,
    body::Body,
    extract::{Path, Query, State},
    http::{HeaderMap, Response, StatusCode, header},
    routing::{get, post},
};
use birge_proto::problem::{Kind, Problem};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Desk, Shared, answer,
    became::Folders,
    blocking,
    jobs::{self, Job},
    upload::{self, Upload},
};
use crate::{
    batch::Said,
    handin::{self, Given},
    node::Node,
    output::Failure,
    report,
};

/// Jobs that a list shows.
const SHOWN: usize = 50;
/// Characters of a key.
const KEY_CHARS: usize = 255;

/// The API.
pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/v1/batches", post(push).get(list)).route("/v1/batches/{job}", get(one))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Asked {
    name: String,
    source: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

type Answer = Result<Response<Body>, Response<Body>>;

async fn push(
    State(desk): State<Shared>,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let Query(asked) = asked.map_err(|wrong| {
        let hint = "ask for /v1/batches?name=FILE, with &source=NAME or &dryRun=true where wanted";
        answer::problem(&Problem::new(Kind::Malformed, wrong.body_text()).hint(hint))
    })?;
    let key = key(&headers).map_err(|problem| answer::problem(&problem))?;
    let fails = |failure: Failure| answer::failure(&failure);
    jobs::mapping(&desk.node, asked.source.as_deref()).map_err(fails)?;
    let received = upload::receive(&desk.node.home, &asked.name, body.into_data_stream());
    let upload = received.await.map_err(fails)?;
    if asked.dry_run {
        let told = checked(&desk, upload, asked.source).await.map_err(fails)?;
        return Ok(answer::json(StatusCode::OK, &told));
    }
    let _one = desk.filing.lock().await;
    let filed = blocking(&desk, move |desk| {
        let (node, source) = (&desk.node, asked.source);
        let under_way = match key {
            Some(_) => None,
            None => under_way(node, &upload, source.as_deref())?,
        };
        let job = match under_way {
            Some(job) => job,
            None => jobs::file(node, &upload, source, key.as_deref())?,
        };
        let told = Folders::read(node)?.tell(&job)?;
        Ok((job, told))
    });
    let (job, told) = filed.await.map_err(|failure| match &failure {
        Failure::Refused(problem) if problem.kind == Kind::Conflict => {
            answer::problem_as(422, problem)
        }
        _ => answer::failure(&failure),
    })?;
    let mut response = answer::json(StatusCode::ACCEPTED, &told);
    let location = format!("/v1/batches/{}", job.id);
    answer::insert(response.headers_mut(), header::LOCATION, &location);
    Ok(response)
}

/// The job of the same content that is under way still. One that came to its end is over: the same
/// figures may count again after others, and a file that was refused may pass by now.
fn under_way(node: &Node, upload: &Upload, source: Option<&str>) -> Result<Option<Job>, Failure> {
    let jobs = jobs::all(&node.home)?.into_iter();
    let same = |job: &Job| job.digest == upload.digest && job.source.as_deref() == source;
    let Some(newest) = jobs.into_iter().find(same) else { return Ok(None) };
    Ok(Folders::read(node)?.is_under_way(&newest).then_some(newest))
}

/// The key that makes one thing of what is sent again.
fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().unwrap_or_default().trim();
    if key.is_empty() || key.len() > KEY_CHARS {
        let detail = format!("an Idempotency-Key has 1 to {KEY_CHARS} characters of ASCII");
        return Err(Problem::new(Kind::Malformed, detail).hint("a UUID is one"));
    }
    Ok(Some(key.to_owned()))
}

/// What the rules find in a file; nothing is queued.
async fn checked(desk: &Shared, upload: Upload, source: Option<String>) -> Result<Value, Failure> {
    let _one = desk.checking.lock().await;
    blocking(desk, move |desk| {
        let mapping = jobs::mapping(&desk.node, source.as_deref())?;
        let given = Given { file: upload.path.clone(), mapping };
        let checked = handin::check(&desk.node, &given, Said::default())?;
        let report = report::json(&checked.report, &checked.lines);
        Ok(json!({
            "valid": checked.batch.is_some(),
            "name": upload.name,
            "bytes": upload.bytes,
            "report": report,
        }))
    })
    .await
}

async fn one(State(desk): State<Shared>, Path(id): Path<String>) -> Answer {
    let told = blocking(&desk, move |Desk { node, .. }| {
        let job = jobs::one(&node.home, &id)?;
        job.map(|job| Folders::read(node)?.tell(&job)).transpose()
    });
    match told.await.map_err(|failure| answer::failure(&failure))? {
        Some(told) => Ok(answer::json(StatusCode::OK, &told)),
        None => Err(answer::problem(
            &Problem::new(Kind::NotFound, "no such job is known")
                .hint("jobs are known for 90 days; GET /v1/batches lists the latest"),
        )),
    }
}

async fn list(State(desk): State<Shared>) -> Answer {
    let told = blocking(&desk, |Desk { node, .. }| {
        let (jobs, folders) = (jobs::all(&node.home)?, Folders::read(node)?);
        // What cannot be told of one job keeps nothing back of the others.
        let told = jobs.iter().take(SHOWN).map(|job| {
            folders.tell(job).unwrap_or_else(|failure| {
                json!({ "job": job.id, "name": job.name, "trouble": failure.to_string() })
            })
        });
        Ok(told.collect::<Vec<_>>())
    });
    let jobs = told.await.map_err(|failure| answer::failure(&failure))?;
    Ok(answer::json(StatusCode::OK, &json!({ "jobs": jobs })))
}
