//! How a file's texts came to be codes, for whoever has to mend one that did not.

use std::collections::BTreeMap;

use birge_schemas::finding::{Code, Report};

/// How a file's texts came to be codes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Explained {
    /// By dimension or attribute: the file's column, and through which cross-walks it leads there.
    columns: BTreeMap<String, (String, String)>,
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
        self.columns.insert(id.to_owned(), (from.to_owned(), through));
    }

    /// The file's column from which a dimension or attribute came, where it is another.
    #[must_use]
    pub fn from(&self, id: &str) -> Option<&str> {
        self.columns.get(id).map(|(from, _)| from.as_str())
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
            if let Some((from, through)) = self.columns.get(&finding.column) {
                let expected = &finding.expected;
                finding.expected = format!("{expected}; it came from the column {from} {through}");
            }
        }
    }
}
