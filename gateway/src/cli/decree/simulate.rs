//! `gateway decree simulate` and `history`: a draft, and the decrees before it.

use std::{collections::BTreeMap, fmt::Display, path::Path, sync::Arc};

use anyhow::Result;
use birge_proto::clock::Timestamp;
use clap::Args;
use serde_json::{Value, json};

use super::{
    super::{Exit, Said, authority::keys},
    Folder,
};
use crate::{
    config::Config,
    decree::{Effect, Sums},
    history::History,
};

/// Tells what a draft would have changed.
#[derive(Debug, Args)]
pub(in super::super) struct Simulate {
    #[command(flatten)]
    draft: Folder,
    /// End with 1 where any decision would change, or the protection of small counts.
    #[arg(long)]
    fail_on_change: bool,
}

impl Simulate {
    pub(super) fn act(self, config: &Path, now: Timestamp) -> Result<(Said, Exit)> {
        let (draft, _) = self.draft.read()?;
        let sums = History::read(&Config::load(config)?)?.simulate(Arc::new(draft), now)?;
        let fails = self.fail_on_change && sums.any();
        let exit = if fails { Exit::Refused } else { Exit::Done };
        Ok(((words(&sums), value(&sums)), exit))
    }
}

fn words(sums: &Sums) -> String {
    let Sums { replayed, unknown, protection, parameters, .. } = sums;
    let Sums { changed, articles, principals, datasets, .. } = sums;
    let mut words = format!("{replayed} recorded decisions were made once more under the draft");
    if *unknown > 0 {
        words += &format!("\n{unknown} could not be: their words are not known");
    }
    if !protection.is_empty() {
        words +=
            &format!("\nsmall counts would be protected in another way: {}", protection.join(", "));
    }
    if !parameters.is_empty() {
        words += &format!("\nparameters that would change: {}", parameters.join(", "));
    }
    if changed.is_empty() {
        return words + "\nno decision would change";
    }
    words += &format!("\nwould change: {}", counts(changed));
    table(&mut words, "by article that would decide", articles);
    table(&mut words, "by who asked", principals);
    table(&mut words, "by dataset", datasets);
    words
}

fn table<K: Display>(words: &mut String, title: &str, rows: &BTreeMap<K, BTreeMap<Effect, u64>>) {
    *words += &format!("\n{title}");
    for (key, changed) in rows {
        *words += &format!("\n  {:16} {}", key.to_string(), counts(changed));
    }
}

fn counts(changed: &BTreeMap<Effect, u64>) -> String {
    let count = |(effect, count): (&Effect, &u64)| {
        let word = match effect {
            Effect::Refused => "refused, though it was permitted",
            Effect::Narrower => "given with less detail",
            Effect::Other => "given with other detail",
            Effect::Wider => "given with more detail",
            Effect::Permitted => "permitted, though it was refused",
            Effect::Grounds => "the same, under other articles",
        };
        format!("{count} {word}")
    };
    changed.iter().map(count).collect::<Vec<_>>().join("; ")
}

fn value(sums: &Sums) -> Value {
    let Sums { replayed, unknown, protection, parameters, .. } = sums;
    let Sums { changed, articles, principals, datasets, .. } = sums;
    json!({
        "replayed": replayed, "unknown": unknown, "protection": protection,
        "parameters": parameters, "changed": of(changed),
        "articles": rows(articles), "principals": rows(principals), "datasets": rows(datasets),
    })
}

fn rows<K: Display>(rows: &BTreeMap<K, BTreeMap<Effect, u64>>) -> Value {
    rows.iter().map(|(key, changed)| (key.to_string(), of(changed))).collect()
}

fn of(changed: &BTreeMap<Effect, u64>) -> Value {
    changed.iter().map(|(effect, count)| (effect.as_str().to_owned(), json!(count))).collect()
}

/// Every decree that was enacted.
pub(super) fn history(config: &Path) -> Result<Said> {
    let history = History::read(&Config::load(config)?)?;
    let mut words = vec![];
    let mut values = vec![];
    for enacted in &history.decrees {
        let (name, from) = (enacted.decree.name(), enacted.decree.in_force_from());
        words.push(format!(
            "decree {} of {}: enacted {} as exchange {}, in force from {from}, signed with {}",
            name.number,
            name.version,
            enacted.time,
            enacted.exchange,
            keys(&enacted.signed_by)
        ));
        values.push(json!({
            "decree": name, "exchange": enacted.exchange, "enacted": enacted.time,
            "inForceFrom": from, "keyIds": enacted.signed_by,
        }));
    }
    Ok((words.join("\n"), values.into()))
}
