//! `agency-node diff`, and `submit --revises current`: what a file would change of the figures that
//! stand at the gateway.

use birge_proto::{
    manifest::{Action, Manifest},
    wire::{AskRequest, Selection},
};
use birge_schemas::{
    finding::{Code, Report},
    history::{Difference, revision},
    slice::{Slice, split},
    table::Table,
    validate::accepted,
};
use serde_json::json;

use crate::{
    batch::{Draft, Said, Unsigned},
    connect::Link,
    handin::{self, Given},
    node::Node,
    output::{Exit, Failure, Reply},
    query, report,
};

/// What is compared with what stands.
#[derive(Debug, Clone, Copy)]
pub struct Offered<'a> {
    dataset: &'a str,
    action: Action,
    periods: &'a [String],
    blocks: &'a [Vec<u8>],
}

impl<'a> From<&'a Unsigned> for Offered<'a> {
    fn from(batch: &'a Unsigned) -> Self {
        let (dataset, action) = (batch.dataset(), batch.action());
        Self { dataset, action, periods: batch.periods(), blocks: batch.blocks() }
    }
}

impl<'a> From<&'a Draft> for Offered<'a> {
    fn from(batch: &'a Draft) -> Self {
        let Manifest { dataset, action, periods, .. } = &batch.manifest;
        Self { dataset, action: *action, periods, blocks: &batch.blocks }
    }
}

/// What a batch would make of one period.
struct Change {
    period: String,
    difference: Difference,
    /// Figures that change or go.
    figures: Report,
    /// Keys that the batch does not have.
    gone: Vec<String>,
}

/// Tells what a file would add, change and take away. Nothing is handed in; the question is
/// recorded, as every question is.
///
/// # Errors
/// When the file cannot be read, or the gateway is away or refuses the question.
pub async fn diff(node: &Node, given: &Given) -> Result<Reply, Failure> {
    let (link, _) = node.link()?;
    let mut checked = handin::check(node, given, Said::default())?;
    let Some(batch) = checked.batch.take() else {
        return Ok(report::invalid(&checked, node.config.language));
    };
    let changes = changes(node, &link, Offered::from(&batch)).await?;
    let keeps = batch.action() == Action::Append;
    let mut text = vec![];
    for Change { period, difference, figures, .. } in &changes {
        text.push(format!("{period}: {difference}"));
        for finding in &figures.findings {
            text.push(match finding.code {
                Code::FigureRemoved => {
                    format!("  {}: {}, not in the file", finding.key, finding.expected)
                }
                _ => format!("  {}: {} -> {}", finding.key, finding.expected, finding.found),
            });
        }
        if figures.unlisted > 0 {
            text.push(format!("  and {} more", figures.unlisted));
        }
    }
    let sum = |of: fn(&Difference) -> u64| changes.iter().map(|it| of(&it.difference)).sum::<u64>();
    let (changed, gone) = (sum(|it| it.changed), sum(|it| it.removed));
    match (keeps, gone) {
        (_, 0) if changed == 0 => {}
        (_, 0) => text.push("next: agency-node submit FILE --revises current --reason TEXT".into()),
        (true, gone) => text.push(format!(
            "{gone} figures that stand are not in the file. Its action A only adds: they stay, and \
             what stands is not changed\nnext: with R in ACTION and --revises current the file \
             replaces its periods, and these {gone} disappear; to keep them, put them into the file"
        )),
        (false, gone) => text.push(format!(
            "{gone} figures that stand are not in the file, and disappear\nnext: agency-node submit \
             FILE --revises current --reason TEXT"
        )),
    }
    let periods = changes.iter().map(|change| {
        let Difference { added, removed, changed, unchanged, before, after } = change.difference;
        let figures = change.figures.findings.iter().map(
            |finding| json!({ "key": finding.key, "was": finding.expected, "is": finding.found }),
        );
        json!({
            "period": change.period, "added": added, "removed": removed, "changed": changed,
            "unchanged": unchanged, "before": before, "after": after,
            "figures": figures.collect::<Vec<_>>(),
        })
    });
    let json = json!({ "periods": periods.collect::<Vec<_>>() });
    Ok(Reply { exit: Exit::Done, text: text.join("\n"), aside: String::new(), json })
}

/// A batch as one that replaces all that stands of its periods. What it does not have disappears,
/// if it says that it replaces.
///
/// # Errors
/// When it neither adds nor replaces, or adds and figures that stand are not in it; when other
/// batches wait, by which what stands may change; and when the gateway is away.
pub async fn replacing(node: &Node, link: &Link, batch: Unsigned) -> Result<Unsigned, Failure> {
    let action = batch.action();
    if !node.outbox.waiting()?.is_empty() {
        return Err(Failure::Wrong(
            "other batches wait, by which what stands may change\nnext: let `agency-node run` hand \
             them in first"
                .into(),
        ));
    }
    let changes = changes(node, link, Offered::from(&batch)).await?;
    let gone: Vec<String> = changes.into_iter().flat_map(|change| change.gone).collect();
    if action == Action::Append && !gone.is_empty() {
        return Err(Failure::Wrong(format!(
            "{} figures that stand are not in the file, which only adds: {}\nnext: put them into \
             it, or say R in ACTION to have them disappear",
            gone.len(),
            gone[..gone.len().min(5)].join(", ")
        )));
    }
    Ok(batch.replacing(gone))
}

/// What a batch would add, change and take away, period by period.
///
/// # Errors
/// When the gateway is away, or the batch neither adds nor replaces.
pub async fn differences(
    node: &Node,
    link: &Link,
    batch: Offered<'_>,
) -> Result<Vec<(String, Difference)>, Failure> {
    let changes = changes(node, link, batch).await?;
    Ok(changes.into_iter().map(|it| (it.period, it.difference)).collect())
}

async fn changes(node: &Node, link: &Link, batch: Offered<'_>) -> Result<Vec<Change>, Failure> {
    if !matches!(batch.action, Action::Append | Action::Replace) {
        return Err(Failure::Usage(
            "only a file that adds or replaces is compared with what stands\nnext: say A or R in \
             its ACTION"
                .into(),
        ));
    }
    let stands = split(&table(node, batch.dataset, batch.blocks)?);
    let periods = batch.periods;
    let selection = Selection {
        dimension: "TIME_PERIOD".into(),
        codes: periods.to_vec(),
        ..Selection::default()
    };
    let dataset = batch.dataset.to_owned();
    let selections = vec![selection];
    let request = AskRequest { dataset: dataset.clone(), selections, ..AskRequest::default() };
    let (provenance, blocks) = query::cells(link, request).await?;
    if provenance.withheld > 0 || !provenance.narrowed.is_empty() {
        return Err(Failure::Wrong(format!(
            "not all figures of {dataset} are given to this node, so that what the file lacks cannot \
             be told from what is withheld\nnext: name the batch that is revised, and the keys that \
             disappear in FILE.batch.toml"
        )));
    }
    let stood = match blocks.is_empty() {
        true => std::collections::BTreeMap::new(),
        false => split(&table(node, batch.dataset, &blocks)?),
    };
    let structure = structure(node, batch.dataset)?;
    let changes = periods.iter().map(|period| {
        let nothing = || Slice::empty(structure, period.clone());
        let before = stood.get(period).cloned().unwrap_or_else(nothing);
        let after = stands.get(period).cloned().unwrap_or_else(nothing);
        let mut figures = Report::default();
        let difference = revision(&before, &after, true, &mut figures);
        figures.findings.retain(|finding| finding.code != Code::RevisionLarge);
        let rows = 0..before.rows();
        let gone = rows.filter(|row| after.find(before.table().packed(*row)).is_none());
        let gone = gone.map(|row| before.table().key(row)).collect();
        Change { period: period.clone(), difference, figures, gone }
    });
    Ok(changes.collect())
}

fn structure<'n>(
    node: &'n Node,
    dataset: &str,
) -> Result<&'n std::sync::Arc<birge_schemas::structure::Structure>, Failure> {
    let found = node.structures.get(dataset);
    found.ok_or_else(|| Failure::Usage(format!("there is no dataset {dataset}")))
}

fn table(node: &Node, dataset: &str, blocks: &[Vec<u8>]) -> Result<Table, Failure> {
    let raw = query::table(blocks)?;
    accepted(structure(node, dataset)?, Action::Append, &raw).map_err(|report| {
        Failure::Wrong(format!(
            "the figures that stand are not of this node's structures: {report}\nnext: bring node \
             and gateway to one version"
        ))
    })
}
