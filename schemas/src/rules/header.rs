//! Rules 1 and 2: the batch is one, and is what its header says.

use birge_proto::manifest::{Action, Manifest};

use crate::{
    context::Context,
    finding::{Code, Finding, Report},
    structure::Structure,
    table::RawTable,
};

/// The header against the structure, and the batch as a whole.
pub(crate) fn check(
    structure: &Structure,
    context: &Context<'_>,
    raw: &RawTable,
    report: &mut Report,
) {
    let named = [
        ("dataset", &structure.id, context.dataset),
        ("version", &structure.version, context.version),
    ];
    for (column, expected, found) in named {
        if expected != found {
            report.push(Finding::new(Code::Provider, expected, found).column(column));
        }
    }
    if context.periods.is_empty() {
        let expected = "the reference periods that the batch speaks of";
        report.push(Finding::new(Code::Format, expected, "none").column("periods"));
    }
    agreement(raw, report);
    emptiness(context.action, raw, report);
}

/// Only a replacement may hold no observation: it then takes all away; a withdrawal holds none.
pub(crate) fn emptiness(action: Action, raw: &RawTable, report: &mut Report) {
    match (raw.rows, action) {
        (0, Action::Replace | Action::Withdraw) => {}
        (0, _) => report.push(Finding::new(Code::Format, "at least one observation", "none")),
        (rows, Action::Withdraw) => {
            let expected = "no observation: a withdrawal takes back whole periods";
            report.push(Finding::new(Code::Format, expected, rows.to_string()));
        }
        _ => {}
    }
}

/// Do all columns have one entry per row, and every entry a text?
pub(crate) fn agreement(raw: &RawTable, report: &mut Report) {
    let mut wrong = |column: &str, expected: String, found: String| {
        report.push(Finding::new(Code::Format, expected, found).column(column));
    };
    let rows = |count: usize| format!("{count} rows");
    if raw.values.len() != raw.rows || raw.present.len() != raw.rows {
        wrong("OBS_VALUE", rows(raw.rows), rows(raw.values.len().min(raw.present.len())));
    }
    for column in &raw.columns {
        let whole = column.index.is_empty() && !column.dictionary.is_empty();
        if column.index.len() != raw.rows && !whole {
            wrong(&column.id, rows(raw.rows), rows(column.index.len()));
        }
        let largest = column.index.iter().copied().max().unwrap_or_default();
        if raw.rows > 0 && largest as usize >= column.dictionary.len() {
            let expected = format!("an entry below {}", column.dictionary.len());
            wrong(&column.id, expected, largest.to_string());
        }
    }
}

/// The manifest against what it describes.
pub(crate) fn manifest(manifest: &Manifest, raw: &RawTable, report: &mut Report) {
    if manifest.observations != raw.rows as u64 {
        let (expected, found) = (manifest.observations.to_string(), raw.rows.to_string());
        report.push(Finding::new(Code::Provider, expected, found).column("observations"));
    }
    if manifest.periods.windows(2).any(|pair| pair[0] >= pair[1]) {
        let found = manifest.periods.join(", ");
        let expected = "ascending periods, each once";
        report.push(Finding::new(Code::Format, expected, found).column("periods"));
    }
    if manifest.action != Action::Replace && !manifest.removes.is_empty() {
        let found = format!("{} keys", manifest.removes.len());
        let expected = "none unless the action is Replace";
        report.push(Finding::new(Code::Format, expected, found).column("removes"));
    }
    for key in &manifest.removes {
        let period = key.rsplit('.').next().unwrap_or_default();
        if !manifest.periods.iter().any(|declared| declared == period) {
            report.add(Code::PeriodUndeclared, || {
                let expected = "keys of the periods that the batch names";
                Finding::new(Code::PeriodUndeclared, expected, key).column("removes")
            });
        }
    }
}
