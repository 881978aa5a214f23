//! The rules over a batch, and the only way to a [`ValidBatch`].

use std::sync::Arc;

use birge_proto::manifest::{Action, BatchId, Manifest};
use jiff::civil::Date;

pub use crate::context::Context;
use crate::{
    finding::{Code, Finding, Report},
    rules,
    structure::{Structure, Structures},
    table::{RawTable, Table},
};

/// What the rules say of a batch.
#[derive(Debug, Clone)]
pub struct Validation {
    /// Everything found.
    pub report: Report,
    /// The checked table, when there is no error.
    pub table: Option<Table>,
}

/// Goes over a batch with every rule: first the shape of each row (columns, codes, periods,
/// attributes, values), then the content (periods of the header, duplicates, totals, parts).
#[must_use]
pub fn validate(structure: &Arc<Structure>, context: &Context<'_>, raw: &RawTable) -> Validation {
    let mut report = Report::default();
    rules::header::check(structure, context, raw, &mut report);
    if report.errors > 0 {
        return Validation { report, table: None };
    }
    let shape = rules::shape(structure, context.action, raw, &mut report);
    rules::content(context, &shape, &mut report);
    let table = (report.errors == 0).then(|| shape.into_table());
    Validation { report, table }
}

/// Goes over the shape of each row only: the rules that the JSON Schema of the dataset decides
/// too, with the same verdict.
#[must_use]
pub fn shape(structure: &Arc<Structure>, action: Action, raw: &RawTable) -> Report {
    let mut report = Report::default();
    rules::header::agreement(raw, &mut report);
    rules::header::emptiness(action, raw, &mut report);
    if report.errors == 0 {
        rules::shape(structure, action, raw, &mut report);
    }
    report
}

/// The table of a batch that was accepted, by the structure of then. Content rules are not asked
/// again: they have answered.
///
/// # Errors
/// The report, when the structure cannot read it.
pub fn accepted(
    structure: &Arc<Structure>,
    action: Action,
    raw: &RawTable,
) -> Result<Table, Report> {
    let mut report = Report::default();
    let shape = rules::shape(structure, action, raw, &mut report);
    if report.errors == 0 { Ok(shape.into_table()) } else { Err(report) }
}

/// A batch that broke no rule. Made here and nowhere else, so that whatever takes one knows
/// that it was checked.
#[derive(Debug, Clone)]
pub struct ValidBatch {
    manifest: Manifest,
    id: BatchId,
    table: Table,
    report: Report,
}

impl ValidBatch {
    /// Checks a batch whose manifest was verified against its signature, and whose blocks were
    /// verified against the manifest.
    ///
    /// # Errors
    /// The report, when it holds an error.
    pub fn new(
        structures: &Structures,
        manifest: Manifest,
        id: BatchId,
        raw: &RawTable,
        today: Date,
    ) -> Result<Self, Report> {
        let mut refused = Report::default();
        let Some(structure) = structures.get(&manifest.dataset) else {
            let known: Vec<_> = structures.iter().map(|known| known.id.as_str()).collect();
            refused.push(
                Finding::new(Code::Provider, known.join(", "), &manifest.dataset).column("dataset"),
            );
            return Err(refused);
        };
        rules::header::manifest(&manifest, raw, &mut refused);
        if refused.errors > 0 {
            return Err(refused);
        }
        match validate(structure, &Context::of(&manifest, today), raw) {
            Validation { report, table: Some(table) } => Ok(Self { manifest, id, table, report }),
            Validation { report, table: None } => Err(report),
        }
    }

    /// What was signed.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The batch's name.
    #[must_use]
    pub fn id(&self) -> BatchId {
        self.id
    }

    /// The observations.
    #[must_use]
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// What was found: warnings and notes, no error.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::testing::batch;

    fn manifest() -> Manifest {
        Manifest {
            dataset: "REMITTANCES".into(),
            version: "1.0.0".into(),
            agency: "NBKR".parse().unwrap(),
            periods: vec!["2022".into(), "2023".into()],
            action: Action::Append,
            revises: None,
            reason: None,
            cause: None,
            removes: vec![],
            contact: "statistics".into(),
            approved_by: "head of statistics".into(),
            prepared: "2025-01-01T00:00:00Z".parse().unwrap(),
            observations: 1,
            blocks: vec![],
            salt: "0".repeat(32).try_into().unwrap(),
        }
    }

    fn checked(change: impl Fn(&mut Manifest)) -> Result<ValidBatch, Code> {
        let raw = batch("REMITTANCES", &["A.KG.REMIT_IN.RU.USD.2023 = 1 A"]);
        let mut manifest = manifest();
        change(&mut manifest);
        let structures = Structures::bundled().unwrap();
        ValidBatch::new(&structures, manifest, BatchId([7; 32]), &raw, date(2025, 1, 1))
            .map_err(|report| report.findings[0].code)
    }

    #[test]
    fn a_valid_batch_holds_what_was_checked() {
        let valid = checked(|_| ()).unwrap();
        assert_eq!(valid.manifest(), &manifest());
        assert_eq!((valid.id(), valid.table().rows()), (BatchId([7; 32]), 1));
        assert_eq!(valid.report().errors, 0);
    }

    #[test]
    fn a_manifest_that_does_not_describe_its_batch_is_refused() {
        type Case = (fn(&mut Manifest), Code);
        let cases: [Case; 6] = [
            (|m| m.dataset = "WEATHER".into(), Code::Provider),
            (|m| m.version = "0.9.0".into(), Code::Provider),
            (|m| m.observations = 2, Code::Provider),
            (|m| m.periods.reverse(), Code::Format),
            (|m| m.removes = vec!["A.KG.REMIT_IN.KZ.USD.2023".into()], Code::Format),
            (|m| m.periods = vec!["2022".into()], Code::PeriodUndeclared),
        ];
        for (change, code) in cases {
            assert_eq!(checked(change).unwrap_err(), code);
        }
        let removes = |m: &mut Manifest| {
            m.action = Action::Replace;
            m.removes = vec!["A.KG.REMIT_IN.KZ.USD.2020".into()];
        };
        assert_eq!(checked(removes).unwrap_err(), Code::PeriodUndeclared);
    }
}
