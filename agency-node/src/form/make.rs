//! A form as a workbook: locked but for its white cells, with lists to choose from, and, where
//! something was found in it, with the wrong cells marked and a column that says what.
//!
//! | module | does |
//! |---|---|
//! | `cells` | the cells of a row: how they look, what stands in them, which are marked |
//! | `lists` | the codes that cells are chosen from |
//! | `help` | how the form is filled in; what the node reads it by |

mod cells;
mod help;
mod lists;

use std::collections::BTreeMap;

use birge_schemas::{
    codelist::{CodeList, named},
    finding::Finding,
    structure::{Attribute, Dimension, Structure, Structures},
};
use rust_xlsxwriter::{
    Color, DataValidation, DataValidationErrorStyle, Format, FormatAlign, Formula,
    ProtectionOptions, Workbook, Worksheet, XlsxError, utility::column_number_to_name,
};

use self::{cells::Cells, lists::Lists};
use super::{COMMENT, FINDINGS, FIRST, Form, IDS, LAST, PERIOD, attributes, constant};
use crate::{
    i18n::{self, Texts},
    report::{CELL, clipped},
    source::template::VALUE,
};

/// What was found in a form.
#[derive(Debug, Default)]
pub struct Found<'a> {
    /// By row from 0.
    pub rows: BTreeMap<usize, Vec<&'a Finding>>,
    /// On no row of the form.
    pub elsewhere: Vec<&'a Finding>,
}

/// A form as the bytes of a workbook. `found`: it is given back with what was found in it.
/// `contact`: whom to ask.
///
/// # Errors
/// When a workbook cannot hold it.
pub fn workbook(
    structures: &Structures,
    structure: &Structure,
    form: &Form,
    found: Option<&Found<'_>>,
    contact: &str,
) -> Result<Vec<u8>, XlsxError> {
    let language = form.head.language.code();
    let texts = i18n::SOURCES.texts(form.head.language);
    let columns = columns(structures, structure, form, found.is_some(), &texts);
    let lists = Lists::of(structure, language);
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.set_name(clipped(&texts.say("form-sheet-figures"), 31))?;
    heads(sheet, structure, form, &columns, &texts)?;
    Cells { form, columns: &columns, lists: &lists, texts: &texts }.write(sheet, found)?;
    rules(sheet, structure, form, &columns, &lists, &texts)?;
    protect(sheet);
    sheet.set_freeze_panes(FIRST, 0)?;
    sheet.set_repeat_rows(0, IDS)?;
    sheet.set_landscape().set_print_fit_to_pages(1, 0);
    help::help(workbook.add_worksheet(), structure, form, contact, &texts)?;
    lists.write(workbook.add_worksheet())?;
    help::about(workbook.add_worksheet(), form)?;
    workbook.save_to_buffer()
}

/// A column of the sheet of figures.
struct Column<'a> {
    id: &'a str,
    title: String,
    width: f64,
    hidden: bool,
    what: What<'a>,
}

#[derive(Clone, Copy)]
enum What<'a> {
    /// A dimension's code, at its place among the coded ones.
    Code(usize, &'a Dimension),
    /// The code's name, from its list.
    Label(usize, &'a CodeList, &'a str),
    Period,
    Last,
    Value,
    /// An attribute, at its place among those that a form asks for.
    Attribute(usize, &'a Attribute),
    Findings,
}

fn columns<'a>(
    structures: &Structures,
    structure: &'a Structure,
    form: &Form,
    with_findings: bool,
    texts: &Texts,
) -> Vec<Column<'a>> {
    let language = form.head.language.code();
    let title_of = |id: &str| {
        let name = structures.concept(id).and_then(|names| named(names, language));
        name.unwrap_or(id).to_owned()
    };
    let mut columns = vec![];
    for (place, dimension) in structure.coded().enumerate() {
        let Some(coded) = dimension.codes() else { continue };
        let hidden = !form.head.choose && constant(&form.rows, place).is_some();
        let (id, title) = (dimension.id.as_str(), title_of(&dimension.id));
        let what = What::Code(place, dimension);
        columns.push(Column { id, title: id.to_owned(), width: 12.0, hidden, what });
        let what = What::Label(place, &coded.list, id);
        columns.push(Column { id: "", title, width: 26.0, hidden, what });
    }
    let mut put = |id, title, width, hidden, what| {
        columns.push(Column { id, title, width, hidden, what });
    };
    put(PERIOD, texts.say("form-period"), 10.0, true, What::Period);
    let before = &form.head.before;
    let last = match before.is_empty() {
        true => texts.say("form-last-none"),
        false => before.clone(),
    };
    put(LAST, last, 12.0, before.is_empty(), What::Last);
    put(VALUE, texts.say("form-value"), 14.0, false, What::Value);
    for (place, attribute) in attributes(structure).enumerate() {
        let width = if attribute.id == COMMENT { 40.0 } else { 12.0 };
        let what = What::Attribute(place, attribute);
        put(&attribute.id, title_of(&attribute.id), width, false, what);
    }
    if with_findings {
        put(FINDINGS, texts.say("annotated-column"), 60.0, false, What::Findings);
    }
    columns
}

/// What stands above the rows.
fn heads(
    sheet: &mut Worksheet,
    structure: &Structure,
    form: &Form,
    columns: &[Column<'_>],
    texts: &Texts,
) -> Result<(), XlsxError> {
    let head = &form.head;
    let bold = Format::new().set_bold().set_text_wrap().set_align(FormatAlign::Top);
    let small = Format::new().set_font_size(8).set_font_color(Color::RGB(0x0080_8080));
    let name = structure.name(head.language.code());
    let title = format!("{name} ({}), {}, {}", head.dataset, head.period, head.agency);
    let first = columns.iter().position(|column| !column.hidden).unwrap_or_default() as u16;
    sheet.write_string_with_format(0, first, title, &Format::new().set_bold())?;
    let same = said_of_all(form, columns);
    if !same.is_empty() {
        let said = texts.tell("form-same", &[("said", &same)]);
        sheet.write_string_with_format(1, first, clipped(&said, CELL), &small)?;
    }
    for (at, column) in (0..).zip(columns) {
        sheet.write_string_with_format(IDS - 1, at, &column.title, &bold)?;
        sheet.write_string_with_format(IDS, at, column.id, &small)?;
        sheet.set_column_width(at, column.width)?;
        if column.hidden {
            sheet.set_column_hidden(at)?;
        }
    }
    Ok(())
}

/// What is the same in every row, in words; its columns are not shown.
fn said_of_all(form: &Form, columns: &[Column<'_>]) -> String {
    let said = columns.iter().filter(|column| column.hidden).filter_map(|column| {
        let What::Label(place, list, _) = column.what else { return None };
        let code = list.code(list.position(constant(&form.rows, place)?)?);
        let name = code.name(form.head.language.code());
        Some(format!("{}: {name} ({})", column.title, code.id))
    });
    said.collect::<Vec<_>>().join("; ")
}

/// What cells take: codes of a list, numbers, and signs that say why there is none. Whoever writes
/// something else is asked, and may: the node's rules decide.
fn rules(
    sheet: &mut Worksheet,
    structure: &Structure,
    form: &Form,
    columns: &[Column<'_>],
    lists: &Lists<'_>,
    texts: &Texts,
) -> Result<(), XlsxError> {
    let Some(last) = (form.rows.len() as u32).checked_sub(1).map(|last| FIRST + last) else {
        return Ok(());
    };
    for (at, column) in (0..).zip(columns) {
        let list = match column.what {
            What::Code(_, dimension) if form.head.choose => lists.codes(&dimension.id),
            What::Attribute(_, attribute) => lists.codes(&attribute.id),
            _ => None,
        };
        let (rule, what) = match (column.what, list) {
            (What::Value, _) => {
                let cell = format!("{}{}", column_number_to_name(at), FIRST + 1);
                let least = if structure.rules.signed.is_empty() { ",N(CELL)>=0" } else { "" };
                let sign = lists.signs().map(|signs| format!(",ISNUMBER(MATCH(CELL,{signs},0))"));
                let rule = format!("=OR(AND(ISNUMBER(CELL){least}){})", sign.unwrap_or_default());
                let rule = Formula::new(rule.replace("CELL", &cell));
                (DataValidation::new().allow_custom(rule), "value")
            }
            (_, Some(list)) => {
                (DataValidation::new().allow_list_formula(Formula::new(list)), "code")
            }
            (_, None) => continue,
        };
        let [title, error] = ["title", "error"].map(|it| texts.say(&format!("form-{what}-{it}")));
        let rule = rule
            .set_error_style(DataValidationErrorStyle::Warning)
            .set_error_title(clipped(&title, 32))?
            .set_error_message(clipped(&error, 255))?;
        sheet.add_data_validation(FIRST, at, last, at, &rule)?;
    }
    Ok(())
}

/// Against slips: there is no password. Whoever sorts or filters may.
fn protect(sheet: &mut Worksheet) {
    let options = ProtectionOptions {
        select_locked_cells: true,
        select_unlocked_cells: true,
        format_columns: true,
        format_rows: true,
        sort: true,
        use_autofilter: true,
        ..ProtectionOptions::default()
    };
    sheet.protect_with_options(&options);
}
