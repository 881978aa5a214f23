//! Figures as a workbook for people: a sheet of typed cells, and one that says on what they rest.

use birge_proto::wire::Provenance;
use birge_schemas::{codelist::named, table::RawColumn};
use rust_xlsxwriter::{Format, Workbook, Worksheet, XlsxError};

use super::{Columns, DataSet, TIME, VALUE, csv::Labels};
use crate::i18n::{Language, SOURCES, Texts};

/// Observations of the largest workbook that is made: it lies in memory until it is taken.
pub const MOST: usize = 100_000;
/// Characters that a cell holds.
const CELL: usize = 32_767;

/// What a workbook says of itself besides its cells.
#[derive(Debug, Clone, Copy)]
pub struct Cover<'a> {
    /// On what the figures rest.
    pub provenance: &'a Provenance,
    /// When it was made.
    pub made: &'a str,
    /// Where the same is had as CSV.
    pub address: &'a str,
}

/// Makes a workbook.
///
/// # Errors
/// When there are more observations than [`MOST`].
pub fn make(
    set: &DataSet<'_>,
    cover: Cover<'_>,
    labels: Labels,
    language: Language,
) -> Result<Vec<u8>, XlsxError> {
    if set.cells().rows > MOST {
        return Err(XlsxError::RowColumnLimitError);
    }
    let texts = SOURCES.texts(language);
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet().set_name(texts.say("workbook-data"))?;
    data(sheet, set, labels, language)?;
    let sheet = workbook.add_worksheet().set_name(texts.say("workbook-notes"))?;
    notes(sheet, set, cover, &texts, language)?;
    workbook.save_to_buffer()
}

fn data(
    sheet: &mut Worksheet,
    set: &DataSet<'_>,
    labels: Labels,
    language: Language,
) -> Result<(), XlsxError> {
    let Columns { dimensions, time, series, observation } = set.columns();
    let is_given = |column: &&RawColumn| column.dictionary.iter().any(|text| !text.is_empty());
    let before: Vec<_> = dimensions.into_iter().chain(time).collect();
    let after: Vec<_> = series.into_iter().chain(observation).filter(is_given).collect();
    let ids = before.iter().map(|own| own.id.as_str()).chain([VALUE]);
    let ids = ids.chain(after.iter().map(|own| own.id.as_str()));
    let bold = Format::new().set_bold().set_text_wrap();
    for (place, id) in (0_u16..).zip(ids) {
        let names = set.structures.concept(id).filter(|_| labels != Labels::Id);
        let name = names.and_then(|names| named(names, language.code())).unwrap_or(id);
        sheet.write_string_with_format(0, place, name, &bold)?;
        sheet.set_column_width(place, 16)?;
    }
    let value_at = before.len() as u16;
    let columns = (0_u16..).zip(&before).chain((value_at + 1..).zip(&after));
    for (place, column) in columns {
        let shown: Vec<String> = column
            .dictionary
            .iter()
            .map(|text| shown(set, &column.id, text, labels, language))
            .collect();
        for row in 0..set.cells().rows {
            let (text, line) = (&shown[column.entry(row)], row as u32 + 1);
            match text.parse::<u16>() {
                // A year is a number, so that it can be drawn and sorted as one.
                Ok(year) if column.id == TIME => sheet.write_number(line, place, year)?,
                _ if text.is_empty() => continue,
                _ => sheet.write_string(line, place, text)?,
            };
        }
    }
    for row in 0..set.cells().rows {
        if let Some(value) = set.value(row) {
            sheet.write_number(row as u32 + 1, value_at, value)?;
        }
    }
    sheet.set_freeze_panes(1, 0)?;
    sheet.autofilter(0, 0, set.cells().rows as u32, value_at + after.len() as u16)?;
    Ok(())
}

/// What stands for a code, or a text as it is.
fn shown(set: &DataSet<'_>, id: &str, text: &str, labels: Labels, language: Language) -> String {
    let list = set.code_list(id);
    let code = list.and_then(|list| Some(list.code(list.position(text)?)));
    let whole = match (code.map(|code| code.name(language.code())), labels) {
        (Some(name), Labels::Name) => name.to_owned(),
        (Some(name), Labels::Both) => format!("{text}: {name}"),
        (Some(_), Labels::Id) | (None, _) => text.to_owned(),
    };
    whole.chars().take(CELL).collect()
}

fn notes(
    sheet: &mut Worksheet,
    set: &DataSet<'_>,
    cover: Cover<'_>,
    texts: &Texts,
    language: Language,
) -> Result<(), XlsxError> {
    let Cover { provenance, made, address } = cover;
    let Provenance { exchange, decree, articles, batches, withheld, .. } = provenance;
    let decree = decree.clone().unwrap_or_default();
    let own = [("number", decree.number.as_str()), ("version", decree.version.as_str())];
    let (name, exchange) = (set.structure.name(language.code()), exchange.to_string());
    let cite = [own[0], own[1], ("name", name), ("exchange", exchange.as_str())];
    let mut lines: Vec<(String, String)> = vec![];
    let mut say = |key: &str, value: String| lines.push((texts.say(key), value));
    say("workbook-cite", texts.tell("workbook-cite-as", &cite));
    say("workbook-dataset", set.structure.structure_id());
    say("workbook-exchange", exchange.clone());
    say("workbook-decree", texts.tell("workbook-decree-of", &own));
    say("workbook-articles", articles.join(", "));
    say("workbook-given", provenance.answered.to_string());
    say(
        "workbook-withheld",
        match withheld {
            0 => String::from("0"),
            some => format!("{some} ({})", texts.say("workbook-why")),
        },
    );
    provenance.narrowed.iter().for_each(|text| say("workbook-narrowed", text.clone()));
    provenance.notes.iter().for_each(|text| say("workbook-note", text.clone()));
    if !provenance.as_of.is_empty() {
        say("workbook-as-of", provenance.as_of.clone());
    }
    batches.iter().for_each(|batch| say("workbook-batches", batch.clone()));
    say("workbook-made", made.to_owned());
    for (language, line) in [
        ("Python", format!("pandas.read_csv(\"{address}\")")),
        ("R", format!("read.csv(\"{address}\")")),
    ] {
        lines.push((texts.tell("workbook-again", &[("language", language)]), line));
    }
    let bold = Format::new().set_bold();
    sheet.set_column_width(0, 34)?;
    sheet.set_column_width(1, 100)?;
    for (line, (what, value)) in (0_u32..).zip(&lines) {
        sheet.write_string_with_format(line, 0, what, &bold)?;
        let value: String = value.chars().take(CELL).collect();
        sheet.write_string(line, 1, value)?;
    }
    Ok(())
}
