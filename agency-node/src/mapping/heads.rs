//! The columns of a sheet against those that a mapping speaks of.

use std::collections::BTreeSet;

use birge_schemas::finding::{Code, Finding, Report};

use super::{Mapping, Part};
use crate::source::{broken::is_broken, sheet::Sheet};

impl Mapping {
    /// Finds columns that the mapping asks for and that are missing, and those of which it says
    /// nothing. Is one missing?
    pub(super) fn heads(&self, parts: &[Part], sheet: &Sheet, report: &mut Report) -> bool {
        let asked: BTreeSet<&str> = parts.iter().flat_map(Part::names).collect();
        let missing: Vec<_> =
            asked.iter().filter(|name| !sheet.names.iter().any(|own| own == *name)).collect();
        for name in &missing {
            let expected = format!("the columns of \"{}\"", self.name);
            let found = format!("only {}", sheet.names.join(", "));
            report.push(Finding::new(Code::ColumnMissing, expected, found).column(**name));
        }
        let twice = |name: &&&str| sheet.names.iter().filter(|own| *own == **name).count() > 1;
        for name in asked.iter().filter(twice) {
            let expected = "each column that is used once";
            report.push(
                Finding::new(Code::Format, expected, "a name that stands twice").column(*name),
            );
        }
        let said = |name: &&String| {
            asked.contains(name.as_str()) || self.ignore.contains(name) || is_blank(sheet, name)
        };
        for name in sheet.names.iter().filter(|name| !said(name)) {
            let expected = "a column of which the mapping says something; name it under `ignore` \
                            if nothing of it is needed";
            report.push(Finding::new(Code::ColumnUnmapped, expected, name).column(name));
        }
        for column in sheet.texts.iter().filter(|column| self.ignore.contains(&column.id)) {
            let broken: Vec<bool> = column.dictionary.iter().map(|text| is_broken(text)).collect();
            if broken.contains(&true) {
                let rows = (0..sheet.rows).filter(|row| broken[column.entry(*row)]).count();
                let expected = "text that no conversion has broken (no U+FFFD)";
                let found = format!("broken text in {rows} rows");
                report.push(Finding::new(Code::TextBroken, expected, found).column(&column.id));
            }
        }
        !missing.is_empty()
    }
}

/// Has a column neither a name nor anything below it?
fn is_blank(sheet: &Sheet, name: &str) -> bool {
    let mut columns = sheet.texts.iter().filter(|column| column.id == name);
    name.is_empty() && columns.all(|column| column.dictionary.iter().all(String::is_empty))
}
