//! Workbooks: a sheet of an XLSX, XLS, XLSB or ODS file, or a range of it.

use std::io::{self, Cursor, Read};

use birge_schemas::finding::{Code, Finding, Report};
use calamine::{Data, Reader, Sheets, Xlsx, open_workbook_auto_from_rs};
use zip::ZipArchive;

use super::{
    layout::Layout,
    only,
    sheet::{Numerals, Sheet, SheetBuilder},
};

/// Bytes of a workbook that is read: it is unpacked in memory.
pub const BYTES: usize = 64 << 20;

/// Bytes of a workbook's parts, unpacked: what says less of itself than it holds is found, too.
const UNPACKED: u64 = 1 << 30;

/// Cells of a sheet, from its first to its last, empty ones among them.
const CELLS: u64 = 20_000_000;

/// A row and a column, from 0.
type Place = (u32, u32);

/// Reads the bytes of a workbook; the columns for which `is_figure` holds are figures. Lines are
/// the sheet's rows as a spreadsheet numbers them.
///
/// # Errors
/// The findings, where there is no such sheet or range, or it has no header.
pub fn sheet(
    bytes: Vec<u8>,
    layout: &Layout,
    is_figure: impl Fn(&str) -> bool,
    report: &mut Report,
) -> Result<Sheet, Report> {
    let format = |expected: &str, found: String| only(Finding::new(Code::Format, expected, found));
    if bytes.len() > BYTES {
        let expected = format!("a workbook of at most {BYTES} bytes, or the table as CSV");
        return Err(format(&expected, format!("{} bytes", bytes.len())));
    }
    if let Err(found) = unpacked(&bytes) {
        return Err(format(&format!("a workbook of at most {UNPACKED} bytes unpacked"), found));
    }
    let mut workbook = open_workbook_auto_from_rs(Cursor::new(bytes))
        .map_err(|error| format("a workbook: XLSX, XLS, XLSB or ODS", error.to_string()))?;
    let names = workbook.sheet_names();
    let name = match &layout.sheet {
        Some(name) => name.clone(),
        None => names.first().cloned().unwrap_or_default(),
    };
    if !names.contains(&name) {
        return Err(format(&format!("one of the sheets {}", names.join(", ")), name));
    }
    let extent = match &mut workbook {
        Sheets::Xlsx(workbook) => extent(workbook, &name),
        _ => None,
    };
    if let Some(extent) = extent.filter(|extent| *extent > CELLS) {
        let expected = format!("a sheet of at most {CELLS} cells: a cell far off may hold a space");
        return Err(format(&expected, format!("{extent} from the first to the last")));
    }
    let cells = workbook
        .worksheet_range(&name)
        .map_err(|error| format("a sheet that can be read", error.to_string()))?;
    let whole = cells.start().zip(cells.end());
    let asked = match &layout.range {
        Some(text) => {
            Some(range(text).ok_or_else(|| format("a range such as B4:H200", text.clone()))?)
        }
        None => None,
    };
    let Some((first, last)) = whole else {
        return Err(format("a sheet with a table", format!("nothing in {name}")));
    };
    let (from, to) = asked.unwrap_or((first, last));
    let (from, to) =
        ((from.0.max(first.0), from.1.max(first.1)), (to.0.min(last.0), to.1.min(last.1)));
    if from.0 > to.0 || from.1 > to.1 {
        return Err(format("a range with a table", format!("nothing in that of {name}")));
    }
    let cells = cells.range(from, to);
    let mut rows = (u64::from(from.0) + 1..).zip(cells.rows()).filter(|(_, row)| !is_empty(row));
    let top = asked.map_or(0, |(from, _)| from.0);
    let header = u64::from(layout.header.unwrap_or(1)) + u64::from(top);
    let head = rows.by_ref().find(|(line, _)| layout.header.is_none() || *line >= header);
    let Some((_, head)) = head else {
        return Err(format("a row that names the columns", format!("nothing in {name}")));
    };
    let names: Vec<String> = head.iter().map(|cell| text(cell).trim().to_owned()).collect();
    let numerals = layout.numerals(Numerals::Point);
    let mut sheet = SheetBuilder::new(&names, numerals, is_figure);
    for (line, row) in rows {
        let row: Vec<String> = row.iter().map(|cell| number(cell, numerals)).collect();
        sheet.row(Some(line), row.len(), row.iter().map(String::as_str), report);
    }
    Ok(sheet.finish())
}

/// Does all that is packed in a workbook stay within what memory takes? XLS is not packed; what
/// is no archive is told by whoever reads it.
///
/// # Errors
/// What was found.
pub fn unpacked(bytes: &[u8]) -> Result<(), String> {
    let Ok(mut archive) = ZipArchive::new(Cursor::new(bytes)) else { return Ok(()) };
    let mut left = UNPACKED;
    for part in 0..archive.len() {
        let Ok(part) = archive.by_index(part) else { continue };
        let mut part = part.take(left + 1);
        // A part that cannot be unpacked counts as far as it goes.
        let _ = io::copy(&mut part, &mut io::sink());
        left = match part.limit() {
            0 => return Err("more".to_owned()),
            limit => limit - 1,
        };
    }
    Ok(())
}

fn is_empty(row: &[Data]) -> bool {
    row.iter().all(|cell| matches!(cell, Data::Empty))
}

/// May the cells of a sheet be laid out in memory?
pub fn fits(workbook: &mut Xlsx<Cursor<Vec<u8>>>, name: &str) -> bool {
    extent(workbook, name).is_none_or(|extent| extent <= CELLS)
}

/// Cells from a sheet's first to its last, where that can be told without laying it out.
fn extent(workbook: &mut Xlsx<Cursor<Vec<u8>>>, name: &str) -> Option<u64> {
    let mut cells = workbook.worksheet_cells_reader(name).ok()?;
    let (mut first, mut last): (Place, Place) = ((u32::MAX, u32::MAX), (0, 0));
    while let Ok(Some(cell)) = cells.next_cell() {
        let (row, column) = cell.get_position();
        first = (first.0.min(row), first.1.min(column));
        last = (last.0.max(row), last.1.max(column));
    }
    let side = |first: u32, last: u32| u64::from(last.saturating_sub(first)) + 1;
    Some(side(first.0, last.0).saturating_mul(side(first.1, last.1)))
}

/// A cell as text, in which a number is written as `numerals` are read.
fn number(cell: &Data, numerals: Numerals) -> String {
    match (cell, numerals) {
        (Data::Float(_) | Data::Int(_), Numerals::Comma) => text(cell).replace('.', ","),
        _ => text(cell),
    }
}

/// A cell as text: numbers in full, days and moments as ISO 8601 writes them, errors as the
/// spreadsheet shows them.
#[must_use]
pub fn text(cell: &Data) -> String {
    match cell {
        Data::DateTime(moment) if moment.is_datetime() => {
            let (year, month, day, hour, minute, second, _) = moment.to_ymd_hms_milli();
            match (hour, minute, second) {
                (0, 0, 0) => format!("{year:04}-{month:02}-{day:02}"),
                _ => format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"),
            }
        }
        cell => cell.to_string(),
    }
}

/// `B4:H200` as its first and last cell, each as row and column from 0.
fn range(text: &str) -> Option<(Place, Place)> {
    let (from, to) = text.trim().split_once(':')?;
    let ((top, left), (bottom, right)) = (place(from)?, place(to)?);
    (top <= bottom && left <= right).then_some(((top, left), (bottom, right)))
}

/// `B4` as row and column from 0.
fn place(text: &str) -> Option<Place> {
    let text = text.trim().to_ascii_uppercase();
    let letters = text.find(|c: char| c.is_ascii_digit())?;
    let (column, row) = text.split_at(letters);
    if column.is_empty() || column.len() > 3 || !column.bytes().all(|c| c.is_ascii_uppercase()) {
        return None;
    }
    let column = column.bytes().fold(0, |place, c| place * 26 + u32::from(c - b'A') + 1) - 1;
    Some((row.parse::<u32>().ok()?.checked_sub(1)?, column))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_spreadsheets_write_them() {
        assert_eq!(range("B4:H200"), Some(((3, 1), (199, 7))));
        assert_eq!(range("a1:ab2"), Some(((0, 0), (1, 27))));
        for wrong in ["", "B4", "4:5", "B0:C2", "C2:B1", "AAAA1:B2", "B4:H"] {
            assert_eq!(range(wrong), None, "{wrong}");
        }
    }

    /// A part that unpacks to far more than it takes is not laid out in memory.
    #[test]
    fn what_is_packed_too_tightly_is_a_finding() {
        let mut archive = zip::ZipWriter::new(Cursor::new(vec![]));
        let options = zip::write::SimpleFileOptions::default();
        archive.start_file("xl/workbook.xml", options).unwrap();
        let zeros = vec![0; 1 << 20];
        for _ in 0..1025 {
            io::Write::write_all(&mut archive, &zeros).unwrap();
        }
        let bytes = archive.finish().unwrap().into_inner();
        assert!(bytes.len() < 4 << 20, "{}", bytes.len());
        let found = sheet(bytes, &Layout::default(), |_| false, &mut Report::default());
        let report = found.unwrap_err();
        assert!(report.to_string().contains("unpacked"), "{report}");
    }

    #[test]
    fn what_is_no_workbook_is_a_finding() {
        for bytes in [&b""[..], b"sex,n\nF,1\n", b"PK\x03\x04 and no more"] {
            let found =
                sheet(bytes.to_vec(), &Layout::default(), |_| false, &mut Report::default());
            assert_eq!(found.unwrap_err().count(Code::Format), 1);
        }
    }
}
