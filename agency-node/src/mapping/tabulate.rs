//! Records about single persons to counts: each record counts one, by the margins that are asked
//! for. Nothing but codes and counts comes out.

use std::collections::HashSet;

use birge_schemas::{
    detail::Breakdown,
    finding::{Code, Finding, Report},
    structure::Structure,
    table::{RawColumn, RawColumnBuilder},
};

use super::{Origin, Part, lines::TOTAL, rows::Rows};
use crate::source::sheet::Sheet;

/// Are the margins of a part such as can be made?
pub(super) fn check_margins(structure: &Structure, part: &Part) -> Result<(), String> {
    if !part.margins.is_empty() && !part.counts() {
        return Err("margins are of records that are counted: `value` reads figures".to_owned());
    }
    let breaks_down = |id: &String| {
        let mut coded = structure.coded().filter(|own| own.id == *id);
        coded.any(|own| own.codes().is_some_and(|coded| coded.breakdown.is_some()))
    };
    match part.margins.iter().flatten().find(|id| !breaks_down(id)) {
        Some(id) => Err(format!("a margin by {id}, which breaks nothing down in {}", structure.id)),
        None => Ok(()),
    }
}

/// A column of a tabulation: as it is, or its totals where it is in no margin.
pub(super) fn of_margin(
    structure: &Structure,
    column: RawColumn,
    origin: &Origin,
    part: &Part,
    rows: usize,
) -> Result<RawColumn, String> {
    let dimension = structure.dimensions.iter().find(|own| own.id == column.id);
    let from_records = part.counts() && matches!(origin, Origin::Column(_));
    let Some(dimension) = dimension else {
        let why = "of records nothing but counts is given: as an attribute a constant";
        return if from_records { Err(format!("{}: {why}", column.id)) } else { Ok(column) };
    };
    let coded = dimension.codes().filter(|coded| coded.breakdown.is_some());
    let (Some(coded), Some(margin)) = (coded, &part.margin) else { return Ok(column) };
    if margin.contains(&column.id) {
        return Ok(column);
    }
    let nested = matches!(coded.breakdown, Some(Breakdown::Region | Breakdown::Indicator));
    let total = |text: &String| match (coded.list.position(text), coded.list.position(TOTAL)) {
        (Some(position), _) if nested => coded.list.code(coded.list.root(position)).id.clone(),
        (Some(_), Some(total)) => coded.list.code(total).id.clone(),
        _ => text.clone(),
    };
    let totals: Vec<String> = column.dictionary.iter().map(total).collect();
    let mut builder = RawColumnBuilder::new(&column.id);
    (0..rows).for_each(|row| builder.push(&totals[column.entry(row)]));
    Ok(builder.finish())
}

/// Keeps one row of each key and text of a column.
pub(super) fn once(
    structure: &Structure,
    sheet: &Sheet,
    column: &str,
    rows: &mut Rows,
) -> Result<(), String> {
    let texts = sheet.texts.iter().find(|text| text.id == column);
    let texts = texts.ok_or_else(|| format!("{column} is a column of figures"))?;
    let dimensions = structure.dimensions.iter();
    let key: Vec<usize> = dimensions.filter_map(|own| rows.column(&own.id)).collect();
    let nobody = (0..rows.count()).filter(|row| texts.at(rows.origins[*row] as usize).is_empty());
    let nobody = nobody.count();
    if nobody > 0 {
        return Err(format!(
            "{nobody} records have nothing in {column}, which tells persons apart; leave them out \
             under `rows`, or give each its own"
        ));
    }
    let mut seen = HashSet::new();
    let first = |row: &usize| {
        let text = texts.at(rows.origins[*row] as usize);
        seen.insert((rows.text_key(*row, &key), text))
    };
    let kept: Vec<usize> = (0..rows.count()).filter(first).collect();
    rows.keep(&kept);
    Ok(())
}

/// Tells how many counts of records are small: whoever hands them in should know.
pub(super) fn small(rows: &Rows, report: &mut Report) {
    const SMALL: f64 = 10.0;
    let small = (0..rows.count()).filter_map(|row| rows.value(row));
    let small = small.filter(|count| *count > 0.0 && *count < SMALL).count();
    if small > 0 {
        let expected = format!("the gateway to withhold what of less than {SMALL} the decree says");
        let found = format!("{small} counts from 1 to {}", SMALL - 1.0);
        report.push(Finding::new(Code::SmallCounts, expected, found));
    }
}
