//! What stood before: as the gateway gives it to this node, else as this node handed it in.

use std::collections::BTreeMap;

use birge_proto::{
    manifest::Action,
    wire::{AskRequest, Selection},
};
use birge_schemas::{
    period::{Frequency, first_day},
    structure::Structure,
    table::{RawColumn, RawTable},
};

use super::PERIOD;
use crate::{
    config::Every,
    connect::Link,
    node::Node,
    outbox::{State, file::BatchFile},
    output::Failure,
    pull::Asked,
    query,
};

/// How a figure is shown that is withheld from this node.
const WITHHELD: &str = "··";
/// Periods that are looked back.
const LOOKED_BACK: u16 = 12;

/// What stood for the last period before a form's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stood {
    /// The period; empty where nothing stood.
    pub period: String,
    /// Its cells in their order: a code for each coded dimension, and the figure as it is shown.
    pub cells: Vec<(Vec<String>, String)>,
    /// Is this known from the gateway? Else from this node's own batches.
    pub current: bool,
}

/// What stood for the last period of the same length before `period`. A gateway that is away, or
/// gives this node nothing, is no failure: the node has what it handed in itself.
///
/// # Errors
/// When the node's own batches cannot be read.
pub async fn before(node: &Node, structure: &Structure, period: &str) -> Result<Stood, Failure> {
    let earlier = earlier(period);
    if let (Ok((link, _)), false) = (node.link(), earlier.is_empty()) {
        match asked(&link, structure, &earlier).await {
            Ok(stood) if !stood.cells.is_empty() => return Ok(stood),
            Ok(_) => {}
            Err(failure) => tracing::info!(
                "what stood is not known from the gateway: {}",
                failure.reply().aside
            ),
        }
    }
    let (node, dataset) = (node.clone(), structure.id.clone());
    let own = tokio::task::spawn_blocking(move || own(&node, &dataset, &earlier));
    own.await.map_err(anyhow::Error::from)?
}

/// The periods of the same length before this one, newest first; none for days and weeks.
fn earlier(period: &str) -> Vec<String> {
    let every = match Frequency::of_period(period) {
        Some(Frequency::Annual) => Every::Year,
        Some(Frequency::HalfYearly) => Every::HalfYear,
        Some(Frequency::Quarterly) => Every::Quarter,
        Some(Frequency::Monthly) => Every::Month,
        _ => return vec![],
    };
    let Some(day) = first_day(period) else { return vec![] };
    let before = (1..=LOOKED_BACK).map(|lag| Asked::before(day, every, lag).period);
    before.flatten().collect()
}

async fn asked(link: &Link, structure: &Structure, earlier: &[String]) -> Result<Stood, Failure> {
    let selection =
        Selection { dimension: PERIOD.into(), codes: earlier.to_vec(), ..Selection::default() };
    let request = AskRequest {
        dataset: structure.id.clone(),
        selections: vec![selection],
        ..AskRequest::default()
    };
    let (_, blocks) = query::cells(link, request).await?;
    let mut figures = Figures::default();
    if !blocks.is_empty() {
        figures.add(structure, &query::table(&blocks)?);
    }
    Ok(figures.last(earlier, true))
}

/// Figures by period and key.
#[derive(Default)]
struct Figures {
    cells: BTreeMap<String, BTreeMap<Vec<String>, String>>,
    /// Keys as they came.
    order: Vec<Vec<String>>,
}

impl Figures {
    fn add(&mut self, structure: &Structure, table: &RawTable) {
        for (period, key, shown) in read(structure, table) {
            self.cells.entry(period).or_default().insert(key.clone(), shown);
            self.order.push(key);
        }
    }

    fn remove(&mut self, structure: &Structure, table: &RawTable) {
        for (period, key, _) in read(structure, table) {
            if let Some(cells) = self.cells.get_mut(&period) {
                cells.remove(&key);
            }
        }
    }

    /// The cells of the newest of these periods that has any.
    fn last(mut self, earlier: &[String], current: bool) -> Stood {
        self.cells.retain(|_, cells| !cells.is_empty());
        let newest = earlier.iter().find_map(|period| self.cells.remove_entry(period));
        let Some((period, mut cells)) = newest else { return Stood::default() };
        let ordered = self.order.iter().filter_map(|key| cells.remove_entry(key)).collect();
        Stood { period, cells: ordered, current }
    }
}

/// Period, key and figure of each row.
fn read<'t>(
    structure: &Structure,
    table: &'t RawTable,
) -> impl Iterator<Item = (String, Vec<String>, String)> + 't {
    let columns: Vec<_> = structure.coded().map(|coded| table.column(&coded.id)).collect();
    let (periods, statuses) = (table.column(PERIOD), table.column("OBS_STATUS"));
    (0..table.rows).map(move |row| {
        let text = |column: Option<&RawColumn>| {
            column.map_or_else(String::new, |column| column.at(row).to_owned())
        };
        let key = columns.iter().map(|column| text(*column)).collect();
        let shown = match (table.value(row), text(statuses)) {
            (Some(value), _) => value.to_string(),
            (None, status) if status == "Q" => WITHHELD.to_owned(),
            (None, status) => status,
        };
        (text(periods), key, shown)
    })
}

/// What this node handed in, batch upon batch, as far as it keeps them.
fn own(node: &Node, dataset: &str, earlier: &[String]) -> Result<Stood, Failure> {
    let Some(structure) = node.structures.get(dataset) else { return Ok(Stood::default()) };
    let mut entries = node.outbox.entries(State::Receipted)?;
    entries.extend(node.outbox.waiting()?);
    entries.sort_by_key(|entry| entry.number);
    let mut figures = Figures::default();
    for entry in entries {
        let mut file = BatchFile::open(&entry.path)?;
        let manifest = &file.manifest;
        if manifest.dataset != dataset
            || !manifest.periods.iter().any(|period| earlier.contains(period))
        {
            continue;
        }
        let action = manifest.action;
        if matches!(action, Action::Replace | Action::Withdraw) {
            manifest.periods.iter().for_each(|period| drop(figures.cells.remove(period)));
        }
        let blocks = file.blocks()?;
        if blocks.is_empty() {
            continue;
        }
        let table = query::table(&blocks)?;
        match action {
            Action::Delete => figures.remove(structure, &table),
            _ => figures.add(structure, &table),
        }
    }
    Ok(figures.last(earlier, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stood_before_is_of_the_same_length() {
        assert_eq!(earlier("2024")[..2], ["2023", "2022"]);
        assert_eq!(earlier("2024-Q1")[..2], ["2023-Q4", "2023-Q3"]);
        assert_eq!(earlier("2024-01")[..2], ["2023-12", "2023-11"]);
        assert_eq!(earlier("2024-S2")[..2], ["2024-S1", "2023-S2"]);
        assert!(earlier("2024-W10").is_empty() && earlier("soon").is_empty());
    }
}
