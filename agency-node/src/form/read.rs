//! A workbook as a form.

use std::{io::Cursor, path::Path};

use birge_proto::manifest::Action;
use birge_schemas::{
    finding::{Code, Finding, Report},
    structure::{Structure, Structures},
};
use calamine::{Data, Range, Reader, Xlsx, open_workbook_from_rs};

use super::{ABOUT, FIRST, Form, Head, IDS, LAST, MARK, PERIOD, Row, attributes, constant};
use crate::{
    output::Failure,
    source::{self, only, sheet::Numerals, template::VALUE, workbook},
};

/// Rows of a form that are read.
const ROWS: usize = 1 << 20;

/// The form in a file; none where it is no form. What keeps a form from being read is a report.
///
/// # Errors
/// When the file may not be read.
pub fn of_file(
    structures: &Structures,
    path: &Path,
) -> Result<Option<Result<Form, Report>>, Failure> {
    match source::has_ending(path, &["xlsx"]) {
        true => Ok(source::bytes(path)?.map_or(None, |bytes| of_bytes(structures, bytes))),
        false => Ok(None),
    }
}

/// The form in the bytes of a workbook; none where it is no form.
#[must_use]
pub fn of_bytes(structures: &Structures, bytes: Vec<u8>) -> Option<Result<Form, Report>> {
    if bytes.len() > workbook::BYTES || workbook::unpacked(&bytes).is_err() {
        return None;
    }
    let mut book: Xlsx<_> = open_workbook_from_rs(Cursor::new(bytes)).ok()?;
    let names = book.sheet_names();
    if !names.iter().any(|name| name == ABOUT) || !workbook::fits(&mut book, ABOUT) {
        return None;
    }
    let about = book.worksheet_range(ABOUT).ok()?;
    if text(&about, 0, 0) != MARK.0 {
        return None;
    }
    Some(read(structures, &about, &mut book, &names))
}

type Book = Xlsx<Cursor<Vec<u8>>>;

fn read(
    structures: &Structures,
    about: &Range<Data>,
    book: &mut Book,
    names: &[String],
) -> Result<Form, Report> {
    let wrong = |expected: String, found: String| only(Finding::new(Code::Format, expected, found));
    if text(about, 0, 1) != MARK.1 {
        let expected = format!("a form of layout {}: make a new one", MARK.1);
        return Err(wrong(expected, text(about, 0, 1)));
    }
    let head = head(about).map_err(|name| {
        let expected = format!("{name} on the hidden sheet {ABOUT}: make a new form");
        wrong(expected, "nothing that can be read".into())
    })?;
    let Some(structure) = structures.get(&head.dataset) else {
        let known: Vec<_> = structures.iter().map(|known| known.id.as_str()).collect();
        let finding = Finding::new(Code::Provider, known.join(", "), &head.dataset);
        return Err(only(finding.column("dataset")));
    };
    let name = names.first().cloned().unwrap_or_default();
    if !workbook::fits(book, &name) {
        return Err(wrong("a sheet of the form's size".into(), format!("that of {name}")));
    }
    let cells = book
        .worksheet_range(&name)
        .map_err(|error| wrong("the form's first sheet".into(), error.to_string()))?;
    let last = cells.end().map_or(0, |(last, _)| last as usize);
    if last >= ROWS {
        return Err(wrong(format!("at most {ROWS} rows"), last.to_string()));
    }
    Ok(form(structure, head, &cells))
}

/// What the form says of itself, or the name of what it lacks.
fn head(about: &Range<Data>) -> Result<Head, &'static str> {
    let said = |name: &'static str| {
        let mut lines = (0..32).filter(|line| text(about, *line, 0) == name);
        lines.next().map(|line| text(about, line, 1)).ok_or(name)
    };
    let action = match said("action")?.as_str() {
        "A" => Action::Append,
        "R" => Action::Replace,
        _ => return Err("action"),
    };
    Ok(Head {
        dataset: said("dataset")?,
        version: said("version")?,
        agency: said("agency")?,
        period: said("period")?,
        action,
        before: said("before")?,
        choose: said("codes")? == "choose",
        language: said("language")?.parse().map_err(|_| "language")?,
    })
}

fn form(structure: &Structure, head: Head, cells: &Range<Data>) -> Form {
    let (last, right) = cells.end().unwrap_or((0, 0));
    let column = |id: &str| (0..=right).find(|at| text(cells, IDS, *at) == id);
    let mut lacks = vec![];
    let mut place = |id: &str| {
        let found = column(id);
        if found.is_none() {
            lacks.push(id.to_owned());
        }
        found
    };
    let dimensions: Vec<_> = structure.coded().map(|dimension| place(&dimension.id)).collect();
    let (period, value) = (place(PERIOD), place(VALUE));
    let asked: Vec<_> = attributes(structure).map(|attribute| place(&attribute.id)).collect();
    let before = column(LAST);
    let rows = (FIRST..=last).map(|line| {
        let at = |column: Option<u32>| {
            column.map_or_else(String::new, |column| text(cells, line, column))
        };
        let figure = value.and_then(|value| cells.get_value((line, value)));
        let number = match figure {
            Some(Data::Float(number)) => Some(*number),
            Some(Data::Int(number)) => Some(*number as f64),
            _ => Numerals::Either.read(&at(value)),
        };
        Row {
            number,
            codes: dimensions.iter().map(|column| at(*column)).collect(),
            period: at(period),
            last: at(before),
            value: at(value),
            attributes: asked.iter().map(|column| at(*column)).collect(),
        }
    });
    let mut rows: Vec<Row> = if last >= FIRST { rows.collect() } else { vec![] };
    said_once(&mut rows, &head.period);
    Form { head, rows, lacks }
}

/// A cell as text; numbers in full.
fn text(cells: &Range<Data>, line: u32, column: u32) -> String {
    let cell = cells.get_value((line, column));
    cell.map_or_else(String::new, |cell| workbook::text(cell).trim().to_owned())
}

/// Rows that somebody added below have no code where all others have the same, for such columns
/// are not shown; and no period.
fn said_once(rows: &mut [Row], period: &str) {
    let width = rows.first().map_or(0, |row| row.codes.len());
    let constants: Vec<_> =
        (0..width).map(|place| constant(rows, place).map(str::to_owned)).collect();
    for row in rows.iter_mut().filter(|row| !row.is_empty()) {
        for (code, constant) in row.codes.iter_mut().zip(&constants) {
            if let Some(constant) = constant.as_ref().filter(|_| code.is_empty()) {
                code.clone_from(constant);
            }
        }
        if row.period.is_empty() {
            period.clone_into(&mut row.period);
        }
    }
}
