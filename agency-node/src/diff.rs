//! `agency-node diff`, and `submit --revises current`: what a file would change of the figures that
//! stand at the gateway.

use birge_proto::{
    manifest::Action,
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
    batch::{Said, Unsigned},
    connect::Link,
    handin::{self, Given},
    node::Node,
    output::{Exit, Failure, Reply},
    query, report,
};

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
    let Some(batch) = checked.batch.take() else { return Ok(report::invalid(&checked)) };
    let changes = changes(node, &link, &batch).await?;
    let keeps = batch.action() == Action::Append;
    let mut text = vec![];
    for change in &changes {
        let Change { period, difference, figures, .. } = change;
        text.push(format!("{period}: {difference}"));
        for finding in &figures.findings {
            text.push(match finding.code {
                Code::FigureRemoved if keeps => continue,
                Code::FigureRemoved => format!("  {}: {} goes", finding.key, finding.expected),
                _ => format!("  {}: {} -> {}", finding.key, finding.expected, finding.found),
            });
        }
        if figures.unlisted > 0 {
            text.push(format!("  and {} more", figures.unlisted));
        }
    }
    if keeps && changes.iter().any(|change| change.difference.removed > 0) {
        text.push(
            "what the file does not have stays: its action adds, and replaces nothing".into(),
        );
    }
    let revised = changes.iter().any(|change| change.difference.changed > 0);
    if revised {
        text.push("next: agency-node submit FILE --revises current --reason TEXT".into());
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

/// The keys that stand for a batch's periods and that it does not have.
///
/// # Errors
/// When the gateway is away or refuses the question.
pub async fn gone(node: &Node, link: &Link, batch: &Unsigned) -> Result<Vec<String>, Failure> {
    let changes = changes(node, link, batch).await?;
    Ok(changes.into_iter().flat_map(|change| change.gone).collect())
}

async fn changes(node: &Node, link: &Link, batch: &Unsigned) -> Result<Vec<Change>, Failure> {
    let stands = split(&table(node, batch.dataset(), batch.blocks())?);
    let periods = batch.periods();
    let (Some(first), Some(last)) = (periods.first(), periods.last()) else { return Ok(vec![]) };
    let selection = Selection {
        dimension: "TIME_PERIOD".into(),
        codes: vec![],
        from: first.clone(),
        to: last.clone(),
    };
    let dataset = batch.dataset().to_owned();
    let request =
        AskRequest { dataset: dataset.clone(), selections: vec![selection], as_of: String::new() };
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
        false => split(&table(node, batch.dataset(), &blocks)?),
    };
    let structure = structure(node, batch.dataset())?;
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
