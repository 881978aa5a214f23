//! The codes that cells are chosen from.

use birge_schemas::{
    codelist::CodeList,
    structure::{AttributeKind, Structure},
};
use rust_xlsxwriter::{Worksheet, XlsxError, utility::column_number_to_name};

use super::super::{
    attributes,
    batch::{IMPOSSIBLE, NOT_AVAILABLE},
};

/// The sheet of codes that lists are chosen from; people do not see it.
const CODES: &str = "codes";
/// What the signs of figures that are not there stand under.
const SIGNS: &str = "SIGNS";

/// The codes that cells are chosen from: two columns for each list, codes and their names.
pub(super) struct Lists<'a>(Vec<(&'a str, Vec<(&'a str, &'a str)>)>);

impl<'a> Lists<'a> {
    pub(super) fn of(structure: &'a Structure, language: &'a str) -> Self {
        let named = |list: &'a CodeList, id: &'a str| {
            let at = list.position(id)?;
            Some((id, list.code(at).name(language)))
        };
        let mut lists = vec![];
        for dimension in structure.coded() {
            let Some(coded) = dimension.codes() else { continue };
            let codes = dimension.allowed().filter_map(|id| named(&coded.list, id));
            lists.push((dimension.id.as_str(), codes.collect()));
        }
        for attribute in attributes(structure) {
            let AttributeKind::Coded(list) = &attribute.kind else { continue };
            let codes = list.codes().iter().filter_map(|code| named(list, &code.id));
            lists.push((attribute.id.as_str(), codes.collect()));
        }
        let signs = NOT_AVAILABLE.into_iter().chain(IMPOSSIBLE).map(|sign| (sign, ""));
        lists.push((SIGNS, signs.collect()));
        Self(lists)
    }

    fn range(&self, id: &str, columns: u16) -> Option<String> {
        let place = self.0.iter().position(|(own, _)| *own == id)?;
        let from = column_number_to_name(place as u16 * 2);
        let to = column_number_to_name(place as u16 * 2 + columns - 1);
        let rows = self.0[place].1.len() + 1;
        (rows > 1).then(|| format!("{CODES}!${from}$2:${to}${rows}"))
    }

    /// Where the codes of a dimension or attribute stand.
    pub(super) fn codes(&self, id: &str) -> Option<String> {
        self.range(id, 1).map(|range| format!("={range}"))
    }

    /// Where the signs stand that may be written for a figure.
    pub(super) fn signs(&self) -> Option<String> {
        self.range(SIGNS, 1)
    }

    /// Where its codes and their names stand.
    pub(super) fn table(&self, id: &str) -> Option<String> {
        self.range(id, 2)
    }

    pub(super) fn write(&self, sheet: &mut Worksheet) -> Result<(), XlsxError> {
        sheet.set_name(CODES)?;
        for (place, (id, codes)) in (0..).zip(&self.0) {
            sheet.write_string(0, place * 2, *id)?;
            for (line, (code, name)) in (1..).zip(codes) {
                sheet.write_string(line, place * 2, *code)?;
                sheet.write_string(line, place * 2 + 1, *name)?;
            }
        }
        sheet.set_hidden(true).protect();
        Ok(())
    }
}
