//! A copy of a file with a column that says on each line what was found there.

use std::path::Path;

use anyhow::Context;
use birge_schemas::finding::Finding;
use rust_xlsxwriter::{Color, Format, Workbook, Worksheet, XlsxError};

use super::{CELL, clipped, inert, marked::Marked};
use crate::{home, i18n::Texts, output::Failure, source::has_ending};

/// Rows of a sheet of a workbook, the header among them.
const MOST_ROWS: usize = 1_048_576;

/// Writes the copy: a workbook where its name ends in `.xlsx`, else CSV.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write(path: &Path, marked: &Marked<'_>, texts: &Texts) -> Result<(), Failure> {
    let is_workbook = has_ending(path, &["xlsx"]);
    let bytes = match is_workbook && marked.sheet.rows < MOST_ROWS {
        true => workbook(marked, texts).context("cannot make the workbook")?,
        false => csv(marked, texts).context("cannot make the copy")?,
    };
    home::write(path, &bytes)
}

/// What was found on a line, in one cell.
fn said(found: &[&Finding]) -> String {
    let one = |finding: &&Finding| {
        let Finding { code, column, found, expected, .. } = finding;
        format!("{code} {column}: {found} / {expected}")
    };
    found.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// With a byte order mark, so that spreadsheets read it as UTF-8.
fn csv(marked: &Marked<'_>, texts: &Texts) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer("\u{feff}".as_bytes().to_vec());
    let names = marked.sheet.texts.iter().map(|column| column.id.as_str());
    let title = texts.say("annotated-column");
    writer.write_record(names.chain([title.as_str()]).map(|cell| inert(cell).into_owned()))?;
    for row in 0..marked.sheet.rows {
        let cells = (0..marked.sheet.texts.len()).map(|column| marked.cell(row, column));
        let said = said(marked.on(row));
        writer.write_record(cells.chain([said.as_str()]).map(|cell| inert(cell).into_owned()))?;
    }
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

/// With the wrong cells marked.
fn workbook(marked: &Marked<'_>, texts: &Texts) -> Result<Vec<u8>, XlsxError> {
    let mut workbook = Workbook::new();
    let head = Format::new().set_bold();
    let wrong = Format::new().set_background_color(Color::RGB(0x00ff_d9d9)).set_bold();
    let sheet = workbook.add_worksheet();
    let last = marked.sheet.texts.len() as u16;
    for (column, text) in (0..).zip(&marked.sheet.texts) {
        sheet.write_string_with_format(0, column, clipped(&text.id, CELL), &head)?;
    }
    sheet.write_string_with_format(0, last, texts.say("annotated-column"), &head)?;
    for row in 0..marked.sheet.rows {
        let (line, found) = (row as u32 + 1, marked.on(row));
        for (column, text) in (0..).zip(&marked.sheet.texts) {
            let cell = marked.cell(row, usize::from(column));
            let format = found.iter().any(|it| marked.is_about(it, &text.id)).then_some(&wrong);
            put(sheet, line, column, cell, format)?;
        }
        if !found.is_empty() {
            sheet.write_string_with_format(line, last, clipped(&said(found), CELL), &wrong)?;
        }
    }
    sheet.set_freeze_panes(1, 0)?;
    workbook.save_to_buffer()
}

/// Writes a cell: numbers as numbers, so that they can be reckoned with.
fn put(
    sheet: &mut Worksheet,
    row: u32,
    column: u16,
    text: &str,
    format: Option<&Format>,
) -> Result<(), XlsxError> {
    let plain = Format::new();
    let format = format.unwrap_or(&plain);
    // A code such as 008 is no number.
    let number = text.parse::<f64>().ok();
    let number = number.filter(|number| number.is_finite() && number.to_string() == text);
    match number {
        Some(number) => sheet.write_number_with_format(row, column, number, format)?,
        None => sheet.write_string_with_format(row, column, clipped(text, CELL), format)?,
    };
    Ok(())
}
