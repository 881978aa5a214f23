//! The cells of a form's rows: how they look, what stands in them, which are marked.

use birge_schemas::finding::{Finding, Severity};
use rust_xlsxwriter::{
    Color, Format, FormatAlign, FormatBorder, Formula, Worksheet, XlsxError,
    utility::column_number_to_name,
};

use super::{
    super::{FIRST, Form, Row},
    Column, Found, What,
    lists::Lists,
};
use crate::{
    i18n::Texts,
    report::{CELL, clipped},
    source::template::VALUE,
};

/// A place on a sheet: line and column, from 0.
type Place = (u32, u16);

/// All that the cells of a form depend on.
pub(super) struct Cells<'a> {
    pub(super) form: &'a Form,
    pub(super) columns: &'a [Column<'a>],
    pub(super) lists: &'a Lists<'a>,
    pub(super) texts: &'a Texts,
}

impl Cells<'_> {
    /// Writes every row; what was found on none stands above.
    pub(super) fn write(
        &self,
        sheet: &mut Worksheet,
        found: Option<&Found<'_>>,
    ) -> Result<(), XlsxError> {
        let looks = Looks::new();
        for (place, row) in self.form.rows.iter().enumerate() {
            let about =
                found.and_then(|found| found.rows.get(&place)).map_or(&[][..], Vec::as_slice);
            for (at, column) in (0..).zip(self.columns) {
                let look = Look { looks: &looks, wrong: self.marks(about, column) };
                self.put(sheet, (FIRST + place as u32, at), column, row, about, &look)?;
            }
        }
        let elsewhere = found.map_or(&[][..], |found| &found.elsewhere);
        let of_findings = |column: &Column<'_>| matches!(column.what, What::Findings);
        let column = self.columns.iter().position(of_findings).filter(|_| !elsewhere.is_empty());
        if let Some(column) = column {
            let said = self.said(elsewhere);
            let (at, look) = (column as u16, looks.wrong.clone().set_text_wrap());
            sheet.write_string_with_format(0, at, clipped(&said, CELL), &look)?;
        }
        Ok(())
    }

    /// Is the cell of a column marked? What is about no cell that is shown marks the figure; what
    /// is only told marks nothing.
    fn marks(&self, about: &[&Finding], column: &Column<'_>) -> bool {
        let shown = |id: &str| self.columns.iter().any(|it| !it.hidden && it.id == id);
        let mut wrong = about.iter().filter(|finding| finding.severity != Severity::Info);
        wrong.any(|finding| match column.what {
            What::Findings => true,
            What::Value => finding.column == VALUE || !shown(&finding.column),
            _ => !column.id.is_empty() && finding.column == column.id,
        })
    }

    /// What was found, in words.
    fn said(&self, found: &[&Finding]) -> String {
        let one = |it: &&Finding| {
            let Finding { code, column, found, expected, .. } = it;
            let meaning = self.texts.say(&format!("finding-{code}"));
            format!("{meaning} ({code} {column}: {found} / {expected})")
        };
        found.iter().map(one).collect::<Vec<_>>().join("\n")
    }

    fn put(
        &self,
        sheet: &mut Worksheet,
        (line, at): Place,
        column: &Column<'_>,
        row: &Row,
        about: &[&Finding],
        look: &Look<'_>,
    ) -> Result<(), XlsxError> {
        let head = &self.form.head;
        let code = |place: usize| row.codes.get(place).map_or("", String::as_str);
        match column.what {
            What::Code(place, _) => {
                let look = if head.choose { look.open_text() } else { look.locked() };
                sheet.write_string_with_format(line, at, code(place), look)?;
            }
            What::Label(place, list, dimension) => {
                let label = list.position(code(place)).map(|it| list.code(it));
                let label = label.map_or("", |code| code.name(head.language.code()));
                let table = self.lists.table(dimension).filter(|_| head.choose);
                match table.zip(at.checked_sub(1)) {
                    Some((table, codes)) => {
                        let cell = format!("{}{}", column_number_to_name(codes), line + 1);
                        let formula = format!("=IFERROR(VLOOKUP({cell},{table},2,FALSE),\"\")");
                        let formula = Formula::new(formula).set_result(label);
                        sheet.write_formula_with_format(line, at, formula, look.label())?;
                    }
                    None => {
                        sheet.write_string_with_format(line, at, label, look.label())?;
                    }
                }
            }
            What::Period => {
                sheet.write_string_with_format(line, at, &row.period, look.locked())?;
            }
            What::Last => number(sheet, (line, at), row.last.parse().ok(), &row.last, look.grey())?,
            What::Value => number(sheet, (line, at), row.number, &row.value, look.open())?,
            What::Attribute(place, _) => {
                let text = row.attributes.get(place).map_or("", String::as_str);
                let look = look.open_text();
                sheet.write_string_with_format(line, at, clipped(text, CELL), look)?;
            }
            What::Findings if about.is_empty() => {}
            What::Findings => {
                let said = self.said(about);
                sheet.write_string_with_format(line, at, clipped(&said, CELL), look.locked())?;
            }
        }
        Ok(())
    }
}

/// How cells look.
struct Looks {
    locked: Format,
    grey: Format,
    open: Format,
    open_text: Format,
    wrong: Format,
    wrong_open: Format,
    wrong_text: Format,
}

impl Looks {
    fn new() -> Self {
        let rim = Color::RGB(0x00c8_c8c8);
        let edged = || Format::new().set_border(FormatBorder::Thin).set_border_color(rim);
        let locked = || edged().set_background_color(Color::RGB(0x00f2_f2f2));
        let wrong = || edged().set_background_color(Color::RGB(0x00ff_d9d9)).set_bold();
        // As text, so that nothing that is written there is taken for a date.
        let as_text = |format: Format| format.set_unlocked().set_num_format("@");
        Self {
            locked: locked(),
            grey: locked().set_font_color(Color::RGB(0x0060_6060)).set_align(FormatAlign::Right),
            open: edged().set_unlocked(),
            open_text: as_text(edged()),
            wrong: wrong(),
            wrong_open: wrong().set_unlocked(),
            wrong_text: as_text(wrong()),
        }
    }
}

/// How one cell looks.
struct Look<'a> {
    looks: &'a Looks,
    wrong: bool,
}

impl Look<'_> {
    fn locked(&self) -> &Format {
        if self.wrong { &self.looks.wrong } else { &self.looks.locked }
    }

    fn open(&self) -> &Format {
        if self.wrong { &self.looks.wrong_open } else { &self.looks.open }
    }

    fn open_text(&self) -> &Format {
        if self.wrong { &self.looks.wrong_text } else { &self.looks.open_text }
    }

    fn label(&self) -> &Format {
        &self.looks.locked
    }

    fn grey(&self) -> &Format {
        &self.looks.grey
    }
}

/// Writes a number as one, so that it can be reckoned with, and all else as it stands.
fn number(
    sheet: &mut Worksheet,
    (line, at): Place,
    number: Option<f64>,
    text: &str,
    format: &Format,
) -> Result<(), XlsxError> {
    match number.filter(|number| number.is_finite()) {
        Some(number) => sheet.write_number_with_format(line, at, number, format)?,
        None if text.is_empty() => sheet.write_blank(line, at, format)?,
        None => sheet.write_string_with_format(line, at, clipped(text, CELL), format)?,
    };
    Ok(())
}
