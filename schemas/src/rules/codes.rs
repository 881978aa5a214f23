//! Rule 4: codes are in the code list, and in what the dataset allows.

use super::Shape;
use crate::{
    finding::{Code, Finding, Report},
    structure::{Coded, Dimension},
    table::{Bitmap, Codes},
};

/// Translates every coded dimension; rows with a code that is not known lose their key.
pub(super) fn check(shape: &mut Shape<'_>, report: &mut Report) -> Vec<Codes> {
    let structure = shape.structure;
    structure
        .coded()
        .filter_map(|dimension| Some((dimension, dimension.codes()?)))
        .map(|(dimension, coded)| translate(shape, dimension, coded, report))
        .collect()
}

fn translate(
    shape: &mut Shape<'_>,
    dimension: &Dimension,
    coded: &Coded,
    report: &mut Report,
) -> Codes {
    let Some(column) = shape.raw.column(&dimension.id) else {
        shape.keyed = Bitmap::filled(false, shape.raw.rows);
        return Codes::One(0);
    };
    let judged: Vec<Result<u16, Code>> =
        column.dictionary.iter().map(|text| judge(coded, text)).collect();
    if judged.iter().any(Result::is_err) {
        for row in 0..shape.raw.rows {
            let entry = column.entry(row);
            if let Err(code) = judged[entry] {
                shape.keyed.set(row, false);
                report.add(code, || {
                    let finding = finding(code, dimension, coded, &column.dictionary[entry]);
                    shape.at(row, finding.column(&dimension.id))
                });
            }
        }
    }
    let codes: Vec<u16> = judged.into_iter().map(Result::unwrap_or_default).collect();
    if column.index.is_empty() {
        return Codes::One(codes.first().copied().unwrap_or_default());
    }
    Codes::new(column.index.iter().map(|entry| codes[*entry as usize]).collect())
}

fn judge(coded: &Coded, text: &str) -> Result<u16, Code> {
    let position = coded.list.position(text).ok_or(Code::CodeUnknown)?;
    if coded.allows(position) { Ok(position) } else { Err(Code::CodeConstraint) }
}

fn finding(code: Code, dimension: &Dimension, coded: &Coded, found: &str) -> Finding {
    const SHOWN: usize = 8;
    let allowed: Vec<_> = dimension.allowed().take(SHOWN + 1).collect();
    let expected = match allowed.len() {
        0..=SHOWN => allowed.join(", "),
        _ => format!("a code of {} that the dataset allows", coded.list.id),
    };
    let found = if found.is_empty() { "nothing" } else { found };
    Finding::new(code, expected, found)
}
