//! How a file's texts came to be codes, for whoever has to mend one that did not.

use std::collections::BTreeMap;

use birge_schemas::finding::{Code, Report};

/// How a file's texts came to be codes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Explained {
    /// By dimension or attribute: the file's columns, each with the cross-walks through which it
    /// leads there.
    columns: BTreeMap<String, Vec<(String, String)>>,
    /// Texts that may be any of several codes, by dimension or attribute.
    ambiguous: BTreeMap<(String, String), Vec<String>>,
}

impl Explained {
    /// Notes from which column the codes of a dimension or attribute came, and through what.
    pub fn column(&mut self, id: &str, from: &str, through: &[&str]) {
        let through = match through {
            [] => "without a cross-walk".to_owned(),
            walks => format!("through {}", walks.join(", ")),
        };
        let columns = self.columns.entry(id.to_owned()).or_default();
        let own = (from.to_owned(), through);
        if !columns.contains(&own) {
            columns.push(own);
        }
    }

    /// Does a dimension or attribute come from this column of the file?
    #[must_use]
    pub fn is_from(&self, id: &str, name: &str) -> bool {
        match self.columns.get(id) {
            Some(columns) => columns.iter().any(|(from, _)| from == name),
            None => id == name,
        }
    }

    /// Notes a text that may be any of several codes.
    pub fn ambiguous(&mut self, id: &str, text: &str, codes: &[String]) {
        self.ambiguous.insert((id.to_owned(), text.to_owned()), codes.to_vec());
    }

    /// Says of codes that are none what they came from, and what they may be.
    pub fn name(&self, report: &mut Report) {
        let codes = [Code::CodeUnknown, Code::CodeConstraint, Code::PeriodFormat];
        for finding in report.findings.iter_mut().filter(|found| codes.contains(&found.code)) {
            let text = (finding.column.clone(), finding.found.clone());
            if let Some(codes) = self.ambiguous.get(&text) {
                finding.expected = format!("{}: say which under `codes`", codes.join(" or "));
            }
            if let Some(columns) = self.columns.get(&finding.column) {
                let from = columns.iter().map(|(from, through)| format!("{from} {through}"));
                let from = from.collect::<Vec<_>>().join(" or ");
                finding.expected = format!("{}; it came from the column {from}", finding.expected);
            }
        }
    }
}
