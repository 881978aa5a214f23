//! How the node stands, for Prometheus: its text format, version 0.0.4.

use std::{fmt::Write, fs};

use axum::{
    body::Body,
    extract::State,
    http::{Response, StatusCode},
};
use birge_proto::clock::Timestamp;

use super::{Desk, Shared, answer, became::Folders, blocking};
use crate::{alarms, credentials::Credentials, outbox::State as Stands, output::Failure};

/// `GET /metrics`.
pub(super) async fn metrics(State(desk): State<Shared>) -> Response<Body> {
    match blocking(&desk, text).await {
        Ok(text) => answer::text(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text),
        Err(failure) => answer::failure(&failure),
    }
}

fn text(Desk { node, .. }: &Desk) -> Result<String, Failure> {
    let (now, folders) = (node.clock.now(), Folders::read(node)?);
    let waits = |state| folders.waiting.iter().filter(|it| it.entry.state == state).count();
    let mut text = String::new();
    let mut family = |name: &str, help: &str, samples: &[(&str, i64)]| {
        let _ = writeln!(text, "# HELP birge_node_{name} {help}\n# TYPE birge_node_{name} gauge");
        for (labels, value) in samples {
            let _ = writeln!(text, "birge_node_{name}{labels} {value}");
        }
    };
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    family(
        "batches",
        "Batches and files by state.",
        &[
            ("{state=\"prepared\"}", count(folders.prepared.len())),
            ("{state=\"queued\"}", count(waits(Stands::Queued))),
            ("{state=\"sent\"}", count(waits(Stands::Sent))),
            ("{state=\"receipted\"}", count(folders.receipts.len())),
            ("{state=\"rejected\"}", count(folders.reports.len())),
        ],
    );
    let since = folders.waiting.iter().filter_map(|it| {
        let changed = fs::metadata(&it.entry.path).ok()?.modified().ok()?;
        Timestamp::try_from(changed).ok()
    });
    let oldest = since.min().map_or(0, |since| now.duration_since(since).as_secs().max(0));
    family(
        "oldest_waiting_seconds",
        "Age of the batch that waits longest; 0: none waits.",
        &[("", oldest)],
    );
    if let Some(last) = folders.receipts.iter().map(|filed| filed.filed.as_second()).max() {
        family("last_receipt_timestamp_seconds", "When a receipt was filed last.", &[("", last)]);
    }
    if let Ok(until) = Credentials::load(&node.home, node.identity()).and_then(|own| own.until()) {
        let left = until.duration_since(now).as_secs();
        family("certificate_seconds_left", "Until the node's certificate ends.", &[("", left)]);
    }
    family("alarms", "Alarms that stand.", &[("", count(alarms::standing(&node.home)?.len()))]);
    if let Ok(facts) = rustix::fs::statvfs(node.home.join("").as_path()) {
        let free = facts.f_bavail.saturating_mul(facts.f_frsize);
        let free = i64::try_from(free).unwrap_or(i64::MAX);
        family("free_bytes", "Free on the disk of the node's folder.", &[("", free)]);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        console::desk,
        handin::{
            self,
            tests::{CSV, node},
        },
    };

    #[test]
    fn what_waits_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let node = node(&folder.path().join("mia"));
        let file = node.home.join("inbox/a.csv");
        fs::write(&file, CSV).unwrap();
        handin::take(&node, &file).unwrap();
        let text = text(&Arc::new(desk(&node, Arc::default()).unwrap())).unwrap();
        assert!(text.contains("\nbirge_node_batches{state=\"queued\"} 1\n"), "{text}");
        assert!(text.contains("\nbirge_node_alarms 0\n"), "{text}");
        assert!(!text.contains("last_receipt"), "{text}");
    }
}
