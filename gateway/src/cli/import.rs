//! `gateway import`: batches that were carried here.

use std::path::Path;

use anyhow::Result;
use serde_json::json;

use super::{Exit, Output, Said};
use crate::{
    config::Config,
    operator::carried::{self, word},
};

/// Hands in what was carried here; ends with 1 where anything was refused.
pub(super) async fn import(
    output: Output,
    config: &Config,
    file: &Path,
    out: &Path,
) -> Result<(Said, Exit)> {
    let (mut lines, mut json, mut exit) = (vec![], vec![], Exit::Done);
    carried::import(config, file, out, |place, answer| {
        let word = word(answer);
        if word != "accepted" {
            exit = Exit::Refused;
        }
        if output == Output::Text {
            eprintln!("batch {}: {word}", place.batch);
        }
        json.push(json!({ "batch": place.batch, "became": word }));
        lines.push(word);
    })
    .await?;
    let accepted = lines.iter().filter(|word| **word == "accepted").count();
    let words = format!(
        "{accepted} of {} batches accepted\nnext: carry {} back to the agency: agency-node import; it \
         holds reports on its figures",
        lines.len(),
        out.display()
    );
    Ok(((words, json!({ "answers": out, "batches": json })), exit))
}
