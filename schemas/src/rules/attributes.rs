//! Rule 7, and the codes, formats and lengths of attributes.

use birge_proto::manifest::Action;

use super::Shape;
use crate::{
    finding::{Code, Finding, Report},
    structure::{Attribute, AttributeKind},
    table::RawColumn,
};

/// A deletion names keys: it need not give mandatory attributes, but what it gives must be right.
pub(super) fn check(shape: &Shape<'_>, report: &mut Report) {
    if shape.raw.rows == 0 {
        return;
    }
    for attribute in &shape.structure.attributes {
        let mandatory = attribute.mandatory && shape.action != Action::Delete;
        match shape.raw.column(&attribute.id) {
            Some(column) => check_column(shape, attribute, mandatory, column, report),
            None if mandatory => {
                let expected = "a column for each mandatory attribute";
                let finding = Finding::new(Code::AttributeMissing, expected, "none");
                report.push(finding.column(&attribute.id));
            }
            None => {}
        }
    }
}

fn check_column(
    shape: &Shape<'_>,
    attribute: &Attribute,
    mandatory: bool,
    column: &RawColumn,
    report: &mut Report,
) {
    let judged: Vec<_> =
        column.dictionary.iter().map(|text| judge(attribute, mandatory, text)).collect();
    if judged.iter().all(Option::is_none) {
        return;
    }
    for row in 0..shape.raw.rows {
        if let Some((code, expected)) = &judged[column.entry(row)] {
            report.add(*code, || {
                let found = Some(column.at(row)).filter(|text| !text.is_empty());
                let finding = Finding::new(*code, expected, found.unwrap_or("nothing"));
                shape.at(row, finding.column(&attribute.id))
            });
        }
    }
}

/// What is wrong with a text in an attribute, and what was expected.
fn judge(attribute: &Attribute, mandatory: bool, text: &str) -> Option<(Code, String)> {
    if text.is_empty() {
        return mandatory.then(|| (Code::AttributeMissing, "a value in every row".to_owned()));
    }
    match &attribute.kind {
        AttributeKind::Coded(list) => list
            .position(text)
            .is_none()
            .then(|| (Code::CodeUnknown, format!("a code of {}", list.id))),
        AttributeKind::Text(most) => (text.chars().count() > *most)
            .then(|| (Code::TextTooLong, format!("at most {most} characters"))),
        AttributeKind::Whole => {
            let whole = text.len() <= 9 && text.bytes().all(|byte| byte.is_ascii_digit());
            (!whole).then(|| (Code::ValueFormat, "a whole number of up to 9 digits".to_owned()))
        }
        AttributeKind::Moment => {
            let moment = fits(text, "0000-00-00") || fits(text, "0000-00-00T00:00:00Z");
            let expected = "2026-01-31 or 2026-01-31T12:00:00Z";
            (!moment).then(|| (Code::ValueFormat, expected.to_owned()))
        }
    }
}

/// Does a text have a digit wherever the model has `0`, and else the model's own characters?
fn fits(text: &str, model: &str) -> bool {
    let same = |(byte, model): (u8, u8)| match model {
        b'0' => byte.is_ascii_digit(),
        _ => byte == model,
    };
    text.len() == model.len() && text.bytes().zip(model.bytes()).all(same)
}
