//! Files and batches that were refused, with their reports.

use std::fs;

use askama::Template;
use axum::{
    Extension,
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use birge_proto::{clock::Timestamp, envelope::sha256};

use super::{missing, said};
use crate::{
    console::{Desk, Shared, answer, became::Folders, blocking, words::Say},
    i18n::Language,
    output::Failure,
};

/// Files that the list shows.
const SHOWN: usize = 100;

#[derive(Template)]
#[template(path = "console/rejected.html")]
struct Rejected<'a> {
    say: &'a Say,
    title: String,
    here: &'static str,
    rows: Vec<Row>,
}

/// A file that was refused.
struct Row {
    name: String,
    time: Option<Timestamp>,
    errors: String,
    /// Its files that can be looked at: the ids of their messages, and their addresses.
    links: Vec<(&'static str, String)>,
}

/// What lies beside a refused file, by endings, each with the id of its message and its type.
const BESIDE: [(&str, &str, &str); 5] = [
    (".report.html", "report", "text/html; charset=utf-8"),
    (".report.txt", "report-text", super::TEXT),
    (".report.csv", "report-csv", "text/csv; charset=utf-8"),
    (".findings.csv", "copy", "text/csv; charset=utf-8"),
    (".findings.xlsx", "copy", super::XLSX),
];

/// `GET /rejected`.
pub(super) async fn list(
    State(desk): State<Shared>,
    Extension(language): Extension<Language>,
) -> Response {
    said(language, async {
        let (rows, say) = (blocking(&desk, rows).await?, Say::new(language));
        let page = Rejected { say: &say, title: say.it("rejected"), here: "rejected", rows };
        Ok(answer::page(StatusCode::OK, &page))
    })
    .await
}

fn rows(desk: &Desk) -> Result<Vec<Row>, Failure> {
    let folder = desk.node.home.join("rejected");
    let folders = Folders::read(&desk.node)?;
    let when = |name: &String| fs::metadata(folder.join(name)).ok()?.modified().ok();
    let mut reports: Vec<_> = folders.reports.iter().map(|name| (when(name), name)).collect();
    reports.sort_by(|a, b| b.cmp(a));
    let rows = reports.into_iter().take(SHOWN).map(|(time, report)| {
        let name = report.trim_end_matches(".report.json").to_owned();
        // A refusal of the gateway may have no count.
        let told = folders.report(report).unwrap_or_default();
        let errors =
            told["report"]["errors"].as_u64().map_or_else(String::new, |it| it.to_string());
        let links = BESIDE.iter().filter_map(|(ending, id, _)| {
            let file = format!("{name}{ending}");
            folder.join(&file).exists().then(|| (*id, address(&file)))
        });
        let time = time.and_then(|time| Timestamp::try_from(time).ok());
        Row { links: links.collect(), name, time, errors }
    });
    Ok(rows.collect())
}

/// The address of a file here: each byte that is not plain is written as its number.
pub(super) fn address(file: &str) -> String {
    let mut address = String::from("/rejected/");
    for byte in file.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                address.push(byte.into())
            }
            byte => address += &format!("%{byte:02X}"),
        }
    }
    address
}

/// `GET /rejected/FILE`: a report, or the copy with the findings.
pub(super) async fn one(
    State(desk): State<Shared>,
    Extension(language): Extension<Language>,
    Path(name): Path<String>,
) -> Response {
    let beside = BESIDE.into_iter().find(|(ending, ..)| name.ends_with(ending));
    let Some((ending, _, content_type)) = beside.filter(|_| !name.contains(['/', '\0'])) else {
        return missing(language);
    };
    let path = desk.node.home.join("rejected").join(&name);
    said(language, async {
        let Some(bytes) = blocking(&desk, move |_| Ok(fs::read(path).ok())).await? else {
            return Ok(missing(language));
        };
        if ending == ".report.html" {
            return Ok(report(String::from_utf8_lossy(&bytes).into_owned()));
        }
        let mut response = answer::text(StatusCode::OK, content_type, bytes);
        if ending != ".report.txt" {
            let saved = HeaderValue::from_static("attachment");
            response.headers_mut().insert(header::CONTENT_DISPOSITION, saved);
        }
        Ok(response)
    })
    .await
}

/// A report's page. It brings its own style, which alone is allowed beside the console's, by its digest.
pub(super) fn report(page: String) -> Response {
    let style = page.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>"));
    let digest = style.map(|(style, _)| STANDARD.encode(sha256(style.as_bytes())));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; form-action 'none'; base-uri 'none'; \
         frame-ancestors 'none'",
        digest.unwrap_or_default()
    );
    let mut response = answer::text(StatusCode::OK, "text/html; charset=utf-8", page);
    answer::insert(response.headers_mut(), header::CONTENT_SECURITY_POLICY, &policy);
    response
}
