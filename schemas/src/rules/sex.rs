//! Rule 12: the sexes add up to their total; article 4(3): every count of persons is given by sex.

use super::{Shape, cells::Cells};
use crate::finding::{Code, Finding, Report};

/// The parts of a total by sex: women, men, other, unknown, no answer.
const PARTS: [&str; 5] = ["F", "M", "_O", "_U", "_N"];

pub(super) fn check(shape: &Shape<'_>, cells: &Cells, report: &mut Report) {
    let structure = shape.structure;
    let Some(place) = structure.position("SEX") else { return };
    let Some(coded) = structure.coded().nth(place).and_then(|dimension| dimension.codes()) else {
        return;
    };
    let Some(total) = coded.list.position("_T") else { return };
    let mut parts = PARTS.map(|id| (coded.list.position(id), cells.cursor()));
    for (key, row) in cells.iter() {
        if structure.keys.code(key, place) != total {
            continue;
        }
        let Some(whole) = shape.raw.value(row) else { continue };
        let mut given = Given::default();
        for (value, (code, cursor)) in given.iter_mut().zip(&mut parts) {
            let part = code.and_then(|code| cursor.find(structure.keys.with(key, place, code)));
            *value = part.and_then(|row| shape.raw.value(row));
        }
        judge(shape, row, whole, &given, report);
    }
}

/// The values of the parts of one total, in the order of [`PARTS`].
type Given = [Option<f64>; PARTS.len()];

fn judge(shape: &Shape<'_>, row: usize, whole: f64, given: &Given, report: &mut Report) {
    let rules = &shape.structure.rules;
    let mut found = |code: Code, expected: &str, found: String| {
        report.add(code, || shape.at(row, Finding::new(code, expected, found).column("SEX")));
    };
    let count = given.iter().flatten().count() as u32;
    if count == 0 {
        if rules.persons {
            let comment = shape.raw.column("COMMENT_OBS").map_or("", |column| column.at(row));
            let explained = !comment.trim().is_empty();
            let code = if explained { Code::SexSplitExplained } else { Code::SexSplitMissing };
            found(code, "F and M, or the reason in COMMENT_OBS", format!("only _T = {whole}"));
        }
        return;
    }
    let sum: f64 = given.iter().flatten().sum();
    let tolerance = rules.tolerance(count);
    let complete = matches!(given, [Some(_), Some(_), ..]);
    let beyond = match complete {
        true => (whole - sum).abs() > tolerance,
        false => sum - whole > tolerance,
    };
    let parts = || -> String {
        let shown = PARTS.iter().zip(given).filter_map(|(id, value)| Some((id, (*value)?)));
        shown.map(|(id, value)| format!("{id} {value}")).collect::<Vec<_>>().join(" + ")
    };
    if beyond {
        let within = if tolerance > 0.0 { format!(" within {tolerance}") } else { String::new() };
        let expected = format!("_T = the sum of its parts{within}");
        found(Code::SumSex, &expected, format!("_T {whole}, {} = {}", parts(), sum));
    } else if !complete {
        found(Code::SumSexSkipped, "F and M beside _T", format!("_T {whole}, {}", parts()));
    }
}
