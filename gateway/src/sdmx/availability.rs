//! What there is of a dataset: the codes and the span of time of cells that are given, as a
//! constraint (SDMX REST 2.1, availability queries).

use std::collections::BTreeSet;

use birge_schemas::{
    structure::Structure,
    table::{RawColumn, RawTable},
};
use serde_json::{Value, json};

use super::{
    artefact::Artefact,
    data::TIME,
    urn::{Class, Urn},
};
use crate::query::ProtectedTable;

/// The constraint that says which codes the cells of a table have; of one component, or of all
/// dimensions. None where there are no cells.
#[must_use]
pub fn constraint(
    structure: &Structure,
    flow: &Urn,
    table: &ProtectedTable,
    component: Option<&str>,
) -> Option<Artefact> {
    let table = table.table();
    if table.rows == 0 {
        return None;
    }
    let wanted = |id: &&str| component.is_none_or(|component| component == *id);
    let dimensions = structure.dimensions.iter().map(|dimension| dimension.id.as_str());
    let keys = dimensions.filter(wanted).filter_map(|id| Some((id, table.column(id)?)));
    let keys: Vec<Value> = keys
        .map(|(id, column)| match id {
            TIME => json!({"id": id, "include": true, "timeRange": span(column)}),
            _ => json!({"id": id, "include": true, "values": codes(structure, column)}),
        })
        .collect();
    let name = format!("What there is of {}", structure.id);
    let metric = |id: &str, count: usize| json!({"id": id, "type": "sdmx_metrics", "title": count.to_string()});
    let json = json!({
        "id": structure.id, "agencyID": structure.agency, "version": structure.version,
        "name": name, "names": {"en": name}, "role": "Actual",
        "annotations": [metric("obs_count", table.rows), metric("series_count", series(structure, table))],
        "constraintAttachment": {"dataflows": [flow.to_string()]},
        "cubeRegions": [{"include": true, "keyValues": keys}],
    });
    Artefact::of(Class::DataConstraint, json)
}

/// The codes of a column in the order of their list.
fn codes(structure: &Structure, column: &RawColumn) -> Vec<Value> {
    let dimension = structure.dimensions.iter().find(|dimension| dimension.id == column.id);
    let list = dimension.and_then(|dimension| dimension.codes()).map(|coded| &coded.list);
    let mut codes: Vec<&str> = column.dictionary.iter().map(String::as_str).collect();
    codes.sort_by_key(|code| list.and_then(|list| list.position(code)));
    codes.into_iter().map(|code| json!({"value": code})).collect()
}

fn span(column: &RawColumn) -> Value {
    let bound = |period: Option<&String>| json!({"period": period, "isInclusive": true});
    let periods = &column.dictionary;
    json!({"startPeriod": bound(periods.iter().min()), "endPeriod": bound(periods.iter().max())})
}

fn series(structure: &Structure, table: &RawTable) -> usize {
    let columns: Vec<_> =
        structure.coded().filter_map(|dimension| table.column(&dimension.id)).collect();
    let key = |row| columns.iter().map(|column| column.entry(row)).collect::<Vec<_>>();
    (0..table.rows).map(key).collect::<BTreeSet<_>>().len()
}
