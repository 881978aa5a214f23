//! Text that an earlier conversion has broken.

use birge_schemas::{
    finding::{Code, Finding, Report},
    table::RawColumn,
};

/// Is a text broken: does a replacement character stand in it for one that was lost?
#[must_use]
pub fn is_broken(text: &str) -> bool {
    text.contains(char::REPLACEMENT_CHARACTER)
}

/// Finds each broken text of a column where it first stands.
pub fn find(column: &RawColumn, report: &mut Report) {
    for (entry, text) in (0..).zip(&column.dictionary).filter(|(_, text)| is_broken(text)) {
        let row = column.index.iter().position(|found| *found == entry).unwrap_or_default();
        let expected = "text that no conversion has broken (no U+FFFD)";
        let finding = Finding::new(Code::Format, expected, text);
        report.push(finding.at(row, "").column(&column.id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_text_is_found_where_it_first_stands() {
        let column = RawColumn {
            id: "COMMENT_OBS".into(),
            dictionary: vec![String::new(), "Ош\u{fffd}".into()],
            index: vec![0, 1, 1],
        };
        let mut report = Report::default();
        find(&column, &mut report);
        assert_eq!((report.findings[0].row, report.findings.len()), (2, 1));
        assert_eq!(report.findings[0].column, "COMMENT_OBS");
    }
}
