//! What waits for approval: looked at, approved with the approver's key, or sent back.

use askama::Template;
use axum::{
    Extension,
    extract::{Multipart, Path, State},
    http::StatusCode,
    response::Response,
};
use birge_proto::problem::{Kind, Problem};
use birge_schemas::history::Difference;

use super::{missing, said};
use crate::{
    approval::{self, show::Seen},
    approver::key::KeyFile,
    console::{Desk, Shared, answer, blocking, upload, words::Say},
    i18n::Language,
    outbox::prepared::{self, Prepared},
    output::Failure,
};

/// Bytes of the longest field.
const FIELD_BYTES: usize = 1 << 14;

#[derive(Template)]
#[template(path = "console/approval.html")]
struct Page<'a> {
    say: &'a Say,
    title: String,
    here: &'static str,
    waits: Prepared,
    seen: Seen,
    changes: Result<Vec<(String, Difference)>, String>,
}

/// The batch of this very name.
fn waiting(desk: &Desk, name: &str) -> Result<Option<Prepared>, Failure> {
    let all = prepared::all(&desk.node.home)?;
    Ok(all.into_iter().find(|one| one.batch.to_string() == name))
}

/// `GET /approvals/BATCH`.
pub(super) async fn one(
    State(desk): State<Shared>,
    Extension(language): Extension<Language>,
    Path(name): Path<String>,
) -> Response {
    said(language, async {
        let found = blocking(&desk, move |desk| {
            let Some(waits) = waiting(desk, &name)? else { return Ok(None) };
            let draft = waits.draft()?;
            let seen = Seen::of(&desk.node.structures, &draft)?;
            Ok(Some((waits, draft, seen)))
        });
        let Some((waits, draft, seen)) = found.await? else { return Ok(missing(language)) };
        let changes = approval::show::changes(&desk.node, &draft).await;
        let say = Say::new(language);
        let title = say.with("approval", "batch", &waits.batch.to_string()[..12]);
        let page = Page { say: &say, title, here: "home", waits, seen, changes };
        Ok(answer::page(StatusCode::OK, &page))
    })
    .await
}

/// The fields of a form, those among `names`.
async fn fields<const N: usize>(
    mut form: Multipart,
    names: [&str; N],
) -> Result<[Vec<u8>; N], Failure> {
    let mut found = [const { vec![] }; N];
    while let Some(field) = form.next_field().await.map_err(upload::broken)? {
        let place = names.iter().position(|name| field.name() == Some(name));
        if let Some(place) = place {
            found[place] = upload::field(field, FIELD_BYTES).await?;
        }
    }
    Ok(found)
}

/// `POST /approvals/BATCH/give`: the key file and its passphrase.
pub(super) async fn give(
    State(desk): State<Shared>,
    Extension(language): Extension<Language>,
    Path(name): Path<String>,
    form: Multipart,
) -> Response {
    said(language, async {
        let [key, passphrase] = fields(form, ["key", "passphrase"]).await?;
        let _one = desk.approving.lock().await;
        let given = blocking(&desk, move |desk| {
            let Some(waits) = waiting(desk, &name)? else { return Ok(None) };
            let file = KeyFile::parse(&key).map_err(|what| {
                let hint = "choose the file that `agency-node approver new` wrote";
                Problem::new(Kind::Malformed, format!("no approver's key: {what}")).hint(hint)
            })?;
            let key = file.open(&String::from_utf8_lossy(&passphrase)).map_err(refused)?;
            approval::approve(&desk.node, &waits, &key, None).map(Some).map_err(refused)
        });
        let Some(batch) = given.await? else { return Ok(missing(language)) };
        desk.queued.notify_one();
        Ok(answer::see_other(&format!("/batches/{batch}")))
    })
    .await
}

/// What whoever approves has to mend is no fault of the node's.
fn refused(failure: Failure) -> Failure {
    match failure {
        Failure::Wrong(text) => {
            let (detail, hint) = text.split_once("\nnext: ").unwrap_or((&text, "try again"));
            Problem::new(Kind::NotPermitted, detail).hint(hint).into()
        }
        other => other,
    }
}

/// `POST /approvals/BATCH/return`: why.
pub(super) async fn send_back(
    State(desk): State<Shared>,
    Extension(language): Extension<Language>,
    Path(name): Path<String>,
    form: Multipart,
) -> Response {
    said(language, async {
        let [reason] = fields(form, ["reason"]).await?;
        let sent = blocking(&desk, move |desk| {
            let Some(waits) = waiting(desk, &name)? else { return Ok(None) };
            let reason = String::from_utf8_lossy(&reason).into_owned();
            approval::send_back(&desk.node, &waits, &reason).map(Some)
        });
        Ok(match sent.await? {
            Some(_) => answer::see_other("/rejected"),
            None => missing(language),
        })
    })
    .await
}
