//! The sheet that says how a form is filled in, and the one that the node reads it by.

use birge_proto::manifest::Action;
use birge_schemas::structure::{AttributeKind, Structure};
use rust_xlsxwriter::{Format, FormatAlign, Worksheet, XlsxError};

use super::super::{ABOUT, Form, MARK, attributes};
use crate::{
    i18n::Texts,
    report::{CELL, clipped},
};

/// How it is filled in.
pub(super) fn help(
    sheet: &mut Worksheet,
    structure: &Structure,
    form: &Form,
    contact: &str,
    texts: &Texts,
) -> Result<(), XlsxError> {
    let wrapped = Format::new().set_text_wrap().set_align(FormatAlign::Top);
    let bold = Format::new().set_bold();
    sheet.set_name(clipped(&texts.say("form-sheet-help"), 31))?;
    sheet.set_column_width(0, 8)?.set_column_width(1, 90)?;
    let mut ids = vec!["form-help-what", "form-help-zero", "form-help-none", "form-help-status"];
    ids.extend(structure.position("SEX").map(|_| "form-help-sex"));
    ids.extend((!form.head.before.is_empty()).then_some("form-help-last"));
    ids.extend(form.head.choose.then_some("form-help-choose"));
    ids.push("form-help-back");
    let mut line = 0;
    for (number, id) in (1_u32..).zip(ids) {
        sheet.write_number(line, 0, number)?;
        sheet.write_string_with_format(line, 1, texts.say(id), &wrapped)?;
        line += 1;
    }
    let ask = texts.tell("form-help-ask", &[("contact", contact)]);
    sheet.write_string_with_format(line, 1, clipped(&ask, CELL), &bold)?;
    line += 2;
    for attribute in attributes(structure) {
        let AttributeKind::Coded(list) = &attribute.kind else { continue };
        let title = format!("{} ({})", texts.say("form-help-statuses"), attribute.id);
        sheet.write_string_with_format(line, 1, title, &bold)?;
        line += 1;
        for code in list.codes() {
            sheet.write_string(line, 0, &code.id)?;
            let name = code.name(form.head.language.code());
            sheet.write_string_with_format(line, 1, name, &wrapped)?;
            line += 1;
        }
    }
    sheet.protect();
    Ok(())
}

/// What the node reads the form by.
pub(super) fn about(sheet: &mut Worksheet, form: &Form) -> Result<(), XlsxError> {
    let head = &form.head;
    let action = match head.action {
        Action::Replace => "R",
        _ => "A",
    };
    let said = [
        (MARK.0, MARK.1),
        ("dataset", &head.dataset),
        ("version", &head.version),
        ("agency", &head.agency),
        ("period", &head.period),
        ("action", action),
        ("before", &head.before),
        ("codes", if head.choose { "choose" } else { "given" }),
        ("language", head.language.code()),
    ];
    sheet.set_name(ABOUT)?;
    for (line, (name, value)) in (0..).zip(said) {
        sheet.write_string(line, 0, name)?.write_string(line, 1, value)?;
    }
    sheet.set_very_hidden(true).protect();
    Ok(())
}
