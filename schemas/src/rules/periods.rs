//! Rule 5: the period fits the frequency, has begun, and is one that the batch names.

use super::Shape;
use crate::{
    context::Context,
    finding::{Code, Finding, Report},
    period::{Frequency, first_day},
    table::{Bitmap, Codes, RawColumn},
};

/// Checks the format of each row's period against the row's frequency; gives the periods that
/// occur, ascending, and each row's. Rows with a period of another format lose their key.
pub(super) fn check(shape: &mut Shape<'_>, report: &mut Report) -> (Vec<String>, Codes) {
    let raw = shape.raw;
    let Some(column) = raw.column("TIME_PERIOD") else {
        shape.keyed = Bitmap::filled(false, raw.rows);
        return (vec![], Codes::One(0));
    };
    let formats: Vec<_> = column.dictionary.iter().map(|text| Frequency::of_period(text)).collect();
    let nothing = RawColumn::default();
    let freq = raw.column("FREQ").unwrap_or(&nothing);
    let frequencies: Vec<_> = freq.dictionary.iter().map(|code| Frequency::of_code(code)).collect();
    for row in 0..raw.rows {
        let format = formats[column.entry(row)];
        let expected = frequencies.get(freq.entry(row)).copied().flatten();
        if format.is_some() && (expected.is_none() || format == expected) {
            continue;
        }
        shape.keyed.set(row, false);
        report.add(Code::PeriodFormat, || {
            let example = expected.map_or("2023", Frequency::example);
            let expected = format!("a period like {example}");
            let finding = Finding::new(Code::PeriodFormat, expected, column.at(row));
            shape.at(row, finding.column("TIME_PERIOD"))
        });
    }
    positions(column, raw.rows)
}

/// The distinct texts that occur, ascending, and each row's position among them.
fn positions(column: &RawColumn, rows: usize) -> (Vec<String>, Codes) {
    let mut occurs = vec![false; column.dictionary.len()];
    match column.index.is_empty() {
        true => occurs[..1.min(rows)].fill(true),
        false => column.index.iter().for_each(|entry| occurs[*entry as usize] = true),
    }
    let used = column.dictionary.iter().zip(occurs).filter(|(_, occurs)| *occurs);
    let mut periods: Vec<String> = used.map(|(text, _)| text.clone()).collect();
    periods.sort_unstable();
    periods.dedup();
    let position = |text: &String| {
        let at = periods.binary_search(text).unwrap_or_default();
        u16::try_from(at).unwrap_or(u16::MAX)
    };
    let positions: Vec<u16> = column.dictionary.iter().map(position).collect();
    let period = match column.index.is_empty() {
        true => Codes::One(0),
        false => Codes::new(column.index.iter().map(|entry| positions[*entry as usize]).collect()),
    };
    (periods, period)
}

/// Checks the periods that occur against the header and the calendar.
pub(super) fn context(context: &Context<'_>, shape: &Shape<'_>, report: &mut Report) {
    let frequencies: Vec<_> = shape.structure.frequencies().collect();
    let judge = |period: &String| match first_day(period) {
        _ if !Frequency::of_period(period).is_some_and(|of| frequencies.contains(&of)) => None,
        None => Some((Code::PeriodFormat, "a day or week of the calendar".to_owned())),
        Some(first) if first > context.today => {
            Some((Code::PeriodFuture, format!("a period that began by {}", context.today)))
        }
        Some(_) if !context.periods.contains(period) => {
            Some((Code::PeriodUndeclared, context.periods.join(", ")))
        }
        Some(_) => None,
    };
    let judged: Vec<_> = shape.periods.iter().map(judge).collect();
    if judged.iter().all(Option::is_none) {
        return;
    }
    for row in 0..shape.raw.rows {
        let at = usize::from(shape.period.at(row));
        if let Some(Some((code, expected))) = judged.get(at) {
            report.add(*code, || {
                let finding = Finding::new(*code, expected, &shape.periods[at]);
                shape.at(row, finding.column("TIME_PERIOD"))
            });
        }
    }
}
