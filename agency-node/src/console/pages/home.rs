//! The overview: what needs doing, what waits, whether the node is well.

use askama::Template;
use axum::{Extension, extract::State, http::StatusCode, response::Response};

use super::said;
use crate::{
    alarms::{self, Alarm},
    console::{
        Shared, answer,
        became::{Folders, Waiting},
        blocking,
        due::{self, Told},
        words::Say,
    },
    doctor::{self, Check},
    i18n::Language,
    outbox::prepared::Prepared,
    output::Failure,
};

/// Periods that are shown.
const SHOWN: usize = 50;

#[derive(Template)]
#[template(path = "console/home.html")]
struct Home<'a> {
    say: &'a Say,
    title: String,
    here: &'static str,
    identity: String,
    now: Now,
    told: Told,
}

/// What the folders tell.
struct Now {
    alarms: Vec<Alarm>,
    checks: Vec<Check>,
    inbox: usize,
    /// Batches that wait for approval.
    prepared: Vec<Prepared>,
    waiting: Vec<Waiting>,
    receipts: usize,
    rejected: usize,
}

impl Now {
    /// How many checks found something wrong.
    fn wrong(&self) -> usize {
        self.checks.iter().filter(|check| check.state == doctor::State::Wrong).count()
    }
}

/// `GET /`.
pub(super) async fn home(
    State(desk): State<Shared>,
    Extension(language): Extension<Language>,
) -> Response {
    said(language, async {
        let told = due::due(&desk).await?;
        let now = blocking(&desk, |desk| {
            let (node, folders) = (&desk.node, Folders::read(&desk.node)?);
            Ok::<_, Failure>(Now {
                alarms: alarms::standing(&node.home)?,
                checks: doctor::near(node, node.clock.now()),
                inbox: folders.in_inbox()?,
                receipts: folders.receipts.len(),
                rejected: folders.reports.len(),
                prepared: folders.prepared,
                waiting: folders.waiting,
            })
        });
        let (now, say) = (now.await?, Say::new(language));
        let (title, identity) = (say.it("home"), desk.node.identity().to_string());
        let page = Home { say: &say, title, here: "home", identity, now, told };
        Ok(answer::page(StatusCode::OK, &page))
    })
    .await
}
