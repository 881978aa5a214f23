//! Batches for the unit tests.

use std::sync::Arc;

use birge_proto::{identity::AgencyId, manifest::Action};
use jiff::civil::date;

use crate::{
    finding::Code,
    structure::{Structure, Structures},
    table::{RawColumnBuilder, RawTable},
    validate::{Context, Validation, validate},
};

pub(crate) fn structure(dataset: &str) -> Arc<Structure> {
    Structures::bundled().unwrap().get(dataset).unwrap().clone()
}

/// A batch from lines like `A.KG.VC_HTF_DETV.F._T._T.PS.2023 = 4 A a comment`: key, value (`-`
/// for none), status (`-` for none), comment.
pub(crate) fn batch(dataset: &str, lines: &[&str]) -> RawTable {
    let structure = structure(dataset);
    let ids = structure.dimensions.iter().map(|dimension| dimension.id.as_str());
    let mut columns: Vec<_> =
        ids.chain(["OBS_STATUS", "COMMENT_OBS"]).map(RawColumnBuilder::new).collect();
    let mut table = RawTable::default();
    for line in lines {
        let (key, rest) = line.split_once(" = ").unwrap();
        let rest: Vec<&str> = rest.splitn(3, ' ').collect();
        let status = rest.get(1).filter(|status| **status != "-").copied().unwrap_or_default();
        let comment = rest.get(2).copied().unwrap_or_default();
        for (column, text) in columns.iter_mut().zip(key.split('.').chain([status, comment])) {
            column.push(text);
        }
        table.push_value((rest[0] != "-").then(|| rest[0].parse().unwrap()));
    }
    table.columns = columns.into_iter().map(RawColumnBuilder::finish).collect();
    table
}

/// What the rules say of a batch that declares the years 2018 to 2026 and its own dataset.
pub(crate) fn judge(dataset: &str, action: Action, raw: &RawTable) -> Validation {
    let structure = structure(dataset);
    let agency: AgencyId = "MIA".parse().unwrap();
    let periods: Vec<String> = (2018..2027).map(|year| year.to_string()).collect();
    let context = Context {
        agency: &agency,
        dataset,
        version: "1.0.0",
        periods: &periods,
        action,
        today: date(2025, 6, 30),
    };
    validate(&structure, &context, raw)
}

/// The findings of an appended batch: codes with row and column.
pub(crate) fn found(dataset: &str, lines: &[&str]) -> Vec<(Code, u64, String)> {
    let report = judge(dataset, Action::Append, &batch(dataset, lines)).report;
    report.findings.into_iter().map(|found| (found.code, found.row, found.column)).collect()
}
