//! `gateway verify --disclosure`: every release that was ever made, attacked anew.

use std::fmt::Write;

use anyhow::Result;
use birge_schemas::attack::{Attack, Leak};
use serde_json::json;

use super::Finding;
use crate::{
    catalog::{Catalog, Held},
    config::Config,
    journal,
    wrong::Wrong,
};

/// Cells that are named.
const NAMED: usize = 50;

/// Attacks all releases of each dataset and period together, as one who knows more than anybody
/// who was given figures. Says which cells can be told, never what they are. Changes nothing and
/// may run beside a serving gateway.
///
/// # Errors
/// [`Wrong`], naming the cells of which too much can be told; any other error when something
/// could not be read.
pub fn verify_disclosure(config: &Config) -> Result<Finding> {
    let (_, reader) = journal::inspect(&config.paths.journal, false, |_, _| {})
        .map_err(|error| Wrong(error.to_string()))?;
    let catalog = Catalog::beside(reader)?;
    let (mut found, mut told, mut releases) = (Attack::default(), vec![], 0);
    catalog.read(|state| {
        for (dataset, holding) in state.holdings() {
            for (_, held) in holding.all() {
                let Some(attack) = state.attack(dataset, held) else { continue };
                releases += held.versions().len();
                told.extend(attack.leaks.iter().map(|leak| cell(dataset, held, leak)));
                found = std::mem::take(&mut found).and(attack);
            }
        }
    });
    report(&found, &told, releases)
}

fn report(found: &Attack, told: &[String], releases: usize) -> Result<Finding> {
    let Attack { attacked, unattacked, contradictory, .. } = *found;
    let mut words = format!(
        "{releases} releases: {attacked} withheld cells attacked, of {} too much can be told",
        told.len()
    );
    if unattacked > 0 {
        let _ = write!(
            words,
            "\n{unattacked} were not attacked: their tables are too large, or hold no counts"
        );
    }
    if contradictory > 0 {
        let _ = write!(words, "\n{contradictory} were not attacked: their figures do not add up");
    }
    if !told.is_empty() {
        let named: Vec<_> = told.iter().take(NAMED).map(|cell| format!("  {cell}")).collect();
        let more = told.len().saturating_sub(NAMED);
        let more = if more > 0 { format!("\n  and {more} more") } else { String::new() };
        return Err(Wrong(format!(
            "{words}:\n{}{more}\nnext: have the agency revise or withdraw them with --cause \
             disclosure",
            named.join("\n")
        ))
        .into());
    }
    let value = json!({
        "releases": releases, "attacked": attacked, "unattacked": unattacked,
        "contradictory": contradictory, "told": 0,
    });
    Ok(Finding { words, value })
}

/// A cell by its key, and the exchange that gave it away.
fn cell(dataset: &str, held: &Held, leak: &Leak) -> String {
    let Some(version) = held.versions().get(leak.release) else { return dataset.to_owned() };
    let rest = if leak.rest { "what is left of " } else { "" };
    let key = version.slice.table().key(leak.cell);
    format!("{rest}{dataset} {key}, exchange {}", version.exchange)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_told_is_wrong_and_what_was_not_attacked_is_said() {
        let found = Attack { attacked: 90, unattacked: 7, contradictory: 3, ..Attack::default() };
        let said = report(&found, &[], 4).unwrap();
        let words = "4 releases: 90 withheld cells attacked, of 0 too much can be told\n\
                     7 were not attacked: their tables are too large, or hold no counts\n\
                     3 were not attacked: their figures do not add up";
        assert_eq!(said.words, words);
        assert_eq!(said.value["unattacked"], 7);
        let told: Vec<String> = (0..60).map(|number| format!("cell {number}")).collect();
        let error = report(&found, &told, 4).unwrap_err();
        let wrong = &error.downcast_ref::<Wrong>().unwrap().0;
        assert!(wrong.contains("of 60 too much can be told"), "{wrong}");
        assert!(wrong.contains("  cell 49\n  and 10 more\nnext: have the agency"), "{wrong}");
    }
}
