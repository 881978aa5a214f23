//! `agency-node versions`: what ever stood for a dataset's periods, and what became of it.

use birge_proto::wire::{ListVersionsRequest, Version, VersionState};
use clap::Args;
use serde_json::json;

use crate::{
    asker::{As, Asker},
    connect,
    output::{Exit, Failure, Reply},
};

/// Of what the versions are told.
#[derive(Debug, Args)]
pub struct Versions {
    /// The dataset.
    pub dataset: String,
    /// One reference period; all when absent.
    pub period: Option<String>,
    /// As whom it asks.
    #[command(flatten)]
    pub who: As,
}

/// Tells them.
///
/// # Errors
/// When the gateway refuses or is away.
pub async fn versions(asker: &Asker, args: Versions) -> Result<Reply, Failure> {
    let Versions { dataset, period, .. } = args;
    let request = ListVersionsRequest { dataset, period: period.unwrap_or_default() };
    let answer = asker.link.query().list_versions(request).await;
    let versions = answer.map_err(|status| connect::problem(&status))?.into_inner().versions;
    let text = match versions.is_empty() {
        true => String::from("nothing ever stood"),
        false => versions.iter().map(line).collect::<Vec<_>>().join("\n"),
    };
    let versions = versions.iter().map(|version| {
        json!({
            "period": version.period, "batch": version.batch, "exchange": version.exchange,
            "accepted": version.accepted, "public": version.public,
            "state": words(version.state()), "cause": version.cause,
        })
    });
    let json = json!({ "versions": versions.collect::<Vec<_>>() });
    Ok(Reply { exit: Exit::Done, text, aside: String::new(), json })
}

fn line(version: &Version) -> String {
    let public = match version.public.as_str() {
        "" => String::from("not public"),
        at => format!("public since {at}"),
    };
    let Version { period, batch, exchange, accepted, .. } = version;
    // Why it came, which is not why it went.
    let cause = match version.cause.as_str() {
        "" => String::new(),
        cause => format!(" for {cause}"),
    };
    let state = words(version.state());
    format!(
        "{period}  {state}, accepted {accepted} as exchange {exchange}{cause}, {public}  {batch}"
    )
}

fn words(state: VersionState) -> &'static str {
    match state {
        VersionState::Unspecified => "unknown",
        VersionState::Current => "current",
        VersionState::Superseded => "superseded",
        VersionState::Withdrawn => "withdrawn",
        VersionState::Withdrawal => "withdrawal",
    }
}
