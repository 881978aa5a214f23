//! CSV: text to a sheet, whatever its encoding, its delimiter and its decimal mark.

use ::csv::{Position, ReaderBuilder, StringRecord};
use birge_schemas::{
    finding::{Code, Finding, Report},
    side_by_side::{side_by_side, threads},
};
use memchr::{memchr, memchr_iter, memchr2_iter};

use super::{
    Input,
    layout::Layout,
    only,
    pieces::{self, Piece, has_lone_returns},
    sheet::{Numerals, Sheet, SheetBuilder},
    template, text,
};

/// Reads the bytes of a CSV file; the columns for which `is_figure` holds are figures.
///
/// # Errors
/// The findings, where the file is no text, or has no header.
pub fn sheet(
    bytes: &[u8],
    layout: &Layout,
    is_figure: impl Fn(&str) -> bool,
    report: &mut Report,
) -> Result<Sheet, Report> {
    in_pieces(bytes, layout, is_figure, report, (threads(), pieces::LEAST))
}

/// The same in at most so many pieces of at least so many bytes, side by side.
fn in_pieces(
    bytes: &[u8],
    layout: &Layout,
    is_figure: impl Fn(&str) -> bool,
    report: &mut Report,
    (pieces, least): (usize, usize),
) -> Result<Sheet, Report> {
    let text = text::decode(bytes, layout.encoding.as_deref()).map_err(|error| {
        only(Finding::new(
            Code::Format,
            "CSV text in UTF-8, UTF-16 with a byte order mark, or Windows-1251",
            error.to_string(),
        ))
    })?;
    let (text, skipped) = below(&text.text, layout.header);
    let delimiter = layout.delimiter.and_then(|own| u8::try_from(own).ok());
    let delimiter = delimiter.unwrap_or_else(|| text::separator(text));
    let mut reader = reader(text.as_bytes(), delimiter);
    let mut record = StringRecord::new();
    if !next(&mut reader, &mut record, report) {
        if report.errors == 0 {
            let expected = "a line that names the columns";
            let found = format!("none from line {} on", skipped + 1);
            report.push(Finding::new(Code::Format, expected, found));
        }
        return Err(std::mem::take(report));
    }
    let names: Vec<String> = record.iter().map(|name| name.trim().to_owned()).collect();
    let unsaid = if delimiter == b';' { Numerals::Either } else { Numerals::Point };
    let empty = SheetBuilder::new(&names, layout.numerals(unsaid), is_figure);
    let (header, rows) = from_line_end(text, reader.position());
    let dialect = Dialect {
        delimiter,
        odd_quotes: memchr_iter(b'"', text.as_bytes()).count() % 2 == 1,
        lone_returns: has_lone_returns(rows.as_bytes()),
    };
    let above = skipped + memchr_iter(b'\n', header.as_bytes()).count() as u64;
    let count = if dialect.is_usual() { pieces } else { 1 };
    let pieces = pieces::cut(rows, delimiter, count, least);
    let read = side_by_side(&pieces, |piece| {
        let (mut sheet, mut report) = (empty.clone(), Report::default());
        dialect.rows(piece, above, &mut sheet, &mut report);
        (sheet, report)
    });
    let mut sheet = empty;
    for (piece, found) in read {
        sheet.append(piece, found, report);
    }
    Ok(sheet.finish())
}

/// A text up to the end of the line before a position, and from there on.
fn from_line_end<'t>(text: &'t str, position: &Position) -> (&'t str, &'t str) {
    let below = usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let (above, below) = text.split_at_checked(below.saturating_sub(1)).unwrap_or((text, ""));
    if below.starts_with(['\r', '\n']) { (above, below) } else { (text, "") }
}

/// How the rows of a file are written.
struct Dialect {
    delimiter: u8,
    /// Is there a quotation mark too many?
    odd_quotes: bool,
    /// Do carriage returns alone end lines, too?
    lone_returns: bool,
}

impl Dialect {
    /// Is it told by single bytes what ends a cell and what a row?
    fn is_usual(&self) -> bool {
        let of_its_own = self.delimiter.is_ascii() && !b"\r\n\"".contains(&self.delimiter);
        of_its_own && !self.lone_returns
    }

    /// Reads the rows of a piece, which lies so many lines below the top of the file.
    fn rows(&self, piece: &Piece<'_>, above: u64, sheet: &mut SheetBuilder, report: &mut Report) {
        let (text, above) = (piece.text, above + piece.above);
        let is_plain = self.is_usual() && memchr(b'"', text.as_bytes()).is_none();
        match is_plain {
            true => self.plain(text, above, sheet, report),
            false => self.quoted(text, above, sheet, report),
        }
    }

    /// Reads rows without quotation marks, several times as fast as with them: what stands between
    /// delimiters are the cells.
    fn plain(&self, text: &str, above: u64, sheet: &mut SheetBuilder, report: &mut Report) {
        let (mut from, mut ends) = (0, vec![]);
        for line in above + 1.. {
            ends.clear();
            let mut end = text.len();
            for at in memchr2_iter(self.delimiter, b'\n', &text.as_bytes()[from..]) {
                if text.as_bytes()[from + at] == b'\n' {
                    end = from + at;
                    break;
                }
                ends.push(from + at);
            }
            let next = end + 1;
            let row = &text[from..end];
            let row = row.strip_suffix('\r').unwrap_or(row);
            if !row.is_empty() {
                let starts = std::iter::once(from).chain(ends.iter().map(|end| end + 1));
                let stops = ends.iter().copied().chain([from + row.len()]);
                let cells = starts.zip(stops).map(|(start, stop)| &text[start..stop]);
                sheet.row(Some(line), ends.len() + 1, cells, report);
            }
            if next >= text.len() {
                break;
            }
            from = next;
        }
    }

    /// Reads rows in which quotation marks stand.
    fn quoted(&self, text: &str, above: u64, sheet: &mut SheetBuilder, report: &mut Report) {
        let (mut reader, mut record) =
            (reader(text.as_bytes(), self.delimiter), StringRecord::new());
        let columns = sheet.columns();
        while next(&mut reader, &mut record, report) {
            let line = record.position().map(|position| above + line(text, position));
            let is_broken = record.as_slice().contains('\n');
            let mut broken = record.iter().filter(|_| is_broken);
            let swallows = |cell: &&str| swallows(cell, self.delimiter, columns, self.odd_quotes);
            if let Some(cell) = broken.find(swallows) {
                let expected = "a quotation mark at the end of every cell that begins with one: \
                                lines may stand in this cell that are rows";
                let finding = Finding::new(Code::Format, expected, cell).at(sheet.rows(), "");
                report.push(finding);
            }
            sheet.row(line, record.len(), record.iter(), report);
        }
    }
}

fn reader(text: &[u8], delimiter: u8) -> ::csv::Reader<&[u8]> {
    let mut reader = ReaderBuilder::new();
    reader.delimiter(delimiter).has_headers(false).flexible(true).from_reader(text)
}

/// Reads a batch in the common template from the bytes of a CSV file.
///
/// # Errors
/// The findings, where no table or no header comes out.
pub fn template(bytes: &[u8]) -> Result<Input, Report> {
    let mut report = Report::default();
    let sheet = sheet(bytes, &Layout::default(), template::is_figure, &mut report)?;
    template::read(sheet, report)
}

/// May a quotation mark that was left open have taken rows into this cell: does a line in it look
/// like one, or is there a mark too many in the file?
fn swallows(cell: &str, delimiter: u8, columns: usize, odd_quotes: bool) -> bool {
    let mut more = cell.lines().skip(1).peekable();
    let is_row = |line: &str| {
        columns > 1 && line.bytes().filter(|byte| *byte == delimiter).count() + 1 >= columns
    };
    more.peek().is_some() && (odd_quotes || more.any(is_row))
}

/// The text from its header's line on, and how many lines are above it.
fn below(text: &str, header: Option<u32>) -> (&str, u64) {
    let above = u64::from(header.unwrap_or(1).saturating_sub(1));
    let mut rest = text;
    for line in 0..above {
        match rest.split_once('\n') {
            Some((_, below)) => rest = below,
            None => return ("", line),
        }
    }
    (rest, above)
}

fn next(reader: &mut ::csv::Reader<&[u8]>, record: &mut StringRecord, report: &mut Report) -> bool {
    reader.read_record(record).unwrap_or_else(|error| {
        report.push(Finding::new(Code::Format, "a row of CSV", error.to_string()));
        false
    })
}

/// The line that a record begins on. Its position may lie before the line feed that ends the
/// record before, and before empty lines.
fn line(text: &str, position: &Position) -> u64 {
    let start = usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let rest = text.as_bytes().get(start..).unwrap_or_default();
    let ends = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() + ends.filter(|byte| **byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &[u8], layout: &Layout) -> (Sheet, Report) {
        let mut report = Report::default();
        let sheet = sheet(text, layout, |name| name == "n", &mut report).unwrap();
        (sheet, report)
    }

    #[test]
    fn lines_are_counted_as_an_editor_counts_them() {
        let text = "sex,n\r\n\"two\r\nlines\",1\r\n\r\nF,2\r\n";
        let (sheet, report) = read(text.as_bytes(), &Layout::default());
        assert_eq!((sheet.rows, report.errors), (2, 0));
        assert_eq!(sheet.texts[0].at(0), "two\r\nlines");
        assert_eq!((sheet.lines.of(1), sheet.lines.of(2)), (Some(2), Some(5)));
    }

    #[test]
    fn semicolons_and_tabs_separate_too_and_a_layout_says_what_cannot_be_seen() {
        for separator in [";", "\t"] {
            let text = "\u{feff}sex,n\nF,4".replace(',', separator);
            assert_eq!(read(text.as_bytes(), &Layout::default()).0.figures[0].value(0), Some(4.0));
        }
        let layout = Layout {
            delimiter: Some('|'),
            decimal: Some(','),
            header: Some(3),
            ..Layout::default()
        };
        let (sheet, report) = read(b"Report\nof 2023\nsex|n\nF|1,5\n", &layout);
        assert_eq!((sheet.figures[0].value(0), report.errors), (Some(1.5), 0));
        assert_eq!(sheet.lines.of(1), Some(4));
        let none = super::sheet(b"a\n", &layout, |_| false, &mut Report::default()).unwrap_err();
        assert_eq!(none.count(Code::Format), 1, "no header");
    }

    #[test]
    fn rows_that_an_open_quotation_mark_takes_in_are_found() {
        let open = "b,n,note\nDE,2,\"see annex\nFR,5,\nFR,6,\n";
        let closed_later = "b,n,note\nDE,1,\"see annex\nFR,5,\nFR,6,as \"annex\"\nRU,3,\"\n";
        for text in [open, closed_later] {
            let (_, report) = read(text.as_bytes(), &Layout::default());
            assert_eq!((report.errors, report.findings[0].row), (1, 1), "{text}");
        }
        let honest = "b,n,note\nDE,1,\"two\nlines, quoted\"\n";
        assert_eq!(read(honest.as_bytes(), &Layout::default()).1.errors, 0);
    }

    #[test]
    fn ragged_rows_are_findings() {
        for text in ["a,n\nF,1\nF,1,too,many\n", "a,n\nF,1\nF\n"] {
            assert_eq!(read(text.as_bytes(), &Layout::default()).1.findings[0].row, 2);
        }
    }

    /// Rows as the crate `csv` reads them in one piece, each with its line.
    fn reference(text: &str) -> Vec<(u64, Vec<String>)> {
        let (mut reader, mut record) = (reader(text.as_bytes(), b','), StringRecord::new());
        let mut rows = vec![];
        while reader.read_record(&mut record).unwrap() {
            let line = line(text, record.position().unwrap());
            rows.push((line, record.iter().map(|cell| cell.trim().to_owned()).collect()));
        }
        rows
    }

    proptest! {
        #[test]
        fn pieces_read_side_by_side_are_the_whole(
            tokens in prop::collection::vec(
                prop::sample::select(vec![
                    ",", ",", ",", "\n", "\n", "\r\n", "\r", "\"", "\"\"", " ", "x", "é", "\u{feff}",
                    "F", "12", "1 234", "\n\n", ",\"a\nb\",",
                ]),
                0..60,
            ),
            pieces in 2..7_usize,
        ) {
            let text = format!("h,n,o\n{}", tokens.concat());
            let read = |pieces| {
                let mut report = Report::default();
                let is_figure = |name: &str| name == "n";
                let layout = Layout::default();
                let sheet = in_pieces(text.as_bytes(), &layout, is_figure, &mut report, (pieces, 1));
                (sheet.unwrap(), report)
            };
            let (one, report) = read(1);
            prop_assert_eq!(&(&one, &report), &(&read(pieces).0, &read(pieces).1));
            let rows = reference(&text);
            prop_assert_eq!(one.rows, rows.len() - 1);
            for (row, (line, cells)) in rows[1..].iter().enumerate() {
                let cell = |place: usize| cells.get(place).map_or("", String::as_str);
                prop_assert_eq!((one.texts[0].at(row), one.texts[1].at(row)), (cell(0), cell(2)));
                prop_assert_eq!(one.figures[0].value(row), Numerals::Point.read(cell(1)));
                if !text.contains('\r') {
                    prop_assert_eq!(one.lines.of(row as u64 + 1), Some(*line));
                }
            }
        }

        #[test]
        fn any_bytes_are_read_without_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..300), header in 0..5_u32,
        ) {
            let layout = Layout { header: Some(header), ..Layout::default() };
            let _ = sheet(&bytes, &layout, |name| name == "n", &mut Report::default());
        }
    }
}
